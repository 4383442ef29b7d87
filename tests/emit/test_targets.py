"""A target decides how what was lowered is spelled, and nothing else.

The target here is NumPy under another name, with another spelling of one op and of
allocation: what it says must be all that changes.
"""

from __future__ import annotations

import re

import pytest

import symdiff as sd
from symdiff.compiler.passes import passes
from symdiff.emit.python import code as py
from symdiff.emit.targets.numpy import NUMPY, Numpy
from symdiff.graph.node import Node


class Other(Numpy):
    """NumPy, where ``tanh`` and the making of arrays are called otherwise."""

    name = "other"

    def text(self, node: Node) -> str:
        return "other.tanh(_0)" if node.op.name == "tanh" else super().text(node)

    def filled(self, node: Node, form: str) -> str:
        return form.replace("np.tanh(", "other.tanh(")

    def empty(self, shape: py.Expr, dtype: py.Expr, named: bool = False) -> py.Expr:
        return py.call("other.empty", shape, dtype)

    def copied(self, array: py.Expr) -> py.Expr:
        return py.call("other.copy", array)


def _model() -> sd.Model:
    x, W = sd.input("x", (sd.dim("N"), 3)), sd.param("W", (3, 3))
    _, rows = sd.scan(lambda h, r: (sd.tanh(h @ W + r), h), x[0], x)
    loss = sd.mean(rows**2) + sd.sum(sd.cast(x > 0, "float64") * x)
    return sd.Model("m", [x], outputs=x, loss=loss, optimizer=sd.optim.Adam())


def _lowered(target: Numpy) -> str:
    model = _model()
    value = sd.compile(model).stages["declared"]
    modules = ("forward", "backward", "train")
    for run in passes(model, 2, modules, "/base", target=target).values():
        value = run(value)
    return str(value)


def test_the_spelling_is_the_targets_alone() -> None:
    ours, theirs = _lowered(NUMPY), _lowered(Other())
    assert "np.tanh(" in ours
    for told in ("other.tanh(", "other.empty(", "other.copy("):
        assert told in theirs, told
    for left in (r"np\.tanh", r"np\.empty", r"\bx\.copy\("):
        assert not re.search(left, theirs), left
    back = theirs.replace("other.tanh(", "np.tanh(").replace(
        "other.float64", "np.float64"
    )
    back = re.sub(r"(np\.tanh\(.*), out=(.*)\)", r"\1, \2)", back)
    back = re.sub(r"other\.copy\((\w+)\)", r"\1.copy()", back)
    back = back.replace("other.empty(", "np.empty(")
    assert back == ours


class Unplaced(Other):
    """NumPy with a ``tanh`` that takes no place for its result."""

    def filled(self, node: Node, form: str) -> str:
        return Numpy.filled(self, node, form)


def test_what_takes_no_place_is_written_over_it() -> None:
    theirs = _lowered(Unplaced())
    assert not re.search(r"np\.tanh|other\.tanh\(.*out", theirs)
    assert re.search(r"\w+\[\.\.\.\] = other\.tanh\(", theirs)


def test_an_unknown_target_is_an_error_that_names_the_known() -> None:
    with pytest.raises(sd.DeclarationError, match="'fortran' is unknown; use 'numpy'"):
        sd.compile(_model(), target="fortran")
