"""Raw formulas as stable nodes, before they are differentiated.

In: tensors as declared, and the variables of a derivative. Out: equal tensors in which
formulas that overflow, cancel or divide 0 by 0 are nodes that do not. Invariant: each
rule is an identity over the reals, its docstring says which; a rule never looks through
a variable, whose derivative is asked for.

Derivatives are taken of what this module returns, so ``sd.grad`` sees it as well as the
compiler does; `interpret` shows the values as they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdiff.graph.body import rebuilding_within, substitute
from symdiff.graph.node import Node
from symdiff.graph.order import Part
from symdiff.graph.origin import mark
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Rebuilding, remade
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import API, literal_value
from symdiff.ops.core.record import Op
from symdiff.ops.elementwise.activations import SIGMOID
from symdiff.ops.elementwise.arithmetic import (
    ADD,
    DIV,
    EXP,
    LOG,
    LOG1P,
    MUL,
    NEG,
    POWER,
    SQRT,
    SQUARE,
    SUB,
)
from symdiff.ops.elementwise.casts import STOP_GRADIENT
from symdiff.ops.reduce.extremes import MAX
from symdiff.ops.reduce.normalize import LOGSUMEXP, SOFTMAX
from symdiff.ops.reduce.sums import REDUCE_SUM
from symdiff.ops.selecting.masks import axes_of

Rule = Callable[..., Tensor | None]
RULES: dict[str, list[Rule]] = {}


def rule(op: Op) -> Callable[[Rule], Rule]:
    """Register a rule, which gets the operands of an op and its attributes."""

    def register(function: Rule) -> Rule:
        RULES.setdefault(op.name, []).append(function)
        return function

    return register


# --- reading patterns -----------------------------------------------------------------


def is_op(t: Tensor, *ops: Op) -> bool:
    """Whether a tensor is the result of one of some ops."""
    return t.node.op in ops


def is_number(t: Tensor, number: float) -> bool:
    """Whether a tensor is a literal of this value."""
    value = literal_value(t)
    return isinstance(value, (int, float)) and value == number


def beside_one(t: Tensor) -> Tensor | None:
    """Return x where ``t`` is 1 + x or x + 1."""
    if not is_op(t, ADD):
        return None
    a, b = t.parents
    if is_number(a, 1):
        return b
    return a if is_number(b, 1) else None


def exponent(t: Tensor) -> Tensor | None:
    """Return x where ``t`` is exp(x)."""
    return t.parents[0] if is_op(t, EXP) else None


def negated(x: Tensor) -> Tensor:
    """Return -x, and a where x is -a."""
    return x.parents[0] if is_op(x, NEG) else -x


def source(t: Tensor) -> tuple[Tensor, tuple[int | None, ...]]:
    """Return what a tensor repeats or reshapes, and where its axes come from there."""
    axes: list[int | None] = list(range(t.ndim))
    while t.node.op is STOP_GRADIENT or t.node.op.shows_all:
        (inner,) = t.parents
        if not is_op(t, STOP_GRADIENT):
            step = axes_of(t.node, inner.shape)
            if step is None:
                break
            axes = [None if a is None else step[a] for a in axes]
        t = inner
    return t, tuple(axes)


def is_spread(t: Tensor, of: Callable[[Tensor], bool], axes: Any = None) -> Any:
    """Return the reduction that ``t`` repeats along the axes it was taken over.

    None where it is no such reduction, or its axes are not lined up with the whole's.
    """
    reduction, places = source(t)
    attrs = reduction.node.attrs
    if "axes" not in attrs or not reduction.parents or not of(reduction):
        return None
    over, keep = attrs["axes"], attrs.get("keepdims", False)
    if axes is not None and tuple(over) != tuple(axes):
        return None
    if t.ndim != reduction.parents[0].ndim:
        return None
    for i, place in enumerate(places):
        gone = sum(a < i for a in over)
        if i in over:
            if place is not None and t.shape[i] != 1:
                return None
        elif place != (i if keep else i - gone) and t.shape[i] != 1:
            return None
    return reduction


def unshifted(x: Tensor, axes: Any) -> Tensor:
    """Return y where x is y - max(y), the maximum taken over ``axes``; else x."""
    if not is_op(x, SUB):
        return x
    y, m = x.parents
    found = is_spread(m, lambda r: is_op(r, MAX) and r.parents[0].node is y.node, axes)
    return x if found is None else y


def is_plain_sum(t: Tensor) -> bool:
    """Whether a tensor is a sum over axes, in its operand's own dtype."""
    return is_op(t, REDUCE_SUM) and t.node.attrs.get("dtype") is None


# --- the rules ------------------------------------------------------------------------


