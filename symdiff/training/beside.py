"""Context managers for the time of a run: Ctrl-C, warnings, and older weights.

In: the progress that is shown. Out: contexts. Invariant: the first Ctrl-C ends a run
after a whole step; nothing is written across what is drawn; a run that fails says that
the weights in the file are an earlier run's.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from symdiff.training.progress import Progress


@contextmanager
def noted(progress: Progress) -> Iterator[None]:
    """Show warnings of the generated module as lines of the run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, about nan
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda said, *_, **__: progress.note(f"note: {said}")
        yield


@contextmanager
def interruptible(progress: Progress) -> Iterator[threading.Event]:
    """Let the first Ctrl-C set the event, and the second one raise as usual."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        progress.stopping()

    signal.signal(signal.SIGINT, handle)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def older_weights_named(path: Path) -> Iterator[None]:
    """Say, where a run fails, that the weights of an earlier one are left."""
    before = _written(path)
    try:
        yield
    except BaseException:
        if before is not None and _written(path) == before:
            words = "is left from an earlier run, and holds nothing of this one"
            click.echo(f"note: {path} {words}.", err=True)
        raise


def _written(path: Path) -> tuple[int, int] | None:
    """Return a value that changes when a file is written; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
