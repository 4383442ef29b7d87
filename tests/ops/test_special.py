"""Values and gradients where functions are not smooth or not finite."""

from __future__ import annotations

import re
from typing import Any

import mpmath
import numpy as np
import pytest
from sample_checks import feed_of, forward_ops, leaf, outputs_of, problem, refer, run
from samples import SAMPLES, B, Given, I, Sample

from symdiff.ops.core.operands import API
from symdiff.ops.core.record import OPS
from symdiff.ops.elementwise.arithmetic import CONVENTIONS

FINITE = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 300.0, -300.0])
SPECIAL = np.array([*FINITE, np.inf, -np.inf, np.nan])
LEAVES = {"input", "literal", "constant"}


def _is_elementwise(sample: Sample) -> bool:
    """Whether the sample is one elementwise op on operands of one shape."""
    if any(isinstance(a, (I, Given)) for a in sample.args) or not sample.specials:
        return False
    shapes = {np.shape(a) for a in problem(sample).values if np.ndim(a)}
    ops = forward_ops(sample) - LEAVES
    single = isinstance(sample.fn, str) and len(ops) == 1
    return len(shapes) == 1 and single and all(OPS[o].is_elementwise for o in ops)


EACH = [s for s in SAMPLES if _is_elementwise(s)]


def _combined(sample: Sample, points: np.ndarray) -> tuple[list[Any], list[Any]]:
    """Return leaves and values: every combination of points."""
    count = sum(not isinstance(a, (int, float, B)) for a in sample.args)
    grids = iter(np.meshgrid(*[points] * count, indexing="ij"))
    size = len(points) ** count
    rng = np.random.default_rng(0)
    values: list[Any] = []
    for a in sample.args:
        if isinstance(a, (int, float)):
            values.append(a)
        elif isinstance(a, B):
            values.append(rng.random(size) < 0.5)
        else:
            values.append(next(grids).ravel())
    leaves = [
        leaf(f"x{i}", v.shape, bool if v.dtype.kind == "b" else float)
        if isinstance(v, np.ndarray)
        else v
        for i, v in enumerate(values)
    ]
    return leaves, values


@pytest.mark.parametrize("sample", EACH, ids=lambda s: s.id)
def test_special_values(sample: Sample) -> None:
    """NumPy's value at 0, at infinities, at nan, and at every combination of them."""
    leaves, values = _combined(sample, SPECIAL)
    outputs = outputs_of(sample, leaves)
    for got, wanted in zip(
        run(outputs, feed_of(leaves, values)), refer(sample, values), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=0, err_msg=sample.id)


SMOOTH = [s for s in EACH if s.differentiable]


@pytest.mark.parametrize("sample", SMOOTH, ids=lambda s: s.id)
def test_gradients_at_special_values(sample: Sample) -> None:
    """Wherever the reference has one slope, at 0 or far out, the gradient is that."""
    leaves, values = _combined(sample, FINITE)
    outputs = [o for o in outputs_of(sample, leaves) if o.dtype.is_float]
    cts = [leaf(f"g{k}", o.shape) for k, o in enumerate(outputs)]
    feed = feed_of([*leaves, *cts], [*values, *(np.ones(c.shape) for c in cts)])
    varied = [i for i, x in enumerate(leaves) if getattr(x, "ndim", 0)]
    varied = [i for i in varied if leaves[i].dtype.is_float]
    slopes = {
        i: np.array([_one_sided(sample, values, i, h) for h in _steps(values[i])])
        for i in varied
    }
    with np.errstate(all="ignore"):
        scale = {i: 1 + np.max(np.abs(s), axis=0) for i, s in slopes.items()}
        spread = {i: np.ptp(s, axis=0) / scale[i] for i, s in slopes.items()}
        kink = sum(spread[i] > 2e-3 for i in varied)  # of any operand: not smooth there
    for i in varied:
        (got,) = run([API["vjp"](outputs, leaves[i], cts)], feed)
        with np.errstate(all="ignore"):
            known = np.isfinite(spread[i]) & (kink == 0)
            off = np.abs(got - slopes[i][0]) / scale[i]
        wrong = np.flatnonzero(known & ~(off <= 1e-2))
        at = [tuple(float(v[k]) if np.ndim(v) else v for v in values) for k in wrong]
        assert not at, f"{sample.id}, operand {i}: {got[wrong]} at {at}"


