"""What each step costs: operations, memory traffic, and memory that is live.

In: a derivation. Out: `Costs`, as formulas in the dims and as numbers where those are
given. Invariant: counted from types alone, for the program of optimisation level 0,
where nothing is simplified; each node is counted once, in the first step that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import sympy as sp

from symdiff.explain.derivation import Derivation
from symdiff.explain.spending import live, spending
from symdiff.graph.errors import DeclarationError
from symdiff.plan.cost import Formula, formulas, has_open_loop, whole

BAR = 20  # columns of the picture
ELSE = 32  # the length of a dim that is not given


@dataclass(frozen=True)
class CostStep:
    """The computation of one value, and the most bytes that are live during it."""

    name: str
    phase: str
    flops: sp.Expr
    bytes: sp.Expr
    live: sp.Expr

    def renamed(self, names: Mapping[sp.Symbol, sp.Symbol]) -> CostStep:
        """Return the step with its dims renamed."""
        flops, moved, live = (
            f.xreplace(dict(names)) for f in (self.flops, self.bytes, self.live)
        )
        return CostStep(self.name, self.phase, flops, moved, live)


@dataclass(frozen=True)
class Costs:
    """All steps, and the lengths at which numbers are shown."""

    steps: tuple[CostStep, ...]
    lengths: Mapping[sp.Symbol, int]
    one_turn: bool = False  # of while loops whose turns nothing counts
    _known: dict[sp.Expr, int] = field(default_factory=dict, repr=False, compare=False)

    def at(self, formula: sp.Expr) -> int:
        """Return the value of a formula at the lengths."""
        if formula not in self._known:
            self._known[formula] = int(sp.ceiling(formula.subs(self.lengths)))
        return self._known[formula]

    @property
    def peak(self) -> CostStep:
        """The first of the steps with the most live memory, at the lengths."""
        return max(self.steps, key=lambda s: self.at(s.live))

    def share(self, step: CostStep) -> float:
        """Return a step's live memory as a fraction of the peak."""
        return self.at(step.live) / max(self.at(self.peak.live), 1)

    def total(self, phase: str = "") -> tuple[sp.Expr, sp.Expr]:
        """Return operations and bytes of a phase, or of all."""
        chosen = [s for s in self.steps if phase in ("", s.phase)]
        return (
            _whole(s.flops for s in chosen),
            _whole(s.bytes for s in chosen),
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
        if self.one_turn:
            yield "while loops whose turns nothing counts are told for one turn"


def costs(derivation: Derivation, lengths: Mapping[str, int] | None = None) -> Costs:
    """Return the cost of every step, forward then backward.

    ``lengths`` gives values to symbolic lengths, for numbers; 32 by default.
    """
    spent = spending(derivation)
    given = lengths or {}

    @cache
    def at(formula: sp.Expr) -> int:
        values = {s: given.get(str(s), ELSE) for s in formula.free_symbols}
        return int(sp.ceiling(formula.subs(values)))

    steps: list[CostStep] = []
    for work, held in zip(spent.steps, live(spent, at), strict=True):
        flops, moved = map(_exact, formulas(work.nodes))
        steps.append(CostStep(work.name, work.phase, flops, moved, held))
    symbols = sorted(
        {d for s in steps for f in (s.flops, s.live) for d in f.free_symbols}, key=str
    )
    _check_lengths(given, symbols, derivation)
    names = derivation.unit.names
    shown = {s: sp.Symbol(names.dim(str(s)), **s.assumptions0) for s in symbols}
    told = [s.renamed(shown) for s in steps]
    at_lengths = {shown[s]: given.get(str(s), ELSE) for s in symbols}
    one_turn = has_open_loop(n for work in spent.steps for n in work.nodes)
    return Costs(tuple(told), at_lengths, one_turn)


def _exact(formula: Formula) -> sp.Expr:
    return sp.Add(*(count * monomial for monomial, count in formula.items()))


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


def _whole(formulas: Iterable[sp.Expr]) -> sp.Expr:
    """Return a sum of formulas, its coefficients rounded up."""
    return whole(sp.expand(sp.Add(*formulas)).as_coefficients_dict())


def _text(formula: sp.Expr) -> str:
    return str(formula).replace("**", "^")
