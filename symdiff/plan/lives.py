"""How each node of a body is computed, and how long its memory is needed.

In: nodes in the order in which they are computed, one operation each. Out: `Lives`.
Invariant: a value lives until its last read, which includes reads through views.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.types import TupleType
from symdiff.ops.core.layouts import Layout, c_order
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.text import is_statements, op_text, operations
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.layout import layout_of
from symdiff.plan.outform import out_form
from symdiff.plan.schedule import MOST_OPERATIONS


@dataclass(slots=True)
class Lives:
    """The nodes of a body: how each is computed, who owns its memory, and how long."""

    order: list[Node]
    keep: set[Node]
    same: dict[Node, Node]
    numbers: set[Node]
    forms: dict[Node, OutForm] = field(default_factory=dict)
    inline: set[Node] = field(default_factory=set)
    # the nodes whose memory a value may share, itself included
    owners: dict[Node, frozenset[Node]] = field(default_factory=dict)
    layouts: dict[Node, Layout | None] = field(default_factory=dict)
    last: dict[Node, int] = field(default_factory=dict)  # when an owner is read last
    ends: set[Node] = field(default_factory=set)  # values of destinations
    any_layout: bool = False  # a result may lie in another order than NumPy would take

    def prepare(self) -> None:
        """Decide how each node is computed, and its live range."""
        self._classify()
        self._find_last_reads()

    # --- what kind of statement each node is ------------------------------------------

    def _classify(self) -> None:
        reads: dict[Node, int] = {}
        for node in self.order:
            for i in node.inputs:
                reads[i] = reads.get(i, 0) + 1
        wanted = self.keep | self.ends
        cost: dict[Node, int] = {}
        for node in self.order:
            if node.op is LITERAL:  # a result that is a literal
                self._given(node)
                self.inline.add(node)
                continue
            for i in node.inputs:
                if i not in self.owners:
                    self._given(i)
            self.layouts[node] = self._layout(node)
            if node in self.same:
                self.layouts[node] = self.layouts.get(self.same[node])
            sources = [self.owners[i] for i in node.inputs]
            below = frozenset[Node]().union(*sources)
            if isinstance(node.type, TupleType):
                self.several(node, below)
            elif node.op is ITEM and self.is_held(node):
                self.owners[node] = below
                self.layouts[node] = c_order(len(node.shape))
                self.inline.add(node)
            elif node in self.same:
                self.owners[node] = self.owners[self.same[node]]
                self.inline.add(node)
            elif node.op.view and node.inputs:
                self.owners[node] = self.owners[node.inputs[0]]
                self.inline.add(node)
            elif not node.shape:
                self._scalar(node, below, reads, cost, wanted)
            else:
                self._array(node, below)

    def _layout(self, node: Node) -> Layout | None:
        """Return the layout that NumPy gives a result, or C order where it may be."""
        found = layout_of(node, self.layouts)
        if found is not None or not self.any_layout or node.op.view:
            return found
        return None if isinstance(node.type, TupleType) else c_order(len(node.shape))

    def _given(self, node: Node) -> None:
        scalar = node in self.numbers or node.op is LITERAL
        self.owners[node] = frozenset() if scalar else frozenset([node])
        if not isinstance(node.type, TupleType):
            self.layouts.setdefault(node, c_order(len(node.shape)))

    def several(self, node: Node, below: frozenset[Node]) -> None:
        """Note who owns the results of a node with several."""
        self.owners[node] = below | {node}

    def is_held(self, node: Node) -> bool:
        """Whether a result lies in memory that the node it is of was given."""
        return False

    def _scalar(
        self,
        node: Node,
        below: frozenset[Node],
        reads: Mapping[Node, int],
        cost: dict[Node, int],
        wanted: set[Node],
    ) -> None:
        """Make a scalar a statement if it reads arrays, is read twice or is long."""
        fresh = node.op.is_elementwise or node.op.linear_in or node.op.facts.fresh
        self.owners[node] = frozenset() if fresh else below
        inlined = [i for i in node.inputs if i in self.inline and not i.op.view]
        cost[node] = operations(op_text(node)) + sum(cost.get(i, 0) for i in inlined)
        simple = not below and reads.get(node, 0) <= 1 and node not in wanted
        simple = simple and not is_statements(op_text(node))
        if simple and cost[node] <= MOST_OPERATIONS:
            self.inline.add(node)

    def _array(self, node: Node, below: frozenset[Node]) -> None:
        form = out_form(node)
        late = any(map(is_counted, node.shape))  # known only after a loop
        if form is not None and self.layouts[node] is not None and not late:
            self.forms[node] = form
            self.owners[node] = frozenset([node])
        else:  # NumPy's result may be a view of an operand
            fresh = form is not None or node.op.is_elementwise
            self.owners[node] = frozenset([node]) if fresh else below | {node}

    # --- how long memory is needed ----------------------------------------------------

    def _find_last_reads(self) -> None:
        end = len(self.order)
        for at, node in enumerate(self.order):
            for owner in self.owners[node]:
                self.last.setdefault(owner, at)
            if node in self.inline:
                continue
            for i in self._read_by(node):
                for owner in self.owners[i]:
                    self.last[owner] = at
        for node in [*self.keep, *self.ends]:
            if node not in self.owners:
                self._given(node)
            for owner in self.owners[node]:
                self.last[owner] = end

    def _read_by(self, node: Node) -> list[Node]:
        """Return the nodes that a statement reads, through inlined nodes as well."""
        found, waiting = [], list(node.inputs)
        while waiting:
            i = waiting.pop()
            found.append(i)
            if i in self.inline:
                waiting.extend(i.inputs)
        return found
