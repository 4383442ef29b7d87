"""Ops of the user's own: what they compute, what is checked, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp
from generated import names_of

import symdiff as sd

a, b, u = sp.symbols("a b u")


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def test_swish_to_second_order_at_any_size() -> None:
    swish = sd.elementwise("swish", u / (1 + sp.exp(-u)))
    x = sd.input("x", (5,))
    y = swish(x)
    g = sd.vjp(y, x, np.ones(5))
    h = sd.vjp(g, x, np.ones(5))
    at = np.array([0.0, 1.0, -2.0, 1e3, -1e3])
    s = _sigmoid(at)
    found = sd.interpret([y, g, h, sd.jvp(y, x, np.ones(5))], {x: at})
    first = s * (1 + at * (1 - s))
    wanted = [at * s, first, s * (1 - s) * (2 + at * (1 - 2 * s)), first]
    for got, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("level", [0, 1])
def test_generated_code_needs_no_symdiff(level: int) -> None:
    swish = sd.elementwise("swish", u / (1 + sp.exp(-u)))
    x = sd.input("x", (3, 2))
    made = sd.compile(sd.Function("f", [x], swish(x) * 2.0), optimize=level)
    module = names_of(made["backward"])
    assert "symdiff" not in made["backward"].split('"""', 2)[2]
    for dtype in (np.float64, np.float32):
        at = np.linspace(-3, 3, 6).reshape(3, 2).astype(dtype)
        y, residuals = module["forward_with_residuals"](at)
        (d,) = module["backward"](residuals, np.ones((3, 2), dtype))
        s = _sigmoid(at)
        assert y.dtype == d.dtype == dtype
        np.testing.assert_allclose(y, 2 * at * s, rtol=1e-5)
        np.testing.assert_allclose(d, 2 * s * (1 + at * (1 - s)), rtol=1e-5)


def test_operands_are_ordered_by_name_or_as_told() -> None:
    by_name = sd.elementwise("rest", b - 2 * a)
    told = sd.elementwise("rest", b - 2 * a, symbols="b a")
    x, y = sd.input("x", (2,)), sd.input("y", ())
    at = {x: np.array([1.0, 2.0]), y: np.array(5.0)}
    np.testing.assert_array_equal(sd.interpret(by_name(x, y), at), [3, 1])
    np.testing.assert_array_equal(sd.interpret(told(x, y), at), [-9, -8])
    np.testing.assert_array_equal(sd.interpret(told(x, 3.0), at), [-5, -4])


def test_four_operands() -> None:
    c, d = sp.symbols("c d")
    op = sd.elementwise("quad", a * b + c * sp.sin(d))
    xs = [sd.input(n, (2,)) for n in "pqrs"]
    y = op(*xs)
    at = {x: np.array([0.3, 0.7]) * (i + 1) for i, x in enumerate(xs)}
    gs = sd.interpret(sd.vjp(y, xs, np.ones(2)), at)
    p, q, r, s = (at[x] for x in xs)
    for got, right in zip(gs, [q, p, np.sin(s), r * np.cos(s)], strict=True):
        np.testing.assert_allclose(got, right)


def test_a_second_definition_does_not_change_the_first() -> None:
    x = sd.input("x", (2,))
    first = sd.elementwise("mine", u**2)
    y = first(x)
    second = sd.elementwise("mine", u**3)
    z = second(x)
    at = {x: np.array([2.0, 3.0])}
    np.testing.assert_array_equal(sd.interpret(y, at), [4, 9])
    np.testing.assert_array_equal(sd.interpret(z, at), [8, 27])
    assert sd.elementwise("mine", u**2)(x).node is y.node


@pytest.mark.parametrize("name", ["tanh", "softplus", "where", "add"])
def test_built_in_ops_stay(name: str) -> None:
    with pytest.raises(sd.DeclarationError, match="of symdiff's own"):
        sd.elementwise(name, u)


