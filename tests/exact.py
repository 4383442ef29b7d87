"""Evaluation of a graph on arrays of SymPy expressions.

In: nodes and the expressions of their leaves. Out: object arrays of expressions.
Invariant: an op's meaning is its record's expression, or NumPy's own arithmetic on
objects; no derivative rule is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.node import Node, topological
from symdiff.ops.core.symbols import OPERANDS


class NotExact(Exception):  # noqa: N818 - says what is missing; not a failure
    """An op has no evaluation on expressions."""


def _array(value: Any) -> np.ndarray:
    """Return a value as an object array of SymPy objects, of any shape."""
    plain = np.asarray(value, dtype=object)
    found = np.empty(plain.shape, dtype=object)
    for i in np.ndindex(plain.shape):
        found[i] = _exact(plain[i])
    return found


def _exact(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return sp.true if value else sp.false
    if isinstance(value, (float, np.floating)):
        return sp.nsimplify(value, [sp.log(2), sp.log(10), sp.pi, sp.E], rational=False)
    return sp.sympify(value)


def _each(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Return a function of scalars as one of arrays of one shape, or of scalars."""

    def call(*operands: np.ndarray, **_: Any) -> np.ndarray:
        arrays = np.broadcast_arrays(*operands)
        found = np.empty(arrays[0].shape, dtype=object)
        for i in np.ndindex(found.shape):
            found[i] = function(*(_exact(a[i]) for a in arrays))
        return found

    return call


def _fold(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Return a reduction over ``axes`` by a function of any number of expressions."""

    def call(x: np.ndarray, *, axes: Any, keepdims: bool = False, **_: Any) -> Any:
        kept = [a for a in range(x.ndim) if a not in axes]
        rows = np.transpose(x, (*kept, *axes))
        rows = rows.reshape(*rows.shape[: len(kept)], -1)
        if function in (sp.Max, sp.Min) and rows.shape[-1] > 6:
            raise NotExact(f"{function} of {rows.shape[-1]} elements")
        found = np.empty(rows.shape[:-1], dtype=object)
        for i in np.ndindex(found.shape):
            found[i] = function(*rows[i])
        return np.expand_dims(found, axes) if keepdims else found

    return call


def _chosen(c: Any, a: Any, b: Any) -> Any:
    """Return one of two values; conditions inside each other stay as they are: that
    SymPy brings them to one form takes longer than all the rest.
    """
    if c in (sp.true, sp.false) or a == b:
        return a if c == sp.true else b
    return sp.Piecewise((a, c), (b, True), evaluate=False)


_EXP = _each(sp.exp)
_SUM = _fold(sp.Add)


def _softmax(x: np.ndarray, *, axes: Any, guarded: bool = False) -> Any:
    e = _EXP(x)
    return e / _SUM(e, axes=axes, keepdims=True)


BY_NAME: dict[str, Callable[..., Any]] = {
    "where": _each(_chosen),
    "cast": lambda x, *, dtype: _each(
        lambda e: e if isinstance(e, sp.Expr) else sp.Piecewise((1, e), (0, True))
    )(x),
    "isinf": _each(lambda e: sp.false),
    "isnan": _each(lambda e: sp.false),
    "isfinite": _each(lambda e: sp.true),
    "fmax": _each(sp.Max),
    "fmin": _each(sp.Min),
    "copysign": _each(lambda a, b: sp.Abs(a) * sp.sign(b)),
    "arange": lambda *, length: np.arange(length),
    "stop_gradient": lambda x: x,
    "sum": lambda x, *, axes, keepdims, dtype: _SUM(
        BY_NAME["cast"](x, dtype=dtype), axes=axes, keepdims=keepdims
    ),
    "mean": _fold(lambda *e: sp.Add(*e) / len(e)),
    "max": _fold(sp.Max),
    "min": _fold(sp.Min),
    "logsumexp": _fold(lambda *e: sp.log(sp.Add(*map(sp.exp, e)))),
    "softmax": _softmax,
    "log_softmax": lambda x, *, axes: _each(sp.log)(_softmax(x, axes=axes)),
}


def meaning(node: Node) -> Callable[..., Any]:
    """Return what a node does to arrays of expressions; raises `NotExact`."""
    op = node.op
    if op.name in BY_NAME:
        return BY_NAME[op.name]
    if op.name in ("literal", "constant"):
        value = node.attrs["value"]
        return lambda **_: value if _is_index(value) else _array(value)
    if op.expression is not None:
        symbols = OPERANDS[: len(node.inputs)]
        named = {s.name: s for s in op.expression.free_symbols}
        used = [named.get(s.name, s) for s in symbols]  # the logical ops use plain u, v
        return _each(lambda *e: op.expression.xreplace(dict(zip(used, e, strict=True))))
    if op.linear_in or op.analytic:
        return op.evaluate
    raise NotExact(op.name)


def exact_values(nodes: Iterable[Node], feed: Mapping[Node, Any]) -> dict[Node, Any]:
    """Return the expressions of every node that ``nodes`` need."""
    values = {n: a if _is_index(a) else _array(a) for n, a in feed.items()}
    for node in topological(nodes):
        if node in values:
            continue
        operands = [values[i] for i in node.inputs]
        try:
            values[node] = meaning(node)(*operands, **node.attrs)
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise NotExact(f"{node.op.name}: {error}") from None
    return values


def _is_index(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iub"


def is_zero(difference: Any, points: Iterable[Mapping[Any, Any]]) -> bool:
    """Prove that an expression is 0, or that it is at every one of exact points.

    The points (rational, away from kinks) decide where SymPy keeps a Heaviside or a
    Piecewise that it cannot simplify, and, to 50 digits, where simplifying is slow.
    """
    difference = sp.sympify(difference)
    if difference.is_zero:
        return True
    if difference.has(*_BRANCHES) or difference.count_ops() > 100:
        return all(_is_small(difference.xreplace(at)) for at in points)
    return _is_small(sp.simplify(sp.expand(difference))) or _is_small(
        sp.simplify(difference.rewrite(sp.exp))
    )


_BRANCHES = (sp.Piecewise, sp.Heaviside, sp.DiracDelta, sp.sign, sp.Max, sp.Min)


def _is_small(value: sp.Expr) -> bool:
    """Whether an expression is 0; a float coefficient may leave its rounding."""
    if value == 0:
        return True
    if value.is_number:
        return bool(abs(sp.N(value, 50)) < (1e-12 if value.has(sp.Float) else 1e-40))
    return bool(value.equals(0))
