// One focus for all panes: what is pointed at, or pinned, is lit wherever it stands.

const linesByItem = new Map(); // item -> line elements
const wordsByItem = new Map(); // item -> words of generated code
const spanWords = D.spans.map(() => []); // span -> words of the spec
const spanLines = D.spans.map(() => []);
const spansOf = nodes.map(() => []);
const callsOf = nodes.map(() => []);
D.spans.forEach((s, k) => {
  s.v.forEach((i) => spansOf[i].push(k));
  s.c.forEach((i) => callsOf[i].push(k));
});

// Reading an attribute thousands of times takes long: each line knows its place.
document.querySelectorAll(".ln[data-li], .ln[data-ls]").forEach((e) => {
  e.place = { pane: e.parentElement, line: +e.dataset.l };
});

function remember(map, items, e) {
  for (const item of items.split(" ")) {
    if (!map.has(item)) map.set(item, []);
    map.get(item).push(e);
  }
}
document.querySelectorAll("[data-li]").forEach((e) => remember(linesByItem, e.dataset.li, e));
document.querySelectorAll("[data-i]").forEach((e) => remember(wordsByItem, e.dataset.i, e));
document.querySelectorAll("[data-s]").forEach((e) => {
  for (let s = +e.dataset.s; s !== null; s = D.spans[s].p) spanWords[s].push(e);
});
document.querySelectorAll("[data-ls]").forEach((e) => {
  for (const s of e.dataset.ls.split(" ")) spanLines[+s].push(e);
});

const focus = { items: [], pinned: null, hovered: null };
let lit = [];
const MANY = 420; // boxes and lines above which one path marks them all

function mark(e, kind) {
  e.classList.add(kind);
  lit.push([e, kind]);
}

function unlight() {
  for (const [e, kind] of lit) e.classList.remove(kind);
  lit = [];
  svg.classList.remove("lit");
  lightMap(null);
  gutters.forEach((e) => e.replaceChildren());
  over.replaceChildren();
}

// Marks lines at the edge of their pane. A class on each would cost a hundred times what
// one path over all of them does; every line has the same height.
function bar(items, kind) {
  const at = new Map();
  const put = (e) => {
    const { pane, line } = e.place;
    if (!at.has(pane)) at.set(pane, new Set());
    at.get(pane).add(line);
  };
  for (const item of items) {
    (linesByItem.get(item) || []).forEach(put);
    if (item[0] === "v") spansOf[+item.slice(1)].forEach((s) => spanLines[s].forEach(put));
  }
  for (const [pane, lines] of at) {
    let path = "";
    for (const l of lines) path += `M0,${(l - 1) * LINE}h3v${LINE}h-3z`;
    gutter(pane).append(draw("path", { class: kind, d: path }));
  }
}
const LINE = 19; // units of a gutter, which is stretched to the height of lines

const gutters = new Map();
function gutter(pane) {
  let found = gutters.get(pane);
  if (!found) {
    const count = pane.querySelectorAll(".ln").length;
    gutters.set(pane, (found = draw("svg", { class: "gutter", viewBox: `0 0 3 ${count * LINE}`, preserveAspectRatio: "none",
      style: `height: calc(var(--row) * ${count})`, "aria-hidden": "true" })));
    pane.prepend(found);
  }
  return found;
}

// Lights items: those themselves, what they came from, and what is derived from them.
function light(items) {
  unlight();
  focus.items = items;
  if (!items.length) return;
  const { from, to } = flow(items.filter((x) => x[0] !== "r"));
  const direct = new Set(items);
  for (const item of items) {
    (linesByItem.get(item) || []).forEach((e) => mark(e, "hit"));
    // in capitals: the line that something went into that has none of its own
    (linesByItem.get(item.toUpperCase()) || []).forEach((e) => mark(e, "hit"));
    (wordsByItem.get(item) || []).forEach((e) => mark(e, "hit"));
    if (item[0] === "v" || item[0] === "g") {
      (linesByItem.get("r" + item.slice(1)) || []).forEach((e) => mark(e, "rule"));
    }
  }
  for (const i of nodesOf(items)) {
    // a value's own line of the spec; for its gradient that of its value
    spansOf[i].forEach((s) => {
      spanLines[s].forEach((e) => mark(e, "rule"));
      spanWords[s].forEach((e) => mark(e, "hit"));
    });
    callsOf[i].forEach((s) => spanWords[s].forEach((e) => mark(e, "call")));
  }
  bar(from, "from");
  bar(to, "to");
  lightGraph(items, from, to, direct);
}

