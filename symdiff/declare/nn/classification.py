"""Losses and metrics of class labels.

In: scores, logits, probabilities or their logarithms, of shape (..., K), and integer
labels of shape (...). Out: a scalar to minimise, or losses per row. Invariant: an
option that is not used leaves no trace: the plain cross-entropies are the ops of
`symdiff.ops.reduce.losses`, with their stable forms and gradients.

Labels must lie in 0..K-1. With ``ignore_index``, rows of that label count neither in
the sum nor in the mean's denominator; a batch of such rows alone has loss 0. Any other
label out of range is refused as it is without the option.
"""

from __future__ import annotations

from typing import Any

from symdiff.declare.nn.activations import float_tensor, setting
from symdiff.declare.nn.losses import averaged, check_probability, pair, weights_of
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import require_nonempty
from symdiff.ops.core.operands import CONSTANT, as_tensor, is_literal
from symdiff.ops.reduce.losses import check_same_shape, reduce_loss
from symdiff.ops.surface.operators import API

where = API["where"]


# --- options --------------------------------------------------------------------------


def _class_weights(name: str, value: Any, classes: Any) -> Any:
    if value is None:
        return None
    w = float_tensor(f"class_weights of {name}", as_tensor(value))
    if w.ndim != 1 or not may_agree(w.shape[0], classes):
        raise ShapeError(
            f"{name} needs one weight per class, {classes} of them, got {w.shape}."
        )
    if w.node.op is CONSTANT:
        hinted(w, "class_weights")
    return w


def _kept(labels: Any, ignore_index: int | None, classes: Any) -> tuple[Any, Any]:
    """Return valid labels (0 for ignored rows), and which rows count (None: all)."""
    if ignore_index is None:
        return labels, None
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
        raise DeclarationError(f"ignore_index must be an int, got {ignore_index!r}.")
    kept = hinted(labels != ignore_index, "kept")
    if isinstance(classes, int) and 0 <= ignore_index < classes:
        return labels, kept
    return hinted(where(kept, labels, 0), "labels"), kept


def _row_weights(rows: Any, kept: Any, *weights: Any) -> Any:
    """Return the product of the weights there are, 0 where a row does not count."""
    total: Any = None
    for w in weights:
        if w is not None:
            total = w if total is None else total * w
    if kept is None:
        return total
    if total is None:
        return API["cast"](kept, rows.dtype)
    return where(kept, total, 0)


def _integers(name: str, labels: Any) -> Any:
    y = as_tensor(labels)
    if not y.dtype.is_integer or is_literal(y):
        raise DTypeError(f"{name} needs integer labels, got {y.type}.")
    return y


# --- cross-entropies ------------------------------------------------------------------


@public
def softmax_cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    class_weights: Any = None,
    sample_weights: Any = None,
    ignore_index: int | None = None,
) -> Tensor:
    """−log softmax(z)[y] of every row, averaged, without overflow.

    Parameters
    ----------
    logits : Tensor
        Of shape (..., K).
    labels : Tensor
        Integers 0..K-1 of shape (...), or float weights of the classes of the logits'
        shape: −Σ w·log softmax(z).
    reduction : str
        "mean", "sum" or "none".
    label_smoothing : float
        ε mixes the labels with the uniform distribution, (1−ε)·onehot + ε/K (Szegedy et
        al., CVPR 2016, section 7).
    class_weights : Tensor, optional
        One weight per class; the mean is then divided by the sum of the rows' weights,
        as in PyTorch (and by the number of rows where labels are floats).
    sample_weights : Tensor, optional
        One weight per row; the mean is Σ w·l / Σ w.
    ignore_index : int, optional
        Rows with this label do not count; other labels out of 0..K-1 are an error.
    """
    smoothing = check_probability(
        "softmax_cross_entropy", "label_smoothing", label_smoothing
    )
    plain = not smoothing and class_weights is None
    plain = plain and sample_weights is None and ignore_index is None
    y = as_tensor(labels)
    if plain:
        return API["softmax_cross_entropy"](logits, y, reduction)
    z = float_tensor("softmax_cross_entropy", logits)
    if not z.ndim:
        raise ShapeError(f"softmax_cross_entropy needs logits (..., K), got {z.type}.")
    weights = _class_weights("softmax_cross_entropy", class_weights, z.shape[-1])
    if y.dtype.is_float:
        if ignore_index is not None:
            raise DeclarationError("ignore_index needs integer labels.")
        rows = _soft_rows(z, y, smoothing, weights)
        own = weights_of(rows, sample_weights, "softmax_cross_entropy")
        return averaged(rows, own, reduction)
    y = _integers("softmax_cross_entropy", y)
    y, kept = _kept(y, ignore_index, z.shape[-1])
    rows = API["softmax_cross_entropy"](z, y, "none")
    chosen = None if weights is None else hinted(API["take"](weights, y), "w")
    if smoothing:
        rows = rows if chosen is None else chosen * rows
        logs = API["log_softmax"](z)
        uniform = API["mean"](logs if weights is None else weights * logs, axis=-1)
        rows = (1 - smoothing) * rows - smoothing * uniform
    elif chosen is not None:
        rows = chosen * rows
    return _reduced(rows, kept, chosen, sample_weights, reduction)


