"""What each step costs: operations, memory traffic, and memory that is live.

In: a derivation. Out: `Costs`, as formulas in the dims and as numbers where those are
given. Invariant: counted from types alone, a node a step, as declared: the generated
code shares, fuses and reuses, so this is what it starts from and never more than it
needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TensorType, TupleType, product
from symdiff.plan.cost import formulas

BAR = 20  # columns of the picture
ELSE = 32  # what a length is taken to be that is not given


@dataclass(frozen=True)
class CostStep:
    """The computation of one value, and the bytes that are live after it."""

    name: str
    phase: str
    flops: sp.Expr
    bytes: sp.Expr
    live: sp.Expr

    def renamed(self, names: Mapping[sp.Symbol, sp.Symbol]) -> CostStep:
        """Return the step with its lengths called otherwise."""
        flops, moved, live = (
            f.xreplace(dict(names)) for f in (self.flops, self.bytes, self.live)
        )
        return CostStep(self.name, self.phase, flops, moved, live)


@dataclass(frozen=True)
class Costs:
    """All steps, and the lengths at which numbers are shown."""

    steps: tuple[CostStep, ...]
    lengths: Mapping[sp.Symbol, int]
    _known: dict[sp.Expr, int] = field(default_factory=dict, repr=False, compare=False)

    def at(self, formula: sp.Expr) -> int:
        """Return a formula's number at the lengths."""
        if formula not in self._known:
            self._known[formula] = int(sp.ceiling(formula.subs(self.lengths)))
        return self._known[formula]

    @property
    def peak(self) -> CostStep:
        """The first step at which most memory is live, at the lengths."""
        return max(self.steps, key=lambda s: self.at(s.live))

    def share(self, step: CostStep) -> float:
        """Return a step's live memory as a part of the most that is live."""
        return self.at(step.live) / max(self.at(self.peak.live), 1)

    def total(self, phase: str = "") -> tuple[sp.Expr, sp.Expr]:
        """Return operations and bytes of a phase, or of all."""
        chosen = [s for s in self.steps if phase in ("", s.phase)]
        return (
            sp.expand(sp.Add(*(s.flops for s in chosen))),
            sp.expand(sp.Add(*(s.bytes for s in chosen))),
        )

    def lines(self) -> Iterable[str]:
        """Return the table as text, with a bar for the live memory."""
        yield self.title
        yield ""
        width = max([len(s.name) for s in self.steps] + [12])
        yield f"  {'step':{width}}  {'flops':>12}  {'bytes':>12}  {'live bytes':>12}"
        phase = ""
        for step in self.steps:
            if step.phase != phase:
                phase = step.phase
                yield f"  {phase}"
            live = self.at(step.live)
            bar = "#" * max(round(BAR * self.share(step)), 1 if live else 0)
            shown = f"{self.at(step.flops):>12,}  {self.at(step.bytes):>12,}"
            yield f"  {step.name:{width}}  {shown}  {live:>12,}  {bar}".rstrip()
        yield ""
        yield from (f"  {line}" for line in self.sums())

    @property
    def title(self) -> str:
        """The headline, with the lengths."""
        lengths = ", ".join(f"{s} = {n}" for s, n in self.lengths.items())
        return f"Cost of each step, in float32{f', at {lengths}' if lengths else ''}"

    def sums(self) -> Iterable[str]:
        """Return what the steps add up to, as formulas."""
        for phase in ("forward", "backward", ""):
            flops, moved = self.total(phase)
            yield f"{phase or 'total'}: {_text(flops)} flops, {_text(moved)} bytes"
        if self.steps:
            peak = self.peak
            yield f"most live, after {peak.name}: {_text(peak.live)} bytes"


