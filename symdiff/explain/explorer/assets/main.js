// What happens at first, and on the graph.

const WORDS_OF = { all: "Formulas", numbers: "Numbers", names: "Names" };

function clickBox(box) {
  if (box.dataset.g !== undefined) {
    const group = groups.get(box.dataset.g);
    setOpen(group, true);
    focusBox(keyOf(standIn(group.all[0])));
    return;
  }
  const i = +box.dataset.n;
  const same = focus.pinned && mainNode(focus.pinned) === i;
  pin(same ? null : itemsOfNode(i), "graph");
}

svg.addEventListener("mouseover", (e) => {
  if (replay.on) return;
  const box = e.target.closest(".box");
  if (!box) return hover(null, "graph");
  const group = box.dataset.g !== undefined ? groups.get(box.dataset.g) : null;
  return hover(group ? group.all.map((i) => "v" + i) : itemsOfNode(+box.dataset.n), "graph");
});
svg.addEventListener("mouseleave", () => !replay.on && hover(null, "graph"));
svg.addEventListener("click", (e) => {
  const hull = e.target.closest(".hull");
  const box = e.target.closest(".box");
  if (box) clickBox(box);
  else if (hull && !e.target.closest("rect:not(.head)")) setOpen(groups.get(hull.dataset.hull), false);
  else if (focus.pinned) pin(null);
});

$("b-step").onclick = () => (replay.on ? endReplay() : startReplay());
$("b-fold").onclick = () => allOpen(![...groups.values()].some((g) => g !== root && g.open));
$("b-fold").hidden = groups.size === 1;
$("b-turn").onclick = turn;
$("b-telling").append(...ways.map((way) => el("option", { value: way }, WORDS_OF[way])));
$("b-telling").onchange = (e) => { chosen = toldByUser = true; tell(e.target.value); };
$("b-fit").onclick = fit;
$("b-svg").onclick = saveSvg;
$("b-png").onclick = savePng;
$("b-theme").onclick = theme;
$("b-help").onclick = () => $("help").showModal();
addEventListener("keydown", onKey);
addEventListener("resize", resized);
// On paper the graph has whatever room its page gives it.
addEventListener("beforeprint", () => {
  svg.setAttribute("viewBox", `-20 -20 ${scene.width + 40 + behind(horizontal)} ${scene.height + 74}`);
  layerOfAll.removeAttribute("transform");
});
addEventListener("afterprint", () => {
  svg.removeAttribute("viewBox");
  apply();
});

if (matchMedia("(prefers-color-scheme: dark)").matches) theme();
showLegend();
showNorms();
startPanes();
startSearch();
startHelp();
startPanning();
startMap();
startJumps();
openAtFirst();
redraw();
begin();
showNothing();
startAddress();
startComparison();
