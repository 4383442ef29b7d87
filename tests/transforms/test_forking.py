"""A process that is forked while another thread of its parent is inside symdiff."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import symdiff
from symdiff.graph.forking import ForkLock

PACKAGE = Path(symdiff.__file__).parent
LOCKS = {"graph/forking.py", "graph/node.py"}  # where a fork is thought of

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system cannot fork"
)

PROGRAM = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
from symdiff import transforms as T

tracing, done = threading.Event(), threading.Event()

def slow(x):
    tracing.set()
    done.wait()
    return np.sum(x**2)

def cubes(x):
    return np.sum(x**3)

def inside(x):  # forked by the very thread that traces
    fork(lambda: T.grad(cubes)(np.array([2.0]))[0] == 12.0)
    return np.sum(x**2)

def fork(check):
    child = os.fork()
    if not child:
        signal.alarm(60)  # a child that hangs is ended, and seen below
        os._exit(0 if check() else 3)
    found = os.waitpid(child, 0)[1]
    assert found == 0, found

thread = threading.Thread(target=lambda: T.grad(slow)(np.array([1.0])))
thread.start()
tracing.wait()
fork(lambda: T.grad(cubes)(np.array([2.0]))[0] == 12.0)
done.set()
thread.join()
assert T.grad(inside)(np.array([3.0]))[0] == 6.0
assert T.grad(cubes)(np.array([2.0]))[0] == 12.0
"""


def test_a_child_compiles_while_a_thread_of_its_parent_was_compiling():
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_a_thread_that_forks_keeps_what_it_holds():
    lock = ForkLock()
    with lock, lock:
        lock.renew()
        assert _is_taken(lock)
    assert not _is_taken(lock)


def _is_taken(lock: ForkLock) -> bool:
    """Whether another thread would have to wait."""
    got: list[bool] = []

    def ask() -> None:
        inner = lock._lock
        got.append(inner.acquire(blocking=False))
        if got[0]:
            inner.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return not got[0]


def test_no_lock_of_the_package_is_left_out():
    """Every lock is made where forks are thought of."""
    pattern = re.compile(r"\b(R?Lock|Condition|Semaphore|Barrier)\(\)")
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if pattern.search(path.read_text().replace("ForkLock()", ""))
    }
    assert found == LOCKS
