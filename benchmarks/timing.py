"""Contenders timed in turn, in one process.

A round gives every contender one turn of some milliseconds; ratios are taken within a
round and the median is over rounds, so that a disturbance spoils a round and not the
comparison. Processor time is what counts, the clock is shown beside it.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.case import Contender

LEAST = 3  # rounds, however long they take
MOST = 400


@dataclass(frozen=True)
class Times:
    """Seconds a step, by round."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    def over(self, other: Times, wall: bool = False) -> float:
        """Return the median of this time over another's, round by round."""
        mine, theirs = (self.wall, other.wall) if wall else (self.cpu, other.cpu)
        return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


def rounds(
    found: Mapping[str, Contender], seconds: float, turn: float
) -> dict[str, Times]:
    """Time contenders for ``seconds`` in all, in turns of about ``turn`` seconds."""
    counts = {name: _steps(contender, turn) for name, contender in found.items()}
    cpu: dict[str, list[float]] = {name: [] for name in found}
    wall: dict[str, list[float]] = {name: [] for name in found}
    end = time.perf_counter() + seconds
    gc.collect()
    gc.disable()
    try:
        for done in range(MOST):
            if done >= LEAST and time.perf_counter() > end:
                break
            for name, contender in found.items():
                used, passed = _turn(contender, counts[name])
                cpu[name].append(used)
                wall[name].append(passed)
    finally:
        gc.enable()
    return {name: Times(tuple(cpu[name]), tuple(wall[name])) for name in found}


def _turn(contender: Contender, count: int) -> tuple[float, float]:
    """Return seconds a step over ``count`` steps: processor's and the clock's."""
    step = contender.step
    step()  # its memory comes into the caches
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    used, passed = time.process_time() - cpu, time.perf_counter() - wall
    return used / count, passed / count


def _steps(contender: Contender, turn: float) -> int:
    """Return how many steps last about ``turn`` seconds."""
    once = min(_turn(contender, 1)[0] for _ in range(3))
    return max(1, min(10_000, int(turn / max(once, 1e-7))))


def allocated(contender: Contender) -> int:
    """Return the most bytes that are new at once during a step of a running loop."""
    for _ in range(3):
        contender.step()
    gc.collect()
    tracemalloc.start()
    try:
        contender.step()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        contender.step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
