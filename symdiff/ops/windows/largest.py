"""The largest element of sliding windows, and which one it is.

`window_argmax` names the first largest element of each window; `window_pick` and its
transpose `window_place` read and write there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType
from symdiff.graph.types import dtype as as_dtype
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import (
    Layout,
    Seen,
    as_operands,
    c_order,
    filled,
    kept,
)
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.outforms import Aside, OutForm
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import dtype_text
from symdiff.ops.windows.helpers import tiles
from symdiff.ops.windows.sliding import (
    UNROLLED,
    counts_of,
    each_place,
    infer_pool,
    is_one_element,
    loop_over,
    over_places,
    slices_of,
)
from symdiff.ops.windows.views import Geometry, geometry, place_text


def _evaluate_max(x: Any, **attrs: Any) -> Any:
    return over_places(x, attrs, np.maximum)


def _max_text(node: Node) -> str:
    g, (x,) = geometry(node.attrs), node.inputs
    parts = slices_of(x, node, g)
    if len(parts) <= UNROLLED:
        while len(parts) > 1:
            pairs = itertools.zip_longest(parts[::2], parts[1::2])
            parts = [a if b is None else f"np.maximum({a}, {b})" for a, b in pairs]
        return parts[0]
    head, index, _ = loop_over(x, node, g)
    return (
        f"_out = {parts[0]}.copy()\n{head}\n    np.maximum(_out, _0[{index}], out=_out)"
    )


def _max_out(node: Node) -> OutForm | None:
    """The same maxima, the second of two pairs in memory aside."""
    g, (x,) = geometry(node.attrs), node.inputs
    parts = slices_of(x, node, g)
    if len(parts) > UNROLLED:
        head, index, _ = loop_over(x, node, g)
        first = f"np.copyto(_out, {parts[0]})"
        return OutForm(f"{first}\n{head}\n    np.maximum(_out, _0[{index}], out=_out)")
    if len(parts) < 2:
        return None
    lines = [f"np.maximum({parts[0]}, {parts[1]}, out=_out)"]
    if len(parts) == 3:
        lines.append(f"np.maximum(_out, {parts[2]}, out=_out)")
    if len(parts) < 4:
        return OutForm("\n".join(lines))
    lines.append(f"np.maximum({parts[2]}, {parts[3]}, out=_aside_0)")
    lines.append("np.maximum(_out, _aside_0, out=_out)")
    return OutForm("\n".join(lines), asides=(Aside(node.dtype),))


def _max_layout(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """That of the operand, which the slices share; a copy is in C order."""
    count = int(np.prod(node.attrs["window"]))
    if count > UNROLLED:
        return filled(node, base, seen)
    return (kept if count == 1 else as_operands)(node, base, seen)


def _argmax(x: Tensor, output: Tensor, attrs: Any) -> Tensor:
    return hinted(apply(WINDOW_ARGMAX, x, output, **attrs), "winner")


def _max_vjp(ct: Tensor, y: Tensor, inputs: Any, attrs: Any, needs: Any) -> Cotangents:
    (x,) = inputs
    return [apply(WINDOW_PLACE, ct, _argmax(x, y, attrs), shape=x.shape, **attrs)]


def _max_jvp(tangents: Any, y: Tensor, inputs: Any, attrs: Any) -> Tensor:
    return apply(WINDOW_PICK, tangents[0], _argmax(inputs[0], y, attrs), **attrs)


MAX_POOL = primitive(
    "max_pool",
    infer_pool,
    _evaluate_max,
    vjp=_max_vjp,
    jvp=_max_jvp,
    text=_max_text,
    rule="all to the first largest element of the window",
    facts=Facts(
        layout=_max_layout, out_form=_max_out, rows=rows.along, lends=is_one_element
    ),
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
    for part in list(each_place(x, counts_of(y.shape, g), g))[:-1]:
        lost &= part != y
        result += lost
    return result


def _is_helped(g: Geometry, ndim: int) -> bool:
    """Whether helpers find the winners, and place elements there."""
    return tiles(g, ndim) and 2 < int(np.prod(g.window)) <= 256


def _argmax_text(node: Node) -> str:
    g, dtype = geometry(node.attrs), dtype_text(node.dtype)
    if is_one_element(node):
        return f"_out = np.zeros({shape_text(node.shape)}, {dtype})"
    if _is_helped(g, len(node.shape)):
        return f"_out = _help_pool_winners(_0, _1, {g.window})"
    lost, further = _lost_texts(node)
    return f"_lost = {lost}\n_out = _lost.astype({dtype}){further}"


def _argmax_out(node: Node) -> OutForm | None:
    if is_one_element(node):
        return OutForm("_out.fill(0)")
    g, (x, _) = geometry(node.attrs), node.inputs
    lines = [
        f"np.not_equal({slices_of(x, node, g)[0]}, _1, out=_aside_0)",
        "np.copyto(_out, _aside_0)",
    ]
    asides = [Aside(as_dtype("bool"))]
    if (further := _later_places(node)) is not None:
        head, index = further
        lines += [
            head,
            f"    np.not_equal(_0[{index}], _1, out=_aside_1)",
            "    np.logical_and(_aside_0, _aside_1, out=_aside_0)",
            "    np.add(_out, _aside_0, out=_out)",
        ]
        asides *= 2
    return OutForm("\n".join(lines), asides=tuple(asides))


def _argmax_layout(
    node: Node, base: Layout | None, seen: Sequence[Seen]
) -> Layout | None:
    """That of the largest elements, which the helper takes; else the shared one."""
    if is_one_element(node):
        return filled(node, base, seen)
    helped = _is_helped(geometry(node.attrs), len(node.shape))
    return as_operands(node, base, seen[1:] if helped else seen)


def _lost_texts(node: Node) -> tuple[str, str]:
    """Count the places before the winner: those where this and all before it lost.

    Returns the text of whether the first one lost, and the statements for the others.
    """
    (x, _), g = node.inputs, geometry(node.attrs)
    lost, further = f"{slices_of(x, node, g)[0]} != _1", _later_places(node)
    if further is None:
        return lost, ""
    head, index = further
    return lost, f"\n{head}\n    _lost &= _0[{index}] != _1\n    _out += _lost"


def _later_places(node: Node) -> tuple[str, str] | None:
    """Return a loop over the places but the first and the last, and their index."""
    g, (x, y) = geometry(node.attrs), node.inputs
    count = int(np.prod(g.window))
    if count == 2:
        return None
    width = g.window[-1]
    at = ["_k"] if len(g.window) == 1 else [f"_k // {width}", f"_k % {width}"]
    if any(d > 1 for d in g.dilation):
        at = [f"({i})" for i in at]
    index = place_text(len(x.shape), counts_of(y.shape, g), g, at)
    return f"for _k in range(1, {count - 1}):", index


# The ordinal of the first place that holds the largest element; the last one for nan.
WINDOW_ARGMAX = primitive(
    "window_argmax",
    _infer_argmax,
    _evaluate_argmax,
    vjp=None,
    jvp=None,
    text=_argmax_text,
    facts=Facts(layout=_argmax_layout, out_form=_argmax_out),
)


def _infer_pick(x: TensorType, index: TensorType, **attrs: Any) -> TensorType:
    return TensorType(index.shape, x.dtype)


def _evaluate_pick(x: Any, index: Any, **attrs: Any) -> Any:
    g = geometry(attrs)
    result = np.zeros(index.shape, dtype=x.dtype)
    for k, part in enumerate(each_place(x, counts_of(index.shape, g), g)):
        np.copyto(result, part, where=index == k)
    return result


def _pick_text(node: Node) -> str:
    g, (x, _) = geometry(node.attrs), node.inputs
    head, index, number = loop_over(x, node, g)
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
    for k, part in enumerate(each_place(result, counts_of(index.shape, g), g)):
        part += np.where(index == k, x, np.zeros((), x.dtype))
    return result


def _is_unpooled(node: Node) -> bool:
    """Whether a helper places the elements of an array, and no repeated number."""
    d = node.inputs[0]
    plain = d.op is not LITERAL and not d.op.facts.repeats and bool(d.shape)
    return plain and _is_helped(geometry(node.attrs), len(node.shape))


def _place_text(node: Node) -> str:
    g, dtype = geometry(node.attrs), dtype_text(node.dtype)
    shape = shape_text(node.shape)
    if _is_unpooled(node):
        return f"_out = _help_unpool(_0, _1, {g.window}, {shape})"
    return f"_out = np.zeros({shape}, {dtype})\n{_placing(node)}"


def _place_out(node: Node) -> OutForm:
    """Where windows lie apart, a cotangent's bits times 1 or 0, as `where` has it."""
    d, places_ = node.inputs
    g, shape = geometry(node.attrs), list(node.shape)
    for axis, k in zip(g.axes, g.window, strict=True):
        shape[axis] = places_.shape[axis] * k
    full = tiles(g, len(shape)) and tuple(shape) == node.shape
    start = "" if full else "_out.fill(0)\n"  # else every element is written
    plain = d.op is LITERAL or d.op.facts.repeats or d.dtype != node.dtype
    if plain or node.dtype.name != "float" or not _lie_apart(g):
        return OutForm(f"{start}{_placing(node)}")
    head, index, number = loop_over(node, places_, g)
    part = f"_out[{index}]"
    lines = [
        head,
        f"    np.equal(_1, {number}, out=_aside_0)",
        f"    np.multiply(_aside_1.view(_bits), _aside_0, out={part}.view(_bits))",
    ]
    asides = (Aside(as_dtype("bool"), 1), Aside(d.dtype, 1, holds=0))
    return OutForm(start + "\n".join(lines), asides=asides)


def _place_layout(
    node: Node, base: Layout | None, seen: Sequence[Seen]
) -> Layout | None:
    """That of the winners, where the helper makes zeros like them; else C order.

    The place of an axis with one window is not known from them.
    """
    g, winner = geometry(node.attrs), node.inputs[1]
    if not _is_unpooled(node):
        return filled(node, base, seen)
    found = as_operands(node, base, seen[1:])
    several = all(
        isinstance(n, int) and n > 1 for n in (winner.shape[a] for a in g.axes)
    )
    return found if several or found == c_order(len(node.shape)) else None


def _lie_apart(g: Geometry) -> bool:
    """Whether no two windows have an element in common."""
    return all(
        k * d <= s for k, d, s in zip(g.window, g.dilation, g.stride, strict=True)
    )


def _placing(node: Node) -> str:
    g, (_, places_) = geometry(node.attrs), node.inputs
    head, index, number = loop_over(node, places_, g)
    sign = "=" if _lie_apart(g) else "+="  # each place is then written once
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
        layout=_place_layout,
        out_form=_place_out,
    ),
)
