"""Equal layers in one box, the map in the corner and the direction, in a browser."""

from __future__ import annotations

import pytest
from explain.explorer_page import Page, on

FRAME = """
const box = (e) => ["x", "y", "width", "height"].map((n) => +e.getAttribute(n));
return box(document.querySelector("#map .frame"));
"""
HIDDEN = "return document.getElementById('map').hasAttribute('hidden')"
POINT = """
const map = document.getElementById("map").getBoundingClientRect();
const x = map.left + map.width * arguments[0], y = map.top + map.height * arguments[1];
const send = (kind) => document.getElementById("map").dispatchEvent(
  new PointerEvent(kind, {bubbles: true, pointerId: 1, clientX: x, clientY: y}));
Element.prototype.setPointerCapture = () => {};
send("pointerdown"); send("pointerup");
"""


# --- equal layers ---------------------------------------------------------------------


@on("tower")
def test_equal_layers_stand_in_one_box(page: Page) -> None:
    """Numbers tell layers apart; what has no gradient, such as a mask, does not."""
    page.keys("F")
    boxes = [x for x in page.texts(".box.group .name") if x.startswith("▸")]
    assert boxes == ["▸ part, 2 times", "▸ odd", "▸ part_c"]
    page.js("document.getElementById('b-telling').value = 'all'")
    page.click(".box.group", "part, 2 times")
    inside = [x for x in page.texts(".box.group .name") if "part_" in x]
    assert inside == ["▸ part_a", "▸ part_b", "▸ part_c"]
    page.click(".hull text", "part, 2 times")
    assert "▸ part, 2 times" in page.texts(".box.group .name")


@on("tower")
def test_a_node_of_an_equal_layer_is_shown_when_it_is_asked_for(page: Page) -> None:
    page.keys("F")
    page.js("location.hash = 'part_b_inner_W'")
    page.settled()
    page.settled()
    assert page.texts(".box.pin .name") == ["part_b_inner_W"]


@on("few")
def test_how_many_nodes_each_has_is_told(page: Page) -> None:
    page.keys("F")
    page.js(
        "const e = document.getElementById('b-telling'); e.value = 'all';"
        "e.dispatchEvent(new Event('change'));"
    )
    assert "▸ layer, 14 times" in page.texts(".box.group .name")
    assert any(s.startswith("14 × ") for s in page.texts(".box.group .sub"))


def test_small_layers_are_not_gathered(page: Page) -> None:
    assert not any("times" in text for text in page.texts(".hull text, .box .name"))


# --- the map --------------------------------------------------------------------------


def test_the_map_is_there_where_not_all_is_seen(page: Page) -> None:
    assert page.js(HIDDEN)
    page.keys("+", "+", "+", "+", "+")
    assert not page.js(HIDDEN)
    x, y, width, height = page.js(FRAME)
    left, top = page.js(
        "const r = document.getElementById('svg').getBoundingClientRect();"
        "const p = new DOMPoint(0, 0).matrixTransform("
        "  document.getElementById('world').getCTM().inverse()); return [p.x, p.y];"
    )
    assert (x, y) == (pytest.approx(left, abs=1), pytest.approx(top, abs=1))
    page.js(POINT, 0.5, 0.9)
    assert page.js(FRAME)[1] > y
    assert page.js(FRAME)[2:] == [width, height]
    page.keys("0")
    assert page.js(HIDDEN)


def test_the_map_shows_what_is_lit(page: Page) -> None:
    page.click(page.box("hidden_W"))
    lit = "return document.querySelector('#map .hit').getAttribute('d') || ''"
    page.keys("+", "+", "+", "+", "+")
    assert page.js(lit).count("M") == 1
    page.keys("Escape")
    assert page.js(lit) == ""


def test_the_direction_is_told_and_turned(page: Page) -> None:
    places = (
        "const at = (s) => document.querySelector(s).getBoundingClientRect();"
        "const [a, b] = [at(arguments[0]), at(arguments[1])];"
        "return [b.left - a.right, b.top - a.bottom];"
    )
    ends = page.box("x"), page.box("loss")
    assert page.texts("#b-turn") == ["→"]
    assert page.js(places, *ends)[1] > 0
    page.click("#b-turn")
    assert page.texts("#b-turn") == ["↓"]
    assert page.js(places, *ends)[0] > 0
