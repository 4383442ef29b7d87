"""Windows read by one strided slice per place: what ops over them have in common.

In: a node, another one whose shape counts the windows, and their geometry. Out: types,
texts and arrays. Invariant: place after place, in C order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.types import Shape, TensorType
from symdiff.ops.core.text import dim_text
from symdiff.ops.windows.views import (
    Geometry,
    along,
    geometry,
    loop_text,
    place_text,
    places,
    with_counts,
)

UNROLLED = 4  # windows of so few places are written out


def counts_of(shape: Shape, g: Geometry) -> Shape:
    return tuple(shape[a] for a in g.axes)


def slices_of(node: Node, counted: Node, g: Geometry, operand: str = "_0") -> list[str]:
    """Return the text of ``operand`` at each place of the window."""
    counts = counts_of(counted.shape, g)
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


def loop_over(node: Node, counted: Node, g: Geometry) -> tuple[str, str, str]:
    """Return the loop's head, the index of a place, and the place's ordinal."""
    head, at = loop_text(g)
    index = place_text(len(node.shape), counts_of(counted.shape, g), g, at)
    return head, index, _number_text(at, g.window)


def is_one_element(node: Node) -> bool:
    """Whether windows have one element, so that their text is a view."""
    return int(np.prod(node.attrs["window"])) == 1


def infer_pool(t: TensorType, **attrs: Any) -> TensorType:
    return TensorType(with_counts(t.shape, geometry(attrs)), t.dtype)


def each_place(x: Any, counts: Sequence[int], g: Geometry) -> Any:
    """Yield the slice of x at each place of the window."""
    return (places(x, counts, g, at) for at in np.ndindex(g.window))


def over_places(x: Any, attrs: Any, combine: np.ufunc) -> Any:
    """Return what ``combine`` makes of the elements of each window."""
    g = geometry(attrs)
    slices = each_place(x, counts_of(with_counts(x.shape, g), g), g)
    result = next(slices).copy()
    for part in slices:
        combine(result, part, out=result)
    return result