def test_what_is_wrong_is_said_when_it_is_declared() -> None:
    with pytest.raises(sd.DerivativeError, match="partial of off in a"):
        sd.elementwise("off", sp.sin(a), partials=[1.001 * sp.cos(a)])
    with pytest.raises(sd.DeclarationError, match="no finite value"):
        sd.elementwise("nowhere", sp.log(-(a**2) - 1))
    with pytest.raises(sd.DeclarationError, match="domain names z"):
        sd.elementwise("unknown", sp.log(a), domain={"z": (0, 1)})
    with pytest.raises(sd.DeclarationError, match="no symbol"):
        sd.elementwise("constant_op", sp.Integer(3))
    with pytest.raises(sd.DeclarationError, match="does not list"):
        sd.elementwise("missing", a + b, symbols="a")
    with pytest.raises(sd.DeclarationError, match="identifier"):
        sd.elementwise("not a name", a)
    with pytest.raises(sd.DeclarationError, match="takes 1 operand"):
        sd.elementwise("single", a)(sd.input("x", ()), 1.0)
    with pytest.raises(sd.DeclarationError, match="no op in symdiff"):
        sd.elementwise("bessel", sp.besselj(0, a))


def test_a_derivative_that_overflows_is_warned_of() -> None:
    with pytest.warns(sd.SymdiffWarning, match="not finite"):
        sd.elementwise(
            "ratio",
            sp.exp(a) / (sp.exp(a) + sp.exp(-a) + 1) * 0 + a**2 * sp.exp(-sp.exp(a)),
        )
    with pytest.warns(sd.SymdiffWarning, match="not finite at a = 0"):
        sd.elementwise("root", sp.sqrt(a))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sd.elementwise("root2", sp.sqrt(a), domain={a: (0.1, 4.0)})
        sd.elementwise("logistic_loss", sp.log(1 + sp.exp(-a)))


def test_partials_by_symbol() -> None:
    op = sd.elementwise(
        "smooth_abs", sp.sqrt(a**2 + b**2), partials={a: a / sp.sqrt(a**2 + b**2)}
    )
    x, y = sd.input("x", ()), sd.input("y", ())
    g = sd.interpret(sd.grad(op(x, y), [x, y]), {x: np.array(3.0), y: np.array(4.0)})
    np.testing.assert_allclose(g, [0.6, 0.8])


# --- primitives -----------------------------------------------------------------------


def clog(x, k):
    """Return k log(1 + x**2)."""
    return np.log1p(x * x) * k


def _clog_vjp(ct: Any, out: Any, x: Any, k: Any) -> Any:
    return ct * k * 2.0 * x / (1 + x * x), ct * sd.log1p(x * x)


def _clog_jvp(tangents: Any, out: Any, x: Any, k: Any) -> Any:
    t, s = tangents
    terms = []
    if t is not None:
        terms.append(t * k * 2.0 * x / (1 + x * x))
    if s is not None:
        terms.append(s * sd.log1p(x * x))
    return sum(terms[1:], terms[0])


@pytest.mark.parametrize(
    "rules",
    [{"vjp": _clog_vjp}, {"jvp": _clog_jvp}, {"vjp": _clog_vjp, "jvp": _clog_jvp}],
)
def test_one_rule_is_the_transpose_of_the_other(rules: Any) -> None:
    op = sd.primitive("clog", evaluate=clog, **rules)
    x, k = sd.input("x", (3,)), sd.input("k", (3,))
    z = op(x, k)
    at = {x: np.array([0.5, -1.0, 2.0]), k: np.array([1.0, 2.0, -1.0])}
    v, w = at[x], at[k]
    slope = 2 * v / (1 + v * v)
    found = sd.interpret(
        [*sd.vjp(z, [x, k], np.ones(3)), sd.jvp(z, [x, k], [k, x])], at
    )
    wanted = [w * slope, np.log1p(v * v), w * w * slope + v * np.log1p(v * v)]
    for got, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12)
    h = sd.vjp(sd.vjp(z, x, np.ones(3)), x, np.ones(3))
    curve = w * (2 - 2 * v * v) / (1 + v * v) ** 2
    np.testing.assert_allclose(sd.interpret(h, at), curve, rtol=1e-10)


