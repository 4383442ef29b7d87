"""What the examples share: claims, what is expected, what came out.

An example calls `check` for each claim and ends with `finish`, which exits 1 if any
failed.
"""

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


def _shown(value: np.ndarray) -> str:
    return np.array2string(value, precision=6, suppress_small=True, threshold=8)


def finish() -> None:
    """Exit 0 when every claim held, 1 otherwise."""
    if _failed:
        print("these claims failed:", *_failed, sep="\n  ")
    sys.exit(bool(_failed))
