// The graph on its stage: drawn anew when groups open or close, lit without drawing.

const svg = $("svg");
const layerOfAll = draw("g", { id: "world" });
svg.append(draw("defs", {}, ["", "from", "to", "f", "b"].map((kind) =>
  draw("marker", { id: "tip" + kind, class: "tip " + kind, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9,
    markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, draw("path", { d: "M0,1L8,4L0,7z" })))), layerOfAll);
const over = draw("g", { id: "over" });
let scene = null;
let boxEls = new Map();
let edgeEls = [];
let endEls = new Map();
const numbered = D.values !== null;
const numbersSeen = () => numbered && telling !== "names";

function label(x, y, kind, text, anchor) {
  return draw("text", { x, y, class: kind, "text-anchor": anchor || "start" }, text);
}

function drawNode(n, b) {
  const kind = results.has(n.i) ? "result" : n.role || "op";
  const bad = spoiled(n.v) || spoiled(n.g);
  const g = draw("g", { class: `box ${kind}${bad ? " notfinite" : ""}`, transform: `translate(${b.x.toFixed(1)},${b.y.toFixed(1)})`,
    tabindex: -1, role: "button", "data-n": n.i, "aria-label": spoken(n) });
  g.append(draw("rect", { width: b.w, height: b.h, rx: n.role ? 14 : 7 }));
  if (telling !== "all") return named(g, b, n.n);
  const sparked = [n.v, n.g].some(hasSpark);
  const top = (b.h - BOX) / 2;
  const right = b.w - (sparked ? SPARK + 17 : 9);
  g.append(label(10, top + 17, "name", n.n));
  g.append(label(right, top + (n.t === "[]" ? 17 : 16), n.t === "[]" ? "glyph" : "type", corner(n), "end"));
  g.append(label(10, top + 33, "sub", n.f ? cut(n.f.t, 30) : n.role));
  if (n.f && n.f.t.length > 30) g.append(draw("title", {}, `${n.n} = ${n.f.t}`));
  spark(g, n.v, "val", right + 9, top + 19);
  spark(g, n.g, "grd", right + 9, top + 36);
  return g;
}

// A box with its name alone, which may take two lines.
function named(g, b, name) {
  const rows = wrapped(name);
  const first = b.h / 2 + 4 - ((rows.length - 1) / 2) * ROW;
  g.append(draw("text", { class: "name", "text-anchor": "middle" },
    rows.map((row, k) => draw("tspan", { x: b.w / 2, y: first + k * ROW }, row))));
  if (rows.join("") !== name) g.append(draw("title", {}, name));
  return g;
}

const hasSpark = (v) => v && v.bins && !v.apart;

function spark(g, v, kind, x, y) {
  if (!hasSpark(v)) return;
  const bad = spoiled(v) ? " worse" : "";
  g.append(draw("path", { class: `spark ${kind}${bad}`, d: bars(v.bins, SPARK, 13),
    transform: `translate(${x},${y - 13})` }));
}

function spoken(n) {
  const parts = [n.n, n.role || "= " + n.f.t, n.t];
  if (n.v) parts.push("value " + brief(n.v));
  if (n.g) parts.push("gradient " + brief(n.g));
  return parts.join(", ");
}

function drawGroup(group, b) {
  const bad = group.all.some((i) => spoiled(nodes[i].v) || spoiled(nodes[i].g));
  const g = draw("g", { class: `box group${bad ? " notfinite" : ""}`, transform: `translate(${b.x.toFixed(1)},${b.y.toFixed(1)})`,
    tabindex: -1, role: "button", "aria-expanded": "false", "data-g": group.id,
    "aria-label": `layer ${group.name}, ${group.all.length} nodes, folded` });
  g.append(draw("rect", { class: "stack", x: 5, y: 5, width: b.w, height: b.h, rx: 7 }));
  g.append(draw("rect", { width: b.w, height: b.h, rx: 7 }));
  if (telling !== "all") return named(g, b, "▸ " + group.name);
  const top = (b.h - BOX) / 2;
  g.append(label(10, top + 17, "name", "▸ " + group.name));
  g.append(label(10, top + 33, "sub", groupWords(group)));
  return g;
}

// A number beside an edge: a dash, which tells why, where the code computes none.
function beside(x, y, kind, v) {
  const t = label(x, y, spoiled(v) ? kind + " worse" : kind, v.apart ? "–" : brief(v), "middle");
  if (v.apart) t.append(draw("title", {}, brief(v)));
  return t;
}

function drawTag(edge) {
  const [x, y] = edge.points[edge.points.length - 1];
  const source = edge.pairs[0][0];
  const one = new Set(edge.pairs.map((p) => p[0])).size === 1;
  if (!one) return null;
  const found = shares.filter((s) => edge.pairs.some(([a, b]) => s.s === a && s.u === b));
  const g = draw("g", { class: "tag" });
  const spot = horizontal ? [x - 38, y - 5, y + 14] : [x, y - 24, y - 11];
  const put = (v, kind, at) => {
    if (!v) return;
    const t = beside(spot[0], at, kind, v);
    g.append(t);
    return t;
  };
  const value = put(nodes[source].v, "val", spot[1]);
  if (value) value.dataset.v = source;
  // several readers in a folded layer: what comes back from all of them together
  const all = found.length > 1 && found.length === nodes[source].recv.length;
  const back = found.length === 1 ? put(found[0].v, "grd", spot[2]) : all ? put(nodes[source].g, "grd", spot[2]) : null;
  if (back) back.dataset.k = found[found.length - 1].k;
  // a loop hands back by its results: what arrives at its only operand is all there is
  const readers = new Set(nodes[source].users);
  if (!found.length && nodes[source].recv.length && edge.pairs.every(([a, b]) => readers.has(b)) && readers.size === edge.pairs.length) {
    const whole = put(nodes[source].g, "grd", spot[2]);
    if (whole) whole.dataset.e = source;
  }
  return g;
}

// The result has no reader: its numbers stand behind it.
function drawEnd(n, b) {
  const g = draw("g", { class: "tag" });
  const x = horizontal ? b.x + b.w + 44 : b.x + b.w / 2;
  const y = horizontal ? b.y + b.h / 2 : b.y + b.h + 14;
  const line = horizontal ? `M${b.x + b.w},${y}h88` : `M${x},${b.y + b.h}v6`;
  if (horizontal) g.append(draw("path", { class: "edge", d: line }));
  [[n.v, "val", horizontal ? y - 6 : y + 2, "v"], [n.g, "grd", y + 15, "e"]].forEach(([v, kind, at, key]) => {
    if (!v) return;
    const t = beside(x, at, kind, v);
    t.dataset[key] = n.i;
    g.append(t);
  });
  return g;
}

function redraw() {
  scene = placed();
  layerOfAll.replaceChildren();
  boxEls = new Map();
  edgeEls = [];
  endEls = new Map();
  const hulls = draw("g");
  const lines = draw("g");
  const boxes = draw("g");
  const tags = draw("g");
  for (const h of scene.hulls) {
    const g = draw("g", { class: "hull", "data-hull": h.group.id });
    g.append(draw("rect", { x: h.x, y: h.y, width: h.w, height: h.h, rx: 10 }));
    g.append(draw("rect", { class: "head", x: h.x, y: h.y, width: h.w, height: HEAD + 4 }));
    g.append(label(h.x + 11, h.y + 17, "", "▾ " + h.group.name));
    hulls.append(g);
  }
  for (const edge of scene.edges) {
    const path = draw("path", { class: "edge", d: curve(edge.points) });
    lines.append(path);
    const tag = numbersSeen() ? drawTag(edge) : null;
    if (tag) tags.append(tag);
    edgeEls.push({ edge, path, tag });
  }
  for (const [key, b] of scene.boxes) {
    const made = b.box.all ? drawGroup(b.box, b) : drawNode(b.box, b);
    boxes.append(made);
    boxEls.set(key, made);
    if (numbersSeen() && !b.box.all && results.has(b.box.i)) {
      endEls.set(b.box.i, drawEnd(b.box, b));
      tags.append(endEls.get(b.box.i));
    }
  }
  layerOfAll.append(hulls, lines, tags, boxes, over);
  drawMap();
  tellDirection();
  relight();
}
