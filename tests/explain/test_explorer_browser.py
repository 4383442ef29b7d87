"""The explorer in a real browser: links, folds, keys, replay, print, 1,000 nodes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explain.browser import chromium, complaints, opened, requests, resize, scheme
from explain.test_explorer import DIGITS, explorer_of, hostile

import symdiff as sd

DEEP = """
import symdiff as sd

h = x = sd.input("x", (sd.dim("N"), 8))
for k in range({layers}):
    with sd.scope(f"layer{{k}}"):
        h = h + 0.5 * sd.tanh(h @ sd.param("W", (8, 8)) + sd.param("b", 8))
loss = sd.mean(h**2)
model = sd.Model("deep", inputs=[x], targets=[], outputs={{"h": h}}, loss=loss,
                 optimizer=sd.optim.SGD(0.1))
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages that the tests open, each written once."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, Any] = {
        "digits": explorer_of(DIGITS, values="random"),
        "hostile": hostile(folder),
    }
    for name, layers in (("deep", 145), ("few", 14)):
        (folder / f"{name}.py").write_text(DEEP.format(layers=layers), "utf-8")
        made[name] = explorer_of(folder / f"{name}.py", values="random")
    x = sd.input("x", 3)
    roots = sd.compile(sd.Function("roots", [x], sd.sum(sd.sqrt(x))))
    made["roots"] = roots.explore(values={"x": np.array([-1.0, 0.0, 4.0])})
    a, b = sd.input("a", ()), sd.input("b", ())
    q = a * b
    circuit = sd.compile(sd.Function("circuit", [a, b], q * q + q))
    made["circuit"] = circuit.explore(values={"a": 2, "b": 3})
    for name, page in made.items():
        page.write(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


class Page:
    """An open page, and what a test asks of it."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def js(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def settled(self) -> None:
        """Wait until two frames have been drawn, and the panel has followed."""
        self.browser.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => "
            "setTimeout(done, 130)));"
        )

    def box(self, name: str) -> str:
        """Return the selector of a node's box."""
        number = self.js(
            "const n = JSON.parse(document.getElementById('data').textContent).nodes;"
            "return n.findIndex((x) => x.n === arguments[0]);",
            name,
        )
        return f'.box[data-n="{number}"]'

    def fire(self, event: str, selector: str, text: str = "") -> None:
        """Let something happen to the first element that has a text."""
        found = self.js(
            "const [event, selector, text] = arguments;"
            "const e = [...document.querySelectorAll(selector)]"
            "  .find((e) => e.textContent.includes(text));"
            "if (!e) return false;"
            "e.dispatchEvent(new MouseEvent(event, {bubbles: true}));"
            "return true;",
            event,
            selector,
            text,
        )
        assert found, f"nothing is {selector} with {text!r}"
        self.settled()

    def hover(self, selector: str, text: str = "") -> None:
        self.fire("mouseover", selector, text)

    def click(self, selector: str, text: str = "") -> None:
        self.fire("click", selector, text)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.js(
                "(document.activeElement || document.body).dispatchEvent("
                "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))",
                key,
            )
        self.settled()

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((e) => e.textContent)",
            selector,
        )
        return found

    def hits(self, pane: str) -> str:
        return "\n".join(self.texts(f"#{pane} .ln.hit code"))

    def count(self, selector: str) -> int:
        return len(self.texts(selector))


@pytest.fixture
def page(session: Any, pages: dict[str, Path], request: Any) -> Iterator[Page]:
    """The page that a test is marked with, digits by default; it must not complain."""
    name = getattr(request, "param", "digits")
    scheme(session, "light")
    opened(session, pages[name])
    yield Page(session)
    assert complaints(session) == []
    asked = {u.partition("#")[0] for u in requests(session)}
    assert asked <= {pages[name].absolute().as_uri()}


def on(name: str) -> Any:
    return pytest.mark.parametrize("page", [name], indirect=True)


# --- links ----------------------------------------------------------------------------


def test_a_node_lights_its_lines_everywhere(page: Page) -> None:
    page.hover(page.box("h"))
    assert (
        page.hits("p-forward")
        == "    h = np.maximum(x @ hidden_W + hidden_b, 0)  # [N, 128]"
    )
    assert "d_h = d_z @ out_W.T" in page.hits("p-backward")
    assert "sd.nn.dense(x, 128" in "".join(page.texts("#p-spec span.hit"))
    before = {"x", "hidden_W", "hidden_b", "hidden_product", "hidden_z"}
    assert set(page.texts(".box.from .name")) == before | {"out_W"}  # d_h reads it
    assert page.count(".box.to") >= 4
    page.hover("#p-graph #svg")
    assert page.count(".ln.hit") == 0


