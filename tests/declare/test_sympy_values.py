"""Every sample as SymPy: `to_sympy` returns the value of the sample's reference.

A sample that is refused says so; none is read with another meaning.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp
from sample_checks import problem, refer
from samples import SAMPLES, Sample

import symdiff as sd
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.record import OPS
from symdiff.ops.core.symbols import OPERANDS, y

MOST = 12  # elements of operands: SymPy is slow


def places(name: str, array: Any) -> dict[str, Any]:
    """Return the number of each element under the name of its symbol."""
    values = np.asarray(array)
    exact = {True: sp.true, False: sp.false}
    return {
        "_".join([name, *map(str, place)]): exact[bool(values[place])]
        if values.dtype == bool
        else values[place].item()
        for place in np.ndindex(values.shape)
    }


def number(e: Any, at: dict[str, Any]) -> Any:
    """Return an expression's value: a complex number or a truth."""
    e = sp.sympify(e)
    assert {s.name for s in e.free_symbols} <= set(at), f"foreign symbols in {e}"
    found = e.subs({s: at[s.name] for s in e.free_symbols})
    return bool(found) if found in (sp.true, sp.false) else complex(found)


def elements(found: Any) -> list[Any]:
    """Return the elements of what `to_sympy` returns."""
    if isinstance(found, (sp.MatrixBase, sp.NDimArray)):
        return list(np.asarray(found.tolist(), dtype=object).ravel())
    return [found]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_a_sample_is_read_with_its_value(sample: Sample) -> None:
    p = problem(sample)
    at: dict[str, Any] = {}
    for leaf, value in zip(p.leaves, p.values, strict=True):
        if isinstance(leaf, sd.Tensor):
            if not np.all(np.isfinite(value)):
                return  # a real symbol is a finite number
            at |= places(leaf.node.attrs["name"], value)
    if len(at) > MOST:
        return
    for output, wanted in zip(p.outputs, refer(sample, p.values), strict=True):
        try:
            found = elements(sd.to_sympy(output))
        except sd.DeclarationError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # booleans among numbers
            values = [number(e, at) for e in found]
        np.testing.assert_allclose(values, wanted.ravel(), rtol=1e-9, atol=1e-12)


FORMULAS = [
    op for op in OPS.values() if op.expression is not None and "@" not in op.name
]


@pytest.mark.parametrize("op", FORMULAS, ids=lambda op: op.name)
def test_a_formula_is_in_the_symbols_of_its_operands(op: Any) -> None:
    operands = set(OPERANDS[: len(op.partials)])
    assert sp.sympify(op.expression).free_symbols <= operands
    for partial in op.partials:
        if isinstance(partial, sp.Basic):
            assert partial.free_symbols <= {*operands, y}


@pytest.mark.parametrize("given", [{}, {"partials": (sp.Symbol("u"),)}])
def test_a_formula_in_other_symbols_is_not_registered(given: Any) -> None:
    formula = OPERANDS[0] ** 2 if given else sp.Symbol("u") ** 2
    with pytest.raises(ValueError, match="real symbols"):
        elementwise("foreign", formula, arity=1, ufunc="square", **given)
    assert "foreign" not in OPS


TRUTHS = {
    "p & q": (lambda p, q: p & q, lambda p, q: p and q),
    "p | q": (lambda p, q: p | q, lambda p, q: p or q),
    "p ^ q": (lambda p, q: p ^ q, lambda p, q: p != q),
    "~p & q": (lambda p, q: ~p & q, lambda p, q: not p and q),
    "~(p | ~q)": (lambda p, q: ~(p | ~q), lambda p, q: not (p or not q)),
}


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("names", [("p", "q"), ("v", "u")])
def test_conditions_keep_their_operands(name: str, names: tuple[str, str]) -> None:
    ours, truth = TRUTHS[name]
    x, z = sd.input("x", ()), sd.input("z", ())
    flags = [sd.input(n, (), dtype="bool") for n in names]
    leaves = sd.to_sympy(sd.where(ours(*flags), x, z))
    tests = sd.to_sympy(sd.where(ours(x > 0, z > 1), x, z))
    for a in (True, False):
        for b in (True, False):
            wanted = 0.5 if truth(a, b) else 2.5
            at = dict(zip(names, (sp.sympify(a), sp.sympify(b)), strict=True))
            assert number(leaves, at | {"x": 0.5, "z": 2.5}) == wanted
            x_at, z_at = (3.5 if a else -3.5), (4.5 if b else -4.5)
            picked = x_at if truth(a, b) else z_at
            assert number(tests, {"x": x_at, "z": z_at}) == picked
    tex = re.sub(r"\\[a-z]+({[^}]*})?", "", ours(*flags)._repr_latex_())
    assert set(re.findall("[a-z]", tex)) == set(names)


@pytest.mark.parametrize("order", [0, 1])
def test_real_functions_stay_real_for_negative_numbers(order: int) -> None:
    x = sd.input("x", ())
    for f in (sd.cbrt, sd.gammaln):
        tensor = sd.grad(f(x), x) if order else f(x)
        exact = sd.to_sympy(tensor)
        for at in (-2.7, -1.3, -0.4, 0.6, 3.2):
            wanted = sd.interpret(tensor, {x: np.array(at)})
            np.testing.assert_allclose(number(exact, {"x": at}), wanted, rtol=1e-12)
        again = sd.from_sympy(exact, {"x": x})
        found = sd.interpret(again, {x: np.array(-1.3)})
        np.testing.assert_allclose(found, sd.interpret(tensor, {x: np.array(-1.3)}))


COLLISIONS = [
    [("a", (2,)), ("a_0", ())],
    [("a", (2, 2)), ("a_1", (2,))],
    [("a", (2,)), ("a_0", ()), ("a__1", ())],
    [("a", (2, 1)), ("a_1", (1,)), ("a_1_0", ()), ("a__0_0", ())],
]


@pytest.mark.parametrize("leaves", COLLISIONS, ids=str)
def test_elements_have_names_of_their_own(leaves: Any) -> None:
    tensors = [sd.input(name, shape) for name, shape in leaves]
    total = sum((k + 1) * sd.sum(t) for k, t in enumerate(tensors))
    found = sd.to_sympy(total)
    assert len(found.free_symbols) == sum(int(np.prod(shape)) for _, shape in leaves)
    assert {s.name for s in found.free_symbols} > {
        n for n, shape in leaves if not shape
    }


def test_two_leaves_of_one_name_are_refused() -> None:
    with pytest.raises(sd.DeclarationError, match="two leaves are named x"):
        sd.to_sympy(sd.sum(sd.input("x", 2)) * sd.input("x", ()))
