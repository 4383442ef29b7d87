"""The JSON Schema of TOML specs, so that editors complete and check them.

In: the tables that the reader uses. Out: a schema (draft 7, which editors know best);
``spec.schema.json`` beside this file is its text. Invariant: what the reader accepts is
valid; but only the reader can tell whether an equation is right.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from symdiff.declare.toml.fields import (
    OPTIMIZERS,
    SECTIONS,
    FileSection,
    Key,
    optimizer_fields,
    training_fields,
)
from symdiff.declare.toml.functions import INIT_NAMES, SCHEDULES
from symdiff.declare.toml.limits import MAX_AXIS, MAX_RANK
from symdiff.declare.toml.parse import MAX_EQUATION

FILE = Path(__file__).with_name("spec.schema.json")
_NAME = r"^[A-Za-z]\w*$"
_TARGETS = r"^[A-Za-z]\w*(\s*,\s*[A-Za-z]\w*)*$"

_EXPRESSION = {"type": "string", "minLength": 1, "maxLength": MAX_EQUATION}
_LENGTH = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_AXIS},
        {"type": "string", "minLength": 1, "description": "a dim, or formula of dims"},
    ]
}
_ONE: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "shape": {
        "anyOf": [
            *_LENGTH["anyOf"],
            {"type": "array", "items": _LENGTH, "maxItems": MAX_RANK},
        ]
    },
    "array": {"$ref": "#/definitions/array"},
    "expression": _EXPRESSION,
    "table": {"type": "object"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "files": {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]
    },
    "datatype": {"type": "string"},
}


def _kinds(kinds: Iterable[str]) -> dict[str, Any]:
    found = [_ONE[k] for k in kinds]
    return dict(found[0]) if len(found) == 1 else {"anyOf": found}


def _field(found: Key) -> dict[str, Any]:
    made = _kinds(found.kinds)
    if found.choices:
        made["enum"] = list(found.choices)
    return {**made, "description": found.doc}


def _table(fields: Mapping[str, Key], doc: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "description": doc,
        "properties": {k: _field(f) for k, f in fields.items()},
        "additionalProperties": False,
    }
    required = [k for k, f in fields.items() if f.required]
    return {**made, "required": required} if required else made


def _section(name: str, found: FileSection) -> dict[str, Any]:
    if name == "training":
        return _table(training_fields(), found.doc)
    if name == "optimizer":
        return _optimizer(found.doc)
    if found.fields is not None:
        return _table(found.fields, found.doc)
    entry = _kinds(found.short)
    if found.entry:
        choices = entry.get("anyOf", [entry])
        entry = {"anyOf": [*choices, _entry(name, found.entry)]}
    names = _TARGETS if name == "equations" else r"^[A-Za-z]\w*(\.[A-Za-z]\w*)*$"
    return {
        "type": "object",
        "description": found.doc,
        "patternProperties": {names: entry},
        "additionalProperties": False,
        **({"minProperties": 1} if name == "outputs" else {}),
    }


def _entry(name: str, fields: Mapping[str, Key]) -> dict[str, Any]:
    """Return the schema of a name's table; params and states may be grouped."""
    made = _table(fields, SECTIONS[name].doc)
    if name not in ("params", "states"):
        return made
    group = {
        "type": "object",
        "description": "a group: its names follow the group's, behind a dot",
        "patternProperties": {_NAME: {"$ref": f"#/definitions/{name}"}},
        "additionalProperties": False,
        "minProperties": 1,
        "not": {
            "properties": {"shape": {"not": {"type": "object"}}},
            "required": ["shape"],
        },
    }
    return {"anyOf": [made, group]}


def _optimizer(doc: str) -> dict[str, Any]:
    """Return the schema of [optimizer]: which keys there are depends on its kind."""
    names = sorted({n for k in OPTIMIZERS for n in (k, OPTIMIZERS[k].__name__)})
    every: dict[str, Any] = {}
    rules = []
    for kind, cls in OPTIMIZERS.items():
        fields = optimizer_fields(kind)
        every |= {k: _field(f) for k, f in fields.items() if k not in every}
        alone = {"enum": sorted({kind, cls.__name__})}
        rules.append(
            {
                "if": {"properties": {"kind": alone}, "required": ["kind"]},
                "then": {"propertyNames": {"enum": list(fields)}},
            }
        )
    lines = [f"{k}: {_first_line(c)}" for k, c in OPTIMIZERS.items()]
    every["kind"] = {"enum": names, "description": "\n".join(lines)}
    lr = every["lr"]["description"]
    calls = ", ".join(f"{n}{inspect.signature(f)}" for n, f in SCHEDULES.items())
    every["lr"]["description"] = f"{lr}; schedules: {_untyped(calls)}"
    return {
        "type": "object",
        "description": doc,
        "properties": every,
        "required": ["kind"],
        "additionalProperties": False,
        "allOf": rules,
    }


def _untyped(calls: str) -> str:
    """Return signatures without types."""
    for part in ("'float | Schedule'", "'float'", "'int'", "'Schedule'"):
        calls = calls.replace(f": {part} = ", "=").replace(f": {part}", "")
        calls = calls.replace(f" -> {part}", "")
    return calls.replace(": 'Sequence[int]'", "").replace(": 'Sequence[float]'", "")


def _first_line(cls: Any) -> str:
    return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec in TOML."""
    properties = {name: _section(name, found) for name, found in SECTIONS.items()}
    init = {"enum": INIT_NAMES}
    for name in ("params", "states"):
        _suggest(properties[name], init)
    definitions: dict[str, Any] = {
        "array": {
            "anyOf": [
                {"type": ["number", "boolean"]},
                {"type": "array", "items": {"$ref": "#/definitions/array"}},
            ]
        }
    }
    for name in ("params", "states"):
        (entry,) = properties[name]["patternProperties"].values()
        definitions[name] = entry
        for pattern in properties[name]["patternProperties"]:
            properties[name]["patternProperties"][pattern] = {
                "$ref": f"#/definitions/{name}"
            }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "symdiff spec",
        "description": "A symbolic model, which symdiff compiles to NumPy.",
        "type": "object",
        "properties": properties,
        "required": ["outputs"],
        "oneOf": [
            {"required": ["model"], "properties": {"function": False}},
            {
                "required": ["function"],
                "properties": dict.fromkeys(
                    ["targets", "metrics", "updates", "optimizer", "training", "data"],
                    False,
                ),
            },
        ],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _suggest(section: dict[str, Any], init: dict[str, Any]) -> None:
    """Let editors complete the names of initial values, which any string may follow."""
    for entry in section["patternProperties"].values():
        for choice in entry["anyOf"]:
            for table in choice.get("anyOf", [choice]):
                if "init" in table.get("properties", {}):
                    table["properties"]["init"]["anyOf"].insert(0, init)


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
