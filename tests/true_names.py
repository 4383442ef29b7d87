"""Names of generated code held to what they say: ``d_NAME`` is the derivative by NAME.

In: a compilation. Out: for each line of its backward function that sets a ``d_NAME``,
whether the value is the derivative by what the same module calls NAME. The text itself
is run, as `instrumented` prepares it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from instrumented import Index, Instrumented, adds, is_total

from symdiff.compiler.compilation import Compilation
from symdiff.compiler.points import Points
from symdiff.compiler.subject import Point, Subject
from symdiff.emit.listing import Line

STEPS = (1e-5, 1e-4, 1e-6)


@dataclass(frozen=True)
class Finding:
    """A line that sets ``d_NAME``: whether there is a NAME, and whether it fits."""

    row: int
    text: str
    known: bool
    fits: bool


class Truth:
    """Compares what backward computes with slopes of the loss at a random point."""

    def __init__(self, compiled: Compilation, seed: int = 0) -> None:
        self.text = Instrumented(compiled)
        self.sites = self.text.sites
        package = compiled.load()
        self.subject = Subject(self.text.module)
        check = getattr(package, "_verify", None)
        self.rng = np.random.default_rng(seed)
        self.point: Point = Points(package.backward, check).drawn("p", {}, self.rng)
        self.weights = self.subject.weights(self.point, self.rng)
        with np.errstate(all="ignore"):
            self.subject.gradients(self.point, self.weights)

    def _value(self) -> float:
        scale = float(self.weights[0]) if self.subject.is_model else 1.0
        with np.errstate(all="ignore"):
            return scale * float(self.subject.value(self.point, self.weights))

    def _slope(self, place: str, index: Index, along: np.ndarray, step: float) -> float:
        self.sites.moved = place, index
        ends = []
        for h in (step, -step):
            self.sites.by = lambda value, h=h: (
                value + h * along.reshape(np.shape(value))
            )
            ends.append(self._value())
        self.sites.moved = None
        return (ends[0] - ends[1]) / (2 * step)

    def _fits(self, place: str, index: Index, cotangent: np.ndarray) -> bool:
        along = self.rng.standard_normal(cotangent.shape)
        wanted = float(np.sum(cotangent * along))
        scale = float(np.sum(np.abs(cotangent * along)))
        for step in STEPS:
            try:
                found = self._slope(place, index, along, step)
            except ValueError:  # another shape: not this value
                return False
            if not np.isfinite(found):
                return not np.isfinite(wanted)
            if abs(found - wanted) <= 1e-4 * scale + 1e-7 + 1e-6 * abs(found):
                return True
        return not np.isfinite(wanted)

    def _meant(
        self, place: str, line: Line, name: str, seen: Index, at: Index
    ) -> Iterator[tuple[Index, Index]]:
        """Yield when a value is noted, and the turn of the value that it may be of.

        What ends a turn as a carry is of the value of the turn before; what is added up
        in the turns of an inner loop is complete after the last of them.
        """
        yield seen, at
        if at and self._ends_turn(line, name):
            yield seen, (*at[:-1], at[-1] - 1)
        if len(at) > 1 and is_total(line):
            turns = [i for p, i in self.sites.seen if p == place and i[:-1] == at[:-1]]
            yield turns[-1], at[:-1]

    def _ends_turn(self, line: Line, name: str) -> bool:
        """Whether a line is the last of a loop to set a carry."""
        lines = self.text.backward.lines
        depth, later = (
            line.depth,
            takewhile(
                lambda x: x.depth >= line.depth,
                (x for x in lines if x.first > line.first),
            ),
        )
        set_before = any(
            x.depth < depth and f"d_{name}" in x.targets
            for x in lines
            if x.first < line.first
        )
        return set_before and all(f"d_{name}" not in x.targets for x in later)

    def findings(self) -> Iterator[Finding]:
        """Yield what is found of each line that sets a ``d_NAME``."""
        summed = {n for _, _, n, inside in self.text.notes if inside}
        own = {n for x in self.text.primal.lines for n in x.targets}
        notes = self.text.notes
        for place, line, name, inside in notes:
            if f"d_{name}" in own:  # a derivative that the primal computes as a value
                continue
            places = self.text.places.get(name, [])
            later = (n == name and x.first > line.first for _, x, n, _ in notes)
            looped = any(loop for _, loop in places)
            if not inside and name in summed and not looped and any(later):
                continue  # a sum that has only begun
            if any(
                n == name and x.first > line.first and x.depth > line.depth
                for _, x, n, _ in notes
                if is_total(x)
            ):
                continue  # the turns of an inner loop add to it
            if (
                inside
                and adds(line)
                and any(
                    n == name and x.first > line.first and adds(x) and further
                    for _, x, n, further in notes
                )
            ):
                continue  # other statements of the turn add to it, too
            indices = sorted(i for p, i in self.sites.seen if p == place)
            if not indices:  # a loop that did not run
                continue
            own = [
                p for p, looped in self.text.places.get(name, []) if looped == inside
            ]
            if inside and not own:  # a sum over all turns, complete after the last
                own = [p for p, _ in self.text.places.get(name, [])]
                last = max(
                    indices, key=lambda i: list(self.sites.seen).index((place, i))
                )
                checks = [(last, ())]
            else:
                checks = [(i, i) for i in dict.fromkeys((indices[0], indices[-1]))]
                if self._ends_turn(line, name):  # there is no turn before the first
                    checks = [(i, i) for i, _ in checks if i[-1:] > (0,)]
            passed = [p for p in own if p in self.sites.at]
            fits = all(
                any(
                    self._fits(p, there, self.sites.seen[place, then])
                    for then, there in self._meant(place, line, name, seen, at)
                    for p in passed
                    if there in self.sites.at[p]
                )
                for seen, at in checks
            )
            text = self.text.listing.rows[line.first - 1].strip()
            yield Finding(line.first, text, bool(passed), fits)


def false_names(compiled: Compilation) -> list[str]:
    """Return the lines whose ``d_NAME`` is not the derivative by the module's NAME."""
    found = Truth(compiled).findings()
    return [f"{f.row}: {f.text}" for f in found if f.known and not f.fits]
