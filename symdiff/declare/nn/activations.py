"""Activations as plain functions over tensors.

In: a tensor. Out: a tensor of its shape (`maxout` alone takes several pieces to one;
`prelu` also declares its slope). Invariant: each is a composition of public ops whose
formula is its docstring, and no branch that is not taken reaches a value or a gradient
with a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.declare.leaves import param
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public, scope
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Shape, normalize_axis
from symdiff.ops.core.operands import as_tensor, call_elementwise, is_literal
from symdiff.ops.elementwise.activations import GELU, SILU
from symdiff.ops.surface.operators import API

relu = API["relu"]
sigmoid = API["sigmoid"]
tanh = API["tanh"]
softplus = API["softplus"]
softmax = API["softmax"]
log_softmax = API["log_softmax"]
log_sigmoid = API["log_sigmoid"]
sign = API["sign"]

where, exp, expm1, minimum = API["where"], API["exp"], API["expm1"], API["minimum"]

# Klambauer et al., NIPS 2017, eq. 14, as printed in the paper's code.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def setting(name: str, what: str, value: Any, shape: Shape) -> Any:
    """Return what a function takes as a number, or as one for each part of ``shape``.

    Raises `ShapeError` where NumPy would stretch the rest to the setting instead: one
    of shape (N, 1) would make (N, N) of (N,).
    """
    if not isinstance(value, Tensor) and np.ndim(value) == 0:
        return value
    given: Any = as_tensor(value)
    fits = given.ndim <= len(shape) and all(
        own == 1 or length != 1
        for own, length in zip(reversed(given.shape), reversed(shape), strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{what} of {name} has shape {given.shape}, to which its values of shape "
            f"{tuple(shape)} would be stretched; give a number, or reshape it."
        )
    return given


@public
def step(x: Any) -> Tensor:
    """1 where x >= 0, 0 elsewhere: the perceptron's unit (Rosenblatt, 1958).

    Its derivative is 0 wherever it has one, and is taken as 0 at the jump: nothing
    below a step is trained by gradients. `sign`, with values -1, 0 and 1, is alike.
    """
    tensor = float_tensor("step", x)
    return API["cast"](tensor >= 0, tensor.dtype)


@public
def leaky_relu(x: Any, slope: float = 0.01) -> Tensor:
    """x where x > 0, slope·x elsewhere (Maas, Hannun & Ng, ICML 2013)."""
    slope = setting("leaky_relu", "slope", slope, as_tensor(x).shape)
    return where(hinted(x > 0, "positive"), x, slope * x)


@public
def prelu(
    x: Any, axis: int | None = None, init: Any = 0.25, name: str = "prelu"
) -> Tensor:
    """x where x > 0, a·x elsewhere, with a learned slope a (He et al., ICCV 2015).

    Declares ``name.slope``: one number, or with ``axis`` one for each channel along it.
    """
    tensor = float_tensor("prelu", x)
    shape: tuple[Any, ...] = ()
    if axis is not None:
        at = normalize_axis(axis, tensor.ndim)
        shape = (tensor.shape[at],)
    with scope(name):
        a = param("slope", shape, init=init)
    if axis is not None:
        a = along_axis(a, at, tensor.ndim)
    return where(hinted(tensor > 0, "positive"), tensor, a * tensor)


@public
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, α·(eˣ − 1) elsewhere (Clevert et al., ICLR 2016).

    The derivative at 0 is α, as on the left.
    """
    alpha = setting("elu", "alpha", alpha, as_tensor(x).shape)
    positive = hinted(x > 0, "positive")
    below = where(positive, 0, x)  # so that expm1 of a large x is never taken
    return where(positive, x, alpha * expm1(below))


