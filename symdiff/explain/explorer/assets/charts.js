// The norms of the parameters' gradients by layer: vanishing and exploding ones are seen.

function showNorms() {
  const size = (v) => (!v ? null : scalar(v) ? (isBad(v.x) ? NaN : Math.abs(v.x)) : spoiled(v) ? NaN : Math.min(v.norm ?? 0, Number.MAX_VALUE));
  const rows = D.gradients.filter((g) => g.e !== null && nodes[g.e].g)
    .map((g) => ({ g, n: nodes[g.e], norm: size(nodes[g.e].g), own: size(nodes[g.e].v) }));
  if (rows.length < 2 || rows.every((r) => scalar(r.n.g) && !Number.isNaN(r.norm))) return;
  const top = Math.max(...rows.map((r) => r.norm).filter((x) => x > 0), Number.MIN_VALUE);
  // What is a zero but for rounding, beside others of its layer that are not: the bias of
  // keys before a softmax, say.
  const layers = new Map();
  for (const r of rows) layers.set(r.n.s.join("/"), Math.max(layers.get(r.n.s.join("/")) || 0, r.norm || 0));
  const isZero = (r) => r.norm === 0 || (r.norm < top * 1e-14 && r.norm < layers.get(r.n.s.join("/")) * 1e-12);
  const fine = rows.filter((r) => r.norm > 0 && !isZero(r)).map((r) => r.norm);
  const low = Math.min(...fine, top);
  const log = top / low > 300;
  const wide = (x) => {
    if (Number.isNaN(x)) return 100;
    if (!(x >= low)) return x > 0 && log ? 1 : 0;
    return log ? 4 + (96 * (Math.log10(x) - Math.log10(low) + 0.05)) / (Math.log10(top) - Math.log10(low) + 0.05) : (100 * x) / top;
  };
  const notes = [];
  const broken = rows.filter((r) => Number.isNaN(r.norm)).length;
  const zero = rows.filter(isZero).length;
  const small = rows.filter((r) => !isZero(r) && r.norm < top * 1e-5).length;
  if (broken) notes.push(`${broken} not finite`);
  if (small && !broken) notes.push(`${small} vanish beside the largest`);
  const calm = notes.length === 0;
  if (zero && !broken) notes.push(`${zero} are zero`);
  if (top > 1e3) notes.push("large: may explode");
  const list = el("div", { class: "bars" });
  let layer = null;
  for (const r of rows) {
    const name = r.n.s.join(" / ");
    if (name && name !== layer && rows.length > 6) list.append(el("div", { class: "layer" }, name));
    layer = name;
    const track = el("div", { class: "track", title: r.own ? `‖gradient‖ / ‖value‖ = ${fmt(r.norm / r.own, 3)}` : "" }, el("b"));
    track.firstChild.style.width = wide(r.norm) + "%";
    list.append(el("button", { onclick: () => pin(itemsOfNode(r.g.e), "norms"),
      onmouseenter: () => hover(itemsOfNode(r.g.e), "norms"), onmouseleave: () => hover(null, "norms") }, r.g.ct),
    track, el("span", { class: "num" + (Number.isNaN(r.norm) ? " bad" : "") }, Number.isNaN(r.norm) ? badWords(r.n.g) : fmt(scalar(r.n.g) ? r.norm : r.n.g.norm ?? 0, 3)));
  }
  $("norms").append(el("details", { open: !calm || top > 1e3 },
    el("summary", {}, `Gradient norms, in the order of the layers${log ? " (log scale)" : ""} `,
      notes.length ? el("span", { class: "warn" }, notes.join("; ")) : null), list));
}

function showLegend() {
  const entry = (colour, text) => el("span", {}, el("i", { style: `background: var(${colour})` }), text);
  $("legend").append(...(numbered ? [entry("--value", "value"), entry("--grad", "gradient")] : []),
    entry("--from", "came from"), entry("--to", "derived from it"));
  $("source").textContent = numbered ? "at " + D.values : "no values: add --values random";
}
