"""Reductions, and the normalised exponentials built on them.

``axes`` is always a sorted tuple of nonnegative ints. Stable forms (`logsumexp`, `softmax`,
`log_softmax`) are ops of their own, so that no later pass can hide what makes them stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    BOOL,
    INT64,
    DType,
    Shape,
    TensorType,
    dtype as as_dtype,
    normalize_axes,
    product,
    require_nonempty,
)
from symdiff.ops.define import multilinear, primitive, require_float
from symdiff.ops.elementwise import cast, dtype_text, equal, exp, log, where
from symdiff.ops.operands import api, as_tensor
from symdiff.ops.operands import stretch
from symdiff.ops.shape import expand_dims
from symdiff.ops.text import axes_text


def reduced_shape(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """Return the shape after reducing ``axes``."""
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def restore(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """Return a reduced tensor with its reduced axes back, at length 1."""
    return x if keepdims or not axes else expand_dims(x, tuple(axes))


def spread(x: Tensor, shape: Shape, axes: Sequence[int], keepdims: bool) -> Tensor:
    """Return a reduced tensor repeated along the axes it was reduced over."""
    return stretch(restore(x, axes, keepdims), shape)


def _infer_sum(t: TensorType, *, axes: Any, keepdims: bool, dtype: DType | None) -> TensorType:
    kind = dtype or t.dtype
    if dtype is None and not t.dtype.is_float:
        kind = as_dtype("uint64") if t.dtype.kind == "u" else INT64
    return TensorType(reduced_shape(t.shape, axes, keepdims), kind)


def _sum_text(node: Any) -> str:
    source = node.inputs[0]
    arguments = axes_text(node.attrs["axes"], len(source.shape), node.attrs["keepdims"])
    if node.dtype != source.dtype:
        arguments += f"{', ' if arguments else ''}dtype={dtype_text(node.dtype)}"
    return f"_0.sum({arguments})"


def _evaluate_sum(x: Any, *, axes: Any, keepdims: bool, dtype: Any) -> Any:
    return np.sum(x, axis=axes, keepdims=keepdims, dtype=dtype.name if dtype else None)


REDUCE_SUM = multilinear(
    "sum",
    _infer_sum,
    _evaluate_sum,
    transposes={
        0: lambda ct, inputs, attrs: spread(ct, inputs[0].shape, attrs["axes"], attrs["keepdims"])
    },
    text=_sum_text,
    rule="every summand gets the cotangent",
)


def reduce_sum(x: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """Sum over normalized axes."""
    return apply(REDUCE_SUM, x, axes=axes, keepdims=keepdims, dtype=None) if axes else x


@api("sum")
def sum_(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Sum over ``axis`` (an int, a tuple, or None for all). Booleans are counted as int64."""
    tensor = as_tensor(x)
    axes = normalize_axes(axis, tensor.ndim)
    target = None if dtype is None else as_dtype(dtype)
    if target is not None and target.is_float and tensor.dtype.is_float:
        tensor, target = cast(tensor, target), None  # so that the cotangent is cast back
    if not axes and target is None and tensor.dtype.is_float:
        return tensor
    return apply(REDUCE_SUM, tensor, axes=axes, keepdims=bool(keepdims), dtype=target)


