"""`sd.nn`: layers, activations, losses and penalties as plain functions over tensors.

In: tensors. Out: tensors; `dense` also declares its parameters. Invariant: each is a
composition of public ops, whose formula is its docstring, so nothing here has a rule of
its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from symdiff.declare.leaves import flatten, param
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.provenance import public, scope
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import require_nonempty
from symdiff.ops import operators  # noqa: F401 - it completes Tensor and API
from symdiff.ops.losses import check_same_shape, reduce_loss
from symdiff.ops.operands import API, as_tensor, is_literal

relu = API["relu"]
sigmoid = API["sigmoid"]
tanh = API["tanh"]
softplus = API["softplus"]
softmax = API["softmax"]
log_softmax = API["log_softmax"]
log_sigmoid = API["log_sigmoid"]
softmax_cross_entropy = API["softmax_cross_entropy"]
sigmoid_cross_entropy = API["sigmoid_cross_entropy"]

where, exp, expm1, minimum = API["where"], API["exp"], API["expm1"], API["minimum"]


# --- layers --------------------------------------------------------------------------


@public
def dense(
    x: Any,
    units: int,
    activation: str | Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    name: str = "dense",
    init: Any = None,
    bias_init: Any = None,
) -> Tensor:
    """activation(x @ W + b), for x of shape (..., in).

    Declares ``name.W`` of shape (in, units) and, with ``use_bias``, ``name.b`` of shape
    (units,). W starts as he_uniform before relu and its kin and as glorot_uniform
    otherwise, b as zeros.
    """
    tensor = as_tensor(x)
    if not isinstance(units, int) or isinstance(units, bool) or units < 1:
        raise DeclarationError(f"dense needs units >= 1, got {units!r}.")
    if is_literal(tensor) or not tensor.ndim:
        raise ShapeError(f"dense needs a tensor of shape (..., in), got {tensor.type}.")
    if not tensor.dtype.is_float:
        raise DTypeError(
            f'dense needs a float tensor, got {tensor.dtype}; use sd.cast(x, "float").'
        )
    features = tensor.shape[-1]
    if not isinstance(features, int):
        raise ShapeError(
            f"dense needs a last axis of known length, got {tensor.shape}; its weights "
            "have "
            "one row per feature."
        )
    act, rectified = _activation(activation)
    if init is None:
        init = "he_uniform" if rectified else "glorot_uniform"
    with scope(name):
        z = tensor @ param("W", (features, units), init=init)  # type: ignore[operator]
        if use_bias:
            z = z + param("b", (units,), init=bias_init)
        z.hint = "z"
        return z if act is None else act(z)


def _activation(activation: Any) -> tuple[Callable[[Any], Any] | None, bool]:
    """Return the function, and whether it passes about half of its inputs, like
    relu.
    """
    if activation is None or callable(activation):
        return activation, activation in _RECTIFIERS
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise DeclarationError(
            f"unknown activation {activation!r}; use one of "
            f"{', '.join(sorted(_ACTIVATIONS))}, or a function of a tensor."
        )
    found = _ACTIVATIONS[activation]
    return found, found in _RECTIFIERS


@public
def dropout(x: Any, rate: float) -> Tensor:
    """x times a mask that is 0 with probability ``rate`` and 1/(1−rate) otherwise.

    In prediction it is x itself (inverted dropout, Srivastava et al., JMLR 2014,
    section 10). Each call draws its own mask from the key that the training step is
    given.
    """
    tensor = as_tensor(x)
    if (
        isinstance(rate, bool)
        or not isinstance(rate, (int, float))
        or not 0 <= rate < 1
    ):
        raise DeclarationError(f"dropout needs 0 <= rate < 1, got {rate!r:.60}.")
    if not tensor.dtype.is_float or is_literal(tensor):
        raise DTypeError(f"dropout needs a float tensor, got {tensor.type}.")
    if rate == 0:
        return tensor
    keep = API["random.uniform"](tensor.shape) >= float(rate)
    kept = float(f"{1 - rate:.15g}")  # 0.2 for a rate of 0.8, not 0.19999999999999996
    mask = API["cast"](keep, tensor.dtype) / kept
    mask.hint = "mask"
    return API["by_mode"](train=tensor * mask, infer=tensor)


# --- activations ---------------------------------------------------------------------


@public
def leaky_relu(x: Any, slope: float = 0.01) -> Tensor:
    """x where x > 0, slope·x elsewhere (Maas, Hannun & Ng, ICML 2013)."""
    return where(x > 0, x, slope * x)


@public
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, α·(eˣ − 1) elsewhere (Clevert et al., ICLR 2016)."""
    return where(x > 0, x, alpha * expm1(minimum(x, 0)))


@public
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x·Φ(x), Φ being the normal distribution function (Hendrycks & Gimpel, 2016).

    Approximate: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Exact: x/2·(1 + erf(x/√2)).
    """
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + tanh(inner))
    return 0.5 * x * (1 + API["erf"](x / math.sqrt(2)))


@public
def silu(x: Any) -> Tensor:
    """x·σ(x), also called swish."""
    return x * sigmoid(x)


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "silu": silu,
}
_RECTIFIERS = (relu, leaky_relu, elu, gelu, silu)

# --- losses --------------------------------------------------------------------------


@public
def mse(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean of (prediction − target)² over all elements; shapes must be equal."""
    a, b = _pair("mse", prediction, target)
    return reduce_loss(API["square"](a - b), reduction)


@public
def mae(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean of |prediction − target| over all elements; shapes must be equal."""
    a, b = _pair("mae", prediction, target)
    return reduce_loss(API["abs"](a - b), reduction)


def _pair(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    a, b = as_tensor(prediction), as_tensor(target)
    check_same_shape(name, a, b, "reshape or squeeze one of them")
    return a, b


@public
def hinge(
    scores: Any, labels: Any, delta: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Multi-class SVM loss: Σ_{j≠y} max(0, s_j − s_y + δ) of every row, averaged.

    ``scores`` have shape (..., K), ``labels`` are integers 0..K-1 of shape (...).
    Weston & Watkins, ESANN 1999; CS231n, "Linear classification".
    """
    s: Any = as_tensor(scores)
    y = as_tensor(labels)
    if not s.ndim:
        raise ShapeError(f"hinge needs scores of shape (..., K), got {s.type}.")
    correct = API["expand_dims"](API["pick"](s, y), -1)
    correct.hint = "correct"
    margins = relu(s - correct + delta)
    margins.hint = "margins"
    others = where(API["one_hot"](y, s.shape[-1], bool), 0, margins)
    return reduce_loss(API["sum"](others, axis=-1), reduction)


@public
def l1(tensors: Any) -> Tensor:
    """Σ|p| over every element of a tensor or of a list of tensors."""
    return _penalty("l1", API["abs"], tensors)


@public
def l2(tensors: Any) -> Tensor:
    """Σp² over every element of a tensor or of a list of tensors (not halved)."""
    return _penalty("l2", API["square"], tensors)


def _penalty(name: str, function: Callable[[Any], Any], tensors: Any) -> Tensor:
    found = flatten(tensors)
    if not found:
        raise DeclarationError(f"{name} of an empty list; pass at least one tensor.")
    total: Any = None
    for t in found:
        term = API["sum"](function(t))
        total = term if total is None else total + term
    return total


# --- metrics -------------------------------------------------------------------------


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
