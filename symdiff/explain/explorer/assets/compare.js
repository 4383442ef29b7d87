// Two explorers side by side: what was added, removed and changed. Lines and names of both
// sides know their nodes by name; a click leads to the node, where this page has it.

const comparison = $("compare");
const isCompared = comparison.childElementCount > 0;

function showCompared(way) {
  comparison.hidden = !way;
  document.body.classList.toggle("comparing", way);
  $("main").hidden = way;
  $("jumps").hidden = way;
  $("b-compare").setAttribute("aria-pressed", String(way));
  $("b-compare").textContent = way ? "Explore" : "Compare";
  if (!way) fit();
}

function openCompared(tab) {
  comparison.querySelectorAll(".tab").forEach((e) => e.setAttribute("aria-selected", String(e.dataset.compared === tab)));
  comparison.querySelectorAll(".compared").forEach((e) => { e.hidden = e.dataset.compared !== tab; });
}

const namesAt = (target) => {
  const e = target.closest("[data-names], [data-name]");
  return e ? (e.dataset.names || e.dataset.name).split(" ") : [];
};

function lightCompared(names) {
  comparison.querySelectorAll(".hit").forEach((e) => e.classList.remove("hit"));
  if (!names.length) return;
  comparison.querySelectorAll(".compared:not([hidden]) :is([data-names], [data-name])").forEach((e) => {
    e.classList.toggle("hit", namesAt(e).some((x) => names.includes(x)));
  });
}

function startComparison() {
  if (!isCompared) return;
  $("b-compare").hidden = false;
  $("b-compare").onclick = () => showCompared(comparison.hidden);
  comparison.addEventListener("mouseover", (e) => lightCompared(namesAt(e.target)));
  comparison.addEventListener("click", (e) => {
    const tab = e.target.closest(".tab");
    if (tab) return openCompared(tab.dataset.compared);
    const found = namesAt(e.target).filter((x) => byName.has(x)).map((x) => byName.get(x));
    if (!found.length || String(getSelection())) return undefined;
    showCompared(false);
    return pin(itemsOfNode(Math.max(...found)), "compare");
  });
  // the first tab in which something differs
  const first = [...comparison.querySelectorAll(".tab")].find((e) => !e.textContent.endsWith("="));
  openCompared(first ? first.dataset.compared : "0");
  if (!location.hash.slice(1)) showCompared(true);
}
