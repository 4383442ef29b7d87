"""Ops of the user's own: from a SymPy expression, or with explicit rules.

In: an expression, or functions. Out: a function on tensors. Invariant: an op is checked
when it is declared, its record is named by its content, so that a second definition of
the same name never changes a graph built with the first, and no built-in op can be
replaced.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.declare.own import checks as op_checks
from symdiff.declare.own.sources import (
    arity_of,
    checked_text,
    content_of,
    embedded,
)
from symdiff.derive.reverse import reverse_sweep
from symdiff.graph.errors import DeclarationError, DerivativeError
from symdiff.graph.interpret import evaluate as evaluate_nodes
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, TensorType, as_shape, dim, promote
from symdiff.ops.core import calculus, rules
from symdiff.ops.core import record as define
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.leaf import BOUND, INPUT
from symdiff.ops.core.operands import API, as_tensor, call_elementwise, float_operand
from symdiff.ops.core.record import OPS, Cotangents, Op, register
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.elementwise.stable_forms import stable
from symdiff.ops.shape.broadcasting import zeros_like


def _record_name(name: Any, content: str) -> str:
    """Return the name of a record: the user's and a digest of what it computes."""
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"op name {name!r} is not an identifier.")
    if name in OPS or name in API:
        raise DeclarationError(
            f"{name!r} is an op of symdiff's own; choose another name, for example "
            f"my_{name}."
        )
    return f"{name}@{hashlib.sha256(content.encode()).hexdigest()[:8]}"


