"""Functions compiled when they are called: once per shapes, dtypes and static values.

In: a rule on tensors, the user's function it is about, and concrete arguments. Out:
NumPy values, from generated code that later calls of the same kind reuse. Invariant: a
variant is reused only while all that the user's function read beside its arguments is
the same; calls from several threads are safe.
"""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.declare.captured.values import ATOMS, Snapshot, asked
from symdiff.declare.tracing import argument_names
from symdiff.declare.trees import leaf_paths
from symdiff.graph.errors import ArgumentError, SymdiffWarning
from symdiff.graph.forking import ForkLock
from symdiff.graph.tensor import Tensor

MOST_VARIANTS = 128  # of one transformed function
MANY = 20  # retracings for changed surroundings, after which to warn

LOCK = ForkLock()


class Symbolic(Exception):  # noqa: N818 - no error: it ends a search
    """A tensor was found among the arguments."""


class Unfixed(Exception):  # noqa: N818 - the caller knows the argument's name
    """A value that is neither an input of the code nor hashable."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


# --- what a call is like --------------------------------------------------------------


def describe(value: Any, found: list[Any]) -> Any:
    """Return a hashable description of an argument, and add its arrays to ``found``.

    Equal descriptions mean that the same code computes both: arrays by shape and dtype,
    Python floats by being floats, containers by their structure, numbers and strings
    by value, any other object by identity.
    """
    kind = type(value)
    if kind is np.ndarray:
        found.append(value)
        return (value.shape, value.dtype)
    if kind is float:
        found.append(value)
        return float
    if kind is tuple or kind is list:
        return (kind, *[describe(v, found) for v in value])
    if kind is dict:
        return (kind, *value, *[describe(v, found) for v in value.values()])
    return _describe_rarer(value, found)


def _describe_rarer(value: Any, found: list[Any]) -> Any:
    if is_array(value):
        found.append(value)
        return (type(value), value.shape, value.dtype)
    if isinstance(value, Tensor):
        raise Symbolic
    kind = type(value)
    if isinstance(value, dict):
        return (kind, *value, *[describe(v, found) for v in value.values()])
    if isinstance(value, (tuple, list)):
        return (kind, *[describe(v, found) for v in value])
    if kind is slice:
        return (slice, *[(type(v), v) for v in _limits(value)])
    try:
        hash(value)
    except TypeError:
        raise Unfixed(value) from None
    return (kind, _fixed(value))


def _limits(value: slice) -> list[Any]:
    """Return the limits of a slice; raise unless they are integers or None."""
    found = [value.start, value.stop, value.step]
    if not all(isinstance(v, (int, np.integer, type(None))) for v in found):
        raise Unfixed(value)
    return found


def refused(fun: Any, args: Any, kwargs: Any, value: Any) -> ArgumentError:
    """Return an error for a value that names the argument which holds it."""
    pairs = [*zip(argument_names(fun, len(args)), args, strict=True), *kwargs.items()]
    where = next(
        (
            ".".join((name, *path))
            for name, given in pairs
            for path, leaf in leaf_paths(given)
            if leaf is value
        ),
        "an argument",
    )
    shown = f"{type(value).__name__} {value!r:.60}"
    return ArgumentError(
        f"{where} is {shown}, which is neither an array, a number, a tuple, list or "
        "dict of them, nor hashable: pass its numbers and arrays as arguments of their "
        "own, or bind it beforehand, as in grad(functools.partial(f, option=...)) or "
        "by a function that reads it from around itself."
    )


def _fixed(value: Any) -> Any:
    """Return the part of a key for a value that is fixed when the code is generated.

    That is its content where the value is immutable, else its identity.
    """
    kind = type(value)
    if isinstance(value, (*ATOMS, np.dtype)):
        return (kind, value)
    if kind is range:
        return (range, value.start, value.stop, value.step)
    if kind is frozenset:
        return frozenset(map(_fixed, value))
    if isinstance(value, types.MethodType):  # each access makes a new object
        return (Same(value.__self__), Same(value.__func__))
    if _is_frozen_record(value):
        parts = tuple(_fixed(v) for v in vars(value).values())
        if not any(isinstance(p, Same) for p in parts):
            return parts
    return Same(value)


def _is_frozen_record(value: Any) -> bool:
    """Whether a value is an instance of a frozen dataclass, and has its fields only."""
    settings = getattr(type(value), "__dataclass_params__", None)
    names = getattr(type(value), "__dataclass_fields__", ())
    space = asked(value, "__dict__", None)
    return bool(settings and settings.frozen and space is not None) and (
        list(names) == list(space or ())
    )


class Same:
    """An object compared by identity: equal objects may have other attributes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def is_array(value: Any) -> bool:
    """Whether a leaf is an input of the code; others are fixed when it is generated."""
    return isinstance(value, (np.ndarray, float, np.floating))


