"""Which values are never negative, as facts of ops.

In: a node and the signs of its operands: 2 for what is positive, 1 for what is not
negative, 0 for all else. Out: its sign. Invariant: it holds for every value of the
leaves that is no NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.graph.node import Node

ANY, NONNEGATIVE, POSITIVE = range(3)
SignRule = Callable[[Node, Sequence[int]], int]


def never_negative(node: Node, signs: Sequence[int]) -> int:
    """Whatever the operands are."""
    return NONNEGATIVE


def of_operand(node: Node, signs: Sequence[int]) -> int:
    """As the operand."""
    return signs[0]


def least(node: Node, signs: Sequence[int]) -> int:
    """As that of the operands of which least is known."""
    return min(signs)


def largest(node: Node, signs: Sequence[int]) -> int:
    """As that of the operands of which most is known."""
    return max(signs)