def test_the_function_itself_goes_into_the_generated_module() -> None:
    op = sd.primitive("clog", evaluate=clog, vjp=_clog_vjp)
    x, k = sd.input("x", (3,)), sd.input("k", (3,))
    text = sd.compile(sd.Function("f", [x, k], op(x, k)))["backward"]
    module = names_of(text)
    at = np.array([0.5, -1.0, 2.0])
    y, residuals = module["forward_with_residuals"](at, at)
    np.testing.assert_allclose(y, np.log1p(at * at) * at)
    d_x, _ = module["backward"](residuals, np.ones(3))
    np.testing.assert_allclose(d_x, at * 2 * at / (1 + at * at))
    assert "def _clog_" in text


def test_text_and_shape() -> None:
    op = sd.primitive(
        "gram",
        evaluate=lambda x: x.T @ x,
        shape=lambda x: (x[1], x[1]),
        vjp=lambda ct, out, x: x @ (ct + ct.T),
        text="_0.T @ _0",
        sample=[(4, 3)],
    )
    x = sd.input("x", (sd.dim("N"), 2))
    made = sd.compile(sd.Function("f", [x], op(x)))
    at = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(names_of(made["forward"])["forward"](at), at.T @ at)


def test_wrong_rules_are_refused() -> None:
    with pytest.raises(sd.DerivativeError, match="vjp of clog is wrong in operand 1"):
        sd.primitive(
            "clog",
            evaluate=clog,
            vjp=lambda ct, o, x, k: (_clog_vjp(ct, o, x, k)[0], ct * x),
        )
    with pytest.raises(sd.DerivativeError, match="jvp of clog is wrong in operand 0"):
        sd.primitive(
            "clog",
            evaluate=clog,
            vjp=_clog_vjp,
            jvp=lambda ts, o, x, k: sd.zeros_like(o),
        )
    with pytest.raises(sd.DerivativeError, match="1 cotangents for 2"):
        sd.primitive("clog", evaluate=clog, vjp=lambda ct, o, x, k: ct)
    with pytest.raises(sd.DeclarationError, match="neither vjp= nor jvp="):
        sd.primitive("clog", evaluate=clog)
    with pytest.raises(sd.DeclarationError, match="float64 for float32"):
        sd.primitive(
            "wide",
            evaluate=lambda x: x * np.ones(3),
            vjp=lambda ct, o, x: ct,
            text="_0",
        )
    with pytest.raises(sd.DeclarationError, match="where shape= says"):
        sd.primitive(
            "flat", evaluate=lambda x: x.sum(), vjp=lambda ct, o, x: ct, text="_0"
        )
    with pytest.raises(sd.DeclarationError, match="no text for generated code"):
        sd.primitive("lam", evaluate=lambda x: np.tanh(x), vjp=lambda ct, o, x: ct)
    with pytest.raises(sd.DeclarationError, match="of symdiff's own"):
        sd.primitive("sum", evaluate=lambda x: x, vjp=lambda ct, o, x: ct, text="_0")


def test_nothing_flows_where_nothing_should() -> None:
    op = sd.primitive(
        "steps",
        evaluate=lambda x: np.floor(x),
        text="np.floor(_0)",
        differentiable=False,
    )
    x = sd.input("x", (3,))
    with pytest.warns(sd.SymdiffWarning):
        g = sd.grad(sd.sum(op(x)), x)
    np.testing.assert_array_equal(sd.interpret(g, {x: np.ones(3)}), 0)


def test_inside_loops() -> None:
    swish = sd.elementwise("swish", u / (1 + sp.exp(-u)))
    x = sd.input("x", (3,))
    y, _ = sd.scan(lambda c, r: (swish(c + r), None), 0.5, x)
    g = sd.grad(y, x)
    at = np.array([0.2, -0.3, 1.0])

    def f(v: Any) -> Any:
        c = 0.5
        for r in v:
            c = (c + r) * _sigmoid(c + r)
        return c

    numeric = [(f(at + e) - f(at - e)) / 2e-5 for e in 1e-5 * np.eye(3)]
    np.testing.assert_allclose(sd.interpret(g, {x: at}), numeric, rtol=1e-8)
    module = names_of(sd.compile(sd.Function("f", [x], y))["backward"])
    _, residuals = module["forward_with_residuals"](at)
    np.testing.assert_allclose(module["backward"](residuals)[0], numeric, rtol=1e-8)


