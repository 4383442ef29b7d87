"""Reports and pictures: what `symdiff explain` and `symdiff graph` print and write."""

import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_runs import printed as run
from cli_runs import spec
from explain.test_costs import chain

import symdiff as sd
from symdiff.explain.explanation import derivation_of, explained
from symdiff.explain.parts import Cotangent, ForwardStep, Handed, Inside, Leaf

CIRCUIT = """\
import symdiff as sd

x, y, z = (sd.input(n, ()) for n in "xyz")
q = x + y
f = q * z
model = sd.Function("circuit", [x, y, z], f)
"""
FAN = """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3))
W = sd.param("layer.W", (3, 3))
h = sd.tanh(x @ W)
out = h * h + sd.sigmoid(h)
loss = sd.mean(out)
model = sd.Model("fan", inputs=[x], outputs=out, loss=loss)
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# --- what is said --------------------------------------------------------------------


def test_the_circuit_of_the_lecture_with_its_numbers():
    np.savez("point.npz", x=-2.0, y=5.0, z=-4.0)
    said = run("explain", spec(CIRCUIT), "--values", "point.npz")
    assert "spec.py:5   f = q * z" in said
    assert "local: d f / d q = z" in said
    assert "local: d f / d z = q" in said
    numbers = dict(re.findall(r"(d_\w|\b[fq]) = [^\n]*\n +(= -?[\d.]+)", said))
    assert numbers["q"] == "= 3"
    assert numbers["f"] == "= -12"
    assert numbers["d_x"] == numbers["d_y"] == numbers["d_q"] == "= -4"
    assert numbers["d_z"] == "= 3"
    assert "generated, backward:" in said


def test_where_fan_out_adds():
    said = run("explain", spec(FAN))
    assert "d_h is a sum: h is read 3 times" in said
    assert re.search(
        r"\+ d_sigmoid_h \* sigmoid_h \* \(1 - sigmoid_h\) +from sigmoid_h", said
    )
    assert "parameter layer.W" in said
    assert "of layer.W" in said
    assert "d_layer_W = x.T @ " in said


def test_a_result_that_is_read_as_well():
    x = sd.input("x", (3,))
    y = sd.exp(x)
    f = sd.Function("f", [x], {"y": y, "z": y * y})
    said = explained(f).text()
    assert "is a result, and is read" in said
    assert "+ what is given" in said


def test_wrt_chooses_what_is_explained():
    said = run("explain", spec(FAN), "--wrt", "x")
    assert "of x" in said
    assert "of layer.W" not in said
    said = run("explain", "spec.py", "--wrt", "nothing", code=1)
    assert "no input or parameter of" in said


def test_costs_add_up():
    said = run("explain", spec(FAN), "--cost", "--dim", "N=7")
    assert "at N = 7" in said
    assert re.search(r"forward: \S+\*N( \+ \d+)? flops", said)
    assert "most live, after " in said
    assert "is not of the form" in run("explain", "spec.py", "--dim", "N", code=2)
    assert "has no length M" in run("explain", "spec.py", "--dim", "M=7", code=1)
    told = explained(sd_model(), cost=True, lengths={"N": 7}).costs
    product = next(s for s in told.steps if s.name == "product")
    assert told.at(product.flops) == 2 * 7 * 3 * 3
    assert told.at(product.live) >= 4 * 7 * 3


def test_a_long_chain_whose_weight_is_read_everywhere():
    told = explained(chain(400), values="random", cost=True)
    w = told.derivation.entry("w")
    assert len(w.received) == 400
    assert "d_w is a sum: w is read 400 times" in told.text()
    (gradient,) = told.derivation.gradients
    assert gradient.formula.text.endswith(" + ... (396 more)")
    assert gradient.formula.latex.endswith(r" + \ldots \text{ (396 more)}")
    assert len(gradient.formula.text) < 2000
    assert told.html()
    assert told.latex()


def sd_model():
    N = sd.dim("N")
    x = sd.input("x", (N, 3))
    product = x @ sd.param("W", (3, 3))
    loss = sd.mean(sd.tanh(product))
    return sd.Model("m", inputs=[x], outputs=product, loss=loss)


def test_values_at_random_and_given():
    told = explained(sd_model(), values="random")
    assert told.values is not None
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    values = explained(sd_model(), values={"x": x, "W": W}).values
    t = np.tanh(x @ W)
    wanted = x.T @ ((1 - t**2) / t.size)
    np.testing.assert_allclose(values.cotangents["d_W"], wanted, rtol=1e-12)
    with pytest.raises(sd.DerivativeError, match="lacks x"):
        explained(sd_model(), values={"W": W})
    with pytest.raises(sd.DerivativeError, match="expected shape"):
        explained(sd_model(), values={"x": x.T})


def test_parameters_that_a_point_leaves_out_are_named():
    x, W = np.ones((2, 3)), np.ones((3, 3))
    drawn = "; W drawn at random, seed 7"
    told = explained(sd_model(), values={"x": x}, seed=7).text()
    assert f"Numbers: the values given{drawn}." in told
    np.savez("data.npz", x=x)
    assert drawn in explained(sd_model(), values="data.npz", seed=7).markdown()
    for name in ("W", "params/W"):
        assert "drawn" not in explained(sd_model(), values={"x": x, name: W}).text()


def test_points_that_are_no_points():
    spec(CIRCUIT)
    np.savez("whole.npz", x=1, y=2, z=3)  # whole numbers stand for floats
    assert "the values" not in run("explain", "spec.py", "--values", "whole.npz")
    Path("cut.npz").write_bytes(Path("whole.npz").read_bytes()[:100])
    Path("empty.npz").touch()
    np.savez("objects.npz", x=np.array([None]))
    for name in ("cut.npz", "empty.npz", "objects.npz", "spec.py", "absent.npz"):
        said = run("explain", "spec.py", "--values", name, code=1)
        assert f"cannot read {name}" in said


def test_what_has_no_gradient():
    text = CIRCUIT.replace("q * z)", "q > z)").replace("f = q * z", "f = q > z")
    assert "no gradient to explain" in run("explain", spec(text), code=1)
    run("graph", "spec.py")


def test_dropout_and_loops_are_explained():
    x = sd.input("x", (5, 3))
    h = sd.nn.dropout(x @ sd.param("W", (3, 3)), 0.5)
    model = sd.Model("m", inputs=[x], outputs=h, loss=sd.sum(h * h))
    assert explained(model, values="random").text()

    def step(carry, row):
        return carry + sd.tanh(row), carry

    last, _ = sd.scan(step, sd.sum(x, axis=0) * 0, x)
    told = explained(sd.Function("f", [x], last), values="random")
    assert "scan(" in told.text()
    assert "rule: from the last turn to the first" in told.text()


# --- formats -------------------------------------------------------------------------


class Checked(HTMLParser):
    """Every element that is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta",):
            self.open.append(tag)
        assert not any(k.startswith("on") or k in ("src", "href") for k, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


HOSTILE = ["</code><script>", "`$x$`", "\\end{verbatim}", "a_b^c~#%&{", '"]; n0', "β—☃"]


def hostile():
    x = sd.input("x", (2,))
    total = x
    for name in HOSTILE:
        total = total * sd.param(name, (2,), init=1.0)
    return sd.Model("hostile", inputs=[x], outputs=total, loss=sd.sum(total))


@pytest.mark.parametrize("values", [None, "random"])
def test_formats_hold_whatever_a_name_holds(values):
    told = explained(hostile(), values=values, cost=True)
    page = Checked()
    page.feed(told.html())
    assert not page.open
    assert "<script" not in told.html()
    document = told.latex()
    assert document.isascii()
    assert document.count(r"\begin{") == document.count(r"\end{")
    assert told.markdown().count("```") % 2 == 0
    assert told._repr_markdown_() == told.markdown()
    assert str(told) == told.text()


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_latex_compiles():
    Path("told.tex").write_text(explained(hostile(), values="random").latex())
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "told.tex"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_files_take_their_format_from_their_names():
    spec(FAN)
    for name, start in {
        "a/b.md": "# fan",
        "b.tex": r"\documentclass",
        "b.html": "<!DOCTYPE html>",
        "b.txt": "fan: how",
        "b.svg": "<svg",
        "b.mmd": "flowchart TD",
        "b.dot": 'digraph "fan"',
    }.items():
        command = "graph" if name[-3:] in ("svg", "mmd", "dot") else "explain"
        assert run(command, "spec.py", "-o", name) == f"wrote {name}\n"
        assert Path(name).read_text("utf-8").startswith(start)
    assert run("explain", "spec.py", "--format", "md").startswith("# fan")
    assert "must end with" in run("graph", "spec.py", "-o", "b.png", code=2)
    assert "does not end with" in run("explain", "spec.py", "-o", "b.pdf", code=2)
    run("explain", "spec.py", "-o", "b.pdf", "--format", "text")
    assert "cannot write" in run("graph", "spec.py", "-o", "spec.py/b.svg", code=1)


@pytest.mark.parametrize("values", [None, "random"])
def test_pictures_hold_whatever_a_name_holds(values):
    from symdiff.explain.picture import dot, mermaid
    from symdiff.explain.svg import svg

    derivation = derivation_of(hostile())
    found = explained(hostile(), values="random").values if values else None
    root = ElementTree.fromstring(svg(derivation, found))
    assert root.tag.endswith("svg")
    for line in mermaid(derivation, found).splitlines():
        assert re.fullmatch(
            r'\s*(flowchart TD|end|subgraph s\d+\["[^"]*"\]|n\d+ --> n\d+'
            r'|n\d+\(?\["[^"\[\]{}<>]*(<br/>[^"\[\]{}<>]*)*"\]\)?(:::\w+)?'
            r"|classDef \w+ fill:#\w+,color:#111;)",
            line,
        ), line
    for line in dot(derivation, found).splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0, line


def test_explaining_twice_is_the_same():
    assert explained(hostile()).html() == explained(hostile()).html()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_fault_of_symdiff():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "symdiff", "explain", spec(CIRCUIT)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "fault of symdiff" not in done.stderr


# --- one tree ------------------------------------------------------------------------


def everything():
    """Return a function that has every kind of part, and a seed alone."""
    x = sd.input("x", (3,))
    table = sd.constant(np.arange(3.0), name="table")
    y = sd.exp(x)
    kept = sd.nn.dropout(y, 0.5)
    last, _ = sd.scan(lambda c, row: (c + sd.tanh(row), None), sd.sum(y), x)
    results = {"y": y, "z": y * y * table, "kept": kept, "last": last}
    return sd.Function("f", [x], results)


def test_every_format_says_the_same():
    told = explained(everything(), values="random", cost=True)
    parts = [p for s in told.tree.sections for p in s.parts]
    inner = [
        p for i in parts if isinstance(i, Inside) for s in i.sections for p in s.parts
    ]
    handed = [p for p in (*parts, *inner) if isinstance(p, Handed)]
    rules = {p.rule for p in parts if isinstance(p, ForwardStep) and p.rule}
    seeds = [p for p in parts if isinstance(p, Cotangent) and p.seed]
    alone = [p for p in seeds if not p.terms]
    assert handed
    assert rules
    assert alone
    assert len(seeds) > len(alone)
    texts = (told.text(), told.markdown(), told.latex(), unescape(told.html()))
    for text in texts:
        plain = text.replace("\xa0", " ")
        assert plain.count("hands back to ") == len(handed)
        assert len(re.findall(r"\bgiven\b", plain)) >= len(seeds)
        assert not re.search(r"(constant|draw) \W*None", plain)
        for section in told.tree.sections:
            assert section.kind == "cost" or words(section.title[:40]) in words(plain)
        for part in parts:
            if isinstance(part, ForwardStep | Cotangent | Leaf) and part.value:
                assert words(part.value) in words(plain)
        for rule in rules:
            assert words(rule) in words(plain)
        for part in parts:
            if isinstance(part, Cotangent) and len(part.terms) + part.seed > 1:
                assert all(words(t.value) in words(plain) for t in part.terms)


def words(text):
    """Return text without what a format marks it up with."""
    text = re.sub(r"\\text\w*\{\}|\\char\d+\{\}|\\text\w*|u[0-9A-F]{4}", "", text)
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def test_a_lone_result_is_given_in_every_format():
    x = sd.input("x", (3,))
    told = explained(sd.Function("f", [x], sd.exp(x)))
    assert "d_exp_x: given" in told.text()
    assert r"$$\overline{x_{\mathrm{exp}}} = \text{given}$$" in told.markdown()
    assert r"\overline{x_{\mathrm{exp}}} &= \text{given}" in told.latex()
    assert "<mi>given</mi>" in told.html()
