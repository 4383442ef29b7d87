"""Ops of the user's own from a SymPy expression.

In: an expression, and partials if they are not SymPy's. Out: a function on tensors.
Invariant: both rules come from the partials; the record is named by its content, so
that a second definition of the same name never changes a graph built with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.declare.own import checks as op_checks
from symdiff.declare.own.names import published, record_name
from symdiff.graph.errors import DeclarationError
from symdiff.graph.interpret import evaluate as evaluate_nodes
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, TensorType, dim
from symdiff.ops.core import calculus, rules
from symdiff.ops.core import record as define
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.core.operands import as_tensor, call_elementwise
from symdiff.ops.core.record import OPS, Cotangents, Op, register
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.elementwise.stable_forms import stable
from symdiff.ops.shape.broadcasting import full


@public
def elementwise(
    name: str,
    expression: Any,
    *,
    symbols: Sequence[sp.Symbol | str] | None = None,
    partials: Sequence[Any] | Mapping[Any, Any] | None = None,
    domain: Mapping[Any, tuple[float, float]] | None = None,
) -> Callable[..., Tensor]:
    """Define an op that acts on each element alone, by a SymPy expression.

    Parameters
    ----------
    name : str
        An identifier that no op of symdiff has; defining it again makes a new op.
    expression : sympy.Expr or str
        In any symbols, all of them real.
    symbols : sequence, optional
        The operands, in order; by default the free symbols by name.
    partials : sequence or dict, optional
        Expressions to use instead of SymPy's derivatives, in that order or by symbol.
    domain : dict, optional
        Interval of each symbol in which the op is checked, -2.5 to 2.5 by default.

    Returns
    -------
    callable
        A function of as many tensors, which broadcasts.

    Raises
    ------
    DerivativeError
        Where a derivative does not agree with differences, which is tried now.
    DeclarationError
        Where the op has no finite value.

    Warns
    -----
    SymdiffWarning
        Where a derivative overflows.
    """
    if not isinstance(expression, (str, int, float, sp.Basic)):
        what = "a function" if callable(expression) else type(expression).__name__
        raise DeclarationError(
            f"{name}: {what} is not an expression; write it in SymPy's symbols, as in "
            f"u = sympy.Symbol('u') and sd.elementwise({name!r}, u**2), or with its "
            "own rule by sd.primitive."
        )
    own = {s.name: s for s in _listed(symbols)}  # also E or pi, where they are listed
    try:
        given = sp.sympify(expression, locals=own)
    except sp.SympifyError:
        raise DeclarationError(
            f"{name}: text {expression!r:.60} is no expression that SymPy reads; write "
            "it as in 'u * exp(-u**2)'."
        ) from None
    if not isinstance(given, sp.Expr):
        raise DeclarationError(f"{name}: {given} is not a scalar expression.")
    order = _operands(given, symbols)
    names = [s.name for s in order]
    real = [sp.Symbol(s.name, real=True) for s in order]
    onto = dict(zip(order, real, strict=True))
    value = stable(given.subs(onto, simultaneous=True))
    found = [
        stable(sp.sympify(p, locals=own).subs(onto, simultaneous=True))
        if p is not None
        else p
        for p in _partials(partials, order)
    ]
    slopes = [
        stable(sp.diff(value, s)) if p is None else p
        for s, p in zip(real, found, strict=True)
    ]
    record = record_name(
        name, f"{sp.srepr(value)} {names} {sp.srepr(sp.Tuple(*slopes))}"
    )
    op = OPS.get(record) or _elementwise_op(record, name, value, slopes, real)

    def call(*operands: Any) -> Tensor:
        if len(operands) != len(real):
            raise DeclarationError(
                f"{name}({', '.join(names)}) takes {len(real)} operand(s), got "
                f"{len(operands)}."
            )
        return call_elementwise(op, *operands)

    box = {str(k): v for k, v in (domain or {}).items()}
    unknown = set(box) - set(names)
    if unknown:
        named = ", ".join(sorted(unknown))
        raise DeclarationError(f"domain names {named}; {name} has {', '.join(names)}.")
    intervals = [box.get(n, op_checks.DEFAULT) for n in names]
    op_checks.check_elementwise(name, call, names, intervals)
    return published(call, name, f"{name}({', '.join(names)}) = {given}")


def _listed(symbols: Any) -> list[sp.Symbol]:
    """Return the symbols that ``symbols=`` names, in order."""
    asked = symbols.split() if isinstance(symbols, str) else symbols or ()
    return [s if isinstance(s, sp.Symbol) else sp.Symbol(s) for s in asked]


def _operands(e: sp.Expr, symbols: Any) -> list[sp.Symbol]:
    free = {s.name: s for s in e.free_symbols}
    if symbols is None:
        order = [free[n] for n in sorted(free)]
    else:
        order = [free.get(s.name, s) for s in _listed(symbols)]
        left = set(free) - {s.name for s in order}
        if left:
            raise DeclarationError(
                f"the expression reads {', '.join(sorted(left))}, which symbols= does "
                "not list."
            )
    if not order:
        raise DeclarationError(f"{e} has no symbol; an op needs an operand.")
    return order


def _partials(partials: Any, order: Sequence[sp.Symbol]) -> list[Any]:
    if partials is None:
        return [None] * len(order)
    if isinstance(partials, Mapping):
        named = {str(k): v for k, v in partials.items()}
        return [named.get(s.name) for s in order]
    found = list(partials)
    if len(found) != len(order):
        raise DeclarationError(
            f"partials= has {len(found)} expressions for {len(order)} operands."
        )
    return found


def _elementwise_op(
    record: str,
    name: str,
    value: sp.Expr,
    slopes: Sequence[sp.Expr],
    symbols: Sequence[sp.Symbol],
) -> Op:
    def build(*xs: Tensor) -> Tensor:
        if not value.free_symbols:  # a number, once for each element
            own = infer(*(x.node.tensor_type for x in xs))
            return full(own.shape, float(value), own.dtype)
        return as_tensor(
            calculus.from_expression(value, dict(zip(symbols, xs, strict=True)))
        )

    def slope(i: int) -> Callable[..., Tensor | None]:
        def partial(t: Tensor, out: Tensor, *xs: Tensor) -> Tensor | None:
            return calculus.scale_by(t, slopes[i], dict(zip(symbols, xs, strict=True)))

        return partial

    def infer(*types: TensorType) -> TensorType:
        kind = define.result_dtype("float", [t.dtype for t in types])
        return TensorType(define.same_shape(types), kind)

    shown = value.subs(dict(zip(symbols, OPERANDS, strict=False)), simultaneous=True)

    def vjp(*given: Any) -> Cotangents:
        return rules.elementwise_vjp(op, *given)

    def jvp(*given: Any) -> Tensor | None:
        return rules.elementwise_jvp(op, *given)

    op = register(
        Op(
            record,
            infer,
            _evaluator(build),
            vjp=vjp,
            jvp=jvp,
            expand=build,
            expression=shown if len(symbols) <= len(OPERANDS) else None,
            partials=tuple(slope(i) for i in range(len(symbols))),
            is_elementwise=True,
            hint=name,
            rule=f"derivative of {name}",
        )
    )
    return op


def _evaluator(build: Callable[..., Tensor]) -> Callable[..., Any]:
    """Return the value of a graph on arrays, the graph built once for each rank."""
    graphs: dict[tuple[int, int], tuple[list[Tensor], Tensor]] = {}

    def run(*operands: Any) -> Any:
        strong = [a for a in operands if isinstance(a, (np.ndarray, np.generic))]
        kind = np.result_type(*strong) if strong else np.dtype("float64")
        arrays = np.broadcast_arrays(*(np.asarray(a, kind) for a in operands))
        key = (len(arrays), arrays[0].ndim)
        if key not in graphs:
            shape = tuple(dim(f"d{i}") for i in range(arrays[0].ndim))
            leaves = [
                apply(INPUT, name=f"x{i}", shape=shape, dtype=FLOAT)
                for i in range(len(arrays))
            ]
            graphs[key] = (leaves, build(*leaves))
        leaves, y = graphs[key]
        feed = {x.node: a for x, a in zip(leaves, arrays, strict=True)}
        return evaluate_nodes([y.node], feed)[y.node]

    return run
