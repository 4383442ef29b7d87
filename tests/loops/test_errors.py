"""What a loop or branch refuses, and in which words; and how its text reads."""

from __future__ import annotations

import ast
import sys
from typing import Any

import numpy as np
import pytest
from loop_checks import module

import symdiff as sd


def _x(*shape: Any, dtype: str = "float") -> Any:
    return sd.input("x", shape, dtype=dtype)


def _refused(kind: type[Exception], words: str, build: Any) -> None:
    with pytest.raises(kind, match=words) as caught:
        build()
    assert "test_errors.py" in str(caught.value), "the error names the user's line"


def test_a_carry_keeps_its_type() -> None:
    x = _x(3)
    _refused(
        sd.ShapeError,
        "carry 0 starts as",
        lambda: sd.scan(lambda c, r: (sd.stack([c, r]), None), 1.0, x),
    )
    _refused(
        sd.DTypeError,
        "carry 0 starts as float",
        lambda: sd.scan(lambda c, r: (c > r, None), 1.0, x),
    )
    _refused(
        sd.ShapeError,
        "carry 0",
        lambda: sd.while_loop(lambda c: sd.sum(c) > 0, lambda c: sd.sum(c), x),
    )


def test_a_body_returns_what_it_was_given() -> None:
    x = _x(3)
    _refused(
        sd.DeclarationError,
        r"must return \(carry, y\)",
        lambda: sd.scan(lambda c, r: c + r, 1.0, x),
    )
    _refused(
        sd.DeclarationError,
        "differ in structure",
        lambda: sd.scan(lambda c, r: ((c[0], c[0]), r), (1.0,), x),
    )
    _refused(
        sd.DeclarationError,
        "differ in structure",
        lambda: sd.while_loop(lambda c: c[0] > 0, lambda c: c[0], (x[0],)),
    )
    _refused(
        sd.DeclarationError,
        "differ in structure",
        lambda: sd.cond(x[0] > 0, lambda: (x, x), lambda: x),
    )


def test_a_predicate_is_a_boolean_scalar() -> None:
    x = _x(3)
    for build in (
        lambda: sd.cond(x > 0, lambda: x, lambda: x),
        lambda: sd.cond(x[0], lambda: x, lambda: x),
        lambda: sd.while_loop(lambda c: c > 0, lambda c: c, x),
    ):
        _refused(sd.DTypeError, "boolean scalar", build)


def test_sides_agree() -> None:
    x = _x(3)
    _refused(
        sd.ShapeError,
        "in one branch and",
        lambda: sd.cond(x[0] > 0, lambda: x, lambda: x[0]),
    )


def test_lengths_agree() -> None:
    x, y = _x(3), sd.input("y", (4,))
    _refused(
        sd.ShapeError,
        "first axis must",
        lambda: sd.scan(lambda c, r: (c + r[0] * r[1], None), 1.0, (x, y)),
    )
    _refused(
        sd.DeclarationError,
        "needs length=",
        lambda: sd.scan(lambda c, _: (c, c), 1.0),
    )
    _refused(
        sd.DeclarationError,
        "while_loop",
        lambda: sd.scan(lambda c, _: (c, c), 1.0, length=sd.sum(x)),
    )
    _refused(
        sd.ShapeError,
        "at least one axis",
        lambda: sd.scan(lambda c, r: (c, c), 1.0, sd.sum(x)),
    )


def test_python_control_flow_inside_a_body_is_refused() -> None:
    def step(c: Any, r: Any) -> Any:
        return (c if r > 0 else -c), None

    with pytest.raises(sd.TracingError, match=r"sd\.where or sd\.cond"):
        sd.scan(step, 1.0, _x(3))


def test_a_variable_does_not_leave_its_body() -> None:
    kept: list[Any] = []

    def step(c: Any, r: Any) -> Any:
        kept.append(c * r)
        return c + r, None

    x = _x(3)
    y, _ = sd.scan(step, 1.0, x)
    with pytest.raises((sd.SymdiffError, KeyError)):
        sd.compile(sd.Function("f", [x], y + kept[0]))
    with pytest.raises((sd.SymdiffError, KeyError)):
        sd.interpret(kept[0], {x: np.ones(3)})


