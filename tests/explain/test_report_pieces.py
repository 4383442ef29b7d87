"""The pieces of reports: symbols, numbers, values, fences, boxes of a layout."""

from itertools import pairwise

import numpy as np

from symdiff.explain.formats.latex import verbatim, words
from symdiff.explain.formats.markdown import code, fence
from symdiff.explain.layout import Box, layout
from symdiff.explain.symbols import escaped, symbol
from symdiff.explain.typeset import number
from symdiff.explain.values import shown
from symdiff.ops.core.tex import ATOM


def test_symbols():
    wanted = {
        "hidden_W": r"W_{\mathrm{hidden}}",
        "d_z": r"\bar{z}",
        "d_hidden_W": r"\overline{W_{\mathrm{hidden}}}",
        "x1": "x_{1}",
        "alpha": r"\alpha",
        "β": r"\beta",
        "total_2": r"\mathrm{total}_{2}",
        "two_words": r"\mathrm{two\_words}",
        "☃": r"\mathrm{u2603}",
    }
    assert {n: symbol(n).latex for n in wanted} == wanted
    assert escaped("{\\}") == r"\{\backslash{}\}"


def test_numbers():
    assert number(1e-4).text == "10^{-4}"
    assert number(2.5e-7).text == r"2.5 \cdot 10^{-7}"
    assert number(2.0).text == "2"
    assert number(-1.5).within(ATOM) == r"\left(-1.5\right)"
    assert number(float("inf")).text == r"\infty"


def test_values_as_text():
    assert shown(np.float64(0.123456)) == "0.1235"
    assert shown(np.array([[1, 2], [3, 4]])) == "[[1, 2], [3, 4]]"
    assert shown(np.arange(100.0)) == "0 to 99, mean 49.5"
    assert shown(np.array([1, np.nan])) == "[1, nan]   NOT FINITE"
    assert shown(np.full(100, np.nan)).startswith("NOT FINITE: 100 nan")
    assert shown(np.ones(50, bool)) == "50 of 50 true"
    assert shown(None) == ""


def test_code_spans_and_fences_cannot_be_closed():
    assert code("a`b``c") == "```a`b``c```"
    assert code("`a") == "`` `a ``"
    assert fence("x\n```\ny", "python")[0] == "````python"
    assert verbatim([r"\end{verbatim}"])[1] == r"\end {verbatim}"
    assert words("a_b\\") == r"a\_b\textbackslash{}"


def test_boxes_of_a_layer_do_not_overlap():
    rng = np.random.default_rng(0)
    boxes = [Box("0", 50, 20, ())]
    for i in range(1, 200):
        reads = tuple({str(rng.integers(max(0, i - 30), i)) for _ in range(2)})
        boxes.append(Box(str(i), float(rng.integers(20, 90)), 20, reads))
    placed = layout(boxes)
    rows = {}
    for box in boxes:
        x, y = placed.centres[box.name]
        rows.setdefault(y, []).append((x - box.width / 2, x + box.width / 2))
        assert all(placed.centres[r][1] < y for r in box.reads)
        assert x - box.width / 2 >= 0
        assert x + box.width / 2 <= placed.width
        assert 0 < y < placed.height
    for spans in rows.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert layout([]).edges == ()
