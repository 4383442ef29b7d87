"""What softmax has hidden needs no mask in the gradient: its share is 0.

The rule fits a lower triangle of -inf alone, whose rows all show something. A mask that
may hide a whole row, a filler that is finite, and other axes keep their selection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.hidden import hidden_by_softmax
from symdiff.rewrite.rules import simplifications

T, N = sd.dim("T"), sd.dim("N")
z = sd.input("z", (T, T))
many = sd.input("many", (N, 2, T, T))
mask = sd.input("mask", (T, T), "bool")
w = sd.input("w", (T, T))


def shares(scores: Any, shown: Any, filler: float = -np.inf, axis: int = -1) -> Tensor:
    return sd.softmax(sd.where(shown, scores, filler), axis=axis)


def seen(offset: int = 0) -> Tensor:
    return sd.tri(T, k=offset, dtype=bool)


FITS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "plain": lambda: (sd.sum(shares(z, seen()) * w), z),
    "scaled": lambda: (sd.sum(shares(z / 2, seen()) * w), z),
    "scaled twice": lambda: (sd.sum(shares(3 * z / 7, seen()) * w), z),
    "heads": lambda: (sd.sum(shares(many * 0.25, seen()) * w), many),
    "one step ahead": lambda: (sd.sum(shares(z, seen(1)) * w), z),
    "products": lambda: (sd.sum((shares(z @ w, seen()) @ w) ** 2), z),
}
KEPT: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "any mask": lambda: (sd.sum(shares(z, mask) * w), z),
    "a row that shows nothing": lambda: (sd.sum(shares(z, seen(-1)) * w), z),
    "what comes before": lambda: (sd.sum(shares(z, ~seen()) * w), z),
    "a finite filler": lambda: (sd.sum(shares(z, seen(), -1e9) * w), z),
    "columns": lambda: (sd.sum(shares(z, seen(), axis=0) * w), z),
    "a slope of its own": lambda: (sd.sum(shares(sd.log(z), seen()) * w), z),
}


def masks(t: Tensor) -> list[Node]:
    """Return the selections whose other side is 0."""
    return [
        n
        for n in topological([t.node])
        if n.op.name == "where" and n.inputs[2].attrs.get("value") in (0, 0.0)
    ]


def both(case: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a gradient, and the same after the exact table of rewrites."""
    slope = sd.grad(*case())
    return slope, rewrite([slope], simplifications())[0]


def feeds(rows: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    size = len(rows)
    return {
        "z": rows,
        "many": np.stack([[rows, 2 * rows]] * 3),
        "mask": rng.random((size, size)) < 0.6,
        "w": rng.normal(size=(size, size)),
    }


def given(t: Tensor, rows: Any) -> dict[str, Any]:
    names = {n.attrs.get("name") for n in topological([t.node])}
    return {k: a for k, a in feeds(rows).items() if k in names}


def scores() -> Iterator[Any]:
    rng = np.random.default_rng(1)
    for size in (1, 2, 5):
        yield rng.normal(size=(size, size))
        yield 300 * rng.normal(size=(size, size))
        yield np.zeros((size, size)) * np.where(rng.random((size, size)) < 0.5, 1, -1)


@pytest.mark.parametrize("name", FITS)
def test_the_mask_is_gone_and_the_value_stays(name: str) -> None:
    slope, found = both(FITS[name])
    assert masks(slope)
    assert not masks(found)
    for rows in scores():
        feed = given(slope, rows)
        wanted, got = sd.interpret([slope, found], feed)
        np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-300)
        hidden = np.triu(np.ones(rows.shape, bool), 2 if "ahead" in name else 1)
        if name != "products":
            assert not got[..., hidden].any()


@pytest.mark.parametrize("name", KEPT)
def test_a_mask_that_may_matter_stays(name: str) -> None:
    _, found = both(KEPT[name])
    assert masks(found)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308])
@pytest.mark.parametrize("name", ["plain", "scaled", "heads"])
def test_what_is_hidden_may_be_anything(name: str, bad: float) -> None:
    slope, found = both(FITS[name])
    rows = np.random.default_rng(0).normal(size=(4, 4))
    rows[np.triu_indices(4, 1)] = bad
    with np.errstate(all="ignore"):
        wanted, got = sd.interpret([slope, found], given(slope, rows))
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_shown_spoils_its_own_row_alone(bad: float) -> None:
    slope, found = both(FITS["plain"])
    rows = np.random.default_rng(0).normal(size=(4, 4))
    rows[2, 1] = bad
    with np.errstate(all="ignore"):
        wanted, got = sd.interpret([slope, found], given(slope, rows))
    for i in (0, 1, 3):
        np.testing.assert_array_equal(got[i], wanted[i])
    assert np.isnan(got[2][np.isnan(wanted[2])]).all()
    assert np.isnan(wanted[2]).any()


def test_a_row_that_is_hidden_wholly_keeps_its_zeros() -> None:
    """Its shares are NaN; what hides them afterwards hides the gradient, too."""
    kept = sd.where(mask, shares(z, mask), 0.0)
    slope = sd.grad(sd.sum(kept * w), z)
    found = rewrite([slope], simplifications())[0]
    feed = given(slope, np.ones((3, 3))) | {
        "mask": np.array([[True] * 3] * 2 + [[False] * 3])
    }
    with np.errstate(all="ignore"):
        wanted, got = sd.interpret([slope, found], feed)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(got, wanted, rtol=1e-14)


def test_a_selection_of_the_users_own_stays() -> None:
    p = shares(z, seen())
    assert hidden_by_softmax(sd.where(seen(), p * w, 0.0)) is None


@pytest.mark.parametrize("name", FITS)
def test_second_derivatives_stay(name: str) -> None:
    y, x = FITS[name]()
    slope = sd.grad(y, x)
    again = sd.grad(sd.sum(sd.sin(slope)), x)
    (found,) = rewrite([again], simplifications())
    for rows in scores():
        wanted, got = sd.interpret([again, found], given(again, rows))
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-14)


def test_attention_keeps_no_mask_for_backward() -> None:
    x = sd.input("x", (N, T, 8))
    out = sd.nn.multi_head_attention(x, 2, causal=True, name="a")
    made = sd.compile(sd.Model("m", [x], [], out, loss=sd.mean(out * out)), optimize=1)
    kept, backward = made["backward"].split("\ndef backward(")
    assert "visible" not in kept.split("class Residuals")[1].split("def ")[0]
    assert "np.where" not in backward.split("\ndef ")[0]
