// Why one element of a gradient has its value: the terms that it is the sum of.

// Of a result, what is given to the backward pass adds to what comes back.
const GIVEN = "given: the derivative of the result by itself";

const strides = (shape) => shape.map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1));

// The terms of one element of what a user hands back; null where they cannot be told.
function termsOf(share, v, k) {
  const told = writtenOut(share, v, k);
  const own = share.v && elements(share.v);
  if (!told || !own) return told;
  const sum = told.terms.reduce((s, t) => s + t.product, 0);
  const size = told.terms.reduce((s, t) => s + Math.abs(t.product), Math.abs(own[k]));
  const agrees = Math.abs(sum - own[k]) <= 1e-4 * size || !Number.isFinite(size);
  return agrees ? told : { terms: [{ words: [share.f.t], factors: [own[k]], product: own[k] }], over: "" };
}

function writtenOut(share, v, k) {
  const user = nodes[share.u];
  const up = user.g && !user.g.apart && elements(user.g);
  const own = share.v && elements(share.v);
  const at = place(v, k);
  const value = (n, index) => ({ node: n, index, kind: "V" });
  const back = (n, index) => ({ node: n, index, kind: "G" });
  if (user.op === "matmul" && up && v.shape.length === 2 && user.g.shape.length === 2 && user.o.length === 2) {
    const [a, b] = user.o.map((o) => nodes[o]);
    const left = share.s === user.o[0];
    const other = left ? b : a;
    const values = !other.v.apart && elements(other.v);
    if (!values) return null;
    const [rows, columns] = user.g.shape;
    const found = [];
    for (let j = 0; j < (left ? columns : rows); j++) {
      const x = left ? values[at[1] * columns + j] : values[j * other.v.shape[1] + at[0]];
      const d = left ? up[at[0] * columns + j] : up[j * columns + at[1]];
      found.push({
        words: left ? [back(user, [at[0], j]), value(other, [at[1], j])] : [value(other, [j, at[0]]), back(user, [j, at[1]])],
        factors: left ? [d, x] : [x, d], product: x * d,
      });
    }
    return { terms: found, over: left ? "over the columns" : "over the rows (the batch)" };
  }
  if (up && user.g.shape.join() !== v.shape.join() && (user.op === "add" || user.op === "subtract")) {
    // Shapes are aligned at their ends; axes of length 1, and those that are not there, were stretched.
    const ahead = user.g.shape.length - v.shape.length;
    const taken = user.op === "subtract" && user.o[1] === share.s;
    const found = [];
    for (let j = 0; j < up.length; j++) {
      const index = place(user.g, j);
      if (!v.shape.every((d, axis) => d === 1 || index[axis + ahead] === at[axis])) continue;
      const [word, d] = [back(user, index), up[j]];
      found.push(taken ? { words: ["local", word], factors: [-1, d], product: -d } : { words: [word], factors: [d], product: d });
    }
    return { terms: found, over: "over the axes that it was stretched over" };
  }
  if (up && own && user.g.shape.join() === v.shape.join() && share.l) {
    const local = own[k] / up[k];
    // of what has underflown or overflown the quotient does not tell the derivative
    const whole = own[k] === 0 ? Math.abs(up[k]) > 1e-15 : Math.abs(own[k]) > 1e-300;
    if (whole && Number.isFinite(local)) return { terms: [{ words: ["local", back(user, at)], factors: [local, up[k]], product: own[k] }], over: "" };
  }
  return own ? { terms: [{ words: [share.f.t], factors: [own[k]], product: own[k] }], over: "" } : null;
}

// The name of an element, which leads to why that one has its value.
function factor(w) {
  if (!w.node) return el("span", { class: "muted" }, w + " ");
  const text = `${w.kind === "G" ? w.node.ct : w.node.n}[${w.index.join(", ")}] `;
  const shape = w.node.v ? w.node.v.shape : [];
  const k = w.index.reduce((sum, x, axis) => sum + x * strides(shape)[axis], 0);
  return el("span", { class: "muted linkto", role: "link", tabindex: 0,
    onclick: () => pinElement(w.node.i, k), onkeydown: (e) => e.key === "Enter" && pinElement(w.node.i, k) }, text);
}

function pinElement(i, k) {
  pin(itemsOfNode(i), "detail");
  showDetail(i, k);
}

function explainElement(i, k) {
  const n = nodes[i];
  const found = elements(n.g);
  const box = el("div", { class: "element", role: "status" });
  const index = place(n.g, k).join(", ");
  box.append(el("div", {}, el("b", { class: "num" }, `${n.ct}[${index}]`), " = ", number(found[k], "G"),
    n.v && elements(n.v) ? el("span", { class: "muted" }, `   where ${n.n}[${index}] = ${fmt(elements(n.v)[k])}`) : null));
  if (n.seed) box.append(el("div", {}, "= ", number(1, "G"), el("span", { class: "muted" }, "  " + GIVEN)));
  n.recv.map((r) => shares[r]).forEach((share, nth) => {
    const told = termsOf(share, n.g, k);
    const part = share.v && elements(share.v) ? elements(share.v)[k] : null;
    const head = el("div", {}, nth || n.seed ? "+ " : "= ", part === null ? "" : number(part, "G"),
      el("span", { class: "muted" }, `  from ${nodes[share.u].n}: `), el("code", {}, share.f.t),
      share.v && share.v.apart ? el("span", { class: "muted" }, `  (${APART})`) : null);
    box.append(head);
    const steps = stepTable(share, k);
    if (steps) {
      box.append(steps);
      return;
    }
    if (!told || (told.terms.length === 1 && told.terms[0].factors.length === 1)) return;
    const order = [...told.terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const most = order.slice(0, 6);
    const body = el("tbody");
    for (const t of most) {
      const cells = t.words.map((w, j) => el("td", {}, factor(w), number(t.factors[j], w.kind || ""), j + 1 < t.words.length ? " ×" : ""));
      body.append(el("tr", {}, el("td", {}, number(t.product, "G"), " ="), cells));
    }
    box.append(el("table", {}, body));
    if (order.length > most.length) {
      const rest = order.slice(6).reduce((s, t) => s + t.product, 0);
      box.append(el("div", { class: "muted" }, `and ${order.length - 6} smaller terms, together ${fmt(rest)}`));
    }
    if (told.over && told.terms.length > 1) box.append(el("div", { class: "muted" }, `a sum of ${told.terms.length} products ${told.over}`));
  });
  return box;
}

// The element that is largest, to begin with.
function largest(v) {
  const found = elements(v);
  if (!found || !found.length) return null;
  let best = 0;
  for (let k = 1; k < found.length; k++) {
    const x = Math.abs(found[k]);
    if (x > Math.abs(found[best]) || Number.isNaN(found[k])) best = k;
  }
  return best;
}
