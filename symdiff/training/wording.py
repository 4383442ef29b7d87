"""Numbers, times and rates as people read them while a model trains.

In: numbers. Out: text of a few characters. Invariant: widths change little from one
drawing to the next, so that a live line stays calm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def shown(found: Mapping[str, float]) -> str:
    """Return named numbers in one line."""
    return "  ".join(f"{name} {number(value)}" for name, value in found.items())


def number(value: float) -> str:
    """Return a number with four decimals, or in powers of ten."""
    small = value != 0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e5
    return f"{value:.3e}" if small else f"{value:.4f}"


def duration(seconds: float) -> str:
    """Return a time as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(speed: float, unit: str) -> str:
    """Return a rate as 1,240 examples/s, or 3.2 steps/s."""
    return f"{speed:,.0f} {unit}/s" if speed >= 100 else f"{speed:.3g} {unit}/s"
