"""The explorer in a real browser: its panel, and how panes look and print."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from explain.browser import opened, resize, scheme
from explain.explorer_page import Page, on

# --- the panel ------------------------------------------------------------------------


def test_a_parameter_tells_why_its_gradient_has_its_value(page: Page) -> None:
    """Formula, contributions with numbers, one element's sum, the way from the loss."""
    page.click(page.box("hidden_W"))
    text = page.texts("#detail")[0]
    assert "as one formula" in text
    assert page.count("#detail .composed math") >= 6
    assert "from hidden_xW: x.T @ d_hidden_xW" in text
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
    """From d_hidden_W[i, j] to d_hidden_xW[n, j], and on towards the loss."""
    page.click(page.box("hidden_W"))
    page.click("#detail .element .linkto", "d_hidden_xW[")
    assert page.texts(".box.pin .name") == ["hidden_xW"]
    assert "d_hidden_xW[" in page.texts("#detail .element b")[0]
    page.click("#detail .element .linkto", "d_hidden_z[")
    page.click("#detail .element .linkto", "d_h[")
    page.click("#detail .element .linkto", "d_out_hW[")
    assert page.texts(".box.pin .name") == ["out_hW"]


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


def test_a_narrow_window_has_the_panes_below_one_another(
    session: Any, page: Page
) -> None:
    resize(session, 390, 844)
    page.settled()
    boxes = page.js(
        "return [...document.querySelectorAll('.pane, .bar button, #search')]"
        ".map((e) => e.getBoundingClientRect()).map((r) => [r.left, r.right, r.width])"
    )
    panes = page.js("return document.querySelectorAll('.pane').length")
    resize(session, 1600, 1000)
    assert all(left >= 0 and right <= 390 for left, right, _ in boxes)
    assert sum(width > 360 for _, _, width in boxes) >= panes
