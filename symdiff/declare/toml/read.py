"""Checking the tables of a TOML spec: known keys, and values of the right kind.

In: a `Document` and the fields of a table. Out: plain values. Invariant: a key that is
not known or a value of another kind is a `SpecError` with its caret below it, and the
nearest name that would do.
"""

from __future__ import annotations

import difflib
import keyword
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from symdiff.declare.toml.fields import DTYPES, KINDS, SECTIONS, FileSection, Key
from symdiff.declare.toml.functions import nearest
from symdiff.declare.toml.limits import MAX_NAME
from symdiff.declare.toml.text import Document, Path_

MAX_NAMES = 2_000  # in a section
_IDENTIFIER = re.compile(r"[A-Za-z]\w*")
_KNOWN_TYPES = {
    bool: "true or false",
    str: "a string",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "a table",
}


def kind_of(value: Any) -> str:
    """Return what a value of TOML is, in words."""
    for found, words in _KNOWN_TYPES.items():
        if isinstance(value, found):
            return words
    return "a date or time"


class Reader:
    """Reads the tables of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def check_sections(self) -> None:
        """Raise `SpecError` for unknown sections, and for ones that are no table."""
        for name, value in self.document.values.items():
            if name not in SECTIONS:
                hint = nearest(name, SECTIONS)
                raise self.document.at_key(
                    (name,),
                    f"there is no section `{name[:60]}`{hint or '.'} Sections are "
                    f"{', '.join(SECTIONS)}.",
                )
            if not isinstance(value, dict):
                raise self.document.at_value(
                    (name,), f"[{name}] is a table, not {kind_of(value)}."
                )

    def table(self, path: Path_, fields: Mapping[str, Key]) -> dict[str, Any]:
        """Return the values of a table; raise for a key that is unknown or missing."""
        values = self._at(path)
        for key in values:
            if key not in fields:
                hint = nearest(key, fields)
                raise self.document.at_key(
                    (*path, key),
                    f"there is no key `{key[:60]}` here{hint or '.'} Keys are "
                    f"{', '.join(fields)}.",
                )
        for key, found in fields.items():
            if key in values:
                self.check((*path, key), values[key], found)
            elif found.required:
                raise self.document.at_key(
                    path, f"`{key}` is missing here: {found.doc}."
                )
        return dict(values)

    def _at(self, path: Path_) -> dict[str, Any]:
        value: Any = self.document.values
        for part in path:
            value = value[part]
        if not isinstance(value, dict):
            raise self.document.at_value(
                path, f"a table is needed, not {kind_of(value)}."
            )
        return value

    def check(self, path: Path_, value: Any, found: Key) -> None:
        """Raise `SpecError` where a value is not of a kind, or choice, of its key."""
        if not any(_fits(value, kind) for kind in found.kinds):
            allowed = " or ".join(KINDS[k] for k in found.kinds)
            raise self.document.at_value(
                path, f"`{path[-1]}` is {allowed}, not {kind_of(value)}."
            )
        choices = found.choices
        if choices and value not in choices and found.kinds != ("datatype",):
            hint = nearest(str(value), choices)
            raise self.document.at_value(
                path, f"`{path[-1]}` is one of {', '.join(choices)}{hint}."
            )
        if "datatype" in found.kinds and value not in DTYPES:
            hint = nearest(str(value), DTYPES)
            raise self.document.at_value(
                path, f"a dtype is one of {', '.join(DTYPES)}{hint}."
            )

    # --- tables whose keys are names -------------------------------------------------

    def entries(self, section: str) -> Iterator[tuple[Path_, str, dict[str, Any]]]:
        """Return the path, dotted name and table of each name in a section."""
        layout = SECTIONS[section]
        found = self._leaves((section,), layout)
        for count, (path, name, value) in enumerate(found):
            if count >= MAX_NAMES:
                raise self.document.at_key(path, f"at most {MAX_NAMES:,} names here.")
            yield path, name, value

    def _leaves(
        self, path: Path_, layout: FileSection
    ) -> Iterator[tuple[Path_, str, dict[str, Any]]]:
        values = self._at(path) if path[0] in self.document.values else {}
        fields = layout.entry or {}
        for key, value in values.items():
            here = (*path, key)
            if isinstance(value, dict) and fields and not _is_entry(value, fields):
                self.check_part(here, key)
                if len(here) > 6:
                    raise self.document.at_key(here, "names have at most 5 parts.")
                yield from self._leaves(here, layout)
                continue
            name = ".".join(map(str, here[1:]))
            if not isinstance(value, dict) and any(
                _fits(value, k) for k in layout.short
            ):
                first = next(iter(fields), "value")
                yield here, name, {first: value}
            elif fields and isinstance(value, dict):
                yield here, name, self.table(here, fields)
            else:
                allowed = [KINDS[k] for k in layout.short]
                allowed += ["a table"] if fields else []
                raise self.document.at_value(
                    here,
                    f"`{key[:60]}` is {' or '.join(allowed)}, not {kind_of(value)}.",
                )

    def check_part(self, path: Path_, part: str) -> None:
        """Raise `SpecError` for a part of a name that is not allowed."""
        problem = name_problem(part)
        if problem:
            raise self.document.at_key(path, problem)


def name_problem(name: str) -> str:
    """Return what is wrong with a name of the user's; '' if nothing is."""
    if keyword.iskeyword(name) or name in ("True", "False", "None"):
        return f"`{name}` is a keyword of Python; choose another name."
    if len(name) > MAX_NAME:
        return f"a name has at most {MAX_NAME} letters."
    if not name.isidentifier() or name.startswith("_"):
        return (
            f"{name[:60]!r} is no name: letters, digits and underscores, the first a "
            "letter."
        )
    if unicodedata.normalize("NFKC", name) != name:
        plain = unicodedata.normalize("NFKC", name)
        return f"Python reads {name!r} as {plain!r}; write that."
    return ""


def _is_entry(value: dict[str, Any], fields: Mapping[str, Key]) -> bool:
    """Whether a table declares something itself, rather than being a group of tables.

    It is a group where it holds tables alone, and no key of a declaration.
    """
    if any(key in value and not isinstance(value[key], dict) for key in fields):
        return True
    plain = [key for key, v in value.items() if not isinstance(v, dict)]
    if any(difflib.get_close_matches(k[:20], fields, 1, 0.8) for k in plain):
        return True  # a misspelt key rather than a name
    return not value or not all(isinstance(v, dict | list) for v in value.values())


def _fits(value: Any, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string" | "expression" | "datatype":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and number
        case "number":
            return number and not (isinstance(value, float) and math.isnan(value))
        case "boolean":
            return isinstance(value, bool)
        case "shape":
            whole = isinstance(value, int) and number
            return whole or isinstance(value, str | list)
        case "array":
            return number or isinstance(value, bool | list)
        case "table":
            return isinstance(value, dict)
        case "strings":
            return isinstance(value, list) and all(isinstance(v, str) for v in value)
        case "files":
            return isinstance(value, str) or _fits(value, "strings")
    raise ValueError(kind)