@rule(DIV)
def logistic(a: Tensor, b: Tensor) -> Tensor | None:
    """1 / (1 + exp(-x)) = sigmoid(x); exp(x) / (1 + exp(x)) = sigmoid(x)."""
    inner = beside_one(b)
    x = None if inner is None else exponent(inner)
    if inner is None or x is None:
        return None
    if is_number(a, 1):
        return API["sigmoid"](negated(x))
    return API["sigmoid"](x) if a.node is inner.node else None


@rule(POWER)
def logistic_power(a: Tensor, b: Tensor) -> Tensor | None:
    """(1 + exp(-x)) ** -1 = sigmoid(x)."""
    inner = beside_one(a)
    x = None if inner is None or not is_number(b, -1) else exponent(inner)
    return None if x is None else API["sigmoid"](negated(x))


@rule(DIV)
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


@rule(LOG)
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


@rule(LOG1P)
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


@rule(ADD)
def shift_of_logsumexp(a: Tensor, b: Tensor) -> Tensor | None:
    """logsumexp(x - m) + m = logsumexp(x), for m = max(x) over the same axes."""
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


@rule(SUB)
def minus_logsumexp(a: Tensor, b: Tensor) -> Tensor | None:
    """x - logsumexp(x) = log_softmax(x) = log_softmax(x - max(x))."""
    if a.shape != b.shape:
        return None
    total = is_spread(b, lambda r: is_op(r, LOGSUMEXP) and r.parents[0].node is a.node)
    if total is None:
        return None
    axes = total.node.attrs["axes"]
    return API["log_softmax"](unshifted(a, axes), axes)


@rule(SUB)
def exponential_minus_one(a: Tensor, b: Tensor) -> Tensor | None:
    """exp(x) - 1 = expm1(x)."""
    x = exponent(a)
    return API["expm1"](x) if x is not None and is_number(b, 1) else None


@rule(SQRT)
def root_of_squares(t: Tensor) -> Tensor | None:
    """sqrt(sum(x**2)) = norm(x), whose derivative at 0 is 0 by convention."""
    if not is_plain_sum(t):
        return None
    (squares,) = t.parents
    axes, x = t.node.attrs["axes"], squares.parents[0] if squares.parents else None
    op, operands = squares.node.op, squares.parents
    power = op is POWER and is_number(operands[1], 2)
    product = op is MUL and operands[0].node is operands[1].node
    if not (power or product or op is SQUARE):
        return None
    axis = axes[0] if len(axes) == 1 else None if len(axes) == squares.ndim else axes
    if isinstance(axis, tuple) or x is None or not x.dtype.is_float:
        return None
    return API["linalg.norm"](x, axis=axis, keepdims=t.node.attrs["keepdims"])


# --- applying them --------------------------------------------------------------------


def better(old: Tensor, parents: Sequence[Tensor]) -> Tensor | None:
    """Return the stable node for an op of these operands, or None."""
    for apply_rule in RULES.get(old.node.op.name, ()):
        with at_site(old.site), Part(old.order) as inside:
            found = apply_rule(*parents)
        if found is None or found.type != old.type:
            continue
        if not inside.holds(found.order):  # an operand itself: its own name stands
            return found
        label, hint = found.label or old.label, found.hint or old.hint
        return mark(found, label=label, hint=hint, result=old.origin.result)
    return None


def stabilising() -> Rebuilding:
    """Return what becomes of tensors where every raw formula is replaced, inside bodies
    as well.
    """
    return rebuilding_within(better)


def stabilise(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors with every raw formula replaced, inside bodies as well."""
    return stabilising()(tensors)


def stabilised(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return outputs and variables of a derivative with raw formulas replaced.

    A variable that is computed is kept: no rule looks through it.
    """
    inner = {t.node for t in wrt if not t.node.op.leaf}
    if not inner:
        return stabilise(outputs), list(wrt)
    kept: dict[Node, Tensor] = {}  # stand-in to what it stands for
    stands: dict[Node, Tensor] = {}

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node not in inner:
            return better(old, parents)
        if old.node not in stands:
            made = better(old, parents)
            if made is None:
                made = remade(old, parents, old.node.attrs, keep_order=False)
            leaf = apply(BOUND, name="variable", shape=made.shape, dtype=made.dtype)
            mark(leaf, order=old.order)  # what rules build of it has its reader's order
            stands[old.node] = leaf
            kept[leaf.node] = made
        return stands[old.node]

    found = rebuilding_within(choose)([*outputs, *wrt])
    settled: dict[Node, Tensor] = {}
    for leaf, made in kept.items():  # in the order of declaration
        (settled[leaf],) = substitute([made], settled)
    final = substitute(found, settled)
    return final[: len(outputs)], final[len(outputs) :]
