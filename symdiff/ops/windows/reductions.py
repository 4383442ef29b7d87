"""The ops behind pooling: the largest element and the sum of sliding windows.

Each is computed by one strided slice per place of the window. `window_argmax` names the
first largest element of each window; `window_pick` and its transpose `window_place`
read and write there. `window_sum` and `window_spread` are transposes of each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Shape,
    TensorType,
)
from symdiff.graph.types import (
    dtype as as_dtype,
)
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled, kept
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.text import dim_text, shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.windows.helpers import tiles
from symdiff.ops.windows.views import (
    Geometry,
    along,
    geometry,
    loop_text,
    place_text,
    places,
    with_counts,
)

_UNROLLED = 4  # windows of so few places are written out

# --- text -----------------------------------------------------------------------------


def _counts(shape: Shape, g: Geometry) -> Shape:
    return tuple(shape[a] for a in g.axes)


def _slices(node: Node, counted: Node, g: Geometry, operand: str = "_0") -> list[str]:
    """Return the text of ``operand`` at each place of the window."""
    counts = _counts(counted.shape, g)
    return [
        f"{operand}[{_fixed(node.shape, counts, g, at)}]" for at in np.ndindex(g.window)
    ]


def _fixed(shape: Shape, counts: Shape, g: Geometry, at: Sequence[int]) -> str:
    """Return the index of one place: ``1::2``, with a stop only where one is needed."""
    entries = [":"] * len(shape)
    for axis, count, i, s, d in along(counts, at, g):
        start, stop = i * d, i * d + (count - 1) * s + 1
        length = shape[axis]
        exact = isinstance(length, int) and isinstance(stop, int) and stop + s > length
        end = "" if exact else dim_text(stop)
        entries[axis] = f"{start or ''}:{end}" + (f":{s}" if s > 1 else "")
    return ", ".join(entries)


def _number_text(at: Sequence[str], window: Sequence[int]) -> str:
    """Return the ordinal of a place as text: ``_i * 3 + _j``."""
    text = at[0]
    for name, k in zip(at[1:], window[1:], strict=True):
        text = (
            f"{text} * {k} + {name}" if "+" not in text else f"({text}) * {k} + {name}"
        )
    return text


def _loop(node: Node, counted: Node, g: Geometry) -> tuple[str, str, str]:
    """Return the loop's head, the index of a place, and the place's ordinal."""
    head, at = loop_text(g)
    index = place_text(len(node.shape), _counts(counted.shape, g), g, at)
    return head, index, _number_text(at, g.window)


def _is_one_element(node: Node) -> bool:
    """Whether windows have one element, so that their text is a view."""
    return int(np.prod(node.attrs["window"])) == 1


# --- the largest element --------------------------------------------------------------


def _infer_pool(t: TensorType, **attrs: Any) -> TensorType:
    return TensorType(with_counts(t.shape, geometry(attrs)), t.dtype)


def _each(x: Any, counts: Sequence[int], g: Geometry) -> Any:
    """Yield the slice of x at each place of the window."""
    return (places(x, counts, g, at) for at in np.ndindex(g.window))


def _evaluate_max(x: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    slices = _each(x, _counts(with_counts(x.shape, g), g), g)
    result = next(slices).copy()
    for part in slices:
        np.maximum(result, part, out=result)
    return result


def _max_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    parts = _slices(x, node, g)
    if len(parts) <= _UNROLLED:
        while len(parts) > 1:
            pairs = itertools.zip_longest(parts[::2], parts[1::2])
            parts = [a if b is None else f"np.maximum({a}, {b})" for a, b in pairs]
        return parts[0]
    head, index, _ = _loop(x, node, g)
    return (
        f"_out = {parts[0]}.copy()\n{head}\n    np.maximum(_out, _0[{index}], out=_out)"
    )


def _argmax(x: Tensor, output: Tensor, attrs: Any) -> Tensor:
    return hinted(apply(WINDOW_ARGMAX, x, output, **attrs), "winner")


def _max_vjp(ct: Tensor, y: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    (x,) = inputs
    return [apply(WINDOW_PLACE, ct, _argmax(x, y, attrs), shape=x.shape, **attrs)]


def _max_jvp(tangents: Any, y: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return apply(WINDOW_PICK, tangents[0], _argmax(inputs[0], y, attrs), **attrs)


MAX_POOL = primitive(
    "max_pool",
    _infer_pool,
    _evaluate_max,
    vjp=_max_vjp,
    jvp=_max_jvp,
    text=_max_text,
    rule="all to the first largest element of the window",
    facts=Facts(layout=kept, rows=rows.along, lends=_is_one_element),
)


def _ordinal_type(g: Geometry) -> Any:
    count = int(np.prod(g.window))
    return as_dtype("uint8" if count <= 256 else "int64")


def _infer_argmax(x: TensorType, y: TensorType, **attrs: Any) -> TensorType:
    return TensorType(y.shape, _ordinal_type(geometry(attrs)))


def _evaluate_argmax(x: Any, y: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(y.shape, dtype=_ordinal_type(g).name)
    lost = np.ones(y.shape, dtype=bool)
    for part in list(_each(x, _counts(y.shape, g), g))[:-1]:
        lost &= part != y
        result += lost
    return result


def _is_helped(g: Geometry, ndim: int) -> bool:
    """Whether helpers find the winners, and place elements there."""
    return tiles(g, ndim) and 2 < int(np.prod(g.window)) <= 256


def _argmax_text(node: Node) -> str:
    g, dtype = geometry(node.attrs), dtype_text(node.dtype)
    if _is_one_element(node):
        return f"_out = np.zeros({shape_text(node.shape)}, {dtype})"
    if _is_helped(g, len(node.shape)):
        return f"_out = _help_pool_winners(_0, _1, {g.window})"
    lost, further = _lost_texts(node)
    return f"_lost = {lost}\n_out = _lost.astype({dtype}){further}"


def _argmax_out(node: Node) -> OutForm | None:
    if _is_one_element(node):
        return OutForm("_out.fill(0)")
    lost, further = _lost_texts(node)
    return OutForm(f"_lost = {lost}\nnp.copyto(_out, _lost){further}")


def _lost_texts(node: Node) -> tuple[str, str]:
    """Count the places before the winner: those where this and all before it lost.

    Returns the text of whether the first one lost, and the statements for the others.
    """
    g, (x, y) = geometry(node.attrs), node.inputs
    lost, count = f"{_slices(x, node, g)[0]} != _1", int(np.prod(g.window))
    if count == 2:
        return lost, ""
    width = g.window[-1]
    at = ["_k"] if len(g.window) == 1 else [f"_k // {width}", f"_k % {width}"]
    if any(d > 1 for d in g.dilation):
        at = [f"({i})" for i in at]
    index = place_text(len(x.shape), _counts(y.shape, g), g, at)
    return lost, (
        f"\nfor _k in range(1, {count - 1}):\n"
        f"    _lost &= _0[{index}] != _1\n    _out += _lost"
    )


# The ordinal of the first place that holds the largest element; the last one for nan.
WINDOW_ARGMAX = primitive(
    "window_argmax",
    _infer_argmax,
    _evaluate_argmax,
    vjp=None,
    jvp=None,
    text=_argmax_text,
    facts=Facts(layout=kept, out_form=_argmax_out),
)


def _infer_pick(x: TensorType, index: TensorType, **attrs: Any) -> TensorType:
    return TensorType(index.shape, x.dtype)


def _evaluate_pick(x: Any, index: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(index.shape, dtype=x.dtype)
    for k, part in enumerate(_each(x, _counts(index.shape, g), g)):
        np.copyto(result, part, where=index == k)
    return result


def _pick_text(node: Node) -> str:
    g, (x, _) = geometry(node.attrs), node.inputs
    head, index, number = _loop(x, node, g)
    return (
        f"_out = np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})\n"
        f"{head}\n    np.copyto(_out, _0[{index}], where=_1 == {number})"
    )


def _place(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_PLACE, ct, inputs[1], shape=inputs[0].shape, **attrs)


WINDOW_PICK = multilinear(
    "window_pick",
    _infer_pick,
    _evaluate_pick,
    transposes={0: _place},
    text=_pick_text,
    rule="one element of every window",
    facts=Facts(layout=filled, rows=rows.along),
)


def _evaluate_place(x: Any, index: Any, *, shape: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(shape, dtype=x.dtype)
    for k, part in enumerate(_each(result, _counts(index.shape, g), g)):
        part += np.where(index == k, x, np.zeros((), x.dtype))
    return result


def _place_text(node: Node) -> str:
    g, dtype = geometry(node.attrs), dtype_text(node.dtype)
    zeros = f"np.zeros({shape_text(node.shape)}, {dtype})"
    if _is_helped(g, len(node.shape)):
        return f"_out = {zeros}\n_help_unpool(_0, _1, {g.window}, _out)"
    return f"_out = {zeros}\n{_placing(node)}"


def _placing(node: Node) -> str:
    g, (_, places_) = geometry(node.attrs), node.inputs
    head, index, number = _loop(node, places_, g)
    apart = all(
        k * d <= s for k, d, s in zip(g.window, g.dilation, g.stride, strict=True)
    )
    sign = "=" if apart else "+="  # places of windows that lie apart are written once
    value = f"np.where(_1 == {number}, _0, 0)"
    if node.dtype.is_bool:  # a mask of the elements that are read
        value = f"(_1 == {number}) & _0"
    return f"{head}\n    _out[{index}] {sign} {value}"


def _pick(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_PICK, ct, inputs[1], **geometry(attrs)._asdict())


WINDOW_PLACE = multilinear(
    "window_place",
    lambda x, index, *, shape, **attrs: TensorType(shape, x.dtype),
    _evaluate_place,
    transposes={0: _pick},
    text=_place_text,
    rule="to one element of every window",
    facts=Facts(
        stretches=(0,),
        zeros="placed apart",
        layout=filled,
        out_form=lambda node: OutForm(f"_out.fill(0)\n{_placing(node)}"),
    ),
)

# --- the sum --------------------------------------------------------------------------


def _evaluate_sum(x: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    slices = _each(x, _counts(with_counts(x.shape, g), g), g)
    result = next(slices).copy()
    for part in slices:
        result += part
    return result


def _sum_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    parts = _slices(x, node, g)
    if len(parts) <= _UNROLLED:
        return " + ".join(parts)
    head, index, _ = _loop(x, node, g)
    zeros = f"np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})"
    return f"_out = {zeros}\n{head}\n    _out += _0[{index}]"


def _spread(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_SPREAD, ct, shape=inputs[0].shape, **attrs)


WINDOW_SUM = multilinear(
    "window_sum",
    _infer_pool,
    _evaluate_sum,
    transposes={0: _spread},
    text=_sum_text,
    rule="every element gets the cotangents of its windows",
    facts=Facts(layout=kept, rows=rows.along, lends=_is_one_element),
)


def _evaluate_spread(x: Any, *, shape: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(shape, dtype=x.dtype)
    for part in _each(result, _counts(x.shape, g), g):
        part += x
    return result


def _spread_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    head, index, _ = _loop(node, x, g)
    zeros = f"np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})"
    return f"_out = {zeros}\n{head}\n    _out[{index}] += _0"


def _sum_again(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(WINDOW_SUM, ct, **geometry(attrs)._asdict())


WINDOW_SPREAD = multilinear(
    "window_spread",
    lambda x, *, shape, **attrs: TensorType(shape, x.dtype),
    _evaluate_spread,
    transposes={0: _sum_again},
    text=_spread_text,
    facts=Facts(stretches=(0,), layout=filled),
)
