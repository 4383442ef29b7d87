"""What a function can read beside its arguments: found by the names in its code.

In: a Python function, and objects that it is called with. Out: a `Snapshot` of the
closure cells, globals, defaults, attributes and class attributes that it, and the
user's functions that it calls, can read by name. Invariant: code of the user's is
followed, through decorators, methods, properties and operators; code and modules of
libraries are not, and count as constant.
"""

from __future__ import annotations

import contextvars
import functools
import operator
import os
import sys
import threading
import types
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import ContextDecorator
from typing import Any

import numpy as np

from symdiff.declare.captured.code_names import (
    NAME,
    SOURCES,
    asks,
    names_in,
    names_of,
    source_in,
)
from symdiff.declare.captured.values import (
    ATOMS,
    CONTAINERS,
    MAPPINGS,
    MISSING,
    Absent,
    Getter,
    Snapshot,
    asked,
    frozen,
)
from symdiff.declare.captured.whose import (
    MAKING,
    advances,
    is_library,
    is_library_class,
    is_library_module,
    is_users,
    operators_of,
)
from symdiff.graph.tensor import Tensor

_GENERATORS = (np.random.Generator, np.random.RandomState)
# Attributes in which wrappers of Python and NumPy keep the functions they call: context
# managers, `singledispatch` and its methods, `np.vectorize`.
_CALLED = ("func", "registry", "dispatcher", "pyfunc")


def snapshot(function: Any, arguments: Iterable[Any] = ()) -> Snapshot:
    """Return what ``function`` can read beside its arguments.

    ``arguments`` are objects and functions that it is called with: what can be read
    from them counts as well, but their own identity does not.
    """
    given, known, asking = list(arguments), names_of(function), False
    while True:  # an object may be handed to a function that is found after it
        scanner = _Scanner(known, asking)
        scanner.value("", function, lambda: function, frozenset(), root=True)
        for k, argument in enumerate(given):
            get = functools.partial(given.__getitem__, k)
            scanner.value("an argument", argument, get, known, root=True)
        if scanner.names <= known and scanner.asks == asking:
            scanner.found.arguments = given
            return scanner.found
        known |= scanner.names
        asking = scanner.asks


# --- following what code reads --------------------------------------------------------


