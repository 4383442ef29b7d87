"""Sums, means, and the logical reductions `any` and `all`.

``axes`` is always a sorted tuple of nonnegative ints. ``where=`` replaces what it
leaves out by the reduction's neutral element; ``initial=`` is one more element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    BOOL,
    INT64,
    DType,
    Shape,
    TensorType,
    normalize_axes,
    product,
    require_nonempty,
)
from symdiff.graph.types import (
    dtype as as_dtype,
)
from symdiff.ops.core import rows, signs, tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import (
    api,
    as_array,
    as_bool,
    as_tensor,
    constant,
    is_literal,
    literal_value,
    stretch,
)
from symdiff.ops.core.outforms import reduced_by, reduction, with_out
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.core.text import axes_text, dim_text, op_text
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.elementwise.comparisons import (
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from symdiff.ops.elementwise.comparisons import where as select
from symdiff.ops.shape import places
from symdiff.ops.shape.views import expand_dims


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


def reduction_text(node: Any) -> str:
    """Return the arguments of a reduction's text from its axes and keepdims."""
    ndim = len(node.inputs[0].shape)
    return axes_text(node.attrs["axes"], ndim, node.attrs["keepdims"])


def number_text(value: float | None) -> str:
    """Return a Python number as source; infinities and nan are NumPy's."""
    return repr(value).replace("inf", "np.inf").replace("nan", "np.nan")


def _infer_sum(
    t: TensorType, *, axes: Any, keepdims: bool, dtype: DType | None
) -> TensorType:
    kind = dtype or t.dtype
    if dtype is None and not t.dtype.is_float:
        kind = as_dtype("uint64") if t.dtype.kind == "u" else INT64
    return TensorType(reduced_shape(t.shape, axes, keepdims), kind)


def _sum_text(node: Any) -> str:
    arguments = reduction_text(node)
    # NumPy adds up narrow integers in wide ones unless it is told otherwise.
    narrow = node.dtype.is_integer and node.dtype.name[-2:] != "64"
    if node.dtype != node.inputs[0].dtype or narrow:
        arguments += f"{', ' if arguments else ''}dtype={dtype_text(node.dtype)}"
    return f"_0.sum({arguments})"


def _evaluate_sum(x: Any, *, axes: Any, keepdims: bool, dtype: Any) -> Any:
    return np.sum(x, axis=axes, keepdims=keepdims, dtype=dtype.name if dtype else None)


REDUCE_SUM = multilinear(
    "sum",
    _infer_sum,
    _evaluate_sum,
    transposes={
        0: lambda ct, inputs, attrs: spread(
            ct, inputs[0].shape, attrs["axes"], attrs["keepdims"]
        )
    },
    text=_sum_text,
    rule="every summand gets the cotangent",
    facts=Facts(
        layout=kept,
        reduces=True,
        out_form=reduced_by("add"),
        short=lambda node: f"{reduction(node, 'add')})",
        rows=rows.summed,
        word="total",
        called="sum_{0}",
        sign=signs.of_operand,
        index=places.in_summed,
    ),
    latex=tex.over(r"\sum", big=True),
)


