// The graph as it is seen, as a file: SVG that needs nothing else, or PNG. What style sheets
// say is written into it, so that it looks the same wherever it is put.

const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity",
  "paint-order", "font-family", "font-size", "font-weight", "text-anchor", "marker-end"];
const SHARP = 2; // pixels of a PNG to a unit
const LARGEST = 12000; // pixels of its longer side, at most

// A copy of an element without what is not displayed; its looks are classes, each once.
function styled(e, classes) {
  const style = getComputedStyle(e);
  if (style.display === "none") return null;
  const copy = e.cloneNode(false);
  const looks = LOOKS.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";");
  if (!classes.has(looks)) classes.set(looks, "c" + classes.size);
  for (const name of copy.getAttributeNames()) {
    if (/^(class|style|tabindex|role|aria-.*|data-.*)$/.test(name)) copy.removeAttribute(name);
  }
  copy.setAttribute("class", classes.get(looks));
  for (const child of e.childNodes) {
    const made = child.nodeType === Node.TEXT_NODE ? child.cloneNode() : child.nodeType === Node.ELEMENT_NODE ? styled(child, classes) : null;
    if (made) copy.append(made);
  }
  return copy;
}

function exported() {
  const classes = new Map();
  const margin = 20;
  const width = Math.ceil(scene.width + behind(horizontal) + 2 * margin);
  const height = Math.ceil(scene.height + (horizontal ? 0 : below()) + 2 * margin);
  const world = styled(layerOfAll, classes);
  world.setAttribute("transform", `translate(${margin},${margin})`);
  const ground = getComputedStyle($("p-graph")).backgroundColor;
  const defs = styled(svg.querySelector("defs"), classes);
  const sheet = [...classes].map(([looks, name]) => `.${name}{${looks}}`).join("\n");
  const root = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height },
    draw("title", {}, D.name), draw("style", {}, sheet), defs,
    draw("rect", { width, height, style: `fill:${ground}` }), world);
  return { text: new XMLSerializer().serializeToString(root), width, height };
}

function saveAs(name, blob) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function saveSvg() {
  saveAs(D.name + ".svg", new Blob([exported().text], { type: "image/svg+xml" }));
}

async function savePng() {
  const { text, width, height } = exported();
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const scale = Math.min(SHARP, LARGEST / Math.max(width, height));
  const canvas = el("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => saveAs(D.name + ".png", blob), "image/png");
}
