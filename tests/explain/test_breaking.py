"""No formula is wider than the page; broken ones stay what they were."""

import re
from pathlib import Path

import pytest
from explain.browser import chromium, resize
from explain.loop_models import LOOPS, SPECS
from explain.test_derivation import balanced

from symdiff.declare.spec import load_spec
from symdiff.explain.breaking import PAGE, lines, width
from symdiff.explain.explanation import explained
from symdiff.explain.formulas import Formula

EXAMPLES = Path(__file__).parents[2] / "examples"
WIDE = ["digits_mlp.py", "glm.py", "lstm_series.py", "mnist_cnn.py", "vae.py"]
MODELS = [*(EXAMPLES / name for name in WIDE), *sorted(SPECS.glob("*.py"))]
TEXT_WIDTH = 45.5  # em of a line of the document: A4 with 25 mm on each side, 10 pt
GATES = (
    r"\operatorname{concatenate}\left("
    r"\bar{c}_{t} \odot g_{\mathrm{tanh}, t} \odot \left(1 - i_{t}\right),\, "
    r"\bar{c}_{t} \odot c_{t-1} \odot f_{t} \odot \left(1 - f_{t}^{2}\right) + x,\, "
    r"\bar{h}_{t} \, W^{\top},\, \mathrm{axis} = 1\right)^{\top(1, 0)}"
)


@pytest.fixture(scope="module")
def reports():
    """Reports on examples, with values."""
    made = {}

    def report(path):
        if path not in made:
            made[path] = explained(load_spec(path).model, values="random")
        return made[path]

    return report


def bare(tex):
    """TeX without what breaking changes: sizes of parentheses, and spaces."""
    tex = re.sub(r"\\(left|right|bigl|bigr)\b", "", tex)
    return re.sub(r"\\,|\\quad|\s", "", tex.replace(r"}\text{", ""))


@pytest.mark.parametrize("room", [12, 20, 30, 50])
def test_lines_are_the_formula(room):
    found = lines(GATES, room)
    assert (len(found) == 1) == (width(GATES) <= room)
    assert bare("".join(found)) == bare(GATES)
    for line in found:
        balanced(Formula("", line))
        assert width(line) <= room


def test_a_formula_that_fits_stays_as_it_is():
    assert lines(GATES, 200) == [GATES]


def test_a_line_ends_between_arguments_first():
    found = lines(GATES, 30)
    assert [line[-3:] for line in found[:-1]] == [r",\,"] * (len(found) - 1)


def test_a_wide_fraction_becomes_a_quotient():
    terms = " + ".join(f"x_{{{k}}} \\, y" for k in range(12))
    found = lines(rf"z \odot \frac{{{terms}}}{{n}}", 20)
    assert all(width(line) <= 20 for line in found)
    assert r"\frac" not in "".join(found)
    assert re.search(r"\\bigr\) / n\\bigr\)$", "".join(found))


def test_words_are_broken_between_words():
    text = r"\text{" + " ".join(["word"] * 40) + "}"
    found = lines(text, 30)
    assert len(found) > 2
    assert all(line.startswith(r"\text{word ") and line[-1] == "}" for line in found)
    assert bare("".join(found)) == bare(text)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_no_line_of_latex_is_wider_than_its_page(path, reports):
    latex = reports(path).latex()
    place = 0
    for block in re.finditer(r"\\begin{align\*}\n(.*?)\\end{align\*}", latex, re.S):
        quoted = latex.count(r"\begin{quote}", 0, block.start()) - latex.count(
            r"\end{quote}", 0, block.start()
        )
        rows = re.split(r" \\\\\n", block[1])
        left = max(width(row.partition("&")[0]) for row in rows)
        for row in rows:
            room = TEXT_WIDTH - 5 * quoted
            assert left + width(row.partition("&")[2]) <= room, row
            place += 1
    assert place


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_no_line_of_text_is_wider_than_a_page(make):
    for line in explained(make(), values="random").text().splitlines():
        assert len(line) <= 88 or "|" in line or line.startswith("loop_models"), line


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_no_formula_of_markdown_is_wider_than_a_page(path, reports):
    for formula in re.findall(r"\$\$(.*)\$\$", reports(path).markdown()):
        inside = re.sub(r"^\\begin{aligned} & |\\end{aligned}$", "", formula)
        broken = inside.split(r" \\ &\quad ") if inside != formula else [formula]
        assert all(width(line) <= PAGE + 3 for line in broken), formula


def test_pages_do_not_scroll_sideways(tmp_path, reports):
    """On a screen every formula fits; on a phone those that do not scroll alone."""
    with chromium(1280, 900) as browser:
        for path in MODELS:
            page = tmp_path / f"{path.stem}.html"
            page.write_text(reports(path).html(), "utf-8")
            for screen in (1280, 390):
                resize(browser, screen, 900)
                browser.get(page.as_uri())
                beyond, wide = browser.execute_script(
                    "const all = document.querySelectorAll("
                    "'article > div:not(.inside), .inside > div');"
                    "const over = [...all].filter("
                    "(e) => e.scrollWidth > e.clientWidth + 1);"
                    "const root = document.documentElement;"
                    "return [root.scrollWidth - innerWidth,"
                    " over.map((e) => e.textContent)];"
                )
                assert beyond <= 0, path
                assert screen < 1280 or not wide, (path, wide)
