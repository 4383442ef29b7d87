"""Sorting and searching, and selection by constant conditions.

Sorting reads the elements along the axis in the order of `argsort`, so its derivative
follows each element to its place. Equal elements keep their order, which decides which
of them gets which cotangent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    INT64,
    TensorType,
    normalize_axis,
    promote,
)
from symdiff.ops.core import interval, rows
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.interval import Interval
from symdiff.ops.core.operands import api, as_tensor, known_values
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.indexing.gather import gather, scatter_add
from symdiff.ops.indexing.taking import along, take
from symdiff.ops.shape.views import ravel

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
    facts=Facts(permutes=True, rows=rows.along, interval=interval.along_axis),
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
    index = along(attrs["axis"], x.ndim)
    return [scatter_add(ct, [_order(x, attrs)], x.shape, index)]


def _sort_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    (t,) = tangents
    assert t is not None
    return gather(t, [_order(inputs[0], attrs)], along(attrs["axis"], t.ndim))


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
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
    """Where each element of ``v`` would be inserted into the ascending vector ``a``.

    Int64, of v's shape; ``side`` is 'left' or 'right' of equal elements. With
    ``sorter``, the vector ascends once it is taken in that order.
    """
    if side not in ("left", "right"):
        raise ShapeError(f"side must be 'left' or 'right', got {side!r}.")
    ordered = as_tensor(a) if sorter is None else take(a, sorter)
    return apply(SEARCHSORTED, ordered, as_tensor(v), side=side)


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

    The condition is a vector of booleans or numbers; elements beyond its end are left
    out. It must be a constant, because the result's length depends on its values.
    """
    return take(x, np.flatnonzero(_constant_mask("compress", condition)), axis)


@api("extract")
def extract(condition: Any, x: Any) -> Tensor:
    """Elements of the flattened ``x`` where a constant condition of its shape holds."""
    return take(x, np.flatnonzero(_constant_mask("extract", condition)))


def _constant_mask(name: str, condition: Any) -> np.ndarray:
    value = known_values(condition)
    if value is None:
        raise ShapeError(
            f"the length of {name}'s result depends on values, which the generated "
            "code's shapes cannot; use sd.where(mask, x, other), or a mask that is a "
            "constant."
        )
    return value
