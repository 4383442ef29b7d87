"""The attributes of an op that formulas show.

In: a node. Out: those of its attributes that change its value. Invariant: they are read
from the node, and an attribute that is left out changes no finite value.
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
        if name not in (*skipped, *_UNTOLD, *node.op.facts.untold)
        and value is not None
        and not (isinstance(value, int) and value == 0)
        and _is_told(value)
    ]


def _is_told(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_told, value))
    return value is None or isinstance(value, (int, float, str, slice, sp.Expr, Body))
