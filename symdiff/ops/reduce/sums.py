"""Sums, means, extremes and questions over axes.

``axes`` is always a sorted tuple of nonnegative ints. ``where=`` replaces what it
leaves out by the reduction's neutral element; ``initial=`` is one more element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, DTypeError
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
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
from symdiff.ops.core import rows, tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import (
    api,
    as_bool,
    as_tensor,
    constant,
    is_literal,
    literal_value,
    stretch,
)
from symdiff.ops.core.outforms import reduced_by, reduction, with_out
from symdiff.ops.core.record import Vjp, primitive, require_float
from symdiff.ops.core.text import axes_text, dim_text, op_text
from symdiff.ops.elementwise.arithmetic import maximum, minimum
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater,
    less,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from symdiff.ops.elementwise.comparisons import where as select
from symdiff.ops.shape.views import expand_dims, ravel


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
        out_form=reduced_by("add"),
        short=lambda node: f"{reduction(node, 'add')})",
        rows=rows.summed,
        word="total",
    ),
    latex=tex.over(r"\sum"),
)


def reduce_sum(x: Tensor, axes: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """Sum over normalized axes."""
    return apply(REDUCE_SUM, x, axes=axes, keepdims=keepdims, dtype=None) if axes else x


@api("sum")
def sum_(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Tensor:
    """Sum over ``axis`` (an int, a tuple, or None for all). Booleans count as int64.

    ``initial`` is added; where ``where`` is false, an element does not count.
    """
    tensor = as_tensor(x)
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
    return tensor if initial is None else tensor + initial


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
    """The sum divided by the count, as NumPy's own is, up to 2**24 elements."""
    (source,) = node.inputs
    if node.dtype.name != "float" or not source.shape:
        return op_text(node)
    count = dim_text(product(source.shape))
    return f"_float.type(np.add.reduce(_0, axis=None) / ({count}))"


MEAN = multilinear(
    "mean",
    _infer_mean,
    lambda x, *, axes, keepdims: np.mean(x, axis=axes, keepdims=keepdims),
    transposes={0: _mean_transpose},
    text=lambda node: f"_0.mean({reduction_text(node)})",
    rule="every element gets an equal share of the cotangent",
    facts=Facts(layout=kept, out_form=with_out, short=_short_mean, rows=rows.averaged),
    latex=tex.over(r"\operatorname{mean}"),
)


@api("mean")
def mean(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    where: Any = None,
) -> Tensor:
    """Arithmetic mean over ``axis``; at least one element is required.

    With ``where``, the mean of the elements where it is true (nan where there are
    none).
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


# --- extremes -------------------------------------------------------------------------


def _infer_extreme(
    t: TensorType, *, axes: Any, keepdims: bool, initial: float | None
) -> TensorType:
    if isinstance(initial, float) and not t.dtype.is_float:
        raise DTypeError(f"initial={initial!r} for a tensor of {t.dtype}; use an int.")
    for a in axes if initial is None else ():
        require_nonempty(t.shape[a], "a maximum or minimum")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _count(output: Tensor, x: Tensor, attrs: Any) -> tuple[Tensor, Tensor]:
    """Return the mask of extreme elements, and how many share each extreme: NaN where
    it is NaN, which equals none.
    """
    axes, keepdims = attrs["axes"], attrs["keepdims"]
    mask = hinted(equal(x, spread(output, x.shape, axes, keepdims)), "winner")
    count: Any = sum_(mask, axes, dtype=x.dtype, keepdims=keepdims)
    if attrs["initial"] is not None:  # one element more
        count = count + cast(equal(output, attrs["initial"]), x.dtype)
    count = hinted(count, "count")
    return mask, select(equal(count, 0), np.nan, count)


def _extreme_vjp(beaten: Any) -> Vjp:
    """Return the rule that masks what is beaten, which beside a NaN nothing is: its
    derivative is NaN and not a 0 that looks valid.
    """

    def vjp(ct: Any, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> Any:
        (x,) = inputs
        axes, keepdims = attrs["axes"], attrs["keepdims"]
        share = spread(ct / _count(output, x, attrs)[1], x.shape, axes, keepdims)
        loser = hinted(beaten(x, spread(output, x.shape, axes, keepdims)), "loser")
        return [select(loser, 0, share)]

    return vjp


def _extreme_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    (x,) = inputs
    mask, count = _count(output, x, attrs)
    keep = attrs["keepdims"]
    moved: Any = sum_(select(mask, tangents[0], 0), attrs["axes"], keepdims=keep)
    return moved / count


def _extreme(
    name: str,
    public_names: tuple[str, ...],
    word: str,
    result: str,
    pair: Any,
    beaten: Any,
) -> Any:
    reduction_ = getattr(np, name)
    ufunc = f"{name}imum"

    def text(node: Any) -> str:
        arguments = reduction_text(node)
        if node.attrs["initial"] is not None:
            initial = number_text(node.attrs["initial"])
            arguments += f"{', ' if arguments else ''}initial={initial}"
        return f"_0.{name}({arguments})"

    def value(x: Any, *, axes: Any, keepdims: bool, initial: float | None) -> Any:
        more = {} if initial is None else {"initial": initial}
        return reduction_(x, axis=axes, keepdims=keepdims, **more)

    op = primitive(
        name,
        _infer_extreme,
        value,
        vjp=_extreme_vjp(beaten),
        jvp=_extreme_jvp,
        text=text,
        rule="ties share the cotangent equally",
        facts=Facts(
            independent=beside_axes,
            layout=kept,
            fresh=True,
            out_form=reduced_by(ufunc),
            short=lambda node: f"{reduction(node, ufunc)})",
            rows=rows.along,
            word=result,
        ),
        latex=tex.over(rf"\{name}"),
    )

    def reduce(
        x: Any,
        axis: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Tensor:
        tensor = as_tensor(x)
        if where is not None:
            if initial is None:
                raise DeclarationError(
                    f"{name} with where= needs initial=, as in NumPy."
                )
            tensor = select(as_bool(where), tensor, initial)
        axes = normalize_axes(axis, tensor.ndim)
        if not axes or isinstance(initial, Tensor):
            tensor = reduce(tensor, axes, keepdims) if axes else tensor
            return tensor if initial is None else pair(tensor, initial)
        if initial is not None and not isinstance(initial, (int, float, np.number)):
            raise DeclarationError(
                f"{name}: initial= must be a number or a tensor, got "
                f"{type(initial).__name__}."
            )
        start = (
            initial if initial is None or isinstance(initial, int) else float(initial)
        )
        return apply(op, tensor, axes=axes, keepdims=bool(keepdims), initial=start)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = (
        f"{word} over ``axis`` and ``initial``; ties share the gradient equally."
    )
    return api(*public_names)(reduce)


max_ = _extreme("max", ("max", "amax"), "Largest element", "peak", maximum, less)
min_ = _extreme("min", ("min", "amin"), "Smallest element", "low", minimum, greater)


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
        facts=Facts(layout=kept, rows=rows.along),
    )

    def position(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
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
        x: Any, axis: Any = None, keepdims: bool = False, where: Any = None
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
    return api(name)(reduce)


any_ = _logical_reduction("any", "any", "some", logical_and)
all_ = _logical_reduction(
    "all", "every", "every", lambda x, kept: logical_or(x, logical_not(kept))
)
