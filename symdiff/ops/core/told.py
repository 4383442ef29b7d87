"""The attributes of an op that formulas show.

In: a node. Out: those of its attributes that change its value. Invariant: they are read
from the node, and an attribute that is left out changes no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.node import Node

_UNTOLD = ("unique", "dtype")  # these change no value, or only its type

Given = list[tuple[str, Any]]


def told_attributes(node: Node, skipped: Sequence[str] = ()) -> Given:
    """Return the attributes that an op is called with, by name.

    Those that are None are left out, and so is an offset of 0. A body is shown as a
    digest of its structure.
    """
    return [
        (name, value.key[:8] if isinstance(value, Body) else value)
        for name, value in node.attrs.items()
        if name not in (*skipped, *_UNTOLD)
        and value is not None
        and not (isinstance(value, int) and value == 0)
        and _is_told(value)
    ]


def _is_told(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_told, value))
    return value is None or isinstance(value, (int, float, str, slice, sp.Expr, Body))


def call_arguments(node: Node) -> Given:
    """Return the arguments after the operands where an op is written as a function.

    The axes come first, unless they are the usual ones: all axes for a reduction, the
    last one for an op that keeps the shape.
    """
    if not _has_axes(node):
        return told_attributes(node)
    rest = told_attributes(node, ("axis", "axes"))
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = (given,) if isinstance(given, int) else given
    ndim = len(node.inputs[0].shape)
    kept = node.shape == node.inputs[0].shape
    if axes == ((ndim - 1,) if kept else tuple(range(ndim))):
        return rest
    return [("axis", axes[0] if len(axes) == 1 else axes), *rest]


def _has_axes(node: Node) -> bool:
    """Whether an op works along axes that its attributes name."""
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = given if isinstance(given, tuple) else (given,)
    return bool(node.inputs) and all(isinstance(a, int) for a in axes)
