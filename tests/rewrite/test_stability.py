"""Raw formulas become stable nodes, provably."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from generated import names_of
from scipy import special

import symdiff as sd
from symdiff.derive.stability import RULES, stabilise
from symdiff.graph.node import topological

RNG = np.random.default_rng(0)
PICKED = np.array([[0], [2]])


def _shares(e: Any, axis: Any = -1) -> Any:
    return e / sd.sum(e, axis=axis, keepdims=True)


def _shifted(x: Any) -> Any:
    return sd.exp(x - sd.max(x, axis=-1, keepdims=True))


def _lse(x: Any) -> Any:
    m = sd.max(x, axis=-1)
    return sd.log(sd.sum(sd.exp(x - sd.expand_dims(m, -1)), axis=-1)) + m


def _lse_kept(x: Any, m: Any) -> Any:
    return m[:, 0] + sd.log(sd.sum(sd.exp(x - m), axis=1))


def _softmax(x: Any) -> Any:
    return special.softmax(x, axis=-1)


def _log_softmax(x: Any) -> Any:
    return special.log_softmax(x, axis=-1)


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


# name: (raw formula, the op it becomes, its value by SciPy)
FORMULAS: dict[str, tuple[Callable[..., Any], str, Callable[..., Any]]] = {
    "softmax": (lambda x: _shares(sd.exp(x)), "softmax", _softmax),
    "softmax of axis 0": (
        lambda x: _shares(sd.exp(x), 0),
        "softmax",
        lambda x: special.softmax(x, axis=0),
    ),
    "softmax by index": (
        lambda x: sd.exp(x) / sd.sum(sd.exp(x), axis=1)[:, None],
        "softmax",
        _softmax,
    ),
    "shifted softmax": (lambda x: _shares(_shifted(x)), "softmax", _softmax),
    "softmax with a detached shift": (
        lambda x: _shares(
            sd.exp(x - sd.stop_gradient(sd.max(x, axis=-1, keepdims=True)))
        ),
        "softmax",
        _softmax,
    ),
    "log of softmax": (lambda x: sd.log(sd.softmax(x)), "log_softmax", _log_softmax),
    "log of a raw softmax": (
        lambda x: sd.log(_shares(sd.exp(x))),
        "log_softmax",
        _log_softmax,
    ),
    "log of a chosen softmax": (
        lambda x: sd.log(sd.softmax(x)[:, 1]),
        "log_softmax",
        lambda x: _log_softmax(x)[:, 1],
    ),
    "log of picked softmax": (
        lambda x: sd.log(sd.take_along_axis(sd.softmax(x), PICKED, axis=1)),
        "log_softmax",
        lambda x: np.take_along_axis(_log_softmax(x), PICKED, 1),
    ),
    "x - log sum exp": (
        lambda x: x - sd.log(sd.sum(sd.exp(x), axis=1, keepdims=True)),
        "log_softmax",
        _log_softmax,
    ),
    "shifted log softmax": (
        lambda x: (
            (x - sd.max(x, axis=1, keepdims=True))
            - sd.log(sd.sum(_shifted(x), axis=1, keepdims=True))
        ),
        "log_softmax",
        _log_softmax,
    ),
    "log sum exp": (
        lambda x: sd.log(sd.sum(sd.exp(x), axis=1)),
        "logsumexp",
        lambda x: special.logsumexp(x, axis=1),
    ),
    "log sum exp of all": (
        lambda x: sd.log(sd.sum(sd.exp(x))),
        "logsumexp",
        special.logsumexp,
    ),
    "shifted log sum exp": (_lse, "logsumexp", lambda x: special.logsumexp(x, axis=1)),
    "shifted log sum exp, the maximum's axis kept and taken away": (
        lambda x: _lse_kept(x, sd.max(x, axis=1, keepdims=True)),
        "logsumexp",
        lambda x: special.logsumexp(x, axis=1),
    ),
    "log sum exp with a detached shift": (
        lambda x: _lse_kept(x, sd.stop_gradient(sd.max(x, axis=1, keepdims=True))),
        "logsumexp",
        lambda x: special.logsumexp(x, axis=1),
    ),
    "softplus": (lambda x: sd.log(1 + sd.exp(x)), "softplus", _softplus),
    "softplus the other way": (
        lambda x: sd.log(sd.exp(-x) + 1.0),
        "softplus",
        lambda x: np.logaddexp(-x, 0),
    ),
    "softplus by log1p": (lambda x: sd.log1p(sd.exp(x)), "softplus", _softplus),
    "log of 1 - sigmoid by log1p": (
        lambda x: sd.log1p(-sd.sigmoid(x)),
        "log_sigmoid",
        lambda x: -np.logaddexp(x, 0),
    ),
    "sigmoid": (lambda x: 1 / (1 + sd.exp(-x)), "sigmoid", special.expit),
    "sigmoid of -x": (
        lambda x: 1.0 / (sd.exp(x) + 1),
        "sigmoid",
        lambda x: special.expit(-x),
    ),
    "sigmoid as a power": (lambda x: (1 + sd.exp(-x)) ** -1, "sigmoid", special.expit),
    "sigmoid as a share": (
        lambda x: sd.exp(x) / (1 + sd.exp(x)),
        "sigmoid",
        special.expit,
    ),
    "log of sigmoid": (
        lambda x: sd.log(sd.sigmoid(x)),
        "log_sigmoid",
        special.log_expit,
    ),
    "log of a raw sigmoid": (
        lambda x: sd.log(1 / (1 + sd.exp(-x))),
        "log_sigmoid",
        special.log_expit,
    ),
    "log of the rest": (
        lambda x: sd.log(1 - sd.sigmoid(x)),
        "log_sigmoid",
        lambda x: special.log_expit(-x),
    ),
    "log of exp": (lambda x: sd.log(sd.exp(x)) * 1.5, "multiply", lambda x: 1.5 * x),
}
NEAR_ZERO = {
    "log1p": (lambda x: sd.log(1 + x), "log1p", np.log1p),
    "log1p of -x": (lambda x: sd.log(1 - x), "log1p", lambda x: np.log1p(-x)),
    "expm1": (lambda x: sd.exp(x) - 1, "expm1", np.expm1),
}
EXTREME = np.array([[1e4, -1e4, 0.0], [88.0, 90.0, -104.0]])
ORDINARY = RNG.normal(size=(2, 3))


def _ops(t: Any) -> set[str]:
    return {n.op.name for n in topological([t.node])}


@pytest.mark.parametrize("name", [*FORMULAS, *NEAR_ZERO])
def test_the_rule_fits(name: str) -> None:
    raw, op, _ = {**FORMULAS, **NEAR_ZERO}[name]
    x = sd.input("x", (2, 3))
    y = raw(x)
    (found,) = stabilise([y])
    assert op in _ops(found)
    assert found.type == y.type
    assert not _ops(found) & {"exp", "log", "divide", "max"}
    assert found.site.location == y.site.location


@pytest.mark.parametrize("name", [*FORMULAS, *NEAR_ZERO])
def test_it_is_an_identity(name: str) -> None:
    """Equal values, and equal derivatives, where the raw formula is accurate."""
    raw, _, _ = {**FORMULAS, **NEAR_ZERO}[name]
    x = sd.input("x", (2, 3))
    y = raw(x)
    (found,) = stabilise([y])
    at = 0.3 * ORDINARY
    a, b = sd.interpret([y, found], {x: at})
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    from symdiff.derive.reverse import reverse_sweep

    ct = sd.constant(RNG.normal(size=np.shape(a)))
    raw_g = reverse_sweep([y], [ct], [x])
    g = reverse_sweep([found], [ct], [x])
    a, b = sd.interpret([*raw_g, *g], {x: at})
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_extreme_arguments(name: str) -> None:
    """Values and two orders of derivatives are finite, in both widths, and right."""
    raw, _, value = FORMULAS[name]
    x = sd.input("x", (2, 3))
    y = raw(x)
    w = RNG.normal(size=tuple(y.shape))
    g = sd.vjp(y, x, sd.constant(w))
    made = names_of(sd.compile(sd.Function("f", [x], [y, g]))["backward"])
    for dtype in (np.float64, np.float32):
        at = EXTREME.astype(dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            found, residuals = made["forward_with_residuals"](at)
            ones = [np.ones_like(f) for f in found]
            (second,) = made["backward"](residuals, *ones)
        near = 1e-12 if dtype is np.float64 else 2e-6
        np.testing.assert_allclose(found[0], value(EXTREME), rtol=near, atol=near)
        assert np.all(np.isfinite(found[1]))
        assert np.all(np.isfinite(second))
        assert found[0].dtype == found[1].dtype == second.dtype == dtype
    forward = sd.jvp(y, x, sd.constant(EXTREME * 0 + 1))
    assert np.all(np.isfinite(sd.interpret(forward, {x: EXTREME})))


@pytest.mark.parametrize("name", NEAR_ZERO)
def test_near_zero(name: str) -> None:
    raw, _, value = NEAR_ZERO[name]
    x = sd.input("x", (3,))
    forward = names_of(sd.compile(sd.Function("f", [x], raw(x)))["forward"])["forward"]
    at = np.array([1e-12, -3e-15, 1e-300])
    np.testing.assert_allclose(forward(at), value(at), rtol=1e-14)


def test_cross_entropy_by_hand_at_extreme_logits() -> None:
    """±1e4 in float32: the gradient is the one of the formula, not NaN."""
    z = sd.input("z", (4,))
    y = np.array([1.0, 0.0, 1.0, 0.0])
    p = 1 / (1 + sd.exp(-z))
    loss = -sd.sum(y * sd.log(p) + (1 - y) * sd.log(1 - p))
    at = np.array([1e4, 1e4, -1e4, -1e4], np.float32)
    found = sd.interpret(sd.grad(loss, z), {z: at})
    np.testing.assert_array_equal(found, [0, 1, -1, 0])
    made = names_of(sd.compile(sd.Function("f", [z], loss))["backward"])
    value, residuals = made["forward_with_residuals"](at)
    assert value == 2e4
    np.testing.assert_array_equal(made["backward"](residuals)[0], [0, 1, -1, 0])


def test_norm_at_zero() -> None:
    x = sd.input("x", (3, 2))
    for raw in (
        lambda x: sd.sum(sd.sqrt(sd.sum(x**2, axis=1))),
        lambda x: sd.sqrt(sd.sum(x * x)),
        lambda x: sd.sqrt(sd.sum(sd.square(x), axis=(0, 1))),
    ):
        y = raw(x)
        g = sd.grad(y, x)
        h = sd.grad(sd.sum(g * g), x)
        for found in sd.interpret([g, h], {x: np.zeros((3, 2))}):
            np.testing.assert_array_equal(found, 0)
        at = RNG.normal(size=(3, 2))
        e = 1e-6 * RNG.normal(size=(3, 2))
        slope = sd.interpret(y, {x: at + e}) - sd.interpret(y, {x: at - e})
        got = np.sum(sd.interpret(g, {x: at}) * e) * 2
        np.testing.assert_allclose(got, slope, rtol=1e-6)


# --- what must not be rewritten -------------------------------------------------------


def test_near_misses_stay() -> None:
    x = sd.input("x", (3, 3))
    y = sd.input("y", (3, 3))
    e = sd.exp(x)
    misses = [
        e / sd.sum(sd.exp(y), axis=1, keepdims=True),
        e / sd.sum(e, axis=1),  # lines the sums up with the columns
        e / sd.sum(e, axis=1, keepdims=True).T,
        e / (1 + sd.exp(y)),
        sd.log(1 + sd.exp(x) + sd.exp(y)) - sd.log(2 + sd.exp(x)),
        1 / (1.5 + sd.exp(-x)),
        x - sd.logsumexp(x, axis=1),
        sd.log(sd.sum(sd.exp(x - sd.max(x, axis=0, keepdims=True)), axis=1))
        + sd.max(x, axis=0),
        sd.sqrt(sd.sum(x**4)),
    ]
    for t in misses:
        (found,) = stabilise([t])
        a, b = sd.interpret([t, found], {x: ORDINARY[[0, 1, 0]], y: np.ones((3, 3))})
        np.testing.assert_allclose(a, b, rtol=1e-12)
        assert not _ops(found) & {"softmax", "log_softmax", "norm", "sigmoid"}


def test_a_variable_is_not_looked_through() -> None:
    """d sum(log p) / dp is 1 / p, though p is a softmax; and the other variables'."""
    x = sd.input("x", (2, 3))
    p = _shares(sd.exp(x))
    q = p * 2.0
    loss = sd.sum(sd.log(q))
    at = {x: ORDINARY}
    share = special.softmax(ORDINARY, axis=-1)
    d_p, d_x, d_q = sd.interpret(sd.grad(loss, [p, x, q]), at)
    np.testing.assert_allclose(d_p, 1 / share)
    np.testing.assert_allclose(d_q, 1 / (2 * share))
    np.testing.assert_allclose(d_x, 1 - 3 * share, rtol=1e-12)
    t = sd.jvp(sd.log(p), p, sd.constant(np.ones((2, 3))))
    np.testing.assert_allclose(sd.interpret(t, at), 1 / share)


