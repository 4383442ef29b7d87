"""Ops of the user's own with explicit rules.

In: a value on arrays, a type rule, reverse and forward rules. Out: a function on
tensors. Invariant: when an op is declared, its rules are checked against its value; its
record is named by its content.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.declare.own import checks as op_checks
from symdiff.declare.own.names import published, record_name
from symdiff.declare.own.sources import (
    arity_of,
    checked_text,
    content_of,
    embedded,
)
from symdiff.derive.reverse import reverse_sweep
from symdiff.graph.errors import DeclarationError, DerivativeError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, as_shape, promote
from symdiff.ops.core import record as define
from symdiff.ops.core.facts import Facts, always
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import float_operand
from symdiff.ops.core.record import OPS, Op
from symdiff.ops.shape.broadcasting import zeros_like


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
    record = record_name(name, " ".join([*map(content_of, parts), str(text)]))
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
        facts=Facts(hides=not differentiable, lends=always),
    )
    OPS[record] = op  # replaces one of the same content, if there is one

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
    return published(call, name, inspect.getdoc(evaluate) or f"The op {name}")


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
