"""Sorting, and reading along an axis by indices of the same number of axes.

`take_along_axis` and `add_along_axis` are transposes of each other. A sort is a reading
along the axis by `argsort`, so its derivative follows each element to its place; equal
elements keep their order, which decides who gets which cotangent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    INT64,
    Dim,
    TensorType,
    broadcast_shapes,
    normalize_axis,
    promote,
    unify,
)
from symdiff.ops.core import interval, rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.interval import Interval
from symdiff.ops.core.operands import CONSTANT, api, as_tensor, stretch
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.indexing.taking import index_operand, take
from symdiff.ops.shape.views import ravel

# --- along an axis --------------------------------------------------------------------


def _infer_take_along(
    x: TensorType, index: TensorType, *, axis: int, unique: bool
) -> TensorType:
    if not index.dtype.is_integer:
        raise DTypeError(f"indices must be integers, got {index.dtype}")
    _check_rows(x, index, axis)
    return TensorType(index.shape, x.dtype)


def _add_along(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    length = inputs[0].shape[attrs["axis"]]
    return apply(ADD_ALONG_AXIS, ct, inputs[1], length=length, **attrs)


def _check_rows(x: TensorType, index: TensorType, axis: int) -> None:
    fits = x.ndim == index.ndim and all(
        a == axis or unify(d, e) is not None
        for a, (d, e) in enumerate(zip(x.shape, index.shape, strict=True))
    )
    if not fits:
        raise ShapeError(
            f"indices of shape {index.shape} for {x.shape}: only axis {axis} may differ"
        )


TAKE_ALONG_AXIS = multilinear(
    "take_along_axis",
    _infer_take_along,
    lambda x, index, *, axis, unique: np.take_along_axis(x, index, axis=axis),
    transposes={0: _add_along},
    text=lambda node: f"np.take_along_axis(_0, _1, axis={node.attrs['axis']})",
    rule="added up where an index repeats",
    facts=Facts(
        indices=lambda n: {1: n.inputs[0].shape[n.attrs["axis"]]},
        zeros="moved",
        rows=rows.along,
    ),
)


def _infer_add_along(
    x: TensorType, index: TensorType, *, length: Dim, axis: int, unique: bool
) -> TensorType:
    if x.ndim != index.ndim:
        raise ShapeError(f"indices of shape {index.shape} for values {x.shape}")
    return TensorType((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype)


def _evaluate_add_along(
    x: Any, index: Any, *, length: int, axis: int, unique: bool
) -> Any:
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    result = np.zeros(shape, dtype=x.dtype)
    places = list(np.indices(index.shape, sparse=True))
    places[axis] = index
    np.add.at(result, tuple(places), x)
    return result


def _add_along_text(node: Node) -> str:
    axis, ndim = node.attrs["axis"], len(node.shape)
    dtype = dtype_text(node.dtype)
    start = f"_out = np.zeros({shape_text(node.shape)}, dtype={dtype})\n"
    if node.attrs["unique"]:
        return f"{start}np.put_along_axis(_out, _1, _0, axis={axis})"
    if ndim == 1:
        return f"{start}np.add.at(_out, _1, _0)"
    grid = "*np.indices(_1.shape, sparse=True)"
    before = f"{grid}[:{axis}], " if axis else ""
    after = f", {grid}[{axis + 1}:]" if axis < ndim - 1 else ""
    return f"{start}np.add.at(_out, ({before}_1{after}), _0)"


ADD_ALONG_AXIS = multilinear(
    "add_along_axis",
    _infer_add_along,
    _evaluate_add_along,
    transposes={
        0: lambda ct, inputs, attrs: apply(
            TAKE_ALONG_AXIS,
            ct,
            inputs[1],
            axis=attrs["axis"],
            unique=attrs["unique"],
        )
    },
    text=_add_along_text,
    rule="elements taken more than once add up",
    facts=Facts(
        indices=lambda n: {1: n.attrs["length"]}, stretches=(0,), zeros="placed"
    ),
)


@api("take_along_axis")
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """Elements of ``x`` at ``indices`` along ``axis``, the other axes matched.

    ``x`` and ``indices`` have equal ndim and broadcast except along the axis.
    """
    tensor, index = as_tensor(x), as_tensor(indices)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    if tensor.ndim != index.ndim:
        raise ShapeError(
            f"take_along_axis needs indices with {tensor.ndim} axes, got {index.shape}."
        )
    where = normalize_axis(axis, tensor.ndim)
    index = index_operand(index, tensor.shape[where], where)
    own, others = list(tensor.shape), list(index.shape)
    length, count = own[where], others[where]
    own[where] = others[where] = 1
    common = list(broadcast_shapes(tuple(own), tuple(others)))
    tensor = stretch(tensor, (*common[:where], length, *common[where + 1 :]))
    index = stretch(index, (*common[:where], count, *common[where + 1 :]))
    return apply(TAKE_ALONG_AXIS, tensor, index, axis=where, unique=False)


# --- sorting --------------------------------------------------------------------------


def _infer_argsort(x: TensorType, *, axis: int) -> TensorType:
    return TensorType(x.shape, INT64)


ARGSORT = primitive(
    "argsort",
    _infer_argsort,
    lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    vjp=None,
    jvp=None,
    text=lambda node: f'np.argsort(_0, axis={node.attrs["axis"]}, kind="stable")',
    facts=Facts(rows=rows.along, interval=interval.along_axis),
)


def _order(x: Tensor, attrs: Mapping[str, Any]) -> Tensor:
    return hinted(apply(ARGSORT, x, axis=attrs["axis"]), "order")


def _sort_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    (x,) = inputs
    axis = attrs["axis"]
    back = apply(
        ADD_ALONG_AXIS,
        ct,
        _order(x, attrs),
        length=x.shape[axis],
        axis=axis,
        unique=True,
    )
    return [back]


def _sort_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    (t,) = tangents
    assert t is not None
    order = _order(inputs[0], attrs)
    return apply(TAKE_ALONG_AXIS, t, order, axis=attrs["axis"], unique=True)


SORT = primitive(
    "sort",
    lambda x, *, axis: x,
    lambda x, *, axis: np.sort(x, axis=axis),
    vjp=_sort_vjp,
    jvp=_sort_jvp,
    text=lambda node: f"np.sort(_0, axis={node.attrs['axis']})",
    rule="the cotangent goes back to where each element came from",
    facts=Facts(rows=rows.along, interval=interval.of_operand),
)


@api("sort")
def sort(x: Any, axis: int | None = -1, kind: Any = None) -> Tensor:
    """The elements in ascending order along ``axis`` (of all of them if None).

    Where elements are equal the derivative follows the order in which they stood,
    whatever ``kind`` names.
    """
    tensor, where = _axis_of(x, axis)
    return apply(SORT, tensor, axis=where)


@api("argsort")
def argsort(x: Any, axis: int | None = -1, kind: Any = None) -> Tensor:
    """Int64 indices that would sort along ``axis``; equal elements keep their order.

    As ``np.argsort(x, axis, kind="stable")``, whatever ``kind`` names.
    """
    tensor, where = _axis_of(x, axis)
    return apply(ARGSORT, tensor, axis=where)


def _axis_of(x: Any, axis: int | None) -> tuple[Tensor, int]:
    tensor = as_tensor(x)
    if axis is None:
        return ravel(tensor), 0
    if not tensor.ndim:
        raise ShapeError("cannot sort a tensor without axes.")
    return tensor, normalize_axis(axis, tensor.ndim)


def _infer_searchsorted(a: TensorType, v: TensorType, *, side: str) -> TensorType:
    if a.ndim != 1:
        raise ShapeError(f"searchsorted needs a sorted vector, got {a.shape}")
    if not v.dtype.weak:
        promote(a.dtype, v.dtype)
    return TensorType(v.shape, INT64)


SEARCHSORTED = primitive(
    "searchsorted",
    _infer_searchsorted,
    lambda a, v, *, side: np.searchsorted(a, v, side=side),
    vjp=None,
    jvp=None,
    text=lambda node: (
        'np.searchsorted(_0, _1, side="right")'
        if node.attrs["side"] == "right"
        else "np.searchsorted(_0, _1)"
    ),
    facts=Facts(
        rows=rows.looked_up(1),
        interval=lambda node, _: Interval(0, node.inputs[0].shape[0]),
    ),
)


@api("searchsorted")
def searchsorted(a: Any, v: Any, side: str = "left") -> Tensor:
    """Where each element of ``v`` would be inserted into the ascending vector ``a``.

    Int64, of v's shape; ``side`` is 'left' or 'right' of equal elements.
    """
    if side not in ("left", "right"):
        raise ShapeError(f"side must be 'left' or 'right', got {side!r}.")
    return apply(SEARCHSORTED, as_tensor(a), as_tensor(v), side=side)


def _refuse(name: str, remedy: str) -> None:
    def refused(*_: Any, **__: Any) -> Tensor:
        raise ShapeError(
            f"the length of {name}'s result depends on values, which the generated "
            f"code's shapes cannot; {remedy}."
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = "Not available: the result's length depends on values."
    api(name)(refused)


for _name, _remedy in {
    "nonzero": "use sd.where(mask, x, other)",
    "flatnonzero": "use sd.where(mask, x, other)",
    "argwhere": "use sd.where(mask, x, other)",
    "unique": "use sd.sort, and compare neighbours",
}.items():
    _refuse(_name, _remedy)


@api("compress")
def compress(condition: Any, x: Any, axis: int | None = None) -> Tensor:
    """Elements of ``x`` along ``axis`` (flattened if None) where a constant holds.

    The condition is a vector of booleans or numbers; what it does not reach is left
    out. It is not computed, because the result's length would depend on values.
    """
    return take(x, np.flatnonzero(_constant_mask("compress", condition)), axis)


@api("extract")
def extract(condition: Any, x: Any) -> Tensor:
    """Elements of the flattened ``x`` where a constant condition of its shape holds."""
    return take(x, np.flatnonzero(_constant_mask("extract", condition)))


def _constant_mask(name: str, condition: Any) -> np.ndarray:
    if not isinstance(condition, Tensor):
        return np.asarray(condition)
    if condition.node.op is not CONSTANT:
        raise ShapeError(
            f"the length of {name}'s result depends on values, which the generated "
            "code's shapes cannot; use sd.where(mask, x, other), or a mask that is a "
            "constant."
        )
    value: np.ndarray = condition.node.attrs["value"]
    return value
