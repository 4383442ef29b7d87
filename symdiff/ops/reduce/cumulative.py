"""Products and running sums: prod, cumsum, cumprod, diff, and first-order recurrences.

No rule divides: the derivative of a product is the product of the other factors, which
is exact where some of them are 0. `linear_recurrence` is what the derivative of
`cumprod` is made of, and its own derivative is a recurrence again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    TensorType,
    normalize_axes,
    normalize_axis,
    product,
    promote,
)
from symdiff.ops.core import rows, tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import (
    API,
    api,
    as_array,
    as_bool,
    as_tensor,
    broadcast_tensors,
    float_operand,
    is_literal,
)
from symdiff.ops.core.outforms import with_out
from symdiff.ops.core.record import primitive, require_float, same_shape
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.elementwise.comparisons import not_equal, where
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.reduce.sums import (
    REDUCE_SUM,
    reduction_text,
    spread,
    start_of,
    sum_,
)
from symdiff.ops.shape.broadcasting import broadcast_to, full
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import ravel, reshape, transpose


def flip_axis(x: Tensor, axis: int) -> Tensor:
    """Return the tensor reversed along one axis."""
    index = (slice(None),) * axis + (slice(None, None, -1),)
    return API["getitem"](x, index)


def delayed(x: Tensor, axis: int, first: float) -> Tensor:
    """Return ``x`` shifted by one place along ``axis``, with ``first`` in front."""
    length = x.shape[axis]
    front = full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), first, x.dtype)
    return slice_axis(concatenate([front, x], axis), axis, 0, length)


# --- products -------------------------------------------------------------------------


def _others(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return, for each element, the product of the others over ``axes``."""
    if len(axes) == 1:
        (axis,) = axes
        before = hinted(cumprod(delayed(x, axis, 1), axis), "before")
        reverse = flip_axis(x, axis)
        after = hinted(
            flip_axis(cumprod(delayed(reverse, axis, 1), axis), axis), "after"
        )
        return before * after
    kept = [a for a in range(x.ndim) if a not in axes]
    order = (*kept, *axes)
    moved = transpose(x, order)
    lengths = [x.shape[a] for a in axes]
    rows = reshape(moved, (*(x.shape[a] for a in kept), product(lengths)))
    others = reshape(_others(rows, (len(kept),)), moved.shape)
    return transpose(others, tuple(int(i) for i in np.argsort(order)))


def _prod_vjp(
    ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Any]:
    (x,) = inputs
    share: Any = spread(ct, x.shape, attrs["axes"], attrs["keepdims"])
    return [share * _others(x, attrs["axes"])]


def _prod_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    moved = tangents[0] * _others(inputs[0], attrs["axes"])
    return sum_(moved, attrs["axes"], keepdims=attrs["keepdims"])


PROD = primitive(
    "prod",
    lambda t, *, axes, keepdims: REDUCE_SUM.infer(
        t, axes=axes, keepdims=keepdims, dtype=None
    ),
    lambda x, *, axes, keepdims: np.prod(x, axis=axes, keepdims=keepdims),
    vjp=_prod_vjp,
    jvp=_prod_jvp,
    text=lambda node: f"_0.prod({_prod_arguments(node)})",
    analytic=True,
    rule="the product of the other factors",
    facts=Facts(
        independent=beside_axes, layout=kept, out_form=with_out, rows=rows.along
    ),
    latex=tex.over(r"\prod", big=True),
)


def _prod_arguments(node: Any) -> str:
    arguments: str = reduction_text(node)
    if node.dtype == node.inputs[0].dtype:
        return arguments
    return f"{arguments}{', ' if arguments else ''}dtype={dtype_text(node.dtype)}"


