"""SymPy expressions in forms that do not overflow, nor do their derivatives.

In: a SymPy expression over real symbols. Out: an equal one in which logistic functions
are SymPy functions of their own, with derivatives in terms of themselves. Invariant:
each replacement is an identity for all real arguments.
"""

from __future__ import annotations

import sympy as sp

from symdiff.ops.core.symbols import sigmoid, softplus


def stable(expression: sp.Basic) -> sp.Basic:
    """Return an equal expression that overflows only where its value does.

    1/(1 + exp(a)) = sigmoid(-a), exp(a) sigmoid(-a) = sigmoid(a), and
    log(1 + exp(a)) = softplus(a), log(sigmoid(a)) = -softplus(-a).
    """
    return (
        expression.replace(_is_logistic, _logistic)
        .replace(_is_product, _product)
        .replace(_is_softplus, lambda e: softplus(_one_plus_exp(e.args[0])))
        .replace(_is_log_sigmoid, lambda e: -softplus(-e.args[0].args[0]))
    )


def _one_plus_exp(e: sp.Basic) -> sp.Expr | None:
    """Return a where ``e`` is 1 + exp(a)."""
    if isinstance(e, sp.Add) and len(e.args) == 2 and sp.S.One in e.args:
        (other,) = (a for a in e.args if a != 1)
        return other.args[0] if isinstance(other, sp.exp) else None
    return None


def _is_logistic(e: sp.Basic) -> bool:
    if not isinstance(e, sp.Pow) or not (e.exp.is_Integer and e.exp.is_negative):
        return False
    return _one_plus_exp(e.base) is not None


def _logistic(e: sp.Pow) -> sp.Expr:
    return sigmoid(sp.Mul(-1, _one_plus_exp(e.base))) ** (-e.exp)


def _is_softplus(e: sp.Basic) -> bool:
    return isinstance(e, sp.log) and _one_plus_exp(e.args[0]) is not None


def _is_log_sigmoid(e: sp.Basic) -> bool:
    return isinstance(e, sp.log) and isinstance(e.args[0], sigmoid)


def _is_product(e: sp.Basic) -> bool:
    return isinstance(e, sp.Mul) and _pair(e) is not None


def _pair(e: sp.Mul) -> tuple[sp.Expr, sp.Expr] | None:
    """Return factors exp(a) and sigmoid(-a)**n, if both are there."""
    for rise in e.args:
        if not isinstance(rise, sp.exp):
            continue
        for fall in e.args:
            base, power = fall.as_base_exp()
            if not isinstance(base, sigmoid) or not (
                power.is_Integer and power.is_positive
            ):
                continue
            if sp.expand(base.args[0] + rise.args[0]) == 0:
                return rise, fall
    return None


def _product(e: sp.Mul) -> sp.Expr:
    """exp(a) sigmoid(-a)**n = sigmoid(a) sigmoid(-a)**(n - 1)."""
    pair = _pair(e)
    while pair is not None:
        rise, fall = pair
        base, power = fall.as_base_exp()
        rest = [a for a in e.args if a is not rise and a is not fall]
        e = sp.Mul(*rest, sigmoid(rise.args[0]), base ** (power - 1))
        pair = _pair(e) if isinstance(e, sp.Mul) else None
    return e