def _steps(x: np.ndarray) -> list[np.ndarray]:
    size = 1e-5 * np.maximum(1, np.abs(np.where(np.isfinite(x), x, 1)))
    return [size, -size, 3 * size, -3 * size, 0.3 * size, -0.3 * size]


def _one_sided(sample: Sample, values: list[Any], i: int, h: np.ndarray) -> Any:
    """Return the slope of the reference's float results along operand i, one side."""
    there = [v + h if k == i else v for k, v in enumerate(values)]
    pairs = zip(refer(sample, there), refer(sample, values), strict=True)
    with np.errstate(all="ignore"):
        return sum((a - b) / h for a, b in pairs if a.dtype.kind == "f")


# --- conventions ------------------------------------------------------------------

AT_KINKS: list[tuple[str, str, list[Any], list[Any]]] = [
    ("relu", "relu", [[0.0, -0.0]], [[0.0, 0.0]]),
    ("abs", "abs", [[0.0]], [[0.0]]),
    ("maximum", "maximum", [[1.0], [1.0]], [[0.5], [0.5]]),
    ("maximum", "minimum", [[1.0], [1.0]], [[0.5], [0.5]]),
    ("max, min", "max", [[2.0, 2.0, 1.0, 2.0]], [[1 / 3, 1 / 3, 0.0, 1 / 3]]),
    ("max, min", "min", [[2.0, 2.0, 1.0, 1.0]], [[0.0, 0.0, 0.5, 0.5]]),
    (
        "power",
        "power",
        [[0.0, 0.0, 0.0], [2.0, 1.0, 0.0]],
        [[0.0, 1.0, 0.0], [0.0] * 3],
    ),
    ("hypot", "hypot", [[0.0], [0.0]], [[0.0], [0.0]]),
]


@pytest.mark.parametrize(("entry", "name", "at", "wanted"), AT_KINKS)
def test_conventions(entry: str, name: str, at: Any, wanted: Any) -> None:
    """The gradient at a kink is the one the table of conventions states."""
    assert any(entry in key for key in CONVENTIONS)
    leaves = [leaf(f"x{i}", (len(a),)) for i, a in enumerate(at)]
    total = API["sum"](API[name](*leaves))
    for got, b in zip(
        run(API["grad"](total, leaves), feed_of(leaves, [np.array(a) for a in at])),
        wanted,
        strict=True,
    ):
        np.testing.assert_allclose(got, b, atol=1e-15)


FAR = [-1e4, -100.0, -30.0, 0.0, 30.0, 100.0, 1e4]
STABLE: dict[str, Any] = {
    "sigmoid": lambda x: np.exp(-np.logaddexp(0, -x) - np.logaddexp(0, x)),
    "softplus": lambda x: np.exp(-np.logaddexp(0, -x)),
    "log_sigmoid": lambda x: np.exp(-np.logaddexp(0, x)),
    "tanh": lambda x: 4 * np.exp(-2 * np.logaddexp(x, -x)),
}


