"""The hash of a program's graph: equal exactly when two programs compute the same.

In: a `Program`. Out: a digest. Invariant: names, source lines, comments and initial
values are left out; lengths are numbered as they appear, leaves by role and position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.node import Node, array_digest, scalar_text, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import DType
from symdiff.plan.program import Program

_NAMES = frozenset(["name", "init", "sample", "low", "high"])


def fingerprint(program: Program) -> str:
    """Return the first 16 digits of the hash of a program's canonical graph."""
    writer = _Writer()
    p = program
    roles = (p.inputs, p.targets, p.seeds, p.params, p.states, p.randoms)
    for i, leaves in enumerate(roles):
        writer.leaves(str(i), leaves)
    named = (p.outputs, p.results, p.metrics, p.updates)
    groups = [[t for _, t in group] for group in named]
    for tensors in [*groups, list(p.gradients)]:
        writer.graph(tensors)
    wrt = [writer.numbers[t.node] for t in p.wrt]
    writer.digest.update(repr(wrt).encode())
    return writer.digest.hexdigest()[:16]


class _Writer:
    """Feeds a graph to a hash, node by node, each named by its number."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.numbers: dict[Node, int] = {}
        self._done: set[Node] = set()  # nodes that have a number
        self.lengths: dict[sp.Symbol, sp.Symbol] = {}
        self._texts: dict[sp.Expr, str] = {}  # of lengths

    def leaves(self, role: str, leaves: Iterable[Tensor]) -> None:
        """Write the leaves of a role, such as params, in order."""
        for t in leaves:
            if t.node not in self.numbers:
                self.numbers[t.node] = len(self.numbers)
                self._done.add(t.node)
                self._put(f"{role} {self._attrs(t.node)}")

    def graph(self, tensors: list[Tensor]) -> None:
        """Write the nodes that compute some results, and the numbers of the results."""
        for node in topological([t.node for t in tensors], self._done):
            self.numbers[node] = len(self.numbers)
            reads = [self.numbers[i] for i in node.inputs]
            self._put(f"{node.op.name}{reads}{self._attrs(node)}")
        self._put(repr([self.numbers[t.node] for t in tensors]))

    def _put(self, text: str) -> None:
        self.digest.update(f"{text};".encode())

    def _attrs(self, node: Node) -> str:
        if not node.attrs:
            return ""
        kept = sorted(k for k in node.attrs if k not in _NAMES)
        return " ".join(f"{k}={self._text(node.attrs[k])}" for k in kept)

    def _text(self, value: Any) -> str:
        match value:
            case sp.Expr():
                if value not in self._texts:
                    self._texts[value] = self._length(value)
                return self._texts[value]
            case DType():
                return str(value)
            case np.ndarray():
                return f"{value.dtype}{value.shape}{array_digest(value)}"
            case tuple() | list():
                return f"({', '.join(self._text(v) for v in value)})"
            case slice():
                return self._text((value.start, value.stop, value.step))
            case Body():
                return self._body(value)
            case None | bool() | int() | float() | str() | np.generic():
                return scalar_text(value)
        return type(value).__name__

    def _length(self, length: sp.Expr) -> str:
        for s in sorted(length.free_symbols, key=str):
            known = self.lengths.get(s)
            self.lengths[s] = known or sp.Symbol(f"d{len(self.lengths)}")
        return str(length.xreplace(self.lengths))

    def _body(self, body: Body) -> str:
        inner = _Writer()
        inner.lengths = self.lengths
        inner.leaves("bound", body.params)
        inner.graph(list(body.outputs))
        return inner.digest.hexdigest()
