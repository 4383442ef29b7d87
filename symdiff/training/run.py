"""What `symdiff train` does once the model is compiled: run the generated package.

In: a spec, the request, and the folder of the package. Out: trained weights, and how
far training got. Invariant: the numbers come from the generated modules alone; mistakes
are reported before the first step if they can be known then, and an interruption takes
effect after a whole step.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np

from symdiff.compiler.compilation import Compilation, load_package
from symdiff.declare.model import Model
from symdiff.declare.spec import HELD_OUT, SpecFile, call_data
from symdiff.graph.errors import OutputError, SpecError
from symdiff.training.beside import interruptible, noted
from symdiff.training.best import BestEpoch, best_epoch
from symdiff.training.curve import history_text, sketch, svg
from symdiff.training.datasets import Dataset, prepared
from symdiff.training.generated import loop_of
from symdiff.training.nans import Recorder
from symdiff.training.progress import Progress
from symdiff.training.request import Request
from symdiff.training.tables import read_files, read_splits
from symdiff.training.wording import shown

_serial = itertools.count()


@dataclass(frozen=True)
class TrainedRun:
    """The weights' file, the history, and whether training was interrupted."""

    weights: Path
    history: Sequence[Mapping[str, float]]
    interrupted: bool


def run(
    spec: SpecFile, request: Request, compiled: Compilation, package: Path
) -> TrainedRun:
    """Train with the compiled modules in ``package``; save what was asked for."""
    training = request.training
    module = load_package(f"_symdiff_train_{next(_serial)}_{package.name}", package)
    train = importlib.import_module(f"{module.__name__}.train")
    parts = _parts(spec, request, train)
    sizes = ", ".join(f"{name} {part}" for name, part in parts.items())
    click.echo(f"examples: {sizes}; {training}")

    state = train.init_state(train.init_params(training.seed), training.seed)
    resumed, forgot = _resumed(request, train, parts)
    start = time.perf_counter()
    best = BestEpoch(training, "validation" in parts)
    given = (compiled, train, state, parts, resumed, best)
    history, interrupted, taken = _fitted(spec, request, *given)
    seconds = time.perf_counter() - start
    if not interrupted and len(history) <= resumed > 0:
        click.echo(
            f"the checkpoint has all {resumed} epochs; ask for more by --epochs"
            if resumed >= training.epochs
            else f"training had ended after epoch {resumed}, by its patience"
        )
    _write_history(request, spec, history)
    if history and not np.isfinite(history[-1]["loss"]):
        raise SpecError(
            f"{spec.path}: the loss became {history[-1]['loss']} in epoch "
            f"{len(history)}, so training was stopped and no weights were saved. "
            "A lower learning rate, or data of a smaller scale, may help; --debug-nans "
            "says where it begins."
        )
    if history and training.watches and np.isnan(history[-1][training.monitor]):
        raise SpecError(
            f"{spec.path}: {training.monitor} became nan in epoch {len(history)}, so "
            "training was stopped and no weights were saved: it cannot tell which "
            "epoch is best. Rows that are not finite, or predictions that overflow, "
            "make it so."
        )
    which = best_epoch(training, history, forgot)
    if interrupted:
        which = which or best.brought_back(state)
    averages = "ema" in state.hyper
    params = train.averaged_params(state) if request.averaged else state.params
    _save(train, request.weights, params, package)
    if interrupted:
        click.echo(
            f"interrupted in epoch {len(history)}: the weights after "
            f"{which or f'{state.step} whole steps'} are saved in {request.weights}"
        )
        click.echo(_how_to_go_on(request))
    else:
        click.echo(f"trained {taken} steps in {seconds:.1f} s")
        if which:
            click.echo(f"the weights are those after {which}")
        if request.averaged:
            click.echo("the weights are the running averages, and so is what is held")
            click.echo(
                "out below; each epoch's report was of the parameters themselves"
            )
        elif averages:
            click.echo("the weights are the parameters themselves, as in each epoch's")
            click.echo("report; --averaged saves their running averages (ema)")
    drawn = sketch(history, sys.stdout.encoding or "ascii")
    if drawn:
        click.echo(f"\n{drawn}\n")
    _say_held_out(train, params, parts)
    return TrainedRun(request.weights, history, interrupted)


