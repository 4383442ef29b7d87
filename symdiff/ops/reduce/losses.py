"""Losses with records of their own, for a stable form and a readable gradient.

`softmax_cross_entropy` takes logits and integer labels, and its gradient is the usual
(softmax(z) − onehot(y)) / N; `sigmoid_cross_entropy` is elementwise. The reduction is
an attribute of the first, and a separate `mean` or `sum` after the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Shape,
    TensorType,
    product,
    require_nonempty,
    unify,
)
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts, always
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    call_elementwise,
    is_literal,
    stretch,
)
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.core.rows import (
    Batch,
    Part,
    Sums,
    leading,
)
from symdiff.ops.core.symbols import sigmoid, u, v
from symdiff.ops.elementwise.arithmetic import exp, log1p
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.kinks import absolute, maximum
from symdiff.ops.indexing.one_hot import one_hot
from symdiff.ops.indexing.taking import label_operand, pick
from symdiff.ops.reduce.normalize import log_softmax, logsumexp_beside_softmax, softmax
from symdiff.ops.reduce.sums import mean, sum_
from symdiff.ops.shape.views import expand_dims

REDUCTIONS = ("mean", "sum", "none")


def reduce_loss(rows: Tensor, reduction: str) -> Tensor:
    """Return the mean or the sum of losses per row, or themselves (``"none"``)."""
    match reduction:
        case "mean":
            return mean(rows)
        case "sum":
            return sum_(rows)
        case "none":
            return rows
    raise DeclarationError(
        f"reduction {reduction!r} is none of {', '.join(map(repr, REDUCTIONS))}."
    )


def _infer(z: TensorType, y: TensorType, *, reduction: str) -> TensorType:
    require_float(z, "softmax_cross_entropy")
    if not y.dtype.is_integer:
        raise DTypeError(f"labels must be integers, got {y.dtype}")
    fits = z.ndim == y.ndim + 1 and all(
        unify(a, b) is not None for a, b in zip(z.shape, y.shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            f"one label per row of logits is needed: logits {z.shape} have rows "
            f"{z.shape[:-1]}, labels have {y.shape}"
        )
    require_nonempty(z.shape[-1], "softmax_cross_entropy")
    if reduction == "mean":
        for d in y.shape:
            require_nonempty(d, "a mean")
    return TensorType(z.shape[:-1] if reduction == "none" else (), z.dtype)


def _evaluate(z: Any, y: Any, *, reduction: str) -> Any:
    m = np.max(z, axis=-1, keepdims=True)
    picked = np.take_along_axis(z, np.expand_dims(np.asarray(y), -1), axis=-1)[..., 0]
    rows = np.log(np.sum(np.exp(z - m), axis=-1)) - (picked - m[..., 0])
    match reduction:
        case "mean":
            return np.mean(rows)
        case "sum":
            return np.sum(rows)
    return rows


def _expand(z: Tensor, y: Tensor, *, reduction: str) -> Tensor:
    log_sum, m = logsumexp_beside_softmax(z, (z.ndim - 1,))
    rows = log_sum - (pick(z, y) - m)
    if reduction != "none":
        hinted(rows, "losses")
    return reduce_loss(rows, reduction)


def _row_cotangent(ct: Any, rows: Shape, reduction: str) -> Tensor:
    """Return each row's cotangent, with an axis of length 1 for the classes."""
    if reduction == "none":
        return expand_dims(ct, ct.ndim)
    if reduction == "mean":
        return ct / product(rows)
    return ct


def _vjp(ct: Tensor, loss: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Any]:
    """(softmax(z) − onehot(y)) · (ct / N), in the usual order of operations."""
    z, y = inputs
    difference = softmax(z, -1) - one_hot(y, z.shape[-1], z.dtype)
    share = _row_cotangent(ct, y.shape, attrs["reduction"])
    return [difference * stretch(share, z.shape), None]


def _jvp(tangents: Any, loss: Tensor, inputs: Any, attrs: Any) -> Tensor | None:
    (z, y), (t, _) = inputs, tangents
    if t is None:
        return None
    rows = sum_(softmax(z, -1) * t, -1) - pick(t, y)
    return reduce_loss(rows, attrs["reduction"])


def _rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = leading(s, node, parts)
    by = {"mean": Sums(s.count), "sum": Sums(), "none": rows}
    return None if rows is None else by[node.attrs["reduction"]]


SOFTMAX_CROSS_ENTROPY = primitive(
    "softmax_cross_entropy",
    _infer,
    _evaluate,
    vjp=_vjp,
    jvp=_jvp,
    expand=_expand,
    analytic=True,
    rule="softmax(z) - onehot(y)",
    facts=Facts(
        indices=lambda node: {1: node.inputs[0].shape[-1]},
        labels=always,
        independent=lambda node: [(i, i) for i in range(len(node.shape))],
        rows=_rows,
    ),
)


@api("softmax_cross_entropy")
def softmax_cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Tensor:
    """−log softmax(z)[y] of every row, averaged, without overflow.

    ``logits`` have shape (..., K). ``labels`` are integers 0..K-1 of shape (...), or
    float weights of the classes, of the logits' shape: −Σ w·log softmax(z).
    ``reduction`` is "mean", "sum" or "none".
    """
    z, y = as_tensor(logits), as_tensor(labels)
    if reduction not in REDUCTIONS:
        reduce_loss(z, reduction)  # raises, naming the choices
    if not y.dtype.is_float:
        y = label_operand(y, z.shape[-1]) if z.ndim and not is_literal(y) else y
        return apply(SOFTMAX_CROSS_ENTROPY, z, y, reduction=reduction)
    check_same_shape("softmax_cross_entropy", z, y, "integer labels need one axis less")
    return reduce_loss(-sum_(y * log_softmax(z, -1), -1), reduction)


def check_same_shape(name: str, a: Tensor, b: Tensor, remedy: str) -> None:
    """Raise `ShapeError` where two tensors differ in shape; a literal fits any.

    A loss does not broadcast: (N,) against (N, 1) would silently compare all pairs.
    """
    if is_literal(a) or is_literal(b):
        return
    same = a.ndim == b.ndim and all(
        may_agree(d, e) for d, e in zip(a.shape, b.shape, strict=True)
    )
    if not same:
        raise ShapeError(
            f"{name} compares tensors of one shape, got {a.shape} and {b.shape}; "
            f"{remedy}."
        )


SIGMOID_CROSS_ENTROPY = elementwise(
    "sigmoid_cross_entropy",
    sp.log(1 + sp.exp(u)) - u * v,
    partials=(sigmoid(u) - v, -u),
    evaluate=lambda z, y: np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))),
    expand=lambda z, y: maximum(z, 0) - z * y + log1p(exp(-absolute(z))),
    analytic=False,
    rule="sigmoid(z) - y",
    facts=Facts(formula='sigmoid_cross_entropy(_0, _1, reduction="none")'),
)


@api("sigmoid_cross_entropy")
def sigmoid_cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Tensor:
    """−y·log σ(z) − (1−y)·log(1−σ(z)), averaged, without overflow.

    ``labels`` have the logits' shape and lie in [0, 1]; integers and booleans are cast.
    ``reduction`` is "mean", "sum" or "none".
    """
    z, y = as_tensor(logits), as_tensor(labels)
    require_float(z.node.tensor_type, "sigmoid_cross_entropy")
    if not y.dtype.is_float and not is_literal(y):
        y = cast(y, z.dtype)
    check_same_shape("sigmoid_cross_entropy", z, y, "reshape one of them")
    return reduce_loss(call_elementwise(SIGMOID_CROSS_ENTROPY, z, y), reduction)