def test_a_line_of_the_spec_lights_its_nodes(page: Page) -> None:
    page.hover("#p-spec span[data-s]", "l2")
    lit = set(page.texts(".box.hit .name"))
    assert lit == {"square", "total", "square_2", "total_2", "total_3"}
    assert "total = (hidden_W**2).sum()" in page.hits("p-backward")


def test_a_line_of_the_backward_pass_lights_its_node_and_its_way(page: Page) -> None:
    page.hover("#p-backward .ln", "d_hidden_W = x.T")
    assert page.texts(".box.hit .name")[-1:] != []
    assert "hidden_W" in page.texts(".box.hit .name")
    assert {"hidden_product", "h", "z", "loss"} <= set(page.texts(".box.to .name"))
    marked = page.js("return document.querySelectorAll('.gutter path').length")
    assert marked >= 2


def test_a_name_in_a_line_is_more_exact_than_the_line(page: Page) -> None:
    page.hover("#p-backward .ln span[data-i]", "d_out_b")
    assert page.texts(".box.hit .name") == ["out_b"]


def test_a_click_pins_until_escape(page: Page) -> None:
    page.click(page.box("hidden_W"))
    page.hover(page.box("loss"))
    page.hover("#p-graph #svg")
    assert page.texts(".box.hit .name") == ["hidden_W"]
    page.keys("Escape")
    assert page.count(".box.hit") == 0


def test_the_update_is_linked_to_the_gradients(page: Page) -> None:
    page.click(".tab", "train.py")
    page.hover("#p-backward .code:not([hidden]) .ln", "p[...] = p -")
    assert "d_hidden_W" in page.js(
        "return [...document.querySelectorAll('.gutter .from')].length"
        " ? document.querySelector('#p-backward').textContent : ''"
    )
    assert "product_2 / (root + eps)" in page.hits("p-backward")


# --- the panel ------------------------------------------------------------------------


def test_a_parameter_tells_why_its_gradient_has_its_value(page: Page) -> None:
    """Formula, contributions with numbers, one element's sum, the way from the loss."""
    page.click(page.box("hidden_W"))
    text = page.texts("#detail")[0]
    assert "as one formula" in text
    assert page.count("#detail .composed math") >= 6
    assert "from hidden_product: x.T @ d_hidden_product" in text
    assert "a sum of 5 products" in text
    way = page.texts("#detail .path .place")
    assert way[0].startswith("loss = ")
    assert way[-1].startswith("h = sd.nn.dense(x, 128")
    assert "hidden.W" in text
    page.js("document.querySelector('#detail canvas.heat').scrollIntoView()")
    shown = page.js(
        "const sum = [...document.querySelectorAll('.element table td:first-child')]"
        ".map((e) => +e.firstChild.textContent.replaceAll('−', '-'))"
        ".reduce((a, b) => a + b);"
        "const all = +document.querySelector('.element .num.G').textContent"
        ".replaceAll('−', '-'); return [sum, all];"
    )
    assert shown[0] == pytest.approx(shown[1], rel=2e-3)


def test_an_element_leads_to_those_that_it_is_made_of(page: Page) -> None:
    """From d_hidden_W[i, j] to d_hidden_product[n, j], and on towards the loss."""
    page.click(page.box("hidden_W"))
    page.click("#detail .element .linkto", "d_hidden_product[")
    assert page.texts(".box.pin .name") == ["hidden_product"]
    assert "d_hidden_product[" in page.texts("#detail .element b")[0]
    page.click("#detail .element .linkto", "d_hidden_z[")
    page.click("#detail .element .linkto", "d_h[")
    page.click("#detail .element .linkto", "d_out_product[")
    assert page.texts(".box.pin .name") == ["out_product"]


def test_a_node_on_the_way_can_be_gone_to(page: Page) -> None:
    page.click(page.box("hidden_W"))
    page.click("#detail .path .linkto", "")
    assert page.texts(".box.pin .name") == ["loss"]


def test_a_formula_lights_what_it_is_about(page: Page) -> None:
    page.click(page.box("hidden_W"))
    page.js(
        "document.querySelectorAll('#detail .composed .eq')[2]"
        ".dispatchEvent(new MouseEvent('mouseenter'))"
    )
    page.settled()
    assert page.texts(".box.hit .name") == ["z"]  # where d_z = ...
    assert "d_z *= d_loss / N" in page.hits("p-backward")


def test_the_address_tells_what_is_pinned(
    session: Any, pages: dict[str, Path], page: Page
) -> None:
    page.click(page.box("out_b"))
    assert page.js("return location.hash") == "#out_b"
    session.get(pages["digits"].absolute().as_uri() + "#hidden_b")
    session.refresh()
    assert page.texts(".box.pin .name") == ["hidden_b"]


# --- folding, keys --------------------------------------------------------------------