@public
def selu(x: Any) -> Tensor:
    """λ·elu(x, α), λ = 1.0507…, α = 1.6733…: keeps mean 0 and variance 1.

    Klambauer et al., NIPS 2017, eq. 2; weights should start as lecun_normal.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


@public
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x·Φ(x), Φ being the normal distribution function (Hendrycks & Gimpel, 2016).

    Approximate: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Exact: x/2·(1 + erf(x/√2)).
    """
    if approximate:
        return call_elementwise(GELU, x)
    return 0.5 * x * (1 + API["erf"](x / math.sqrt(2)))


@public
def silu(x: Any) -> Tensor:
    """x·σ(x), also called swish."""
    return call_elementwise(SILU, x)


@public
def hard_sigmoid(x: Any) -> Tensor:
    """min(max(x/6 + 1/2, 0), 1), in PyTorch's form (Keras 2 had slope 1/5)."""
    return API["clip"](x / 6 + 0.5, 0, 1)


@public
def hard_tanh(x: Any, low: float = -1.0, high: float = 1.0) -> Tensor:
    """min(max(x, low), high) (Collobert, 2004); the slope on a bound is 1."""
    return API["clip"](x, low, high)


@public
def hard_swish(x: Any) -> Tensor:
    """x·min(max(x/6 + 1/2, 0), 1) (Howard et al., ICCV 2019, section 5.2)."""
    return x * API["clip"](x / 6 + 0.5, 0, 1)


@public
def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky, 2010)."""
    return minimum(relu(x), 6)


@public
def maxout(x: Any, pieces: int, axis: int = -1) -> Tensor:
    """The largest of each ``pieces`` neighbours along ``axis``: (..., m·k) to (..., m).

    Goodfellow et al., ICML 2013, eq. 2, for ``x = dense(h, m * k)``: a convex function
    of h with k linear pieces a unit. Two pieces, one of them 0, make ReLU. Equal pieces
    share the gradient.
    """
    tensor = float_tensor("maxout", x)
    if not isinstance(pieces, int) or isinstance(pieces, bool) or pieces < 1:
        raise DeclarationError(f"maxout needs pieces >= 1, got {pieces!r}.")
    at = normalize_axis(axis, tensor.ndim)
    length = tensor.shape[at]
    if not isinstance(length, int) or length % pieces:
        raise ShapeError(
            f"maxout: an axis of length {length} cannot be split by {pieces}."
        )
    split = (*tensor.shape[:at], length // pieces, pieces, *tensor.shape[at + 1 :])
    return API["max"](API["reshape"](tensor, split), axis=at + 1)


def float_tensor(name: str, x: Any) -> Any:
    """Return ``x`` as a float tensor; raise `DTypeError` for anything else."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float or is_literal(tensor):
        raise DTypeError(
            f'{name} needs a float tensor, got {tensor.type}; use sd.cast(x, "float").'
        )
    return tensor


def along_axis(vector: Any, axis: int, ndim: int) -> Any:
    """Return a vector with axes of length 1 around, so that it lies along ``axis``."""
    after = ndim - 1 - axis
    return API["expand_dims"](vector, tuple(range(1, 1 + after))) if after else vector


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "log_sigmoid": log_sigmoid,
    "step": step,
    "sign": sign,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": hard_tanh,
    "hard_swish": hard_swish,
    "relu6": relu6,
}
# These pass about half of their inputs; the weights before them get He's variance.
RECTIFIERS = (relu, leaky_relu, elu, gelu, silu, hard_swish, relu6)


def activation_of(activation: Any) -> tuple[Callable[[Any], Any] | None, str]:
    """Return the function (None: the identity), and how the weights before it start."""
    found = activation
    if isinstance(activation, str):
        found = ACTIVATIONS.get(activation)
    if activation is not None and not callable(found):
        raise DeclarationError(
            f"unknown activation {activation!r}; use one of "
            f"{', '.join(sorted(ACTIVATIONS))}, or a function of a tensor."
        )
    if found is selu:
        return found, "lecun_normal"
    return found, "he_uniform" if found in RECTIFIERS else "glorot_uniform"
