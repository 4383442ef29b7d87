"""A transformed function: traced and compiled for each form of its arguments.

In: a function, and a rule that computes the transform on tensors. Out: a callable that
runs generated code on arrays, and builds graph on tensors. Invariant: a variant is
compiled for each description of the arguments, and reused while its snapshot holds.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from symdiff.declare.tracing import UNSEEN, argument_names, function_name
from symdiff.declare.trees import leaves
from symdiff.graph.errors import DeclarationError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.transforms.points import replaced_in
from symdiff.transforms.result_names import (
    placed,
)
from symdiff.transforms.traces import closed, foreign, make_variant, traced
from symdiff.transforms.variants import (
    LOCK,
    Symbolic,
    Unfixed,
    describe,
    refused,
    variants_of,
)

Function = Callable[..., Any]


class Transformed:
    """A transformed function: called with arrays it runs generated code.

    ``source`` is the code that ran last, a module that needs NumPy alone.
    """

    def __init__(
        self, fun: Function, rule: Function, name: str, key: Any, fields: Any = ()
    ) -> None:
        if not callable(fun):
            raise DeclarationError(
                f"{name} needs a function, got {type(fun).__name__} {fun!r:.60}."
            )
        functools.update_wrapper(self, fun)
        self.__name__ = f"{name}_of_{getattr(fun, '__name__', 'function')}"
        self.__doc__ = f"{name} of: {fun.__doc__ or self.__name__}"
        self._made_of = (fun, rule, name, key, fields)
        self._name = name
        self._rule = functools.partial(rule, fun)
        self._fields = fields
        self._variants = variants_of(fun, (name, key))

    @property
    def source(self) -> str:
        """The generated code that the last call ran; empty before the first."""
        last = self._variants.last
        return last.source if last is not None else ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []
        try:
            key: Any = tuple([describe(a, found) for a in args])
            if kwargs:
                key = (key, describe(kwargs, found))
        except Symbolic:
            return self._symbolic(args, kwargs)
        except Unfixed as error:
            raise refused(self.__wrapped__, args, kwargs, error.value) from None  # type: ignore[attr-defined]
        if UNSEEN.get() is None:
            variant = self._variants.find(key)
            if variant is not None:
                return variant(found)
        return self._compiled(key, found, args, kwargs)

    @public
    def _symbolic(self, args: Any, kwargs: Any) -> Any:
        return self._rule(*args, **kwargs)

    @public
    def _compiled(self, key: Any, found: list[Any], args: Any, kwargs: Any) -> Any:
        """Trace and compile; but return graph where the result reads outer tensors."""
        fun = self.__wrapped__  # type: ignore[attr-defined]
        with LOCK:
            variant = self._variants.find(key) if UNSEEN.get() is None else None
            if variant is None:
                trace, seen, result = traced(fun, self._rule, args, kwargs)
                outputs = [t for t in leaves(result) if isinstance(t, Tensor)]
                if foreign(trace, outputs):
                    return replaced_in(result, closed(trace))
                name = function_name(fun, f"{self._name}_")
                field = functools.partial(placed, self._prefixes(args))
                variant = make_variant(trace, seen, result, name, field)
                self._variants.add(key, variant)
        return variant(found)

    def _prefixes(self, args: Any) -> Any:
        fun = self.__wrapped__  # type: ignore[attr-defined]
        names = argument_names(fun, len(args))
        return self._fields(names) if callable(self._fields) else self._fields

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        """Return how to make a copy: from the function and the options, traced anew.

        Where the module has this object under its function's name, as after decorating,
        the name is enough.
        """
        path = getattr(self, "__qualname__", "")  # a callable object has none
        found: Any = sys.modules.get(self.__module__)
        for name in path.split("."):
            found = getattr(found, name, None)
        return path if found is self else (type(self), self._made_of)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"
