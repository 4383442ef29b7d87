"""A setting of a loss or activation never stretches the values that it is given for.

The class: every function that takes, beside its values, a number which may be a tensor
(a margin, a weight of positives, a slope). One of shape (N, 1) for values of shape (N,)
would make a loss of all pairs. The oracle is the shape that the function has with a
plain number in the setting's place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import symdiff as sd

nn = sd.nn
N = sd.dim("N")
NONE = {"reduction": "none"}


def values(name: str, *shape: Any) -> Any:
    return sd.input(name, shape, low=0.1, high=0.9)


def labels() -> Any:
    return sd.input("k", (N,), dtype="int64", low=0, high=4)


Z, Y, S, T = (values("z", N), values("y", N), values("s", N, 4), values("t", N, 4))
SETTINGS: dict[str, Callable[[Any], Any]] = {
    "positive_weight": lambda w: nn.sigmoid_cross_entropy(
        Z, Y, positive_weight=w, **NONE
    ),
    "positive_weight of classes": lambda w: nn.sigmoid_cross_entropy(
        S, T, positive_weight=w, **NONE
    ),
    "eps of poisson": lambda w: nn.poisson(Z, Y, log_input=False, eps=w, **NONE),
    "delta of huber": lambda w: nn.huber(Z, Y, delta=w, **NONE),
    "delta of hinge": lambda w: nn.hinge(S, labels(), delta=w, **NONE),
    "eps of cosine": lambda w: nn.cosine_similarity(S, T, eps=w),
    "margin of cosine": lambda w: nn.cosine_embedding(S, T, Z, margin=w, **NONE),
    "margin of triplet": lambda w: nn.triplet(S, T, S, margin=w, **NONE),
    "eps of triplet": lambda w: nn.triplet(S, T, S, eps=w, **NONE),
    "slope": lambda w: nn.leaky_relu(Z, w),
    "alpha": lambda w: nn.elu(Z, w),
}
SHAPES = [(), (1,), (4,), (N,), (N, 1), (1, N), (3, 1, 1), (N, 4), (2, N, 4)]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_does_not_stretch_values(name: str) -> None:
    make = SETTINGS[name]
    wanted = make(0.5).shape
    for shape in SHAPES:
        try:
            found = make(values("w", *shape)).shape
        except (sd.ShapeError, sd.DeclarationError):
            assert shape != () or name == "delta of huber", (name, shape)
            continue
        # a written 4 where N stands is checked when it runs
        same = tuple(n if m == 4 else m for n, m in zip(wanted, found, strict=True))
        assert same == wanted, (name, shape)


def test_the_error_names_setting_and_shapes() -> None:
    with pytest.raises(sd.ShapeError, match=r"positive_weight .*\(N, 1\).*\(N,\)"):
        SETTINGS["positive_weight"](values("w", N, 1))
    with pytest.raises(sd.DeclarationError, match="delta > 0"):
        SETTINGS["delta of huber"](values("w", N))
