"""Slopes of a generated module, measured and compared with its derived gradients.

In: a generated module's functions, and points. Out: the worst error of each gradient.
Invariant: nothing is derived here. Slopes come from values: by a complex step where
every operation is analytic, else by central differences of fourth order, with a step
size that agrees with its half.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdiff.compiler.subject import Point, Subject
from symdiff.review.rounding import shaken

COORDINATES = 32  # up to so many elements, each one is checked by itself
STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
AGREE = 2e-7  # relative difference of the slopes of two step sizes
TINY = 1e-300
SHAKES, ROOM = 4, 4  # runs with random rounding, and a factor for safety
NARROW = 1e-5  # tolerance where a gradient is computed in float32 in any case


@dataclass
class Worst:
    """The worst error found in a gradient, where, and what is allowed."""

    name: str
    shape: tuple[int, ...]
    tolerance: float
    narrow: bool = False  # computed in float32 even if arguments are float64
    error: float = 0.0
    label: str = ""
    place: str = ""
    derived: float = 0.0
    measured: float = 0.0
    compared: int = 0

    @property
    def wrong(self) -> bool:
        """Whether the error is more than is allowed."""
        return not self.error <= self.tolerance

    def note(self, error: float, label: str, place: str, pair: tuple[float, float]):  # type: ignore[no-untyped-def]
        """Keep the error if it is the worst so far; nan is worse than anything."""
        self.compared += 1
        if not error <= self.error:
            self.error, self.label, self.place = error, label, place
            self.derived, self.measured = pair


def directions(
    array: np.ndarray, count: int, rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Return directions to move in: unit vectors, or random ones of length 1."""
    if array.size <= COORDINATES:
        for i in range(array.size):
            direction = np.zeros(array.size)
            direction[i] = 1.0
            where = [int(n) for n in np.unravel_index(i, array.shape)]
            yield (f"element {where}" if where else "", direction.reshape(array.shape))
    else:
        for _ in range(count):
            direction = rng.standard_normal(array.shape)
            yield "along a random direction", direction / np.linalg.norm(direction)


def complex_slope(
    subject: Subject,
    point: Point,
    target: tuple[str, str],
    direction: np.ndarray,
    weights: list[np.ndarray],
) -> float:
    """Return the derivative of the value along a direction, by a complex step."""
    moved = subject.moved(point, target, 1e-30j * direction)
    return float(np.imag(subject.value(moved, weights))) / 1e-30


class _Line:
    """The value along a direction through a point, as a function of the distance."""

    def __init__(
        self,
        subject: Subject,
        point: Point,
        target: tuple[str, str],
        direction: np.ndarray,
        weights: list[np.ndarray],
        hidden: Sequence[Any] = (),
    ) -> None:
        def value(h: float) -> float:
            moved = subject.moved(point, target, h * direction)
            return float(subject.value(moved, weights, hidden))

        self.value = value
        norm = float(np.linalg.norm(subject.array(point, target)))
        self.size = max(1.0, norm / 10)

    def slope(self, h: float) -> float:
        """The slope by differences of fourth order."""
        value = self.value
        near, far = value(h) - value(-h), value(2 * h) - value(-2 * h)
        return (8 * near - far) / (12 * h)

    def bends(self, h: float, scale: float) -> bool:
        """Whether there is a kink: slopes on both sides differ, however small h is.

        Elsewhere the difference is of order h.
        """
        wide, narrow = self._bend(h), self._bend(h / 2)
        return narrow > max(0.75 * wide, 1e-6 * scale)

    def _bend(self, h: float) -> float:
        return abs(self.value(h) - 2 * self.value(0.0) + self.value(-h)) / h

    def jitter(self) -> float:
        """How far values near the point are from a line: what is lost to rounding."""
        tiny = 1e-10 * self.size
        values = [self.value(k * tiny) for k in range(17)]
        return float(np.max(np.abs(np.diff(values, 2))))


