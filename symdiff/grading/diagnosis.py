"""The first wrong node of a student's backward pass, and its likely cause.

In: the results of a student's code at the cases, and the values that its variables had.
Out: `Mistake`s. Invariant: a cause is named only where it reproduces the student's
numbers; otherwise the difference itself is described.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.grading.evidence import Evidence, Seen, watched
from symdiff.grading.faults import Fault, names_in
from symdiff.grading.hypotheses import Search, close
from symdiff.grading.naming import same_name
from symdiff.grading.reference import Case, DerivedStatement, Reference
from symdiff.grading.relations import Relation, relation
from symdiff.grading.results import CaseOutcome
from symdiff.grading.verdict import Mistake
from symdiff.grading.words import said

TRACED = 0  # the case at which the values of variables are recorded


class Diagnosis:
    """The search for causes in one student's outcomes."""

    def __init__(
        self, search: Search, outcomes: Sequence[CaseOutcome], source: Sequence[str]
    ) -> None:
        self.search = search
        self.reference: Reference = search.reference
        self.cases: Sequence[Case] = search.cases
        self.outcomes, self.source = outcomes, source
        self.noted = outcomes[TRACED].trace if outcomes else []
        self.trace = list(_new(self.noted))

    # --- what is wrong ----------------------------------------------------------------

    def usable(self) -> dict[int, Mapping[str, np.ndarray]]:
        """Return the gradients of the cases that can show a mistake."""
        pairs = enumerate(zip(self.cases, self.outcomes, strict=False))
        return {
            i: o.gradients
            for i, (c, o) in pairs
            if not c.narrow and not c.kink and o.error is None and o.gradients
        }

    def findings(self, wrong: set[str]) -> list[Mistake]:
        """Return what is wrong with gradients that were returned."""
        found = self.usable()
        names = [n for n in self.reference.wrt if all(n in g for g in found.values())]
        wrong = {n for n in wrong if n in names}
        if not wrong or not found:
            return []
        given = {i: {n: g[n] for n in names} for i, g in found.items()}
        finite = {
            i: g
            for i, g in given.items()
            if all(np.all(np.isfinite(a)) for a in g.values())
        }
        if finite and len(finite) < len(given) and self._right(finite):
            return [self._overflow(given, finite)]
        seen = self._evidence(given, wrong)
        told = [
            faults
            for faults in self.search.explain(given, wrong)
            if not self._against(seen, [f.statement for f in faults])
        ]
        if told:
            chosen = min(told, key=lambda f: (-self._agreed(f), told.index(f)))
            return _joined(self._named(f, wrong, len(chosen) == 1) for f in chosen)
        related = relation(self.search, given, wrong)
        if related is not None and not self._against(seen, [related.statement]):
            return [self._related(related, wrong)]
        return [self._unexplained(given, wrong, seen)]

    def _evidence(
        self, given: Mapping[int, Mapping[str, np.ndarray]], wrong: set[str]
    ) -> Evidence | None:
        """Return the evidence of the student's variables, if they were recorded."""
        if not self.trace or TRACED not in given:
            return None
        if any(self._same(TRACED, n, given[TRACED][n]) for n in wrong):
            return None  # the mistake shows at other cases only
        case = self.cases[TRACED]
        return Evidence(self.search, case, self.trace, given[TRACED], wrong)

    @staticmethod
    def _against(seen: Evidence | None, statements: Sequence[DerivedStatement]) -> bool:
        """Whether the variables contradict a mistake in any of some statements."""
        return seen is not None and any(
            seen.contradicts(s, statements) for s in statements
        )

    def _same(self, i: int, name: str, mine: np.ndarray) -> bool:
        case = self.cases[i]
        return close(mine, case.gradients[name], case.slack[name])

    def _right(self, found: Mapping[int, Mapping[str, np.ndarray]]) -> bool:
        return all(self._same(i, n, a) for i, g in found.items() for n, a in g.items())

    # --- a mistake that explains everything -------------------------------------------

    def _agreed(self, faults: Sequence[Fault]) -> int:
        """Count variables that have the wrong values which the mistake would give."""
        if len(faults) != 1 or faults[0].rank > 90 or not self.trace:
            return 0
        both = self.search.outcome(faults[0], TRACED)
        if both is None:
            return 0
        count = 0
        right = self.cases[TRACED].locals
        for name, value in both[1].items():
            if not name.startswith("d_") or not isinstance(value, np.ndarray):
                continue
            if close(value, right.get(name), 1e-9):
                continue
            if any(close(value, t[3], 1e-9) for t in self.trace):
                count += 1
            elif self._has(right.get(name), name):
                count -= 1
        return count

    def _has(self, value: Any, name: str) -> bool:
        """Whether the student has a value, or a variable of a name."""
        return any(
            close(value, a, 1e-9)
            or (own and same_name(n, name) and a.shape == np.shape(value))
            for n, _, own, a in self.trace
        )

    def _named(self, fault: Fault, wrong: set[str], alone: bool) -> Mistake:
        s = self._cotangent(fault.statement)
        words, hint = said(fault.cause, fault.values)
        both = self.search.outcome(fault, TRACED)
        value = None if both is None else both[1].get(s.target)
        if both is not None and s.looped:
            value = self._within(fault, s, value)
        line = self._left_out(value) if fault.cause == "missing mean" else 0
        line = line or self._line(s.target, value)
        reached = self.search.flows.get(s.target, set()) & wrong
        expected = self.cases[TRACED].locals.get(s.target)
        if alone and value is not None and not s.looped:
            example = _example(s.target, value, expected)
        else:
            example = ""
        shown = example or self._outputs(reached)
        made = self._finding(s, fault.cause, words, hint, line, shown, True)
        made.gradients = self._ordered(reached)
        return made

    def _within(self, fault: Fault, s: DerivedStatement, last: Any) -> Any:
        """Return the value that a statement of a loop makes, not what follows it."""
        same = [t for t in self.reference.statements if t.target == s.target]
        if sum(t.looped for t in same) < 2:
            return last
        lines = range(s.node.lineno, (s.node.end_lineno or s.node.lineno) + 1)
        seen = watched(self.reference, self.cases[TRACED], fault.function)
        return next(
            (a for n, i, own, a in seen if own and n == s.target and i in lines), last
        )

    def _related(self, found: Relation, wrong: set[str]) -> Mistake:
        s = found.statement
        words, hint = said(found.cause, found.values)
        value = self.cases[TRACED].locals.get(s.target)
        if value is not None:
            value = found.factor * np.asarray(value)
        line = self._left_out(value) if found.cause == "missing mean" else 0
        line = line or self._line(s.target, value)
        shown = self._outputs(wrong)
        made = self._finding(s, found.cause, words, hint, line, shown, True)
        made.gradients = self._ordered(wrong)
        return made

    def _finding(
        self,
        s: DerivedStatement | None,
        cause: str,
        words: str,
        hint: str,
        line: int,
        example: str,
        certain: bool,
    ) -> Mistake:
        made = Mistake(s.target if s else "", cause, words, hint)
        if s is not None:
            made.statement, made.place = s.heading, s.place
            made.expected, made.rule, made.shape = self._expected(s), s.rule, s.shape
        made.line, made.source = line, self._row(line)
        made.example, made.certain = example, certain
        return made

    def _cotangent(self, s: DerivedStatement) -> DerivedStatement:
        """Return the next statement of a cotangent that reads what a statement sets."""
        names = {s.target}
        for t in self.reference.statements:
            if s.target.startswith("d_") or t.order < s.order:
                continue
            if names & names_in(t.node):
                if t.target.startswith("d_"):
                    return t
                names.add(t.target)
        return s

    def _expected(self, s: DerivedStatement) -> str:
        """Return the statements that set the same name, joined."""
        same = [t.source for t in self.reference.statements if t.target == s.target]
        return "; ".join(same[:4]) if not s.looped else s.source

    # --- what is seen -----------------------------------------------------------------

    def _overflow(
        self,
        given: Mapping[int, Mapping[str, np.ndarray]],
        finite: Mapping[int, Mapping[str, np.ndarray]],
    ) -> Mistake:
        words, hint = said("overflow", {})
        i = next(i for i in given if i not in finite)
        bad = {n for n, a in given[i].items() if not np.all(np.isfinite(a))}
        s = self.reference.statement_of(self._first(bad))
        made = self._finding(s, "overflow", words, hint, 0, self.cases[i].name, True)
        made.gradients = self._ordered(bad)
        return made

    def _unexplained(
        self,
        given: Mapping[int, Mapping[str, np.ndarray]],
        wrong: set[str],
        evidence: Evidence | None,
    ) -> Mistake:
        """Describe the first value known to be wrong, or else a wrong gradient."""
        words = "no single mistake that is known explains the numbers"
        if self.search.cut_short:
            words = "no mistake that explains the numbers was found in time"
        name = self._first(wrong)
        i = next(i for i in given if not self._same(i, name, given[i][name]))
        mine: Any = given[i][name]
        right: Any = self.cases[i].gradients[name]
        what, line, seen = "gradient of ", 0, "where it begins cannot be told"
        s = None if evidence is None else evidence.blamed()
        if s is not None and evidence is not None and (own := evidence.named(s.target)):
            what, name, (_, line, _, mine) = "", s.target, own[-1]
            right = self.cases[TRACED].locals.get(name)
        elif s is None and evidence is not None:
            seen = evidence.elsewhere(name) or seen
        if s is not None:
            line = line or self._line(s.target, mine)
            s = self._cotangent(s)
            seen = ""
        seen = "; ".join(part for part in (seen, _difference(mine, right)) if part)
        example = _example(name, mine, right, what)
        made = self._finding(s, "unknown", f"{words}; {seen}", "", line, example, False)
        made.gradients = self._ordered(wrong)
        return made

    def first_missing(self, wrong: set[str]) -> DerivedStatement | None:
        """Return the first cotangent whose value none of the student's variables has.

        All gradients that depend on it must be ``wrong``.
        """
        right = self.cases[TRACED].locals
        for s in self.reference.statements:
            value = right.get(s.target)
            reached = self.search.flows.get(s.target, set())
            if s.looped or not s.target.startswith("d_") or not reached <= wrong:
                continue
            if value is None or any(close(value, t[3], 1e-9) for t in self.trace):
                continue
            return s
        return None

    # --- places -----------------------------------------------------------------------

    def _left_out(self, value: Any) -> int:
        """Return the line that multiplies a variable by the result's cotangent, 1.

        The value does not change, so the mistake is a factor that the line lacks.
        """
        for i, (name, line, own, array) in enumerate(self.noted):
            earlier = [t for t in self.noted[:i] if t[0] == name]
            again = own and earlier and close(array, earlier[-1][3], 0.0)
            words = set(re.findall(r"\w+", self._row(line)))
            if again and close(value, array, 1e-9) and words & self.reference.seeds:
                return line
        return 0

    def _line(self, name: str, value: Any) -> int:
        """Return the student's line that computed a value, or that set a name.

        Where the value is right under the name that it has there, it is no line's.
        """
        if value is not None and np.size(value) > 1:
            equal = [t for t in self.trace if close(value, t[3], 1e-9)]
            named = [t for t in equal if same_name(t[0], name)]
            if equal:  # the last; earlier ones may be its operands
                found, line, own, array = (named or equal)[-1]
                return 0 if own and self._is_right(found, array) else line
        mine = [t for t in self.trace if t[2] and same_name(t[0], name)]
        return mine[-1][1] if mine else 0

    def _is_right(self, name: str, value: Any) -> bool:
        """Whether a value is what the derived variable of a name has."""
        right = self.cases[TRACED].locals
        return any(same_name(name, n) and close(value, right[n], 1e-9) for n in right)

    def _row(self, line: int) -> str:
        return self.source[line - 1].strip() if 0 < line <= len(self.source) else ""

    def _ordered(self, names: set[str]) -> tuple[str, ...]:
        return tuple(n for n in self.reference.wrt if n in names)

    def _first(self, names: set[str]) -> str:
        """Return the gradient that the backward pass computes first."""

        def order(name: str) -> int:
            s = self.reference.statement_of(name)
            return s.order if s is not None else 1 << 30

        return min(self._ordered(names), key=order)

    def _outputs(self, names: set[str]) -> str:
        """Compare an element of the first of some gradients."""
        gradients = self.outcomes[TRACED].gradients if self.outcomes else {}
        mine = {n for n in names if n in gradients}
        if not mine:
            return ""
        name = self._first(mine)
        return _example(
            name, gradients[name], self.cases[TRACED].gradients[name], "gradient of "
        )


