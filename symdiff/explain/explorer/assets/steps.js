// Replaying forward, then backward, a node at a time, as on the board.

const replay = { on: false, told: "", at: 0, timer: 0, list: [] };

function stepList() {
  const computed = nodes.filter((n) => !n.role);
  const leaves = nodes.filter((n) => n.role);
  const list = [{ phase: "f", leaves: leaves.map((n) => n.i) }];
  computed.forEach((n) => list.push({ phase: "f", i: n.i }));
  [...computed].reverse().forEach((n) => {
    if (n.ct) list.push({ phase: "b", i: n.i });
  });
  return list;
}

function startReplay(at = 0) {
  if (!replay.list.length) replay.list = stepList();
  replay.on = true;
  focus.pinned = focus.hovered = null;
  noteAddress(null);
  unlight();
  const b = (id, text, label, run) => el("button", { id, "aria-label": label, title: label, onclick: run }, text);
  const last = replay.list.length - 1;
  replay.told = telling; // what is replayed are the numbers
  if (telling === "names") tell("numbers");
  $("steps").hidden = false;
  $("steps").replaceChildren(
    el("div", { class: "row" },
      b("s-first", "|◀", "To the start", () => step(0)), b("s-prev", "◀", "Previous step (b)", () => step(replay.at - 1)),
      b("s-play", "▶", "Play or pause (space)", playPause), b("s-next", "▶|", "Next step (n)", () => step(replay.at + 1)),
      b("s-turn", "▶▶", "To the backward pass", () => step(replay.list.findIndex((s) => s.phase === "b"))),
      el("input", { type: "range", min: 0, max: last, value: 0, id: "s-range", "aria-label": "Step",
        oninput: (e) => step(+e.target.value) }),
      el("span", { class: "phase", id: "s-phase" }), b("s-close", "✕", "End the replay (Escape)", endReplay)),
    el("div", { id: "said", "aria-live": "polite" }));
  fit();
  step(at);
}

function endReplay() {
  clearInterval(replay.timer);
  replay.timer = 0;
  replay.on = false;
  $("steps").hidden = true;
  svg.classList.remove("stepping", "back");
  svg.querySelectorAll(".on, .now, .edge.f, .edge.b").forEach((e) => e.classList.remove("on", "now", "f", "b"));
  tell(replay.told);
  fit();
  relight();
}

function playPause() {
  if (replay.timer) {
    clearInterval(replay.timer);
    replay.timer = 0;
  } else {
    if (replay.at >= replay.list.length - 1) step(0);
    replay.timer = setInterval(() => {
      if (replay.at >= replay.list.length - 1) playPause();
      else step(replay.at + 1);
    }, 1500);
  }
  $("s-play").textContent = replay.timer ? "||" : "▶";
}

function step(to) {
  replay.at = Math.max(0, Math.min(replay.list.length - 1, to));
  const s = replay.list[replay.at];
  if (s.i !== undefined && reveal(s.i)) {
    redraw();
    fit();
  }
  // what has been computed by now
  const values = new Set();
  const handed = new Set();
  const grads = new Set();
  for (let k = 0; k <= replay.at; k++) {
    const past = replay.list[k];
    if (past.leaves) past.leaves.forEach((i) => values.add(i));
    else if (past.phase === "f") values.add(past.i);
    else {
      grads.add(past.i);
      nodes[past.i].hands.forEach((h) => handed.add(h));
    }
  }
  nodes.forEach((n) => {
    if (n.role && n.recv.length && n.recv.every((k) => handed.has(k))) grads.add(n.i);
  });
  svg.classList.add("stepping");
  svg.classList.toggle("back", s.phase === "b");
  for (const t of svg.querySelectorAll(".tag text")) {
    const { v, k, e } = t.dataset;
    t.classList.toggle("on", v !== undefined ? values.has(+v) : k !== undefined ? handed.has(+k) : grads.has(+e));
  }
  for (const [key, e] of boxEls) {
    const group = key[0] === "G" ? groups.get(key.slice(1)) : null;
    const members = group ? group.all : [+key.slice(1)];
    e.classList.toggle("on", members.some((i) => values.has(i)));
    e.classList.toggle("now", s.leaves ? members.some((i) => s.leaves.includes(i)) : members.includes(s.i));
    e.querySelectorAll(".spark").forEach((x) => x.classList.toggle("on",
      x.classList.contains("val") ? values.has(members[0]) : grads.has(members[0])));
  }
  for (const { edge, path } of edgeEls) {
    const into = edge.pairs.some(([, b]) => b === s.i);
    path.classList.toggle("f", s.phase === "f" && into);
    path.classList.toggle("b", s.phase === "b" && into && edge.pairs.some(([a, b]) => b === s.i && nodes[b].hands.some((k) => shares[k].s === a)));
  }
  lightCode(s);
  $("s-range").value = replay.at;
  const phases = replay.list.filter((x) => x.phase === s.phase);
  const name = s.phase === "f" ? "forward" : "backward";
  $("s-phase").className = "phase " + s.phase;
  $("s-phase").textContent = `${name} ${phases.indexOf(s) + 1} / ${phases.length}`;
  $("said").replaceChildren(...told(s));
}

function lightCode(s) {
  unlight();
  const items = s.leaves ? s.leaves.map((i) => "v" + i) : s.phase === "f" ? ["v" + s.i] : ["g" + s.i, ...nodes[s.i].hands.map((k) => "g" + shares[k].s)];
  for (const item of items) {
    [item, item.toUpperCase()].forEach((x) => (linesByItem.get(x) || []).forEach((e) => mark(e, "hit")));
    if (!s.leaves) spansOf[+item.slice(1)].forEach((k) => spanWords[k].forEach((e) => mark(e, "hit")));
  }
  if (s.i !== undefined) {
    showDetail(s.i);
    follow("graph", true);
    const b = scene.boxes.get(keyOf(standIn(s.i)));
    if (b && view.k < LEGIBLE) bringIntoView(s.i);
  }
}

function told(s) {
  if (s.leaves) return [el("p", {}, "What is given: inputs and parameters."), el("div", { class: "stat" }, s.leaves.slice(0, 16).map(go))];
  const n = nodes[s.i];
  if (s.phase === "f") {
    return [eq(math(n.m), "=", math(n.f.m), n.v ? ["=", summary(n.v, "V")] : null)];
  }
  const parts = [];
  const given = n.seed ? [number(1, "G")] : [];
  const adding = [...given, ...n.recv.map((k) => summary(shares[k].v, "G"))];
  if (n.seed && adding.length === 1) parts.push(eq("Start:", math(n.cm), "=", given));
  else if (adding.length > 1) {
    parts.push(eq(n.seed ? "Given, and fan-out adds:" : "Fan-out adds:", math(n.cm), "=", adding.map((x, nth) => [nth ? "+" : "", x]), n.g ? ["=", summary(n.g, "G")] : null));
  } else parts.push(eq("Upstream:", math(n.cm), n.g ? ["=", summary(n.g, "G")] : null));
  for (const k of n.hands) {
    const h = shares[k];
    const to = nodes[h.s];
    const done = to.recv.length > 1 ? el("span", { class: "muted" }, `one of ${to.recv.length} that add`) : null;
    parts.push(h.l
      ? eq("to", math(to.m), ": local", partial(n.m, to.m), "=", math(h.l.m), "× upstream", math(n.cm), "=", h.v ? summary(h.v, "G") : math(h.f.m), done)
      : eq("to", math(to.m), ":", math(h.f.m), h.v ? ["=", summary(h.v, "G")] : null, done));
  }
  return parts;
}
