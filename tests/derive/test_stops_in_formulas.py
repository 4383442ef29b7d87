"""`stop_gradient` anywhere inside a raw formula that has a stable form.

The class: every raw formula of the table of stable forms, with a stop at each of its
operands in turn, and at two of them; its gradient against that of the formula as it
stands, which no rule of stability has seen.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from rewrite.test_stability import FORMULAS, ORDINARY

import symdiff as sd
from symdiff.derive.reverse import reverse_sweep
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply, tensor_topological

X = sd.input("x", (2, 3))
POINT = {X: np.abs(ORDINARY) + 0.1}
Edge = tuple[Node, int]


def edges(root: Tensor) -> list[Edge]:
    """Return every float operand that is computed from X: its reader, and its place."""
    reach = {X.node}
    found = []
    for t in tensor_topological([root]):
        inside = [i for i, p in enumerate(t.node.inputs) if p in reach]
        if inside:
            reach.add(t.node)
        found += [(t.node, i) for i in inside if t.parents[i].dtype.is_float]
    return found


def with_stops(root: Tensor, stops: set[Edge]) -> Tensor:
    made: dict[Node, Tensor] = {}
    for t in tensor_topological([root]):
        parents = [
            sd.stop_gradient(made[p.node]) if (t.node, i) in stops else made[p.node]
            for i, p in enumerate(t.parents)
        ]
        made[t.node] = apply(t.node.op, *parents, **t.node.attrs) if parents else t
    return made[root.node]


def slope(gradient: Tensor | None) -> np.ndarray:
    if gradient is None:
        return np.zeros((2, 3))
    return np.asarray(sd.interpret(gradient, POINT))


@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")
@pytest.mark.parametrize("name", FORMULAS)
def test_a_stop_stays_where_it_is(name: str) -> None:
    raw = FORMULAS[name][0](X)
    weights = sd.constant(1 + np.arange(np.prod(raw.shape)).reshape(raw.shape) / 3)
    places = edges(raw)
    chosen: list[Any] = [{e} for e in places]
    chosen += [set(pair) for pair in itertools.combinations(places, 2)]
    for stops in chosen:
        y = sd.sum(weights * sd.sin(with_stops(raw, stops)))
        (wanted,) = reverse_sweep([y], [sd.constant(1.0)], [X])
        found = slope(sd.grad(y, X))
        np.testing.assert_allclose(
            found, slope(wanted), rtol=1e-8, atol=1e-9, err_msg=f"{name}: {stops}"
        )
