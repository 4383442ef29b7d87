"""What `symdiff train` does once the model is compiled: run the generated package.

In: a spec and the folder of its package. Out: trained weights in that folder, and how
far it got. Invariant: the numbers come from the generated modules alone; data that does
not fit is reported before the first step, and an interruption ends after a whole step.
"""

from __future__ import annotations

import importlib
import itertools
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from symdiff.declare.model import Model, Training
from symdiff.declare.spec import HELD_OUT, Spec, call_data
from symdiff.emit.package import load_package
from symdiff.graph.errors import OutputError, SpecError

WEIGHTS = "weights.npz"
_BAR = 24  # characters of the progress bar
_PAUSE = 0.05  # seconds between two drawings of it
_serial = itertools.count()

Data = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """Where the weights are, and whether training was interrupted."""

    weights: Path
    interrupted: bool


def prepare(spec: Spec, output: Path) -> None:
    """Raise, before anything is written, where the spec cannot be trained."""
    model = spec.model
    if not isinstance(model, Model):
        raise SpecError(
            f"{spec.path}: `model` is an sd.Function, which has no loss to train; "
            "declare an sd.Model, or use symdiff compile."
        )
    lacking = [
        f"{what}="
        for what, value in (("loss", model.loss), ("optimizer", model.optimizer))
        if value is None
    ]
    if lacking:
        raise SpecError(
            f"{spec.path}: sd.Model({model.name!r}) has no "
            f"{' and no '.join(lacking)}, so it cannot be trained; give it both, as in "
            "optimizer=sd.optim.Adam(1e-3)."
        )
    weights = output / model.name / WEIGHTS
    try:
        foreign = weights.exists() and not zipfile.is_zipfile(weights)
    except OSError as error:
        raise OutputError(f"cannot read {weights}: {error.strerror}.") from error
    if foreign:
        raise OutputError(
            f"{weights} exists and holds no weights; it is left as it is. Move it "
            "away, or choose another folder."
        )


def run(spec: Spec, training: Training, package: Path) -> Outcome:
    """Train the generated package in ``package`` and save the weights there."""
    module = load_package(f"_symdiff_train_{next(_serial)}_{package.name}", package)
    train = importlib.import_module(f"{module.__name__}.train")
    data = _prepared(spec, train, call_data(spec), training.batch_size)
    watched = next((name for name in HELD_OUT if name in data), None)
    sizes = ", ".join(
        f"{name} {len(next(iter(d.values())))}" for name, d in data.items()
    )
    click.echo(f"examples: {sizes}; {training}")

    state = train.init_state(train.init_params(training.seed), training.seed)
    count = len(next(iter(data["train"].values())))
    check = (
        None
        if watched is None
        else lambda: train.evaluate(state.params, **data[watched])
    )
    progress = Progress(training, count, watched, check)
    start = time.perf_counter()
    with _interruptible() as stopped:

        def after_step(epoch: int, step: int, steps: int, found: Any) -> bool:
            progress.step(epoch, step, steps, found)
            return stopped.is_set() or not np.isfinite(found["loss"])

        with np.errstate(all="ignore"):  # a loss that is not finite is told below
            history = train.fit(
                state,
                data["train"],
                epochs=training.epochs,
                batch_size=training.batch_size,
                seed=training.seed,
                shuffle=training.shuffle,
                callback=after_step,
            )
    progress.close()
    seconds = time.perf_counter() - start
    if history and not np.isfinite(history[-1]["loss"]):
        raise SpecError(
            f"{spec.path}: the loss became {history[-1]['loss']} in epoch "
            f"{len(history)}, so training was stopped and no weights were saved. "
            "A lower learning rate, or data of a smaller scale, may help."
        )
    weights = package / WEIGHTS
    _save(train, weights, state.params)
    if stopped.is_set():
        click.echo(
            f"interrupted in epoch {len(history)}: the weights after {state.step} "
            "whole steps are saved."
        )
    else:
        click.echo(f"trained {state.step} steps in {seconds:.1f} s")
    held_out = [name for name in HELD_OUT if name in data]
    for name in held_out:
        found = train.evaluate(state.params, **data[name])
        click.echo(f"held out ({name}): {_shown(found)}")
    if not held_out:
        click.echo("held out: nothing; data() has only 'train'")
    return Outcome(weights, stopped.is_set())