@pytest.mark.parametrize("name", STABLE)
def test_gradients_far_out(name: str) -> None:
    """Derivatives in float32 are finite and right at extreme arguments."""
    x = leaf("x", (len(FAR),))
    gradient = API["grad"](API["sum"](API[name](x)), x)
    (got,) = run([gradient], {x.node: np.array(FAR, "float32")})
    np.testing.assert_allclose(got, STABLE[name](np.array(FAR)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("width", ["float32", "float64"])
def test_one_minus_the_square_of_tanh_loses_no_more_than_tanh_has_lost(
    width: str,
) -> None:
    """Against 1 / cosh(x)**2 it is as good as (1 - h) (1 + h): h is what is rounded.

    For the rounded h alone the product is better, by as much as h has lost already.
    """
    eps = float(np.finfo(width).eps)
    for low, high in [(0, 0.1), (0.1, 1), (1, 2), (2, 4), (4, 6)]:
        points = np.linspace(low, high, 300, dtype=width)
        x = leaf("x", (len(points),))
        (got,) = run([API["grad"](API["sum"](API["tanh"](x)), x)], {x.node: points})
        h = np.tanh(points)
        with mpmath.workprec(200):
            exact = [1 / mpmath.cosh(mpmath.mpf(float(v))) ** 2 for v in points]
            errors = [
                [
                    abs(mpmath.mpf(float(a)) / e - 1)
                    for a, e in zip(found, exact, strict=True)
                ]
                for found in (got, (1 - h) * (1 + h))
            ]
        square, product = (float(max(e)) for e in errors)
        assert square < 1.5 * product + 2 * eps


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_extreme_logits(name: str) -> None:
    """Softmax and its kin at ±1e4 in float32: finite, with the limit as gradient."""
    x, g = leaf("x", (3, 3)), leaf("g", (3, 3) if name != "logsumexp" else (3,))
    rows = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, 0]], "float32")
    p = np.array([[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]])
    weights = (
        np.array([[1, 2, 3]] * 3, "float32") if name != "logsumexp" else np.ones(3)
    )
    gradient = API["vjp"](API[name](x, axis=-1), x, g)
    (got,) = run([gradient], {x.node: rows, g.node: weights.astype("float32")})
    wanted = {
        "logsumexp": p,
        "softmax": p * (weights - np.sum(p * weights, axis=-1, keepdims=True))
        if name == "softmax"
        else 0,
        "log_softmax": weights - p * weights.sum(-1, keepdims=True)
        if name == "log_softmax"
        else 0,
    }[name]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_logsumexp_of_infinities() -> None:
    """-inf where all are, as SciPy has it, and nothing of it in any derivative."""
    x = leaf("x", (4, 2))
    rows = [[-np.inf, -np.inf], [-np.inf, 1.0], [np.inf, 1.0], [0.0, 0.0]]
    (value,) = run([API["logsumexp"](x, axis=1)], {x.node: np.array(rows)})
    np.testing.assert_allclose(value, [-np.inf, 1, np.inf, np.log(2)])
    step: Any = leaf("step", (2, 2))  # one step of a hidden Markov model
    total = API["logsumexp"](API["logsumexp"](step, axis=1) + np.array([1.0, 2.0]))
    first = API["grad"](total, step)
    moved = [
        API["jvp"](total, step, np.ones((2, 2))),
        API["jvp"](first, step, np.ones((2, 2))),
        API["grad"](API["sum"](first * np.eye(2)), step),
    ]
    at = np.array([rows[0], [0.0, -np.inf]])
    slope, one, *zeros = run([first, *moved], {step.node: at})
    np.testing.assert_allclose(slope, [[0, 0], [1, 0]])
    np.testing.assert_allclose(one, 1)
    for found in zeros:
        np.testing.assert_allclose(found, np.zeros((2, 2)))


def test_where_keeps_nan_out() -> None:
    """A nan in the branch not taken reaches no gradient, of first or second order."""
    x: Any = leaf("x", (4,))
    safe = API["where"](x > 0, API["log"](API["where"](x > 0, x, 1.0)), 0.0)
    raw = API["where"](x > 0, x * x, API["stop_gradient"](API["log"](x)))
    first = API["grad"](API["sum"](safe + raw), x)
    second = API["grad"](API["sum"](first), x)
    at = np.array([-1.0, -0.0, 0.0, 2.0])
    for found in run([first, second], {x.node: at}):
        assert np.isfinite(found).all()


def test_parts_of_special_numbers() -> None:
    """modf of an infinity is a whole number and a zero of its sign, as in NumPy."""
    x: Any = leaf("x", SPECIAL.shape)
    for found, right in zip(
        run(list(API["modf"](x)), {x.node: SPECIAL}), np.modf(SPECIAL), strict=True
    ):
        np.testing.assert_array_equal(found, right)
        finite = ~np.isnan(right)
        np.testing.assert_array_equal(
            np.signbit(found)[finite], np.signbit(right)[finite]
        )


# --- text of records --------------------------------------------------------------


WRITTEN = [op for op in OPS.values() if isinstance(op.latex, str)]


@pytest.mark.parametrize("op", WRITTEN, ids=lambda op: op.name)
def test_latex_is_balanced(op: Any) -> None:
    """A record's LaTeX, where it has one, names its operands and closes its braces."""
    shown = op.latex.format("a", "b", "c", "d")
    plain = re.sub(r"\\[{}]", "", shown)
    assert plain.count("{") == plain.count("}")
    assert shown.count(r"\left") == shown.count(r"\right")
    assert "a" in shown