COMPUTED: dict[str, Callable[..., Any]] = {
    "product": lambda x: x @ sd.constant(np.arange(9.0).reshape(3, 3) / 9),
    "tanh": lambda x: sd.tanh(x) * 0.9 + 0.05,
    "transposed": lambda x: sd.tanh(x).T.T,
}


@pytest.mark.parametrize("of", COMPUTED)
@pytest.mark.parametrize("name", [*FORMULAS, *NEAR_ZERO])
def test_derivatives_by_what_is_computed(name: str, of: str) -> None:
    """A formula of a computed value: both modes, and by the leaf beside it."""
    raw, _, _ = {**FORMULAS, **NEAR_ZERO}[name]
    x, given = sd.input("x", (2, 3)), sd.input("given", (2, 3))
    m = COMPUTED[of](x)
    at = sd.interpret(m, {x: 0.3 * ORDINARY})
    expected = sd.interpret(sd.grad(sd.sum(raw(given)), given), {given: at})
    loss = sd.sum(raw(m))
    by_m, by_x = sd.interpret(sd.grad(loss, [m, x]), {x: 0.3 * ORDINARY})
    np.testing.assert_allclose(by_m, expected, rtol=1e-9, atol=1e-12)
    (moved,) = sd.interpret([sd.jvp(m, x, sd.constant(ORDINARY))], {x: 0.3 * ORDINARY})
    np.testing.assert_allclose(np.sum(by_x * ORDINARY), np.sum(by_m * moved))
    tangent = sd.jvp(loss, m, sd.constant(ORDINARY))
    slope = sd.interpret(tangent, {x: 0.3 * ORDINARY})
    np.testing.assert_allclose(slope, np.sum(expected * ORDINARY), atol=1e-12)


