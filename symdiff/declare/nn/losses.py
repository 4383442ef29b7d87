"""Losses and metrics as plain functions over tensors: regression and distances here.

In: predictions and targets. Out: a scalar to minimise, or losses per row. Invariant:
``reduction`` is "mean", "sum" or "none"; with ``sample_weights`` w the mean is Σ w·l /
Σ w, as ``np.average`` has it; shapes must fit exactly, because (N,) against (N, 1)
would silently compare all pairs. What takes class labels is in
`symdiff.declare.nn.classification`.
"""

from __future__ import annotations

import math
from typing import Any

from symdiff.declare.nn.activations import float_tensor, setting
from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import as_tensor, stretch
from symdiff.ops.reduce.losses import check_same_shape, reduce_loss
from symdiff.ops.surface.operators import API

where = API["where"]


# --- reductions -----------------------------------------------------------------------


def averaged(rows: Any, weights: Any, reduction: str, *, empty: bool = False) -> Tensor:
    """Return losses weighted and reduced.

    ``empty``: all weights may be 0, and the mean is then 0 instead of 0/0.
    """
    if weights is None:
        return reduce_loss(rows, reduction)
    weighted = weights * rows
    if reduction != "mean":
        return reduce_loss(weighted, reduction)
    total = hinted(API["sum"](weights), "total")
    if empty:
        total = where(total == 0, 1, total)
    return API["sum"](weighted) / total


def weights_of(rows: Any, sample_weights: Any, what: str) -> Any:
    """Return one weight for each loss: given per loss, or for the leading axes."""
    if sample_weights is None:
        return None
    w = float_tensor(f"sample_weights of {what}", sample_weights)
    if w.ndim < rows.ndim:
        ahead = rows.shape[: w.ndim]
        check = API["sum"](rows, axis=tuple(range(w.ndim, rows.ndim)))
        check_same_shape(what, check, w, f"weights have shape {ahead} or {rows.shape}")
        later = API["expand_dims"](w, tuple(range(w.ndim, rows.ndim)))
        return stretch(later, rows.shape)
    check_same_shape(what, rows, w, f"weights have shape {rows.shape}")
    return w