def test_layers_fold_and_unfold(page: Page) -> None:
    before = page.count(".box")
    page.click(".hull text", "hidden")
    folded = page.count(".box")
    assert folded == before - 4
    assert "▸ hidden" in page.texts(".box.group .name")
    page.click(".box.group", "hidden")
    assert page.count(".box") == before


def test_the_graph_is_walked_by_arrows(page: Page) -> None:
    page.js("document.getElementById('svg').focus()")
    page.keys("ArrowDown")  # begins at the result
    focused = "return document.activeElement.querySelector('.name').textContent"
    assert page.js(focused) == "loss"
    up = "ArrowUp"
    page.keys(up)
    assert page.js(focused) in ("product", "softmax_cross_entropy")
    page.keys("ArrowDown")
    assert page.js(focused) == "loss"
    page.keys("Enter")
    assert page.texts(".box.pin .name") == ["loss"]
    label = page.js("return document.activeElement.getAttribute('aria-label')")
    assert label.startswith("loss, = ")
    assert "gradient 1" in label


def test_a_layer_is_folded_by_key(page: Page) -> None:
    before = page.count(".box")
    page.js("document.querySelector(arguments[0]).focus()", page.box("h"))
    page.keys("f")
    assert page.count(".box") == before - 4
    page.keys("u")
    assert page.count(".box") == before


def test_zoom_turn_help_and_theme_have_keys(page: Page) -> None:
    world = "return document.getElementById('world').getAttribute('transform')"
    fitted = page.js(world)
    page.keys("+", "+")
    assert page.js(world) != fitted
    page.keys("0")
    assert page.js(world) == fitted
    page.keys("r")
    assert page.js(world) != fitted
    page.keys("t")
    assert page.js("return document.documentElement.className") == "dark"
    page.keys("?")
    assert page.js("return document.getElementById('help').open")


def test_the_search_finds_and_pins(page: Page) -> None:
    page.keys("/")
    page.js(
        "const e = document.getElementById('search'); e.value = 'out_b';"
        "e.dispatchEvent(new Event('input'));"
    )
    assert page.texts("#found li")[0].startswith("out_b")
    page.keys("Enter")
    assert page.texts(".box.pin .name") == ["out_b"]
    page.keys("/")
    page.js(
        "const e = document.getElementById('search'); e.value = 'np.arange(N), y] -=';"
        "e.dispatchEvent(new Event('input'));"
    )
    page.keys("Enter")  # a line, where no node is called so
    assert page.texts(".ln.cursor code") == ["    d_z[np.arange(N), y] -= 1"]
    assert page.texts(".box.pin .name") != ["out_b"]


# --- replay ---------------------------------------------------------------------------


@on("circuit")
def test_the_replay_goes_forward_then_backward(page: Page) -> None:
    page.keys("p")
    assert page.texts("#s-phase") == ["forward 1 / 4"]
    assert page.texts(".tag text.on") == ["2", "3"]
    page.keys("n")
    assert "=6" in page.texts("#said")[0].replace("  ", "")
    page.keys("n", "n", "n")
    assert page.texts("#s-phase") == ["backward 1 / 3"]
    page.keys("n", "n")
    said = page.texts("#said")[0]
    assert "Fan-out adds" in said  # q is read twice by q * q, once by + q
    assert said.count("local") == 2
    assert page.count(".tag text.on") == page.count(".tag text")
    page.keys("b")
    assert page.texts("#s-phase") == ["backward 2 / 3"]
    page.keys("Escape")
    assert page.count("#svg.stepping") == 0


@on("circuit")
def test_values_stand_above_gradients(page: Page) -> None:
    """As in a lecture: a = 2, b = 3, q = 6; q² + q has the slope 13 in q."""
    tags = page.js(
        "return [...document.querySelectorAll('.tag')].map((t) =>"
        " [...t.querySelectorAll('text')].map((e) => [e.textContent,"
        "  +e.getAttribute('y'), getComputedStyle(e).fill]))"
    )
    into = [[t[0][0], t[1][0]] for t in tags if len(t) == 2]
    assert ["2", "39"] in into  # a, and 13 · b
    assert ["3", "26"] in into
    assert all(t[0][1] < t[1][1] for t in tags if len(t) == 2)
    assert {t[0][2] for t in tags} == {"rgb(11, 122, 62)"}
    assert {t[1][2] for t in tags if len(t) == 2} == {"rgb(195, 39, 31)"}


# --- looks ----------------------------------------------------------------------------


def test_dark_follows_the_system(
    session: Any, pages: dict[str, Path], page: Page
) -> None:
    scheme(session, "dark")
    opened(session, pages["digits"])
    colour = "return getComputedStyle(document.body).backgroundColor"
    dark = page.js(colour)
    assert sum(int(c) for c in dark[4:-1].split(",")) < 100
    page.click("#b-theme")
    assert page.js(colour) != dark