def test_by_mode_inside_bodies() -> None:
    x = _x(3)

    def step(c: Any, r: Any) -> Any:
        def inner(d: Any, _: Any) -> Any:
            return d * sd.by_mode(r * 2.0, 3.0), None

        return sd.scan(inner, c, None, length=2)[0], c * r

    y, ys = sd.scan(step, 1.0, x)
    at = np.array([1.0, 2.0, 3.0])
    for mode, by in (("train", 2 * at), ("infer", 3 + 0 * at)):
        end, rows = sd.interpret(sd.resolve_mode([y, ys], mode), {x: at})
        before = np.cumprod(np.concatenate([[1], by**2]))
        np.testing.assert_allclose(end, before[-1])
        np.testing.assert_allclose(rows, before[:-1] * at)
    g = sd.resolve_mode(sd.grad(y, x), "train")
    np.testing.assert_allclose(
        sd.interpret(g, {x: at}), 2 * np.prod(4 * at**2) / at, rtol=1e-12
    )


def test_lengths_that_a_body_needs_are_checked_at_entry() -> None:
    x = sd.input("x", (4, sd.dim("N")))
    made = sd.compile(sd.Function("f", [x], sd.map(lambda row: sd.max(row), x)))
    forward = module(made["forward"]).forward
    np.testing.assert_array_equal(forward(np.ones((4, 2))), np.ones(4))
    with pytest.raises(ValueError, match="at least one element"):
        forward(np.ones((4, 0)))