def _soft_rows(z: Any, y: Any, smoothing: float, weights: Any) -> Any:
    check_same_shape("softmax_cross_entropy", z, y, "integer labels need one axis less")
    if smoothing:
        y = (1 - smoothing) * y + smoothing / z.shape[-1]
    if weights is not None:
        y = weights * y
    return -API["sum"](y * API["log_softmax"](z), axis=-1)


def _reduced(
    rows: Any, kept: Any, chosen: Any, sample_weights: Any, reduction: str
) -> Tensor:
    """Return rows reduced. They have ``chosen``, their class weights, in them already.

    The mean is Σ s·l / Σ s·w over the rows that count.
    """
    own = weights_of(rows, sample_weights, "the loss")
    if kept is not None:
        rows = where(kept, rows, 0)
    weighted = rows if own is None else own * rows
    if reduction != "mean" or (kept is None and chosen is None and own is None):
        return reduce_loss(weighted, reduction)
    share = _row_weights(rows, kept, own, chosen)
    total = hinted(API["sum"](share), "total")
    if kept is not None:
        total = where(total == 0, 1, total)
    return API["sum"](weighted) / total


@public
def nll(
    log_probs: Any,
    labels: Any,
    reduction: str = "mean",
    class_weights: Any = None,
    sample_weights: Any = None,
    ignore_index: int | None = None,
) -> Tensor:
    """−log p[y] of every row, from log-probabilities such as those of `log_softmax`.

    Options are those of `softmax_cross_entropy`.
    """
    logs = float_tensor("nll", log_probs)
    if not logs.ndim:
        raise ShapeError(f"nll needs log_probs (..., K), got {logs.type}.")
    y, kept = _kept(_integers("nll", labels), ignore_index, logs.shape[-1])
    weights = _class_weights("nll", class_weights, logs.shape[-1])
    chosen = None if weights is None else hinted(API["take"](weights, y), "w")
    rows = -API["pick"](logs, y)
    rows = rows if chosen is None else chosen * rows
    return _reduced(rows, kept, chosen, sample_weights, reduction)


@public
def sigmoid_cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    positive_weight: Any = None,
    sample_weights: Any = None,
) -> Tensor:
    """−y·log σ(z) − (1−y)·log(1−σ(z)), averaged over all elements, without overflow.

    ``labels`` have the logits' shape and lie in [0, 1]; integers and booleans are cast.
    ``label_smoothing`` ε makes them y·(1−ε) + ε/2; ``positive_weight`` multiplies the
    first term (a number, or one per class along the last axis).
    """
    smoothing = check_probability(
        "sigmoid_cross_entropy", "label_smoothing", label_smoothing
    )
    y = as_tensor(labels)
    if not smoothing and positive_weight is None and sample_weights is None:
        return API["sigmoid_cross_entropy"](logits, y, reduction)
    z = float_tensor("sigmoid_cross_entropy", logits)
    if not y.dtype.is_float and not is_literal(y):
        y = API["cast"](y, z.dtype)
    check_same_shape("sigmoid_cross_entropy", z, y, "reshape one of them")
    if smoothing:
        y = y * (1 - smoothing) + smoothing / 2
    if positive_weight is None:
        rows = API["sigmoid_cross_entropy"](z, y, "none")
    else:
        weight = setting(
            "sigmoid_cross_entropy", "positive_weight", positive_weight, z.shape
        )
        weight = 1 + (as_tensor(weight) - 1) * y
        rows = (1 - y) * z + weight * API["softplus"](-z)
    own = weights_of(rows, sample_weights, "sigmoid_cross_entropy")
    return averaged(rows, own, reduction)


