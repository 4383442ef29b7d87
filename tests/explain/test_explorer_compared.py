"""Two explorers side by side: levels of one spec, and two specs."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from explain.browser import complaints, opened, resize, scheme
from explain.explorer_page import Page
from explain.explorer_specs import DIGITS, explorer_of, hostile

from symdiff.cli import main
from symdiff.explain.explorer.aligning import (
    folded,
    lines_aligned,
    nodes_aligned,
    words_changed,
)
from symdiff.explain.explorer.page import Explorer

BEFORE = """
import symdiff as sd

x = sd.input("x", 3)
W = sd.param("W", 3)
h = sd.tanh(x * W)
old = sd.sum(h)
model = sd.Function("f", [x, W], old + sd.sum(x))
"""
AFTER = BEFORE.replace("tanh", "sin").replace("old", "new")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    folder = tmp_path_factory.mktemp("compared")
    (folder / "before.py").write_text(BEFORE, "utf-8")
    (folder / "after.py").write_text(AFTER, "utf-8")
    after = explorer_of(folder / "after.py", values="random")
    return after.against(explorer_of(folder / "before.py"))


# --- rows -----------------------------------------------------------------------------


def test_every_line_stands_in_one_row() -> None:
    before, after = list("abcxyzd"), list("abqzdddd")
    rows = lines_aligned(before, after)
    assert [r.before for r in rows if r.before] == list(range(1, len(before) + 1))
    assert [r.after for r in rows if r.after] == list(range(1, len(after) + 1))
    for r in rows:
        if r.kind == "same":
            assert before[r.before - 1] == after[r.after - 1]  # type: ignore[operator]
        assert (r.kind == "added") == (r.before is None)
        assert (r.kind == "removed") == (r.after is None)
    assert [r for _, some in folded(rows, 1) for r in some] == rows


def test_equal_lines_far_from_what_differs_are_folded() -> None:
    before = [str(k) for k in range(30)]
    rows = lines_aligned(before, [*before[:15], "new", *before[15:]])
    assert [(far, len(some)) for far, some in folded(rows, 3)] == [
        *((True, 12), (False, 7), (True, 12)),
    ]
    short = lines_aligned(before[:9], ["new", *before[:9]])
    assert [far for far, _ in folded(short, 6)] == [False]


def test_words_that_differ_are_marked() -> None:
    before, after = (
        "    d_z = d_h * (1 - h**2)  # tanh",
        "  d_z = d_h * (1 - k**2)  # tanh",
    )
    left, right = words_changed(before, after)
    assert (left, right) == ({before.index("h**")}, {after.index("k**")})
    assert words_changed("a = b", "return (yield)") == (set(), set())


def test_nodes_are_told_apart_by_name_formula_and_type(compared: Explorer) -> None:
    assert compared.baseline is not None
    sides = [e.data["nodes"] for e in (compared.baseline, compared)]
    found = {p.name: p.kind for p in nodes_aligned(*sides)}
    assert found["h"] == "changed"
    assert found["old"] == "removed"
    assert found["new"] == "added"
    assert "x" not in found
    assert nodes_aligned(sides[1], sides[1]) == []


# --- the page -------------------------------------------------------------------------


def test_both_texts_are_there_to_the_last_line(compared: Explorer) -> None:
    """Also those that are folded."""
    page = compared.html()
    part = page[page.index('id="compare"') : page.index('<script type="application')]
    shown = unescape(re.sub(r"<[^>]+>", "", part))
    assert compared.baseline is not None
    for e in (compared.baseline, compared):
        for name in ("forward.py", "backward.py"):
            for line in e.modules[name][0].splitlines():
                assert line in shown


def test_the_same_pages_are_equal(digits: Explorer) -> None:
    page = digits.against(digits).html()
    assert "The graphs have the same nodes, formulas and types." in page
    assert page.count('<p class="none">Equal.</p>') == 4
    assert digits.baseline is None


def test_hostile_names_and_lines_stay_text(tmp_path: Path, compared: Explorer) -> None:
    page = hostile(tmp_path).against(compared).html()
    part = page[page.index('id="compare"') : page.index('<script type="application')]
    assert "<script" not in part
    assert "<img" not in part


@pytest.mark.parametrize(
    ("against", "said"),
    [("-O3", "-O3"), ("nowhere.py", "nowhere.py"), ("-O", "-O")],
)
def test_what_cannot_be_compared_is_named(against: str, said: str) -> None:
    found = CliRunner().invoke(main, ["explore", str(DIGITS), "--against", against])
    assert found.exit_code in (1, 2)
    assert said in found.output


def test_levels_and_specs_are_compared(tmp_path: Path) -> None:
    (tmp_path / "after.py").write_text(AFTER, "utf-8")
    (tmp_path / "before.py").write_text(BEFORE, "utf-8")
    for against, sides in (
        ("-O0", ["after.py  -O1", "after.py  -O0"]),
        (str(tmp_path / "before.py"), ["after.py  -O1", "before.py  -O1"]),
    ):
        out = tmp_path / "page.html"
        options = ["-O", "1", "--against", against, "-o", str(out)]
        made = CliRunner().invoke(
            main, ["explore", str(tmp_path / "after.py"), *options]
        )
        assert made.exit_code == 0, made.output
        shown = re.findall(r'class="side">(.*?)<', out.read_text("utf-8"))
        assert shown == sides[::-1]


# --- in a browser ---------------------------------------------------------------------


@pytest.fixture
def page(session: Any, compared: Explorer, tmp_path: Path) -> Any:
    compared.write(tmp_path / "compared.html")
    scheme(session, "light")
    opened(session, tmp_path / "compared.html")
    yield Page(session)
    assert complaints(session) == []


def test_it_opens_with_what_differs(page: Page) -> None:
    assert page.js("return document.getElementById('main').hidden")
    assert page.texts("#compare .tab[aria-selected=true]") == ["graph +2 −2 ~1"]
    assert page.count("#compare .picture svg") == 2
    assert page.count("#compare svg g.changed") == 2
    for kind in ("added", "removed"):
        assert page.count(f"#compare svg g.{kind}") == 2
    page.click("#compare .tab", "backward.py")
    assert "cos" in "".join(page.texts("#compare .pair.changed .ln:last-child"))


def test_pointing_lights_both_sides_and_a_click_explores(page: Page) -> None:
    page.click("#compare .tab", "forward.py")
    page.hover("#compare .compared:not([hidden]) .ln[data-names] code", "h = np.sin")
    lit = page.texts("#compare .ln.hit")
    assert any("np.tanh" in text for text in lit)
    page.click("#compare .compared:not([hidden]) .ln[data-names] code", "h = np.sin")
    assert page.texts(".box.pin .name") == ["h"]
    assert not page.js("return document.getElementById('main').hidden")
    page.keys("c")
    assert page.js("return document.getElementById('main').hidden")


def test_a_phone_shows_one_below_the_other(session: Any, page: Page) -> None:
    resize(session, 390, 844)
    page.settled()
    for tab in page.texts("#compare .tab"):
        page.click("#compare .tab", tab)
        assert page.js("return document.documentElement.scrollWidth") <= 390
    resize(session, 1600, 1000)
