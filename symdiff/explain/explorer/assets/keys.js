// The keyboard, the search and the help.

const KEYS = [
  ["← → ↑ ↓", "walk from node to node: to what it reads, to its readers, to its neighbours"],
  ["Enter", "pin the node or line, and let go of it"],
  ["Escape", "let go, end the replay, close"],
  ["f / u", "fold the layer of a node / unfold the layer"],
  ["Shift F / U", "fold / unfold all layers"],
  ["+ − 0", "larger, smaller, fit"],
  ["r", "the graph from left to right, or downwards"],
  ["d", "more or less in the boxes: formulas, numbers, names"],
  ["p", "replay; then Space plays and pauses, n and b go on and back"],
  ["/", "search nodes and lines"],
  ["1 2 3 4 5", "go to spec, graph, forward.py, backward.py, detail"],
  ["j k", "in code: next and previous linked line"],
  ["c", "compare side by side, where the page was made against another"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

function current() {
  const e = document.activeElement;
  return e && e.closest && e.closest(".box") ? e.closest(".box") : null;
}

function focusBox(key) {
  const e = boxEls.get(key);
  if (!e) return;
  e.focus({ preventScroll: true });
  const group = key[0] === "G" ? groups.get(key.slice(1)) : null;
  const i = group ? group.all[0] : +key.slice(1);
  bringIntoView(i);
  hover(group ? group.all.map((m) => "v" + m) : itemsOfNode(i), "graph");
}

function arrow(e, key) {
  const b = scene.boxes.get(key);
  const names = horizontal ? { ArrowLeft: -1, ArrowRight: 1 } : { ArrowUp: -1, ArrowDown: 1 };
  const way = names[e.key];
  const middle = (x) => [x.x + x.w / 2, x.y + x.h / 2];
  const [cx, cy] = middle(b);
  const across = (x) => (horizontal ? Math.abs(middle(x)[1] - cy) : Math.abs(middle(x)[0] - cx));
  let found = [];
  if (way) {
    for (const edge of scene.edges) {
      if (way < 0 && keyOf(edge.b) === key) found.push(keyOf(edge.a));
      if (way > 0 && keyOf(edge.a) === key) found.push(keyOf(edge.b));
    }
  } else {
    const sign = e.key === "ArrowLeft" || e.key === "ArrowUp" ? -1 : 1;
    for (const [other, x] of scene.boxes) {
      const [ox, oy] = middle(x);
      const by = horizontal ? oy - cy : ox - cx;
      const off = horizontal ? Math.abs(ox - cx) : Math.abs(oy - cy);
      if (by * sign > 1 && off < 140) found.push(other);
    }
  }
  found.sort((p, q) => across(scene.boxes.get(p)) - across(scene.boxes.get(q)));
  if (found.length) focusBox(found[0]);
}

function foldAt(key, open) {
  const group = key[0] === "G" ? groups.get(key.slice(1)) : groupOf[+key.slice(1)];
  if (group === root || group.open === open) return;
  setOpen(group, open);
  focusBox(open ? keyOf(standIn(group.all[0])) : "G" + group.id);
}

function allOpen(open) {
  chosen = true;
  for (const g of groups.values()) if (g !== root) g.open = open;
  tellWhatFits();
  redraw();
  fit();
}

const AT = { 1: "#p-spec .code:not([hidden])", 2: "#svg", 3: "#p-forward .code:not([hidden])",
  4: "#p-backward .code:not([hidden])", 5: "#detail" };

function onKey(e) {
  const typing = e.target.matches("input[type=search], select, textarea");
  if (typing || e.metaKey || e.ctrlKey || e.altKey || $("help").open) return;
  if (isCompared && !comparison.hidden && !["c", "t", "?"].includes(e.key)) return;
  const box = current();
  const key = box ? (box.dataset.n !== undefined ? "N" + box.dataset.n : "G" + box.dataset.g) : null;
  const inGraph = key || document.activeElement === svg || document.activeElement === document.body;
  const run = {
    Escape: () => (replay.on ? endReplay() : pin(null)),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit,
    "/": () => $("search").focus(), "?": () => $("help").showModal(),
    p: () => (replay.on ? endReplay() : startReplay()), r: turn, t: theme, d: tellNext, c: () => isCompared && showCompared(comparison.hidden),
    F: () => allOpen(false), U: () => allOpen(true),
    f: () => key && foldAt(key, false), u: () => key && foldAt(key, true),
    n: () => replay.on && step(replay.at + 1), b: () => replay.on && step(replay.at - 1),
    " ": () => replay.on && playPause(),
    Enter: () => key && clickBox(box),
  }[e.key];
  if (e.key === " " && (!replay.on || e.target.matches("button"))) return;
  if (e.key === "Enter" && !key) return;
  if (AT[e.key]) {
    const pane = document.querySelector(AT[e.key]);
    if (pane) pane.focus();
    if (e.key === "2" && !key) focusBox([...scene.boxes.keys()][0]);
  } else if (run) run();
  else if (e.key.startsWith("Arrow") && inGraph && !e.target.matches("input")) {
    if (key) arrow(e, key);
    else focusBox(keyOf(standIn(D.results.length ? D.results[0] : nodes.length - 1)));
  } else return;
  e.preventDefault();
}

function tellNext() {
  chosen = toldByUser = true;
  tell(ways[(ways.indexOf(telling) + 1) % ways.length]);
}

function tellDirection() {
  $("b-turn").textContent = horizontal ? "↓" : "→";
  $("b-turn").setAttribute("aria-label", horizontal ? "Downwards" : "From left to right");
}

function turn() {
  chosen = true;
  horizontal = !horizontal;
  tellWhatFits();
  redraw();
  fit();
  if (replay.on) step(replay.at);
}

function theme() {
  document.documentElement.classList.toggle("dark");
  if (detailed !== null) {
    const i = detailed;
    detailed = null;
    showDetail(i); // pictures have colours of their own
  }
}

// --- search --------------------------------------------------------------------------

function candidates(text) {
  const wanted = text.toLowerCase();
  const found = [];
  for (const n of nodes) {
    const words = `${n.n} ${n.own || ""} ${n.ct || ""} ${n.op} ${n.f ? n.f.t : n.role} ${n.s.join("/")}`.toLowerCase();
    const k = words.indexOf(wanted);
    if (k >= 0) found.push([k + (n.n.toLowerCase() === wanted ? -10 : 0), n]);
  }
  const chosen = found.sort((a, b) => a[0] - b[0] || a[1].i - b[1].i).slice(0, 30).map(([, n]) => ({
    words: [n.n, n.f ? n.f.t : `${n.role} ${n.own}`], go: () => goNode(n) }));
  const lines = [...document.querySelectorAll("#main .ln")].filter((e) => e.textContent.toLowerCase().includes(wanted));
  return chosen.concat(lines.slice(0, 20).map((e) => {
    const pane = e.closest(".code");
    return { words: [`${pane.dataset.file}:${e.dataset.l}`, e.querySelector("code").textContent.trim()], go: () => goLine(e, pane) };
  }));
}

function goNode(n) {
  if (reveal(n.i)) {
    redraw();
    fit();
  }
  pin(itemsOfNode(n.i), "search");
  const e = boxEls.get("N" + n.i);
  if (e) e.focus({ preventScroll: true });
}

function goLine(e, pane) {
  openTab(pane.id);
  const items = itemsAt(e);
  if (items && items.length) pin(items, pane.parentElement.id);
  document.querySelectorAll(".cursor").forEach((x) => x.classList.remove("cursor"));
  e.classList.add("cursor");
  e.scrollIntoView({ block: "center" });
  pane.focus({ preventScroll: true });
}

function startSearch() {
  const box = $("search");
  const list = $("found");
  let chosen = 0;
  const choose = (x) => {
    list.hidden = true;
    box.value = "";
    box.blur();
    x.go();
  };
  const show = () => {
    const found = box.value ? candidates(box.value) : [];
    chosen = Math.min(chosen, Math.max(found.length - 1, 0));
    list.hidden = !found.length;
    list.replaceChildren(...found.map((x, k) => el("li", { role: "option", "aria-selected": String(k === chosen),
      onmousedown: (e) => { e.preventDefault(); choose(x); } }, x.words[0], el("span", {}, x.words[1]))));
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
    return found;
  };
  box.addEventListener("input", () => { chosen = 0; show(); });
  box.addEventListener("blur", () => { list.hidden = true; });
  box.addEventListener("keydown", (e) => {
    const found = show();
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      chosen = Math.max(0, Math.min(found.length - 1, chosen + (e.key === "ArrowDown" ? 1 : -1)));
      show();
      e.preventDefault();
    } else if (e.key === "Enter" && found.length) choose(found[chosen]);
    else if (e.key === "Escape") {
      box.value = "";
      box.blur();
      list.hidden = true;
    }
    e.stopPropagation();
  });
}

function startHelp() {
  $("help").append(el("h2", {}, "Keys"),
    el("table", {}, KEYS.map(([k, words]) => el("tr", {}, el("td", {}, el("kbd", {}, k)), el("td", {}, words)))),
    el("p", {}, el("button", { autofocus: true, style: "border-color: var(--line)", onclick: () => $("help").close() }, "Close")));
}
