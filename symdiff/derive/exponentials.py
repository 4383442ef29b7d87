"""Exponentials, logarithms and their quotients, as nodes that do not overflow.

In: the operands of an op. Out: the stable node that equals it, or None. Invariant: each
rule is an identity over the reals, given in its docstring; ``RULES`` lists them by op,
in the order in which they are tried.
"""

from __future__ import annotations

from symdiff.derive.patterns import (
    Rules,
    beside_one,
    exponent,
    is_number,
    is_op,
    is_plain_sum,
    is_spread,
    negated,
    source,
    unshifted,
)
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import API
from symdiff.ops.elementwise.activations import SIGMOID
from symdiff.ops.elementwise.arithmetic import (
    ADD,
    DIV,
    EXP,
    LOG,
    LOG1P,
    NEG,
    POWER,
    SUB,
)
from symdiff.ops.reduce.normalize import LOGSUMEXP, SOFTMAX

RULES = Rules()

# --- the rules ------------------------------------------------------------------------


@RULES.of(DIV)
def logistic(a: Tensor, b: Tensor) -> Tensor | None:
    """1 / (1 + exp(-x)) = sigmoid(x); exp(x) / (1 + exp(x)) = sigmoid(x)."""
    inner = beside_one(b)
    x = None if inner is None else exponent(inner)
    if inner is None or x is None:
        return None
    if is_number(a, 1):
        return API["sigmoid"](negated(x))
    return API["sigmoid"](x) if a.node is inner.node else None


@RULES.of(POWER)
def logistic_power(a: Tensor, b: Tensor) -> Tensor | None:
    """(1 + exp(-x)) ** -1 = sigmoid(x)."""
    inner = beside_one(a)
    x = None if inner is None or not is_number(b, -1) else exponent(inner)
    return None if x is None else API["sigmoid"](negated(x))


@RULES.of(DIV)
def normalised_exponentials(a: Tensor, b: Tensor) -> Tensor | None:
    """exp(x) / sum(exp(x)) = softmax(x) = softmax(x - max(x))."""
    x = exponent(a)
    if x is None or a.shape != b.shape:
        return None
    total = is_spread(b, lambda r: is_plain_sum(r) and r.parents[0].node is a.node)
    if total is None:
        return None
    axes = total.node.attrs["axes"]
    return API["softmax"](unshifted(x, axes), axes)


@RULES.of(LOG)
def log_of(p: Tensor) -> Tensor | None:
    """log(softmax(x)) = log_softmax(x); log(sigmoid(x)) = log_sigmoid(x);
    log(1 - sigmoid(x)) = log_sigmoid(-x); log(1 + exp(x)) = softplus(x);
    log(sum(exp(x))) = logsumexp(x); log(exp(x)) = x; log(1 + x) = log1p(x);
    log(1 - x) = log1p(-x); and log(p[i]) = log(p)[i] where log(p) is one of these.
    """
    stable = _log_of_probability(p)
    if stable is not None:
        return stable
    x = beside_one(p)
    if x is not None:
        return API["log1p"](x)
    if is_op(p, SUB) and is_number(p.parents[0], 1):
        return API["log1p"](negated(p.parents[1]))
    return None


@RULES.of(LOG1P)
def log_of_one_and(x: Tensor) -> Tensor | None:
    """log1p(exp(x)) = softplus(x); log1p(-sigmoid(x)) = log_sigmoid(-x)."""
    inner = exponent(x)
    if inner is not None:
        return API["softplus"](inner)
    if is_op(x, NEG) and is_op(x.parents[0], SIGMOID):
        return API["log_sigmoid"](negated(x.parents[0].parents[0]))
    return None


def _log_of_probability(p: Tensor) -> Tensor | None:
    op = p.node.op
    if op is SOFTMAX:
        return API["log_softmax"](p.parents[0], p.node.attrs["axes"])
    if op is SIGMOID:
        return API["log_sigmoid"](p.parents[0])
    if op is EXP:
        return p.parents[0]
    if is_plain_sum(p):
        return _log_of_sum(p)
    if op is SUB:
        one, q = p.parents
        if is_number(one, 1) and is_op(q, SIGMOID):
            return API["log_sigmoid"](negated(q.parents[0]))
    if op is ADD:
        inner = beside_one(p)
        x = None if inner is None else exponent(inner)
        return None if x is None else API["softplus"](x)
    if op.moves:
        inner = _log_of_probability(p.parents[0])
        if inner is not None:
            return apply(op, inner, *p.parents[1:], **p.node.attrs)
    return None


def _log_of_sum(p: Tensor) -> Tensor | None:
    x = exponent(p.parents[0])
    if x is None:
        return None
    return API["logsumexp"](x, p.node.attrs["axes"], p.node.attrs["keepdims"])


@RULES.of(ADD)
def shift_of_logsumexp(a: Tensor, b: Tensor) -> Tensor | None:
    """logsumexp(x - m) + m = logsumexp(x), for m = max(x) over the same axes.

    Both are stopped, or none is: the slopes of m cancel only then.
    """
    for total, m in ((a, b), (b, a)):
        base, _ = source(total)
        if not is_op(base, LOGSUMEXP) or base.ndim > total.ndim:
            continue
        x, axes = base.parents[0], base.node.attrs["axes"]
        y = unshifted(x, axes)
        if y is x or source(m)[0].node is not source(x.parents[1])[0].node:
            continue
        keep = total.ndim == y.ndim
        if keep or total.ndim == y.ndim - len(axes):
            return API["logsumexp"](y, axes, keep)
    return None


@RULES.of(SUB)
def minus_logsumexp(a: Tensor, b: Tensor) -> Tensor | None:
    """x - logsumexp(x) = log_softmax(x) = log_softmax(x - max(x))."""
    if a.shape != b.shape:
        return None
    total = is_spread(b, lambda r: is_op(r, LOGSUMEXP) and r.parents[0].node is a.node)
    if total is None:
        return None
    axes = total.node.attrs["axes"]
    return API["log_softmax"](unshifted(a, axes), axes)


@RULES.of(SUB)
def exponential_minus_one(a: Tensor, b: Tensor) -> Tensor | None:
    """exp(x) - 1 = expm1(x)."""
    x = exponent(a)
    return API["expm1"](x) if x is not None and is_number(b, 1) else None
