"""Which mistake reproduces a student's numbers.

In: the gradients that a student's code gave at several cases. Out: all faults that give
the same gradients there. Invariant: a fault is returned only if it explains every case
and every gradient that was asked about.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from symdiff.grading.faults import Fault, downstream
from symdiff.grading.mistakes import Mistakes
from symdiff.grading.reference import Case, Reference

BUDGET = 12.0  # seconds for the search
DEPTH = 3  # mistakes that are combined
LOOSE = 1e-6
LEFT_OUT = (10, 20, 21, 39, 40)  # ranks of faults that leave something out
Gradients = Mapping[str, np.ndarray]


def close(a: Any, b: Any, slack: float) -> bool:
    """Whether two arrays are the same up to rounding; nan equals nan."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
        near = np.abs(a - b) <= slack + LOOSE * scale
    return bool(np.all(same | near))


def _print(array: np.ndarray) -> tuple[tuple[int, ...], float, float, float]:
    """Return a fingerprint that tells most different arrays apart quickly."""
    flat = np.asarray(array, float).ravel()
    weights = np.cos(1.7 * np.arange(flat.size) + 0.3)
    with np.errstate(all="ignore"):
        total, turned = float(np.sum(flat)), float(np.sum(flat * weights))
        return np.shape(array), total, turned, float(np.sum(np.abs(flat)))


def _alike(a: Any, b: Any) -> bool:
    if a[0] != b[0]:
        return False
    scale = 1e-6 * max(a[3], b[3]) + 1e-9
    if not np.isfinite(scale):
        return not np.isfinite(a[3]) and not np.isfinite(b[3])
    return bool(abs(a[1] - b[1]) <= scale and abs(a[2] - b[2]) <= scale)


class Search:
    """The known mistakes in one reference, and the gradients that they lead to."""

    def __init__(self, reference: Reference, cases: Sequence[Case]) -> None:
        self.reference, self.cases = reference, cases
        self.flows = downstream(reference)
        first = next(c for c in cases if not c.narrow)
        self.faults = list(Mistakes(reference, first, first.forward).all())
        self.cut_short = False  # whether the last search ran out of time

    def explain(
        self, found: Mapping[int, Gradients], wrong: set[str]
    ) -> list[list[Fault]]:
        """Return the mistakes that explain all the gradients, the likeliest first.

        ``found`` maps cases to what the student's code gave there. Each answer is one
        mistake, or several that were made together.
        """
        until = time.monotonic() + BUDGET
        order = sorted(found, key=lambda i: sum(g.size for g in found[i].values()))
        names = [n for n in self.reference.wrt if all(n in g for g in found.values())]
        single = [
            f
            for f in self._candidates(wrong, all)
            if time.monotonic() < until and self._explains(f, found, order, wrong)
        ]
        # A mistake that would spoil right gradients too was made on one branch only;
        # those that explain all gradients come first.
        whole = [f for f in single if self._explains(f, found, order, set(names))]
        if single:
            return [[f] for f in sorted(whole or single, key=likely)]
        several = self._several(found, order, names, wrong, until, DEPTH)
        several = several or self._pair(found, order, names, wrong, until)
        self.cut_short = time.monotonic() > until
        return [several] if several else []

    def _candidates(self, wrong: set[str], ask: Any) -> Iterator[Fault]:
        for fault in self.faults:
            reached = self.flows.get(fault.statement.target, set())
            if wrong and ask(n in reached for n in wrong):
                yield fault

    def _explains(
        self,
        fault: Fault,
        found: Mapping[int, Gradients],
        order: Sequence[int],
        names: set[str],
    ) -> bool:
        for i in order:
            given = found[i]
            if i not in fault.prints:
                ran = self.run(fault, i)
                fault.prints[i] = (
                    None if ran is None else {n: _print(g) for n, g in ran.items()}
                )
            prints = fault.prints[i]
            if prints is None:
                return False
            if not all(_alike(prints[n], _print(given[n])) for n in names):
                return False
        for i in order:
            made = self.run(fault, i)
            slack = self.cases[i].slack
            if made is None or not all(
                close(made[n], found[i][n], slack[n]) for n in names
            ):
                return False
        return True

    def run(self, fault: Fault, i: int) -> dict[str, np.ndarray] | None:
        """Return the gradients that a mistake leads to, or None where it raises."""
        both = self.outcome(fault, i)
        return None if both is None else both[0]

    def outcome(
        self, fault: Fault, i: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return the gradients and the locals that a mistake leads to."""
        if fault.function is None:
            fault.function = self._built(fault)
        return self.called(fault.function, i)

    def _built(self, fault: Fault) -> Any:
        with fault.applied():
            try:
                return self.reference.build()
            except (SyntaxError, ValueError, TypeError):
                return False

    def called(
        self, function: Any, i: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        if function is False:
            return None
        try:
            made, names = self.reference.backward(self.cases[i], function)
            return {n: np.asarray(g, float) for n, g in made.items()}, names
        except Exception:  # code with a mistake in it may raise anything
            return None

    # --- several at once --------------------------------------------------------------

    def _several(
        self,
        found: Mapping[int, Gradients],
        order: Sequence[int],
        names: Sequence[str],
        wrong: set[str],
        until: float,
        depth: int,
    ) -> list[Fault]:
        """Return mistakes that together explain everything, or [].

        The search is greedy: each mistake explains the most gradients, given those
        before it.
        """
        chosen: list[Fault] = []
        right = set(names) - wrong
        with ExitStack() as stack:
            while depth and wrong:
                best, explained = None, right
                for fault in self._candidates(wrong, any):
                    if time.monotonic() > until:
                        break
                    now = self._explained(fault, found, order, names, right)
                    if len(now) > len(explained) or (
                        best is not None
                        and len(now) == len(explained)
                        and now > right
                        and likely(fault) < likely(best)
                    ):
                        best, explained = fault, now
                if best is None:
                    return []
                stack.enter_context(best.applied())
                chosen.append(best)
                right = explained
                wrong = set(names) - right
                depth -= 1
        return [] if wrong else sorted(chosen, key=lambda f: f.statement.order)

    def _pair(
        self,
        found: Mapping[int, Gradients],
        order: Sequence[int],
        names: Sequence[str],
        wrong: set[str],
        until: float,
    ) -> list[Fault]:
        """Return two omissions that together explain everything, or []."""
        short = [f for f in self._candidates(wrong, all) if f.rank in LEFT_OUT]
        for i, first in enumerate(short):
            with first.applied():
                for second in short[i + 1 :]:
                    if time.monotonic() > until:
                        return []
                    if second.statement is first.statement:
                        continue
                    local = 40 in (first.rank, second.rank)
                    if local and second.statement.place != first.statement.place:
                        continue
                    now = self._explained(second, found, order, names, set(names))
                    if len(now) == len(names):
                        return [first, second]
        return []

    def _explained(
        self,
        fault: Fault,
        found: Mapping[int, Gradients],
        order: Sequence[int],
        names: Sequence[str],
        right: set[str],
    ) -> set[str]:
        """Return the gradients that equal the student's with this mistake added."""
        function = self._built(fault)
        left = set(names)
        for i in order:
            both = self.called(function, i)
            if both is None:
                return set()
            slack = self.cases[i].slack
            left = {n for n in left if close(both[0][n], found[i][n], slack[n])}
            if not left >= right:
                return set()
        return left


def likely(fault: Fault) -> tuple[int, int]:
    return fault.rank, fault.statement.order
