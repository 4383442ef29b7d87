"""Triangles and diagonals of matrices, and the identity.

Matrices are the last two axes. Reading a diagonal and placing one are transposes of
each other; a triangle is its own transpose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    FLOAT,
    Dim,
    DType,
    TensorType,
    as_dim,
    dims_equal,
    normalize_axis,
    unify,
)
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, as_tensor, cast_dtype
from symdiff.ops.core.record import Op, primitive
from symdiff.ops.core.text import dim_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.reduce.sums import sum_
from symdiff.ops.shape.views import moveaxis, ravel

# --- triangles ------------------------------------------------------------------------


def _triangle(name: str, word: str) -> Any:
    reference = getattr(np, name)

    def infer(t: TensorType, *, k: int) -> TensorType:
        if t.ndim < 2:
            raise ShapeError(f"needs matrices (two axes or more), got {t.shape}")
        return t

    def text(node: Any) -> str:
        k = node.attrs["k"]
        return f"np.{name}(_0, {k})" if k else f"np.{name}(_0)"

    op = multilinear(
        name,
        infer,
        lambda x, *, k: reference(x, k),
        transposes={0: lambda ct, inputs, attrs: apply(op, ct, **attrs)},
        text=text,
        rule="the same triangle of the cotangent",
        facts=Facts(zeros="in place", rows=rows.matrices),
    )

    def call(x: Any, k: int = 0) -> Tensor:
        return apply(op, as_tensor(x), k=int(k))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Matrices with zeros {word} diagonal ``k``."
    return op, api(name)(call)


TRIL, tril = _triangle("tril", "above")
TRIU, triu = _triangle("triu", "below")


# --- diagonals ------------------------------------------------------------------------


def _diagonal_length(rows: Dim, columns: Dim, offset: int) -> Dim:
    """Return the length of diagonal ``offset`` of a matrix."""
    down = rows + min(offset, 0)
    across = columns - max(offset, 0)
    if isinstance(down, int) and isinstance(across, int):
        return max(min(down, across), 0)
    square = dims_equal(rows, columns)
    length = as_dim(rows - abs(offset) if square else sp.Min(down, across))
    return length if offset == 0 else as_dim(sp.Max(length, 0))


def _infer_diagonal(t: TensorType, *, offset: int) -> TensorType:
    if t.ndim < 2:
        raise ShapeError(f"needs matrices (two axes or more), got {t.shape}")
    length = _diagonal_length(t.shape[-2], t.shape[-1], offset)
    return TensorType((*t.shape[:-2], length), t.dtype)


def _diagonal_text(node: Any) -> str:
    offset, ndim = node.attrs["offset"], len(node.inputs[0].shape)
    parts = ["_0", *([f"{offset}"] if offset else [])]
    return f"np.diagonal({', '.join(parts + (['axis1=-2', 'axis2=-1'] * (ndim > 2)))})"


def _place_back(ct: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return apply(FROM_DIAGONAL, ct, shape=inputs[0].shape[-2:], **attrs)


DIAGONAL = multilinear(
    "diagonal",
    _infer_diagonal,
    lambda x, *, offset: np.diagonal(x, offset, -2, -1),
    transposes={0: _place_back},
    text=_diagonal_text,
    view=True,
    rule="the cotangent goes to the diagonal",
    facts=Facts(zeros="moved", rows=rows.matrices, read_only=True),
)


def _evaluate_from_diagonal(x: Any, *, shape: Any, offset: int) -> Any:
    result = np.zeros((*x.shape[:-1], *shape), dtype=x.dtype)
    i = np.arange(x.shape[-1])
    result[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return result


def _from_diagonal_text(node: Any) -> str:
    (source,), offset = node.inputs, node.attrs["offset"]
    length = source.shape[-1]
    square = all(dims_equal(d, length + abs(offset)) for d in node.attrs["shape"])
    if len(source.shape) == 1 and square:
        return f"np.diag(_0, {offset})" if offset else "np.diag(_0)"

    def places(start: int) -> str:
        bounds = dim_text(as_dim(length + start))
        return f"np.arange({f'{start}, ' if start else ''}{bounds})"

    at = f"{places(max(-offset, 0))}, {places(max(offset, 0))}"
    dots = "" if len(source.shape) == 1 else "..., "
    return f"_out = np.zeros({shape_text(node.shape)}, _0.dtype)\n_out[{dots}{at}] = _0"


def _infer_from_diagonal(t: TensorType, *, shape: Any, offset: int) -> TensorType:
    length = _diagonal_length(shape[0], shape[1], offset)
    if unify(t.shape[-1], length) is None:
        raise ShapeError(f"diagonal {offset} of {shape} has {length} elements")
    return TensorType((*t.shape[:-1], *shape), t.dtype)


FROM_DIAGONAL = multilinear(
    "from_diagonal",
    _infer_from_diagonal,
    _evaluate_from_diagonal,
    transposes={
        0: lambda ct, inputs, attrs: apply(DIAGONAL, ct, offset=attrs["offset"])
    },
    text=_from_diagonal_text,
    rule="the diagonal of the cotangent",
    facts=Facts(zeros="placed apart"),
)


@api("diagonal")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Diagonals of the matrices that two axes span, as a new last axis."""
    tensor = as_tensor(x)
    first, second = (normalize_axis(a, tensor.ndim) for a in (axis1, axis2))
    if first == second:
        raise ShapeError("diagonal needs two different axes.")
    moved = moveaxis(tensor, (first, second), (-2, -1))
    return apply(DIAGONAL, moved, offset=int(offset))


