"""The sections of a TOML spec and the keys in them: one table for reader and schema.

In: nothing. Out: `FileSection`s of `Key`s. Invariant: the reader refuses what is not in
these tables, and the JSON Schema that editors use is made from them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from symdiff.declare import optim
from symdiff.declare.settings import Training
from symdiff.declare.update import OPTIONS

# Kinds of values, and how errors call them.
KINDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "shape": 'a shape, such as ["N", 64]',
    "array": "a number or an array of numbers",
    "expression": "an expression in a string",
    "table": "a table",
    "strings": "an array of strings",
    "files": "a path, or an array of paths",
    "datatype": "a dtype",
}

DTYPES = (
    *("float", "float32", "float64", "bool", "int", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


@dataclass(frozen=True)
class Key:
    """A key: the kinds of value it takes, and what it says."""

    kinds: tuple[str, ...]
    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileSection:
    """A table of the file.

    ``fields`` are its keys. Where keys are names that users choose, ``entry`` are the
    fields of each name's table, and ``short`` the kinds that may stand in its place.
    """

    doc: str
    fields: Mapping[str, Key] | None = None
    entry: Mapping[str, Key] | None = None
    short: tuple[str, ...] = ()


_INIT = Key(
    ("expression", "number", "array"),
    'how it starts: a name such as "he_normal", "normal(0.01)", a number, an array',
)
_SHAPE = Key(("shape",), "its lengths: integers, and names of dims", required=True)
_DTYPE = Key(("datatype",), "its dtype; float unless said", choices=DTYPES)

_INPUT = {
    "shape": _SHAPE,
    "dtype": _DTYPE,
    "low": Key(("number", "expression"), "the least valid value"),
    "high": Key(("number", "expression"), "valid values are below this"),
    "sample": Key(
        ("expression", "array"), 'how checks draw it, such as "uniform(0.1, 1)"'
    ),
}
_LEAF = {"shape": _SHAPE, "init": _INIT, "dtype": _DTYPE}

SECTIONS: dict[str, FileSection] = {
    "model": FileSection(
        "A model, which has parameters and, to be trained, a loss.",
        fields={
            "name": Key(("string",), "the generated package's name", required=True),
            "doc": Key(("string",), "a remark for people"),
        },
    ),
    "function": FileSection(
        "A function instead of a model: inputs to outputs, and its derivatives.",
        fields={
            "name": Key(("string",), "the generated package's name", required=True),
            "wrt": Key(("strings",), "inputs to differentiate by; all that are float"),
            "doc": Key(("string",), "a remark for people"),
        },
    ),
    "inputs": FileSection("What predictions read.", entry=_INPUT, short=("shape",)),
    "targets": FileSection(
        "What only the loss and the metrics read.", entry=_INPUT, short=("shape",)
    ),
    "params": FileSection(
        "Parameters beside those that layers declare.", entry=_LEAF, short=("shape",)
    ),
    "states": FileSection(
        "Buffers that training updates; [updates] says how.",
        entry=_LEAF,
        short=("shape",),
    ),
    "constants": FileSection(
        "Fixed numbers and arrays.",
        entry={
            "value": Key(("array",), "the number or array", required=True),
            "dtype": _DTYPE,
        },
        short=("array",),
    ),
    "equations": FileSection(
        'Values by name, in order; "a, b" takes two. One called loss is the loss.',
        entry={},
        short=("expression",),
    ),
    "outputs": FileSection("What is predicted.", entry={}, short=("expression",)),
    "metrics": FileSection(
        "Scalars that are reported beside the loss.", entry={}, short=("expression",)
    ),
    "updates": FileSection(
        "The next value of each state.", entry={}, short=("expression",)
    ),
    "optimizer": FileSection("How parameters change; keys depend on kind."),
    "training": FileSection("How `symdiff train` runs.", fields={}),
    "data": FileSection(
        "Files to train on: .npz, .csv or .npy, beside this file or below.",
        fields={
            "train": Key(
                ("files",), "rows to learn from; an .npz may hold all parts", True
            ),
            "validation": Key(("files",), "rows that are held out"),
            "test": Key(("files",), "rows for the end"),
        },
    ),
}

_TRAINING_KINDS = {
    "shuffle": ("boolean",),
    "validation_split": ("number",),
    "monitor": ("string",),
    "mode": ("string",),
    "plateau": ("table",),
}


def _documented(cls: Any) -> dict[str, str]:
    """Return what a class's numpydoc says of its parameters."""
    lines = inspect.cleandoc(cls.__doc__ or "").splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines[lines.index("----------") + 1 :]:
        if not line.strip():
            break
        if line.startswith(" "):
            found[name] += f" {line.strip()}"
        else:
            name, _, words = line.partition(" : ")
            found[name] = words
    return found


def training_fields() -> dict[str, Key]:
    """Return the keys of [training]: the fields of `Training`."""
    docs = _documented(Training)
    return {
        f.name: Key(
            _TRAINING_KINDS.get(f.name, ("integer",)),
            docs[f.name],
            choices=("min", "max") if f.name == "mode" else (),
        )
        for f in fields(Training)
    }


# --- optimisers ----------------------------------------------------------------------

_NOT_KINDS = ("Optimizer", "Schedule")
OPTIMIZERS: dict[str, Any] = {
    name.lower(): found
    for name, found in vars(optim).items()
    if name in optim.__all__ and isinstance(found, type) and name not in _NOT_KINDS
}

_OPTION_FIELDS = {
    "clip_value": Key(("number",), "bound on each element of the gradient"),
    "clip_norm": Key(("number",), "bound on the norm of the whole gradient"),
    "ema": Key(("number",), "decay of a running average of the parameters"),
    "groups": Key(
        ("table",), "name pattern to hyperparameters that replace the common ones"
    ),
    "frozen": Key(("string", "strings"), "name patterns of parameters to leave alone"),
    "max_norm": Key(("number", "table"), "bound on the norm of each unit's weights"),
}
assert set(_OPTION_FIELDS) == set(OPTIONS)

KIND = Key(("string",), "the optimiser", required=True, choices=tuple(OPTIMIZERS))


def optimizer_fields(kind: str) -> dict[str, Key]:
    """Return the keys of [optimizer] for a kind: its arguments, and the options."""
    signature = inspect.signature(OPTIMIZERS[kind].__init__)
    own: dict[str, Key] = {"kind": KIND}
    for p in signature.parameters.values():
        if p.name == "self" or p.kind is p.VAR_KEYWORD:
            continue
        if isinstance(p.default, bool):
            own[p.name] = Key(("boolean",), f"{str(p.default).lower()} unless said")
            continue
        words = f"{p.default!r} unless said; a schedule is a string, such as "
        own[p.name] = Key(
            ("number", "expression"), f'{words}"cosine({p.default!r}, steps=1000)"'
        )
    return own | _OPTION_FIELDS