def _parts(spec: SpecFile, request: Request, train: Any) -> dict[str, Dataset]:
    """Return the data, from files or from data(); raise where it does not fit."""
    training = request.training
    if request.data:
        where = " ".join(request.data)
        found = read_files(spec.model, request.data)  # type: ignore[arg-type]
    elif spec.files:
        where = f"{spec.path}: data"
        found = read_splits(spec.model, spec.files)  # type: ignore[arg-type]
    else:
        where = f"{spec.path}: data()"
        found = call_data(spec)
    parts = prepared(train, training, where, found)
    if request.sized and callable(found["train"]):
        raise SpecError(
            f"{where}['train'] is a function that makes its own batches, so "
            "--batch-size has no effect; leave it out, or change the function."
        )
    if (
        training.watches
        and training.monitor[:4] == "val_"
        and "validation" not in parts
    ):
        raise SpecError(
            f"{spec.path}: {training.monitor} needs rows that are held out: add "
            "--validation-split 0.1, or 'validation' to the data ('test' is kept for "
            "the end)."
        )
    return parts


def _resumed(
    request: Request, train: Any, parts: Mapping[str, Dataset]
) -> tuple[int, int]:
    """Return the epochs that the checkpoint has done, and how many patience forgot.

    Raises `OutputError` where the checkpoint cannot be used.
    """
    path = request.checkpoint
    if path is None or not path.exists():
        return 0, 0
    training = request.training
    params = train.init_params(training.seed)
    state = train.init_state(params, training.seed)  # fit has its own
    data, settings = parts["train"].data, _settings(request, parts)
    try:  # it reads the checkpoint, and says what does not fit
        with warnings.catch_warnings(action="ignore"):  # they come when it trains
            train.fit(state, data, epochs=0, **settings)
            progress = train.load_checkpoint(str(path), state)
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}.") from error
    except Exception as error:  # also a file that only looks like one
        raise OutputError(
            f"{error}. It is left as it is: move it away to begin anew, or train with "
            "what it was made with (data and validation follow from --data, "
            "--validation-split and --seed)."
        ) from error
    click.echo(f"going on from {path}, after epoch {state.epoch}")
    forgot = 0
    if training.patience is not None and not progress["kept"]:
        forgot = len(progress["history"])
    if forgot:
        click.echo("patience begins here: the weights of earlier epochs were not kept")
    return int(state.epoch), forgot


def _settings(request: Request, parts: Mapping[str, Dataset]) -> dict[str, Any]:
    """Return the arguments of fit that a checkpoint belongs to, and the checkpoint."""
    training, path = request.training, request.checkpoint
    return {
        "batch_size": training.batch_size,
        "seed": training.seed,
        "shuffle": training.shuffle,
        "validation": parts["validation"].data if "validation" in parts else None,
        "accumulate": training.accumulate,
        "patience": training.patience,
        "monitor": training.monitor,
        "mode": training.mode,
        "plateau": training.plateau,
        "checkpoint": None if path is None else str(path),
    }


def _fitted(
    spec: SpecFile,
    request: Request,
    compiled: Compilation,
    train: Any,
    state: Any,
    parts: Any,
    first: int,
    best: BestEpoch,
) -> tuple[list[dict[str, float]], bool, int]:
    """Run fit; return its history, whether it was interrupted, and the steps taken."""
    training, part = request.training, parts["train"]
    data, rows, steps = part.data, part.rows, part.steps(training.batch_size)
    recorder = None
    if request.debug_nans:
        assert isinstance(spec.model, Model)  # as `requested` has seen
        recorder = Recorder(train, state, training, spec.model, compiled.listing)
        data = recorder.watching(data)
    progress = Progress(training, steps, first, rows)
    watched = next((name for name in HELD_OUT if name in parts), None)
    rates = [state.hyper.get("lr")]
    with interruptible(progress) as stopped:

        def after_step(epoch: int, step: int, steps: int | None, found: Any) -> bool:
            progress.step(epoch, step, found)
            if recorder is not None:
                return recorder.found(found) or stopped.is_set()
            return stopped.is_set() or not np.isfinite(found["loss"])

        def after_epoch(record: Any) -> bool:
            best.look(record, state)
            if stopped.is_set():  # mid-epoch; held-out rows are reported at the end
                return True
            told = dict(record)
            if watched == "test":
                told |= loop_of(train)._held_out(state.params, parts["test"].data, 0)
            rates.append(state.hyper.get("lr"))
            lowered = rates[-1] != rates[-2]
            note = f"  lr is now {_rate(train, state):.4g}" if lowered else ""
            progress.after_epoch(told, watched, note)
            return training.watches and bool(np.isnan(record[training.monitor]))

        try:
            with np.errstate(all="ignore"), noted(progress):  # nan is reported below
                history = train.fit(
                    state,
                    data,
                    epochs=training.epochs,
                    callback=after_step,
                    after_epoch=after_epoch,
                    **_settings(request, parts),
                )
        except (TypeError, ValueError) as error:
            where = f"epoch {progress.epoch + 1}, after {progress.done} steps"
            raise SpecError(f"{spec.path}: in {where}: {error}.") from error
        except OSError as error:
            raise OutputError(
                f"cannot write {request.checkpoint}: {error.strerror or error}."
            ) from error
        except KeyboardInterrupt:
            progress.close()
            click.echo(f"stopped at once; {_nothing_saved(request)}", err=True)
            raise click.exceptions.Exit(130) from None
        finally:
            progress.close()
    if recorder is not None and recorder.bad:
        raise SpecError(f"{spec.path}: {recorder.diagnosis(progress.epoch + 1)}")
    return history, stopped.is_set(), progress.taken


