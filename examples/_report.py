"""What the examples share: claims, what is expected, what came out.

An example calls `check`, `at_least` or `at_most` for each claim and ends with
`finish`, which exits 1 if any failed. With SYMDIFF_SMALL=1 in the environment, as the
tests set it, `small()` holds: examples take fewer steps, and what needs all of them is
not judged.
"""

import os
import sys
from typing import Any

import numpy as np

_failed: list[str] = []


def check(claim: str, expected: Any, result: Any, tolerance: float = 1e-12) -> None:
    """Print a claim beside the result; remember whether they agree."""
    want, got = np.asarray(expected), np.asarray(result)
    agree = want.shape == got.shape and np.allclose(
        got, want, rtol=tolerance, atol=tolerance
    )
    print(f"{claim}\n    expected  {_shown(want)}\n    result    {_shown(got)}")
    print(f"    {'ok' if agree else 'MISMATCH'}\n")
    if not agree:
        _failed.append(claim)


def at_least(
    claim: str, bound: float, result: float, *, when_small: float | None = None
) -> None:
    """Print a claim that a number is at least `bound`.

    At small size it is held to `when_small`, and not judged where that is None.
    """
    _bounded(claim, "≥", bound, result, when_small)


def at_most(
    claim: str, bound: float, result: float, *, when_small: float | None = None
) -> None:
    """As `at_least`, for a number that is at most `bound`."""
    _bounded(claim, "≤", bound, result, when_small)


def _bounded(
    claim: str, sign: str, bound: float, result: float, when_small: float | None
) -> None:
    judged = not small() or when_small is not None
    if small() and when_small is not None:
        bound = when_small
    agree = result >= bound if sign == "≥" else result <= bound  # nan: it does not
    print(f"{claim}\n    expected  {sign} {bound:.6g}\n    result    {result:.6g}")
    if not judged:
        print("    not judged at small size\n")
        return
    print(f"    {'ok' if agree else 'MISMATCH'}\n")
    if not agree:
        _failed.append(claim)


def small() -> bool:
    """Return whether this is a quick run that shows only that everything works."""
    return os.environ.get("SYMDIFF_SMALL", "") not in ("", "0")


def _shown(value: np.ndarray) -> str:
    return np.array2string(value, precision=6, suppress_small=True, threshold=8)


def finish() -> None:
    """Exit 0 when every claim held, 1 otherwise."""
    if _failed:
        print("these claims failed:", *_failed, sep="\n  ")
    sys.exit(bool(_failed))
