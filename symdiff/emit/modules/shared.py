"""The files of a package that are the same for every model: state, files, loop.

In: a unit, for the headers. Out: module texts, or their functions for the one file.
Invariant: the text below the header depends on no model, but for the state of models
whose parameters have several widths, which has no flat vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdiff.emit.modules.assembly import BUILD, Module, Options, header, sealed
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.render import render
from symdiff.plan.widths import trains_apart

# The standard library that training uses.
STANDARD = (
    "contextlib",
    "functools",
    "glob",
    "hashlib",
    "json",
    "math",
    "operator",
    "os",
    "threading",
    "warnings",
    "zipfile",
    "zlib",
)


@dataclass(frozen=True)
class _File:
    """A file: its summary, what it imports from the others, its templates in order.

    ``imported`` are names by module, ``said`` a comment below the imports.
    """

    summary: str
    imported: dict[str, tuple[str, ...]]
    parts: tuple[str, ...]
    said: str = ""


_OF_STATE = ("views", "plain_params", "adopt", "held", "places", "assigned", "numeric")
_ARCHIVES = ("weights", "read", "npz", "safetensors", "entry")
_LOOP = ("watch", "still", "sign", "epoch", "held_out", "parts", "batches", "identity")
_FROM_TRAIN = ("DATA", "LOOP", "ROWS")
_STEP = ("apply_update", "compute_grads", "evaluate", "train_step")
FILES = {
    "_state": _File(
        "What training changes, and what may be assigned to it.",
        {"backward": ("PARAMS", "_check")},
        ("noted", "state", *_OF_STATE, "arrays"),
    ),
    "_files": _File(
        "Weights and checkpoints in files: .npz or .safetensors, without pickle.",
        {"_state": ("_arrays",), "backward": ("PARAMS",)},
        ("checkpoint", "numbers", "hold", *_ARCHIVES),
    ),
    "_fit": _File(
        "The loop of training: batches, validation, early stopping, checkpoints.",
        {
            "_files": ("load_checkpoint", "save_checkpoint"),
            "_state": ("_adopt", "_number", "_whole_number"),
            "train": (*_FROM_TRAIN, *_STEP),
        },
        ("fit", "settings", *_LOOP),
        "loop_words",
    ),
}
# What train.py has from these files, and hands on.
HANDED_ON = {
    "_files": ("load", "load_checkpoint", "save", "save_checkpoint"),
    "_state": ("State", "_adopt"),
}


def shared_functions(unit: Unit, name: str) -> list[str]:
    """Return the functions of a file."""
    apart = trains_apart(unit.program)
    head = render("fit_head.py").rstrip("\n")
    found = []
    for part in FILES[name].parts:
        template = "state_apart" if part == "state" and apart else part
        values = {"apart": apart, "head": head}
        found.append(render(f"{template}.py", **values).strip())
    return found


def shared_modules(unit: Unit, options: Options, origin: str) -> dict[str, Module]:
    """Return the files by name."""
    made = {}
    for name, file in FILES.items():
        functions = shared_functions(unit, name)
        everything = "\n".join(functions)
        said = render(f"{file.said}.py").rstrip("\n") if file.said else ""
        text = render(
            "shared.py",
            header=header(unit, options, origin),
            summary=file.summary,
            imports=standard_imports(everything),
            imported=imports_from(file.imported),
            constants="\n\n".join(part for part in (BUILD, said) if part),
            functions=functions,
        )
        made[name] = Module(sealed(text))
    return made


def standard_names(text: str) -> list[str]:
    """Return the modules of the standard library that functions of training use."""
    return [name for name in STANDARD if f"{name}." in text]


def standard_imports(text: str) -> str:
    """Return the imports of functions that are the same for every model."""
    needs = [f"import {name}" for name in standard_names(text)]
    return "\n".join([*needs, "", "import numpy as np"])


def imports_from(names: dict[str, Sequence[str]] | dict[str, tuple[str, ...]]) -> str:
    """Return imports from modules of the package, sorted as linters sort them."""
    lines = []
    for module, wanted in sorted(names.items()):
        line = f"from .{module} import {', '.join(sorted(wanted, key=_rank))}"
        if len(line) > 88:
            filled = "\n".join(f"    {name}," for name in sorted(wanted, key=_rank))
            line = f"from .{module} import (\n{filled}\n)"
        lines.append(line)
    return "\n".join(lines)


def _rank(name: str) -> tuple[int, str]:
    """Return the place of a name among imports: constants, classes, functions."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name
