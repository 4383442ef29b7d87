"""Generated text run as it is, without touching the disk."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

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


def _run(text: str, name: str) -> ModuleType:
    made = ModuleType(f"generated_{name}")
    exec(compile(text, f"{name}.py", "exec"), vars(made))
    return made
