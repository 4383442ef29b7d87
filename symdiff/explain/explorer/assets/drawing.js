// From the tree of groups to boxes and lines with places.

const GLYPHS = { add: "+", subtract: "−", multiply: "×", divide: "÷", matmul: "@", negative: "−1×", sum: "Σ",
  square: "x²", power: "xʸ", sqrt: "√", maximum: "max", minimum: "min" };
const PAD = 12;
const HEAD = 20;
const BOX = 42; // height
const ROW = 13; // from line to line of a name in two lines
const SPARK = 54; // width of a histogram in a box
let horizontal = true;
// What is told in the graph: "all" (formulas and histograms), "numbers" (names, and
// numbers beside edges), or "names" alone.
let telling = "all";

// Widths of letters on this machine, at 12 and 11 pixels.
const measured = (() => {
  const context = document.createElement("canvas").getContext("2d");
  const family = getComputedStyle(document.documentElement).getPropertyValue("--mono");
  return [12, 11].map((size) => {
    context.font = `${size}px ${family}`;
    return context.measureText("m".repeat(100)).width / 100;
  });
})();

const cut = (text, most) => (text.length <= most ? text : text.slice(0, most - 1) + "…");

// Beside a name: the shape, or for a number the sign of the operation.
function corner(n) {
  if (n.t !== "[]") return n.t;
  return n.role || n.n === n.op ? "" : GLYPHS[n.op] || cut(n.op, 14);
}

// A long name in two lines, broken where its words end, as near to the middle as can be.
function wrapped(name) {
  if (name.length <= 12) return [name];
  let best = 0;
  for (let k = 2; k < name.length - 1; k++) {
    if ("_.- /".includes(name[k - 1]) && Math.abs(k - name.length / 2) < Math.abs(best - name.length / 2)) best = k;
  }
  return (best ? [name.slice(0, best), name.slice(best)] : [name]).map((row) => cut(row, 18));
}

const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

function groupWords(group) {
  const last = group.all.filter((i) => !nodes[i].role).pop();
  const each = group.times ? `${group.times} × ` : "";
  return each + counted(Math.round(group.all.length / (group.times || 1)), "node") + (last === undefined ? "" : ` → ${nodes[last].t}`);
}

function shortSize(name, into) {
  const rows = wrapped(name);
  const w = Math.max(...rows.map((row) => row.length)) * measured[0] * 1.04 + 18;
  const h = rows.length * ROW + 14;
  return horizontal ? { w, h: Math.max(h, into * (numbersSeen() ? 38 : 18)) } : { w: Math.max(w, Math.min(into, 4) * 58), h };
}

function boxSize(box) {
  const n = box.all ? null : box;
  const into = n ? new Set(n.o.map((o) => keyOf(standIn(o)))).size : 1;
  if (telling !== "all") return shortSize(n ? n.n : "▸ " + box.name, numbersSeen() ? into : 1);
  let rows;
  if (!n) rows = [box.name, groupWords(box)];
  else rows = [n.n, n.f ? cut(n.f.t, 30) : n.role, corner(n)];
  const sparked = n && ((n.v && n.v.bins) || (n.g && n.g.bins));
  const title = n ? rows[0].length * measured[0] * 1.04 + rows[2].length * measured[1] + 12 : rows[0].length * measured[0] * 1.04 + 22;
  const width = Math.max(title, rows[1].length * measured[1], 72) + 20 + (sparked ? SPARK + 9 : 0);
  const height = BOX;
  const room = horizontal ? Math.max(height, into * 38) : height;
  const wide = horizontal ? width : Math.max(width, Math.min(into, 4) * 78);
  return { w: wide, h: room };
}

// Returns {boxes, hulls, edges, width, height}, all places absolute.
function placed() {
  const seen = new Map(); // key -> box as placed
  const lines = linesSeen();
  const hulls = [];
  const segments = new Map(); // line -> parts by level
  const top = inside(root, lines, segments);
  const width = horizontal ? top.along : top.across;
  const height = horizontal ? top.across : top.along;
  const down = (found, x, y) => {
    for (const item of found.items) {
      const cx = x + (horizontal ? item.y : item.x);
      const cy = y + (horizontal ? item.x : item.y);
      item.cx = cx;
      item.cy = cy;
      if (item.port) continue;
      const w = horizontal ? item.along : item.across;
      const h = horizontal ? item.across : item.along;
      if (item.inner) {
        hulls.push({ group: item.box, x: cx - w / 2, y: cy - h / 2, w, h });
        down(item.inner, cx - w / 2 + PAD, cy - h / 2 + PAD + HEAD);
      } else {
        seen.set(keyOf(item.box), { box: item.box, x: cx - w / 2, y: cy - h / 2, w, h });
      }
    }
    for (const part of found.parts) {
      part.points = part.points.map(([a, b]) => (horizontal ? [x + b, y + a] : [x + a, y + b]));
    }
  };
  down(top, 0, 0);
  return { boxes: seen, hulls, edges: routed(lines, segments, seen), width, height };
}

// Edges between what is seen, each once, with the pairs of nodes that it stands for.
function linesSeen() {
  const found = new Map();
  for (const n of nodes) {
    const b = standIn(n.i);
    for (const o of new Set(n.o)) {
      const a = standIn(o);
      if (a === b) continue;
      const key = keyOf(a) + ">" + keyOf(b);
      if (!found.has(key)) found.set(key, { key, a, b, pairs: [] });
      found.get(key).pairs.push([o, n.i]);
    }
  }
  return [...found.values()];
}