# --- compiled variants ----------------------------------------------------------------


class Variant:
    """Generated code for one kind of call."""

    __slots__ = ("build", "convert", "forward", "lifted", "seen", "source", "used")

    def __init__(
        self,
        forward: Callable[..., Any],
        build: Callable[[Any], Any] | None,
        convert: Sequence[tuple[int, Callable[[Any], Any]]],
        lifted: Sequence[tuple[Callable[[], Any], Callable[[Any], Any] | None]],
        seen: Snapshot,
        source: str,
    ) -> None:
        self.forward = forward
        self.build = build
        self.convert = convert
        self.lifted = lifted
        self.seen = seen
        self.source = source
        self.used = False

    def __call__(self, arrays: list[Any]) -> Any:
        for i, cast in self.convert:
            arrays[i] = cast(arrays[i])
        for get, cast_ in self.lifted:
            arrays.append(get() if cast_ is None else cast_(get()))
        result = self.forward(*arrays)
        return result if self.build is None else self.build(result)


class Variants:
    """The variants of one transformed function, by description of the arguments.

    Of more than `MOST_VARIANTS` descriptions, the oldest unused ones are dropped.
    """

    def __init__(self) -> None:
        self.by_key: OrderedDict[Any, list[Variant]] = OrderedDict()
        self.last: Variant | None = None
        self.renewed = 0

    def find(self, key: Any) -> Variant | None:
        """Return a variant that is still up to date."""
        for variant in self.by_key.get(key, ()):
            if variant.seen.holds():
                variant.used = True
                self.last = variant
                return variant
        return None

    def add(self, key: Any, variant: Variant) -> None:
        """Add a variant; above the limit drop the oldest that is not in use."""
        kept = self.by_key.get(key, [])
        if kept:
            self.renewed += 1
            if self.renewed == MANY:
                _warn_of_changes(kept[0])
        self.by_key[key] = [variant, *kept[:7]]  # a new list: others may be reading it
        self.last = variant
        while len(self.by_key) > MOST_VARIANTS:
            oldest, found = next(iter(self.by_key.items()))
            del self.by_key[oldest]
            if any(v.used for v in found):  # a second chance
                for v in found:
                    v.used = False
                self.by_key[oldest] = found


def _warn_of_changes(variant: Variant) -> None:
    names = ", ".join(variant.seen.changes()) or "something"
    warnings.warn(
        f"a transformed function was traced anew {MANY} times because {names}, which "
        "it reads from around it, had changed. Pass it as an argument.",
        SymdiffWarning,
        stacklevel=2,
    )


# Keyed by the identity of the function, or of the object that a method is bound to:
# objects that compare equal may compute different things.
_CACHES: dict[int, tuple[weakref.ref[Any], dict[Any, Variants]]] = {}


def variants_of(function: Any, rule: Any) -> Variants:
    """Return the variants of a rule on a function.

    All callables of the same rule and function share them, as in a loop over
    ``grad(f)(x)``, which makes a new callable each time.
    """
    bound = isinstance(function, types.MethodType)
    owner, inner = (function.__self__, function.__func__) if bound else (function, None)
    number = id(owner)
    with LOCK:
        held = _CACHES.get(number)
        if held is None or held[0]() is not owner:
            try:
                gone = functools.partial(_forget, _CACHES, number)
                held = (weakref.ref(owner, gone), {})
            except TypeError:  # no weak reference, as to an object with __slots__
                return Variants()
            _CACHES[number] = held
        return held[1].setdefault((rule, inner and Same(inner)), Variants())


# An argument for `caches`: at interpreter exit the globals may be gone already.
def _forget(
    caches: dict[int, tuple[weakref.ref[Any], Any]], number: int, ref: weakref.ref[Any]
) -> None:
    """Drop the variants of a dead object, unless its id belongs to another by now."""
    held = caches.get(number)
    if held is not None and held[0] is ref:
        caches.pop(number, None)
