"""Generated text run as it is, without touching the disk."""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import symdiff as sd
from symdiff.compiler.compilation import Compilation


def names_of(text: str, name: str = "generated") -> dict[str, Any]:
    """Return what a module defines that imports nothing but NumPy."""
    return vars(_run(text, name))


def module(compiled: Compilation, name: str) -> ModuleType:
    """Return one module of a package without touching the disk, if it can be."""
    if any(isinstance(content, bytes) for content in compiled.files.values()):
        return getattr(compiled.load(), name)  # type: ignore[no-any-return]
    return _run(compiled[name], name)


def beside(module: ModuleType, name: str) -> ModuleType:
    """Return another module of the package that a module is of."""
    return importlib.import_module(f".{name}", module.__package__)


def differentiated(spec: Path, level: int) -> Iterator[Compilation]:
    """Yield the compilations of what a spec declares that have a backward function.

    Blocks that repeat are written out, so that each name is one value.
    """
    sys.path.insert(0, str(spec.parent))
    try:
        scope = runpy.run_path(str(spec), run_name=spec.stem)
    finally:
        sys.path.remove(str(spec.parent))
    found = {id(v): v for v in scope.values() if isinstance(v, sd.Model | sd.Function)}
    for declared in found.values():
        made = sd.compile(declared, optimize=level, inline=True)
        if f"{declared.name}/backward.py" in made.files:
            yield made


def _run(text: str, name: str) -> ModuleType:
    made = ModuleType(f"generated_{name}")
    exec(compile(text, f"{name}.py", "exec"), vars(made))
    return made
