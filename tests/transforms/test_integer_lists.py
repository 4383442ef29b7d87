"""Lists of Python's integers beside floats: a traced function has NumPy's mixing.

The oracle is NumPy, which runs the same function; slopes are differences of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.transforms import grad, jit

X = np.array([0.5, 1.3, 2.2])
BESIDE: dict[str, Callable[..., Any]] = {
    "interp": lambda x: np.interp(x, [0, 1, 3], [3, 1, 2]),
    "interp at integers": lambda x: np.interp([1, 2], x, [1, 2, 4]),
    "interp through them": lambda x: np.interp((0.5, 2), (0, 1, 3), x),
    "trapezoid": lambda x: np.trapezoid(x, [0, 1, 3]),
    "trapezoid of them": lambda x: np.trapezoid([1, 2, 3], x),
    "convolve": lambda x: np.convolve(x, [1, 2]),
    "correlate": lambda x: np.correlate([1, 2], x),
    "solve": lambda x: np.linalg.solve([[2, 0, 0], [0, 1, 0], [1, 0, 1]], x),
    "lstsq": lambda x: np.linalg.lstsq([[1, 0, 0], [0, 2, 0], [0, 0, 1]], x)[0],
    "dot": lambda x: np.dot(x, [1, 2, 3]),
    "vdot": lambda x: np.vdot([1, 2, 3], x),
    "inner": lambda x: np.inner(x, (1, 2, 3)),
    "outer": lambda x: np.outer([1, 2], x),
    "kron": lambda x: np.kron([1, 2], x),
    "cross": lambda x: np.cross(x, [1, 2, 3]),
    "matmul": lambda x: np.matmul([[1, 2, 3]], x),
    "multi_dot": lambda x: np.linalg.multi_dot([x, [[1, 2, 3], [1, 1, 1], [0, 0, 1]]]),
    "einsum": lambda x: np.einsum("i,i", x, [1, 2, 3]),
    "einsum by numbers": lambda x: np.einsum([1, 2, 3], [0], x, [0]),
    "tensordot": lambda x: np.tensordot([1, 2, 3], x, 1),
    "where": lambda x: np.where(x > 1, [1, 2, 3], x),
    "clip": lambda x: np.clip(x, [0, 0, 1], 2),
    "maximum": lambda x: np.maximum(x, [1, 2, 1]),
    "hypot": lambda x: np.hypot(x, [1, 2, 1]),
    "arctan2": lambda x: np.arctan2([1, 2, 1], x),
    "power": lambda x: np.power([1, 2, 1], x),
    "logaddexp": lambda x: np.logaddexp(x, [1, 2, 3]),
    "mod": lambda x: np.mod(x, [1, 2, 3]),
    "fmod": lambda x: np.fmod(x, [1, 2, 3]),
    "copysign": lambda x: np.copysign(x, [1, -1, 1]),
    "concatenate": lambda x: np.concatenate([x, [1, 2]]),
    "append": lambda x: np.append(x, [1]),
    "stack": lambda x: np.stack([x, [1, 2, 3]], axis=1),
    "vstack": lambda x: np.vstack([x, [1, 2, 3]]),
    "diff": lambda x: np.diff(x, prepend=[1]),
    "select": lambda x: np.select([x > 2, x > 1], [x, [1, 2, 3]], 0),
    "average": lambda x: np.average(x, weights=[1, 2, 3]),
    "average by": lambda x: np.average([1, 2, 4], weights=x),
    "polyval": lambda x: np.polyval([1, 2, 3], x),
    "geomspace": lambda x: np.geomspace(x, [1, 2, 3], 4),
    "linspace": lambda x: np.linspace(x, [1, 2, 3], 4),
    "operators": lambda x: (x + [1, 2, 3]) * [1, 2, 1] - [3, 1, 2] / x,
    "powers": lambda x: x ** [1, 2, 3] + [1, 2, 3] @ x,
    "booleans": lambda x: x * [True, False, True],
    "in place": lambda x: np.add(x, [1, 2, 3]) - np.multiply([[1], [2]], x),
}  # fmt: skip
COUNTED: dict[str, Callable[..., Any]] = {
    "searchsorted": lambda x: np.searchsorted([0, 1, 2], x) * x,
    "piecewise": lambda x: np.piecewise(x, [x > 1], [1, 2]),
    "comparisons": lambda x: (x > [0, 2, 1]) * x,
    "indices": lambda x: x[[0, 2]] * [1, 2],
    "take": lambda x: np.take(x, [0, 2]) + [1, 2],
    "moved axes": lambda x: np.transpose(np.outer(x, [1, 2]), [1, 0]),
    "reshaped": lambda x: np.reshape(np.outer(x, [1, 2]), [2, 3]),
    "over axes": lambda x: np.sum(np.outer(x, [1, 2]), axis=(0, 1)),
}  # fmt: skip
ALL = BESIDE | COUNTED


@pytest.mark.parametrize("name", ALL)
def test_values_and_slopes_are_numpys(name: str) -> None:
    f = ALL[name]
    for width in (np.float64, np.float32):
        wanted, found = np.asarray(f(X)), np.asarray(jit(f)(X.astype(width)))
        assert found.dtype == width
        assert found.shape == wanted.shape
        np.testing.assert_allclose(
            found, wanted, rtol=1e-9 if width is np.float64 else 1e-5
        )
    weights = np.random.default_rng(0).normal(size=wanted.shape)

    def total(x: Any) -> Any:
        return np.sum(f(x) * weights)

    steps = 1e-6 * np.eye(3)
    slopes = [(total(X + h) - total(X - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(grad(total)(X), slopes, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.take(x, [0.0, 1.0]),
        lambda x: np.sum(x, axis=(0, 1, 2)),
        lambda x: np.reshape(x, [2, 2]),
        lambda x: np.dot(x, ["a", "b", "c"]),
    ],
)
def test_errors_are_those_of_what_was_written(f: Callable[..., Any]) -> None:
    with pytest.raises(Exception) as found:
        jit(f)(X)
    assert "0.0, 1.0, 2.0" not in str(found.value)


def test_declared_models_name_their_conversions() -> None:
    with pytest.raises(sd.DTypeError):
        sd.dot(sd.input("x", 3), [1, 2, 3])
