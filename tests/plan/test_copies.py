"""What NumPy may have to copy for a new shape has a name where several read it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.node import topological
from symdiff.plan.layout import regrouped

SHAPE = (2, 3, 4)
N = sd.dim("N")


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
    assert said is not shares
    assert found.node not in regrouped([*order], [found.node])


@pytest.mark.parametrize(
    ("shape", "copied"), [((N, 12), False), ((3, N, 4), False), ((3, 4 * N), True)]
)
def test_lengths_that_are_not_known(shape: tuple[int, ...], copied: bool) -> None:
    """Of an array whose first axis was the last one, other axes are joined freely."""
    x = sd.input("x", (3, 4, N))
    product = sd.matmul(sd.param("W", (4, 4)), x)
    turned = sd.transpose(product, (0, 2, 1) if shape[0] == 3 else (2, 0, 1))
    found = sd.reshape(turned, shape)
    assert (found.node in regrouped(topological([found.node]), [x.node])) is copied


def test_heads_are_joined_once_for_a_weight_a_bias_and_the_input() -> None:
    T = sd.dim("T")
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
