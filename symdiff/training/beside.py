"""What may come between the steps of a run: Ctrl-C, and warnings.

In: the progress that is shown. Out: contexts for the time of a run. Invariant: the
first Ctrl-C ends a run after a whole step; nothing is written across what is drawn.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from symdiff.training.progress import Progress


@contextmanager
def noted(progress: Progress) -> Iterator[None]:
    """Show warnings of the generated module as lines of the run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, on nan
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