@api("prod")
def prod(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Tensor:
    """Product over ``axis``; its gradient is exact where factors are 0.

    ``initial`` is one more factor; where ``where`` is false, an element does not count.
    """
    tensor = as_array(x) if dtype is None else cast(x, dtype)
    if where is not None:
        tensor = _select(as_bool(where), tensor)
    axes = normalize_axes(axis, tensor.ndim)
    if axes or not tensor.dtype.is_float:
        tensor = _narrowed(
            apply(PROD, tensor, axes=axes, keepdims=bool(keepdims)), dtype
        )
    return tensor if initial is None else tensor * start_of(initial, tensor.dtype)


def _select(mask: Tensor, x: Tensor) -> Tensor:
    return where(mask, x, 1)


# --- running sums ---------------------------------------------------------------------


def _infer_running(t: TensorType, *, axis: int) -> TensorType:
    kind = REDUCE_SUM.infer(t, axes=(), keepdims=False, dtype=None)
    return TensorType(t.shape, kind.dtype)  # type: ignore[union-attr]


def _running_text(name: str) -> Any:
    def text(node: Any) -> str:
        axis = f"axis={node.attrs['axis']}" if len(node.shape) > 1 else ""
        same = node.dtype == node.inputs[0].dtype
        kind = "" if same else f"dtype={dtype_text(node.dtype)}"
        return f"_0.{name}({', '.join(p for p in (axis, kind) if p)})"

    return text


def _narrowed(result: Tensor, dtype: Any) -> Tensor:
    """Return sums or products in a dtype that was asked for.

    Narrow integers are computed in wide ones and cut off at the end, which gives the
    same bits as computing in narrow ones. For booleans the cast makes them any or all.
    """
    return result if dtype is None else cast(result, dtype)


def _running_operand(x: Any, axis: int | None, dtype: Any) -> tuple[Tensor, int]:
    tensor = as_tensor(x) if dtype is None else cast(x, dtype)
    tensor = float_operand(tensor)
    if axis is None:
        return ravel(tensor), 0
    return tensor, normalize_axis(axis, tensor.ndim)


def _sum_of_later(ct: Tensor, inputs: Any, attrs: Any) -> Tensor:
    axis = attrs["axis"]
    return flip_axis(cumsum(flip_axis(ct, axis), axis), axis)


CUMSUM = multilinear(
    "cumsum",
    _infer_running,
    lambda x, *, axis: np.cumsum(x, axis=axis),
    transposes={0: _sum_of_later},
    text=_running_text("cumsum"),
    rule="the sum of the later cotangents",
    facts=Facts(
        independent=beside_axes, layout=kept, out_form=with_out, rows=rows.along
    ),
)


@api("cumsum")
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sum along ``axis`` (of the flattened tensor if None)."""
    tensor, at = _running_operand(x, axis, dtype)
    return _narrowed(apply(CUMSUM, tensor, axis=at), dtype)


def _cumprod_vjp(
    ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Any]:
    """With r_k = ct_k + x_{k+1} r_{k+1}, the cotangent of x_k is r_k y_{k-1}."""
    axis = attrs["axis"]
    later: Any = _recur_back(inputs[0], ct, axis)
    return [later * delayed(output, axis, 1)]


def _cumprod_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    """t_y_k = x_k t_y_{k-1} + t_k y_{k-1}."""
    axis = attrs["axis"]
    driven = tangents[0] * delayed(output, axis, 1)
    return apply(LINEAR_RECURRENCE, inputs[0], driven, axis=axis)


CUMPROD = primitive(
    "cumprod",
    _infer_running,
    lambda x, *, axis: np.cumprod(x, axis=axis),
    vjp=_cumprod_vjp,
    jvp=_cumprod_jvp,
    text=_running_text("cumprod"),
    analytic=True,
    rule="a recurrence over the later factors",
    facts=Facts(
        independent=beside_axes, layout=kept, out_form=with_out, rows=rows.along
    ),
)


@api("cumprod")
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running product along ``axis`` (of the flattened tensor if None)."""
    tensor, at = _running_operand(x, axis, dtype)
    return _narrowed(apply(CUMPROD, tensor, axis=at), dtype)


# --- recurrences ----------------------------------------------------------------------


def _infer_recurrence(a: TensorType, b: TensorType, *, axis: int) -> TensorType:
    require_float(a, "a recurrence")
    require_float(b, "a recurrence")
    return TensorType(same_shape([a, b]), promote(a.dtype, b.dtype))


def _recur_back(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """Return r with r_k = b_k + a_{k+1} r_{k+1}, the last r being the last b."""
    factors = delayed(flip_axis(a, axis), axis, 0)
    return flip_axis(
        apply(LINEAR_RECURRENCE, factors, flip_axis(b, axis), axis=axis), axis
    )


def _recurrence_vjp(
    ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Any]:
    axis = attrs["axis"]
    later: Any = _recur_back(inputs[0], ct, axis)
    return [later * delayed(output, axis, 0), later]


def _recurrence_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    t_a, t_b = tangents
    driven = t_b
    if t_a is not None:
        driven = t_a * delayed(output, attrs["axis"], 0)
        driven = driven if t_b is None else driven + t_b
    return apply(LINEAR_RECURRENCE, inputs[0], driven, **attrs)


LINEAR_RECURRENCE = primitive(
    "linear_recurrence",
    _infer_recurrence,
    lambda a, b, *, axis: HELPERS["linear_recurrence"](a, b, axis),
    vjp=_recurrence_vjp,
    jvp=_recurrence_jvp,
    text=lambda node: f"_help_linear_recurrence(_0, _1, {node.attrs['axis']})",
    analytic=True,
    rule="the recurrence run backwards",
    facts=Facts(independent=beside_axes, rows=rows.along),
)


@api("linear_recurrence")
def linear_recurrence(a: Any, b: Any, axis: int = -1) -> Tensor:
    """s with s[0] = b[0] and s[k] = a[k] * s[k - 1] + b[k] along ``axis``."""
    first, second = broadcast_tensors([float_operand(a), float_operand(b)])
    if not first.ndim:
        raise ShapeError("linear_recurrence needs tensors of at least one axis.")
    return apply(
        LINEAR_RECURRENCE, first, second, axis=normalize_axis(axis, first.ndim)
    )


@api("diff")
def diff(
    x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    """Differences of neighbours along ``axis``, ``n`` times."""
    tensor = as_tensor(x)
    at = normalize_axis(axis, tensor.ndim)
    parts = [
        tensor if part is tensor else _as_row(part, tensor, at)
        for part in (prepend, tensor, append)
        if part is not None
    ]
    tensor = concatenate(parts, at)
    for _ in range(n):
        length = tensor.shape[at]
        later = slice_axis(tensor, at, 1, length)
        earlier = slice_axis(tensor, at, 0, length - 1)
        if tensor.dtype.is_bool:
            tensor = not_equal(later, earlier)
        else:
            tensor = later - earlier
    return tensor


def _as_row(value: Any, x: Tensor, axis: int) -> Tensor:
    row = as_tensor(value)
    if not is_literal(row) or x.dtype.is_float or not row.dtype.is_integer:
        row = float_operand(value)
    else:  # as NumPy makes an array of a number
        row = cast(row, "int64")
    if row.ndim:
        return row
    return broadcast_to(row, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
