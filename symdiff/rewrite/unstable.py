"""Formulas that stay unstable after every rewrite, and the user's lines they stand on.

In: tensors whose raw formulas have been replaced where that is provable. Out: sites
with what to write instead. Invariant: only patterns that overflow, or round to 0 before
a logarithm, for ordinary arguments; a shift by the maximum, or an exponent that cannot
be positive, is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symdiff.derive.stability import SELECTIONS, is_number, is_op, source
from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.operands import literal_value

DEPTH = 6  # ops that a pattern is followed through
LINEAR = frozenset(["sum", "multiply", "matmul", "mean", "divide"]) | SELECTIONS
NONNEGATIVE = frozenset(["abs", "exp", "norm", "relu", "sigmoid", "softplus", "square"])


def unstable(tensors: Sequence[Tensor]) -> list[tuple[Site, str]]:
    """Return each unstable formula's site and remedy, once per line."""
    found: dict[tuple[str, str], Site] = {}
    for t in _declared(tensors):
        message = _message(t)
        if message:
            found.setdefault((t.site.location, message), t.site)
    return [(site, message) for (_, message), site in found.items()]


def _declared(tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield what the user wrote, in bodies too; derivatives are not reported."""
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
    if is_op(t, "divide"):
        a, b = t.parents
        e = _factor(a, "exp")
        if e is not None and _rises(e.parents[0]) and _adds_up(b, e):
            return (
                "exp(x) divided by a sum of exponentials overflows for large x; use "
                "sd.softmax(x), or subtract the maximum of x first"
            )
    if is_op(t, "log"):
        p = t.parents[0]
        if is_op(source(p)[0], "sum", "matmul") and _factor(p, "exp") is not None:
            return (
                "the logarithm of a sum of exponentials with factors overflows, or is "
                "-inf where all of them round to 0; use "
                "sd.logsumexp(x + sd.log(factor))"
            )
        if _factor(p, "softmax") is not None:
            return (
                "the logarithm of a combination of softmax probabilities is -inf where "
                "they round to 0; combine sd.log_softmax by sd.logsumexp instead"
            )
    if is_op(t, "log1p") and is_op(t.parents[0], "negative"):
        p = t.parents[0].parents[0]
        if _factor(p, "softmax") is not None:
            return (
                "log(1 - softmax(x)) is -inf where a probability rounds to 1; add up "
                "the others, as sd.logsumexp of their sd.log_softmax"
            )
    return ""


def _factor(t: Tensor, name: str) -> Tensor | None:
    """Return the op of this name that ``t`` is made of by products, sums and views."""
    layer = [t]
    for _ in range(DEPTH):
        following: list[Tensor] = []
        for p in layer:
            if is_op(p, name):
                return p
            if p.node.op.name in LINEAR:
                kept = p.parents[:1] if is_op(p, "divide") else p.parents
                following.extend(kept)
        layer = following
    return None


def _adds_up(t: Tensor, e: Tensor) -> bool:
    """Whether ``t`` is a sum that holds ``e``, with or without a number added."""
    base, _ = source(t)
    for _ in range(DEPTH):
        if is_op(base, "sum"):
            return source(base.parents[0])[0].node is e.node
        if not is_op(base, "add") or literal_value(base.parents[1]) is None:
            return False
        base, _ = source(base.parents[0])
    return False


def _rises(x: Tensor) -> bool:
    """Whether an exponent can be large, as far as its formula tells."""
    base, _ = source(x)
    match base.node.op.name:
        case "negative":
            return not _is_nonnegative(base.parents[0])
        case "multiply":
            for a, b in (base.parents, base.parents[::-1]):
                c = literal_value(a)
                if isinstance(c, (int, float)) and c < 0 and _is_nonnegative(b):
                    return False
            return not any(not _rises(p) and is_op(p, "negative") for p in base.parents)
        case "divide":
            return _rises(base.parents[0])
        case "subtract":
            return not is_op(source(base.parents[1])[0], "max", "logsumexp")
    return not is_op(base, "log_sigmoid", "log_softmax", "tanh", "sigmoid", "softmax")


def _is_nonnegative(x: Tensor) -> bool:
    base, _ = source(x)
    match base.node.op.name:
        case "power":
            c = literal_value(base.parents[1])
            return isinstance(c, (int, float)) and c % 2 == 0
        case "multiply":
            a, b = base.parents
            if a.node is b.node:
                return True
            return all(_is_nonnegative(p) or _positive(p) for p in (a, b))
        case "divide":
            a, b = base.parents
            return _is_nonnegative(a) and (_positive(b) or _is_nonnegative(b))
        case "sum" | "mean":
            return _is_nonnegative(base.parents[0])
    return base.node.op.name in NONNEGATIVE or is_number(base, 0)


def _positive(x: Tensor) -> bool:
    value = literal_value(x)
    return isinstance(value, (int, float)) and value > 0