def _joined(found: Iterable[Mistake]) -> list[Mistake]:
    """Return mistakes without those that are told in the same words of one node.

    A factor that a person leaves out once may be left out in two derived lines.
    """
    told: dict[tuple[str, str, str], Mistake] = {}
    for m in found:
        first = told.setdefault((m.node, m.cause, m.words), m)
        more = (n for n in m.gradients if n not in first.gradients)
        first.gradients = (*first.gradients, *more)
    return list(told.values())


def _new(trace: Sequence[Seen]) -> Iterator[Seen]:
    """Yield the values of variables, without repeated ones."""
    last: dict[tuple[str, bool], np.ndarray] = {}
    for seen in trace:
        name, _, own, value = seen
        before = last.get((name, own))
        if before is None or not np.array_equal(before, value, equal_nan=True):
            yield seen
        last[name, own] = value


def _example(name: str, mine: Any, expected: Any, what: str = "") -> str:
    """Compare the element where two arrays differ most; nothing where none does."""
    if expected is None:
        return ""
    a, b = np.asarray(mine, float), np.asarray(expected, float)
    if a.shape != b.shape:
        return f"{what}{name} has the shape {a.shape}, expected {b.shape}"
    if not a.size:
        return ""
    with np.errstate(all="ignore"):
        gap = np.where(np.isfinite(a), np.abs(a - b), np.inf)
    index = np.unravel_index(int(np.argmax(gap)), a.shape)
    if f"{a[index]:.6g}" == f"{b[index]:.6g}":  # the difference shows elsewhere
        return ""
    place = f"[{', '.join(str(int(i)) for i in index)}]" if a.ndim else ""
    return f"{what}{name}{place} is {a[index]:.6g}, expected {b[index]:.6g}"


def _difference(mine: Any, expected: Any) -> str:
    """Return words for how an array differs: in shape, by a ratio, in some elements."""
    if expected is None:
        return ""
    a, b = np.asarray(mine, float), np.asarray(expected, float)
    if a.shape != b.shape:
        return f"its shape is {a.shape}, expected {b.shape}"
    if not np.all(np.isfinite(a)):
        return f"{int(np.sum(~np.isfinite(a)))} of its {a.size} elements are not finite"
    scale = float(np.max(np.abs(b), initial=0.0))
    if not np.any(a):
        return "it is all zeros"
    big = np.abs(b) > 1e-6 * scale
    with np.errstate(all="ignore"):
        ratios = a[big] / b[big]
    if ratios.size > 1 and np.ptp(ratios) <= 1e-6 * np.max(np.abs(ratios)):
        return f"here it is {ratios[0]:.6g} times what it should be"
    off = int(np.sum(np.abs(a - b) > 1e-7 * scale))
    return f"{off} of its {a.size} elements differ"
