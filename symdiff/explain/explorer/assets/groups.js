// Layers as boxes that open and close: the tree of scopes, and what is seen of it.

const PLAIN = 120; // nodes without a scope up to which they are not gathered
const CHUNK = 24;
const MOST = 30; // layers that stand side by side
const BUNDLE = 16;

const root = { id: "", name: "", depth: 0, parent: null, groups: [], own: [], all: [], open: true };
const groups = new Map([["", root]]);
const groupOf = nodes.map(() => root);

function groupAt(parent, name) {
  const id = parent.id ? parent.id + "\u0001" + name : name;
  if (!groups.has(id)) {
    const made = { id, name, depth: parent.depth + 1, parent, groups: [], own: [], all: [], open: true };
    groups.set(id, made);
    parent.groups.push(made);
  }
  return groups.get(id);
}

nodes.forEach((n) => {
  let at = root;
  for (const name of n.s) at = groupAt(at, name);
  groupOf[n.i] = at;
});
// Long stretches without a scope are gathered in their order, so that no box reads what
// comes after it.
for (const group of [...groups.values()]) {
  const loose = nodes.filter((n) => groupOf[n.i] === group);
  if (loose.length <= PLAIN) continue;
  for (let k = 0; k < loose.length; k += CHUNK) {
    const part = loose.slice(k, k + CHUNK);
    const computed = part.filter((n) => !n.role);
    const ends = computed.length ? computed : part;
    const made = groupAt(group, `${ends[0].n} … ${ends[ends.length - 1].n}`);
    made.gathered = true;
    part.forEach((n) => { groupOf[n.i] = made; });
  }
}
const membersOf = new Map();
nodes.forEach((n) => {
  for (let g = groupOf[n.i]; g; g = g.parent) {
    if (!membersOf.has(g)) membersOf.set(g, []);
    membersOf.get(g).push(n);
  }
});
gatherEqual(root, membersOf);
// Many layers side by side are gathered as well, until a screen holds them.
function bundle(group) {
  while (group.groups.length > MOST) {
    const first = new Map();
    nodes.forEach((n) => {
      for (let g = groupOf[n.i]; g; g = g.parent) {
        if (g.parent === group && !first.has(g)) first.set(g, n.i);
      }
    });
    const order = [...group.groups].sort((a, b) => first.get(a) - first.get(b));
    group.groups = [];
    for (let k = 0; k < order.length; k += BUNDLE) {
      const part = order.slice(k, k + BUNDLE);
      const ends = [part[0], part[part.length - 1]].map((g, end) => g.name.split(" … ")[g.gathered && end ? 1 : 0]);
      const made = groupAt(group, ends.join(" … "));
      made.gathered = true;
      part.forEach((g) => {
        g.parent = made;
        made.groups.push(g);
      });
    }
  }
  group.groups.forEach((g) => {
    g.depth = group.depth + 1;
    bundle(g);
  });
}
bundle(root);

nodes.forEach((n) => {
  groupOf[n.i].own.push(n.i);
  for (let g = groupOf[n.i]; g; g = g.parent) g.all.push(n.i);
});

// What stands for a node: itself, or the outermost closed group that it is in.
function standIn(i) {
  let found = null;
  for (let g = groupOf[i]; g; g = g.parent) if (!g.open) found = g;
  return found || nodes[i];
}
const keyOf = (box) => (box.all ? "G" + box.id : "N" + box.i);

function reveal(i) {
  let changed = false;
  for (let g = groupOf[i]; g; g = g.parent) {
    if (!g.open) {
      g.open = true;
      changed = true;
    }
  }
  return changed;
}
