"""The workloads, each in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from benchmarks.case import Case

NAMES = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8")


def chosen(only: Sequence[str] = (), small: bool = False) -> Iterator[Case]:
    """Make the cases of the workloads that are named, of all by default.

    ``only`` has workloads ("W3") or cases ("W3 Adam"). Each is made when it is asked
    for, so that one at a time is in memory. ``small`` gives the sizes of the tests.
    """
    known = {name.upper(): name for name in NAMES}
    wanted = {word.strip().upper() for word in only}
    for word in wanted:
        if word.split()[0] not in known:
            raise ValueError(f"{word!r} is no workload ({', '.join(NAMES)})")
    for upper, name in known.items():
        words = {word for word in wanted if word.split()[0] == upper}
        if wanted and not words:
            continue
        for case in import_module(f"benchmarks.workloads.{name.lower()}").cases(small):
            if not words or upper in words or case.name.upper() in words:
                yield case
