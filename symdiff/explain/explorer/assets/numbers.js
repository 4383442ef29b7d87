// Numbers and arrays as text and small pictures.

// A number is a JavaScript number; an integer beyond 2^53 is text or a BigInt, a norm
// beyond all floats is text, and so is what is not finite: "nan", "inf", "-inf".
const isBad = (x) =>
  typeof x === "string" ? /n/.test(x) : typeof x === "number" && !Number.isFinite(x);
// What the code does not compute, and what is meant, spoils nothing.
const spoiled = (v) => !!v && !v.apart && !v.meant && (v.nan > 0 || v.inf > 0 || (v.x !== undefined && isBad(v.x)));
const scalar = (v) => v && v.x !== undefined;
const APART = "not computed by the code";

function fmt(x, digits = 4) {
  return plain(x, digits).replace(/-/g, "−");
}

function plain(x, digits) {
  if (typeof x === "bigint") return String(x);
  if (typeof x === "string") {
    if (isBad(x)) return x === "nan" ? "NaN" : x.replace("inf", "∞");
    const [factor, power] = x.split("e"); // an integer has none
    return power ? tidy(Number(factor).toPrecision(digits) + "e" + power) : x;
  }
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "-∞";
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-4) return tidy(x.toExponential(Math.max(digits - 2, 1)));
  const text = x.toPrecision(digits);
  return text.includes("e") ? x.toFixed(0) : tidy(text); // no power of ten that is not needed
}

// No zeros at the end of a fraction.
const tidy = (text) =>
  text.includes("e") ? text.replace(/(\.\d*?)0+e/, "$1e").replace(".e", "e").replace("e+", "e")
    : text.includes(".") ? text.replace(/\.?0+$/, "") : text;

// A number of an array: of integers every digit.
const exact = (v, x, digits) => (v.kind ? fmt(BigInt(x)) : fmt(x, digits));

const KINDS = { f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array,
  u2: Uint16Array, i4: Int32Array, u4: Uint32Array, i8: BigInt64Array, u8: BigUint64Array };
const arrays = new Map();
function elements(v) {
  if (!v || v.data === undefined) return null;
  if (!arrays.has(v.data)) {
    const [kind, text] = D.arrays[v.data];
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    arrays.set(v.data, new KINDS[kind](bytes.buffer));
  }
  return arrays.get(v.data);
}

// Two ends of a range, with as many digits as tell them apart.
function ends(v, digits) {
  let found = [exact(v, v.min, digits), exact(v, v.max, digits)];
  while (found[0] === found[1] && v.min !== v.max && digits < 17) {
    digits += 1;
    found = [exact(v, v.min, digits), exact(v, v.max, digits)];
  }
  return found;
}

// One line that fits beside an edge.
function brief(v) {
  if (!v) return "";
  if (v.apart) return APART;
  if (scalar(v)) return v.kind ? exact(v, v.x) : fmt(v.x, 3);
  if (v.nan) return "NaN × " + v.nan;
  if (v.inf) return "∞ × " + v.inf;
  const found = elements(v);
  const listed = found && found.length <= 3 ? "[" + [...found].map((x) => exact(v, x, 2)).join(", ") + "]" : "";
  if (listed && listed.length <= 13) return listed;
  if (v.kind && v.min !== undefined) return ends(v).join("…");
  return v.norm === undefined ? "" : "‖" + fmt(v.norm, 3) + "‖";
}

function number(x, kind = "") {
  return el("span", { class: `num ${kind} ${isBad(x) ? "bad" : ""}` }, fmt(x));
}

