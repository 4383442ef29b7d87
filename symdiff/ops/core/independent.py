"""The axes along which an op works independently, as facts for its record.

In: a node. Out: for each axis of its result, the corresponding axis of each operand
(None: the operand has no such axis, and is read whole); or None where elements along
the axis depend on each other. Invariant: ``f(x)[i] = f(x[i])`` for every index ``i`` on
such an axis, and the same holds for the rules of ``f``.
"""

from __future__ import annotations

from collections.abc import Callable

from symdiff.graph.node import Node

Axes = list["tuple[int | None, ...] | None"]
Independent = Callable[[Node], Axes]


def beside_axes(node: Node) -> Axes:
    """Of an op over ``axes`` (or ``axis``) of operands of one shape: all other axes."""
    attrs, x, count = node.attrs, node.inputs[0], len(node.inputs)
    over = attrs["axes"] if "axes" in attrs else (attrs["axis"],)
    all_axes: Axes = [None if i in over else (i,) * count for i in range(len(x.shape))]
    if len(node.shape) == len(x.shape):
        return all_axes
    return [a for a in all_axes if a is not None]


def of_matmul(node: Node) -> Axes:
    """Of ``a @ b``: the batch, the rows of a, the columns of b."""
    a, b = (len(i.shape) for i in node.inputs)
    found: Axes = [(i, i if b > 2 else None) for i in range(a - 2)]
    if a > 1:
        found.append((a - 2, None))
    if b > 1:
        found.append((None, b - 1))
    return found


def of_subscripts(terms: list[str], output: str) -> Axes:
    """Of a sum of products: every subscript of the result."""
    return [
        tuple(term.index(c) if c in term else None for term in terms) for c in output
    ]


def of_batch(node: Node) -> Axes:
    """Of an op on matrices in the last two axes: those ahead, which operands share."""
    ahead, count = len(node.inputs[0].shape) - 2, len(node.inputs)
    return [(i,) * count if i < ahead else None for i in range(len(node.shape))]