function lightGraph(items, from, to, direct) {
  if (items.length === 1 && items[0] === "u") return;
  const hit = nodesOf(items);
  const up = new Set();
  const down = new Set();
  // In the graph what is read stands on one side and the readers on the other, whether
  // values or gradients flow.
  const onlyBack = (i) => direct.has("g" + i) && !direct.has("v" + i);
  const values = [...hit].filter((i) => !onlyBack(i));
  const back = [...hit].filter(onlyBack);
  walkAll(values, operands).forEach((x) => up.add(x));
  walkAll(values, users).forEach((x) => down.add(x));
  walkAll(back, takers).forEach((x) => up.add(x));
  walkAll(back, givers).forEach((x) => down.add(x));
  // what its gradient reads: for W of x @ W that is x
  for (const i of hit) if (direct.has("g" + i)) nodes[i].recv.forEach((k) => shares[k].reads.forEach((r) => up.add(r)));
  const kindOf = new Map();
  const note = (i, kind) => {
    const key = keyOf(standIn(i));
    if (kindOf.get(key) !== "hit") kindOf.set(key, kind);
  };
  up.forEach((i) => note(i, "from"));
  down.forEach((i) => note(i, "to"));
  hit.forEach((i) => note(i, "hit"));
  lightMap(kindOf);
  const many = boxEls.size + edgeEls.length > MANY;
  svg.classList.toggle("lit", !many);
  const outlines = { from: "", to: "" };
  const routes = { from: "", to: "" };
  for (const [key, kind] of kindOf) {
    if (!boxEls.has(key)) continue;
    if (!many || kind === "hit") mark(boxEls.get(key), kind);
    else {
      const b = scene.boxes.get(key);
      outlines[kind] += `M${b.x},${b.y}h${b.w}v${b.h}h${-b.w}z`;
    }
  }
  for (const { edge, path, tag } of edgeEls) {
    const both = (set) => edge.pairs.some(([a, b]) => (set.has(a) || hit.has(a)) && (set.has(b) || hit.has(b)));
    const kind = both(up) ? "from" : both(down) ? "to" : null;
    if (!kind) continue;
    if (many) routes[kind] += path.getAttribute("d");
    else {
      mark(path, kind);
      if (tag) mark(tag, kind);
    }
  }
  for (const kind of many ? ["from", "to"] : []) {
    over.append(draw("path", { class: "over " + kind, d: routes[kind] + outlines[kind] }));
  }
  for (const [i, e] of endEls) if (kindOf.has(keyOf(standIn(i)))) mark(e, "to");
  if (focus.pinned) {
    nodesOf(focus.pinned).forEach((i) => {
      const e = boxEls.get(keyOf(standIn(i)));
      if (e) mark(e, "pin");
    });
  }
}

function relight() {
  light(focus.hovered || focus.pinned || []);
}

let waiting = 0;
function hover(items, where) {
  const key = items ? items.join() : "";
  if ((focus.hovered ? focus.hovered.join() : "") === key) return;
  focus.hovered = items && items.length ? items : null;
  const start = performance.now();
  cancelAnimationFrame(waiting);
  clearTimeout(dwelling);
  waiting = requestAnimationFrame(() => {
    relight();
    performance.clearMeasures("hover");
    performance.measure("hover", { start });
  });
  // the panel follows a little later, so that a pointer on its way does not wait for it
  dwelling = setTimeout(() => {
    const i = !focus.pinned && focus.hovered ? mainNode(focus.hovered) : null;
    if (i !== null) showDetail(i);
  }, 90);
  follow(where);
}
let dwelling = 0;

function pin(items, where) {
  const shown = items && items.length ? mainNode(items) : null;
  if (shown !== null && where !== "graph" && reveal(shown)) redraw();
  focus.pinned = items && items.length ? items : null;
  focus.hovered = null;
  cancelAnimationFrame(waiting);
  clearTimeout(dwelling);
  relight();
  const i = focus.pinned ? mainNode(focus.pinned) : null;
  if (i !== null) {
    showDetail(i);
    if (where !== "graph") bringIntoView(i);
  } else if (!focus.pinned) showNothing();
  if (where !== "address") noteAddress(focus.pinned);
  follow(where, true);
}

// The node that a set of items is about: the last that is computed there.
function mainNode(items) {
  const found = [...nodesOf(items)];
  if (!found.length) {
    const rule = items.find((x) => x[0] === "r");
    return rule ? +rule.slice(1) : null;
  }
  const back = items.filter((x) => x[0] === "g");
  if (back.length && !items.some((x) => x[0] === "v")) return +back[0].slice(1);
  return Math.max(...found);
}

// Scrolls other panes to what is lit, where none of it is to be seen.
let later = 0;
function follow(where, now) {
  clearTimeout(later);
  later = setTimeout(() => {
    document.querySelectorAll(".code:not([hidden])").forEach((pane) => {
      if (pane.parentElement.id === where) return;
      let hits = [...pane.querySelectorAll(".ln.hit, .ln.rule")];
      if (!hits.length) hits = [...pane.querySelectorAll("span.hit")].map((e) => e.closest(".ln"));
      if (!hits.length) return;
      // of a node's lines in backward.py rather that of its gradient
      const back = focus.items.filter((x) => x[0] === "g");
      const best = hits.find((e) => e.dataset.li && back.some((x) => e.dataset.li.split(" ").includes(x)))
        || pane.querySelector(".ln.hit") || hits[0];
      const top = pane.scrollTop;
      if (best.offsetTop >= top && best.offsetTop + best.offsetHeight <= top + pane.clientHeight) return;
      pane.scrollTo({ top: best.offsetTop - pane.clientHeight / 3, behavior: "instant" });
    });
  }, now ? 0 : 140);
}

const itemsOfNode = (i) => (nodes[i].ct ? ["v" + i, "g" + i] : ["v" + i]);

// What a place of a code pane is about: its word, else its line.
function itemsAt(target) {
  const word = target.closest("[data-i], [data-s]");
  if (word && word.dataset.i) return word.dataset.i.split(" ");
  if (word) {
    const span = D.spans[+word.dataset.s];
    const found = span.v.length ? span.v : span.c;
    return found.map((i) => "v" + i);
  }
  const line = target.closest(".ln");
  if (!line) return null;
  if (line.dataset.li) {
    const all = line.dataset.li.split(" ");
    const own = all.filter((x) => x === x.toLowerCase());
    return own.length ? own : all.map((x) => x.toLowerCase());
  }
  if (line.dataset.ls) {
    const found = new Set();
    line.dataset.ls.split(" ").forEach((s) => D.spans[+s].v.forEach((i) => found.add("v" + i)));
    return [...found];
  }
  return null;
}
