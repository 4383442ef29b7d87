// What is seen of the graph: its scale and place, which layers are open, how much boxes tell.

const view = { x: 0, y: 0, k: 1 };
const LEGIBLE = 0.72; // the scale from which on letters are read with ease
let chosen = false; // whether the user has folded or turned something
let toldByUser = false; // whether the user has said how much boxes tell

function apply() {
  layerOfAll.setAttribute("transform", `translate(${view.x.toFixed(2)},${view.y.toFixed(2)}) scale(${view.k.toFixed(4)})`);
  svg.classList.toggle("far", view.k < 0.42);
  frameMap();
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
  return Math.min((r.width - 28) / width, (r.height - 64) / height, 1.25);
}

// Room for the numbers of the result: beside it, or below.
const behind = (way) => (way && numbersSeen() ? 92 : 0);
const below = () => (numbersSeen() ? 34 : 0);

function fit() {
  const r = svg.getBoundingClientRect();
  const [wide, tall] = [scene.width + behind(horizontal), scene.height + (horizontal ? 0 : below())];
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
    return fitScale(found.width + behind(way), found.height + (way ? 0 : below()), r);
  });
  horizontal = scales[0] >= scales[1] * 0.92;
  return Math.max(...scales);
}

const ways = numbered ? ["all", "numbers", "names"] : ["all", "names"];

// Tells less in boxes, and closes groups, the inner ones first, until what is left can be
// read. Numbers go last.
function openAtFirst() {
  const inner = [...groups.values()].filter((g) => g !== root)
    .sort((a, b) => b.depth - a.depth || b.all.length - a.all.length);
  const found = legible(inner, ways.slice(0, -1)) || legible(inner, ways.slice(-1));
  if (!found) telling = "names";
  $("b-telling").value = telling;
}

function legible(inner, some) {
  inner.forEach((g) => { g.open = nodes.length <= 400; });
  for (;;) {
    for (const way of some) {
      telling = way;
      if (chooseDirection() >= LEGIBLE) return true;
    }
    const next = inner.find((g) => g.open);
    if (!next) return false;
    for (const g of inner) if (g.depth === next.depth) g.open = false;
  }
}

// After a turn, or when all is unfolded: as much in boxes as can be read, unless the user
// has said how much.
function tellWhatFits() {
  if (toldByUser || replay.on || nodes.length > 400) return;
  const r = svg.getBoundingClientRect();
  telling = ways.find((way) => {
    telling = way;
    const found = placed();
    return fitScale(found.width + behind(horizontal), found.height + (horizontal ? 0 : below()), r) >= LEGIBLE;
  }) || "names";
  $("b-telling").value = telling;
}

function tell(way) {
  if (telling === way) return;
  telling = way;
  $("b-telling").value = way;
  redraw();
  fit();
}

// Shows a group as large as can be.
function fitGroup(group) {
  const h = scene.hulls.find((x) => x.group === group);
  if (!h || view.k > LEGIBLE) return;
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
  chosen = true;
  group.open = open;
  redraw();
  fit();
  if (open) fitGroup(group);
}

// A window of another size shows what fits into it, unless the user has chosen.
function resized() {
  if (!chosen && !replay.on) {
    openAtFirst();
    const shown = focus.pinned ? mainNode(focus.pinned) : null;
    if (shown !== null) reveal(shown);
    redraw();
  }
  fit();
}

function startPanning() {
  const touching = new Map(); // fingers, by the pointer's number
  let held = null;
  svg.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    touching.set(e.pointerId, [e.clientX, e.clientY]);
    held = { x: e.clientX, y: e.clientY, vx: view.x, vy: view.y, moved: touching.size > 1 };
  });
  addEventListener("pointermove", (e) => {
    if (touching.size > 1 && touching.has(e.pointerId)) pinch(touching, e);
    else if (held && touching.size) pan(held, e);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    addEventListener(kind, (e) => {
      touching.delete(e.pointerId);
      if (!held || touching.size) return;
      if (held.moved) {
        svg.classList.remove("drag");
        const swallow = (c) => c.stopPropagation();
        svg.addEventListener("click", swallow, { capture: true, once: true });
        setTimeout(() => svg.removeEventListener("click", swallow, { capture: true }), 0);
      }
      held = null;
    });
  }
  svg.addEventListener("wheel", (e) => {
    e.preventDefault();
    if (e.ctrlKey || !e.shiftKey) zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), e.clientX, e.clientY);
    else {
      view.x -= e.deltaY;
      apply();
    }
  }, { passive: false });
}

function pan(held, e) {
  const dx = e.clientX - held.x;
  const dy = e.clientY - held.y;
  if (!held.moved && Math.abs(dx) + Math.abs(dy) < 5) return;
  held.moved = true;
  svg.classList.add("drag");
  view.x = held.vx + dx;
  view.y = held.vy + dy;
  apply();
}

// Two fingers: what was between them stays between them.
function pinch(touching, e) {
  const other = [...touching].find(([id]) => id !== e.pointerId)[1];
  const was = touching.get(e.pointerId);
  const now = [e.clientX, e.clientY];
  const far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
  view.x += (now[0] - was[0]) / 2;
  view.y += (now[1] - was[1]) / 2;
  zoom(far(now) / far(was), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  touching.set(e.pointerId, now);
}
