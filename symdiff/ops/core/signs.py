"""Which values are never negative, as facts of ops.

In: a node and the signs of its operands: 2 for positive, 1 for not negative, 0 for
unknown. Out: the node's sign. Invariant: it holds for all values of the leaves but NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.graph.node import Node

ANY, NONNEGATIVE, POSITIVE = range(3)
SignRule = Callable[[Node, Sequence[int]], int]


def never_negative(node: Node, signs: Sequence[int]) -> int:
    """Not negative, whatever the operands are."""
    return NONNEGATIVE


def of_operand(node: Node, signs: Sequence[int]) -> int:
    """The sign of the operand."""
    return signs[0]


def least(node: Node, signs: Sequence[int]) -> int:
    """The sign of the operand about which least is known."""
    return min(signs)


def largest(node: Node, signs: Sequence[int]) -> int:
    """The sign of the operand about which most is known."""
    return max(signs)
