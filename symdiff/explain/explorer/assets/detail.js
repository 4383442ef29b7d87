// The panel of one node: the user's line, formulas, numbers, contributions, generated
// lines; for a parameter its gradient as one formula, and the way there from the loss.

const detail = $("detail");
let detailed = null;

const go = (i) => el("span", { class: "linkto", role: "link", tabindex: 0, title: "Go to " + nodes[i].n,
  onclick: () => pin(itemsOfNode(i), "detail"),
  onkeydown: (e) => e.key === "Enter" && pin(itemsOfNode(i), "detail"),
  }, math(nodes[i].m));

// A row of the panel that lights what it is about while it is pointed at.
const about = (items, e) => {
  e.addEventListener("mouseenter", () => hover(items, "detail"));
  e.addEventListener("mouseleave", () => hover(null, "detail"));
  return e;
};
const byCotangent = new Map(nodes.filter((n) => n.ct).map((n) => [n.ct, n.i]));
const eq = (...parts) => el("div", { class: "eq" }, parts);
const title = (text, small) => el("h3", {}, text, small ? el("small", {}, small) : null);
const partial = (top, bottom) => math(
  `<math><mfrac><mrow><mo>∂</mo>${inner(top)}</mrow><mrow><mo>∂</mo>${inner(bottom)}</mrow></mfrac></math>`);
const inner = (m) => m.replace(/^<math[^>]*>/, "").replace(/<\/math>$/, "");

// k: the element of its gradient that is explained, the largest by default
function showDetail(i, k = null) {
  if (k === null && detailed === i && detail.dataset.pinned === String(!!focus.pinned)) return;
  detailed = i;
  detail.dataset.pinned = String(!!focus.pinned);
  const n = nodes[i];
  const parts = [heading(n)];
  if (n.text) parts.push(title("Your line"), quote(n.text, n.at, "", () => scrollSpec(i)));
  if (gradientOf.has(i)) parts.push(whole(gradientOf.get(i)), backwardPart(n, k), wayFromLoss(n), forwardPart(n));
  else parts.push(forwardPart(n), n.ct && backwardPart(n, k), n.hands.length && handsPart(n));
  parts.push(insidePart(n), codePart(n));
  detail.replaceChildren(...parts.flat(Infinity).filter(Boolean));
  detail.scrollTop = 0;
  if (k === -1) detail.querySelector(".slider")?.scrollIntoView({ block: "start" });
  else if (k !== null) detail.querySelector(".element")?.scrollIntoView({ block: "center" });
}

function heading(n) {
  const kind = results.has(n.i) ? "result" : n.role;
  const pinned = !!(focus.pinned && nodesOf(focus.pinned).has(n.i));
  return el("h2", {}, math(n.m), el("span", { class: "ty" }, n.t),
    kind ? el("span", { class: "chip " + kind }, n.own && n.own !== n.n ? `${kind} ${n.own}` : kind) : el("span", { class: "chip" }, n.op),
    el("button", { "aria-pressed": String(pinned), title: "Enter pins, Escape lets go",
      onclick: () => pin(pinned ? null : itemsOfNode(n.i), "detail") }, pinned ? "pinned" : "pin"));
}

function quote(text, where, kind, click) {
  return el("div", { class: "quote " + kind, onclick: click, role: "link", tabindex: 0,
    onkeydown: (e) => e.key === "Enter" && click() }, where ? el("small", {}, where) : null, text);
}

function forwardPart(n) {
  const parts = [title("Forward", n.v ? "" : "no values were given")];
  if (n.f) parts.push(about(["v" + n.i], eq(math(n.m), "=", math(n.f.m))));
  parts.push(shown(n.v, "V"));
  if (n.users.length) parts.push(el("div", { class: "stat" }, "read by", [...new Set(n.users)].slice(0, 12).map(go)));
  return parts;
}

function shareLine(s, nth, fan) {
  const user = nodes[s.u];
  const parts = [];
  if (s.l) {
    parts.push(eq(partial(user.m, nodes[s.s].m), "=", math(s.l.m), el("span", { class: "muted" }, "local, times upstream"),
      math(user.cm), user.g ? ["=", summary(user.g, "G")] : null));
  }
  parts.push(eq(el("span", { class: "muted" }, "from"), go(s.u), ":", math(s.f.m), s.v ? ["=", summary(s.v, "G")] : null));
  if (s.rule) parts.push(el("div", { class: "why" }, s.rule));
  if (s.steps && scalar(s.v)) parts.push(stepTable(s, 0));
  return about(["g" + s.u], el("div", { class: "share" + (fan && nth ? " fan" : "") }, parts));
}

const adds = (n) => n.seed ? "a result that is read: what is given and what comes back add" : `read ${n.recv.length} times: what comes back adds`;

function backwardPart(n, asked) {
  const fan = n.recv.length + !!n.seed > 1;
  const parts = [title("Backward", fan ? adds(n) : "")];
  if (n.seed) parts.push(eq(fan ? [] : [math(n.cm), "="], number(1, "G"), el("span", { class: "muted" }, GIVEN)));
  n.recv.forEach((k, nth) => parts.push(shareLine(shares[k], nth || n.seed, fan)));
  const index = el("div");
  const chosen = (k) => {
    index.replaceChildren(explainElement(n.i, k));
    marked(n.i, k);
  };
  const array = n.g && !n.g.apart && !scalar(n.g) && elements(n.g);
  parts.push(eq(math(n.cm), "=", summary(n.g, "G", true)));
  if (n.g && (n.g.apart || !scalar(n.g))) parts.push(shown(n.g, "G", array && n.recv.length ? chosen : null));
  if (array && n.recv.length) {
    parts.push(el("div", { class: "muted" }, "Click an element to see what it is the sum of."));
  }
  parts.push(index);
  const k = array && n.recv.length ? asked ?? largest(n.g) : null;
  if (k !== null) queueMicrotask(() => chosen(k));
  return parts;
}

