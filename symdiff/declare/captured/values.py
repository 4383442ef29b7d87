"""Values as they were when a function was traced, and whether they still are.

In: what a function reads beside its arguments, found by `declare.captured.scanning`.
Out: a `Snapshot` of it. Invariant: while `Snapshot.holds`, tracing the function again
would find the same values, so code that was compiled from it is up to date. After
``X[0] = 1`` on an array that it closed over, the snapshot no longer holds.
"""

from __future__ import annotations

import types
import weakref
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symdiff.graph.tensor import Tensor

Getter = Callable[[], Any]
ATOMS = (int, float, str, bytes, bool, complex, type(None), np.generic)
MISSING = object()
MAPPINGS = (
    *(dict, UserDict, ChainMap, types.MappingProxyType),
    *(weakref.WeakKeyDictionary, weakref.WeakValueDictionary),
)
CONTAINERS = (tuple, list, deque, UserList, *MAPPINGS)


def asked(value: Any, name: str, default: Any = MISSING) -> Any:
    """Return an attribute of an object of the user's, or the default.

    Any error that its ``__getattr__`` or a property raises counts as no attribute.
    """
    try:
        return getattr(value, name, default)
    except Exception:
        return default


# --- values as they were --------------------------------------------------------------


class _Atom:
    """A number or string: equal values of one type are the same."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def same(self, value: Any) -> bool:
        if value is self.value:
            return True
        return type(value) is type(self.value) and repr(value) == repr(self.value)


class _Identity:
    """Anything compared by identity; held weakly where possible."""

    def __init__(self, value: Any) -> None:
        try:
            self.get: Getter = weakref.ref(value)
        except TypeError:
            self.get = lambda: value

    def same(self, value: Any) -> bool:
        return value is not None and self.get() is value


class _Array:
    """An array, bit for bit. One that nobody can write is compared by identity."""

    def __init__(self, value: np.ndarray) -> None:
        self.kind = type(value)
        self.copy = np.ascontiguousarray(value).copy()
        self.type = (value.shape, value.dtype)
        self.words = self._words(self.copy)
        self.identity = _Identity(value) if _is_constant(value) else None

    @staticmethod
    def _words(value: np.ndarray) -> np.ndarray:
        flat = value.reshape(-1)
        return (
            flat.view("i8") if value.itemsize == 8 and value.dtype != object else flat
        )

    def same(self, value: Any) -> bool:
        if type(value) is not self.kind or (value.shape, value.dtype) != self.type:
            return False
        if self.identity is not None and self.identity.same(value):
            return not value.flags.writeable
        if value.nbytes <= 4096 or self.words.dtype != np.int64:
            return value.tobytes() == self.copy.tobytes()
        return bool((self._words(np.ascontiguousarray(value)) == self.words).all())


def _is_constant(value: Any) -> bool:
    """Whether no array or buffer gives write access to an array's memory.

    A read-only view of an array that can be written is as variable as that one.
    """
    while type(value) is np.ndarray:
        if value.flags.writeable:
            return False
        if value.base is None:
            return bool(value.flags.owndata)
        value = value.base
    return isinstance(value, bytes)


def _is_buffer(value: Any) -> bool:
    """Whether a value has the buffer protocol: a bytearray, a ctypes array, an mmap."""
    try:
        memoryview(value).release()
    except (TypeError, ValueError, BufferError):
        return False
    return True


class _Buffer:
    """A buffer such as a bytearray: its bytes, and their format and shape."""

    def __init__(self, value: Any) -> None:
        self.kind = type(value)
        self.content = self._content(value)

    @staticmethod
    def _content(value: Any) -> Any:
        view = memoryview(value)
        return (view.format, view.shape, view.tobytes())

    def same(self, value: Any) -> bool:
        return type(value) is self.kind and self._content(value) == self.content


class _Set:
    """A set: the same elements, each of the same type."""

    def __init__(self, value: Any) -> None:
        self.kind = type(value)
        self.content = {(type(v), v) for v in value}

    def same(self, value: Any) -> bool:
        return (
            type(value) is self.kind and {(type(v), v) for v in value} == self.content
        )


class _Items:
    """A tuple, list or mapping: the same keys, each item the same."""

    def __init__(self, value: Any, within: tuple[int, ...] = ()) -> None:
        self.type = type(value)
        within = (*within, id(value))
        mapping = isinstance(value, MAPPINGS)
        self.keys = list(value) if mapping else len(value)
        self.items = [frozen(v, within) for v in (value.values() if mapping else value)]

    def same(self, value: Any) -> bool:
        if type(value) is not self.type:
            return False
        mapping = isinstance(value, MAPPINGS)
        keys = list(value) if mapping else len(value)
        values = value.values() if mapping else value
        return keys == self.keys and all(
            item.same(v) for item, v in zip(self.items, values, strict=True)
        )


class _Objects:
    """An array of Python objects: its shape, and each of them the same."""

    def __init__(self, value: np.ndarray) -> None:
        self.shape = value.shape
        self.items = _Items(value.ravel().tolist())

    def same(self, value: Any) -> bool:
        found = isinstance(value, np.ndarray) and value.dtype == object
        return (
            found
            and value.shape == self.shape
            and self.items.same(value.ravel().tolist())
        )


class Absent:
    """Names that a namespace does not hold."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def same(self, space: Any) -> bool:
        if len(space) < len(self.names):
            return self.names.isdisjoint(space)
        return not any(map(space.__contains__, self.names))