# --- elementwise ----------------------------------------------------------------------


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
    record = _record_name(
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
    return _named(call, name, f"{name}({', '.join(names)}) = {given}")


def _named(call: Callable[..., Tensor], name: str, doc: str) -> Callable[..., Tensor]:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{doc}."
    return public(call)


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


# --- primitives -----------------------------------------------------------------------


@public
def primitive(
    name: str,
    *,
    evaluate: Callable[..., Any],
    shape: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    text: str | None = None,
    expand: Callable[..., Tensor] | None = None,
    sample: Any = None,
    differentiable: bool = True,
) -> Callable[..., Tensor]:
    """Define an op by its value on arrays and an explicit derivative.

    Parameters
    ----------
    name : str
        An identifier that no op of symdiff has; defining it again makes a new op.
    evaluate : callable
        NumPy function of the operands, which keeps their dtype and leaves them as
        they are.
    shape : callable, optional
        The result's shape from the operands' shapes; by default that of operand 0.
    vjp : callable, optional
        ``vjp(ct, out, *operands)`` returns a cotangent for each operand (None where
        nothing flows), in symdiff's functions, so that it can be differentiated again.
    jvp : callable, optional
        ``jvp(tangents, out, *operands)`` returns the result's tangent; a tangent may be
        None. Of vjp and jvp one is enough: each is the transpose of the other.
    text : str, optional
        NumPy expression over ``_0``, ``_1``, … that generated code computes it by.
    expand : callable, optional
        Instead of text, the same in symdiff's functions. With neither, the source of
        ``evaluate`` goes into the generated module, if it reads ``np`` and nothing else
        from around it.
    sample : optional
        Operands for the check: shapes, or arrays, or a function of a NumPy generator
        that returns arrays; by default arrays of shape (3,).
    differentiable : bool
        False where no derivative flows.

    Returns
    -------
    callable
        A function of as many tensors as ``evaluate`` has parameters.

    Raises
    ------
    DerivativeError
        Where a rule does not agree with differences of ``evaluate``, which is tried
        now; it says in which operand.
    DeclarationError
        Where there is no rule, text or expand does not give what ``evaluate`` gives,
        or an argument does not fit.
    """
    if differentiable and vjp is None and jvp is None:
        raise DeclarationError(
            f"{name} has neither vjp= nor jvp=; give one, or differentiable=False."
        )
    arity = arity_of(evaluate)
    parts = (evaluate, shape, vjp, jvp, expand)
    record = _record_name(name, " ".join([*map(content_of, parts), str(text)]))
    shape_of = shape or (lambda first, *rest: first)

    def infer(*types: TensorType) -> TensorType:
        kinds = [t.dtype for t in types if t.dtype.is_float]
        if not kinds:
            raise DeclarationError(f"{name} needs a float operand.")
        kind = kinds[0]
        for k in kinds[1:]:
            kind = promote(kind, k)
        return TensorType(as_shape(shape_of(*(t.shape for t in types))), kind)

    rules = _rules(vjp, jvp) if differentiable else (None, None)
    op = Op(
        record,
        infer,
        evaluate,
        vjp=rules[0],
        jvp=rules[1],
        text=checked_text(name, text, arity)
        or (None if expand else embedded(name, evaluate)),
        expand=expand,
        hint=name,
        rule=f"derivative of {name}",
        facts=Facts(hides=not differentiable),
    )
    OPS[record] = op  # over a record of the same content, if there is one

    def call(*operands: Any) -> Tensor:
        if len(operands) != arity:
            raise DeclarationError(
                f"{name} takes {arity} operand(s), got {len(operands)}."
            )
        return apply(op, *(float_operand(x) for x in operands))

    try:
        op_checks.check_primitive(name, call, evaluate, _samples(name, sample, arity))
    except (DeclarationError, DerivativeError):
        OPS.pop(record, None)
        raise
    return _named(call, name, inspect.getdoc(evaluate) or f"The op {name}")


def _samples(name: str, sample: Any, arity: int) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    if callable(sample):
        found = list(sample(rng))
    else:
        found = [(3,)] * arity if sample is None else list(sample)
    if len(found) != arity:
        raise DeclarationError(f"{name}: sample= has {len(found)} of {arity} operands.")
    return [
        rng.normal(size=s) if isinstance(s, tuple) else np.asarray(s) for s in found
    ]


def _rules(vjp: Any, jvp: Any) -> tuple[define.Vjp, define.Jvp]:
    """Return both rules, one as the transpose of the other where it is not given."""

    def pull(
        ct: Tensor, out: Tensor, xs: Sequence[Tensor], attrs: Any, needs: Sequence[bool]
    ) -> list[Tensor | None]:
        if vjp is None:
            return _transposed(jvp, ct, out, xs, needs)
        shares = vjp(ct, out, *xs)
        shares = list(shares) if isinstance(shares, (list, tuple)) else [shares]
        if len(shares) != len(xs):
            raise DerivativeError(
                f"vjp returns {len(shares)} cotangents for {len(xs)} operands."
            )
        return [s if n else None for s, n in zip(shares, needs, strict=True)]

    def push(
        tangents: Sequence[Tensor | None], out: Tensor, xs: Sequence[Tensor], attrs: Any
    ) -> Tensor | None:
        if jvp is not None:
            found: Tensor | None = jvp(list(tangents), out, *xs)
            return found
        return _pushed(vjp, tangents, out, xs)

    return pull, push


def _dummy(like: Tensor) -> Tensor:
    return apply(BOUND, name="dummy", shape=like.shape, dtype=like.dtype)


def _transposed(
    jvp: Any, ct: Tensor, out: Tensor, xs: Sequence[Tensor], needs: Sequence[bool]
) -> list[Tensor | None]:
    """J^T ct, as the gradient of <ct, J t> in t."""
    found: list[Tensor | None] = []
    for i, needed in enumerate(needs):
        if not needed:
            found.append(None)
            continue
        t = _dummy(xs[i])
        moved = jvp([t if j == i else None for j in range(len(xs))], out, *xs)
        found.append(None if moved is None else reverse_sweep([moved], [ct], [t])[0])
    return found


def _pushed(
    vjp: Any, tangents: Sequence[Tensor | None], out: Tensor, xs: Sequence[Tensor]
) -> Tensor:
    """J t, as the gradient of <J^T ct, t> in ct."""
    ct = _dummy(out)
    shares = vjp(ct, out, *xs)
    shares = list(shares) if isinstance(shares, (list, tuple)) else [shares]
    pairs = [
        (s, t)
        for s, t in zip(shares, tangents, strict=True)
        if s is not None and t is not None
    ]
    if not pairs:
        return zeros_like(out)
    (found,) = reverse_sweep([s for s, _ in pairs], [t for _, t in pairs], [ct])
    return zeros_like(out) if found is None else found
