"""The arguments after the operands, where an op is written as a function.

In: a node. Out: names and values of arguments. Invariant: an argument that is left out
has the value that the public function of that name takes for it, or changes nothing.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from symdiff.graph.node import Node
from symdiff.ops.core.operands import API
from symdiff.ops.core.told import Given, told_attributes


def call_arguments(node: Node) -> Given:
    """Return the arguments after the operands where an op is written as a function.

    The axes come first, unless they are those that it works along without being told,
    which are all axes for a reduction.
    """
    if not _has_axes(node):
        return _unusual(node, told_attributes(node))
    rest = _unusual(node, told_attributes(node, ("axis", "axes")))
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = (given,) if isinstance(given, int) else given
    ndim = len(node.inputs[0].shape)
    usual: tuple[int, ...] = tuple(range(ndim))
    if node.shape == node.inputs[0].shape and not _takes_all(node.op.name):
        usual = (ndim - 1,)
    return (
        rest
        if axes == usual
        else [("axis", axes[0] if len(axes) == 1 else axes), *rest]
    )


def _unusual(node: Node, given: Given) -> Given:
    """Return the arguments without words that the public function takes by itself."""
    usual = _defaults(node.op.name)
    return [
        (name, v) for name, v in given if not isinstance(v, str) or usual.get(name) != v
    ]


def has_function(node: Node) -> bool:
    """Whether a public function has the name of a node's op."""
    return API.get(node.op.name) is not None


@cache
def _defaults(name: str) -> dict[str, Any]:
    """Return what the public function of that name takes for what is not told."""
    function = API.get(name)
    if function is None:
        return {}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _takes_all(name: str) -> bool:
    """Whether a function that keeps the shape works on all elements if not told."""
    return _defaults(name).get("axis", "") is None


def _has_axes(node: Node) -> bool:
    """Whether an op works along axes that its attributes name."""
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = given if isinstance(given, tuple) else (given,)
    return bool(node.inputs) and all(isinstance(a, int) for a in axes)
