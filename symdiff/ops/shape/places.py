"""Where the axes and parts of an operand are after a change of shape.

In: a node whose elements are those of its operand, or sums of them. Out: for each axis
of the node the axis of the operand that it is, or the index in the node of a part of
the operand; None where there is none. Invariant: only indices are computed, and no
graph is built.
"""

from __future__ import annotations

from symdiff.graph.node import Node
from symdiff.graph.types import Shape
from symdiff.ops.core.facts import Index

FULL = slice(None)


def repeated_axes(node: Node, source: Shape) -> list[int | None]:
    """Stretched axes are new; the others are the operand's last ones."""
    ahead = len(node.shape) - len(source)
    return [
        None if i < ahead or source[i - ahead] != d else i - ahead
        for i, d in enumerate(node.shape)
    ]


def permuted_axes(node: Node, source: Shape) -> list[int | None]:
    """The axes as the permutation has them."""
    return list(node.attrs["axes"])


def in_repeated(node: Node, index: Index) -> Index | None:
    """A part is repeated with its operand, but not along an axis that it is cut on."""
    source = node.inputs[0].shape
    ahead = len(node.shape) - len(index)
    pairs = zip(index, source, node.shape[ahead:], strict=True)
    if any(e != FULL and a != b for e, a, b in pairs):
        return None
    return (FULL,) * ahead + index


def in_permuted(node: Node, index: Index) -> Index | None:
    """A part is permuted as its operand is."""
    return tuple(index[a] for a in node.attrs["axes"])


def in_expanded(node: Node, index: Index) -> Index | None:
    """A part is whole along new axes."""
    axes, rest = node.attrs["axes"], iter(index)
    return tuple(FULL if i in axes else next(rest) for i in range(len(node.shape)))


def in_squeezed(node: Node, index: Index) -> Index | None:
    """A part loses the axes that its operand loses, if it is whole along them."""
    axes = node.attrs["axes"]
    if any(index[a] != FULL for a in axes):
        return None
    return tuple(e for i, e in enumerate(index) if i not in axes)


def in_summed(node: Node, index: Index) -> Index | None:
    """A sum of a part and of zeros is that of the part."""
    axes, keep = node.attrs["axes"], node.attrs["keepdims"]
    if keep:
        return tuple(FULL if i in axes else e for i, e in enumerate(index))
    return tuple(e for i, e in enumerate(index) if i not in axes)