@api("diag")
def diag(x: Any, k: int = 0) -> Tensor:
    """The matrix with a vector on diagonal ``k``, or that diagonal of a matrix."""
    tensor = as_tensor(x)
    if tensor.ndim == 2:
        return diagonal(tensor, k)
    if tensor.ndim != 1:
        raise ShapeError(
            f"diag needs a vector or a matrix, got {tensor.shape}; use sd.diagonal."
        )
    side = as_dim(tensor.shape[0] + abs(int(k)))
    return apply(FROM_DIAGONAL, tensor, shape=(side, side), offset=int(k))


@api("diagflat")
def diagflat(x: Any, k: int = 0) -> Tensor:
    """The matrix with the flattened elements on diagonal ``k``."""
    return diag(ravel(x), k)


@api("trace")
def trace(
    x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None
) -> Tensor:
    """Sum of the diagonal of the matrices that two axes span."""
    return sum_(diagonal(x, offset, axis1, axis2), -1, dtype=dtype)


@api("linalg.diagonal")
def diagonal_(x: Any, *, offset: int = 0) -> Tensor:
    """Diagonals of matrices, which are the last two axes."""
    return diagonal(x, offset, -2, -1)


@api("linalg.trace")
def trace_(x: Any, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Sum of the diagonal of matrices, which are the last two axes."""
    return trace(x, offset, -2, -1, dtype)


# --- zeros and ones -------------------------------------------------------------------


def _zeros_and_ones(name: str) -> Any:
    """Return the op of NumPy's function of this name, which takes no array."""
    reference = getattr(np, name)

    def text(node: Any) -> str:
        rows, columns, k = (node.attrs[name] for name in ("rows", "columns", "k"))
        parts = [dim_text(rows)]
        if dims_equal(rows, columns) is not True:
            parts.append(dim_text(columns))
        parts += [f"k={k}"] if k else []
        return f"np.{name}({', '.join(parts)}, dtype={dtype_text(node.dtype)})"

    return primitive(
        name,
        lambda *, rows, columns, k, dtype: TensorType((rows, columns), dtype),
        lambda *, rows, columns, k, dtype: reference(
            rows, columns, k, dtype=dtype.name
        ),
        vjp=None,
        jvp=None,
        text=text,
    )


EYE, TRI = _zeros_and_ones("eye"), _zeros_and_ones("tri")


def _made(op: Op, rows: Any, columns: Any, k: int, dtype: Any) -> Tensor:
    kind: DType = cast_dtype(dtype)
    height = as_dim(rows)
    width = height if columns is None else as_dim(columns)
    return apply(op, rows=height, columns=width, k=int(k), dtype=kind)


@api("eye")
def eye(rows: Any, columns: Any = None, k: int = 0, dtype: Any = FLOAT) -> Tensor:
    """Ones on diagonal ``k`` of a matrix of zeros."""
    return _made(EYE, rows, columns, k, dtype)


@api("tri")
def tri(rows: Any, columns: Any = None, k: int = 0, dtype: Any = FLOAT) -> Tensor:
    """Ones at and below diagonal ``k``, zeros above."""
    return _made(TRI, rows, columns, k, dtype)


@api("identity")
def identity(n: Any, dtype: Any = FLOAT) -> Tensor:
    """The square identity matrix."""
    return eye(n, dtype=dtype)
