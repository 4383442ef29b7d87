"""The explorer on a phone, and letters that can be read, in a real browser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from explain.browser import complaints, opened, resize
from explain.explorer_page import Page

PHONE = (390, 844)
LETTERS = """
const k = +document.getElementById("world").getAttribute("transform")
  .match(/scale\\(([\\d.]+)/)[1];
return [...document.querySelectorAll("#world text")]
  .filter((e) => getComputedStyle(e).display !== "none" && e.getClientRects().length)
  .map((e) => k * parseFloat(getComputedStyle(e).fontSize));
"""
# What is wider than the screen, unless it scrolls within what is not.
WIDE = """
const scrolls = (e) => e && (["auto", "scroll", "hidden", "clip"]
  .includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
return [...document.querySelectorAll("body *")].filter((e) => {
  const r = e.getBoundingClientRect();
  return r.width && (r.right > innerWidth + 0.5 || r.left < -0.5)
    && !scrolls(e.parentElement);
}).map((e) => e.tagName + "." + e.getAttribute("class") + "#" + e.id);
"""
SMALL = """
return [...document.querySelectorAll(
  "button, select, .tab, input:not([type=range]), summary")]
  .filter((e) => e.offsetWidth && (e.offsetHeight < 40 || e.offsetWidth < 30))
  .map((e) => [e.id || e.textContent, e.offsetWidth, e.offsetHeight]);
"""


@pytest.fixture
def at(session: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """Open a page in a window of some size; the usual size comes back."""

    def open_at(name: str, size: tuple[int, int]) -> Page:
        resize(session, *size)
        opened(session, pages[name])
        return Page(session)

    yield open_at
    assert complaints(session) == []
    resize(session, 1600, 1000)


@pytest.mark.parametrize("size", [PHONE, (1400, 900)])
@pytest.mark.parametrize("name", ["digits", "few", "lstm", "hostile"])
def test_letters_can_be_read_when_the_graph_fits(
    at: Any, name: str, size: tuple[int, int]
) -> None:
    page = at(name, size)
    assert min(page.js(LETTERS)) >= 7.9
    page.click("#b-fit")
    assert min(page.js(LETTERS)) >= 7.9


def test_a_turned_graph_tells_what_can_be_read(at: Any) -> None:
    """But as much as the user asks for, once that is said."""
    page = at("lstm", (1400, 900))
    page.click("#b-turn")
    assert min(page.js(LETTERS)) >= 7.9
    page.keys("d", "r", "r")
    asked = page.js("return document.getElementById('b-telling').value")
    page.keys("r")
    assert page.js("return document.getElementById('b-telling').value") == asked


@pytest.mark.parametrize("name", ["digits", "lstm", "hostile"])
def test_a_phone_has_one_column_and_nothing_is_wider(at: Any, name: str) -> None:
    page = at(name, PHONE)
    for act in (lambda: None, lambda: page.click(".box.parameter, .box.group")):
        act()
        assert page.js("return document.documentElement.scrollWidth") <= 390
        assert page.js(WIDE) == []
    panes = page.js(
        "return [...document.querySelectorAll('.pane')]"
        ".map((e) => e.getBoundingClientRect())"
        ".map((r) => [r.top, r.bottom, r.width])"
    )
    panes.sort()
    assert all(width > 360 for *_, width in panes)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(panes))


def test_what_is_tapped_is_as_large_as_a_finger(at: Any) -> None:
    page = at("digits", PHONE)
    assert page.js(SMALL) == []
    page.keys("p")
    page.js("document.querySelector('#norms details').open = true")
    assert page.js(SMALL) == []
    assert page.js(WIDE) == []
    lines = page.js("return document.querySelector('.ln').offsetHeight")
    assert lines >= 24


def test_the_bar_below_leads_to_each_pane(at: Any) -> None:
    page = at("digits", PHONE)
    for name, pane in (("backward", "p-backward"), ("Graph", "p-graph")):
        page.click("#jumps button", name)
        seen = page.js(
            "const r = document.getElementById(arguments[0]).getBoundingClientRect();"
            "return r.top < innerHeight / 2 && r.bottom > 100;",
            pane,
        )
        assert seen, pane


def test_marks_of_lines_stand_at_their_lines(at: Any) -> None:
    """Rows are higher on a phone than in a window."""
    page = at("digits", PHONE)
    page.hover("#p-backward .ln", "d_hidden_W = x.T @ d_hidden_z + d_loss")
    for pane in ("p-backward", "p-forward"):
        heights = page.js(
            "const code = document.querySelector('#' + arguments[0] + ' .code');"
            "return [code.querySelector('.gutter')?.getBoundingClientRect().height,"
            " [...code.querySelectorAll('.ln')].length * 26];",
            pane,
        )
        assert heights[0] is None or heights[0] == pytest.approx(heights[1], abs=1)


TOUCH = """
const svg = document.getElementById("svg");
const r = svg.getBoundingClientRect();
const send = (kind, id, x, y) => svg.dispatchEvent(new PointerEvent(kind,
  {bubbles: true, pointerId: id, pointerType: "touch", clientX: r.left + x,
   clientY: r.top + y}));
send("pointerdown", 1, 100, 200); send("pointerdown", 2, 200, 200);
send("pointermove", 2, 300, 200);
send("pointerup", 2, 300, 200); send("pointerup", 1, 100, 200);
"""


def test_two_fingers_make_it_larger(at: Any) -> None:
    page = at("digits", PHONE)
    scale = (
        "return +document.getElementById('world').getAttribute('transform')"
        ".match(/scale\\(([\\d.]+)/)[1]"
    )
    before = page.js(scale)
    page.js(TOUCH)
    assert page.js(scale) == pytest.approx(2 * before, rel=1e-3)


def test_boxes_tell_as_much_as_is_asked_for(at: Any) -> None:
    page = at("digits", (1600, 1000))
    page.js(
        "const e = document.getElementById('b-telling'); e.value = 'names';"
        "e.dispatchEvent(new Event('change'));"
    )
    assert page.count(".tag text") == page.count(".box .sub") == 0
    page.keys("d")
    assert page.js("return document.getElementById('b-telling').value") == "all"
    assert page.count(".box .sub")
    assert page.count(".tag text")
    page.keys("d")
    assert page.count(".box .sub") == 0 < page.count(".tag text")
    page.keys("d", "p")  # what is replayed are the numbers
    assert page.count(".tag text")
    page.keys("Escape")
    assert page.count(".tag text") == 0
