// Layers that are equal but for their names, one after another, stand in one box: "block,
// 2 times". Equal are the formulas, shapes and places of what gradients flow through; what
// has none, such as a mask that the first layer makes for all, does not count.

const ENOUGH = 24; // nodes of all equal layers together from which they are put into one box
const someFlow = nodes.some((n) => n.ct);

function signature(group, members) {
  const counted = members.filter((n) => n.role || n.ct || !someFlow);
  const at = new Map(counted.map((n, k) => [n.i, k]));
  const known = (i) => (at.has(i) ? "#" + at.get(i) : "@" + nodes[i].t);
  const words = (text) => text.replace(/[A-Za-z_]\w*/g, (w) => (byName.has(w) ? known(byName.get(w)) : w));
  return counted.map((n) => [n.op, n.t, n.role || "", n.s.slice(group.depth).join("/"), n.f ? words(n.f.t) : "",
    n.o.map(known).join()].join("|")).join("\n");
}

// What equal names begin with, without what tells them apart.
function commonName(names) {
  let k = 0;
  while (k < names[0].length && names.every((name) => name[k] === names[0][k])) k++;
  const found = names[0].slice(0, k).replace(/[\d_. -]+$/, "");
  return found || `${names[0]} … ${names[names.length - 1]}`;
}

function gatherEqual(group, membersOf) {
  group.groups.forEach((g) => gatherEqual(g, membersOf));
  const order = group.groups.filter((g) => !g.gathered).sort((a, b) => membersOf.get(a)[0].i - membersOf.get(b)[0].i);
  const marks = new Map(order.map((g) => [g, signature(g, membersOf.get(g))]));
  for (let k = 0; k < order.length;) {
    let end = k + 1;
    while (end < order.length && marks.get(order[end]) === marks.get(order[k])) end++;
    const run = order.slice(k, end);
    const size = run.reduce((sum, g) => sum + membersOf.get(g).length, 0);
    if (run.length > 1 && size >= ENOUGH) putInto(group, run);
    k = end;
  }
}

function putInto(group, run) {
  const made = groupAt(group, `${commonName(run.map((g) => g.name))}, ${run.length} times`);
  made.times = run.length;
  made.gathered = true;
  made.groups.push(...run);
  group.groups = group.groups.filter((g) => !run.includes(g));
  run.forEach((g) => { g.parent = made; });
}
