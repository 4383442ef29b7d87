"""What a function reads beside its arguments, and whether it is still the same.

In: a Python function. Out: a `Snapshot` of the closure cells, globals, defaults and
attributes that it and the user's functions it calls can read by name. Invariant: while
`Snapshot.holds`, tracing the function again would find the same values, so code that
was compiled from it is up to date, also after ``X[0] = 1`` on an array it closed over.
"""

from __future__ import annotations

import array
import functools
import os
import sysconfig
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.graph.tensor import Tensor

Getter = Callable[[], Any]
_ATOMS = (int, float, str, bytes, bool, complex, type(None), np.generic)
_MISSING = object()
# Modules whose functions give other results at every call, and names in code that tell
# of them.
_SOURCES = frozenset(["random", "secrets", "time", "uuid", "datetime", "_random"])
_DRAWING = _SOURCES | {
    *("Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "RandomState"),
    *("Random", "SeedSequence", "SystemRandom", "default_rng", "urandom", "getpid"),
    *("perf_counter", "monotonic", "time_ns", "now", "today", "uuid1", "uuid4"),
    *("token_bytes", "token_hex", "getrandbits"),
}
_OURS = str(Path(__file__).parents[1])
_PATHS = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = (_OURS + os.sep, *(sysconfig.get_path(p) + os.sep for p in _PATHS))


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
    """An array, bit for bit. One that nobody can write is known by identity."""

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
    """Whether an array's memory can be written through no array or buffer.

    A read-only view of an array that can be written is as variable as that one.
    """
    while type(value) is np.ndarray:
        if value.flags.writeable:
            return False
        if value.base is None:
            return bool(value.flags.owndata)
        value = value.base
    return isinstance(value, bytes)


class _Buffer:
    """A buffer such as a bytearray: its bytes and what they mean."""

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
    """A tuple, list or dict: the same keys, each item the same."""

    def __init__(self, value: Any) -> None:
        self.type = type(value)
        self.keys = list(value) if isinstance(value, dict) else len(value)
        values = value.values() if isinstance(value, dict) else value
        self.items = [frozen(v) for v in values]

    def same(self, value: Any) -> bool:
        if type(value) is not self.type:
            return False
        keys = list(value) if isinstance(value, dict) else len(value)
        values = value.values() if isinstance(value, dict) else value
        return keys == self.keys and all(
            item.same(v) for item, v in zip(self.items, values, strict=True)
        )


def frozen(value: Any) -> Any:
    """Return what tells later whether a value is still the same."""
    if isinstance(value, _ATOMS):
        return _Atom(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _Array(value)
    if isinstance(value, (tuple, list, dict, deque)):
        return _Items(value)
    if isinstance(value, (bytearray, memoryview, array.array)):
        return _Buffer(value)
    if isinstance(value, (set, frozenset)):
        return _Set(value)
    return _Identity(value)


class Snapshot:
    """What a function read when it was traced.

    ``arrays`` are the arrays among it, with a name and how to read them now;
    ``generators`` the random generators it can draw from, ``source`` what it names
    that draws numbers or reads a clock.
    """

    def __init__(self) -> None:
        self.probes: list[tuple[Getter, Any]] = []
        self.names: list[str] = []  # of the probes
        self.arrays: list[tuple[str, Getter, np.ndarray]] = []
        self.generators: list[Any] = []
        self.source = ""  # of numbers that differ from call to call, if it names one

    # A plain loop: a generator would cost as much as the comparisons.
    def holds(self) -> bool:
        """Whether everything is as it was."""
        for get, seen in self.probes:  # noqa: SIM110
            if not seen.same(get()):
                return False
        return True

    def changes(self) -> list[str]:
        """Return the names of what is no longer the same."""
        pairs = zip(self.names, self.probes, strict=True)
        return [name for name, (get, seen) in pairs if not seen.same(get())]


# --- finding them ---------------------------------------------------------------------


def snapshot(function: Any, arguments: Iterable[Any] = ()) -> Snapshot:
    """Return what ``function`` can read beside its arguments.

    ``arguments`` are objects it is called with whose attributes count as well.
    """
    given, known = list(arguments), _names_of(function)
    while True:  # an object may be handed to a function that is found after it
        scanner = _Scanner(known)
        scanner.value("", function, lambda: function, frozenset(), root=True)
        for argument in given:
            scanner.attributes(argument, known)
        if scanner.names <= known:
            return scanner.found
        known |= scanner.names


def _names_of(function: Any) -> frozenset[str]:
    while not isinstance(function, types.FunctionType):
        inner = getattr(function, "__wrapped__", None) or getattr(
            function, "func", None
        )
        inner = inner or getattr(function, "__func__", None)
        if inner is None or inner is function:
            return frozenset(["__call__"])
        function = inner
    return _names(function.__code__)


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> frozenset[str]:
    """Return the global names and attributes that code and its inner code read."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return frozenset(found)


def _source(names: frozenset[str]) -> str:
    found = sorted(names & _DRAWING)
    return found[0] if found else ""


@functools.lru_cache(maxsize=1024)
def _is_library(filename: str) -> bool:
    return filename.startswith(_LIBRARIES)


class _Scanner:
    """Follows what code reads. ``known`` are names of attributes that any of it can
    read; ``names`` are those met on the way.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self.found = Snapshot()
        self.seen: set[Any] = set()
        self.known = known
        self.names: frozenset[str] = frozenset()

    def value(
        self,
        name: str,
        value: Any,
        get: Getter,
        names: frozenset[str],
        root: bool = False,
    ) -> None:
        """Note a value that code with these names can reach."""
        found = self.found
        if (
            getattr(value, "__module__", None) in _SOURCES
        ):  # a function of such a module
            found.source = found.source or name
        match value:
            case types.ModuleType():
                path = getattr(value, "__file__", None)
                if path is not None and not _is_library(path):
                    self.attributes(value, names)
                return
            case np.random.Generator() | np.random.RandomState():
                found.generators.append(value)
            case np.ndarray():
                found.arrays.append((name, get, value))
            case tuple() | list() | dict() | deque():
                self.items(name, value, get, names)
        if not root:
            found.probes.append((get, frozen(value)))
            found.names.append(name)
        self.inside(value, names)

    def inside(self, value: Any, names: frozenset[str]) -> None:
        """Note what a function or an object can read in its turn."""
        match value:
            case types.FunctionType():
                self.function(value)
            case types.MethodType():
                self.inside(value.__func__, names)
                self.attributes(value.__self__, _names_of(value))
            case functools.partial():
                self.inside(value.func, names)
                bound = [*value.args, *value.keywords.values()]
                self.value("bound", bound, lambda: bound, names)
            case type() | Tensor() | types.BuiltinFunctionType() | np.ufunc():
                pass
            case np.ndarray() | tuple() | list() | dict() | deque():
                pass
            case _ if hasattr(value, "__wrapped__"):
                self.inside(value.__wrapped__, names)
            case _ if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
                self.attributes(value, names | {"__call__"})

    def items(self, name: str, value: Any, get: Getter, names: frozenset[str]) -> None:
        """Note the arrays and functions in a container; its probe covers the rest."""
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            inner = functools.partial(_item, get, key)
            path = f"{name}_{key}"
            if isinstance(item, np.ndarray):
                self.found.arrays.append((path, inner, item))
            elif isinstance(item, (tuple, list, dict, deque)):
                self.items(path, item, inner, names)
            elif not isinstance(item, _ATOMS):
                self.inside(item, names)

    def function(self, f: types.FunctionType) -> None:
        """Note the globals, closure cells and defaults of a function of the user's."""
        code = f.__code__
        if f in self.seen or _is_library(code.co_filename):
            return
        self.seen.add(f)
        names, space = _names(code), f.__globals__
        self.names |= names
        self.found.source = self.found.source or _source(names)
        for name in sorted(names):
            if name in space:
                get = functools.partial(space.get, name, _MISSING)
                self.value(name, space[name], get, names)
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            value = _contents(cell)
            if value is not _MISSING:
                self.value(name, value, functools.partial(_contents, cell), names)
        defaults = [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]
        if defaults:
            self.value("default", defaults, lambda: defaults, names)

    def attributes(self, value: Any, names: frozenset[str]) -> None:
        """Note the attributes that code can read of an object, methods included."""
        space = getattr(value, "__dict__", {})
        for name in sorted(names | self.known):
            if name in space:
                if (id(space), name) not in self.seen:
                    self.seen.add((id(space), name))
                    get = functools.partial(_attribute, space, name)
                    self.value(name, space[name], get, names)
                continue
            method = getattr(type(value), name, None)
            if isinstance(method, types.MemberDescriptorType):  # of __slots__
                if (id(value), name) not in self.seen:
                    self.seen.add((id(value), name))
                    get = functools.partial(getattr, value, name, _MISSING)
                    self.value(name, get(), get, names)
                continue
            method = method.fget if isinstance(method, property) else method
            if isinstance(method, types.FunctionType):
                if (id(space), method) in self.seen:
                    continue
                self.seen.add((id(space), method))
                self.function(method)
                self.attributes(value, _names(method.__code__))


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return _MISSING


def _item(get: Getter, key: Any) -> Any:
    return get()[key]


def _attribute(space: dict[str, Any], name: str) -> Any:
    return space.get(name, _MISSING)
