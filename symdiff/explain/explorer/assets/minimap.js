// The whole graph in small, with a frame around what is seen of it, where that is not all.
// A click or a drag on it goes there.

const map = $("map");
const MAP = { w: 168, h: 128 };
const mapped = draw("path", { class: "all" });
const mappedKinds = ["from", "to", "hit"].map((kind) => [kind, draw("path", { class: kind })]);
const frame = draw("rect", { class: "frame" });
map.append(mapped, ...mappedKinds.map(([, path]) => path), frame);
const inMap = { k: 1, seen: false };

const outline = (b) => `M${b.x.toFixed(0)},${b.y.toFixed(0)}h${b.w.toFixed(0)}v${b.h.toFixed(0)}h${(-b.w).toFixed(0)}z`;

// For a graph that was drawn anew.
function drawMap() {
  inMap.k = Math.min(MAP.w / scene.width, MAP.h / scene.height);
  map.setAttribute("viewBox", `0 0 ${scene.width} ${scene.height}`);
  map.setAttribute("width", scene.width * inMap.k);
  map.setAttribute("height", scene.height * inMap.k);
  mapped.setAttribute("d", [...scene.boxes.values()].map(outline).join(""));
}

// For another place or scale.
function frameMap() {
  if (!scene) return;
  const r = svg.getBoundingClientRect();
  const [left, top] = [-view.x / view.k, -view.y / view.k];
  const [w, h] = [r.width / view.k, r.height / view.k];
  const all = left <= 1 && top <= 1 && left + w >= scene.width - 1 && top + h >= scene.height - 1;
  map.toggleAttribute("hidden", all);
  const appears = inMap.seen === all;
  inMap.seen = !all;
  for (const [name, value] of Object.entries({ x: left, y: top, width: w, height: h })) frame.setAttribute(name, value);
  frame.setAttribute("stroke-width", 2 / inMap.k);
  if (appears && inMap.seen) lightMap(inMap.lit);
}

// What is lit in the graph, by the keys of its boxes.
function lightMap(kindOf) {
  inMap.lit = kindOf;
  if (!inMap.seen) return;
  for (const [kind, path] of mappedKinds) {
    const keys = [...(kindOf || [])].filter(([key, found]) => found === kind && scene.boxes.has(key));
    path.setAttribute("d", keys.map(([key]) => outline(scene.boxes.get(key))).join(""));
  }
}

function startMap() {
  const go = (e) => {
    const [r, stage] = [map.getBoundingClientRect(), svg.getBoundingClientRect()];
    const [x, y] = [(e.clientX - r.left) / inMap.k, (e.clientY - r.top) / inMap.k];
    Object.assign(view, { x: stage.width / 2 - x * view.k, y: stage.height / 2 - y * view.k });
    apply();
  };
  map.addEventListener("pointerdown", (e) => {
    map.setPointerCapture(e.pointerId);
    map.onpointermove = go;
    go(e);
    e.preventDefault();
  });
  for (const kind of ["pointerup", "pointercancel"]) map.addEventListener(kind, () => { map.onpointermove = null; });
}
