"""The bridge to SymPy: expressions as graph.

In: SymPy expressions over scalar symbols, and the tensors that these stand for. Out:
tensors built by the public functions. Invariant: an expression is read as it is
written, and nothing is simplified.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdiff.graph.errors import DeclarationError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API
from symdiff.ops.core.symbols import sigmoid, softplus


def scale_by(
    t: Tensor, factor: sp.Expr, env: Mapping[sp.Symbol, Tensor]
) -> Tensor | None:
    """Return ``t * factor``, factor by factor, as one would write it."""
    coefficient, numerator, denominator = _factors(factor)
    if coefficient == 0:
        return None
    result = t
    if coefficient == -1:
        result = -result
    elif coefficient != 1:
        result = result * _number(coefficient)
    for part in numerator:
        result = result * from_expression(part, env)
    if denominator is not None:
        result = result / from_expression(denominator, env)
    return result


@lru_cache(maxsize=4096)
def _factors(e: sp.Expr) -> tuple[sp.Expr, tuple[sp.Expr, ...], sp.Expr | None]:
    """Return a coefficient, the factors of the numerator, and the denominator, if any.

    One half is a 2 in the denominator; zero has the coefficient 0.
    """
    if e.is_zero:
        return sp.S.Zero, (), None
    coefficient, rest = e.as_coeff_Mul()
    numerator, denominator = [], []
    for part in sp.Mul.make_args(rest):
        base, exponent = part.as_base_exp()
        if exponent.is_number and exponent.is_negative:
            denominator.append(base**-exponent)
        elif part != 1:
            numerator.append(part)
    if coefficient.is_Rational and abs(coefficient.p) == 1 and coefficient.q != 1:
        denominator.insert(0, coefficient.q * coefficient.p)
        coefficient = sp.S.One
    return coefficient, tuple(numerator), sp.Mul(*denominator) if denominator else None


_FUNCTIONS: dict[Any, str] = {
    sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.tan: "tan",
    sp.asin: "arcsin", sp.acos: "arccos", sp.atan: "arctan", sp.atan2: "arctan2",
    sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh", sp.asinh: "arcsinh",
    sp.acosh: "arccosh", sp.atanh: "arctanh", sp.Abs: "abs", sp.sign: "sign",
    sigmoid: "sigmoid", softplus: "softplus", sp.erf: "erf", sp.erfc: "erfc",
    sp.loggamma: "gammaln", sp.digamma: "digamma",
    sp.floor: "floor", sp.ceiling: "ceil", sp.Max: "maximum", sp.Min: "minimum",
    sp.StrictGreaterThan: "greater", sp.GreaterThan: "greater_equal",
    sp.StrictLessThan: "less", sp.LessThan: "less_equal",
    sp.Equality: "equal", sp.Unequality: "not_equal",
    sp.And: "logical_and", sp.Or: "logical_or", sp.Not: "logical_not",
    sp.Xor: "logical_xor",
}  # fmt: skip


# Functions that other ops make up; sinc is that of SymPy, without pi.
_COMPOSED: dict[Any, Callable[..., Any]] = {
    sp.cot: lambda u: 1 / API["tan"](u),
    sp.sec: lambda u: 1 / API["cos"](u),
    sp.csc: lambda u: 1 / API["sin"](u),
    sp.acot: lambda u: API["arctan"](1 / u),
    sp.asec: lambda u: API["arccos"](1 / u),
    sp.acsc: lambda u: API["arcsin"](1 / u),
    sp.coth: lambda u: 1 / API["tanh"](u),
    sp.sech: lambda u: 1 / API["cosh"](u),
    sp.csch: lambda u: 1 / API["sinh"](u),
    sp.acoth: lambda u: API["arctanh"](1 / u),
    sp.asech: lambda u: API["arccosh"](1 / u),
    sp.acsch: lambda u: API["arcsinh"](1 / u),
    sp.sinc: lambda u: API["sinc"](u / math.pi),
    sp.Mod: lambda u, v: API["mod"](u, v),
    sp.frac: lambda u: u - API["floor"](u),
}


def from_expression(expression: sp.Basic, env: Mapping[sp.Symbol, Tensor]) -> Any:
    """Return the tensor (or Python number) of a scalar SymPy expression.

    ``env`` gives each symbol its tensor. Raises `DeclarationError` for functions that
    have no op, and for symbols without a tensor.
    """
    done: dict[sp.Basic, Any] = {}
    for e in _in_order(expression):
        done[e] = _build(e, env, done)
    return done[expression]


@lru_cache(maxsize=4096)
def _in_order(expression: sp.Basic) -> tuple[sp.Basic, ...]:
    """Return the subexpressions that are built, operands first and each once."""
    done: dict[sp.Basic, None] = {}
    stack = [expression]
    while stack:
        e = stack[-1]
        if e in done:
            stack.pop()
            continue
        _check_read(e)
        waiting = [a for a in _operands(e) if a not in done]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        done[e] = None
        stack.pop()
    return tuple(done)


_EVALUATE = "its .doit() evaluates it where SymPy can"
# Objects that SymPy leaves unevaluated, and what to write instead.
_UNREAD: dict[Any, str] = {
    sp.Derivative: f"{_EVALUATE}, and sd.grad differentiates the tensor",
    sp.Integral: f"{_EVALUATE}, and sd.trapezoid adds up samples",
    sp.Sum: f"{_EVALUATE}, and sd.sum adds up a tensor of the terms",
    sp.Product: f"{_EVALUATE}, and sd.prod multiplies a tensor of the factors",
    sp.Limit: _EVALUATE,
    sp.Subs: _EVALUATE,
    sp.Contains: "write the bounds, as in (u >= 0) & (u <= 1)",
    sp.Lambda: "call it on the symbols that have tensors",
    sp.NDimArray: "read its entries one by one, or a Matrix",
    sp.Tuple: "read its entries one by one",
    AppliedUndef: "replace it by an expression, or define it with sd.elementwise",
}


def _check_read(e: sp.Basic) -> None:
    """Raise `DeclarationError` for an object that SymPy has left unevaluated."""
    for kind, remedy in _UNREAD.items():
        if isinstance(e, kind) and (kind is sp.Lambda or not e.is_number):
            raise DeclarationError(
                f"SymPy's {type(e).__name__} {e!s:.60} has no op in symdiff; {remedy}."
            )


@lru_cache(maxsize=4096)
def _operands(e: sp.Basic) -> list[sp.Basic]:
    """Return the subexpressions that must be built before ``e``."""
    match e:
        case sp.Add():
            return [_split_sign(t)[1] for t in _terms(e)]
        case sp.Mul():
            numerator, denominator = _fraction(e)
            return [*numerator, *denominator]
        case sp.Pow():
            base, exponent = e.as_base_exp()
            return [base] if exponent.is_number else [base, exponent]
        case sp.Piecewise():
            return [part for pair in e.args for part in pair.args if part != sp.true]
        case sp.Heaviside():
            return [e.args[0]]
        case _ if e.is_number or e.is_Symbol:
            return []
        case _:
            return list(e.args)


@lru_cache(maxsize=4096)
def _terms(e: sp.Add) -> list[sp.Expr]:
    return list(e.as_ordered_terms())


@lru_cache(maxsize=4096)
def _split_sign(term: sp.Expr) -> tuple[int, sp.Expr]:
    return (-1, -term) if term.could_extract_minus_sign() else (1, term)


@lru_cache(maxsize=4096)
def _fraction(e: sp.Mul) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """Return the factors of numerator and denominator, integers where possible."""
    numerator: list[sp.Expr] = []
    denominator: list[sp.Expr] = []
    for factor in e.as_ordered_factors():
        base, exponent = factor.as_base_exp()
        if factor.is_Rational and factor.q != 1:
            if factor.p != 1:
                numerator.append(sp.Integer(factor.p))
            denominator.append(sp.Integer(factor.q))
        elif exponent.is_number and exponent.is_negative:
            denominator.append(base**-exponent)
        else:
            numerator.append(factor)
    return numerator, denominator


def _build(
    e: sp.Basic, env: Mapping[sp.Symbol, Tensor], done: Mapping[sp.Basic, Any]
) -> Any:
    match e:
        case sp.Symbol():
            if e in env:
                return env[e]
            if e.is_integer and e.is_nonnegative:
                return e  # a dimension
            raise DeclarationError(f"symbol {e} has no tensor; pass {{{e}: tensor}}.")
        case sp.Add():
            total: Any = None
            for term in _terms(e):
                sign, positive = _split_sign(term)
                value = done[positive]
                if total is None:
                    total = value if sign > 0 else -value
                else:
                    total = total + value if sign > 0 else total - value
            return total
        case sp.Mul():
            numerator, denominator = _fraction(e)
            return _quotient(_times(numerator, done), _times(denominator, done))
        case sp.Pow():
            base, exponent = e.as_base_exp()
            return _power(base, exponent, done)
        case sp.Piecewise():
            result: Any = None
            numbers = not any(isinstance(done[value], Tensor) for value, _ in e.args)
            for value, condition in reversed(e.args):
                if condition == sp.true:
                    result = _real(done[value]) if numbers else done[value]
                elif result is None:
                    raise DeclarationError(
                        "a Piecewise needs a final (expression, True)."
                    )
                else:
                    result = API["where"](done[condition], done[value], result)
            return result
        case sp.Heaviside():
            return API["heaviside"](done[e.args[0]], _number(e.args[1]))
        case _ if e.is_number:
            return _number(e)
        case sp.re():
            return done[e.args[0]]  # all values are real
        case sp.polygamma() if e.args[0].is_Integer:  # order 0 is digamma
            return API["polygamma"](int(e.args[0]), done[e.args[1]])
    args = [done[a] for a in e.args]
    if type(e) in _COMPOSED:
        return _COMPOSED[type(e)](*args)
    name = _FUNCTIONS.get(type(e)) or _FUNCTIONS.get(e.func)
    if name is None or name not in API:
        raise _no_op(e)
    result = args[0] if len(args) > 1 and name in _FOLDED else API[name](*args)
    for a in args[1:] if name in _FOLDED else ():
        result = API[name](result, a)
    return result


def _no_op(e: sp.Basic) -> DeclarationError:
    """Return the error about a function that symdiff does not have."""
    remedy = "write it in functions that symdiff has, or define it with sd.primitive"
    match e:
        case sp.gamma() | sp.factorial():
            of = e.args[0] + (1 if isinstance(e, sp.factorial) else 0)
            remedy = f"where {of} > 0, write exp(loggamma({of}))"
    shown = f"{type(e).__name__} {e!s:.60}"
    return DeclarationError(f"SymPy's {shown} has no op in symdiff; {remedy}.")


# n-ary in SymPy, binary here
_FOLDED = {"maximum", "minimum", "logical_and", "logical_or", "logical_xor"}


def _times(factors: Sequence[sp.Expr], done: Mapping[sp.Basic, Any]) -> Any:
    result: Any = None
    for f in factors:
        result = done[f] if result is None else result * done[f]
    return result


def _quotient(numerator: Any, denominator: Any) -> Any:
    if denominator is None:
        return numerator
    return (1 if numerator is None else numerator) / denominator


def _power(base: sp.Expr, exponent: sp.Expr, done: Mapping[sp.Basic, Any]) -> Any:
    if base == sp.E:
        return API["exp"](
            done[exponent] if not exponent.is_number else _number(exponent)
        )
    b = done[base]
    if not exponent.is_number:
        return b ** done[exponent]
    if exponent.is_negative:
        return 1 / _power_number(b, -exponent)
    return _power_number(b, exponent)


def _power_number(b: Any, exponent: sp.Expr) -> Any:
    if exponent == 1:
        return b
    if exponent == sp.Rational(1, 2):
        return API["sqrt"](b)
    return b ** _number(exponent)


def _real(value: Any) -> Any:
    """Return a Python number, or a dimension, as a float.

    SymPy's integers stand for real numbers; NumPy would make an int64 array of them.
    """
    return API["cast"](value, "float") if isinstance(value, sp.Basic) else float(value)


def _number(e: sp.Basic) -> int | float:
    """Return a SymPy number as the Python number that prints best."""
    if e.is_Integer and abs(int(e)) < 2**63:
        return int(e)
    value = complex(e)
    if cmath.isinf(value) and e.is_finite:
        raise DeclarationError(f"{e!s:.20}... is too large for a float.")
    if cmath.isnan(value):
        raise DeclarationError(f"{e} is no number; leave it out, or write its limit.")
    if value.imag:
        raise DeclarationError(
            f"{e} is complex; symdiff differentiates real functions only."
        )
    return value.real