function chainOf(box) {
  const found = [];
  for (let g = box.all ? box.parent : groupOf[box.i]; g; g = g.parent) found.unshift(g);
  return found;
}

// Between the boxes of a layer, and from layer to layer: where numbers stand.
function gaps() {
  if (!numbersSeen()) return [telling === "all" ? 22 : 14, horizontal ? 36 : 26];
  const wide = telling === "all";
  return horizontal ? [wide ? 26 : 16, 78] : [wide ? 22 : 16, wide ? 47 : 42];
}

// Lays out one open group, its open groups first.
function inside(group, lines, segments) {
  const items = [];
  const index = new Map();
  const put = (key, item) => {
    if (!index.has(key)) {
      index.set(key, items.length);
      items.push(item);
    }
    return index.get(key);
  };
  const members = [];
  const first = new Map();
  for (const i of group.all) {
    let g = groupOf[i];
    let below = nodes[i];
    while (g !== group) {
      below = g;
      g = g.parent;
    }
    if (!first.has(below)) {
      first.set(below, true);
      members.push(below);
    }
  }
  for (const m of members) {
    const item = { box: m, port: 0 };
    if (m.all && m.open) {
      item.inner = inside(m, lines, segments);
      const w = (horizontal ? item.inner.along : item.inner.across) + 2 * PAD;
      const h = (horizontal ? item.inner.across : item.inner.along) + 2 * PAD + HEAD;
      const wide = Math.max(w, m.name.length * 7 + 40);
      Object.assign(item, horizontal ? { across: h, along: wide } : { across: wide, along: h });
    } else {
      const { w, h } = boxSize(m);
      Object.assign(item, horizontal ? { across: h, along: w } : { across: w, along: h });
    }
    put(m.all ? "G" + m.id : "N" + m.i, item);
  }
  const at = (box) => {
    const chain = chainOf(box);
    const k = chain.indexOf(group);
    if (k < 0) return null;
    const below = k + 1 < chain.length ? chain[k + 1] : box;
    return index.get(below.all ? "G" + below.id : "N" + below.i);
  };
  const edges = [];
  const parts = [];
  const known = new Map();
  for (const line of lines) {
    let a = at(line.a);
    let b = at(line.b);
    if (a === undefined || b === undefined || (a === null && b === null) || a === b) continue;
    if (a === null) a = put("<" + keyOf(line.a), { port: -1, across: 6, along: 0 });
    if (b === null) b = put(">" + keyOf(line.a), { port: 1, across: 6, along: 0 });
    const key = a + ">" + b;
    if (!known.has(key)) {
      const part = { a: items[a], b: items[b], points: [], depth: group.depth };
      known.set(key, part);
      parts.push(part);
      edges.push([a, b]);
    }
    if (!segments.has(line)) segments.set(line, []);
    segments.get(line).push(known.get(key));
  }
  const size = layered(items, edges, ...gaps());
  parts.forEach((part, k) => { part.points = size.points[k]; });
  return { items, parts, across: size.across, along: size.along };
}

// Joins the parts of each line, from the inside of one group to the inside of another.
function routed(lines, segments, seen) {
  const into = new Map();
  const found = lines.map((line) => {
    const parts = segments.get(line) || [];
    const starts = parts.filter((p) => p.b.port === 1).sort((p, q) => q.depth - p.depth);
    const ends = parts.filter((p) => p.a.port === -1).sort((p, q) => p.depth - q.depth);
    const middle = parts.filter((p) => p.a.port !== -1 && p.b.port !== 1);
    const points = [];
    for (const p of starts) points.push(...p.points, [p.b.cx, p.b.cy]);
    for (const p of middle) points.push(...p.points);
    for (const p of ends) points.push([p.a.cx, p.a.cy], ...p.points);
    const edge = { ...line, points };
    const b = seen.get(keyOf(line.b));
    if (!into.has(b)) into.set(b, []);
    into.get(b).push(edge);
    return edge;
  });
  for (const [b, edges] of into) {
    const before = (e) => {
      const a = seen.get(keyOf(e.a));
      const [x, y] = e.points.length ? e.points[e.points.length - 1] : [a.x + a.w / 2, a.y + a.h / 2];
      return horizontal ? y : x;
    };
    edges.sort((p, q) => before(p) - before(q));
    const extent = horizontal ? b.h : b.w;
    const step = Math.min(horizontal ? 34 : 84, (extent - 8) / edges.length);
    edges.forEach((e, k) => {
      const offset = (k - (edges.length - 1) / 2) * step;
      const a = seen.get(keyOf(e.a));
      if (horizontal) {
        e.points.unshift([a.x + a.w, a.y + a.h / 2]);
        e.points.push([b.x, b.y + b.h / 2 + offset]);
      } else {
        e.points.unshift([a.x + a.w / 2, a.y + a.h]);
        e.points.push([b.x + b.w / 2 + offset, b.y]);
      }
    });
  }
  return found;
}

// A smooth line through points, along the flow at each of them.
function curve(points) {
  const f = (v) => v.toFixed(1);
  let path = `M${f(points[0][0])},${f(points[0][1])}`;
  for (let k = 1; k < points.length; k++) {
    const [x0, y0] = points[k - 1];
    const [x1, y1] = points[k];
    if (horizontal) {
      const m = (x0 + x1) / 2;
      path += `C${f(m)},${f(y0)} ${f(m)},${f(y1)} ${f(x1)},${f(y1)}`;
    } else {
      const m = (y0 + y1) / 2;
      path += `C${f(x0)},${f(m)} ${f(x1)},${f(m)} ${f(x1)},${f(y1)}`;
    }
  }
  return path;
}
