// The address tells what is pinned, and what it tells is pinned: a link can be passed on,
// Back and Forward go from pin to pin. "#h" is a node; "#gradient:h,value:x" are items.

const ITEM_WORDS = { v: "value", g: "gradient", r: "rule" };
const ITEM_LETTERS = { value: "v", gradient: "g", rule: "r" };
const TOLD = 12; // items of an address, at most

function addressOf(items) {
  if (!items || !items.length) return "";
  const i = mainNode(items);
  const whole = i !== null && itemsOfNode(i).join() === items.join();
  if (i !== null && (whole || items.length > TOLD)) return encodeURIComponent(nodes[i].n);
  return items.map((x) => (x === "u" ? "update" : `${ITEM_WORDS[x[0]]}:${encodeURIComponent(nodes[+x.slice(1)].n)}`)).join(",");
}

// The items of an address; what is not of this page, such as a node that is gone, is left out.
function itemsOfAddress(hash) {
  let told;
  try {
    told = hash.replace(/^#/, "").split(",").map(decodeURIComponent);
  } catch {
    return null; // cut within a character
  }
  const found = told.flatMap((text) => {
    if (text === "update") return ["u"];
    if (byName.has(text)) return itemsOfNode(byName.get(text));
    const [kind, name] = text.split(":");
    return ITEM_LETTERS[kind] && byName.has(name) ? [ITEM_LETTERS[kind] + byName.get(name)] : [];
  });
  return found.length ? found : null;
}

function noteAddress(items) {
  const wanted = addressOf(items);
  if (wanted === location.hash.slice(1)) return;
  try {
    history.pushState(null, "", "#" + wanted);
  } catch {
    // a page in a frame has no address of its own
  }
}

function followAddress() {
  if (addressOf(focus.pinned) === location.hash.slice(1)) return;
  if (replay.on) endReplay();
  pin(itemsOfAddress(location.hash), "address");
}

// Back and Forward say "popstate", a hash that is typed says "hashchange" as well.
function startAddress() {
  addEventListener("popstate", followAddress);
  addEventListener("hashchange", followAddress);
  followAddress();
}
