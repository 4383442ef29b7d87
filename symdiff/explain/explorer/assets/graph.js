// The graph on its stage: drawn anew when groups open or close, lit without drawing.

const svg = $("svg");
const layerOfAll = draw("g", { id: "world" });
svg.append(draw("defs", {}, ["", "from", "to", "f", "b"].map((kind) =>
  draw("marker", { id: "tip" + kind, class: "tip " + kind, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9,
    markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, draw("path", { d: "M0,1L8,4L0,7z" })))), layerOfAll);
const view = { x: 0, y: 0, k: 1 };
const over = draw("g", { id: "over" });
let scene = null;
let boxEls = new Map();
let edgeEls = [];
let endEls = new Map();
const READABLE = 0.5; // the scale that letters can be read at
const numbered = D.values !== null;

function label(x, y, kind, text, anchor) {
  return draw("text", { x, y, class: kind, "text-anchor": anchor || "start" }, text);
}

function drawNode(n, b) {
  const kind = results.has(n.i) ? "result" : n.role || "op";
  const bad = spoiled(n.v) || spoiled(n.g);
  const g = draw("g", { class: `box ${kind}${bad ? " notfinite" : ""}`, transform: `translate(${b.x.toFixed(1)},${b.y.toFixed(1)})`,
    tabindex: -1, role: "button", "data-n": n.i, "aria-label": spoken(n) });
  g.append(draw("rect", { width: b.w, height: b.h, rx: n.role ? 14 : 7 }));
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
    const tag = numbered ? drawTag(edge) : null;
    if (tag) tags.append(tag);
    edgeEls.push({ edge, path, tag });
  }
  for (const [key, b] of scene.boxes) {
    const made = b.box.all ? drawGroup(b.box, b) : drawNode(b.box, b);
    boxes.append(made);
    boxEls.set(key, made);
    if (numbered && !b.box.all && results.has(b.box.i)) {
      endEls.set(b.box.i, drawEnd(b.box, b));
      tags.append(endEls.get(b.box.i));
    }
  }
  layerOfAll.append(hulls, lines, tags, boxes, over);
  relight();
}

// --- zoom and pan --------------------------------------------------------------------

function apply() {
  layerOfAll.setAttribute("transform", `translate(${view.x.toFixed(2)},${view.y.toFixed(2)}) scale(${view.k.toFixed(4)})`);
  svg.classList.toggle("far", view.k < 0.42);
}

function zoom(factor, x, y) {
  const r = svg.getBoundingClientRect();
  const cx = x === undefined ? r.width / 2 : x - r.left;
  const cy = y === undefined ? r.height / 2 : y - r.top;
  const k = Math.min(4, Math.max(0.03, view.k * factor));
  view.x = cx - ((cx - view.x) * k) / view.k;
  view.y = cy - ((cy - view.y) * k) / view.k;
  view.k = k;
  apply();
}

function fitScale(width, height, r) {
  return Math.min((r.width - 48) / width, (r.height - 72) / height, 1.35);
}

function fit() {
  const r = svg.getBoundingClientRect();
  const wide = scene.width + (horizontal && numbered ? 92 : 0);
  const tall = scene.height + (!horizontal && numbered ? 34 : 0);
  const k = Math.max(0.03, fitScale(wide, tall, r));
  Object.assign(view, { k, x: (r.width - wide * k) / 2, y: (r.height - tall * k) / 2 + 10 });
  apply();
}

// The direction in which the graph is larger on its stage.
function chooseDirection() {
  const r = svg.getBoundingClientRect();
  const scales = [true, false].map((way) => {
    horizontal = way;
    const found = placed();
    return fitScale(found.width + (way ? 92 : 0), found.height, r);
  });
  horizontal = scales[0] >= scales[1] * 0.92;
  return Math.max(...scales);
}

// Closes groups, the inner ones first, until what is left can be read.
function openAtFirst() {
  const inner = [...groups.values()].filter((g) => g !== root)
    .sort((a, b) => b.depth - a.depth || b.all.length - a.all.length);
  if (nodes.length > 400) inner.forEach((g) => { g.open = g.depth < 1; });
  while (chooseDirection() < READABLE) {
    const next = inner.find((g) => g.open);
    if (!next) return;
    for (const g of inner) if (g.depth === next.depth) g.open = false;
  }
}

// Shows a group as large as can be.
function fitGroup(group) {
  const h = scene.hulls.find((x) => x.group === group);
  if (!h || view.k > READABLE) return;
  const r = svg.getBoundingClientRect();
  const k = Math.max(Math.min(fitScale(h.w, h.h, r), 1), 0.3);
  Object.assign(view, { k, x: r.width / 2 - (h.x + h.w / 2) * k, y: r.height / 2 - (h.y + h.h / 2) * k });
  apply();
}

// A graph too long to be read as a whole is shown from its result.
function begin() {
  fit();
  if (view.k > 0.3 || !D.results.length) return;
  view.k = 0.6;
  const b = scene.boxes.get(keyOf(standIn(D.results[0])));
  const r = svg.getBoundingClientRect();
  const x = horizontal ? r.width - 160 : r.width / 2;
  const y = horizontal ? r.height / 2 : r.height - 110;
  Object.assign(view, { x: x - (b.x + b.w / 2) * view.k, y: y - (b.y + b.h / 2) * view.k });
  apply();
}

function bringIntoView(i) {
  const b = scene.boxes.get(keyOf(standIn(i)));
  if (!b) return;
  const r = svg.getBoundingClientRect();
  if (view.k < 0.5) {
    view.k = 0.8;
    view.x = r.width / 2 - (b.x + b.w / 2) * view.k;
    view.y = r.height / 2 - (b.y + b.h / 2) * view.k;
  }
  const left = b.x * view.k + view.x;
  const top = b.y * view.k + view.y;
  const right = left + b.w * view.k;
  const bottom = top + b.h * view.k;
  const m = 40;
  if (left < m || right > r.width - m) view.x += r.width / 2 - (left + right) / 2;
  if (top < m || bottom > r.height - m) view.y += r.height / 2 - (top + bottom) / 2;
  apply();
}

function setOpen(group, open) {
  group.open = open;
  redraw();
  fit();
  if (open) fitGroup(group);
}

function startPanning() {
  let held = null;
  svg.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    held = { x: e.clientX, y: e.clientY, vx: view.x, vy: view.y, moved: false };
  });
  addEventListener("pointermove", (e) => {
    if (!held) return;
    const dx = e.clientX - held.x;
    const dy = e.clientY - held.y;
    if (!held.moved && Math.abs(dx) + Math.abs(dy) < 5) return;
    held.moved = true;
    svg.classList.add("drag");
    view.x = held.vx + dx;
    view.y = held.vy + dy;
    apply();
  });
  addEventListener("pointerup", () => {
    if (held && held.moved) {
      svg.classList.remove("drag");
      svg.addEventListener("click", (e) => e.stopPropagation(), { capture: true, once: true });
      setTimeout(() => svg.dispatchEvent(new Event("panned")), 0);
    }
    held = null;
  });
  svg.addEventListener("wheel", (e) => {
    e.preventDefault();
    if (e.ctrlKey || !e.shiftKey) zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), e.clientX, e.clientY);
    else {
      view.x -= e.deltaY;
      apply();
    }
  }, { passive: false });
}
