"""Layers that act on each example alone: dense, convolutions, feature maps, dropout.

In: tensors whose first axis is the batch. Out: tensors. A layer with weights declares
them below its ``name``, or takes an existing tensor as ``weight=`` (weight tying).
Invariant: layers are compositions of public ops, whose formula is the docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, combinations_with_replacement
from typing import Any

from symdiff.declare.init import as_init, outputs_first
from symdiff.declare.leaves import param
from symdiff.declare.nn.activations import (
    activation_of,
    along_axis,
    float_tensor,
)
from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public, scope
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import product
from symdiff.ops.core.operands import LITERAL, as_tensor
from symdiff.ops.surface.operators import API
from symdiff.ops.surface.writes import call_back
from symdiff.ops.windows.views import per_axis

max_pool1d = API["max_pool1d"]
max_pool2d = API["max_pool2d"]
avg_pool1d = API["avg_pool1d"]
avg_pool2d = API["avg_pool2d"]


def count(layer: str, what: str, value: Any) -> int:
    """Return a positive int; raise `DeclarationError` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DeclarationError(f"{layer} needs {what} >= 1, got {value!r}.")
    return value


def known_length(layer: str, tensor: Any, axis: int, why: str) -> int:
    """Return the length of an axis; raise `ShapeError` where it is symbolic."""
    length = tensor.shape[axis]
    if not isinstance(length, int):
        raise ShapeError(
            f"{layer} needs axis {axis} of known length, got {tensor.shape}; {why}."
        )
    return length


def weight_of(name: str, given: Any, shape: tuple[int, ...], init: Any) -> Any:
    """Return the weight ``name`` of a layer: declared, or the tensor that was given."""
    if given is None:
        return param(name, shape, init=init)
    tensor = as_tensor(given)
    same = tensor.ndim == len(shape) and all(
        may_agree(a, b) for a, b in zip(tensor.shape, shape, strict=True)
    )
    if not same:
        raise ShapeError(
            f"weight= has shape {tensor.shape}, but the layer needs {shape}."
        )
    return tensor


# --- dense ---------------------------------------------------------------------------


@public
def dense(
    x: Any,
    units: int,
    activation: str | Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    name: str = "dense",
    init: Any = None,
    bias_init: Any = None,
    weight: Any = None,
) -> Tensor:
    """activation(x @ W + b), for x of shape (..., in).

    Declares ``name.W`` of shape (in, units) and, with ``use_bias``, ``name.b`` of shape
    (units,). W starts as he_uniform before relu and its kin and as glorot_uniform
    otherwise, b as zeros. ``weight`` takes W's place: ``weight=table.T`` ties it.
    """
    tensor = as_tensor(x)
    count("dense", "units", units)
    if tensor.node.op is LITERAL or not tensor.ndim:
        raise ShapeError(f"dense needs a tensor of shape (..., in), got {tensor.type}.")
    tensor = float_tensor("dense", tensor)
    features = known_length("dense", tensor, -1, "its weights have one row per feature")
    act, usual = activation_of(activation)
    with scope(name):
        w = weight_of("W", weight, (features, units), usual if init is None else init)
        z = tensor @ w
        if use_bias:
            z = z + param("b", (units,), init=bias_init)
        hinted(z, name if act is None else "z")  # without activation it is the layer
        return z if act is None else act(z)


# --- convolutions --------------------------------------------------------------------


