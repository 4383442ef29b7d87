"""A shown cotangent is the sum of what is shown to come back, whatever became one node.

The class: formulas that have a stable form, beside uses of their own inner values and
of values that only the stable form computes. In the program a node may then hand back
shares of both. What is shown for a value is by that value alone, or marked as not
computed by the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rewrite.test_stability import FORMULAS

import symdiff as sd
from symdiff.explain.explanation import derivation_of, values_of
from symdiff.graph.tensor import Tensor, tensor_topological

AT = 0.3 * np.random.default_rng(5).normal(size=(2, 3)) + 0.4
OF_FORMS = (
    *[lambda x: -x, sd.exp, lambda x: sd.exp(-x), sd.sigmoid, sd.abs],
    *[lambda x: sd.sigmoid(-x), sd.softplus, lambda x: sd.softplus(-x)],
    *[sd.log_sigmoid, sd.tanh, lambda x: x**2, lambda x: sd.sum(x**2)],
    *[sd.log, sd.log1p, sd.expm1, sd.logsumexp, sd.softmax, sd.log_softmax],
)


def inner(y: Tensor, x: Tensor) -> Iterator[Tensor]:
    """Yield the float values that a formula is computed from."""
    for t in tensor_topological([y]):
        if t.dtype.is_float and t.node not in (x.node, y.node) and t.node.inputs:
            yield t


@pytest.mark.parametrize("name", FORMULAS)
def test_what_comes_back_adds_up(name: str) -> None:
    x = sd.input("x", AT.shape)
    raw = FORMULAS[name][0](x)
    beside = [*inner(raw, x), *(form(x) for form in OF_FORMS)]
    for i in range(4):
        others = [sd.sum(sd.cos(other) * 0.7) for other in beside[i::4]]
        loss = sum(others, sd.sum(sd.sin(raw)))
        function = sd.Function("f", [x], loss)
        derivation = derivation_of(function)
        values = values_of(function, derivation, {"x": AT})
        for entry in derivation.entries:
            if entry.cotangent is None or not entry.received:
                continue
            keys = [(s.source, s.user, k) for k, s in enumerate(entry.received)]
            parts: Any = sum(values.shares[k] for k in keys) + float(entry.seed)
            whole = values.cotangents[entry.cotangent]
            marked = entry.cotangent in values.apart.cotangents
            words = f"{entry.cotangent}{' (apart)' * marked} with {i}"
            np.testing.assert_allclose(whole, parts, 1e-9, 1e-12, err_msg=words)