CONTRAST = """
const parse = (c) => c.match(/[\\d.]+/g).map((v, k) =>
  (c.startsWith("color(") && k < 3 ? 255 * v : +v));
const luminance = (c) => {
  const [r, g, b] = parse(c).slice(0, 3).map((v) => {
    v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    const p = parse(c);
    if (p.length < 4 || p[3] > 0.99) return c;
  }
  return "rgb(255, 255, 255)";
};
return [...document.querySelectorAll(arguments[0])].slice(0, 400).map((e) => {
  const a = luminance(getComputedStyle(e).color), b = luminance(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return [ratio, e.className, e.textContent];
}).sort((x, y) => x[0] - y[0])[0];
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_told_from_its_ground(page: Page, theme: str) -> None:
    page.js("document.documentElement.className = arguments[0]", theme)
    page.click(page.box("hidden_W"))
    for selector in (".code span", "#detail span", ".tab", ".bar button", ".num"):
        worst = page.js(CONTRAST, selector)
        assert worst is None or worst[0] >= 4.5, (selector, worst)


@on("roots")
def test_what_is_not_finite_is_loud(page: Page) -> None:
    assert page.count(".box.notfinite") >= 2
    assert "NaN × 1" in page.texts(".tag .worse")
    stroke = page.js(
        "return getComputedStyle(document.querySelector('.box.notfinite rect')).stroke"
    )
    assert stroke == "rgb(214, 0, 108)"
    page.click(page.box("x"))
    assert "infinite" in " ".join(page.texts("#detail .bad"))


@on("few")
def test_the_norms_of_layers_are_seen(page: Page) -> None:
    bars = page.js(
        "return [...document.querySelectorAll('#norms .track b')]"
        ".map((e) => parseFloat(e.style.width))"
    )
    assert len(bars) == 28
    assert max(bars) == pytest.approx(100)
    page.js("document.querySelector('#norms details').open = true")
    page.click("#norms .bars button", "d_layer3_W")
    assert "layer3.W" in page.texts("#detail h2")[0]


@on("hostile")
def test_hostile_text_is_shown_and_not_run(page: Page) -> None:
    assert page.js("return window.broken === undefined")
    page.click(".box.parameter")
    assert page.js("return window.broken === undefined")
    assert 'onmouseover="window.broken=4' in "".join(page.texts("#detail"))
    assert page.count("img") == 0


def test_it_prints_every_pane(session: Any, page: Page) -> None:
    session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = page.js(
        "return [...document.querySelectorAll('.pane, .code')]"
        ".filter((e) => e.offsetHeight > 40).length"
    )
    hidden = page.js("return document.querySelector('.bar nav').offsetHeight")
    overflow = page.js(
        "return [...document.querySelectorAll('.code')]"
        ".filter((e) => e.scrollHeight > e.clientHeight + 2).length"
    )
    session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (shown, hidden, overflow) == (9, 0, 0)
    made = session.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    pdf = base64.b64decode(made["data"])
    view = "return document.getElementById('svg').getAttribute('viewBox')"
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js(view)  # the whole graph, however large the sheet
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js(view) is None
    assert pdf.count(b"/Type /Page\n") >= 5


def test_a_small_window_still_has_every_pane(session: Any, page: Page) -> None:
    resize(session, 900, 600)
    page.settled()
    sizes = page.js(
        "return [...document.querySelectorAll('.pane')]"
        ".map((e) => [e.offsetWidth, e.offsetHeight])"
    )
    resize(session, 1600, 1000)
    assert len(sizes) == 5
    assert all(w > 150 and h > 100 for w, h in sizes)


# --- 1,000 nodes ----------------------------------------------------------------------


@on("deep")
def test_a_thousand_nodes_can_be_used(page: Page) -> None:
    """Painted at once, lit while the pointer moves, opened on demand.

    The bounds are far above what two busy cores needed: 0.2 s to paint, 0.9 s until it
    answers, 40 to 60 ms from the pointer to the picture, 1.2 s to open everything.
    """
    count = page.js(
        "return JSON.parse(document.getElementById('data').textContent).nodes.length"
    )
    assert count >= 1000
    paint = page.js(
        "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    assert paint < 3000
    assert page.count(".box") < 40  # folded at first, 16 layers a box
    page.hover(".box.group", "layer64 … layer79")
    lit = page.js("return performance.getEntriesByName('hover')[0].duration")
    assert lit < 500
    assert page.count(".box.hit, .over") >= 1
    start = page.js("return performance.now()")
    page.keys("U")
    opened_in = page.js("return performance.now()") - start
    assert page.count(".box") >= 1000
    assert opened_in < 15_000
    page.hover("#p-backward .ln", "d_layer70_W =")
    assert "layer70_W" in page.texts(".box.hit .name")