def frozen(value: Any, within: tuple[int, ...] = ()) -> Any:
    """Return a record of a value, whose ``same`` compares a later value with it.

    ``within`` are the identities of the containers around it.
    """
    if isinstance(value, ATOMS):
        return _Atom(value)
    if isinstance(value, np.ndarray):
        return _Array(value) if value.dtype != object else _Objects(value)
    if isinstance(value, CONTAINERS):
        return _Identity(value) if id(value) in within else _Items(value, within)
    if _is_buffer(value):
        return _Buffer(value)
    if isinstance(value, (set, frozenset)):
        return _Set(value)
    return _Identity(value)


def _tensors(value: Any, within: tuple[int, ...] = ()) -> Iterator[Tensor]:
    """Yield the tensors that a value is or holds."""
    if id(value) in within:
        return
    within = (*within, id(value))
    if isinstance(value, Tensor):
        yield value
        return
    if isinstance(value, MAPPINGS):
        value = list(value.values())
    elif isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    elif not isinstance(value, (set, frozenset, *CONTAINERS)):
        return
    for v in value:
        yield from _tensors(v, within)


class Snapshot:
    """What a function read when it was traced.

    ``arrays`` are the arrays among it, each with a name and a function that reads its
    present value; ``generators`` the random generators it can draw from; ``source`` a
    name in its code that draws numbers or reads a clock; ``iterator`` the name of an
    iterator, which gives its next value at each call.
    """

    def __init__(self) -> None:
        self.probes: list[tuple[Getter, Any]] = []
        self.names: list[str] = []  # one for each probe
        self.arrays: list[tuple[str, Getter, np.ndarray]] = []
        self.generators: list[Any] = []
        self.source = ""
        self.iterator = ""
        self.arguments: list[Any] = []  # objects that it is called with

    # A plain loop: a generator would cost as much as the comparisons.
    def holds(self) -> bool:
        """Whether everything is as it was."""
        for get, seen in self.probes:  # noqa: SIM110
            if not seen.same(get()):
                return False
        return True

    def tensors(self) -> list[tuple[str, Tensor]]:
        """Return the symbolic tensors that are now in what was read, with its name."""
        pairs = zip(self.names, self.probes, strict=True)
        kept = [(n, get) for n, (get, seen) in pairs if not isinstance(seen, Absent)]
        return [(name, t) for name, get in kept for t in _tensors(get())]

    def changes(self) -> list[str]:
        """Return the names of what is no longer the same."""
        pairs = zip(self.names, self.probes, strict=True)
        return [name for name, (get, seen) in pairs if not seen.same(get())]
