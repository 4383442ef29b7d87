"""Arguments for a generated module: lengths that its checks accept, and arrays.

In: a generated module, or its declaration of an argument. Out: lengths by name, an
array. Invariant: constraints are found by calling the module; its model is not known.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from symdiff.compiler.dims import dimension, length_of
from symdiff.emit.modules.lengths import WISHES, meeting
from symdiff.graph.types import Constraint
from symdiff.graph.widths import numpy_dtype

TRIES = 60  # checks of lengths that a module may have
_CHECKS = (  # the messages of the checks that generated code makes of lengths
    (re.compile(r"lengths must agree: (.+) != (.+)"), False),
    (re.compile(r"needs at least one element, but (.+) is (0)"), True),
    (re.compile(r"needs (.+) >= (\d+)"), True),
)


def lengths_of(
    module: ModuleType,
    given: Mapping[str, int] | None = None,
    wishes: Sequence[int] = WISHES,
    turn: int | None = None,
) -> dict[str, int]:
    """Return lengths of a generated module's dims that its own checks accept.

    The module is called with lengths that meet all constraints found so far; if a check
    fails, its constraint is added. In a ``turn`` they differ from all declared axes,
    and from those of other turns. Raises `LengthError` where no lengths meet them.
    """
    specs = [*module.ARGUMENTS.values(), *getattr(module, "PARAMS", {}).values()]
    shapes = [dimension(d) for _, dims, *_ in specs for d in dims if isinstance(d, str)]
    bounds = [dimension(b) for _, _, *two in specs for b in two if isinstance(b, str)]
    symbols = [sorted(d.free_symbols, key=str) for d in [*shapes, *bounds]]
    dims = list(dict.fromkeys(s for found in symbols for s in found))
    asked = [Constraint(d, None) for d in shapes]
    axes = [d for _, own, *_ in specs for d in own if isinstance(d, int)]
    apart = [[*axes, *shapes]] if turn is not None else []

    def meet() -> dict[str, int]:
        found: list[dict[str, int]] = []
        for _ in range((turn or 0) + 1):
            found.append(meeting(dims, asked, given, wishes, apart, found))
        return found[-1]

    for _ in range(TRIES if dims else 0):
        sizes = meet()
        told = _refused(module, sizes)
        if told is None or told in asked:
            return sizes
        asked.append(told)
    return meet()


def _refused(module: ModuleType, sizes: Mapping[str, int]) -> Constraint | None:
    """Return the constraint on lengths that fails in a module's check, or None."""
    rng = np.random.default_rng(0)
    draw = partial(draw_argument, sizes=sizes, rng=rng)
    params = {n: draw(s, spread=0.3) for n, s in getattr(module, "PARAMS", {}).items()}
    arguments = [draw(s) for s in module.ARGUMENTS.values()]
    names = ("loss_and_residuals", "forward_with_residuals", "forward")
    call = next(getattr(module, n) for n in names if hasattr(module, n))
    first = [params] if hasattr(module, "PARAMS") else []
    key = {"key": 0} if "key" in inspect.signature(call).parameters else {}
    try:
        with np.errstate(all="ignore"):
            call(*first, *arguments, **key)
    except ValueError as error:
        for pattern, least in _CHECKS:
            found = pattern.search(str(error))
            if found is not None:
                left, right = map(dimension, found.groups())
                if not least:
                    return Constraint(left, right)
                return Constraint(left - max(int(right), 1) + 1, None)
    except Exception:  # not about lengths: a later run will show it
        return None
    return None


def draw_argument(
    spec: tuple[Any, ...],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    spread: float = 1.0,
    neutral: str = "float64",
) -> np.ndarray:
    """Draw an argument of a declared kind, shape and range.

    ``neutral`` is the width of the floats that are declared without one.
    """
    kind = spec[0]
    drawn = _drawn(spec, sizes, rng, spread)
    return drawn.astype(numpy_dtype(kind, neutral)) if "float" in kind else drawn


def _drawn(
    spec: tuple[Any, ...],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    spread: float,
) -> np.ndarray:
    kind, dims, *bounds = spec
    shape = tuple(d if isinstance(d, int) else length_of(d, sizes) for d in dims)
    low, high = (length_of(b, sizes) if isinstance(b, str) else b for b in bounds)
    if kind == "bool":
        return rng.random(shape) < 0.5
    if kind.startswith(("int", "uint")):
        least = 0 if low is None else int(low)
        return rng.integers(least, least + 5 if high is None else int(high), shape)
    if low is not None or high is not None:
        first = float(low) if low is not None else float(high) - 1.0
        last = float(high) if high is not None else first + 1.0
        return np.asarray(rng.uniform(first, last, shape))
    return np.asarray(spread * rng.standard_normal(shape))
