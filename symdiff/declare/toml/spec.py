"""Specs in TOML: a model without Python, which can be compiled without being trusted.

In: the path of a ``.toml`` file. Out: what it declares, as a spec in Python declares
it. Invariant: nothing in the file is executed, whatever it says; what is wrong with it
is a `SpecError` with file, line, column and a caret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from symdiff.declare.checks import warn
from symdiff.declare.model import Function, Model
from symdiff.declare.settings import Training
from symdiff.declare.toml.build import Builder
from symdiff.declare.toml.fields import SECTIONS, training_fields
from symdiff.declare.toml.limits import limited
from symdiff.declare.toml.optimizer import read_optimizer
from symdiff.declare.toml.read import Reader
from symdiff.declare.toml.text import Document, Path_, read_document
from symdiff.graph.errors import SpecError, SymdiffError
from symdiff.graph.origin import Site
from symdiff.graph.provenance import at_site


@dataclass(frozen=True)
class TomlSpec:
    """What a TOML spec declares; ``files`` are data files by split."""

    model: Model | Function
    training: Training
    wrt: tuple[str, ...] | None = None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def load_toml(path: Path, data: bytes) -> TomlSpec:
    """Return what the bytes of a TOML file declare; raise `SpecError` otherwise."""
    document = read_document(path, data)
    reader = Reader(document)
    reader.check_sections()
    with limited(len(data)):
        return _declared(document, reader)


def _declared(document: Document, reader: Reader) -> TomlSpec:
    sections = document.values
    which = [s for s in ("model", "function") if s in sections]
    if len(which) != 1:
        if which:
            raise document.at_key(("function",), "there is a [model] already.")
        raise SpecError(
            f"{document.path}:1:1: a spec needs a section [model] with a name, or a "
            "[function]."
        )
    (kind,) = which
    if kind == "function":
        for section in (
            "targets",
            "metrics",
            "updates",
            "optimizer",
            "training",
            "data",
        ):
            if section in sections:
                raise document.at_key(
                    (section,), f"a function has no [{section}]; declare a [model]."
                )
    if "outputs" not in sections or not sections["outputs"]:
        raise document.at_key(
            ("outputs",) if "outputs" in sections else (kind,),
            'a spec needs outputs, such as [outputs] with probs = "softmax(z)".',
        )
    head = reader.table((kind,), SECTIONS[kind].fields or {})
    training = _training(document, reader)
    files = _files(document, reader)
    builder = Builder(document, reader)
    builder.build()
    wrt = tuple(head["wrt"]) if "wrt" in head else None
    site = builder.head_site(kind, head["name"])
    model = _made(builder, kind, head["name"], site)
    if isinstance(model, Model):
        _warn_of_unused(builder, model)
    if wrt is not None:
        _check_wrt(document, builder, wrt)
    builder.statements.remember()
    return TomlSpec(model, training, wrt, files)


def _made(builder: Builder, kind: str, name: str, site: Site) -> Model | Function:
    """Return the model or function, with a caret below what is wrong with it."""
    document = builder.document
    outputs, inputs = builder.outputs, list(builder.inputs.values())
    try:
        with at_site(site):
            if kind == "function":
                others = builder.parameters()
                return Function(name, [*inputs, *others], outputs)
            optimizer = read_optimizer(builder.reader, builder.statements)
            return Model(
                name,
                inputs=inputs,
                targets=list(builder.targets.values()),
                outputs=outputs,
                loss=builder.loss,
                metrics=builder.metrics,
                optimizer=optimizer,
                updates=builder.updates,
            )
    except SpecError:
        raise
    except SymdiffError as error:
        path = _culprit(document, kind, error)
        declared = path[0] in ("targets", "inputs", "params", "states")
        point = document.at_key if declared else document.at_value
        raise point(path, _text(error)) from error


def _warn_of_unused(builder: Builder, model: Model) -> None:
    """Warn, at their lines, of parameters that nothing of the model reads."""
    used = {t.node for t in (*model.params.values(), *model.states.values())}
    for leaf in (*builder.params.values(), *builder.states.values()):
        if leaf.node not in used:
            warn(f"{leaf.name!r} is not used by the model.", leaf.site)


def _culprit(document: Document, kind: str, error: SymdiffError) -> Path_:
    """Return the path of what an error names first, or that of the model's name."""
    message = str(error)
    if message.startswith("the loss"):
        return ("equations", "loss")
    for name in re.findall(r"'([^']{1,100})'", message):
        for section in ("metrics", "outputs", "targets", "inputs", "params", "states"):
            if (section, name) in document.places:
                return (section, name)
    if "optimizer" in message and ("optimizer",) in document.places:
        return ("optimizer", "kind")
    return (kind, "name")


def _text(error: SymdiffError) -> str:
    return str(error).partition("\n  at ")[0]


def _check_wrt(document: Document, builder: Builder, wrt: tuple[str, ...]) -> None:
    known = {str(t.name) for t in (*builder.inputs.values(), *builder.parameters())}
    for number, name in enumerate(wrt):
        if name not in (*known, "params", "inputs"):
            there = ", ".join(sorted(known))
            raise document.at_value(
                ("function", "wrt", number),
                f"{name!r} is no input of the function; there are {there}.",
            )


def _training(document: Document, reader: Reader) -> Training:
    if "training" not in document.values:
        return Training()
    given = reader.table(("training",), training_fields())
    try:
        with at_site(Site(())):
            return Training(**given)
    except SymdiffError as error:
        key = re.search(r"Training\((\w+)=", str(error))
        path: Path_ = ("training", key[1]) if key else ("training",)
        raise document.at_value(path, _text(error)) from error


# --- data files ----------------------------------------------------------------------


def _files(document: Document, reader: Reader) -> dict[str, tuple[str, ...]]:
    """Return the data files by split, as paths that can be opened from here."""
    if "data" not in document.values:
        return {}
    given = reader.table(("data",), SECTIONS["data"].fields or {})
    folder = document.path.parent
    found: dict[str, tuple[str, ...]] = {}
    for split, value in given.items():
        listed = value if isinstance(value, list) else [value]
        if not listed:
            raise document.at_value(("data", split), "a path is missing here.")
        paths = []
        for number, text in enumerate(listed):
            path: Path_ = ("data", split)
            if isinstance(value, list):
                path = (*path, number)
            name, equals, file = text.rpartition("=")
            wrong = _wrong_path(folder, file)
            if wrong:
                raise document.at_value(
                    path,
                    f"{wrong}; data lies beside the spec or below, or is given by "
                    "--data.",
                )
            paths.append(f"{name}{equals}{folder / file}")
        found[split] = tuple(paths)
    return found


def _wrong_path(folder: Path, file: str) -> str:
    """Return what is wrong with the path of a data file; '' if nothing is."""
    if not file.strip() or not file.isprintable():
        return f"{file[:60]!r} is no path"
    pure = PurePosixPath(file)
    if pure.is_absolute() or "\\" in file or ":" in file:
        return f"{file[:60]!r} is no relative path, with / between folders"
    if ".." in pure.parts or file.startswith("~"):
        return f"{file[:60]!r} leads out of the spec's folder"
    try:
        inside = (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return f"{file[:60]!r} cannot be followed"
    return (
        "" if inside else f"{file[:60]!r} is a link that leads out of the spec's folder"
    )