def _rate(train: Any, state: Any) -> float:
    """Return the learning rate of the next step, by its schedule where it has one."""
    hyper = state.hyper
    if hasattr(train, "_hyper"):
        hyper = train._hyper(SimpleNamespace(hyper=hyper, step=state.step + 1))
    return float(hyper["lr"])


def _say_held_out(train: Any, params: Any, parts: Mapping[str, Dataset]) -> None:
    for name in (held_out := [name for name in HELD_OUT if name in parts]):
        found = loop_of(train)._held_out(params, parts[name].data, 0)
        told = shown({k[4:]: v for k, v in found.items()})
        click.echo(f"held out ({name}): {told}")
        mixed = getattr(train, "MIXED", {}) if callable(parts[name].data) else {}
        for result, why in mixed.items():
            click.echo(f"  {result} is a mean over batches, not of all rows: {why}")
    if not held_out:
        click.echo("held out: nothing; data() has only 'train'")


# --- files ---------------------------------------------------------------------------


def _save(train: Any, path: Path, params: Mapping[str, Any], package: Path) -> None:
    """Save the weights; if that fails, save them elsewhere and raise with the path."""
    try:
        train.save(str(path), params)
    except OSError as error:
        kept = _kept(train, path, params, package)
        where = f"The weights are kept in {kept} instead."
        lost = "The training is lost: no other folder takes them either."
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}. {where if kept else lost}"
        ) from error
    spoiled = [n for n, a in params.items() if not np.isfinite(a).all()]
    if spoiled:
        click.echo(f"note: not every number is finite of {', '.join(spoiled)}")


def _kept(
    train: Any, path: Path, params: Mapping[str, Any], package: Path
) -> Path | None:
    """Save weights under a new name in the first of three folders that takes them."""
    for folder in (path.parent, package, Path(tempfile.gettempdir())):
        names = (f"{path.stem}_{i}{path.suffix}" for i in itertools.count(2))
        beside = next(p for p in (folder / name for name in names) if not p.exists())
        with suppress(OSError):
            train.save(str(beside), params)
            return beside
    return None


def _write_history(
    request: Request, spec: SpecFile, history: Sequence[Mapping[str, float]]
) -> None:
    wanted = []
    if request.history is not None:
        text = history_text(history, request.history.suffix[1:])
        wanted.append((request.history, text))
    if request.plot is not None:
        wanted.append((request.plot, svg(history, f"{spec.model.name}: loss by epoch")))
    for path, text in wanted:
        try:
            path.write_text(text, "utf-8")
            click.echo(f"written: {path}")
        except OSError as error:  # the weights are worth more
            click.echo(f"cannot write {path}: {error.strerror or error}", err=True)


# --- interruption --------------------------------------------------------------------


def _how_to_go_on(request: Request) -> str:
    """Return words for how to resume an interrupted run."""
    path = request.checkpoint
    if path is not None and path.exists():
        return f"the last whole epoch is in {path}: go on with --resume"
    if path is not None:
        return "no epoch was whole yet, so there is nothing to go on from"
    return "a run with --resume writes a checkpoint every epoch, to go on from"


def _nothing_saved(request: Request) -> str:
    """Return words for what is left of a run that ended within a step."""
    path = request.checkpoint
    if path is not None and path.exists():
        return f"the last whole epoch is in {path}: go on with --resume"
    return "nothing of this run is saved"