// The chosen element stands out in its table or picture.
function marked(i, k) {
  const box = detail.querySelector(".array.G");
  if (!box) return;
  box.querySelectorAll("td").forEach((e, j) => e.classList.toggle("sel", j === k));
  const canvas = box.querySelector("canvas");
  const spot = box.querySelector(".spot");
  if (!canvas) return;
  const { columns, rows } = grid(nodes[i].g);
  const [w, h] = [parseFloat(canvas.style.width) / columns, parseFloat(canvas.style.height) / rows];
  spot.style.cssText = `left: ${(k % columns) * w - 3}px; top: ${Math.floor(k / columns) * h - 3}px; width: ${w + 6}px; height: ${h + 6}px`;
}

function handsPart(n) {
  const parts = [title("Hands back", "local derivative × upstream")];
  for (const k of n.hands) {
    const s = shares[k];
    parts.push(about(["g" + s.s], el("div", { class: "share" },
      s.l ? eq(partial(n.m, nodes[s.s].m), "=", math(s.l.m)) : null,
      eq(el("span", { class: "muted" }, "to"), go(s.s), ":", math(s.f.m), s.v ? ["=", summary(s.v, "G")] : null))));
  }
  return parts;
}

function whole(g) {
  return [title("Its gradient, as one formula"), el("div", { class: "composed" },
    about(["g" + g.e], eq(math(g.cm), "=", math(g.f.m))),
    g.where.map((w) => about(["g" + byCotangent.get(w.n)],
      eq(el("span", { class: "muted" }, "where"), math(w.m), "=", math(w.f.m)))),
    g.more ? el("div", { class: "muted" }, "and so on, as the way below tells") : null,
    nodes[g.e].g ? eq(el("span", { class: "muted" }, "here"), math(g.cm), "=", summary(nodes[g.e].g, "G")) : null)];
}

// Every gradient between the loss and this one, in the order of the backward pass; of a
// long way its two ends, and the rest when asked for.
function wayFromLoss(n) {
  const on = walk(n.i, givers);
  const order = [...[...on].sort((a, b) => b - a), n.i];
  const list = el("ol", { class: "path" });
  const end = 9;
  const row = (i) => wayStep(n, on, i);
  if (order.length <= 2 * end + 4) list.append(...order.map(row));
  else {
    const hidden = order.slice(end, -end);
    const more = el("li", {}, el("button", { class: "more",
      onclick: () => more.replaceWith(...hidden.map(row)) }, `${hidden.length} more steps`));
    list.append(...order.slice(0, end).map(row), more, ...order.slice(-end).map(row));
  }
  return [title("The way from the loss", `${on.size} steps back`), list];
}

function wayStep(n, on, i) {
  const m = nodes[i];
  const terms = m.recv.filter((k) => i === n.i || on.has(shares[k].u)).map((k) => shares[k]);
  const formula = [...(m.seed ? [number(1, "G")] : []), ...terms.map((s) => math(s.f.m))].flatMap((f, k) => (k ? [" + ", f] : [f]));
  return about(["g" + i], el("li", {},
    eq(el("span", { class: "linkto", tabindex: 0, role: "link", onclick: () => pin(itemsOfNode(i), "detail"),
      onkeydown: (e) => e.key === "Enter" && pin(itemsOfNode(i), "detail") }, math(m.cm)), "=", formula, m.g ? ["=", summary(m.g, "G")] : null),
    el("span", { class: "place" }, m.text ? cut(m.text, 60) + "   " + m.at : "")));
}

function codePart(n) {
  const parts = [];
  for (const [item, kind] of [["v" + n.i, "v"], ["g" + n.i, "g"]]) {
    const found = [...(linesByItem.get(item) || []), ...(linesByItem.get(item.toUpperCase()) || [])];
    for (const line of found.slice(0, 8)) {
      const pane = line.closest(".code");
      parts.push(quote(line.querySelector("code").textContent.trim(), `${pane.dataset.file}:${line.dataset.l}`, kind,
        () => { openTab(pane.id); line.scrollIntoView({ block: "center" }); }));
    }
  }
  return parts.length ? [title("Generated"), parts] : [];
}

function scrollSpec(i) {
  const s = spansOf[i][0];
  if (s === undefined || !spanLines[s].length) return;
  const line = spanLines[s][0];
  openTab(line.closest(".code").id);
  line.scrollIntoView({ block: "center" });
}

function showNothing() {
  detailed = null;
  const try_ = D.gradients.filter((g) => g.e !== null).slice(0, 8);
  detail.replaceChildren(el("div", { class: "empty" },
    el("h2", {}, "Where does a gradient come from?"),
    el("p", {}, "Point at a line, a name or a node: all that it came from and all that is derived from it lights up in every pane. A click pins it."),
    el("ul", {},
      el("li", {}, el("b", { class: "V" }, "Green"), " are values, computed forward; ", el("b", { class: "G" }, "red"), " are gradients, computed back from the loss."),
      el("li", {}, "‖ · ‖ is the norm of an array. Where several arrows leave a node, what comes back along them adds."),
      el("li", {}, el("kbd", {}, "p"), " replays both passes a node at a time; ", el("kbd", {}, "?"), " lists all keys.")),
    el("p", {}, "Begin with a gradient:"),
    el("div", { class: "try" }, try_.map((g) => el("button", { onclick: () => pin(itemsOfNode(g.e), "detail") }, g.ct)))));
}
