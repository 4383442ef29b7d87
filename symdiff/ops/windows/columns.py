"""The columns of a convolution (im2col): the elements of each window as one column.

In: images with the batch last, (C, ..., N). Out: `columns`, a matrix with a row for
each place of each channel's window, and its transpose `add_columns`, which adds
columns up where windows overlap. Every element of a place is read by one strided slice,
which is contiguous over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, Shape, TensorType, product
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled
from symdiff.ops.core.rows import (
    Batch,
    Part,
    Rows,
)
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.windows.views import (
    Geometry,
    geometry,
    loop_text,
    place_text,
    places,
    window_counts,
)


def _parts(shape: Shape, g: Geometry) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """Return the counts of windows, and the columns' shape before they are flat."""
    counts = window_counts(shape, g)
    return counts, (shape[0], *g.window, *counts, shape[-1])


def _flat(shape: Shape, g: Geometry) -> Shape:
    counts, _ = _parts(shape, g)
    return product((shape[0], *g.window)), product((*counts, shape[-1]))


def _infer(t: TensorType, **attrs: Any) -> TensorType:
    return TensorType(_flat(t.shape, geometry(attrs)), t.dtype)


def _evaluate(x: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    counts, full = _parts(x.shape, g)
    result = np.empty(full, dtype=x.dtype)
    for at in np.ndindex(g.window):
        result[(slice(None), *at)] = places(x, counts, g, at)
    return result.reshape(_flat(x.shape, g))


def _at_text(at: Sequence[str]) -> str:
    return ", ".join([":", *at])


def _text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    counts, full = _parts(x.shape, g)
    head, at = loop_text(g)
    return (
        f"_out = np.empty({shape_text(node.shape)}, {dtype_text(node.dtype)})\n"
        f"_seen = _out.reshape({shape_text(full)})\n"
        f"{head}\n"
        f"    _seen[{_at_text(at)}] = _0[{place_text(len(x.shape), counts, g, at)}]"
    )


def _add(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(ADD_COLUMNS, ct, shape=inputs[0].shape, **attrs)


def _window_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """Windows of images whose batch is the last axis."""
    (part,), (x,) = parts, node.inputs
    if part != Rows(len(x.shape) - 1):
        return None
    counts = window_counts(x.shape, geometry(node.attrs))
    return Rows(1, product(counts), 1)


COLUMNS = multilinear(
    "columns",
    _infer,
    _evaluate,
    transposes={0: _add},
    text=_text,
    rule="overlapping windows add up",
    facts=Facts(layout=filled, rows=_window_rows),
)


def _infer_add(t: TensorType, *, shape: Shape, **attrs: Any) -> TensorType:
    expected = _flat(shape, geometry(attrs))
    if t.ndim != 2:
        raise ShapeError(f"columns of {shape} have shape {expected}, got {t.shape}")
    return TensorType(shape, t.dtype)


def _evaluate_add(x: Any, *, shape: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    counts, full = _parts(shape, g)
    result, seen = np.zeros(shape, dtype=x.dtype), x.reshape(full)
    for at in np.ndindex(g.window):
        places(result, counts, g, at)[...] += seen[(slice(None), *at)]
    return result


def _add_text(node: Node) -> str:
    g = geometry(node.attrs)
    counts, full = _parts(node.shape, g)
    head, at = loop_text(g)
    index = place_text(len(node.shape), counts, g, at)
    return (
        f"_out = np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})\n"
        f"_seen = _0.reshape({shape_text(full)})\n"
        f"{head}\n    _out[{index}] += _seen[{_at_text(at)}]"
    )


def _again(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(COLUMNS, ct, **geometry(attrs)._asdict())


ADD_COLUMNS = multilinear(
    "add_columns",
    _infer_add,
    _evaluate_add,
    transposes={0: _again},
    text=_add_text,
    rule="every window reads its elements",
    facts=Facts(layout=filled),
)
