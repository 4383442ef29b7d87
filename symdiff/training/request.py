"""What a call of `symdiff train` asks for, checked before anything is done.

In: options. Out: a `Request`. Invariant: `requested` raises, before anything is written
or compiled, for a spec that cannot be trained and for files that could not be used.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from symdiff.declare.model import Model
from symdiff.declare.settings import Training
from symdiff.declare.spec import SpecFile
from symdiff.emit.modules.package import CONSTANTS
from symdiff.graph.arguments import did_you_mean
from symdiff.graph.errors import DeclarationError, OutputError, SpecError
from symdiff.graph.origin import Site
from symdiff.graph.provenance import at_site

WEIGHTS = "weights.npz"
CHECKPOINT = "checkpoint.npz"
KINDS = (".npz", ".safetensors")


@dataclass(frozen=True)
class Request:
    """Settings and files of a run, which resumes from ``checkpoint`` if that exists."""

    training: Training
    weights: Path
    checkpoint: Path | None = None
    history: Path | None = None
    plot: Path | None = None
    data: tuple[str, ...] = ()
    debug_nans: bool = False
    sized: bool = False  # whether --batch-size was given
    averaged: bool = False  # whether running averages of the weights are saved


def requested(spec: SpecFile, output: Path, options: dict[str, Any]) -> Request:
    """Return the request of command-line options over the spec's own settings."""
    model = _trainable(spec)
    known = {f.name for f in fields(Training)}
    given = {k: v for k, v in options.items() if k in known and v is not None}
    if "monitor" in given:
        _check_monitor(spec, model, given["monitor"])
    try:
        with at_site(Site(())):
            training = replace(spec.training, **given)
    except DeclarationError as error:
        raise SpecError(f"{spec.path}: {error}") from error
    if training.watches:
        _check_monitor(spec, model, training.monitor)
    if training.plateau is not None and "lr" not in _hyper(model):
        raise SpecError(
            f"{spec.path}: plateau= changes lr, which {model.optimizer!r} lacks."
        )
    folder = output / model.name
    checkpoint, resume = options["checkpoint"], options["resume"]
    if checkpoint is None and resume:
        checkpoint = folder / CHECKPOINT
    elif checkpoint is not None and not resume and checkpoint.exists():
        raise OutputError(
            f"{checkpoint} exists: add --resume to go on from it, or move it away."
        )
    request = Request(
        training,
        options["weights"] or folder / WEIGHTS,
        checkpoint,
        options["history"],
        options["plot"],
        tuple(options["data"]),
        options["debug_nans"],
        options["batch_size"] is not None,
        options["averaged"],
    )
    if request.averaged and "ema" not in _hyper(model):
        raise SpecError(
            f"{spec.path}: --averaged saves running averages, which "
            f"{model.optimizer!r} does not keep; give it ema=0.999, say."
        )
    if request.averaged and training.patience is not None:
        raise SpecError(
            f"{spec.path}: patience brings back the parameters of the best epoch, and "
            "--averaged saves averages over all; choose one of the two."
        )
    for path, kinds in (
        (request.weights, KINDS),
        (request.checkpoint, KINDS),
        (request.history, (".csv", ".json")),
        (request.plot, (".svg",)),
    ):
        if path is not None:
            _check_path(path, kinds, folder)
    _check_apart(spec, request, folder)
    if _is_foreign(request.weights):
        raise OutputError(
            f"{request.weights} exists and holds no weights; it is left as it is. Move "
            "it away, or choose another folder."
        )
    return request


def _trainable(spec: SpecFile) -> Model:
    model = spec.model
    toml = spec.path.suffix == ".toml"
    if not isinstance(model, Model):
        if toml:
            raise SpecError(
                f"{spec.path}: a [function] has no loss to train; declare a [model], "
                "or use symdiff compile."
            )
        raise SpecError(
            f"{spec.path}: `model` is an sd.Function, which has no loss to train; "
            "declare an sd.Model, or use symdiff compile."
        )
    lacking = [
        f"{what}="
        for what, value in (("loss", model.loss), ("optimizer", model.optimizer))
        if value is None
    ]
    if lacking and toml:
        raise SpecError(
            f"{spec.path}: the model cannot be trained: it needs an equation called "
            "loss, and a section [optimizer], such as\n"
            '    [optimizer]\n    kind = "adam"'
        )
    if lacking:
        raise SpecError(
            f"{spec.path}: sd.Model({model.name!r}) has no "
            f"{' and no '.join(lacking)}, so it cannot be trained; give it both, as in "
            "optimizer=sd.optim.Adam(1e-3)."
        )
    return model


def _check_monitor(spec: SpecFile, model: Model, monitor: str) -> None:
    own = ["loss", *model.metrics]
    known = [*own, *(f"val_{name}" for name in own)]
    if monitor not in known:
        raise SpecError(
            f"{spec.path}: the monitor {monitor!r} is none of "
            f"{', '.join(known)}{did_you_mean(monitor, known)}."
        )


def _hyper(model: Model) -> Mapping[str, float]:
    return {} if model.optimizer is None else model.optimizer.hyper


def _check_path(path: Path, kinds: tuple[str, ...], folder: Path) -> None:
    if path.suffix not in kinds:
        raise OutputError(f"{path} must end in {' or '.join(kinds)}.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder.")
    if path.parent != folder and not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: {path.parent} is no folder.")
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: {path.parent} may not be written to.")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"cannot write {path}: it may not be written to.")


def _check_apart(spec: SpecFile, request: Request, folder: Path) -> None:
    """Raise where a file to write is also read, or written for another use."""
    named = {
        "--weights": request.weights,
        "--checkpoint": request.checkpoint,
        "--history": request.history,
        "--plot": request.plot,
    }
    written = [(name, path) for name, path in named.items() if path is not None]
    listed = request.data or [f for files in spec.files.values() for f in files]
    read = [("the data", Path(file.rpartition("=")[2])) for file in listed]
    read += [("the spec", spec.path), ("the package", folder / CONSTANTS)]
    for i, (name, path) in enumerate(written):
        for other, place in (*written[:i], *read):
            if _is_same(path, place):
                raise OutputError(
                    f"{name} and {other} would be the same file, {path}, and one would "
                    f"be written over the other; give {name} another name."
                )


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths are the same file, or would be once written."""
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        paths = (os.path.normcase(os.path.realpath(p)) for p in (one, other))
        return len(set(paths)) == 1


def _is_foreign(path: Path) -> bool:
    """Whether a file exists that `save` did not write."""
    try:
        if not path.exists():
            return False
        if path.suffix == ".npz":
            return not zipfile.is_zipfile(path)
        with path.open("rb") as file:
            return file.read(10)[8:] != b'{"'
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}.") from error