def costs(derivation: Derivation, lengths: Mapping[str, int] | None = None) -> Costs:
    """Return the cost of every step, forward then backward.

    ``lengths`` are what symbolic lengths are taken to be for numbers; 32 by default.
    """
    entries = [e for e in derivation.entries if not e.role]
    known = {t.node: name for name, t in derivation.cotangents.items()}
    known |= derivation.stands
    forward = _Phase("forward")
    backward = _Phase("backward")
    for entry in entries:
        forward.add(entry.name, [entry.tensor.node], entry.operands, entry)
    for entry in reversed(derivation.entries):
        if entry.cotangent is not None and entry.received:
            nodes, reads = _rule(entry, known)
            backward.add(entry.cotangent, nodes, reads, entry)
    kept = {e.cotangent for e in derivation.entries if e.role and e.cotangent}
    kept |= {derivation.entries[-1].name, *derivation.results}
    steps = _live([*forward.rows, *backward.rows], kept)
    symbols = sorted(
        {d for s in steps for f in (s.flops, s.live) for d in f.free_symbols}, key=str
    )
    given = lengths or {}
    _check_lengths(given, symbols, derivation)
    names = derivation.unit.names
    shown = {s: sp.Symbol(names.dim(str(s)), **s.assumptions0) for s in symbols}
    told = [s.renamed(shown) for s in steps]
    return Costs(tuple(told), {shown[s]: given.get(str(s), ELSE) for s in symbols})


def _check_lengths(
    given: Mapping[str, int], symbols: Iterable[sp.Symbol], derivation: Derivation
) -> None:
    """Raise where a length is given that the model does not have."""
    known = {str(s) for s in symbols}
    for leaf in derivation.unit.program.leaves:
        lengths = [d for d in leaf.shape if isinstance(d, sp.Expr)]
        known |= {str(s) for d in lengths for s in d.free_symbols}
    for name in given:
        if name not in known:
            has = (
                f"its lengths are {', '.join(sorted(known))}"
                if known
                else "it has none"
            )
            raise DeclarationError(f"{derivation.name!r} has no length {name}; {has}.")


@dataclass(frozen=True)
class _Row:
    name: str
    phase: str
    flops: sp.Expr
    bytes: sp.Expr
    size: sp.Expr
    reads: tuple[str, ...]
    view: bool  # of the first that it reads


class _Phase:
    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[_Row] = []

    def add(
        self, name: str, nodes: list[Node], reads: Iterable[str], entry: Entry
    ) -> None:
        flops, moved = formulas(nodes)
        read = tuple(reads)
        view = bool(read) and all(n.op.view for n in nodes)
        size = sp.Integer(0) if view else _size(entry.tensor.node)
        self.rows.append(_Row(name, self.name, flops, moved, size, read, view))


def _rule(entry: Entry, known: Mapping[Node, str]) -> tuple[list[Node], list[str]]:
    """Return what a cotangent is computed by, and the values that this reads."""
    nodes: dict[Node, None] = {}
    reads: dict[str, None] = {}
    for share in entry.received:
        for node in topological([share.tensor.node]):
            if node in known:
                reads[known[node]] = None
            else:
                nodes[node] = None
    return list(nodes), list(reads)


def _live(rows: list[_Row], kept: set[str]) -> list[CostStep]:
    """Return the steps with what is live after each: made by then and read later."""
    last: dict[str, int] = {}
    owner: dict[str, str] = {}  # whose memory a view shows
    for i, row in enumerate(rows):
        reads = [owner.get(name, name) for name in row.reads]
        owner[row.name] = reads[0] if row.view else row.name
        for name in (owner[row.name], *reads):
            last[name] = i
    for name in kept:
        last[owner.get(name, name)] = len(rows)
    sizes = {row.name: row.size for row in rows}
    freed: dict[int, list[str]] = {}
    for name, i in last.items():
        freed.setdefault(i, []).append(name)
    live = sp.Integer(0)
    steps: list[CostStep] = []
    for i, row in enumerate(rows):
        live = live + row.size
        steps.append(
            CostStep(row.name, row.phase, row.flops, row.bytes, sp.expand(live))
        )
        live = live - sp.Add(*(sizes[n] for n in freed.get(i, ()) if n in sizes))
    return steps


def _size(node: Node) -> Any:
    """Return the bytes of a node's results in float32."""
    kinds: tuple[TensorType, ...] = (
        node.type.items if isinstance(node.type, TupleType) else (node.tensor_type,)
    )
    total = sp.Integer(0)
    for kind in kinds:
        digits = "".join(c for c in kind.dtype.name if c.isdigit())
        width = int(digits) // 8 if digits else 4 if kind.dtype.is_float else 1
        total += width * sp.sympify(product(kind.shape))
    return sp.expand(total)


def _text(formula: sp.Expr) -> str:
    return str(formula).replace("**", "^")
