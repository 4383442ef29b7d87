"""Running a generated module's own text in one width.

In: generated modules, and the width. Out: within the context, modules whose float32 and
float64 are that width. Invariant: their own text runs, and afterwards they are as they
were before.

It is needed to check gradients: float32 would round away the differences from which
slopes are computed, and a real dtype would drop the imaginary part of a complex step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

Specs = Mapping[str, tuple[Any, ...]]


class _OneWidth:
    """NumPy, in which float32 and float64 are one width."""

    def __init__(self, width: Any) -> None:
        self.float32 = self.float64 = width

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


@contextlib.contextmanager
def lifted(modules: Collection[ModuleType], width: Any = np.float64) -> Iterator[None]:
    """Run modules with every width that is declared in them lifted to one."""
    kept = [(vars(module), dict(vars(module))) for module in modules]
    try:
        for names, before in kept:
            names["np"] = _OneWidth(width)
            for table in {"ARGUMENTS", "PARAMS"} & before.keys():
                names[table] = _neutral(before[table])
            if "_CONSTANTS" in before:
                names["_CONSTANTS"] = _doubled(before["_CONSTANTS"])
        yield
    finally:
        for names, before in kept:
            names.update(before)


def _neutral(specs: Specs) -> Specs:
    """Return declarations in which every float has either width."""
    floats = {n: spec for n, spec in specs.items() if spec[0].startswith("float")}
    return {**specs, **{n: ("float", *spec[1:]) for n, spec in floats.items()}}


def _doubled(constants: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Return constants in which every float has double precision."""
    floats = {n: a for n, a in constants.items() if a.dtype.kind == "f"}
    return {**constants, **{n: a.astype(np.float64) for n, a in floats.items()}}
