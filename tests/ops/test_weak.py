"""Only a number is of a Python type; an array of numbers has a dtype and a shape.

The class: functions that choose among Python's integers × arithmetic on the result,
beside scalars and arrays; against NumPy, for values, shapes and dtypes, and for the
gradient by the scalar, which must be a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sample_checks import forward_nodes, problem
from samples import SAMPLES, Sample

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.graph.types import TensorType
from symdiff.ops.core.operands import LITERAL

B, X = np.array([True, False, True, False]), np.array([1.0, 2.0, 3.0, 4.0])
CHOSEN: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda b, x: np.where(b, 1, 0),
    "minus one": lambda b, x: np.where(b, 1, -1),
    "of a comparison": lambda b, x: np.where(x > 2, 1, 0),
    "nested": lambda b, x: np.where(b, np.where(x > 2, 2, 1), 0),
    "select": lambda b, x: np.select([b, x > 3], [1, 2], 0),
    "reversed": lambda b, x: np.where(b, 1, 0)[::-1],
    "sorted": lambda b, x: np.sort(np.where(b, 1, 0)),
}
ARITHMETIC: dict[str, Callable[[Any], Any]] = {
    "itself": lambda w: w,
    "one minus": lambda w: 1 - w,
    "negated": lambda w: -w,
    "doubled": lambda w: w * 2,
    "added": lambda w: w + w,
    "squared": lambda w: w**2,
    "absolute": lambda w: abs(w),
    "largest": lambda w: np.maximum(w, 0),
    "scaled": lambda w: 2 * w - 1,
    "joined": lambda w: np.concatenate([w, w])[:4],
}


@pytest.mark.parametrize("arithmetic", ARITHMETIC)
@pytest.mark.parametrize("chosen", CHOSEN)
def test_what_is_chosen_among_numbers_is_an_array(chosen: str, arithmetic: str) -> None:
    def made(b: Any, x: Any) -> Any:
        return ARITHMETIC[arithmetic](CHOSEN[chosen](b, x))

    def loss(s: Any, x: Any) -> Any:
        return np.sum(s * made(B, x) * x) + np.max(made(B, x) * s)

    b, x = sd.input("b", 4, dtype="bool"), sd.input("x", 4)
    y, expected = made(b, x), made(B, X)
    assert y.shape == (4,)
    assert y.dtype.name == expected.dtype.name
    f = sd.Function("f", [b, x], y)
    for level in (0, 1, 2):
        found = sd.compile(f, optimize=level).load().forward.forward(B, X)
        np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(sd.interpret(y, {b: B, x: X}), expected, strict=True)
    s = np.array(3.0)
    np.testing.assert_allclose(T.jit(loss)(s, X), loss(s, X))
    slope = T.grad(loss)(s, X)
    assert np.shape(slope) == ()
    np.testing.assert_allclose(slope, (loss(s + 0.5, X) - loss(s - 0.5, X)))
    by_x = (made(B, X) * s).tolist()
    np.testing.assert_allclose(T.grad(loss, 1)(s, X), by_x)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_no_array_is_of_a_python_type(sample: Sample) -> None:
    found = forward_nodes(problem(sample))
    kinds = [(n.op.name, n.type) for n in found if isinstance(n.type, TensorType)]
    assert kinds
    assert not [k for k in kinds if k[1].dtype.weak and k[0] != LITERAL.name]
