"""Long sums in generated code: whole terms on a row, each further one added to it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from true_names import false_names

import symdiff as sd
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.summed import sums_apart
from symdiff.emit.lower.texts import statements
from symdiff.emit.lower.uses import Use
from symdiff.emit.python import code as py
from symdiff.plan.layout import is_in_order

A, B, C = (f"{letter * 20} @ {letter * 18}" for letter in "abc")


def apart(text: str, terms: int) -> list[str]:
    """Return the lines of a statement of whose terms some may stand apart."""
    (made,) = statements(text, lambda name: None)
    assert isinstance(made, py.Assign)
    rules = tuple((Use((f"rule {i}",)),) for i in range(terms + 1))
    marked = py.Assign(made.targets, made.value, mark=Computes((), terms=rules))
    return py.print_stmts(sums_apart([marked], 0), 0).splitlines()


def test_a_row_has_as_many_terms_as_fit() -> None:
    assert apart(f"d = {A} + b - {C} * s", 2) == [
        f"d = {A} + b  # rule 0; rule 1",
        f"d -= {C} * s  # rule 2",
    ]
    assert apart(f"d = {A} * u * v + {B} * w + {C}", 2) == [
        f"d = {A} * u * v  # rule 0",
        f"d += {B} * w  # rule 1",
        f"d += {C}  # rule 2",
    ]
    assert apart(f"d = d + {A} * u + {B} * w", 2) == [
        f"d += {A} * u  # rule 1",
        f"d += {B} * w  # rule 2",
    ]


def test_what_fits_or_may_not_stand_alone_stays() -> None:
    assert apart("d = a + b", 1) == ["d = a + b"]
    assert apart(f"d = {A} + {B} + {C}", 0)[0] == "d = ("
    assert apart(f"d = {A} + {B} + d * {C}", 2)[0] == "d = ("  # the old d


def heads(first: str) -> sd.Function:
    """Return three products of one array, after itself or a view of it."""
    x = sd.input("observations", (sd.dim("N"), 4))
    weights = [sd.input(f"transformation_by_{k}", (4, 4)) for k in "qkv"]
    outputs = [(f"projected_{k}", x @ w) for k, w in zip("qkv", weights, strict=True)]
    if first == "view":
        outputs.insert(0, ("turned", sd.transpose(x)))
    if first == "itself":
        outputs.insert(0, ("same", x))
    return sd.Function("heads", [x, *weights], dict(outputs))


@pytest.mark.parametrize("first", ["product", "view", "itself"])
def test_cotangents_are_not_written_into(first: str) -> None:
    made = sd.compile(heads(first))
    text = made["backward"].partition("\ndef backward")[2]
    assert false_names(made) == []
    assert "d_observations = (" not in text
    assert len(re.findall(r" d_observations [+]= ", text)) >= 2
    module = made.load()
    rng = np.random.default_rng(0)
    args = [rng.normal(size=s) for s in ((5, 4), *[(4, 4)] * 3)]
    values, residuals = module.forward_with_residuals(*args)
    seeds = [rng.normal(size=np.shape(v)) for v in values]
    before = [s.copy() for s in seeds]
    found = module.backward(residuals, *seeds)
    for seed, old in zip(seeds, before, strict=True):
        np.testing.assert_array_equal(seed, old)
    products = zip(seeds[-3:], args[1:], strict=True)
    expected = sum(s @ w.T for s, w in products)
    expected = expected + (seeds[0].T if first == "view" else 0)
    expected = expected + (seeds[0] if first == "itself" else 0)
    np.testing.assert_allclose(found.d_observations, expected)


def test_a_sum_is_apart_only_where_it_is_laid_out_the_same() -> None:
    """A sum over an axis adds in another order where the array is turned."""
    x = sd.input("x", (40, 30, 20))
    turned = np.asfortranarray(np.random.default_rng(0).normal(size=x.shape))
    square = sd.input("square", (20, 20))
    product = x @ square
    found = {"product": product, "after": x + product, "before": product * 2 + x}
    found |= {"squared": x * x, "scaled": 3 * x - x * x}
    forward = sd.compile(sd.Function("f", [x, square], found)).load().forward
    values = forward(turned, np.ones((20, 20)))
    for name, t in found.items():
        if is_in_order(t.node):
            assert getattr(values, name).flags.c_contiguous, name
    assert [n for n, t in found.items() if is_in_order(t.node)] == [
        "product", "after", "before"
    ]  # fmt: skip
