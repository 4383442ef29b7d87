// The inside of a loop or branch: its statements with the index of the step, the
// recursion of the cotangents, and a slider for the numbers of one step.

const loopOf = new Map((D.loops || []).map((x) => [x.e, x]));
// The step that is shown, of each loop.
const stepOf = new Map((D.loops || []).map((x) => [x.e, x.kept ? Math.max(x.kept.indexOf(x.most), 0) : null]));

function insidePart(n) {
  const i = loopOf.has(n.i) ? n.i : n.op === "item" ? n.o[0] : null;
  const loop = loopOf.get(i);
  if (!loop) return [];
  const body = el("div");
  const show = () => body.replaceChildren(...loop.sides.map((side) => sidePart(loop, side, stepOf.get(i))));
  const parts = [title(loop.index ? "Inside the loop" : "Both sides")];
  if (loop.index && loop.kept) parts.push(slider(loop, i, show));
  show();
  return [...parts, body];
}

function slider(loop, i, show) {
  const said = el("output", { class: "num" });
  const tell = () => {
    const t = loop.kept[stepOf.get(i)];
    said.textContent = `${loop.index} = ${t}${t === loop.most ? ", which adds most" : ""}`;
    range.setAttribute("aria-valuetext", said.textContent);
  };
  const range = el("input", { type: "range", min: 0, max: loop.kept.length - 1, step: 1, value: stepOf.get(i),
    "aria-label": "step " + loop.index,
    oninput: () => { stepOf.set(i, +range.value); tell(); show(); } });
  tell();
  const some = loop.kept.length < loop.count ? `${loop.kept.length} of ${loop.count} steps` : `${loop.count} steps`;
  return el("div", { class: "slider" }, range, said, el("span", { class: "muted" }, some));
}

const stated = (s) => eq(math(s.m), "=", math(s.f.m), el("span", { class: "muted" }, s.w));

function sidePart(loop, side, at) {
  const taken = side.taken === undefined ? "" : side.taken ? "   (taken here)" : "   (not taken here)";
  const parts = [el("div", { class: "turns" }, el("code", {}, side.title + ":"), el("span", { class: "muted" }, taken))];
  parts.push(loop.starts.map(stated));
  let place = null;
  for (const e of side.entries) {
    if (e.at !== place && e.text) parts.push(el("div", { class: "quote" }, el("small", {}, e.at), e.text));
    place = e.at;
    parts.push(stepEntry(e, at));
  }
  if (side.back.length) {
    parts.push(title(loop.index ? "From the last step to the first" : "What it hands back"), side.back.map(stated));
  }
  return el("div", { class: "inside" }, parts);
}

function stepEntry(e, at) {
  const value = (list, kind) => (list && at !== null && list[at] ? ["=", summary(list[at], kind)] : null);
  const parts = [e.f ? eq(math(e.m), "=", math(e.f.m), value(e.v, "V")) : null];
  if (e.cm) {
    const sum = e.recv.flatMap((s, k) => [k ? "+" : "", math(s.f.m)]);
    parts.push(el("div", { class: "share" }, eq(math(e.cm), sum.length ? ["=", sum] : null,
      e.given && !sum.length ? el("span", { class: "muted" }, e.given) : null, value(e.g, "G"))));
  }
  return el("div", { class: "step", "data-name": e.n }, parts);
}

// What each step adds to an element of a contribution (or to a number), largest first.
function stepTerms(share, k) {
  const found = share.steps;
  if (!found) return null;
  const of = (v) => (scalar(v) ? v.x : elements(v)?.[k]);
  const terms = found.v.map((v, j) => ({ label: `${found.index} = ${found.at[j]}`, product: Number(of(v)), at: j }));
  if (found.rest) terms.push({ label: `${found.others} other steps`, product: Number(of(found.rest)), at: null });
  if (terms.some((t) => Number.isNaN(t.product))) return null;
  return terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
}

function stepTable(share, k) {
  const terms = stepTerms(share, k);
  if (!terms) return null;
  const go = (t) => { stepOf.set(share.steps.loop, t.at); pin(itemsOfNode(share.steps.loop), "detail"); showDetail(share.steps.loop, -1); };
  const rows = terms.slice(0, 8).map((t) => el("tr", {}, el("td", {}, number(t.product, "G")),
    el("td", {}, t.at === null ? t.label : el("span", { class: "muted linkto", role: "link", tabindex: 0,
      onclick: () => go(t), onkeydown: (e) => e.key === "Enter" && go(t) }, "from step " + t.label))));
  const rest = terms.slice(8);
  const more = rest.length ? el("div", { class: "muted" },
    `and ${rest.length} smaller ones, together ${fmt(rest.reduce((s, t) => s + t.product, 0))}`) : null;
  return el("div", { class: "steps" }, el("table", {}, el("tbody", {}, rows)), more,
    el("div", { class: "muted" }, `a sum over the ${terms.length} steps of the loop, largest first`));
}