@public
def conv1d(
    x: Any,
    filters: int,
    window: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str | Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    name: str = "conv",
    init: Any = None,
    bias_init: Any = None,
    weight: Any = None,
) -> Tensor:
    """activation(conv1d(x, W) + b), for x of shape (N, C, L): (N, filters, L').

    Declares ``name.W`` of shape (filters, C / groups, window) and ``name.b`` of shape
    (filters,). ``padding`` is an int, 'valid', or 'same'. Initial values as in `dense`,
    the fan-in being C / groups · window.
    """
    return _convolution(
        1, x, filters, window, activation, use_bias, name, init, bias_init, weight,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@public
def conv2d(
    x: Any,
    filters: int,
    window: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: str | Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    name: str = "conv",
    init: Any = None,
    bias_init: Any = None,
    weight: Any = None,
) -> Tensor:
    """activation(conv2d(x, W) + b), for x of shape (N, C, H, W): (N, filters, H', W').

    Declares ``name.W`` of shape (filters, C / groups, *window), ``window`` being an int
    or two, and ``name.b`` of shape (filters,). Otherwise as `conv1d`.
    """
    return _convolution(
        2, x, filters, window, activation, use_bias, name, init, bias_init, weight,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


def _convolution(
    spatial: int,
    x: Any,
    filters: int,
    window: Any,
    activation: Any,
    use_bias: bool,
    name: str,
    init: Any,
    bias_init: Any,
    weight: Any,
    **geometry: Any,
) -> Tensor:
    layer = f"conv{spatial}d"
    tensor = float_tensor(layer, x)
    count(layer, "filters", filters)
    if tensor.ndim != spatial + 2:
        raise ShapeError(
            f"{layer} needs {spatial + 2} axes, (N, channels, ...), got {tensor.shape}."
        )
    channels = known_length(layer, tensor, 1, "its weights read every channel")
    groups = count(layer, "groups", geometry["groups"])
    if channels % groups:
        raise ShapeError(
            f"{layer}: {channels} channels cannot be split into {groups} groups."
        )
    shape = (filters, channels // groups, *per_axis(window, spatial, "window"))
    act, usual = activation_of(activation)
    with scope(name):
        if weight is None:
            start = outputs_first(as_init(usual if init is None else init, shape))
            w = param("W", shape, init=start)
        else:
            w = weight_of("W", weight, shape, None)
        z = API[layer](tensor, w, **geometry)
        if use_bias:
            z = z + along_axis(param("b", (filters,), init=bias_init), 1, tensor.ndim)
        hinted(z, name if act is None else "z")  # without activation it is the layer
        return z if act is None else act(z)


@public
def global_avg_pool(x: Any) -> Tensor:
    """Mean over all axes after the channels': (N, C, ...) to (N, C)."""
    tensor = float_tensor("global_avg_pool", x)
    if tensor.ndim < 3:
        raise ShapeError(f"global_avg_pool needs (N, C, ...), got {tensor.shape}.")
    return API["mean"](tensor, axis=tuple(range(2, tensor.ndim)))


# --- feature maps --------------------------------------------------------------------


@public
def polynomial_features(
    x: Any, degree: int, interaction_only: bool = False, include_bias: bool = False
) -> Tensor:
    """Every monomial of x's features up to ``degree``: (..., d) to (..., M).

    Ordered by degree, then lexicographically: x₁, x₂, x₁², x₁x₂, x₂² for d = 2. With
    ``interaction_only`` no feature is multiplied by itself; ``include_bias`` puts 1
    first. Each degree is the one before times one feature more.
    """
    tensor = float_tensor("polynomial_features", x)
    count("polynomial_features", "degree", degree)
    d = known_length("polynomial_features", tensor, -1, "the monomials are listed")
    choose: Any = combinations if interaction_only else combinations_with_replacement
    parts: list[Any] = [tensor]
    if include_bias:
        parts.insert(0, API["ones"]((*tensor.shape[:-1], 1)))
    before = [(i,) for i in range(d)]
    monomials = tensor
    for k in range(2, degree + 1):
        now = list(choose(range(d), k))
        if not now:
            break
        # without its last factor, a monomial is one of the degree before
        places = {m: i for i, m in enumerate(before)}
        lower = hinted(
            API["take"](monomials, [places[m[:-1]] for m in now], axis=-1), "lower"
        )
        factor = hinted(API["take"](tensor, [m[-1] for m in now], axis=-1), "factor")
        monomials = hinted(lower * factor, f"degree_{k}")
        parts.append(monomials)
        before = now
    return API["concatenate"](parts, axis=-1) if len(parts) > 1 else tensor


@public
def feature_map(x: Any, *functions: Callable[[Any], Any], axis: int = -1) -> Tensor:
    """[f(x) for f in functions], one beside the other along ``axis``.

    A function returns a tensor of x's shape, except along ``axis``; ``lambda x: x``
    keeps x itself.
    """
    tensor = as_tensor(x)
    if not functions or not all(callable(f) for f in functions):
        raise DeclarationError("feature_map needs functions of a tensor, at least one.")
    parts = [call_back(f, tensor) for f in functions]
    return API["concatenate"](parts, axis=axis) if len(parts) > 1 else parts[0]


# --- shape and connections -----------------------------------------------------------


@public
def flatten(x: Any) -> Tensor:
    """(N, ...) to (N, product of the rest), whose lengths must be known for `dense`."""
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(f"flatten needs a batch axis and others, got {tensor.type}.")
    rest = product(tensor.shape[1:])
    return API["reshape"](tensor, (tensor.shape[0], rest))


@public
def residual(x: Any, function: Callable[[Any], Any]) -> Tensor:
    """x + function(x), of one shape (He et al., CVPR 2016, eq. 1)."""
    tensor = as_tensor(x)
    y = call_back(function, tensor)
    if y.shape != tensor.shape:
        raise ShapeError(
            f"residual: function(x) has shape {y.shape}, x has {tensor.shape}; project "
            "one of them, as in dense(x, units) + function(x)."
        )
    return tensor + y


@public
def dropout(x: Any, rate: float, inverted: bool = True) -> Tensor:
    """x times a mask that is 0 with probability ``rate``, drawn anew at every step.

    Inverted dropout scales the mask by 1/(1−rate), so that prediction is x itself
    (Srivastava et al., JMLR 2014, section 10). ``inverted=False`` is the paper's own
    and the lectures' form: the mask is 0 or 1, and prediction is (1−rate)·x. Each call
    draws its own mask from the key that the training step is given.
    """
    tensor = as_tensor(x)
    number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if not number or not 0 <= rate < 1:
        raise DeclarationError(f"dropout needs 0 <= rate < 1, got {rate!r:.60}.")
    tensor = float_tensor("dropout", tensor)
    if rate == 0:
        return tensor
    keep = API["random.uniform"](tensor.shape) >= float(rate)
    kept = float(f"{1 - rate:.15g}")  # 0.2 for a rate of 0.8, not 0.19999999999999996
    mask = API["cast"](keep, tensor.dtype)
    if inverted:
        mask = mask / kept
    mask = hinted(mask, "mask")
    infer = tensor if inverted else kept * tensor
    return API["by_mode"](train=tensor * mask, infer=infer)
