"""The arguments of NumPy's calls, and ``np.array`` and its kin.

In: the arguments of a call of NumPy's. Out: the same arguments, lists that hold tensors
joined to one. Invariant: a list that NumPy takes as several arrays stays a list.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, as_array, float_operand
from symdiff.ops.surface.lists import holds_tensor, joined
from symdiff.ops.surface.made import is_symbolic, made

F = TypeVar("F", bound=Callable[..., Any])

# Parameters that take several arrays, by name; without a name it is the first.
_SEVERAL = frozenset(
    ["arrays", "tup", "arrays_list", "condlist", "choicelist", "funclist", "keys"]
)
_WHOLE = frozenset(["block", "einsum"])  # they read their lists themselves
_JOINERS = frozenset(["concatenate", "concat", "lexsort", "multi_dot"])


@functools.cache
def _parameters(theirs: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's positional parameters, as far as it tells."""
    try:
        found = inspect.signature(theirs).parameters.values()
    except (TypeError, ValueError):
        return ("arrays",) if getattr(theirs, "__name__", "") in _JOINERS else ()
    names = [p.name for p in found if p.kind is not p.KEYWORD_ONLY]
    many = any(p.kind is p.VAR_POSITIONAL for p in found)
    return () if many else tuple(names)


def operands(
    theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with a tensor for each list of numbers that holds tensors."""
    if getattr(theirs, "__name__", "") in _WHOLE:
        return args, kwargs
    names = _parameters(theirs)
    names = (*names, *("",) * (len(args) - len(names)))
    placed = tuple(_argument(n, a) for n, a in zip(names, args, strict=False))
    return placed, {n: _argument(n, a) for n, a in kwargs.items()}


def _argument(name: str, value: Any) -> Any:
    if not isinstance(value, (tuple, list)) or not holds_tensor(value):
        return value
    if name in _SEVERAL:
        return type(value)(map(joined, value))
    return joined(value)


def _named(name: str) -> Callable[[F], F]:
    """Make a function public under a name by which its results' memory is known."""

    def decorate(function: F) -> F:
        function.__name__ = name
        return public(function)  # type: ignore[return-value]

    return decorate


@_named("array")
def _of_tensors(value: Any, dtype: Any, least: int) -> Tensor:
    found = as_array(joined(value))
    found = found if dtype is None else API["cast"](found, dtype)
    missing = least - found.ndim
    return API["expand_dims"](found, tuple(range(missing))) if missing > 0 else found


@_named("asarray")
def _as_it_is(a: Tensor, dtype: Any) -> Tensor:
    return float_operand(a) if dtype is None else API["cast"](a, dtype)


def array(object: Any, dtype: Any = None, **options: Any) -> Any:  # noqa: A002
    """``np.array``: a new array, or a tensor where the lists hold one."""
    if not is_symbolic(object):
        kwargs = options if dtype is None else {"dtype": dtype, **options}
        return made(np.array(object, **kwargs), ())
    return _of_tensors(object, dtype, int(options.get("ndmin", 0)))


def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """``np.asarray``: what is an array or a tensor stays the very same."""
    if isinstance(a, Tensor):
        return _as_it_is(a, dtype)
    if is_symbolic(a):
        return array(a, dtype)
    return made(np.asarray(a, dtype, order, **options), (a,))


def asanyarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """``np.asanyarray``: `asarray` that lets subclasses pass."""
    if is_symbolic(a):
        return asarray(a, dtype)
    return made(np.asanyarray(a, dtype, order, **options), (a,))


def ascontiguousarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.ascontiguousarray``: at least one axis."""
    if is_symbolic(a):
        found = asarray(a, dtype)
        return found if found.ndim else API["reshape"](found, (1,))
    return made(np.ascontiguousarray(a, dtype, **options), (a,))
