"""Norms of vectors and matrices, under NumPy's names and orders.

Every norm has derivative 0 at the origin, in every order; that of a singular value
assumes it is simple. Orders between 0 and 1 have derivative 0 where an element is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, normalize_axes, normalize_axis, product
from symdiff.ops.core import rows, signs, tex
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import API, api, float_operand
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import equal, not_equal, where
from symdiff.ops.elementwise.kinks import absolute, sign
from symdiff.ops.elementwise.trigonometry import off_origin
from symdiff.ops.reduce.extremes import max_, min_
from symdiff.ops.reduce.sums import (
    number_text,
    reduced_shape,
    reduction_text,
    spread,
    sum_,
)
from symdiff.ops.shape.views import expand_dims, moveaxis, reshape, transpose


def _infer_norm(
    t: TensorType, *, axes: Any, keepdims: bool, order: float
) -> TensorType:
    require_float(t, "a norm")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _slopes(x: Any, output: Tensor, attrs: Any) -> Any:
    """Return the partials sign(x) (|x| / norm)**(p - 1): x / norm for p = 2."""
    length: Any = spread(off_origin(output), x.shape, attrs["axes"], attrs["keepdims"])
    order = attrs["order"]
    if order == 2:
        return x / length
    share: Any = where(equal(x, 0), 1, absolute(x) / length)
    return sign(x) * share ** (order - 1)


def _norm_vjp(ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> Any:
    (x,) = inputs
    if attrs["order"] == 2:  # divide before broadcasting
        share: Any = ct / off_origin(output)
        return [spread(share, x.shape, attrs["axes"], attrs["keepdims"]) * x]
    share = spread(ct, x.shape, attrs["axes"], attrs["keepdims"])
    return [share * _slopes(x, output, attrs)]


def _norm_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    if attrs["order"] == 2:
        moved: Any = sum_(x * tangents[0], attrs["axes"], keepdims=attrs["keepdims"])
        return moved / off_origin(output)
    slopes = _slopes(x, output, attrs)
    return sum_(slopes * tangents[0], attrs["axes"], keepdims=attrs["keepdims"])


def _norm_text(node: Any) -> str:
    arguments, order = reduction_text(node), node.attrs["order"]
    if order != 2:
        parts = ["_0", number_text(order), arguments]
        return f"np.linalg.norm({', '.join(p for p in parts if p)})"
    if 2 < len(node.attrs["axes"]) < len(node.inputs[0].shape):
        return f"np.sqrt((_0 ** 2).sum({arguments}))"
    return f"np.linalg.norm({', '.join(p for p in ('_0', arguments) if p)})"


def _evaluate_norm(x: Any, *, axes: Any, keepdims: bool, order: float) -> Any:
    if order != 2:
        return np.linalg.norm(x, order, axis=axes[0], keepdims=keepdims)
    if 2 < len(axes) < np.ndim(x):
        return np.sqrt(np.sum(x**2, axis=axes, keepdims=keepdims))
    chosen = None if len(axes) == np.ndim(x) else axes[0] if len(axes) == 1 else axes
    return np.linalg.norm(x, axis=chosen, keepdims=keepdims)


def _norm_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    order, axes = node.attrs["order"], node.attrs["axes"]
    below = [] if order == 2 else [writer.length(order)]
    if len(axes) < len(node.inputs[0].shape):
        below.append(tex.told_as("axis", axes[0] if len(axes) == 1 else axes, writer))
    under = f"_{{{', '.join(below)}}}" if below else ""
    found = Tex(rf"\left\| {operands[0].text} \right\|{under}")
    return tex.kept(found, node) if node.attrs["keepdims"] else found


NORM = primitive(
    "norm",
    _infer_norm,
    _evaluate_norm,
    vjp=_norm_vjp,
    jvp=_norm_jvp,
    text=_norm_text,
    latex=_norm_tex,
    rule="0 at the origin",
    facts=Facts(independent=beside_axes, rows=rows.along, sign=signs.never_negative),
)


@api("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:  # noqa: A002 - NumPy's name
    """Norm of vectors (``axis`` an int) or matrices (a pair), of order ``ord``.

    Vectors: any number, ±inf, 0 (counts nonzero elements). Matrices: 'fro', 'nuc', ±1,
    ±2, ±inf. The default is the root of the sum of squares, over all elements where
    ``axis`` is None.
    """
    tensor = float_operand(x)
    require_float(tensor.node.tensor_type, "a norm")
    axes = range(tensor.ndim) if axis is None else _in_order(axis, tensor.ndim)
    if ord is None and (axis is None or len(axes) == 1):
        return _euclidean(tensor, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(tensor, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(tensor, ord, axes[0], axes[1], keepdims)
    raise ShapeError(
        f"norm of order {ord!r} needs one axis (a vector) or two (a matrix), got "
        f"{len(axes)} of shape {tensor.shape}; name them with axis=."
    )


@api("linalg.vector_norm")
def vector_norm(
    x: Any,
    *,
    axis: Any = None,
    keepdims: bool = False,
    ord: Any = 2,  # noqa: A002 - NumPy's name
) -> Tensor:
    """Norm of order ``ord`` of the elements over ``axis``, as of one vector."""
    tensor = float_operand(x)
    require_float(tensor.node.tensor_type, "a norm")
    axes = _in_order(range(tensor.ndim) if axis is None else axis, tensor.ndim)
    if len(axes) == 1:
        return _vector_norm(tensor, ord, axes[0], keepdims)
    if ord == 2 and axes:
        return _euclidean(tensor, axes, keepdims)
    kept = [a for a in range(tensor.ndim) if a not in axes]
    shape = tuple(tensor.shape[a] for a in kept)
    length = product([tensor.shape[a] for a in axes])
    rows = reshape(transpose(tensor, (*kept, *axes)), (*shape, length))
    found = _vector_norm(rows, ord, len(kept), keepdims=False)
    return expand_dims(found, tuple(axes)) if keepdims and axes else found


@api("linalg.matrix_norm")
def matrix_norm(
    x: Any,
    *,
    keepdims: bool = False,
    ord: Any = "fro",  # noqa: A002 - NumPy's name
) -> Tensor:
    """Norm of order ``ord`` of each matrix, which the last two axes make up."""
    return norm(x, ord, axis=(-2, -1), keepdims=keepdims)


def _in_order(axis: Any, ndim: int) -> list[int]:
    """Return normalized axes in the order they were given: rows, then columns."""
    given: list[Any] = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    normalize_axes(given, ndim)  # refuses an axis given twice
    return [normalize_axis(a, ndim) for a in given]


def _euclidean(x: Tensor, axes: Any, keepdims: bool, order: float = 2) -> Tensor:
    """Return the root of the sum of powers over axes; |x| where there is no axis."""
    if not axes:
        return absolute(x)
    chosen = tuple(sorted(axes))
    return apply(NORM, x, axes=chosen, keepdims=bool(keepdims), order=order)


def _vector_norm(x: Tensor, order: Any, axis: int, keepdims: bool) -> Tensor:
    if isinstance(order, str):
        raise DeclarationError(f"norm of order {order!r} is for matrices, not vectors.")
    if order == math.inf:
        return max_(absolute(x), axis, keepdims=keepdims)
    if order == -math.inf:
        return min_(absolute(x), axis, keepdims=keepdims)
    if order == 0:
        return cast(sum_(not_equal(x, 0), axis, keepdims=keepdims), x.dtype)
    if order == 1:
        return sum_(absolute(x), axis, keepdims=keepdims)
    return _euclidean(x, (axis,), keepdims, order)


def _matrix_norm(x: Tensor, order: Any, row: int, column: int, keep: bool) -> Tensor:
    if order is None or order == "fro":
        return _euclidean(x, (row, column), keep)
    if order in ("nuc", 2, -2):
        matrices = moveaxis(x, (row, column), (-2, -1))
        singular = API["linalg.svd"](matrices, compute_uv=False)
        found = {"nuc": sum_, 2: max_, -2: min_}[order](singular, -1)
    elif order in (1, -1):
        sums = sum_(absolute(x), row, keepdims=True)
        found = (max_ if order == 1 else min_)(sums, (row, column))
    elif order in (math.inf, -math.inf):
        sums = sum_(absolute(x), column, keepdims=True)
        found = (max_ if order > 0 else min_)(sums, (row, column))
    else:
        raise DeclarationError(
            f"norm of order {order!r} of matrices: use 'fro', 'nuc', 1, -1, 2, -2, inf "
            "or -inf."
        )
    return expand_dims(found, (row, column)) if keep else found