# --- generated code computes what the value says --------------------------------------


def _doubled(**parts: Any) -> Any:
    rules = {"evaluate": lambda x: x * 2, "vjp": lambda d, out, x: d * 2}
    return sd.primitive("doubled", **{**rules, **parts})


def _writes(x: Any) -> Any:
    x *= 2
    return x


def _sorts(x: Any) -> Any:
    x.sort()
    return x


def _writes_last(x: Any, k: Any) -> Any:
    y = x * k
    k[0] = 0
    return y


UNLIKE: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"text": "_0*3"}, "text gives .* where evaluate gives"),
    "text in one entry": (
        {"text": "_0 * np.array([2, 2, 2.5]).astype(_0.dtype)"},
        "text gives .* where evaluate gives",
    ),
    "shape of text": ({"text": "np.sum(_0 * 2)"}, r"text gives shape \(\)"),
    "width of text": ({"text": "_0 * 2 * np.ones(3)"}, "text gives float64"),
    "text that raises": ({"text": "_0 @ np.ones(7)"}, "fails where evaluate does not"),
    "text of unknown names": ({"text": "twice(_0)"}, "NameError"),
    "expand": ({"expand": lambda x: x * 3}, "expand gives .* where evaluate gives"),
    "shape of expand": ({"expand": lambda x: sd.sum(x)}, r"expand gives float"),
    "kind of expand": ({"expand": lambda x: x > 0}, "expand gives bool"),
    "no derivative": (
        {"text": "_0*3", "vjp": None, "differentiable": False},
        "text gives .* where evaluate gives",
    ),
    "nan": ({"text": "np.where(_0 > 9, _0, np.nan)"}, "text gives"),
    "evaluate writes": (
        {"evaluate": _writes, "text": "_0 * 2"},
        "evaluate writes into operand 0",
    ),
    "evaluate itself writes": ({"evaluate": _writes}, "writes into operand 0"),
    "evaluate sorts": ({"evaluate": _sorts}, "evaluate writes into operand 0"),
    "text writes": (
        {"text": "np.multiply(_0, 2, out=_0)"},
        "text writes into operand 0",
    ),
    "evaluate writes into another": (
        {"evaluate": _writes_last, "vjp": lambda d, out, x, k: (d * k, d * x)},
        "evaluate writes into operand 1",
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_generated_code_would_compute_otherwise_is_refused(name: str) -> None:
    parts, words = UNLIKE[name]
    with pytest.raises(sd.DeclarationError, match=words):
        _doubled(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"text": "_0 + _0"},
        {"expand": lambda x: x + x},
        {"text": "(2 * _0[::-1])[::-1]"},
        {"evaluate": lambda x: _writes(x.copy()), "text": "2 * _0"},
    ],
)
def test_the_same_value_otherwise_written_is_taken(parts: Any) -> None:
    q = _doubled(**parts)
    x, at = sd.input("x", 3), np.array([0.3, -0.5, 0.7])
    module = names_of(sd.compile(sd.Function("f", [x], q(x)))["backward"])
    value, residuals = module["forward_with_residuals"](at)
    np.testing.assert_array_equal(value, sd.interpret(q(x), {x: at}))
    np.testing.assert_array_equal(module["backward"](residuals, np.ones(3))[0], 2)


@pytest.mark.parametrize(
    "name", ["E", "pi", "I", "S", "Q", "O", "N", "beta", "gamma", "zeta", "oo"]
)
def test_an_operand_may_have_a_name_that_sympy_owns(name: str) -> None:
    x, y = sd.input(f"first_{name}", ()), sd.input("second", ())
    text, partials = f"{name}*x + x", {"x": f"{name} + 1"}
    for given in (None, partials):
        op = sd.elementwise(f"own_{name}", text, symbols=[name, "x"], partials=given)
        made = op(x, y)
        found = sd.interpret([made, *sd.grad(made, [x, y])], {x: 2.0, y: 3.0})
        np.testing.assert_allclose(found, [9.0, 3.0, 3.0])