// A value in words: a number, or what an array ranges over.
function summary(v, kind, long = false) {
  if (!v) return el("span", { class: "muted" }, "not evaluated");
  if (v.apart) return el("span", { class: "muted" }, APART);
  if (scalar(v)) return el("span", { class: `num ${kind} ${isBad(v.x) ? "bad" : ""}` }, exact(v, v.x));
  const found = elements(v);
  if (found && found.length <= 4 && !spoiled(v)) {
    return el("span", { class: "num " + kind }, "[" + [...found].map((x) => exact(v, x, 3)).join(", ") + "]");
  }
  if (spoiled(v)) return el("span", { class: "num bad" }, badWords(v));
  if (v.norm === undefined) return el("span", { class: "muted" }, "empty");
  return el("span", { class: "num " + kind, title: "Euclidean norm, mean" },
    `‖${fmt(v.norm, 3)}‖`, long ? el("span", { class: "muted" }, `  mean ${fmt(v.mean, 3)}`) : null);
}

function badWords(v) {
  const words = [];
  if (v.x !== undefined) return fmt(v.x);
  if (v.nan) words.push(`${v.nan} NaN`);
  if (v.inf) words.push(`${v.inf} infinite`);
  return words.join(", ") + ` of ${v.shape.reduce((a, b) => a * b, 1)}`;
}

// Bars of a histogram as one path.
function bars(bins, width, height) {
  const top = Math.max(...bins, 1);
  const step = width / bins.length;
  let path = "";
  bins.forEach((n, k) => {
    if (!n) return;
    const tall = Math.max((height * Math.sqrt(n / top)), 1);
    path += `M${(k * step).toFixed(1)},${height}v${(-tall).toFixed(1)}h${(step * 0.86).toFixed(1)}v${tall.toFixed(1)}z`;
  });
  return path;
}

function histogram(v, kind) {
  if (!v || !v.bins || v.bins.length < 2) return null;
  const width = 240;
  const picture = draw("svg", { class: "hist " + kind, width: width + 4, height: 50, role: "img",
    "aria-label": `histogram from ${ends(v, 4).join(" to ")}` });
  const [low, high] = ends(v, 3);
  picture.append(draw("path", { d: bars(v.bins, width, 34) }));
  picture.append(draw("text", { x: 0, y: 46 }, low));
  picture.append(draw("text", { x: width, y: 46, "text-anchor": "end" }, high));
  if (v.min < 0 && v.max > 0) {
    const zero = width / (1 + v.max / -v.min); // the difference may be no float
    picture.append(draw("path", { d: `M${zero},0v36`, stroke: "currentColor", "stroke-dasharray": "2 2", opacity: ".5" }));
    if (zero > 60 && zero < width - 60) {
      picture.append(draw("text", { x: zero, y: 46, "text-anchor": "middle" }, "0"));
    }
  }
  return picture;
}

// An array as a matrix: the last axis across.
function grid(v) {
  const columns = v.shape.length ? v.shape[v.shape.length - 1] : 1;
  const count = v.shape.reduce((a, b) => a * b, 1);
  return { rows: columns ? count / columns : 0, columns };
}

function place(v, k) {
  const found = [];
  for (let axis = v.shape.length - 1; axis >= 0; axis--) {
    found.unshift(k % v.shape[axis]);
    k = Math.floor(k / v.shape[axis]);
  }
  return found;
}

function table(v, kind, chosen) {
  const found = elements(v);
  const { rows, columns } = grid(v);
  const body = el("tbody");
  for (let r = 0; r < rows; r++) {
    const row = el("tr");
    for (let c = 0; c < columns; c++) {
      const x = found[r * columns + c];
      row.append(el("td", { class: kind + (isBad(x) ? " bad" : ""), tabindex: chosen ? 0 : null,
        onclick: () => chosen && chosen(r * columns + c),
        onkeydown: (e) => chosen && e.key === "Enter" && chosen(r * columns + c) }, exact(v, x, 3)));
    }
    body.append(row);
  }
  return el("table", { class: "arr" }, body);
}