class _Scanner:
    """Follows what code reads.

    ``known`` are the names that the code found so far reads, and ``asking`` is whether
    any of it looks up names that may be missing. ``names`` and ``asks`` collect the
    same during this scan, for the next one.
    """

    def __init__(self, known: frozenset[str], asking: bool) -> None:
        self.found = Snapshot()
        self.seen: set[Any] = set()
        self.within: list[int] = []  # the containers whose items are looked at
        self.absent: dict[int, Absent] = {}
        self.known = known
        self.names: frozenset[str] = frozenset()
        self.asking = asking
        self.asks = False

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
        if asked(value, "__module__", None) in SOURCES:  # a function of such a module
            found.source = found.source or name
        if isinstance(value, types.ModuleType):
            if not is_library_module(value.__name__, value):
                self.attributes(value, names)
            return
        if isinstance(value, np.ndarray):
            found.arrays.append((name, get, value))
        elif isinstance(value, CONTAINERS):
            self.items(name, value, get, names)
        if not root:
            self.probe(name, get)
        self.inside(name, value, names)

    def probe(self, name: str, get: Getter) -> None:
        """Note a value that must still be the same when the compiled code is used."""
        self.found.probes.append((get, frozen(get())))
        self.found.names.append(name)

    def inside(self, name: str, value: Any, names: frozenset[str]) -> None:
        """Note what a function or an object can read in its turn."""
        if advances(value):
            self.found.iterator = self.found.iterator or name
        match value:
            case _ if isinstance(value, _GENERATORS):
                self.found.generators.append(value)
            case types.FunctionType():
                self.function(value)
                self.attributes(value, names)
            case types.MethodType():
                self.inside(name, value.__func__, names)
                if isinstance(value.__self__, _GENERATORS):
                    self.found.generators.append(value.__self__)
                self.attributes(value.__self__, names_of(value))
            case functools.partial() | functools.partialmethod():
                self.inside(name, value.func, names)
                get = functools.partial(_bound, value)
                self.value("bound", get(), get, names)
                self.attributes(value, names)
            case BaseException():
                get = functools.partial(asked, value, "args")
                self.value("args", get(), get, names)
                self.attributes(value, names)
            case property() | types.DynamicClassAttribute():
                self.inside(name, value.fget, names)
            case functools.cached_property():
                self.inside(name, value.func, names)
            case contextvars.ContextVar():
                get = functools.partial(value.get, MISSING)
                self.value(name, get(), get, names)
            case operator.attrgetter() | operator.methodcaller():
                self.names |= frozenset(NAME.findall(repr(value)))
            case weakref.ref():
                self.value(name, value(), value, names)
            case types.BuiltinFunctionType():
                owner = value.__self__  # a module, or what it is a method of
                if not isinstance(owner, types.ModuleType | types.NoneType):
                    self.value(name, owner, lambda: owner, names)
            case Tensor() | np.ufunc():
                pass
            case np.ndarray() | tuple() | list() | dict() | deque():
                kind: Any = type(value)
                if is_users(kind):
                    self.attributes(value, names)
            case type():
                self.attributes(value, names | MAKING)
            case _ if any(
                asked(value, n) is not MISSING
                for n in ("__dict__", "__slots__", "__wrapped__")
            ):
                self.wrapped(value, names)
                self.attributes(value, names)

    def wrapped(self, value: Any, names: frozenset[str]) -> None:
        """Note what a wrapper of a library calls in its turn.

        Only its own ``__dict__`` is searched: `getattr` would run properties of the
        user's, and some objects answer to any name.
        """
        inner = asked(value, "__wrapped__")
        if inner is not MISSING and (id(value), "__wrapped__") not in self.seen:
            self.seen.add((id(value), "__wrapped__"))
            self.inside("__wrapped__", inner, names)
        space: Any = asked(value, "__dict__", None)
        for name in _CALLED if space else ():
            if name in space and (id(space), name) not in self.seen:
                self.seen.add((id(space), name))
                get = functools.partial(space.get, name, MISSING)
                self.value(name, space[name], get, names)
        if isinstance(value, types.FunctionType):
            for cell in value.__closure__ or ():
                inner = _contents(cell)
                if isinstance(inner, types.FunctionType | ContextDecorator):
                    self.inside(value.__name__, inner, names)

    def items(self, name: str, value: Any, get: Getter, names: frozenset[str]) -> None:
        """Note the arrays and functions in a container; its probe covers the rest."""
        if id(value) in self.within:  # it holds itself
            return
        self.within.append(id(value))
        pairs = value.items() if isinstance(value, MAPPINGS) else enumerate(value)
        for key, item in pairs:
            inner = functools.partial(_item, get, key)
            path = f"{name}_{key}"
            if isinstance(item, np.ndarray):
                self.found.arrays.append((path, inner, item))
            elif isinstance(item, CONTAINERS):
                self.items(path, item, inner, names)
            elif not isinstance(item, ATOMS):
                self.inside(path, item, names)
        self.within.pop()

    def function(self, f: types.FunctionType) -> None:
        """Note the globals, closure cells and defaults of a function of the user's."""
        code = f.__code__
        if f in self.seen:
            return
        self.seen.add(f)
        if is_library(code.co_filename):
            self.wrapped(f, frozenset())
            return
        names, space = names_in(code), f.__globals__
        self.names |= names
        self.asks = self.asks or asks(code)
        self.probe("the code of a function", _attribute(f, "__code__"))
        self.found.source = self.found.source or source_in(names)
        if names & {"environ", "getenv"}:
            get: Getter = functools.partial(dict, os.environ)
            self.value("environ", get(), get, names)
        for name in sorted(names):
            if name in space:
                get = functools.partial(space.get, name, MISSING)
                self.value(name, space[name], get, names)
            elif name in sys.modules:  # imported in the function
                get = functools.partial(sys.modules.get, name)
                self.value(name, sys.modules[name], get, names)
        if self.asking:
            self.without(space, space, names - space.keys())
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            value = _contents(cell)
            if value is not MISSING:
                self.value(name, value, functools.partial(_contents, cell), names)
        if f.__defaults__ or f.__kwdefaults__:
            get = functools.partial(_defaults, f)
            self.value("default", get(), get, names)

    def attributes(self, value: Any, names: frozenset[str]) -> None:
        """Note the attributes that code can read of an object, methods included."""
        if isinstance(value, type):
            self.of_class(value, names)
            self.of_class(type(value), names)
            return
        wanted = names | self.known
        if isinstance(value, threading.local):  # whose attributes are each thread's
            for name in sorted(wanted & vars(value).keys()):
                get: Getter = functools.partial(asked, value, name)
                self.value(name, get(), get, names)
        space: Any = asked(value, "__dict__", None)
        for name in sorted(wanted & space.keys() if space else ()):
            if (id(space), name) not in self.seen:
                self.seen.add((id(space), name))
                get = functools.partial(space.get, name, MISSING)
                self.value(name, space[name], get, names)
        kind = value.__class__
        if is_users(kind) and (id(value), kind) not in self.seen:
            self.seen.add((id(value), kind))
            self.probe("a class", _attribute(value, "__class__"))
        inherited = self.of_class(kind, wanted, value)
        if space is not None:
            missing = (wanted if self.asking else inherited) - space.keys()
            self.without(space, space, missing)

    def of_class(
        self, kind: type, names: frozenset[str], instance: Any = MISSING
    ) -> frozenset[str]:
        """Note what code can read of a class, or of an object through it, by names.

        Returns the names that were found.
        """
        if not is_users(kind):
            return frozenset()
        found = {
            n: _inherited(kind, n) for n in names | self.known | operators_of(kind)
        }
        found = {n: v for n, v in found.items() if v is not MISSING}
        for name, value in sorted(found.items(), key=lambda pair: pair[0]):
            if isinstance(value, types.MemberDescriptorType):  # of __slots__
                if instance is not MISSING and (id(instance), name) not in self.seen:
                    self.seen.add((id(instance), name))
                    get = functools.partial(asked, instance, name)
                    self.value(name, get(), get, names)
            elif (kind, name) not in self.seen:
                self.seen.add((kind, name))
                get = functools.partial(_inherited, kind, name)
                self.value(name, value, get, names)
                self.of_library(value)
        if "super" in names | self.known:
            for name in sorted(found):
                self.overridden(kind, name, names)
        for k in kind.__mro__ if self.asking else ():
            if not is_library_class(k):
                self.without(k, vars(k), (names | self.known) - found.keys())
        return frozenset(found)

    def of_library(self, method: Any) -> None:
        """Note the names by which a method of a library reads a user's object."""
        code = getattr(asked(method, "fget", method), "__code__", None)
        if isinstance(code, types.CodeType) and is_library(code.co_filename):
            self.names |= names_in(code)

    def overridden(self, kind: type, name: str, names: frozenset[str]) -> None:
        """Note what ``super()`` can find by a name, in user classes of the MRO."""
        for k in kind.__mro__:
            if is_library_class(k):
                continue
            if name not in vars(k):
                self.without(k, vars(k), frozenset([name]))
            elif (k, name, "own") not in self.seen:
                self.seen.add((k, name, "own"))
                get = functools.partial(vars(k).get, name, MISSING)
                self.value(name, get(), get, names)

    def without(self, owner: Any, space: Any, names: frozenset[str]) -> None:
        """Note that a namespace holds nothing by these names.

        A name added later would shadow an attribute of the class, or change what
        `hasattr` answers.
        """
        if not names:
            return
        if id(owner) not in self.absent:
            self.absent[id(owner)] = Absent()
            self.found.probes.append((lambda: space, self.absent[id(owner)]))
            self.found.names.append("a new name")
        self.absent[id(owner)].names |= names


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return MISSING


def _attribute(value: Any, name: str) -> Getter:
    """Return how to read an attribute, without keeping its owner where possible."""
    try:
        ref = weakref.ref(value)
    except TypeError:
        return functools.partial(asked, value, name)
    return lambda: asked(ref(), name)


def _item(get: Getter, key: Any) -> Any:
    return get()[key]


def _bound(partial: Any) -> list[Any]:
    return [*partial.args, *partial.keywords.values(), tuple(partial.keywords)]


def _defaults(f: types.FunctionType) -> list[Any]:
    named = f.__kwdefaults__ or {}
    return [*(f.__defaults__ or ()), *named.values(), tuple(named)]


def _inherited(kind: type, name: str) -> Any:
    """Return what a class holds by a name, without asking descriptors."""
    for k in kind.__mro__:
        if name in k.__dict__:
            return k.__dict__[name]
    return MISSING