def reduce_sum(x: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """Sum over normalized axes."""
    return apply(REDUCE_SUM, x, axes=axes, keepdims=keepdims, dtype=None) if axes else x


def start_of(initial: Any, kind: DType) -> Any:
    """Return ``initial`` for a reduction of this dtype.

    Beside integers NumPy cuts a float off: the sum of [1, 2] from 2.5 is 5.
    """
    if not kind.is_integer:
        return initial
    if isinstance(initial, Tensor):
        return cast(initial, kind) if initial.dtype.is_float else initial
    if isinstance(initial, (float, np.floating)):
        if not np.isfinite(initial):
            raise DeclarationError(f"initial={initial!r} is no integer of {kind}.")
        return int(initial)
    return int(initial) if isinstance(initial, np.integer) else initial


@api("sum")
def sum_(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Tensor:
    """Sum over ``axis`` (an int, a tuple, or None for all). Booleans count as int64.

    ``initial`` is added; where ``where`` is false, an element does not count.
    """
    tensor = as_array(x)
    if where is not None:
        tensor = select(as_bool(where), tensor, 0)
    axes = normalize_axes(axis, tensor.ndim)
    target = None if dtype is None else as_dtype(dtype)
    if target is not None and target.is_float and tensor.dtype.is_float:
        tensor = cast(tensor, target)  # a node, so that the cotangent is cast back
        target = None
    if axes or target is not None or not tensor.dtype.is_float:
        keep = bool(keepdims)
        tensor = apply(REDUCE_SUM, tensor, axes=axes, keepdims=keep, dtype=target)
    return tensor if initial is None else tensor + start_of(initial, tensor.dtype)


@api("count_nonzero")
def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """How many elements over ``axis`` are not 0 (or True), as int64."""
    return sum_(as_truth(x), axis, keepdims=keepdims)


def _infer_mean(t: TensorType, *, axes: Any, keepdims: bool) -> TensorType:
    require_float(t, "a mean")
    for a in axes:
        require_nonempty(t.shape[a], "a mean")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _mean_transpose(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    shape, axes = inputs[0].shape, attrs["axes"]
    share: Any = ct / product([shape[a] for a in axes])
    return spread(share, shape, axes, attrs["keepdims"])


def _short_mean(node: Node) -> str:
    """Sum divided by count: the bits of NumPy's mean for up to 2**24 elements."""
    (source,) = node.inputs
    if node.dtype.name != "float" or not source.shape:
        return op_text(node)
    count = dim_text(product(source.shape))
    return f"_float.type(np.add.reduce(_0, axis=None) / ({count}))"


def _mean_count(node: Node) -> Any:
    return product([node.inputs[0].shape[a] for a in node.attrs["axes"]])


MEAN = multilinear(
    "mean",
    _infer_mean,
    lambda x, *, axes, keepdims: np.mean(x, axis=axes, keepdims=keepdims),
    transposes={0: _mean_transpose},
    text=lambda node: f"_0.mean({reduction_text(node)})",
    rule="every element gets an equal share of the cotangent",
    facts=Facts(
        layout=kept,
        reduces=True,
        out_form=with_out,
        short=_short_mean,
        averages=_mean_count,
        rows=rows.averaged,
        sign=signs.of_operand,
    ),
    latex=tex.over(r"\operatorname{mean}"),
)


@api("mean")
def mean(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    where: Any = None,
) -> Tensor:
    """Arithmetic mean over ``axis``; at least one element is required.

    With ``where``, the mean of the elements where it is true, nan if there are none.
    """
    tensor = as_tensor(x) if dtype is None else cast(x, dtype)
    if where is not None:
        total = sum_(tensor, axis, keepdims=keepdims, where=where)
        return total / count_where(where, tensor, axis, keepdims)
    require_float(tensor.node.tensor_type, "a mean")
    axes = normalize_axes(axis, tensor.ndim)
    if not axes:
        return tensor
    return apply(MEAN, tensor, axes=axes, keepdims=bool(keepdims))


def count_where(where: Any, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    """Return how many elements of ``x`` a mask keeps over ``axis``, in x's dtype."""
    mask = stretch(as_bool(where), x.shape)
    return sum_(mask, axis, dtype=x.dtype, keepdims=keepdims)


# --- any and all ----------------------------------------------------------------------


def as_truth(x: Any) -> Tensor:
    """Return which elements are true: of numbers those that are not 0, NaN too."""
    tensor = as_tensor(x)
    if is_literal(tensor):
        tensor = constant(np.array(literal_value(tensor)))
    return tensor if tensor.dtype.is_bool else not_equal(tensor, 0)


def _logical_reduction(name: str, word: str, result: str, leave_out: Any) -> Any:
    def infer(t: TensorType, *, axes: Any, keepdims: bool) -> TensorType:
        assert t.dtype.is_bool
        return TensorType(reduced_shape(t.shape, axes, keepdims), BOOL)

    op = primitive(
        name,
        infer,
        lambda x, *, axes, keepdims: getattr(np, name)(x, axis=axes, keepdims=keepdims),
        vjp=None,
        jvp=None,
        text=lambda node: f"_0.{name}({reduction_text(node)})",
        facts=Facts(layout=kept, out_form=with_out, rows=rows.along, word=result),
    )

    def reduce(
        x: Any, axis: Any = None, *, keepdims: bool = False, where: Any = None
    ) -> Tensor:
        tensor = as_truth(x)
        if where is not None:
            tensor = leave_out(tensor, as_bool(where))
        axes = normalize_axes(axis, tensor.ndim)
        return apply(op, tensor, axes=axes, keepdims=bool(keepdims)) if axes else tensor

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = (
        f"Whether {word} element along ``axis`` is true; numbers but 0 are."
    )
    return op, api(name)(reduce)


ANY, any_ = _logical_reduction("any", "any", "some", logical_and)
ALL, all_ = _logical_reduction(
    "all", "every", "every", lambda x, kept: logical_or(x, logical_not(kept))
)
