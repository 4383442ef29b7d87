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
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor


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
    seed: bool
    scope: tuple[str, ...]
    tensor: Tensor = field(repr=False, compare=False)

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

    @cached_property
    def _by_name(self) -> Mapping[str, Entry]:
        return {e.name: e for e in self.entries}

    def entry(self, name: str) -> Entry:
        """Return the entry with a name."""
        return self._by_name[name]
