"""Rules of the rewriter, seen in the text that is generated."""

import numpy as np
import pytest

import symdiff as sd


def forward_of(name, inputs, output):
    compiled = sd.compile(sd.Function(name, inputs, output), only=("forward",))
    text = compiled["forward"]
    body = text[text.index("def forward(") : text.index("def _check(")]
    return body, compiled.load().forward.forward


def test_the_one_that_a_gradient_starts_from_leaves_no_trace_in_a_difference():
    z, y = sd.input("z", sd.dim("N")), sd.input("y", sd.dim("N"))
    loss = sd.nn.poisson(z, y, reduction="sum")
    body, forward = forward_of("slope", [z, y], sd.grad(loss, z))
    assert "np.exp(z) - y" in body
    assert "np.array(" not in body
    at = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    np.testing.assert_array_equal(forward(*at), np.exp(at[0]) - at[1])


@pytest.mark.parametrize("c", [2.5, 0.0, -0.0, np.inf, np.nan])
def test_a_negated_constant_is_a_constant(c):
    x = sd.input("x", 3)
    body, forward = forward_of("negated", [x], -sd.constant(np.array(c)) * x)
    assert "-np.array" not in body
    at = np.array([1.0, -0.0, np.inf])
    with np.errstate(invalid="ignore"):
        found, expected = forward(at), -c * at
    np.testing.assert_array_equal(found, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[known]), np.signbit(expected[known]))


def test_the_share_of_a_mean_is_a_number() -> None:
    N = sd.dim("N")
    r = sd.input("r", N)
    mean = sd.mean(r**2)
    slope = sd.grad(mean, r)
    # the mean's own check holds N above 0; alone, the slope divides as NumPy does
    text = sd.compile(sd.Function("f", [r], {"mean": mean, "slope": slope}))["forward"]
    assert "2.0 / N * r" in text
    for width in (np.float32, np.float64):
        found = sd.compile(sd.Function("f", [r], slope)).load().forward.forward
        got = found(np.array([1, 2, 3], width))
        assert got.dtype == width
        np.testing.assert_allclose(got, np.array([2, 4, 6]) / 3, rtol=1e-6)


def test_adding_a_negative_number_subtracts() -> None:
    x = sd.input("x", 3)
    text = sd.compile(sd.Function("f", [x], sd.grad(sd.sum(sd.exp(x) - x), x)))
    assert "np.exp(x) - 1" in text["forward"]


def test_indices_of_a_call_are_one_unless_it_returns_several() -> None:
    a = sd.input("a", 3)
    body, forward = forward_of("picked", [a], sd.stack([sd.cos(a)[0], a[1]]))
    assert "np.array((np.cos(a)[0], a[1]), dtype=a.dtype)" in body
    np.testing.assert_array_equal(forward(np.array([0.1, 0.2, 0])), [np.cos(0.1), 0.2])
    m, b = sd.input("m", (4, 2)), sd.input("b", (4, 3))
    body, forward = forward_of("solved", [m, b], sd.linalg.lstsq(m, b)[0][:, 0])
    rng = np.random.default_rng(0)
    at = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    wanted = np.linalg.lstsq(*at, rcond=None)[0][:, 0]
    np.testing.assert_allclose(forward(*at), wanted, rtol=1e-12)


def test_a_half_of_squares_and_a_broadcast_axis_leave_no_trace() -> None:
    r, g = sd.input("r", sd.dim("N")), sd.input("g", (sd.dim("N"), 2))
    text = sd.compile(sd.Function("half", [r], 0.5 * sd.mean(r**2)))["backward"]
    assert "d_r = d_out / N * r" in text
    again = sd.compile(sd.Function("half", [r], 0.5 * sd.mean(r * r)))["backward"]
    assert "d_r = d_out / N * r" in again
    y = sd.sum(sd.exp(r[:, None] * g))
    text = sd.compile(sd.Function("wide", [r, g], y))["backward"]
    assert ".sum(axis=1)" in text
    assert "keepdims" not in text


def test_numbers_are_put_into_arrays_as_one_writes_it() -> None:
    a = sd.input("a", ())
    c, s = sd.cos(a), sd.sin(a)
    turn = sd.stack([sd.stack([c, -s]), sd.stack([s, c])])
    body, forward = forward_of("turn", [a], turn)
    assert "np.array(((c, -s), (s, c)), dtype=a.dtype)" in body
    assert forward(np.float32(0.5)).dtype == np.float32
    v = sd.input("v", 2)
    text = sd.compile(sd.Function("swap", [v], sd.sum(v[0] * sd.sin(v[1]))))["backward"]
    assert "d_v = np.array((" in text
