"""A generated package: which modules there are, and the files they make.

In: the lowered functions of a program. Out: file texts by relative path, with the bytes
of array constants. Invariant: every module is stamped with a BUILD, the same for all
modules of one compilation and no other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdiff.emit.listing import Listed, Record
from symdiff.emit.modules.assembly import (
    BODY_MARK,
    Module,
    Options,
    backward_module,
    body_of,
    forward_module,
    outputs_module,
    stamped,
)
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.entry import init_module, main_module
from symdiff.emit.modules.front import quoted
from symdiff.emit.modules.halves import Halves
from symdiff.emit.modules.lowering import LoweredFunctions
from symdiff.emit.modules.planned import planned_module
from symdiff.emit.modules.shared import shared_modules
from symdiff.emit.modules.single import single_module
from symdiff.emit.modules.train import train_module
from symdiff.emit.modules.writing import packed

CONSTANTS = "constants.npz"
HELD = {
    "_hidden": "The values that stop_gradient hides from the gradient.",
    "_held": "The results, given the values that stop_gradient hides.",
}


def package_files(
    lowered: LoweredFunctions,
    options: Options,
    origin: str,
    modules: Sequence[str],
    notes: Sequence[str] = (),
) -> PackageFiles:
    """Return the files of a package, or the one file with its constants.

    ``notes`` are lines for the header of backward.py, or of the one file.
    """
    unit = lowered.unit
    name = unit.program.name
    if options.single_file:
        single = single_module(lowered, options, origin, notes)
        return packaged({name: single}, unit, "")
    texts: dict[str, Module] = {}
    common = (options, origin)
    if lowered.forward is not None and "forward" in modules:
        texts["forward"] = forward_module(unit, lowered.forward, *common)
    if lowered.halves is not None:
        texts["backward"] = backward_module(
            unit, lowered.halves, *common, notes, quoted(lowered.front)
        )
        if lowered.training is not None:
            texts |= _training_modules(lowered, lowered.halves, *common)
    more: tuple[str, ...] = ()
    if lowered.training is not None and lowered.training.averages is not None:
        more = ("averaged_params",)
    first = init_module(unit, *common, tuple(texts), more)
    texts["__init__"] = Module(first)
    if lowered.halves is not None:
        made = tuple(texts)
        texts["__main__"] = Module(main_module(lowered, *common, made))
    for (module, summary), part in zip(HELD.items(), lowered.held, strict=False):
        assert part.forward is not None
        texts[module] = forward_module(part.unit, part.forward, *common, summary)
    if lowered.plain:
        texts["_outputs"] = outputs_module(unit, lowered.plain, *common)
    return packaged(texts, unit, f"{name}/")


def _training_modules(
    lowered: LoweredFunctions, found: Halves, options: Options, origin: str
) -> dict[str, Module]:
    """Return train.py and the files that are the same for all, and any _planned.py."""
    unit, training, planned = lowered.unit, lowered.training, lowered.planned
    assert training is not None
    has = planned is not None
    made = {"train": train_module(unit, found, training, options, origin, planned=has)}
    made |= shared_modules(unit, options, origin)
    if planned is not None:
        made["_planned"] = planned_module(unit, planned, options, origin)
    return made


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """Files by path, and the functions and records for the listings of the modules."""

    files: dict[str, str | bytes]
    listed: dict[str, Sequence[Listed | Record]]


def packaged(modules: Mapping[str, Module], unit: Unit, prefix: str) -> PackageFiles:
    """Return modules by name as files below a prefix."""
    paths = {f"{prefix}{name}.py": module for name, module in modules.items()}
    texts: dict[str, str | bytes] = {path: m.text for path, m in paths.items()}
    listed = {path: m.listed for path, m in paths.items() if m.listed}
    return PackageFiles(with_constants(texts, unit, prefix), listed)


def with_constants(
    files: dict[str, str | bytes], unit: Unit, prefix: str
) -> dict[str, str | bytes]:
    """Add the array constants that are too large for a literal."""
    if unit.constants:
        name = CONSTANTS if prefix else f"{unit.program.name}_{CONSTANTS}"
        data = packed(unit.constants)
        note = f"# {name} sha256: {hashlib.sha256(data).hexdigest()[:16]}\n{BODY_MARK}"
        for path, text in files.items():
            if isinstance(text, str) and "_CONSTANTS[" in text:
                files[path] = text.replace(BODY_MARK, note, 1)
        files[prefix + name] = data
    return stamp(files)


def stamp(files: dict[str, str | bytes]) -> dict[str, str | bytes]:
    """Return the files, each module with the BUILD of this compilation.

    The BUILD is a hash of statements only: a comment in the spec, which moves headings
    and the empty lines around them, does not change it.
    """
    digest = hashlib.sha256()
    bodies = (body_of(v) for v in files.values() if isinstance(v, str))
    lines = (found[0] for body in bodies for found in re.finditer("[^\n]+", body))
    between = ""
    for line in lines:
        if line.partition("#")[0].strip():
            digest.update(f"{between}{line}".encode())
            between = "\n"
    build = digest.hexdigest()[:16]
    return {k: stamped(v, build) if isinstance(v, str) else v for k, v in files.items()}
