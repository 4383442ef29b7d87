"""Functions compiled for Numba beside their NumPy text: one call, and what differs.

In: a declared function and arrays. Out: nothing, or an assertion. Invariant: the NumPy
target is the oracle, and in a float32 run no variable of a kernel is wider.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from generated import module

import symdiff as sd

REASON = "Numba, the extra [numba], is not installed"
ROUNDINGS = 64  # of the largest element: kernels contract and reorder nothing
MODULES = ("forward", "backward")


def needs_numba() -> Any:
    """Return Numba; skip the test file without it."""
    return pytest.importorskip("numba", reason=REASON)


def kernels_of(made: ModuleType) -> dict[str, Any]:
    """Return the compiled functions of a module by name."""
    return {k: v for k, v in vars(made).items() if hasattr(v, "nopython_signatures")}


def compared(
    function: sd.Function,
    values: Sequence[np.ndarray],
    widths: Sequence[str] = ("float64", "float32"),
    level: int = 1,
) -> int:
    """Run value and gradient in both targets; return how many kernels there were."""
    targets = ("numpy", "numba", "numba")
    text, compiled, again = (sd.compile(function, t, level) for t in targets)
    assert compiled.files == again.files
    ours = [module(text, n) for n in MODULES]
    theirs = [module(compiled, n) for n in MODULES]
    for width in widths:
        given = [_narrowed(v, width) for v in values]
        kept = [v.copy() for v in given]
        wanted, found = _run(*ours, given, width), _run(*theirs, given, width)
        for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
            close(b, a, f"{function.name} {width} {i}")
        for a, b in zip(given, kept, strict=True):
            np.testing.assert_array_equal(a, b, err_msg="an argument changed")
    kernels = [k for m in theirs for k in kernels_of(m).values()]
    for kernel in kernels:
        _check_widths(kernel)
    return len(kernels)


def close(found: Any, wanted: Any, what: str) -> None:
    """Fail where two results differ by more than rounding, or in type."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.dtype == wanted.dtype, f"{what}: {found.dtype}, not {wanted.dtype}"
    assert found.shape == wanted.shape, f"{what}: {found.shape}, not {wanted.shape}"
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted, err_msg=what)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    bound = ROUNDINGS * float(np.finfo(wanted.dtype).eps)
    scale = max(1.0, float(np.max(finite, initial=0.0)))
    np.testing.assert_allclose(
        found, wanted, rtol=bound, atol=bound * scale, err_msg=what
    )


def _narrowed(value: np.ndarray, width: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return value.astype(width) if value.dtype.kind == "f" else value


def _run(
    forward: ModuleType, backward: ModuleType, given: Sequence[Any], width: str
) -> list[Any]:
    with np.errstate(all="ignore"):
        value = forward.forward(*given)
        again, residuals = backward.forward_with_residuals(*given)
        results = list(again) if isinstance(again, tuple) else [again]
        floats = [r for r in results if np.asarray(r).dtype.kind == "f"]
        seeds = [np.asarray(0.5 + 0.25 * np.asarray(r), width) for r in floats]
        seeds = [np.where(np.isfinite(s), s, 1).astype(width) for s in seeds]
        slopes = backward.backward(residuals, *seeds)
    values = list(value) if isinstance(value, tuple) else [value]
    return [*values, *results, *slopes]


def _check_widths(kernel: Any) -> None:
    """Fail where a kernel has a float64 in it although its arguments have none."""
    for signature, made in kernel.overloads.items():
        if "float64" in str(signature) or "float32" not in str(signature):
            continue
        types = made.type_annotation.typemap
        wide = {k: str(t) for k, t in types.items() if "float64" in str(t)}
        # a literal is wide until its type is called
        wide = {k: t for k, t in wide.items() if not k.startswith(("$", "const"))}
        assert not wide, f"{kernel.__name__}: {wide}"