@public
def binary_cross_entropy(
    probabilities: Any,
    labels: Any,
    reduction: str = "mean",
    sample_weights: Any = None,
) -> Tensor:
    """−y·log p − (1−y)·log(1−p), averaged over all elements.

    Where p is 0 or 1 a logarithm is held to −100, as in PyTorch, and no gradient flows.
    Prefer `sigmoid_cross_entropy` of logits, which keeps its accuracy there.
    """
    p, y = pair("binary_cross_entropy", float_tensor("p", probabilities), labels)
    if not y.dtype.is_float and not is_literal(y):
        y = API["cast"](y, p.dtype)

    def held(q: Any) -> Any:
        safe = where(q > 0, q, 1)
        return where(q > 0, API["maximum"](API["log"](safe), -100.0), -100.0)

    rows = -(y * held(p) + (1 - y) * held(1 - p))
    own = weights_of(rows, sample_weights, "binary_cross_entropy")
    return averaged(rows, own, reduction)


# --- margins --------------------------------------------------------------------------


@public
def hinge(
    scores: Any,
    labels: Any,
    delta: float = 1.0,
    reduction: str = "mean",
    squared: bool = False,
    sample_weights: Any = None,
) -> Tensor:
    """Multi-class SVM loss: Σ_{j≠y} max(0, s_j − s_y + δ) of every row, averaged.

    ``scores`` have shape (..., K), ``labels`` are integers 0..K-1 of shape (...).
    ``squared`` squares each margin (L2-SVM). Weston & Watkins, ESANN 1999; CS231n,
    "Linear classification".
    """
    s: Any = as_tensor(scores)
    y = as_tensor(labels)
    if not s.ndim:
        raise ShapeError(f"hinge needs scores of shape (..., K), got {s.type}.")
    delta = setting("hinge", "delta", delta, s.shape)
    correct = hinted(API["expand_dims"](API["pick"](s, y), -1), "correct")
    margins = hinted(API["relu"](s - correct + delta), "margins")
    if squared:
        margins = API["square"](margins)
    others = where(API["one_hot"](y, s.shape[-1], bool), 0, margins)
    rows = API["sum"](others, axis=-1)
    return averaged(rows, weights_of(rows, sample_weights, "hinge"), reduction)


@public
def binary_hinge(scores: Any, signs: Any, reduction: str = "mean") -> Tensor:
    """max(0, 1 − t·s), averaged, for targets t of −1 and 1 (Cortes & Vapnik, 1995)."""
    s, t = pair("binary_hinge", scores, signs)
    return reduce_loss(API["relu"](1 - t * s), reduction)


# --- metrics --------------------------------------------------------------------------


@public
def accuracy(logits: Any, labels: Any) -> Tensor:
    """Share of rows whose largest logit is the label's, as a float."""
    z, y = as_tensor(logits), as_tensor(labels)
    if not z.ndim or not z.dtype.is_float:
        raise ShapeError(
            f"accuracy needs float logits of shape (..., K), got {z.type}."
        )
    if not y.dtype.is_integer:
        raise DTypeError(f"labels must be integers, got {y.dtype}.")
    require_nonempty(z.shape[-1], "accuracy")
    best = API["argmax"](z, axis=-1)
    check_same_shape("accuracy", best, y, "one label per row is needed")
    return API["mean"](API["cast"](best == y, z.dtype))


@public
def binary_accuracy(logits: Any, labels: Any) -> Tensor:
    """Share of elements whose logit is positive exactly where the label is 1."""
    z, y = as_tensor(logits), as_tensor(labels)
    check_same_shape("binary_accuracy", z, y, "reshape one of them")
    truth = y if y.dtype.is_bool else y > 0.5
    return API["mean"](API["cast"]((z > 0) == truth, z.dtype))
