"""What notebooks show of tensors, models and generated packages."""

import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pytest

import symdiff as sd
from symdiff.explain.equations import equation
from symdiff.explain.listing import coloured, listing
from symdiff.graph.tensor import Tensor


class Page(HTMLParser):
    """Elements that are opened are closed; nothing is loaded and nothing runs."""

    def __init__(self, html):
        super().__init__()
        self.open, self.said = [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "iframe", "body")
        if tag == "img":
            assert dict(attrs)["src"].startswith("data:image/svg+xml;base64,")
        else:
            assert not {"src", "href"} & dict(attrs).keys()
            self.open.append(tag)
        assert not any(k.startswith("on") for k, _ in attrs)

    def handle_startendtag(self, tag, attrs):
        assert tag == "mspace"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self):
        return re.sub("[\u2061\xa0]", "", "".join(self.said))


def page(thing):
    return Page(thing._repr_html_()).text


def mlp():
    N = sd.dim("N")
    x = sd.input("x", (N, 3))
    y = sd.input("y", N, dtype="int64", high=4)
    h = sd.nn.dense(x, 5, activation="tanh", name="hidden")
    z = sd.nn.dense(h, 4, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model(
        "mlp",
        inputs=[x],
        targets=[y],
        outputs={"probs": sd.softmax(z)},
        loss=loss,
        metrics={"accuracy": sd.nn.accuracy(z, y)},
        optimizer=sd.optim.SGD(0.1),
    )


def test_tensors():
    x = sd.input("x", (3, 4))
    W = sd.param("layer.W", (4, 2))
    z = sd.tanh(x @ W) / 2
    assert "z=tanh(xWlayer)2" in page(z)
    assert "float[3, 2]" in page(z)
    assert "z = sd.tanh(x @ W) / 2" in page(z)
    assert "Wlayer" in page(W)
    assert "param float[4, 2] layer.W" in page(W)
    assert z._repr_latex_() == (
        r"$\displaystyle z = \frac{\tanh \left(x \, W_{\mathrm{layer}}\right)}{2}$"
    )


def test_derivatives():
    x = sd.input("x", ())
    y = sd.sin(x)
    slope = sd.grad(y, x)
    assert slope._repr_latex_() == r"$\displaystyle \mathrm{slope} = \cos x$"


def test_models():
    said = page(mlp())
    for part in (
        "Model mlp",
        "inputxfloat[N, 3]",
        "targetyint64[N]",
        "parameterhidden.Wfloat[3, 5]15",
        "4 parameters44",
        "outputprobsfloat[N, 4]",
        "losslossfloat[]",
        "metricaccuracyfloat[]",
        "trained with SGD",
        "probs=softmax(z)",
        "Graph, ",
    ):
        assert part in said
    assert r"\mathrm{probs} &= " in mlp()._repr_latex_()


def test_functions():
    x = sd.input("x", ())
    f = sd.Function("f", [x], {"y": sd.exp(x), "z": x * 2})
    said = page(f)
    assert "Function f" in said
    assert "outputy" in said
    assert f._repr_latex_().count("&=") == 2


def test_compiled():
    said = page(sd.compile(mlp()))
    assert "mlp/backward.py" in said
    assert "def backward(params, residuals, d_loss=1.0):" in said
    big = sd.constant(np.arange(200.0))
    x = sd.input("x", 200)
    assert "constants.npz" in page(sd.compile(sd.Function("f", [x], x * big)))


HOSTILE = ["</div><script>alert(1)</script>", "a&lt;b", '"><img src=x>', "☃"]


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_name_holds(name):
    x = sd.input(name, (2,))
    w = sd.param(f"{name}.w", (2,))
    total = x * w
    loss = sd.sum(total)
    model = sd.Model("m", inputs=[x], outputs=total, loss=loss)
    for thing in (x, w, total, model, sd.compile(model)):
        page(thing)
        latex = thing._repr_latex_()
        assert latex is None or latex.isascii()


def test_what_is_large_is_cut():
    x = sd.input("x", (2,))
    total = x
    for i in range(3000):
        total = sd.tanh(total + sd.param(f"p{i}", (2,)))
    model = sd.Model("deep", inputs=[x], outputs=total, loss=sd.sum(total))
    start = time.perf_counter()
    html = model._repr_html_()
    assert len(html) < 40_000
    assert "too many to draw" in html
    assert "and 2,976 more" in html
    assert len(total._repr_html_()) < 10_000
    assert len(model._repr_latex_()) < 10_000
    assert time.perf_counter() - start < 5
    doubled = x
    for _ in range(60):
        doubled = doubled * doubled + 1
    assert len(doubled._repr_html_()) < 20_000
    assert "more lines" in listing("pass\n" * 1000)


def test_what_cannot_be_shown_is_left_to_repr(monkeypatch):
    x = sd.input("x", ())
    monkeypatch.setattr("symdiff.explain.showing.html", lambda thing: 1 / 0)
    assert x._repr_html_() is None
    assert Tensor._repr_html_(object.__new__(Tensor)) is None


def test_showing_is_loaded_when_asked_for():
    code = (
        "import sys, symdiff as sd; x = sd.input('x', ());"
        "assert 'symdiff.explain.showing' not in sys.modules;"
        "assert 'symdiff.explain' not in sys.modules;"
        "assert x._repr_html_()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loops_and_branches():
    x = sd.input("x", (5, 3))

    def step(carry, row):
        return carry + sd.tanh(row), carry

    last, rows = sd.scan(step, sd.sum(x, axis=0) * 0, x)
    assert "last" in page(last)
    assert "rows" in page(rows)
    page(sd.Function("f", [x], [last, rows]))
    page(sd.cond(sd.sum(x) > 0, lambda: x, lambda: -x))


def test_names_of_unnamed_values():
    x = sd.input("x", 3)
    assert equation(sd.exp(x)).name == "exp_x"
    assert equation(sd.exp(x), name="given").name == "given"


def test_code_that_is_not_python():
    assert coloured("def f(:\n  '''") == "def f(:\n  &#x27;&#x27;&#x27;"
    marked = coloured("def f(x):\n    return 'a<b', 1  # é\n")
    assert '<span class="sd-k">def</span>' in marked
    assert '<span class="sd-s">&#x27;a&lt;b&#x27;</span>' in marked
    assert '<span class="sd-c"># é</span>' in marked
