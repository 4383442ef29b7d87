"""A length that is written as 1 does not stand for a symbolic one that has to be equal.

The class: every function of `sd` and `sd.nn` that asks two tensors, or a tensor and its
weights, to have the same lengths. NumPy stretches a length of 1, so where the other one
is symbolic the difference would be seen nowhere. The oracle is what the function says
of the same shapes with a written length in the place of the symbolic one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import symdiff as sd

nn = sd.nn
N, K = sd.dim("N"), sd.dim("K")
LOSSES = {
    "mse": nn.mse,
    "mae": nn.mae,
    "huber": nn.huber,
    "poisson": nn.poisson,
    "binary_cross_entropy": lambda a, b: nn.binary_cross_entropy(sd.sigmoid(a), b),
    "sigmoid_cross_entropy": nn.sigmoid_cross_entropy,
    "softmax_cross_entropy": nn.softmax_cross_entropy,
    "kl": nn.kl_divergence if hasattr(nn, "kl_divergence") else nn.kl,
    "binary_hinge": nn.binary_hinge,
    "cosine_similarity": nn.cosine_similarity,
    "cosine": nn.cosine if hasattr(nn, "cosine") else nn.cosine_similarity,
    "triplet": lambda a, b: nn.triplet(a, b, a),
    "gaussian_nll": lambda a, b: nn.gaussian_nll(a, b, sd.exp(b)),
    "binary_accuracy": nn.binary_accuracy,
    "inner": sd.inner,
    "vecdot": sd.vecdot,
    "tensordot": lambda a, b: sd.tensordot(a, b, axes=(-1, -1)),
    "by_mode": sd.by_mode,
}
PAIRS = [((5,), (1,)), ((5, 3), (1, 3)), ((5, 1, 3), (1, 1, 3)), ((3, 5), (3, 1))]


def leaves(shapes: Any, five: Any) -> list[Any]:
    sizes = [tuple(five if d == 5 else d for d in shape) for shape in shapes]
    return [sd.input(f"a{i}", s, low=0.1, high=0.9) for i, s in enumerate(sizes)]


def accepted(make: Callable[..., Any], tensors: list[Any]) -> bool:
    try:
        make(*tensors)
    except (sd.ShapeError, sd.DeclarationError):
        return False
    return True


@pytest.mark.parametrize("name", LOSSES)
def test_tensors_of_one_shape(name: str) -> None:
    for one, other in PAIRS:
        for shapes in ((one, other), (other, one)):
            found = [accepted(LOSSES[name], leaves(shapes, n)) for n in (5, N)]
            assert found[0] == found[1], f"{shapes}: {found}"
            alike = leaves((one, one), N)
            assert accepted(LOSSES[name], alike), f"{one} twice"


WEIGHTED = {
    "mse": lambda z, w: nn.mse(z, sd.tanh(z), sample_weights=w),
    "huber": lambda z, w: nn.huber(z, sd.tanh(z), sample_weights=w),
    "cross entropy": lambda z, w: nn.softmax_cross_entropy(
        sd.stack([z, -z], axis=-1), sd.cast(z > 0.5, "int64"), sample_weights=w
    ),
    "hinge": lambda z, w: nn.hinge(
        sd.stack([z, -z], axis=-1), sd.cast(z > 0.5, "int64"), sample_weights=w
    ),
    "average": lambda z, w: sd.average(z, axis=0, weights=w),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_of_rows(name: str) -> None:
    for five in (5, N):
        assert accepted(WEIGHTED[name], leaves(((5,), (5,)), five))
        assert not accepted(WEIGHTED[name], leaves(((5,), (1,)), five))
    assert accepted(WEIGHTED[name], leaves(((5,), (5,)), N)[:1] + [sd.input("w", K)])


def test_weights_of_classes() -> None:
    z, y = sd.input("z", (N, K)), sd.input("y", (N,), dtype="int64", high=K)
    with pytest.raises(sd.ShapeError, match="one weight per class"):
        nn.softmax_cross_entropy(z, y, class_weights=sd.input("w", (1,)))
