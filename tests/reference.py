"""docs/reference/functions.md: every function over tensors, from its docstring.

In: the table of public functions. Out: the page's text. Invariant: functions stand
under the headings of docs/conformance.md, under all their names.
"""

from __future__ import annotations

import inspect
import re

from conformance import names_of, section_of
from conformance_words import SECTIONS

INTRODUCTION = """---
search: {boost: 3}
---

# Functions

Functions over tensors, `sd.<name>`. Those that NumPy has take NumPy's arguments, and
`np.<name>` of a symbolic tensor is the same function. Which checks each one passes is
on the page of [conformance](../conformance.md); what happens at ties, zeros and
infinities on that of [traps](../traps.md). This page is made of the docstrings, by
`pytest tests/test_reference.py --update-golden`.
"""
LAST = "Others"


def page() -> str:
    """Return the page's text."""
    by_section: dict[str, list[tuple[list[str], object]]] = {}
    for function, names in names_of().items():
        by_section.setdefault(section_of(function), []).append((names, function))
    order = [*SECTIONS, *(s for s in sorted(by_section) if s not in SECTIONS)]
    parts = [INTRODUCTION]
    for section in order:
        found = by_section.get(section, [])
        if found:
            title = (
                "Derivatives, random numbers, others" if section == LAST else section
            )
            parts.append(f"## {title}\n")
            parts += [_entry(n, f) for n, f in sorted(found, key=lambda e: e[0][0])]
    return "\n".join(parts)


def _entry(names: list[str], function: object) -> str:
    """Return a function as a definition: its call, its other names, its docstring."""
    first, *others = names
    also = "".join(f", `sd.{n}`" for n in others)
    text = _plain((inspect.getdoc(function) or "").replace("``", "`"))
    lines = [f"`sd.{first}{_call(function)}`{also}", ""]
    body = _without_rules(text)
    return "\n".join([*lines[:1], *_indented(body), ""])


def _call(function: object) -> str:
    """Return the parameters as they are written, without types."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY
    plain = [p.replace(kind=kinds[0]) if p.kind == kinds[1] else p for p in plain]
    shown = str(inspect.Signature(plain))
    return "(…)" if shown == "(*_, **__)" else re.sub(r"DType\(.*?\)", '"float"', shown)


def _plain(text: str) -> str:
    """Return a text in which stars and bars outside of code mean themselves."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _without_rules(text: str) -> list[str]:
    """Return numpydoc's sections as bold words and lists."""
    found: list[str] = []
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if set(line) == {"-"} and i:
            found[-1] = f"*{found[-1]}*"
            found.append("")
        else:
            found.append(line)
    return _listed(found)


def _listed(lines: list[str]) -> list[str]:
    """Return entries of sections, a name above an indented text, as items of a list."""
    found: list[str] = []
    inside = False
    for i, line in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else ""
        inside = inside or (line.startswith("*") and line.endswith("*"))
        if inside and line and not line.startswith((" ", "*")) and following[:1] == " ":
            found.append(f"- `{line}`:")
        elif inside and line.startswith("    "):
            found.append(f"    {line.strip()}")
        else:
            found.append(line)
    return found


def _indented(lines: list[str]) -> list[str]:
    first, *rest = lines or [""]
    return [f":   {first}", *(f"    {line}" if line else "" for line in rest)]
