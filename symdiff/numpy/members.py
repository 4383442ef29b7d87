"""NumPy's functions and number types as ones that symbolic tensors may be passed to.

In: a module of NumPy and a name in it. Out: what `symdiff.numpy` has under that name.
Invariant: without a symbolic argument a function is NumPy's, called with the very
arguments; with one, NumPy's protocols answer as if NumPy had asked the tensor.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.numpy.creation import creator, is_creator
from symdiff.numpy.joining import operands
from symdiff.ops.core.operands import API
from symdiff.ops.surface.made import is_symbolic, made
from symdiff.ops.surface.protocol import array_function, array_ufunc

# The types of the widths that generated code computes in.
_NUMBERS = frozenset(np.dtype(c).type for c in "bBhHiIlLqQfd")


def public_names(module: Any) -> list[str]:
    """Return the public names of a module of NumPy; of an old NumPy, those it has."""
    named = getattr(module, "__all__", None)
    return sorted(named or (n for n in dir(module) if not n.startswith("_")))


def own_member(module: Any, name: str) -> Any:
    """Return NumPy's own member; raise AttributeError where it has none."""
    try:
        return getattr(module, name)
    except AttributeError:
        raise AttributeError(
            f"symdiff.{module.__name__} has no {name!r}, as NumPy {np.__version__} has "
            "none."
        ) from None


def member(module: Any, name: str) -> Any:
    """Return NumPy's member of that name, as one that tensors may be passed to."""
    theirs = own_member(module, name)
    if isinstance(theirs, np.ufunc):
        return Ufunc(theirs)
    if isinstance(theirs, type):
        return _number_type(theirs)
    if isinstance(theirs, types.ModuleType) or not callable(theirs):
        return theirs
    call = _function(theirs)
    if module is np and is_creator(name):
        call = creator(theirs, call)
    call.__module__ = f"symdiff.{module.__name__}"  # where pickle finds it
    return call


def _function(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's that asks its arguments, lists of them too."""

    @functools.wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if not any(map(is_symbolic, given)):
            return made(theirs(*args, **kwargs), given)
        args, kwargs = operands(theirs, args, kwargs)
        return array_function(None, theirs, (), args, kwargs)  # type: ignore[arg-type]

    return call


class Ufunc:
    """A ufunc of NumPy's, with its methods and attributes."""

    def __init__(self, theirs: np.ufunc) -> None:
        self.__name__ = self.__qualname__ = theirs.__name__
        self.__doc__, self.__module__ = theirs.__doc__, "symdiff.numpy"
        self._theirs = theirs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._called("__call__", args, kwargs)

    def reduce(self, *args: Any, **kwargs: Any) -> Any:
        """As the ufunc's own method, for tensors where there is such a reduction."""
        return self._called("reduce", args, kwargs)

    def accumulate(self, *args: Any, **kwargs: Any) -> Any:
        """As the ufunc's own method, for tensors where there are such totals."""
        return self._called("accumulate", args, kwargs)

    def outer(self, *args: Any, **kwargs: Any) -> Any:
        """As the ufunc's own method."""
        return self._called("outer", args, kwargs)

    def _called(
        self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        given = (*args, *kwargs.values())
        if not any(map(is_symbolic, given)):
            return made(getattr(self._theirs, method)(*args, **kwargs), given)
        args, kwargs = operands(self._theirs, args, kwargs)
        answer: Any = array_ufunc
        return answer(None, self._theirs, method, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_theirs":  # asked for by copies that are not filled yet
            raise AttributeError(name)
        return getattr(self._theirs, name)

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return repr(self._theirs)


class _NumberType(type):
    """The class of number types that convert tensors, and are NumPy's in all else."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        theirs = cls.__base__
        if any(map(is_symbolic, args)):
            (value,) = operands(theirs, args, {})[0]
            return API["cast"](value, theirs)
        return theirs(*args, **kwargs)  # type: ignore[misc]

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__base__)  # type: ignore[arg-type]

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__base__)  # type: ignore[arg-type]

    def __eq__(cls, other: object) -> Any:
        return other is cls or other is cls.__base__ or NotImplemented

    def __hash__(cls) -> int:
        return hash(cls.__base__)


def _number_type(theirs: type) -> Any:
    """Return a type that ``np.float64(x)`` may be written with; other types stay."""
    if theirs not in _NUMBERS:
        return theirs
    space = {"__module__": "symdiff.numpy", "__doc__": theirs.__doc__}
    return _NumberType(theirs.__name__, (theirs,), space)
