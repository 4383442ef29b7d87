"""A program's derivation, which `deriving` makes, and reports and pages read.

In: formulas, shapes and rules. Out: `Derivation`, an `Entry` for each value, a `Share`
for each contribution, a `Gradient` for each composed formula. Invariant: all of them
are frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from symdiff.emit.lower.source import Statement
from symdiff.emit.modules.bodies import Unit
from symdiff.explain.formulas import Formula
from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType


@dataclass(frozen=True)
class Share:
    """A contribution of one node to the cotangent of one of its operands.

    ``local`` is the partial derivative, where the operation acts on each element alone;
    ``formula`` is the contribution to the operand's cotangent, over the node's own.
    """

    source: str
    user: str
    local: Formula | None
    formula: Formula
    rule: str
    tensor: Tensor = field(repr=False, compare=False)


@dataclass(frozen=True)
class Entry:
    """One value of the forward graph, and its cotangent.

    ``role`` is "input", "target", "parameter", "state", "draw", "constant" or "" for
    what is computed; ``received`` are the contributions that add up to its cotangent.
    """

    name: str
    op: str
    role: str
    type: str
    statement: Statement | None
    formula: Formula | None
    operands: tuple[str, ...]
    readers: tuple[str, ...]
    rule: str
    hands: tuple[Share, ...]
    received: tuple[Share, ...]
    cotangent: str | None
    given: str  # the cotangent that it is given as a result, in words
    scope: tuple[str, ...]
    tensor: Tensor = field(repr=False, compare=False)

    @property
    def seed(self) -> bool:
        """Whether it is a result, which is given a cotangent."""
        return bool(self.given)

    @property
    def fans_out(self) -> bool:
        """Whether its cotangent is the sum of several contributions."""
        return len(self.received) > 1


@dataclass(frozen=True)
class Gradient:
    """A gradient as one formula; ``where`` has cotangents too long to write into it."""

    name: str
    cotangent: str
    type: str
    formula: Formula
    where: tuple[tuple[str, Formula], ...]
    more: bool  # whether ``where`` leaves out cotangents that the formula needs
    # the formulas as graph, by name
    tensors: Mapping[str, Tensor] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Carried:
    """A value that a loop carries from step to step.

    ``update`` is what it becomes where the body has no line of its own for that.
    ``back`` is the name of the cotangent that later steps hand back to it, and
    ``ended`` the cotangent that it has after the last step.
    """

    before: str
    after: str
    start: Formula
    first: str  # the name of the start, with the index that it has
    update: Formula | None
    back: str
    ended: str
    last_back: str  # ``back`` with the index of the last step


@dataclass(frozen=True)
class LoopRow:
    """A value of each step, and the sequence that has it as its row."""

    name: str
    of: Formula


@dataclass(frozen=True)
class BodySide:
    """The body of a loop, or one side of a branch, with its derivation."""

    title: str
    derivation: Derivation
    body: Body = field(repr=False, compare=False)
    # the cotangents of its outputs, by place
    seeds: tuple[tuple[int, Tensor], ...] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Opened:
    """A loop or branch from inside.

    ``index`` counts the steps of a loop and is empty for a branch; ``test`` is what a
    loop goes on for, or what a branch chooses by.
    """

    name: str
    index: str
    length: str
    reverse: bool
    carries: tuple[Carried, ...]
    rows: tuple[LoopRow, ...]
    test: Formula | None
    sides: tuple[BodySide, ...]
    tensor: Tensor = field(repr=False, compare=False)
    # the nodes of its results, by index
    items: Mapping[int, Node] = field(repr=False, compare=False)

    @property
    def results(self) -> int:
        """How many results it has."""
        kind = self.tensor.node.type
        assert isinstance(kind, TupleType)
        return len(kind.items)

    @property
    def steps(self) -> str:
        """How often the body runs, in words."""
        if self.test is not None:
            return f"for {self.index} = 0, 1, ... while {self.test.text}"
        order = f"reversed(range({self.length}))"
        return f"for {self.index} in {order if self.reverse else order[9:-1]}"


@dataclass(frozen=True)
class Lent:
    """What a loop hands back to an operand, by its place, as the rule built it."""

    contribution: Tensor
    loop: Node
    place: int


@dataclass(frozen=True)
class Derivation:
    """How a program is differentiated, node by node."""

    name: str
    entries: tuple[Entry, ...]
    gradients: tuple[Gradient, ...]
    results: tuple[str, ...]
    unit: Unit = field(repr=False, compare=False)
    cotangents: Mapping[str, Tensor] = field(repr=False, compare=False)
    stands: Mapping[Node, str] = field(repr=False, compare=False)
    # the TeX of names that others would look like
    symbols: Mapping[str, str] = field(repr=False, compare=False)
    # loops and branches from inside, by name
    opened: Mapping[str, Opened] = field(default_factory=dict, compare=False)
    # the contributions of loops, by the leaves that stand for them in formulas
    lent: Mapping[Node, Lent] = field(default_factory=dict, repr=False, compare=False)

    def reads(self, contribution: Tensor) -> list[Node]:
        """Return the nodes that a contribution is computed from.

        A leaf that stands for what a loop hands back is followed.
        """
        found = topological([contribution.node])
        inner = [self.lent[n].contribution.node for n in found if n in self.lent]
        return [*found, *topological(inner)] if inner else found

    @cached_property
    def _by_name(self) -> Mapping[str, Entry]:
        return {e.name: e for e in self.entries}

    def entry(self, name: str) -> Entry:
        """Return the entry with a name."""
        return self._by_name[name]
