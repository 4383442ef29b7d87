"""A run: every chosen case checked, timed, and kept as plain data.

Out: what `--json` writes and what the table, the chart and the page are made from.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks import agree, threads, timing
from benchmarks.case import Case
from benchmarks.contenders import contenders

FORMAT = 1


@dataclass(frozen=True)
class Effort:
    """How long a case is timed, and who takes part."""

    seconds: float  # a case
    turn: float  # of one contender, in a round
    left_out: tuple[str, ...] = ()
    heavy: bool = True


FULL = Effort(seconds=40, turn=0.02)
QUICK = Effort(seconds=1.2, turn=0.004, left_out=("autograd", "readable"), heavy=False)


def run(
    cases: Iterable[Case],
    effort: Effort,
    all_cores: bool = False,
    say: Callable[[str], None] = lambda words: None,
) -> dict[str, Any]:
    """Measure cases and return what was found, ready for JSON.

    Raises `agree.DisagreementError` where a contender does not compute symdiff's step.
    """
    before, rows, machine = threads.load(), [], threads.machine(all_cores)
    for case in cases:
        if case.heavy and not effort.heavy:
            continue
        say(f"{case.name}: {case.title}")
        rows.append(measured(case, effort))
    return {
        "format": FORMAT,
        "machine": machine,
        "versions": threads.versions(),
        "load": {"before": before, "after": threads.load()},
        "seconds": effort.seconds,
        "rows": rows,
    }


def measured(case: Case, effort: Effort) -> dict[str, Any]:
    """Return one case's row."""
    found = contenders(case, effort.left_out)
    agree.check(found, case.dtype)
    times = timing.rounds(found, effort.seconds, effort.turn)
    pairs = [("symdiff", "best")]
    pairs += [(name, "symdiff") for name in times if name not in ("symdiff", "best")]
    return {
        "name": case.name,
        "title": case.title,
        "dtype": case.dtype,
        "rounds": len(times["symdiff"].cpu),
        "contenders": {
            name: {
                "cpu": statistics.median(t.cpu),
                "wall": statistics.median(t.wall),
            }
            for name, t in times.items()
        },
        "ratios": {
            f"{a}/{b}": {
                "cpu": times[a].over(times[b]),
                "wall": times[a].over(times[b], wall=True),
            }
            for a, b in pairs
        },
        "allocated": timing.allocated(found["symdiff"]),
    }