def _infer_mean(t: TensorType, *, axes: Any, keepdims: bool) -> TensorType:
    require_float(t, "a mean")
    for a in axes:
        require_nonempty(t.shape[a], "a mean")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _mean_transpose(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    shape, axes = inputs[0].shape, attrs["axes"]
    share = ct / product([shape[a] for a in axes])  # type: ignore[operator]
    return spread(share, shape, axes, attrs["keepdims"])


MEAN = multilinear(
    "mean",
    _infer_mean,
    lambda x, *, axes, keepdims: np.mean(x, axis=axes, keepdims=keepdims),
    transposes={0: _mean_transpose},
    text=lambda node: (
        f"_0.mean({axes_text(node.attrs['axes'], len(node.inputs[0].shape), node.attrs['keepdims'])})"
    ),
    rule="every element gets an equal share of the cotangent",
)


@api("mean")
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over ``axis``; at least one element is required."""
    tensor = as_tensor(x)
    axes = normalize_axes(axis, tensor.ndim)
    if not axes:
        return tensor
    return apply(MEAN, tensor, axes=axes, keepdims=bool(keepdims))


# --- extremes ---------------------------------------------------------------------------------


def _infer_extreme(t: TensorType, *, axes: Any, keepdims: bool) -> TensorType:
    for a in axes:
        require_nonempty(t.shape[a], "a maximum or minimum")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _winners(output: Tensor, x: Tensor, attrs: Any) -> tuple[Tensor, Tensor]:
    """Return the mask of extreme elements and how many share each extreme."""
    axes, keepdims = attrs["axes"], attrs["keepdims"]
    mask = equal(x, spread(output, x.shape, axes, keepdims))
    mask.hint = "winner"
    return mask, sum_(mask, axes, dtype=x.dtype, keepdims=keepdims)


def _extreme_vjp(ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Tensor]:
    (x,) = inputs
    mask, count = _winners(output, x, attrs)
    share = spread(ct / count, x.shape, attrs["axes"], attrs["keepdims"])  # type: ignore[operator]
    return [where(mask, share, 0)]


def _extreme_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    (x,) = inputs
    mask, count = _winners(output, x, attrs)
    moved = sum_(where(mask, tangents[0], 0), attrs["axes"], keepdims=attrs["keepdims"])
    return moved / count  # type: ignore[operator]


def _extreme(name: str, public_names: tuple[str, ...], word: str) -> Any:
    ufunc = getattr(np, name)

    def text(node: Any) -> str:
        ndim = len(node.inputs[0].shape)
        return f"_0.{name}({axes_text(node.attrs['axes'], ndim, node.attrs['keepdims'])})"

    op = primitive(
        name,
        _infer_extreme,
        lambda x, *, axes, keepdims: ufunc(x, axis=axes, keepdims=keepdims),
        vjp=_extreme_vjp,
        jvp=_extreme_jvp,
        text=text,
        rule="ties share the cotangent equally",
    )

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        tensor = as_tensor(x)
        axes = normalize_axes(axis, tensor.ndim)
        return apply(op, tensor, axes=axes, keepdims=bool(keepdims)) if axes else tensor

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"{word} over ``axis``; ties share the gradient equally."
    return api(*public_names)(reduce)


max_ = _extreme("max", ("max", "amax"), "Largest element")
min_ = _extreme("min", ("min", "amin"), "Smallest element")


def _infer_arg(t: TensorType, *, axis: int, keepdims: bool) -> TensorType:
    require_nonempty(t.shape[axis], "argmax or argmin")
    return TensorType(reduced_shape(t.shape, (axis,), keepdims), INT64)


def _argument(name: str, word: str) -> Any:
    def text(node: Any) -> str:
        ndim = len(node.inputs[0].shape)
        arguments = axes_text((node.attrs["axis"],), ndim, node.attrs["keepdims"])
        return f"_0.{name}({arguments})"

    op = primitive(
        name,
        _infer_arg,
        lambda x, *, axis, keepdims: getattr(np, name)(x, axis=axis, keepdims=keepdims),
        vjp=None,
        jvp=None,
        text=text,
    )

    def position(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
        from symdiff.ops.shape import ravel

        tensor = as_tensor(x)
        if axis is None:
            tensor, axis = ravel(tensor), 0
        (where_,) = normalize_axes(axis, tensor.ndim)
        return apply(op, tensor, axis=where_, keepdims=bool(keepdims))

    position.__name__ = position.__qualname__ = name
    position.__doc__ = f"Index of the first {word} element along ``axis``, as int64."
    return api(name)(position)


argmax = _argument("argmax", "largest")
argmin = _argument("argmin", "smallest")


def _logical_reduction(name: str, word: str) -> Any:
    def infer(t: TensorType, *, axes: Any, keepdims: bool) -> TensorType:
        if not t.dtype.is_bool:
            raise DTypeError(f"needs a boolean tensor, got {t.dtype}; compare first.")
        return TensorType(reduced_shape(t.shape, axes, keepdims), BOOL)

    def text(node: Any) -> str:
        ndim = len(node.inputs[0].shape)
        return f"_0.{name}({axes_text(node.attrs['axes'], ndim, node.attrs['keepdims'])})"

    op = primitive(
        name,
        infer,
        lambda x, *, axes, keepdims: getattr(np, name)(x, axis=axes, keepdims=keepdims),
        vjp=None,
        jvp=None,
        text=text,
    )

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        tensor = as_tensor(x)
        axes = normalize_axes(axis, tensor.ndim)
        return apply(op, tensor, axes=axes, keepdims=bool(keepdims)) if axes else tensor

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"Whether {word} element along ``axis`` is true."
    return api(name)(reduce)


any_ = _logical_reduction("any", "any")
all_ = _logical_reduction("all", "every")

# --- normalised exponentials ---------------------------------------------------------------------


def _stable_parts(x: Tensor, axes: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return m = max x, e = exp(x - m) and s = sum e, with reduced axes kept.

    A maximum of -inf is replaced by 0, so that exp sees -inf and not nan; +inf stays inf.
    """
    m = max_(x, axes, keepdims=True)
    m.hint = "m"
    e = exp(x - stretch(m, x.shape))  # type: ignore[operator]
    e.hint = "e"
    s = sum_(e, axes, keepdims=True)
    s.hint = "s"
    return m, e, s


def _drop(x: Tensor, axes: Any, keepdims: bool) -> Tensor:
    from symdiff.ops.shape import squeeze

    return x if keepdims else squeeze(x, axes)


def _expand_logsumexp(x: Tensor, *, axes: Any, keepdims: bool) -> Tensor:
    m, _, s = _stable_parts(x, axes)
    return _drop(log(s), axes, keepdims) + _drop(m, axes, keepdims)  # type: ignore[operator]


def _expand_softmax(x: Tensor, *, axes: Any) -> Tensor:
    _, e, s = _stable_parts(x, axes)
    return e / stretch(s, x.shape)  # type: ignore[operator]


def _expand_log_softmax(x: Tensor, *, axes: Any) -> Tensor:
    m, _, s = _stable_parts(x, axes)
    return x - stretch(m, x.shape) - stretch(log(s), x.shape)  # type: ignore[operator]


def _np_logsumexp(x: Any, *, axes: Any, keepdims: bool) -> Any:
    m = np.max(x, axis=axes, keepdims=True)
    total = np.log(np.sum(np.exp(x - m), axis=axes, keepdims=True)) + m
    return total if keepdims else np.squeeze(total, axes)


def _np_softmax(x: Any, *, axes: Any) -> Any:
    e = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return e / np.sum(e, axis=axes, keepdims=True)


def _softmax_push(t: Tensor, p: Tensor, axes: Any) -> Tensor:
    """p * (t - sum(p * t)): the Jacobian of softmax is symmetric, so it serves both modes."""
    total = sum_(t * p, axes, keepdims=True)  # type: ignore[operator]
    return p * (t - stretch(total, p.shape))  # type: ignore[operator]


SOFTMAX = primitive(
    "softmax",
    lambda t, *, axes: _infer_normalized(t, axes),
    _np_softmax,
    vjp=lambda ct, p, inputs, attrs, needs: [_softmax_push(ct, p, attrs["axes"])],
    jvp=lambda tangents, p, inputs, attrs: _softmax_push(tangents[0], p, attrs["axes"]),
    expand=_expand_softmax,
    hint="p",
    rule="p * (d_p - sum(p * d_p))",
)


def _infer_normalized(t: TensorType, axes: Any) -> TensorType:
    require_float(t, "softmax")
    for a in axes:
        require_nonempty(t.shape[a], "softmax")
    return t


def _logsumexp_vjp(ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Tensor]:
    (x,) = inputs
    return [spread(ct, x.shape, attrs["axes"], attrs["keepdims"]) * softmax(x, attrs["axes"])]  # type: ignore[operator]


def _logsumexp_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    p = softmax(inputs[0], attrs["axes"])
    return sum_(p * tangents[0], attrs["axes"], keepdims=attrs["keepdims"])  # type: ignore[operator]


LOGSUMEXP = primitive(
    "logsumexp",
    lambda t, *, axes, keepdims: TensorType(
        reduced_shape(_infer_normalized(t, axes).shape, axes, keepdims), t.dtype
    ),
    _np_logsumexp,
    vjp=_logsumexp_vjp,
    jvp=_logsumexp_jvp,
    expand=_expand_logsumexp,
    rule="softmax times the cotangent",
)


def _log_softmax_vjp(ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Tensor]:
    axes = attrs["axes"]
    total = stretch(sum_(ct, axes, keepdims=True), ct.shape)
    return [ct - softmax(inputs[0], axes) * total]  # type: ignore[operator]


def _log_softmax_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    axes, t = attrs["axes"], tangents[0]
    p = softmax(inputs[0], axes)
    return t - stretch(sum_(p * t, axes, keepdims=True), t.shape)


LOG_SOFTMAX = primitive(
    "log_softmax",
    lambda t, *, axes: _infer_normalized(t, axes),
    lambda x, *, axes: x - _np_logsumexp(x, axes=axes, keepdims=True),
    vjp=_log_softmax_vjp,
    jvp=_log_softmax_jvp,
    expand=_expand_log_softmax,
    rule="d - softmax * sum(d)",
)


@api("logsumexp")
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``axis``, computed without overflow."""
    tensor = as_tensor(x)
    axes = normalize_axes(axis, tensor.ndim)
    return apply(LOGSUMEXP, tensor, axes=axes, keepdims=bool(keepdims)) if axes else tensor


@api("softmax")
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) over ``axis``, computed without overflow."""
    tensor = as_tensor(x)
    return apply(SOFTMAX, tensor, axes=normalize_axes(axis, tensor.ndim))


@api("log_softmax")
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """log(softmax(x)) over ``axis``, computed without underflow."""
    tensor = as_tensor(x)
    return apply(LOG_SOFTMAX, tensor, axes=normalize_axes(axis, tensor.ndim))