def test_inside_bodies() -> None:
    x = sd.input("x", (3,))
    y, _ = sd.scan(lambda c, r: (sd.log(1 + sd.exp(c + r)), None), 0.0, x)
    (found,) = stabilise([y])
    body = next(n for n in topological([found.node]) if n.op.name == "scan")
    assert "softplus" in {n.op.name for n in body.attrs["body"].nodes}
    g = sd.grad(y, x)
    assert np.all(np.isfinite(sd.interpret(g, {x: np.array([1e4, 1e4, -5.0])})))


def test_level_0_keeps_what_was_written() -> None:
    x = sd.input("x", (3,))
    made = sd.compile(sd.Function("f", [x], sd.log(1 + sd.exp(x))), optimize=0)
    assert "np.exp(x)" in made["forward"]
    assert "np.log(" in made["forward"]


def test_every_rule_states_its_identity() -> None:
    for rules in RULES.values():
        for rule in rules:
            assert " = " in (rule.__doc__ or ""), rule.__name__


def test_the_statements_keep_their_order_and_names() -> None:
    x = sd.input("x", (3,))
    y = sd.input("y", (3,))
    p = 1 / (1 + sd.exp(-x))
    q = p * y
    r = q + x
    text = sd.compile(sd.Function("f", [x, y], [p, q, r]))["forward"]
    body = text.split("def forward")[1].split("def _check")[0]
    assert body.index("p = ") < body.index("q = ") < body.index("r = "), body


def test_a_part_of_the_maximum_and_a_reversed_one_are_not_the_shift() -> None:
    x = sd.input("x", (3, 3))
    m = sd.max(x, axis=1, keepdims=True)
    for wrong in (m[::-1], m[:1] + 0 * m):
        y = wrong[:, 0] + sd.log(sd.sum(sd.exp(x - m), axis=1))
        (found,) = stabilise([y])
        assert "max" in _ops(found)
        at = RNG.normal(size=(3, 3))
        np.testing.assert_allclose(*sd.interpret([found, y], {x: at}), rtol=1e-12)
