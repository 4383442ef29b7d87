"""What is refused says what, where and the remedy, in sentences with one end."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdiff as sd
from symdiff import transforms
from symdiff.graph.errors import ended

S = sp.Symbol("s")
I = sp.Symbol("i", integer=True)  # noqa: E741
X = sd.input("x", (4,))
G = sp.Function("g")


def _read(e):
    return sd.from_sympy(e, {S: X})


REFUSED = {
    "a name": (lambda: X["a"], "index 'a' is a name.*dict"),
    "a name of a slice": (lambda: X[":"], "index ':' is a name"),
    "a name among others": (lambda: X[0, "a"], "index 'a' is a name"),
    "bytes": (lambda: X[b"a"], "index b'a' is a name"),
    "an update at a name": (lambda: X.at("a").set(1.0), "index 'a' is a name"),
    "a traced name": (
        lambda: transforms.grad(lambda x: np.sum(x["a"]))(np.ones(3)),
        "index 'a' is a name",
    ),
    "a computed condition": (
        lambda: transforms.grad(lambda x: np.sum(np.extract(x > 1, x)))(np.ones(3)),
        r"extract's result depends on values.*sd\.where.*constant",
    ),
    "Derivative": (
        lambda: _read(sp.Derivative(sp.sin(S), S)),
        r"Derivative .* has no op.*doit\(\).*sd\.grad",
    ),
    "Derivative of a function": (
        lambda: _read(sp.Derivative(G(S), S)),
        r"Derivative .* has no op.*doit\(\)",
    ),
    "Integral": (
        lambda: _read(sp.Integral(sp.sin(S), S)),
        r"Integral .* has no op.*doit\(\).*sd\.trapezoid",
    ),
    "Sum": (
        lambda: _read(sp.Sum(S**I, (I, 0, 3))),
        r"Sum .* has no op.*doit\(\).*sd\.sum",
    ),
    "Product": (
        lambda: _read(1 + sp.Product(S + I, (I, 1, 3))),
        r"Product .* has no op.*doit\(\).*sd\.prod",
    ),
    "Limit": (lambda: _read(sp.Limit(sp.sin(S) / S, S, 0)), r"Limit .*doit\(\)"),
    "Subs": (lambda: _read(sp.Subs(G(S), S, 2)), r"Subs .*doit\(\)"),
    "an undefined function": (lambda: _read(G(S)), r"g g\(s\) .*sd\.elementwise"),
    "Lambda": (lambda: _read(sp.Lambda(S, S**2)), r"Lambda .*call it"),
    "Array": (lambda: _read(sp.Array([S, 1])), r"Array .*Matrix"),
    "a lambda for an expression": (
        lambda: sd.elementwise("my_op", lambda u: u**2),
        r"my_op: a function is not an expression.*sympy\.Symbol.*sd\.primitive",
    ),
    "a ufunc for an expression": (
        lambda: sd.elementwise("my_op", np.sin),
        "my_op: a function is not an expression",
    ),
    "a tensor for an expression": (
        lambda: sd.elementwise("my_op", X),
        "my_op: Tensor is not an expression",
    ),
    "ones()": (lambda: sd.init.ones(), r"write init=sd\.init\.ones\."),
    "zeros of a shape": (lambda: sd.init.zeros((2, 3)), r"init=sd\.init\.zeros\."),
    "he_normal()": (lambda: sd.init.he_normal(), r"write init=sd\.init\.he_normal\."),
    "shapes": (lambda: X + sd.input("y", (3,)), "do not broadcast"),
    "masks": (lambda: (X > 1) - (X > 2), r"not defined on booleans.*sd\.cast"),
    "an op of one": (lambda: sd.sin(X, X), "takes 1 operand"),
    "text for an op": (
        lambda: sd.elementwise("my_op", "u +* 2"),
        "no expression that SymPy reads",
    ),
    "an init": (lambda: sd.param("w", (2,), init="One"), "unknown init 'One'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_message_says_what_and_what_to_write(name):
    call, words = REFUSED[name]
    with pytest.raises(sd.SymdiffError, match=f"(?s){words}") as raised:
        call()
    message = str(raised.value).partition("\n  at ")[0]
    assert ended(message) == message
    assert not re.search(r"(?<!\.)\.\.(?!\.)|[?!]\.|\.:", message), message


def test_a_message_that_quotes_another_has_one_end():
    for text, want in (
        ("a.", "a."),
        ("a..", "a."),
        ("a?.", "a?"),
        ("a ...", "a ..."),
        ("a ....", "a ..."),
        ("a: 1.5", "a: 1.5"),
    ):
        for kind in (sd.SymdiffError, sd.ShapeError, sd.OutputError, sd.SpecError):
            assert str(kind(text)) == want


def test_conditions_that_are_constants_pick_elements():
    mask = np.array([True, False, True])
    for f in (
        lambda x: np.compress(mask, x),
        lambda x: np.compress([0, 1], x, axis=1),
        lambda x: np.compress(mask[:0], x, axis=0),
        lambda x: np.extract(np.arange(12).reshape(4, 3) % 2, x),
    ):
        x = np.arange(12.0).reshape(4, 3)
        want = f(x)
        value, slope = transforms.value_and_grad(lambda v, f=f: np.sum(f(v) ** 2))(x)
        assert value == np.sum(want**2)
        np.testing.assert_array_equal(slope, np.where(np.isin(x, want), 2 * x, 0))


def test_no_sample_is_no_area():
    for shape, axis in (((0,), 0), ((3, 0), 1), ((0, 3), 0)):
        x = np.ones(shape)
        f = lambda v, axis=axis: np.trapezoid(v, axis=axis)  # noqa: E731
        module = sd.compile(sd.trace(f, x), single_file=True).load()
        np.testing.assert_array_equal(module.forward(x), f(x))
        slope = transforms.grad(lambda v, f=f: np.sum(f(v)))(x)
        assert slope.shape == shape
