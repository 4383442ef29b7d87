"""The public API, and its docstrings read as numpydoc reads them.

In: nothing. Out: every public object by name, and the sections of a docstring.
Invariant: what `import symdiff as sd` offers is listed here, once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import symdiff as sd
from symdiff import transforms
from symdiff.compiler.compilation import Compilation
from symdiff.ops.core.operands import API

SECTIONS = (
    "Parameters",
    "Other Parameters",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
    "Attributes",
)
HEADING = re.compile(r"^(\S[^\n]*)\n(-{3,}) *$", re.M)
PROSE = re.compile(r"(?:^|\. )(?:Raises|Returns) (?:`|\()", re.M)


def public() -> dict[str, Any]:
    """Return every public object, by one name each."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, thing in _named():
        if id(thing) not in seen:
            seen.add(id(thing))
            found[name] = thing
    return found


def _named() -> Iterator[tuple[str, Any]]:
    for name in sd.__all__:
        thing = getattr(sd, name)
        if callable(thing):
            yield f"sd.{name}", thing
    for name in sorted(API):
        yield f"sd.{name}", API[name]
    for room in (sd.nn, sd.optim, sd.init):
        for name in room.__all__:
            if callable(thing := getattr(room, name)):
                yield f"{room.__name__}.{name}", thing
    for name, thing in vars(sd.optim.schedules).items():
        owner = getattr(thing, "__module__", "")
        if owner == sd.optim.schedules.__name__ and not name.startswith("_"):
            yield f"schedules.{name}", thing
    for name in transforms.__all__:
        yield f"transforms.{name}", getattr(transforms, name)
    yield "sd.optim.Optimizer.update", sd.optim.Optimizer.update
    for name in ("write", "explain", "load"):
        yield f"Compilation.{name}", getattr(Compilation, name)


def parameters(thing: Any) -> dict[str, inspect.Parameter]:
    """Return a callable's parameters, without self."""
    try:
        found = dict(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return {}
    found.pop("self", None)
    return found


def sections(text: str) -> dict[str, list[str]]:
    """Return the lines of each section; the summary and prose are under ''."""
    found: dict[str, list[str]] = {"": []}
    lines, current, i = text.splitlines(), "", 0
    while i < len(lines):
        match = HEADING.match("\n".join(lines[i : i + 2]))
        if match:
            current, i = match[1], i + 2
            found[current] = []
        else:
            found[current].append(lines[i])
            i += 1
    return found


def entries(lines: list[str]) -> dict[str, str]:
    """Return what a section of names says: each name, and its description."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line and not line.startswith(" "):
            names = [n.strip() for n in line.split(" : ")[0].split(",")]
            found.update(dict.fromkeys(names, ""))
        elif line:
            found.update({n: f"{found[n]} {line.strip()}".strip() for n in names})
    return found