// Colours: green or red by sign and size, pink for what is not finite.
function heat(v, kind, chosen) {
  const found = elements(v);
  const { rows, columns } = grid(v);
  const room = Math.min(400, detail.clientWidth - 34);
  const whole = Math.max(1, Math.min(Math.floor(room / columns), Math.floor(240 / rows), 14));
  const scale = Math.min(whole, room / columns);
  const canvas = el("canvas", { class: "heat", width: columns, height: rows, role: "img",
    "aria-label": `elements of an array of shape ${v.shape.join(" by ")}` });
  canvas.style.width = columns * scale + "px";
  canvas.style.height = rows * scale + "px";
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const top = Math.max(Math.abs(v.min ?? 0), Math.abs(v.max ?? 0)) || 1;
  const dark = document.documentElement.classList.contains("dark");
  const plus = kind === "V" ? (dark ? [89, 214, 140] : [11, 122, 62]) : dark ? [255, 120, 110] : [195, 39, 31];
  const minus = dark ? [110, 150, 255] : [60, 90, 190];
  for (let k = 0; k < rows * columns; k++) {
    const x = Number(found[k]);
    const colour = isBad(x) ? [214, 0, 108] : x >= 0 ? plus : minus;
    image.data.set([...colour, isBad(x) ? 255 : 255 * Math.pow(Math.abs(x) / top, 0.5)], 4 * k);
  }
  context.putImageData(image, 0, 0);
  const at = (e) => {
    const r = canvas.getBoundingClientRect();
    const c = Math.min(columns - 1, Math.max(0, Math.floor(((e.clientX - r.left) / r.width) * columns)));
    const row = Math.min(rows - 1, Math.max(0, Math.floor(((e.clientY - r.top) / r.height) * rows)));
    return row * columns + c;
  };
  canvas.addEventListener("mousemove", (e) => {
    const k = at(e);
    tip(`[${place(v, k).join(", ")}] = ${exact(v, found[k])}`, e);
  });
  canvas.addEventListener("mouseleave", () => tip(""));
  if (chosen) canvas.addEventListener("click", (e) => chosen(at(e)));
  return canvas;
}

function tip(text, e) {
  const box = $("tip");
  box.hidden = !text;
  box.textContent = text;
  if (text && e) {
    box.style.left = Math.min(e.clientX + 14, innerWidth - box.offsetWidth - 8) + "px";
    box.style.top = Math.min(e.clientY + 16, innerHeight - 40) + "px";
  }
}

const apart = (v) => (v.apart ? el("div", { class: "muted" }, "evaluated as it is written, " + APART) : null);

// Everything that is to be seen of a value.
function shown(v, kind, chosen) {
  if (!v) return null;
  if (scalar(v)) {
    const bad = isBad(v.x) && !v.apart ? "bad" : "";
    return el("div", {}, el("span", { class: `big ${kind} ${bad}` }, exact(v, v.x, 5)), apart(v));
  }
  const parts = [apart(v)];
  const some = v.nan || v.inf;
  if (some) parts.push(el("div", {}, el("span", { class: v.apart || v.meant ? "muted" : "bad" }, "not finite: " + badWords(v))));
  const found = elements(v);
  const { rows, columns } = grid(v);
  const small = found && found.length <= 64 && columns <= 10;
  if (v.norm !== undefined && found?.length !== 1) {
    const b = (x) => el("b", { class: kind }, fmt(x, 4));
    const [low, high] = ends(v, 4).map((text) => el("b", { class: kind }, text));
    parts.push(el("div", { class: "stat" }, some ? el("span", { class: "muted" }, "the others:") : null,
      el("span", {}, "norm ", b(v.norm)), el("span", {}, "mean ", b(v.mean)),
      el("span", {}, "std ", b(v.std)), el("span", {}, "min ", low), el("span", {}, "max ", high),
      v.zeros ? el("span", {}, "zeros ", el("b", {}, String(v.zeros))) : null));
  }
  if (small) parts.push(table(v, kind, chosen));
  else if (found && rows <= 600 && columns <= 600) parts.push(el("div", { class: "picture" }, heat(v, kind, chosen), chosen ? el("i", { class: "spot" }) : null));
  if (!small) parts.push(histogram(v, kind));
  return el("div", { class: `array ${chosen ? kind : ""}` }, parts);
}
