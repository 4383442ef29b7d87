"""What NumPy may have to copy for a new shape has a name where several read it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.node import topological
from symdiff.plan.layout import regrouped

SHAPE = (2, 3, 4)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("shape", [(6, 4), (24,), (2, 12), (4, 6), (2, 3, 2, 2)])
def test_what_numpy_copies_is_known(
    axes: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    x = sd.input("x", SHAPE)
    found = sd.reshape(sd.transpose(x @ sd.param("W", (4, 4)), axes), shape)
    order = topological([found.node])
    array = np.zeros(SHAPE)
    shares = np.shares_memory(array, array.transpose(axes).reshape(shape))
    said = found.node in regrouped(order, [x.node])
    assert said or shares
    assert said is (axes != (0, 1, 2))
    assert found.node not in regrouped([*order], [found.node])


def test_heads_are_joined_once_for_a_weight_a_bias_and_the_input() -> None:
    N, T = sd.dim("N"), sd.dim("T")
    x, y = sd.input("x", (N, T, 6)), sd.input("y", (N, T, 6))
    out = sd.nn.multi_head_attention(sd.tanh(x @ sd.param("W", (6, 6))), 2)
    model = sd.Model(
        "joined", [x], targets=[y], outputs=out, loss=sd.mean((out - y) ** 2)
    )
    compiled = sd.compile(model)
    text = compiled["backward"]
    backward = text[text.index("def backward(") : text.index("def value_and_grad(")]
    # q, k and v are joined once each; a weight of q, say, does not join them again
    code = [row.partition("#")[0] for row in backward.split("\n")]
    joins = "".join(code).replace(" ", "")
    assert joins.count(".reshape(N,T,6)") == 3
