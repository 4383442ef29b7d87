// The derivation as the page holds it: nodes, shares between them, and what follows
// from what. Items are "v3" (the value of node 3), "g3" (its gradient), "r3" (a use of
// its rule) and "u" (the update of parameters).

const D = JSON.parse(document.getElementById("data").textContent);
const nodes = D.nodes;
const shares = D.shares;
const byName = new Map();

nodes.forEach((n, i) => {
  Object.assign(n, { i, users: [], hands: [], recv: [] });
  byName.set(n.n, i);
  // an infinity that the model itself writes, as attention does for what is hidden, is meant
  if (n.v && n.v.inf && !n.v.nan && n.f && /\binf\b/.test(n.f.t)) n.v.meant = true;
});
nodes.forEach((n) => n.o.forEach((o) => nodes[o].users.push(n.i)));
shares.forEach((s, k) => {
  s.k = k;
  nodes[s.s].recv.push(k);
  nodes[s.u].hands.push(k);
});
const gradientOf = new Map(D.gradients.filter((g) => g.e !== null).map((g) => [g.e, g]));
const results = new Set(D.results);

function walk(start, next) {
  return walkAll([start], next);
}

// What is reached from any of several nodes, without those.
function walkAll(starts, next) {
  const first = new Set(starts);
  const seen = new Set();
  const waiting = [...first];
  while (waiting.length) {
    for (const i of next(nodes[waiting.pop()])) {
      if (!first.has(i) && !seen.has(i)) {
        seen.add(i);
        waiting.push(i);
      }
    }
  }
  return seen;
}
const operands = (n) => n.o;
const users = (n) => n.users;
const givers = (n) => n.recv.map((k) => shares[k].u);
const takers = (n) => n.hands.map((k) => shares[k].s);

// What items come from, and what is derived from them. Values flow forward, gradients
// back; where a gradient reads a value, that value alone counts, not all behind it.
function flow(items) {
  const from = new Set();
  const to = new Set();
  const add = (set, kind, found) => found.forEach((i) => set.add(kind + i));
  if (items.includes("u")) D.gradients.forEach((g) => g.e !== null && from.add("g" + g.e));
  const of = (kind) => items.filter((x) => x[0] === kind).map((x) => +x.slice(1));
  const v = of("v");
  const g = of("g");
  add(from, "v", walkAll(v, operands));
  add(to, "v", walkAll(v, users));
  for (const i of v) {
    nodes[i].users.forEach((u) => nodes[u].hands.forEach((k) => {
      if (shares[k].reads.includes(i)) to.add("g" + shares[k].s);
    }));
  }
  add(from, "g", walkAll(g, givers));
  add(to, "g", walkAll(g, takers));
  for (const i of g) {
    nodes[i].recv.forEach((k) => add(from, "v", shares[k].reads));
    if (nodes[i].role === "parameter" && nodes[i].ct) to.add("u");
  }
  for (const item of items) {
    from.delete(item);
    to.delete(item);
  }
  for (const item of from) to.delete(item);
  return { from, to };
}

const nodesOf = (items) =>
  new Set([...items].filter((x) => x !== "u" && x[0] !== "r").map((x) => +x.slice(1)));

// --- DOM -----------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(e, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (value === true) e.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) e.setAttribute(key, value);
  }
  for (const c of children.flat(Infinity)) {
    if (c !== null && c !== undefined && c !== false) e.append(c);
  }
  return e;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// MathML that was made when the page was made, every name in it escaped.
function math(text) {
  const e = el("span", { class: "m" });
  e.innerHTML = text;
  return e;
}
