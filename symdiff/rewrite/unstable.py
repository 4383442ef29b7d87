"""Formulas that stay unstable after every rewrite, with the user's lines.

In: tensors whose raw formulas have been replaced where that is provable. Out: sites
with what to write instead. Invariant: only patterns are reported that for ordinary
arguments overflow, or round to 0 before a logarithm. A shift by the maximum, or an
exponent that cannot be positive, makes a pattern safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symdiff.derive.patterns import is_op, source
from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.operands import literal_value
from symdiff.ops.core.record import Op
from symdiff.ops.core.signs import ANY
from symdiff.ops.elementwise.arithmetic import (
    ADD,
    DIV,
    EXP,
    LOG,
    LOG1P,
    MUL,
    NEG,
    SUB,
)
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.ops.reduce.extremes import MAX
from symdiff.ops.reduce.normalize import LOGSUMEXP, SOFTMAX
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.selecting.finiteness import sign_of

DEPTH = 6  # ops that a pattern is followed through


def unstable(tensors: Sequence[Tensor]) -> list[tuple[Site, str]]:
    """Return each unstable formula's site and remedy, once per line."""
    found: dict[tuple[str, str], Site] = {}
    for t in _declared(tensors):
        message = _message(t)
        if message:
            found.setdefault((t.site.location, message), t.site)
    return [(site, message) for (_, message), site in found.items()]


def _declared(tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield the tensors that the user declared, in bodies too, but no derivatives."""
    waiting, seen = [list(tensors)], set[Node]()
    while waiting:
        for t in tensor_topological(waiting.pop()):
            if t.node in seen:
                continue
            seen.add(t.node)
            waiting.extend(list(b.outputs) for b in bodies_of(t.node.attrs))
            if t.site.primal is None:
                yield t


def _message(t: Tensor) -> str:
    if is_op(t, DIV):
        a, b = t.parents
        e = _factor(a, EXP)
        if e is not None and _rises(e.parents[0]) and _adds_up(b, e):
            return (
                "exp(x) divided by a sum of exponentials overflows for large x; use "
                "sd.softmax(x), or subtract the maximum of x first"
            )
    if is_op(t, LOG):
        p = t.parents[0]
        if is_op(source(p)[0], REDUCE_SUM, MATMUL) and _factor(p, EXP) is not None:
            return (
                "the logarithm of a sum of exponentials with factors overflows, or is "
                "-inf where all of them round to 0; use "
                "sd.logsumexp(x + sd.log(factor))"
            )
        if _factor(p, SOFTMAX) is not None:
            return (
                "the logarithm of a combination of softmax probabilities is -inf where "
                "they round to 0; combine sd.log_softmax by sd.logsumexp instead"
            )
    if is_op(t, LOG1P) and is_op(t.parents[0], NEG):
        p = t.parents[0].parents[0]
        if _factor(p, SOFTMAX) is not None:
            return (
                "log(1 - softmax(x)) is -inf where a probability rounds to 1; add up "
                "the others, as sd.logsumexp of their sd.log_softmax"
            )
    return ""


def _factor(t: Tensor, op: Op) -> Tensor | None:
    """Return a result of ``op`` that ``t`` is made of by products, sums and views."""
    layer = [t]
    for _ in range(DEPTH):
        following: list[Tensor] = []
        for p in layer:
            if is_op(p, op):
                return p
            if p.node.op.moves or p.node.op.linear_in or is_op(p, MUL, DIV):
                kept = p.parents[:1] if is_op(p, DIV) else p.parents
                following.extend(kept)
        layer = following
    return None


def _adds_up(t: Tensor, e: Tensor) -> bool:
    """Whether ``t`` is a sum that holds ``e``, with or without a number added."""
    base, _ = source(t)
    for _ in range(DEPTH):
        if is_op(base, REDUCE_SUM):
            return source(base.parents[0])[0].node is e.node
        if not is_op(base, ADD) or literal_value(base.parents[1]) is None:
            return False
        base, _ = source(base.parents[0])
    return False


def _rises(x: Tensor) -> bool:
    """Whether an exponent can be large, as far as its formula tells."""
    base, _ = source(x)
    op, operands = base.node.op, base.parents
    if op is NEG:
        return not _is_nonnegative(operands[0])
    if op is MUL:
        for a, b in (operands, operands[::-1]):
            c = literal_value(a)
            if isinstance(c, (int, float)) and c < 0 and _is_nonnegative(b):
                return False
        return not any(not _rises(p) and is_op(p, NEG) for p in operands)
    if op is DIV:
        return _rises(operands[0])
    if op is SUB:
        return not is_op(source(operands[1])[0], MAX, LOGSUMEXP)
    return not op.facts.bounded


def _is_nonnegative(x: Tensor) -> bool:
    return sign_of(x.node) > ANY
