"""Where a student's backward pass goes wrong, judged by its variables.

In: the values that the student's variables had, and the gradients that were returned.
Out: for each derived value whether the student has it, and the first that is wrong.
Invariant: a derived value is called wrong only if the student has the right values of
everything that it is computed from, and either the student's variable of its name has
another value, or no variable has the value and all wrong gradients depend on it.
Otherwise nothing is called wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from symdiff.grading.faults import names_in
from symdiff.grading.hypotheses import Search, close
from symdiff.grading.naming import same_name
from symdiff.grading.reference import DERIVED, Case, DerivedStatement, Reference
from symdiff.grading.runner import Watch

State = Literal["right", "wrong", "unknown"]
Seen = tuple[str, int, bool, np.ndarray]  # name, line, whether in backward itself


class Evidence:
    """The student's values beside the derived ones, at the case that is traced."""

    def __init__(
        self,
        search: Search,
        case: Case,
        trace: Sequence[Seen],
        gradients: Mapping[str, np.ndarray],
        wrong: set[str],
    ) -> None:
        self.reference: Reference = search.reference
        self.flows, self.wrong, self.case = search.flows, wrong, case
        self.trace = [*trace, *self._returned(gradients)]
        self._states: dict[str, State] = {}

    def _returned(self, gradients: Mapping[str, np.ndarray]) -> Iterator[Seen]:
        """Yield the returned gradients, as last values of their variables."""
        for name, value in gradients.items():
            s = self.reference.statement_of(name)
            if s is not None:
                yield s.target, 0, True, value

    # --- the derived side -------------------------------------------------------------

    @cached_property
    def reads(self) -> dict[str, set[str]]:
        """The names that each value is computed from."""
        found: dict[str, set[str]] = {}
        for s in self.reference.statements:
            found.setdefault(s.target, set()).update(names_in(s.node) - {s.target})
        return found

    @cached_property
    def looped(self) -> set[str]:
        """Names that a loop sets: of these only the first value is compared."""
        inside = (s for s in self.reference.statements if s.looped)
        return {name for s in inside for name in (s.target, *s.also)}

    @cached_property
    def first(self) -> dict[str, np.ndarray]:
        """The first values of the names that loops set, other than zeros."""
        if not self.looped:
            return {}
        function = self.reference.build()
        found: dict[str, np.ndarray] = {}
        for name, _, own, value in watched(self.reference, self.case, function):
            if own and name in self.looped and not np.any(found.get(name, 0)):
                found[name] = value  # what a loop starts from may be written as 0.0
        return found

    def expected(self, name: str) -> Any:
        """Return the right value of a name; of one that a loop sets, the first."""
        if name in self.looped:
            return self.first.get(name)
        return self.case.locals.get(name)

    # --- the student's side -----------------------------------------------------------

    def named(self, name: str) -> list[Seen]:
        """Return the student's values of a name, in order."""
        own = [t for t in self.trace if t[2]]
        if not name.startswith("d_"):
            return [t for t in own if t[0] == name]
        alike = [t for t in own if same_name(t[0], name)]
        exact = [t for t in alike if t[0].endswith(name[2:])]  # d_k is not d_K
        return exact or alike

    def state(self, name: str) -> State:
        """Return whether the student's value of a name is right, wrong, or unknown."""
        if name not in self._states:
            self._states[name] = self._look(name)
        return self._states[name]

    def _look(self, name: str) -> State:
        right = self.expected(name)
        if not isinstance(right, (np.ndarray, float, np.floating)):
            return "unknown"
        # An array of another rank is another value, unless it is returned.
        rank = np.ndim(right)
        mine = [t for t in self.named(name) if not t[1] or np.ndim(t[3]) == rank]
        present = any(_equal(t[3], right) for t in self.trace)
        if not mine:
            return "right" if present else "unknown"
        last = mine[-1][3]
        if name in self.looped:
            last = next((t[3] for t in mine if np.any(t[3])), mine[0][3])
        if _equal(last, right):
            return "right"
        if self._another(last, name):  # the name is used twice
            return "right" if present else "unknown"
        return "unknown" if present else "wrong"

    def _another(self, value: np.ndarray, name: str) -> bool:
        """Whether a value is right for another name that means the same to students."""
        return any(
            n != name and same_name(n, name) and _equal(value, self.expected(n))
            for n in self.reads
        )

    # --- conclusions ------------------------------------------------------------------

    def blamed(self) -> DerivedStatement | None:
        """Return the first wrong statement whose operands are known to be right."""
        for s in self.reference.statements:
            n = s.target
            if n in self.looped or not self._spoils(n):
                continue
            if self.state(n) != "wrong" and not self._lacking(n):
                continue
            if all(self._clear(m, {n}) for m in self.reads[n]):
                return s
        return None

    def _lacking(self, name: str) -> bool:
        """Whether the student lacks a cotangent on which all wrong gradients depend.

        If values computed from it are lacking too, the student may compute in another
        way, and the answer is no.
        """
        back = {n for n, r in self.reads.items() if name in r and n.startswith("d_")}
        return (
            name.startswith("d_")
            and np.size(self.expected(name)) > 1
            and not self.named(name)
            and self.state(name) == "unknown"
            and self.flows.get(name, set()) >= self.wrong
            and bool(back)
            and all(self.named(n) for n in back)
        )

    def _spoils(self, name: str) -> bool:
        """Whether every gradient that a value flows into is wrong."""
        reached = self.flows.get(name, set())
        return bool(reached) and reached <= self.wrong

    def _clear(self, name: str, seen: set[str]) -> bool:
        """Whether an operand of a value is known to be right."""
        if name in seen:
            return True
        state = self.state(name)
        if name not in self.reads:  # an argument, unless the student has replaced it
            return state != "wrong"
        if name in self.looped or state != "unknown":
            return name not in self.looped and state == "right"
        if name.startswith("d_"):
            return False
        return all(self._clear(m, seen | {name}) for m in self.reads[name])

    def contradicts(
        self, s: DerivedStatement, others: Iterable[DerivedStatement] = ()
    ) -> bool:
        """Whether the variables rule out a mistake in a statement.

        They do if its value is right, or if one of its operands is wrong already, other
        than by the mistakes in ``others``.
        """
        own = self.state(s.target) == "right"
        if s.target not in self.looped and (own or self._made(s.target)):
            return True
        led = {o.target for o in others if o.target != s.target}
        waiting, seen = list(self.reads[s.target]), {s.target}
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.reads:
                continue
            seen.add(name)
            state = self.state(name)
            if state == "wrong" and self._spoils(name) and not self._follows(name, led):
                return True
            # A value may be right in the first turn of a loop and wrong in the next.
            if state != "right" or (own and name in self.looped):
                waiting += self.reads[name]
        return False

    def _made(self, name: str) -> bool:
        """Whether a variable has the right gradient, but another value is returned.

        If the returned array has the same numbers in another order, the mistake is in
        the gradient itself, and the answer is no.
        """
        right = self.expected(name)
        returned = [t[3] for t in self.named(name) if not t[1]]
        if not returned or _equal(np.sort(returned[-1], None), np.sort(right, None)):
            return False
        return any(t[1] and _equal(t[3], right) for t in self.trace)

    def _follows(self, name: str, led: set[str]) -> bool:
        """Whether a name is among ``led``, or computed from one of them."""
        waiting, seen = [name], set[str]()
        while waiting and led:
            n = waiting.pop()
            if n in led:
                return True
            if n not in seen:
                seen.add(n)
                waiting += self.reads.get(n, ())
        return False

    def elsewhere(self, name: str) -> str:
        """Return words if a variable has the right gradient, but it is not returned."""
        right, s = self.case.gradients, self.reference.statement_of(name)
        if s is None:
            return ""
        mine = self.named(s.target)[-1][3]
        for other, value in right.items():
            if other != name and np.size(value) > 1 and _equal(mine, value):
                return f"what is returned for {name} is the gradient of {other}"
        lines = [t[1] for t in self.trace if t[1] and _equal(t[3], right[name])]
        if lines and np.size(right[name]) > 1:
            return f"line {lines[-1]} has the right value, but another is returned"
        return ""


def watched(
    reference: Reference, case: Case, function: Callable[..., Any]
) -> Iterator[Seen]:
    """Yield the values that the variables of a derived backward take, in order."""
    watch, before = Watch(Path(DERIVED), function), sys.gettrace()
    sys.settrace(watch)
    try:
        reference.backward(case, function)
    finally:
        sys.settrace(before)
    for place, value in zip(watch.places, watch.values, strict=True):
        yield (*place, value)


def _equal(mine: Any, right: Any) -> bool:
    return right is not None and close(mine, right, 1e-9)