def pair(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """Return both as tensors of one shape; raise `ShapeError` otherwise."""
    a, b = as_tensor(prediction), as_tensor(target)
    check_same_shape(name, a, b, "reshape or squeeze one of them")
    return a, b


def rows_of(name: str, *vectors: Any) -> list[Any]:
    """Return float tensors of one shape (..., D), D being what a row is made of."""
    found = [float_tensor(name, v) for v in vectors]
    for t in found[1:]:
        check_same_shape(name, found[0], t, "reshape one of them")
    if not found[0].ndim:
        raise ShapeError(f"{name} compares vectors of shape (..., D), got numbers.")
    return found


# --- regression -----------------------------------------------------------------------


@public
def mse(
    prediction: Any, target: Any, reduction: str = "mean", sample_weights: Any = None
) -> Tensor:
    """Mean of (prediction − target)² over all elements; shapes must be equal."""
    a, b = pair("mse", prediction, target)
    rows = API["square"](a - b)
    return averaged(rows, weights_of(rows, sample_weights, "mse"), reduction)


@public
def mae(
    prediction: Any, target: Any, reduction: str = "mean", sample_weights: Any = None
) -> Tensor:
    """Mean of |prediction − target| over all elements; shapes must be equal."""
    a, b = pair("mae", prediction, target)
    rows = API["abs"](a - b)
    return averaged(rows, weights_of(rows, sample_weights, "mae"), reduction)


@public
def huber(
    prediction: Any,
    target: Any,
    delta: float = 1.0,
    reduction: str = "mean",
    sample_weights: Any = None,
) -> Tensor:
    """r²/2 where |r| <= δ, δ·(|r| − δ/2) elsewhere, with r = prediction − target.

    Huber, Annals of Mathematical Statistics 1964; the slope is r held to ±δ.
    """
    a, b = pair("huber", prediction, target)
    if isinstance(delta, Tensor) or not delta > 0:
        raise DeclarationError(f"huber needs delta > 0, got {delta!r}.")
    r = hinted(a - b, "r")
    size = API["abs"](r)
    near = hinted(size <= delta, "near")
    rows = where(near, API["square"](r) / 2, delta * (size - delta / 2))
    return averaged(rows, weights_of(rows, sample_weights, "huber"), reduction)


@public
def poisson(
    prediction: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
    sample_weights: Any = None,
) -> Tensor:
    """−log of the Poisson density of a count y, without its constant log y!.

    With ``log_input`` the prediction is z = log λ, and the loss eᶻ − y·z; otherwise it
    is λ, and the loss λ − y·log(λ + ε). ``full`` adds log y! by lgamma(y + 1).
    """
    z, y = pair("poisson", prediction, target)
    eps = setting("poisson", "eps", eps, z.shape)
    rows = API["exp"](z) - y * z if log_input else z - y * API["log"](z + eps)
    if full:
        rows = rows + API["gammaln"](y + 1)
    return averaged(rows, weights_of(rows, sample_weights, "poisson"), reduction)


@public
def gaussian_nll(
    mean: Any,
    target: Any,
    variance: Any,
    full: bool = False,
    reduction: str = "mean",
    sample_weights: Any = None,
) -> Tensor:
    """(log σ² + (y − μ)²/σ²)/2: −log of the normal density, σ² being ``variance``.

    ``full`` adds the constant log(2π)/2. Nix & Weigend, ICNN 1994.
    """
    m, y = pair("gaussian_nll", mean, target)
    _, v = pair("gaussian_nll", mean, variance)
    rows = (API["log"](v) + API["square"](y - m) / v) / 2
    if full:
        rows = rows + 0.5 * math.log(2 * math.pi)
    return averaged(rows, weights_of(rows, sample_weights, "gaussian_nll"), reduction)


# --- distributions --------------------------------------------------------------------


@public
def kl(
    log_q: Any, p: Any, reduction: str = "mean", sample_weights: Any = None
) -> Tensor:
    """KL(p ‖ q) = Σ p·(log p − log q) over the last axis, averaged over the rows.

    q is given by its logarithm, as from `log_softmax`; where p is 0 the term is 0. The
    mean is that of PyTorch's ``kl_div`` with "batchmean"; its "mean" also divides by
    the number of classes.
    """
    q, t = rows_of("kl", log_q, p)
    rows = API["sum"](API["xlogy"](t, t) - t * q, axis=-1)
    return averaged(rows, weights_of(rows, sample_weights, "kl"), reduction)


@public
def kl_normal(mean: Any, log_variance: Any, reduction: str = "mean") -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = Σ (μ² + σ² − 1 − log σ²)/2 over the last axis.

    ``log_variance`` is log σ².
    Kingma & Welling, ICLR 2014, appendix B: the penalty of a variational autoencoder.
    """
    m, s = rows_of("kl_normal", mean, log_variance)
    terms = API["square"](m) + API["exp"](s) - 1 - s
    return reduce_loss(0.5 * API["sum"](terms, axis=-1), reduction)


# --- directions and distances ---------------------------------------------------------


@public
def cosine_similarity(a: Any, b: Any, eps: float = 1e-8) -> Tensor:
    """a·b / (max(‖a‖, ε)·max(‖b‖, ε)) over the last axis."""
    x, y = rows_of("cosine_similarity", a, b)
    eps = setting("cosine_similarity", "eps", eps, x.shape[:-1])
    norms = [
        API["maximum"](API["linalg.norm"](t, axis=-1, keepdims=False), eps)
        for t in (x, y)
    ]
    return API["sum"](x * y, axis=-1) / (norms[0] * norms[1])


@public
def cosine(
    prediction: Any, target: Any, reduction: str = "mean", sample_weights: Any = None
) -> Tensor:
    """1 − cos(prediction, target) of every row: from 0 (same direction) to 2."""
    rows = 1 - cosine_similarity(prediction, target)
    return averaged(rows, weights_of(rows, sample_weights, "cosine"), reduction)


@public
def cosine_embedding(
    a: Any, b: Any, labels: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 − cos(a, b) where the label is 1, max(0, cos(a, b) − margin) where it is −1."""
    similar = cosine_similarity(a, b)
    y = as_tensor(labels)
    check_same_shape("cosine_embedding", similar, y, "one label per row is needed")
    margin = setting("cosine_embedding", "margin", margin, similar.shape)
    rows = where(y > 0, 1 - similar, API["relu"](similar - margin))
    return reduce_loss(rows, reduction)


@public
def triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """max(0, ‖a − p‖ − ‖a − n‖ + margin) of every row: anchor, positive, negative.

    Schroff et al., CVPR 2015, eq. 1, with distances instead of their squares, as in
    PyTorch; ε is added to each difference, so that equal vectors have a gradient.
    """
    a, p, n = rows_of("triplet", anchor, positive, negative)
    margin = setting("triplet", "margin", margin, a.shape[:-1])
    eps = setting("triplet", "eps", eps, a.shape)

    def distance(other: Any) -> Any:
        return API["sqrt"](API["sum"](API["square"](a - other + eps), axis=-1))

    near, far = hinted(distance(p), "near"), hinted(distance(n), "far")
    return reduce_loss(API["relu"](near - far + margin), reduction)


def check_probability(name: str, what: str, value: Any) -> float:
    """Return a number in [0, 1); raise `DeclarationError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DeclarationError(f"{name} needs 0 <= {what} < 1, got {value!r:.60}.")
    if not 0 <= value < 1:
        raise DeclarationError(f"{name} needs 0 <= {what} < 1, got {value!r}.")
    return float(value)
