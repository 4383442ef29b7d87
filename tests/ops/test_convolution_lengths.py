"""Convolutions whose number of outputs is a length, in one group or several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd

C = sd.dim("C")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("outputs", "groups"), [(C, 1), (2 * C, 2), (4 * C, 2), (6, 3)]
)
@pytest.mark.parametrize("spatial", [1, 2])
def test_outputs_may_be_a_length(
    spatial: int, outputs: Any, groups: int, bias: bool
) -> None:
    count = outputs if isinstance(outputs, int) else int(outputs.subs(C, 3))
    conv = [sd.conv1d, sd.conv2d][spatial - 1]
    x, w = (2, 2 * groups, *(6, 5)[:spatial]), (2, *(3, 2)[:spatial])
    values = [RNG.normal(size=s) for s in (x, (count, *w), (count,))]

    def made(n: Any) -> Any:
        leaves = [
            sd.input(k, s) for k, s in zip("xwb", (x, (n, *w), (n,)), strict=True)
        ]
        y = conv(*leaves[:2], leaves[2] if bias else None, groups=groups, padding=1)
        total = [y, *sd.grad(sd.sum(y**2), leaves[: 2 + bias])]
        return sd.interpret(total, dict(zip(leaves, values, strict=True)))

    for found, wanted in zip(made(outputs), made(count), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (C, "C outputs cannot be split into 2 groups for every length; declare 2"),
        (5, "(?m)5 outputs cannot be split into 2 groups\\.$"),
    ],
)
def test_outputs_that_do_not_split(outputs: Any, message: str) -> None:
    with pytest.raises(sd.ShapeError, match=message):
        sd.conv1d(sd.input("x", (2, 4, 7)), sd.input("w", (outputs, 2, 2)), groups=2)
