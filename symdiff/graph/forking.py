"""A lock that a forked child can take.

In: code that one thread may run at a time. Out: a lock for it. Invariant: if a process
forks while another thread holds the lock, it is free in the child, where that thread
does not exist; a lock that the forking thread holds stays held.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[ForkLock] = weakref.WeakSet()


class ForkLock:
    """A re-entrant lock that no other thread of the parent holds in a forked child.

    The data it guards must be consistent at every moment, because the fork may happen
    while another thread is changing them.
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
        """Free the lock in a forked child if a thread of the parent's held it."""
        if self._holder != threading.get_ident():
            self._lock = threading.RLock()
            self._holder, self._times = None, 0


def _renew_all() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
