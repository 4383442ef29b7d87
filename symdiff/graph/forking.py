"""A lock that a forked child can take.

In: code that one thread may run at a time. Out: a lock for it. Invariant: a process
that is forked while another thread holds the lock has a free one, as that thread is not
in it; the thread that forks keeps what it holds.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[ForkLock] = weakref.WeakSet()


class ForkLock:
    """A lock that its holder may take again, and that is free in a forked child.

    What it guards must be whole at every moment another thread can be stopped at: the
    child finds it as it was.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder: int | None = None
        self._times = 0
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()
        self._times += 1

    def __exit__(self, *exception: object) -> None:
        self._times -= 1
        if not self._times:
            self._holder = None
        self._lock.release()

    def renew(self) -> None:
        """Free the lock from a thread that no longer is."""
        if self._holder != threading.get_ident():
            self._lock = threading.RLock()
            self._holder, self._times = None, 0


def _renew_all() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