def _save(train: Any, path: Path, params: Mapping[str, Any]) -> None:
    try:
        train.save(str(path), params)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}. The training is lost; "
            "choose another folder."
        ) from error


# --- data ----------------------------------------------------------------------------


def _prepared(spec: Spec, train: Any, data: Data, batch_size: int) -> Data:
    """Return arrays by argument name, floats as float32; raise where they do not fit.

    They are checked by the generated modules' own checks, batch by batch as `fit` will
    hand them over (in another order), held-out data as a whole.
    """
    found = {}
    params = train.init_params(0)
    for split, part in data.items():
        where = f"{spec.path}: data()[{split!r}]"
        arrays = {
            argument: _array(f"{where}[{name!r}]", value)
            for argument, (name, value) in zip(train.DATA, part.items(), strict=True)
        }
        lengths = {name: len(a) for name, a in zip(part, arrays.values(), strict=True)}
        if len(set(lengths.values())) != 1 or not all(lengths.values()):
            raise SpecError(
                f"{where} must have one number of rows, 1 or more, got {lengths}."
            )
        rows = next(iter(lengths.values()))
        size = batch_size if split == "train" else rows
        for i in range(0, rows, size):
            try:
                train._check(params, **{n: a[i : i + size] for n, a in arrays.items()})
            except (TypeError, ValueError) as error:
                place = f" (rows {i} to {min(i + size, rows)})" if size < rows else ""
                raise SpecError(f"{where}{place}: {error}.") from error
        found[split] = arrays
    return found


def _array(where: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{where} is no array: {error}.") from error
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    if array.dtype.kind not in "fiub":
        raise SpecError(
            f"{where} has dtype {array.dtype}; expected floats, integers or booleans."
        )
    if array.ndim == 0:
        raise SpecError(f"{where} is a single number; expected one row an example.")
    return array


# --- interruption --------------------------------------------------------------------


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Let the first Ctrl-C set the event, and the second one raise as usual."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, handle)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


# --- progress ------------------------------------------------------------------------


def _shown(found: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in found.items())


class Progress:
    """Loss and metrics: one live line with a bar on a terminal, else a line an epoch.

    ``check`` returns those of held-out data, called ``watched``; None leaves them out.
    """

    def __init__(
        self,
        training: Training,
        count: int,
        watched: str | None,
        check: Callable[[], Mapping[str, float]] | None,
    ) -> None:
        self._training, self._count = training, count
        self._watched, self._check = watched, check
        self._live = sys.stdout.isatty()
        self._totals: dict[str, float] = {}
        self._seen, self._drawn, self._held_out = 0, 0.0, ""

    def step(
        self, epoch: int, step: int, steps: int, found: Mapping[str, float]
    ) -> None:
        """Take note of a step's loss and metrics."""
        size = self._training.batch_size
        rows = size if step < steps - 1 else self._count - size * (steps - 1)
        if step == 0:
            self._totals, self._seen = dict.fromkeys(found, 0.0), 0
        self._seen += rows
        for name, value in found.items():
            self._totals[name] += rows * value
        last = step == steps - 1
        if last and self._check is not None:
            self._held_out = f"  {self._watched}: {_shown(self._check())}"
        if self._live:
            now = time.monotonic()
            if last or now - self._drawn > _PAUSE:
                self._drawn = now
                self._draw(self._line(epoch), (epoch * steps + step + 1) / steps)
        elif last:
            click.echo(self._line(epoch))

    def close(self) -> None:
        """Leave the live line, as it stands, behind."""
        if self._live and self._drawn:
            click.echo()

    def _line(self, epoch: int) -> str:
        means = {name: total / self._seen for name, total in self._totals.items()}
        epochs = self._training.epochs
        number = f"{epoch + 1:{len(str(epochs))}}/{epochs}"
        return f"epoch {number}  {_shown(means)}{self._held_out}"

    def _draw(self, line: str, epochs_done: float) -> None:
        filled = round(_BAR * epochs_done / max(self._training.epochs, 1))
        bar = f"[{'#' * filled}{'.' * (_BAR - filled)}]"
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"\r{f'{bar} {line}'[:width]:<{width}}", nl=False)
