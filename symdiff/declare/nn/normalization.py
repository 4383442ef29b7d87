"""Normalisation layers: batch, layer, RMS and group norm.

In: a float tensor. Out: one of its shape, with a learned scale and shift, declared
below ``name``. Invariant: the statistic is computed over the axes the docstring names,
with the biased variance; batch norm's running statistics are states that `Model`
updates by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.declare.leaves import param, state
from symdiff.declare.nn.activations import along_axis, float_tensor
from symdiff.declare.nn.layers import count, known_length
from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import current_scope, public, scope
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import normalize_axes, normalize_axis, product
from symdiff.ops.core.operands import literal
from symdiff.ops.surface.operators import API


def _standardized(x: Any, axes: Sequence[int], eps: float) -> Any:
    """Return (x − μ)/√(σ² + ε), with the statistics over some axes."""
    mean = hinted(API["mean"](x, axis=tuple(axes), keepdims=True), "mean")
    centred = hinted(x - mean, "centred")
    square = API["square"](centred)
    variance = hinted(API["mean"](square, axis=tuple(axes), keepdims=True), "variance")
    std = hinted(API["sqrt"](variance + eps), "std")
    return hinted(centred / std, "normalized")


def _check(layer: str, eps: float) -> None:
    if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not eps >= 0:
        raise DeclarationError(f"{layer} needs eps >= 0, got {eps!r:.60}.")


@public
def batch_norm(
    x: Any,
    axis: int = -1,
    momentum: float = 0.1,
    eps: float = 1e-5,
    affine: bool = True,
    name: str = "batch_norm",
) -> Tensor:
    """γ·(x − μ)/√(σ² + ε) + β, with one μ, σ², γ and β for each channel along ``axis``.

    In training μ and σ² are those of the batch, over all other axes, and a step moves
    the running ones: ``name.mean`` ← (1−m)·mean + m·μ, and ``name.variance`` likewise
    with the unbiased n/(n−1)·σ², m being ``momentum``, as in PyTorch. A step needs two
    values per channel: over one, all gradients below would be 0. In prediction the
    running ones are used. `Model` finds these updates by itself.

    Channels are last by default; images of shape (N, C, H, W) need ``axis=1``. Ioffe &
    Szegedy, ICML 2015, algorithms 1 and 2.
    """
    tensor = float_tensor("batch_norm", x)
    _check("batch_norm", eps)
    if not 0 <= momentum <= 1:
        raise DeclarationError(f"batch_norm needs 0 <= momentum <= 1, got {momentum}.")
    if tensor.ndim < 2:
        raise ShapeError(f"batch_norm needs a batch axis, got {tensor.shape}.")
    at = normalize_axis(axis, tensor.ndim)
    channels = known_length("batch_norm", tensor, at, "it has parameters per channel")
    axes = tuple(i for i in range(tensor.ndim) if i != at)
    n = product([tensor.shape[i] for i in axes])
    if n == 1:
        raise ShapeError(
            f"batch_norm {name!r} of {tensor.shape} has one value per channel, so all "
            "gradients below it would be 0; declare the batch's length by sd.dim, or "
            "use layer_norm."
        )

    def spread(v: Any) -> Any:
        return along_axis(v, at, tensor.ndim)

    with scope(name):
        layer = ".".join(current_scope())
        needs = (n - 1, f"batch_norm {layer}, in training,")
        running_mean = state("mean", (channels,))
        running_variance = state("variance", (channels,), init="ones")
        mean = hinted(API["mean"](tensor, axis=axes), "mean")
        centred = hinted(tensor - spread(mean), "centred")
        variance = hinted(API["mean"](API["square"](centred), axis=axes), "variance")
        more = n / (n - 1) if isinstance(n, int) else literal(n / (n - 1), needs)
        new_mean = (1 - momentum) * running_mean + momentum * mean
        new_variance = (1 - momentum) * running_variance + momentum * (variance * more)
        mean = API["by_mode"](
            train=API["update_state"](mean, running_mean, new_mean), infer=running_mean
        )
        variance = API["update_state"](variance, running_variance, new_variance)
        shifted = API["by_mode"](  # the literal checks n, in training only
            train=variance + literal(float(eps), None if isinstance(n, int) else needs),
            infer=running_variance + eps,
        )
        centred = tensor - spread(mean)
        std = hinted(API["sqrt"](spread(shifted)), "std")
        y = hinted(centred / std, "normalized")
        if not affine:
            return y
        gamma, beta = (
            param("gamma", (channels,), init="ones"),
            param("beta", (channels,)),
        )
        return hinted(spread(gamma) * y + spread(beta), "out")


@public
def layer_norm(
    x: Any,
    axis: int | Sequence[int] = -1,
    eps: float = 1e-5,
    affine: bool = True,
    name: str = "layer_norm",
) -> Tensor:
    """γ·(x − μ)/√(σ² + ε) + β, μ and σ² being those of each example over ``axis``.

    γ and β have the shape of the normalised axes, which must be the last ones. Ba,
    Kiros & Hinton, 2016, eq. 4.
    """
    tensor = float_tensor("layer_norm", x)
    _check("layer_norm", eps)
    axes = normalize_axes(axis, tensor.ndim)
    shape = _last("layer_norm", tensor, axes)
    with scope(name):
        y = _standardized(tensor, axes, eps)
        if not affine:
            return y
        made = param("gamma", shape, init="ones") * y + param("beta", shape)
        return hinted(made, "out")


@public
def rms_norm(
    x: Any, axis: int | Sequence[int] = -1, eps: float = 1e-6, name: str = "rms_norm"
) -> Tensor:
    """γ·x/√(mean(x²) + ε) over the last axes (Zhang & Sennrich, NeurIPS 2019)."""
    tensor = float_tensor("rms_norm", x)
    _check("rms_norm", eps)
    axes = normalize_axes(axis, tensor.ndim)
    shape = _last("rms_norm", tensor, axes)
    with scope(name):
        square = API["mean"](API["square"](tensor), axis=axes, keepdims=True)
        rms = hinted(API["sqrt"](square + eps), "rms")
        y = hinted(tensor / rms, "normalized")
        return hinted(param("gamma", shape, init="ones") * y, "out")


@public
def group_norm(
    x: Any,
    groups: int,
    eps: float = 1e-5,
    affine: bool = True,
    name: str = "group_norm",
) -> Tensor:
    """γ·(x − μ)/√(σ² + ε) + β for x of shape (N, C, ...), a γ and β for each channel.

    μ and σ² are those of each example over ``groups`` groups of neighbouring channels
    and all later axes. One group normalises whole examples, C groups each channel alone
    (instance norm). Wu & He, ECCV 2018.
    """
    tensor = float_tensor("group_norm", x)
    _check("group_norm", eps)
    count("group_norm", "groups", groups)
    if tensor.ndim < 2:
        raise ShapeError(f"group_norm needs (N, C, ...), got {tensor.shape}.")
    channels = known_length("group_norm", tensor, 1, "channels are put into groups")
    if channels % groups:
        raise ShapeError(
            f"group_norm: {channels} channels cannot be split into {groups} groups."
        )
    split = (tensor.shape[0], groups, product((channels // groups, *tensor.shape[2:])))
    grouped = hinted(API["reshape"](tensor, split), "grouped")
    y = API["reshape"](_standardized(grouped, (2,), eps), tensor.shape)
    if not affine:
        return y
    with scope(name):
        gamma, beta = (
            param("gamma", (channels,), init="ones"),
            param("beta", (channels,)),
        )
    return along_axis(gamma, 1, tensor.ndim) * y + along_axis(beta, 1, tensor.ndim)


def _last(layer: str, tensor: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of axes that must be the last ones, and known."""
    if axes != tuple(range(tensor.ndim - len(axes), tensor.ndim)) or not axes:
        raise DeclarationError(
            f"{layer} normalises the last axes, got {axes} of {tensor.ndim}; move them "
            "there first, with sd.moveaxis."
        )
    return tuple(known_length(layer, tensor, a, "it has parameters") for a in axes)
