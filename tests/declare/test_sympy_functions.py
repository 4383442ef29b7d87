"""Functions of SymPy that are compositions of others, and those that are not read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd

p, q = sp.Symbol("p", real=True), sp.Symbol("q", real=True)
INSIDE, OUTSIDE = [-0.9, -0.3, 0.2, 0.8], [-3.0, -1.5, 1.2, 40.0]
COMPOSED = [
    *((f(p), INSIDE) for f in (sp.cot, sp.sec, sp.csc, sp.acot)),
    *((f(p), OUTSIDE) for f in (sp.cot, sp.acot, sp.asec, sp.acsc, sp.acoth)),
    *((f(p), INSIDE) for f in (sp.coth, sp.sech, sp.csch, sp.acsch, sp.sinc)),
    (sp.asech(p), [0.1, 0.5, 0.9]),
    (sp.sinc(p), [0.0, -30.0, 1e-9, 3.5]),
    (sp.sinc(p**2 - 1) * sp.sec(p * q), INSIDE),
    *((sp.Mod(p, m), [-3.7, -0.2, 0.4, 5.1]) for m in (q, sp.Integer(3), -2 * q)),
    (sp.Mod(1 + p * q, 2), [-3.7, -0.2, 0.4, 5.1]),
    (sp.frac(p), [-3.7, -0.2, 0.4, 5.1]),
]


@pytest.mark.parametrize(("e", "at"), COMPOSED, ids=lambda v: str(v))
def test_compositions_are_read_and_differentiated(e: Any, at: list[float]) -> None:
    x, y = sd.input("x", len(at)), sd.input("y", ())
    made = sd.from_sympy(e, {p: x, q: y})
    slope = sd.grad(sd.sum(made), x)
    found = sd.interpret([made, slope], {x: np.array(at), y: np.array(0.6)})
    wanted = [float(e.subs({p: v, q: 0.6})) for v in at]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-12, atol=1e-14)
    h = sp.Rational(1, 10**8)  # in exact arithmetic, for Mod has no derivative in SymPy
    points = [[e.subs({p: sp.Rational(v) + s * h, q: sp.Rational(3, 5)}) for v in at]
              for s in (1, -1)]  # fmt: skip
    slopes = [float(sp.N(a - b, 30) / (2 * h)) for a, b in zip(*points, strict=True)]
    np.testing.assert_allclose(found[1], slopes, rtol=1e-6, atol=1e-6)


def test_an_own_op_of_a_composition() -> None:
    cot = sd.elementwise("my_cot", sp.cot(p))
    x = sd.input("x", 3)
    at = np.array([0.3, 0.7, 2.0])
    slope = sd.interpret([sd.grad(sd.sum(cot(x)), x)], {x: at})[0]
    np.testing.assert_allclose(slope, -1 / np.sin(at) ** 2, rtol=1e-12)


REFUSED = {
    sp.gamma(p): r"gamma gamma\(p\) .*where p > 0.*exp\(loggamma\(p\)\)",
    sp.factorial(p): r"factorial factorial\(p\) .*loggamma\(p \+ 1\)",
    sp.besselj(0, p): r"besselj besselj\(0, p\) has no op.*sd\.primitive",
    sp.LambertW(p) + 1: r"LambertW LambertW\(p\) has no op.*sd\.primitive",
    sp.sin(sp.zeta(p)): r"zeta zeta\(p\) has no op.*sd\.primitive",
}


@pytest.mark.parametrize("e", REFUSED, ids=str)
def test_what_has_no_op_is_named_with_a_remedy(e: Any) -> None:
    with pytest.raises(sd.DeclarationError, match=REFUSED[e]):
        sd.from_sympy(e, {p: sd.input("x", 3)})


A, v = sd.input("A", (2, 2)), sd.input("v", 3)
NUMBERS = "computed from numbers.*to_sympy of its operands.*SymPy's own"
UNREAD: dict[str, tuple[Any, str]] = {
    "det": (lambda: sd.linalg.det(A), f"^det has no .*{NUMBERS}"),
    "inv": (lambda: sd.linalg.inv(A), f"^inv has no .*{NUMBERS}"),
    "solve": (lambda: sd.linalg.solve(A, A[0]), f"^solve has no .*{NUMBERS}"),
    "cholesky": (lambda: sd.linalg.cholesky(A), f"^cholesky has no .*{NUMBERS}"),
    "eigenvalues": (lambda: sd.linalg.eigh(A)[0], f"^eigh has no .*{NUMBERS}"),
    "std": (lambda: sd.std(v), f"^std has no .*{NUMBERS}"),
    "norm": (lambda: sd.linalg.norm(v), f"^norm has no .*{NUMBERS}"),
    "below": (lambda: 1 + sd.exp(sd.std(v)), f"^std has no .*{NUMBERS}"),
    "max": (lambda: sd.max(v), "^max has no .*depends on those of symbols"),
    "logsumexp": (lambda: sd.logsumexp(v), "^logsumexp is .*max has no exact form"),
    "loop": (
        lambda: sd.scan(lambda c, r: (c * r, None), v[0], v)[0],
        "^scan has no .*steps.*one by one.*sd.where",
    ),
    "branch": (
        lambda: sd.cond(v[0] > 0, lambda: v, lambda: 2 * v),
        "^cond has no .*sd.where",
    ),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_has_no_exact_form_is_named_with_a_remedy(case: str) -> None:
    make, words = UNREAD[case]
    with pytest.raises(sd.DeclarationError, match=words) as told:
        sd.to_sympy(make())
    assert "ufunc" not in str(told.value)
    assert "dtype" not in str(told.value)