DRAWS: dict[str, Any] = {
    "normal": lambda v: v + sd.random.normal(v.shape),
    "uniform": lambda v: v * sd.random.uniform((), 1.0, 2.0),
    "bernoulli": lambda v: sd.where(sd.random.bernoulli(0.5, v.shape), v, 0.0),
    "dropout": lambda v: sd.nn.dropout(v, 0.5),
    "in a side": lambda v: sd.cond(v[0] > 0, lambda: v * sd.random.normal(), lambda: v),
    "in a loop": lambda v: sd.scan(
        lambda c, _: (c + sd.random.normal(c.shape), None), v, None, 2
    )[0],
}
LOOPS: dict[str, Any] = {
    "scan": lambda f, x: sd.scan(lambda c, r: (f(c + r), None), np.zeros(2), x)[0],
    "scan without xs": lambda f, x: sd.scan(lambda c, _: (c, f(c)), x[0], None, 6)[1],
    "reversed scan": lambda f, x: sd.scan(
        lambda c, r: (f(c) + r, c), x[0], x, reverse=True
    ),
    "map": lambda f, x: sd.map(f, x),
    "while_loop": lambda f, x: sd.while_loop(lambda c: sd.sum(c) < 9, f, x[0]),
    "the test of while_loop": lambda f, x: sd.while_loop(
        lambda c: sd.sum(f(c)) < 9, lambda c: c + 1, x[0]
    ),
    "rnn": lambda f, x: sd.nn.rnn(x[None], 2, lambda z: sd.map(f, z))[0],
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_in_a_body_is_refused(loop: str, draw: str) -> None:
    """It would be drawn once, and every step would see the same numbers."""
    x = _x(3, 2)
    _refused(
        sd.DeclarationError,
        "in the body of a loop would be drawn once",
        lambda: LOOPS[loop](DRAWS[draw], x),
    )
    sd.random.normal(2)  # and after the refusal draws are as before


def test_a_refused_draw_is_named_by_its_own_line() -> None:
    def body(v: Any) -> Any:
        noise = sd.random.normal(v.shape)
        return v + noise

    with pytest.raises(sd.DeclarationError) as caught:
        sd.map(body, _x(3, 2))
    assert "noise = sd.random.normal(v.shape)" in str(caught.value)


def test_what_a_loop_may_draw() -> None:
    """Rows of draws made outside differ; one draw from outside is shared; a side
    draws.
    """
    x, at = _x(3, 2), np.ones((3, 2))
    one, rows = sd.random.normal(2), sd.random.normal((3, 2))

    def step(c: Any, r: Any) -> Any:
        return c + r[1], (r[0] + one, r[1])

    side = sd.cond(x[0, 0] > 0, lambda: x + sd.random.normal(x.shape), lambda: x)
    _, (shared, apart) = sd.scan(step, np.zeros(2), (x, rows))
    found = [sd.interpret(t, {x: at}, key=3) for t in (shared, apart, side)]
    np.testing.assert_array_equal(found[0][0], found[0][1])
    assert [len(np.unique(v)) for v in found] == [2, 6, 6]
    made = sd.compile(sd.Function("f", [x], [shared, apart, side]))
    text = module(made["forward"]).forward(at, 3)
    assert [len(np.unique(v)) for v in text] == [2, 6, 6]


def test_names_of_loops_do_not_collide() -> None:
    """Variables called like others, like the counter, and like what text needs."""
    t = sd.input("t", (3,))
    np_ = sd.input("np", ())
    for_ = sd.input("range", ())

    def step(t: Any, x: Any) -> Any:
        total = t * x + np_
        return total * for_, t

    t_1, rows = sd.scan(step, np_, t)
    t_2, more = sd.scan(step, t_1, rows)
    made = sd.compile(sd.Function("f", [t, np_, for_], [t_2, more]))
    forward = module(made["forward"]).forward
    c, ys = 0.5, []
    at = np.array([1.0, -2.0, 0.3])
    for _ in range(2):
        ys = []
        for x in at:
            ys.append(c)
            c = (c * x + 0.5) * 1.5
        at = np.array(ys)
    found = forward(np.array([1.0, -2.0, 0.3]), 0.5, 1.5)
    np.testing.assert_allclose(found[0], c)
    np.testing.assert_allclose(found[1], ys)


def test_text_of_a_recurrent_layer() -> None:
    """The loop keeps the user's names; the rows' product is taken once, before it."""
    T, N = sd.dim("T"), sd.dim("N")
    xs = sd.input("xs", (T, N, 3))
    W, U = sd.input("W", (3, 4)), sd.input("U", (4, 4))
    h0 = sd.input("h0", (N, 4))

    def step(h: Any, x: Any) -> Any:
        h = sd.tanh(x @ W + h @ U)
        return h, sd.sum(h**2)

    h_T, energies = sd.scan(step, h0, xs)
    loss = sd.sum(h_T) + sd.sum(energies)
    made = sd.compile(sd.Function("rnn", [xs, W, U, h0], loss))
    text = made["forward"].split("def forward")[1].split("def _check")[0]
    body = text.split("for t in range(T):")
    assert len(body) == 2, text
    assert "xs @ W" in body[0], text
    assert "xs @ W" not in body[1], text
    assert "np.tanh(" in body[1], text
    assert made["backward"].count("for t") == 2, "one loop each way"
    backward = made["backward"].split("def backward")[1]
    assert "reversed(range(T))" in backward, backward
    assert "+=" in backward, "totals are added in place"


def _steps(n: int, unrolled: bool) -> tuple[int, int]:
    """Return the calls that it takes to declare, differentiate and compile, which load
    does not change as it does seconds, and the statements of the text.
    """
    k = sd.input("k", ())
    y = sd.input("y", (2,))

    def f(y: Any) -> Any:
        return sd.stack([y[1], -k * sd.sin(y[0])])

    def step(y: Any, _: Any) -> Any:
        k1 = f(y)
        k2 = f(y + 0.05 * k1)
        k3 = f(y + 0.05 * k2)
        k4 = f(y + 0.1 * k3)
        return y + (0.1 / 6) * (k1 + 2 * k2 + 2 * k3 + k4), None

    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        if unrolled:
            end = y
            for _ in range(n):
                end, _ = step(end, None)
        else:
            end, _ = sd.scan(step, y, None, length=n)
        made = sd.compile(sd.Function("ode", [y, k], sd.sum(end * end)), optimize=1)
    finally:
        sys.setprofile(before)
    statements = sum(
        isinstance(part, ast.stmt) for part in ast.walk(ast.parse(made["backward"]))
    )
    return calls, statements


def test_a_scan_of_any_length_has_one_text() -> None:
    _, short = _steps(10, unrolled=False)
    _, long = _steps(1000, unrolled=False)
    assert short == long


@pytest.mark.slow
def test_an_unrolled_integrator_compiles_in_linear_time() -> None:
    _steps(5, unrolled=True)
    few, statements = _steps(60, unrolled=True)
    many, more = _steps(240, unrolled=True)
    assert more < 4.05 * statements
    assert many < 4.2 * few, (few, many)
