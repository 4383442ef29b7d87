"""Which scalars of a function are Python's numbers, and which have a dtype.

In: the values that a function computes, and those that it is given as Python floats.
Out: `Numbers`, decided before any text is made. Invariant: a Python float has no width
of its own, so it never widens an array. It is computed from literals and from other
such floats with Python's operators only, and never by an operation that raises where
NumPy gives inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdiff.graph.body import bodies_of
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.text import is_infix, op_text
from symdiff.ops.elementwise.arithmetic import DIV
from symdiff.plan.constraints import lengths_checked


@dataclass(frozen=True)
class Numbers:
    """How scalars are represented: those in ``python`` are Python floats.

    Those in ``unsafe`` divide by a length that may be 0, where NumPy's numbers give inf
    or nan and Python's raise.
    """

    python: frozenset[Node] = frozenset()
    unsafe: frozenset[Node] = frozenset()


def numbers_of(
    given: Iterable[Node],
    order: Sequence[Node],
    before: Sequence[Node] = (),
    weak: Iterable[Node] = (),
) -> Numbers:
    """Return the numbers among the nodes of ``order``, bodies included.

    The nodes of ``before``, and checks of their lengths, have run earlier; those of
    ``weak`` are given as Python floats.
    """
    found = _Finder(lengths_checked([*before, *order]), set(weak))
    found.walk(order, {*given})
    return Numbers(frozenset(found.python), frozenset(found.unsafe))


class _Finder:
    def __init__(self, checked: Callable[[], frozenset[object]], weak: set[Node]):
        self.checked = checked
        self.python = weak
        self.unsafe: set[Node] = set()

    def walk(self, order: Iterable[Node], given: set[Node]) -> None:
        """Look at the values of one body, operands first."""
        for node in order:
            if _is_by_length(node) and self._may_be_zero(node.inputs[1]):
                self.unsafe.add(node)
            elif node not in given and self._is_python(node):
                self.python.add(node)
            self._enter(node)

    def _enter(self, node: Node) -> None:
        """Classify the values in the bodies of a loop or branch.

        A Python float outside is one inside as well. Carries are arrays, whatever they
        start from.
        """
        bodies = bodies_of(node.attrs)
        first = node.attrs.get("carries", 0)
        skipped = 0 if "carries" in node.attrs else 1  # the predicate of a branch
        for body in bodies:
            outer = node.inputs[first + skipped :]
            pairs = zip(body.params[first:], outer, strict=True)
            self.python |= {p.node for p, i in pairs if i in self.python}
            order = topological([t.node for t in body.outputs])
            self.walk(order, {p.node for p in body.params})

    def _is_python(self, node: Node) -> bool:
        """Whether a value is computed by Python's operators from Python's numbers."""
        if isinstance(node.type, TupleType) or node.shape:
            return False
        if node.op is LITERAL or node.op.leaf or not node.inputs:
            return False
        number = (LITERAL, CONSTANT) if is_share(node) else (LITERAL,)
        if not all(i in self.python or i.op in number for i in node.inputs):
            return False
        return is_share(node) or (node.op.is_elementwise and is_infix(op_text(node)))

    def _may_be_zero(self, literal: Node) -> bool:
        """Whether a length is not checked to be at least 1."""
        checked = self.checked()
        waiting = [literal.attrs["value"]]
        while waiting:
            length = waiting.pop()
            if length in checked or (length.is_Integer and length >= 1):
                continue
            if not length.is_Mul:
                return True
            waiting += length.args
        return False


def is_share(node: Node) -> bool:
    """Whether a node is a constant over a length, as in the gradient of a mean."""
    if not _is_by_length(node) or node.shape or node.inputs[0].op is not CONSTANT:
        return False
    return bool(np.isfinite(node.inputs[0].attrs["value"]))


def _is_by_length(node: Node) -> bool:
    """Whether a node divides by lengths."""
    if node.op is not DIV or node.inputs[1].op is not LITERAL:
        return False
    return isinstance(node.inputs[1].attrs["value"], sp.Expr)
