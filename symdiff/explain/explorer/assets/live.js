// A page that is served follows its spec: it asks what has changed, is loaded anew when
// there is another version, and tells what is wrong while there is none. It needs nothing
// of the other scripts, so that it also serves before the first page could be made.

const ownVersion = document.querySelector('meta[name="symdiff-version"]').content;
const liveSign = document.createElement("span");
liveSign.id = "live";
liveSign.setAttribute("role", "status");
document.querySelector(".bar h1").after(liveSign);
const failure = document.createElement("section");
failure.id = "failure";
failure.setAttribute("role", "alert");
failure.hidden = true;
document.querySelector(".bar").after(failure);

function tellLive(kind, words) {
  liveSign.className = kind;
  liveSign.textContent = words;
}

function tellFailure(text) {
  if (failure.hidden === !text && (failure.hidden || failure.lastChild.textContent === text)) return;
  failure.hidden = !text;
  const [head, told] = ["strong", "pre"].map((tag) => document.createElement(tag));
  head.textContent = ownVersion === "0" ? "There is no page yet" : "The spec does not compile: this is the last version that did";
  told.textContent = text;
  failure.replaceChildren(head, told);
  dispatchEvent(new Event("resize")); // there is another size for the panes
}

function tellState(state) {
  if (state.busy) tellLive("busy", "compiling…");
  else if (state.error) tellLive("wrong", "error");
  else tellLive("calm", "live");
  tellFailure(state.error);
}

async function listen() {
  let seen = 0;
  for (;;) {
    try {
      const state = await (await fetch(`/changes?after=${seen}`)).json();
      seen = state.changes;
      if (state.version !== ownVersion) {
        if (typeof keepView === "function") keepView();
        location.reload();
        return;
      }
      tellState(state);
    } catch {
      tellLive("wrong", "symdiff explore has ended");
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}

listen();
