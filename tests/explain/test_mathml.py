"""Formulas as MathML: well-formed, of known elements, and saying what TeX says."""

import re
from xml.etree import ElementTree

import pytest

from symdiff.explain.mathml import equations, mathml
from symdiff.explain.symbols import escaped, symbol
from symdiff.explain.typeset import number

# Presentation elements of MathML Core, and how many children they take
ARITIES = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2,
    "msubsup": 3, "munderover": 3,
}  # fmt: skip
ELEMENTS = {
    *ARITIES, "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable",
    "mtr", "mtd", "mpadded",
}  # fmt: skip


def parsed(xml):
    """The tree of some MathML, of known elements with as many children as they need."""
    root = ElementTree.fromstring(xml)
    for element in root.iter():
        assert element.tag in ELEMENTS
        assert len(element) == ARITIES.get(element.tag, len(element))
        if element.tag in ("mi", "mn", "mo", "mtext"):
            assert len(element) == 0
            assert element.text
    return root


def said(tex):
    """The text that a browser shows, without what separates it."""
    return re.sub("[\u2061\u200b\xa0]", "", "".join(parsed(mathml(tex)).itertext()))


def tags(tex):
    return [e.tag for e in parsed(mathml(tex)).iter()][1:]


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"\frac{1}{x_{0} + 1}", "1x0+1"),
        (r"W_{\mathrm{hidden}}^{\top}", "Whidden⊤"),
        (r"\left(p - \operatorname{onehot}\left(y\right)\right)", "(p−onehot(y))"),
        (r"\sum_{N} \alpha \odot x", "∑Nα⊙x"),
        (r"\left\| x \right\|", "‖x‖"),
        (r"\ln|\Gamma(x_{0})|", "ln|Γ(x0)|"),
        (r"x \left\lfloor{\frac{x}{y}}\right\rfloor", "x⌊xy⌋"),
        (r"x_{0}\,\mathtt{[:, 1:4]}", "x0[:, 1:4]"),
        (r"\operatorname{sinc}'(x)", "sinc′(x)"),
        (r"\sqrt[3]{x}", "x3"),
        (r"10^{-4} \cdot 2.5", "10−4⋅2.5"),
        (r"\mathrm{two\_words}", "two_words"),
    ],
)
def test_what_is_shown(tex, shown):
    assert said(tex) == shown


def test_cases_are_rows_of_a_table():
    tex = r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}"
    assert said(tex) == "{xifx>00otherwise"
    assert tags(tex).count("mtr") == 2
    assert tags(tex).count("mtd") == 4


def test_structure():
    assert tags(r"x_{i}^{2}") == ["msubsup", "mi", "mi", "mn"]
    assert tags(r"\sum_{N} x")[:2] == ["mrow", "munder"]
    assert tags(r"\max_{3} x")[:2] == ["mrow", "munder"]
    assert "mroot" in tags(r"\sqrt[3]{x}")
    # a minus that nothing stands before is a sign, which MathML tells by its place
    row = parsed(mathml(r"\sigma(-x)")).find("mrow/mrow/mrow")
    assert [e.text for e in row] == ["−", "x"]


def test_what_encloses_something_tall_grows_without_a_font_for_mathematics():
    tall = mathml(r"\left(\frac{a}{b}\right)")
    assert "border-radius" in tall
    assert said(r"\left(\frac{a}{b}\right)") == "(ab)"
    assert "border-radius" not in mathml(r"\left(a\right)")
    assert "border-top" in mathml(symbol("d_hidden_W").tex)


def test_names_keep_their_letters():
    assert said(symbol("☃").tex) == "☃"
    assert said(symbol("β").tex) == said(symbol("beta").tex) == "β"
    assert said(symbol("größe").tex) == "größe"
    assert symbol("größe").latex == r"\mathrm{gru00F6u00DFe}"
    assert symbol("d_ж").mathml == mathml(symbol("d_ж").tex)


HOSTILE = [
    "</math><script>", "a&b;", "{", "}", "\\", "\\end{cases}", "$", "a\x00b\x1b",
    "\ud800", "'\"", "^_~", "]", "(((", "\\frac", "\\left(", "", "_", "&&\\\\",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_leaves_its_element(text):
    parsed(mathml(text))  # TeX that is broken
    shown = said(rf"\mathrm{{{escaped(text)}}} + 1")
    wanted = re.sub("[\x00-\x1f\ud800]", "\ufffd", text)
    assert shown == f"{wanted}+1"
    parsed(equations([(text, text), ("", text)]))


def test_what_is_unknown_is_shown_as_it_is_written():
    assert said(r"\unheard{x}") == r"\unheardx"


def test_a_sign_is_never_right_after_an_operator():
    below = number(-2)
    assert below.follows(0) == r"\left(-2\right)"
    assert number(2).follows(0) == "2"


def test_equations_are_aligned():
    root = parsed(equations([("x", "= 1"), ("", "+ 2")]))
    cells = root.findall("mtable/mtr/mtd")
    assert len(cells) == 4
    # what comes first in a row would be a prefix
    assert cells[3].find("mrow")[1].text == "+"
