// What is seen stays as it is when the page is loaded anew for another version of the spec:
// layers that are open, place and scale of the graph, tabs, scrolled panes, colours. What is
// pinned stands in the address.

const KEPT = "symdiff-view";

function keepView() {
  const code = [...document.querySelectorAll(".code")];
  const kept = {
    chosen, toldByUser, horizontal, telling, view: { ...view }, size: [scene.width, scene.height],
    open: [...groups.values()].map((g) => [g.id, g.open]),
    dark: document.documentElement.classList.contains("dark"),
    splits: document.documentElement.getAttribute("style"),
    tabs: code.filter((e) => !e.hidden).map((e) => e.id),
    scrolled: [...code, detail].map((e) => [e.id, e.scrollTop, e.scrollLeft]),
    replayed: replay.on ? replay.at : null,
    compared: isCompared && !comparison.hidden,
    comparedTab: comparison.querySelector(".tab[aria-selected=true]")?.dataset.compared,
  };
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // a browser that keeps nothing shows the new page from its beginning
  }
}

function keptView() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
    return kept;
  } catch {
    return null;
  }
}

function resumeView() {
  const kept = keptView();
  if (!kept) return;
  if (kept.dark !== document.documentElement.classList.contains("dark")) theme();
  if (kept.splits) document.documentElement.setAttribute("style", kept.splits);
  kept.tabs.forEach(openTab);
  if (isCompared) {
    showCompared(kept.compared);
    if (kept.comparedTab) openCompared(kept.comparedTab);
  }
  chosen = kept.chosen;
  toldByUser = kept.toldByUser;
  horizontal = kept.horizontal;
  telling = kept.telling;
  $("b-telling").value = telling;
  kept.open.forEach(([id, open]) => { if (groups.has(id)) groups.get(id).open = open; });
  redraw();
  fit();
  if (Math.abs(scene.width - kept.size[0]) + Math.abs(scene.height - kept.size[1]) < 1) {
    Object.assign(view, kept.view);
    apply();
  }
  if (kept.replayed !== null) startReplay(kept.replayed);
  else if (focus.pinned) pin(focus.pinned, "address");
  // after the panes have followed the pin
  setTimeout(() => kept.scrolled.forEach(([id, top, left]) => { if ($(id)) $(id).scrollTo(left, top); }), 0);
}

resumeView();