def difference_slope(
    line: _Line, exact: float, allowed: float, least: float
) -> tuple[float, float] | None:
    """Return a slope by differences and the rounding in it; None near a kink.

    The first step size whose slope agrees with that of its half is used. Where it is
    further from ``exact``, the derived slope, than is ``allowed``, relative to it or to
    ``least``, smaller steps are tried: they tell whether it has crossed a slight kink.
    """
    level = abs(line.value(0.0))
    first, margin, noise = None, 0.0, 0.0
    for step in STEPS:
        h = step * line.size
        coarse, fine = line.slope(h), line.slope(h / 2)
        rounding = 1e-15 * level / h
        scale = max(abs(coarse), abs(fine), abs(exact), 1e7 * rounding, TINY)
        if not np.isfinite(scale):
            continue
        agree = abs(coarse - fine) <= AGREE * scale
        if first is not None:  # is it a kink that makes the first slope another one?
            if noise / h > 1e-2 * margin:  # no smaller step can tell
                break
            if not agree or line.bends(h, scale) or abs(fine - exact) <= margin:
                return None
        elif agree:
            if line.bends(h, scale):
                return None
            first, margin = (fine, rounding), allowed * max(scale, least)
            if abs(fine - exact) <= margin:
                break
            noise = max(1e-15 * level, line.jitter())
    return first


def shaken_point(point: Point, rng: np.random.Generator) -> Point:
    """Return a point whose arrays make all arithmetic round at random."""
    params, arguments = (
        {k: shaken(a, rng) for k, a in arrays.items()}
        for arrays in (point.params, point.arguments)
    )
    return Point(point.label, params, arguments, point.drawn)


def rounding_of(
    subject: Subject,
    point: Point,
    i: int,
    direction: np.ndarray,
    weights: list[np.ndarray],
) -> float:
    """Return the rounding in a gradient along a direction, and in its complex slope.

    It is how far they move when every result of their arithmetic rounds at random.
    """

    def both(at: Point) -> tuple[np.ndarray, float]:
        terms = subject.gradients(at, weights)[i] * direction
        return terms, complex_slope(subject, at, subject.targets[i], direction, weights)

    terms, slope = both(point)
    found = 0.0
    for seed in range(SHAKES):
        rng = np.random.default_rng(seed)
        others, other = both(shaken_point(point, rng))
        found = max(found, float(np.sum(np.abs(others - terms))), abs(other - slope))
    return ROOM * found


def compare(
    subject: Subject,
    point: Point,
    worst: list[Worst],
    by_complex: bool,
    count: int,
    rng: np.random.Generator,
    only: Collection[int] | None = None,
) -> list[int]:
    """Compare all gradients or ``only`` some; return the numbers of those at a kink.

    Raises `FloatingPointError` where the value itself is not finite.
    """
    weights = subject.weights(point, rng)
    if not np.isfinite(subject.value(point, weights)):
        raise FloatingPointError(f"the value is not finite at {point.label}")
    gradients = subject.gradients(point, weights)
    hidden = subject.hidden(point)
    if hidden:
        pair = (subject.value(point, weights), subject.value(point, weights, hidden))
        if not np.isclose(*pair, rtol=1e-9):
            place = "in its value: with what is stopped held fixed it is another"
            for i in range(len(gradients)) if only is None else only:
                worst[i].note(np.inf, point.label, place, pair)
            return []
    kinks: list[int] = []
    # A gradient that is 0 up to rounding has rounding of the size of the others'.
    overall = max((float(np.max(np.abs(g), initial=0.0)) for g in gradients), default=0)
    for i, (target, gradient) in enumerate(
        zip(subject.targets, gradients, strict=True)
    ):
        if only is not None and i not in only:
            continue
        array = subject.array(point, target)
        if gradient.shape != array.shape:
            place = f"of shape {gradient.shape}"
            worst[i].note(np.inf, point.label, place, (np.nan, np.nan))
            continue
        if gradient.dtype == np.float32:
            worst[i].narrow = True
            worst[i].tolerance = max(worst[i].tolerance, NARROW)
        largest = float(np.max(np.abs(gradient), initial=0.0))
        smooth = 0
        least = max(1e-3 * largest, 1e-4 * overall, TINY)
        for place, direction in directions(array, count, rng):
            terms = gradient * direction
            exact = float(np.sum(terms))
            if by_complex:
                slope = complex_slope(subject, point, target, direction, weights)
                scale = max(abs(slope), float(np.sum(np.abs(terms))), least)
                if abs(slope - exact) > worst[i].tolerance * scale:
                    noise = rounding_of(subject, point, i, direction, weights)
                    scale = max(scale, noise / worst[i].tolerance)
            else:
                line = _Line(subject, point, target, direction, weights, hidden)
                found = difference_slope(line, exact, worst[i].tolerance, least)
                if found is None:
                    continue
                slope, rounding = found
                scale = max(abs(slope), abs(exact), 1e7 * rounding, least)
            smooth += 1
            error = abs(slope - exact) / scale
            worst[i].note(error, point.label, place, (exact, slope))
        if not smooth and array.size:
            kinks.append(i)
    return kinks
