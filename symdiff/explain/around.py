"""What a loop or branch has of the graph around it: its operands and results.

In: the graph, and the node of a loop or branch. Out: the terms of its operands and the
names of its results. Invariant: everything outside is called as it is outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdiff.emit.python import code as py
from symdiff.explain.formulas import Term, shown, term
from symdiff.explain.sweeping import Graph, Opener
from symdiff.explain.typeset import WRITER
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.tex import Tex
from symdiff.ops.core.tuples import ITEM

# Characters of the contribution of a step that is written into the sum over the steps.
BRIEF = 60


@dataclass
class Around:
    """A loop or branch in its graph.

    ``totals`` are the cotangents of its results, ``needs`` says which operands need
    one, and ``opener`` looks into the loops inside.
    """

    around: Graph
    tensor: Tensor
    totals: Sequence[Tensor | None]
    needs: Sequence[bool]
    opener: Opener

    def __post_init__(self) -> None:
        node = self.tensor.node
        self.attrs = node.attrs
        self.outer = [self._outside(n) for n in node.inputs]
        self.items = {
            t.node.attrs["index"]: t.node
            for t in self.around.order
            if t.node.op is ITEM and t.node.inputs[0] is node
        }
        self.taken = {*self.around.names.values(), *self.around.backs.values()}

    def _outside(self, node: Node) -> Term:
        known = self.around.terms.get(node)
        return term(node, self.around.terms) if known is None else known

    def result(self, index: int) -> str:
        """Return the name that a result has outside."""
        return self.around.names.get(self.items.get(index), "")  # type: ignore[arg-type]

    def result_back(self, index: int) -> str:
        """Return the name of a result's cotangent outside, or '' if it has none."""
        node = self.items.get(index)
        return (
            ""
            if self.totals[index] is None or node is None
            else self.around.backs[node]
        )

    def call(self) -> Term:
        """Return the loop or branch as a call with its operands."""
        op = self.tensor.node.op
        inside = r",\, ".join(t.tex.text for t in self.outer)
        tex = rf"\operatorname{{{WRITER.escaped(op.name)}}}\left({inside}\right)"
        text = py.Call(py.Name(op.name), tuple(t.text for t in self.outer))
        return Term(text, Tex(tex))


def plain(found: Term) -> str:
    """Return a term as text."""
    return shown(found).text
