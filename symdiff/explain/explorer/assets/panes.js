// Code panes, their tabs, and the bars between panes.

function openTab(id) {
  const pane = $(id);
  if (!pane) return;
  const section = pane.parentElement;
  section.querySelectorAll(".code").forEach((e) => { e.hidden = e !== pane; });
  section.querySelectorAll(".tab").forEach((e) => e.setAttribute("aria-selected", String(e.getAttribute("aria-controls") === id)));
  const jump = section.querySelector(".jump");
  if (jump) fillJump(jump, pane);
}

function fillJump(jump, pane) {
  jump.replaceChildren(el("option", { value: "" }, "function…"));
  pane.querySelectorAll(".ln .f").forEach((e) => {
    const line = e.closest(".ln");
    if (/^(def|class) /.test(line.querySelector("code").textContent)) {
      jump.append(el("option", { value: line.dataset.l }, e.textContent));
    }
  });
}

function scrollToFunction(pane, names) {
  for (const name of names) {
    const found = [...pane.querySelectorAll(".ln .f")].find((e) => e.textContent === name);
    if (found) {
      pane.scrollTop = found.closest(".ln").offsetTop - 12;
      return;
    }
  }
}

function startPanes() {
  document.querySelectorAll("#main .tabs").forEach((tabs) => {
    const section = tabs.parentElement;
    tabs.addEventListener("click", (e) => {
      const tab = e.target.closest(".tab");
      if (tab) openTab(tab.getAttribute("aria-controls"));
    });
    tabs.addEventListener("keydown", (e) => {
      if (e.key !== "ArrowRight" && e.key !== "ArrowLeft") return;
      const all = [...tabs.querySelectorAll(".tab")];
      const next = all[all.indexOf(document.activeElement) + (e.key === "ArrowRight" ? 1 : -1)];
      if (next) {
        next.focus();
        next.click();
      }
      e.stopPropagation();
    });
    if (section.id !== "p-spec") {
      const jump = el("select", { class: "jump", "aria-label": "Go to a function",
        onchange: (e) => {
          const pane = section.querySelector(".code:not([hidden])");
          const line = pane.querySelector(`[data-l="${+e.target.value}"]`);
          if (line) pane.scrollTop = line.offsetTop - 12;
          e.target.selectedIndex = 0;
        } });
      tabs.append(jump);
      fillJump(jump, section.querySelector(".code"));
    }
    section.addEventListener("mouseover", (e) => {
      if (replay.on || !e.target.closest(".code")) return;
      hover(itemsAt(e.target), section.id);
    });
    section.addEventListener("mouseleave", () => !replay.on && hover(null, section.id));
    section.addEventListener("click", (e) => {
      const items = e.target.closest(".code") && !String(getSelection()) && itemsAt(e.target);
      if (items && items.length) pin(items, section.id);
    });
    section.addEventListener("keydown", (e) => codeKeys(e, section));
  });
  document.querySelectorAll(".split").forEach(startSplit);
  const at = { forward0: ["forward"], backward0: ["backward"], backward1: ["apply_update"] };
  for (const [id, names] of Object.entries(at)) {
    const pane = $(id);
    if (!pane) continue;
    const was = pane.hidden;
    pane.hidden = false;
    scrollToFunction(pane, names);
    const top = pane.scrollTop;
    pane.hidden = was;
    if (was) pane.dataset.top = top;
  }
  const first = spanLines.find((x) => x.length);
  if (first) {
    const pane = first[0].closest(".code");
    pane.scrollTop = Math.max(0, first[0].offsetTop - 40);
  }
}

// Up and down walk the lines that are linked to something; Enter pins.
function codeKeys(e, section) {
  const pane = e.target.closest(".code");
  if (!pane || !["ArrowDown", "ArrowUp", "j", "k", "Enter"].includes(e.key)) return;
  const lines = [...pane.querySelectorAll(".ln[data-li], .ln[data-ls]")];
  if (!lines.length) return;
  let k = lines.findIndex((x) => x.classList.contains("cursor"));
  if (e.key === "Enter") {
    if (k >= 0) pin(itemsAt(lines[k]), section.id);
  } else {
    const down = e.key === "ArrowDown" || e.key === "j";
    const next = k < 0 ? lines.findIndex((x) => x.offsetTop >= pane.scrollTop) : k + (down ? 1 : -1);
    if (k >= 0) lines[k].classList.remove("cursor");
    k = Math.max(0, Math.min(lines.length - 1, next));
    lines[k].classList.add("cursor");
    lines[k].scrollIntoView({ block: "nearest" });
    hover(itemsAt(lines[k]), section.id);
  }
  e.preventDefault();
  e.stopPropagation();
}

function startSplit(bar) {
  const name = bar.dataset.split;
  const main = $("main");
  const set = (share) => {
    document.documentElement.style.setProperty(name, `${Math.max(10, Math.min(80, share)).toFixed(1)}%`);
  };
  const share = (e) => {
    const r = main.getBoundingClientRect();
    if (bar.classList.contains("h")) return (100 * (e.clientY - r.top)) / r.height;
    const x = (100 * (e.clientX - r.left)) / r.width;
    return name === "--right" ? 100 - x : x;
  };
  bar.addEventListener("pointerdown", (e) => {
    bar.setPointerCapture(e.pointerId);
    bar.onpointermove = (m) => set(share(m));
    bar.onpointerup = () => { bar.onpointermove = null; fit(); };
    e.preventDefault();
  });
  bar.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: -2, ArrowUp: -2, ArrowRight: 2, ArrowDown: 2 }[e.key];
    if (!by) return;
    const now = parseFloat(getComputedStyle(document.documentElement).getPropertyValue(name));
    set(now + (name === "--right" ? -by : by));
    e.preventDefault();
    e.stopPropagation();
  });
}

// On a phone: from pane to pane, which lie below one another.
function startJumps() {
  for (const button of document.querySelectorAll("#jumps button")) {
    button.onclick = () => $(button.dataset.to).scrollIntoView({ block: "start" });
  }
}
