"""NumPy's mixing of integers and floats, for functions that were written for NumPy.

In: a call whose operands' dtypes do not fit. Out: the same call with integer operands
as floats, while a plain NumPy function is traced; elsewhere the error stands.
Invariant: a call that fits as it is is never changed, and what is widened takes the
float dtype of the run.

A declared model names its conversions, because float32 times int64 is float64 in NumPy.
A function that runs under NumPy already has accepted what NumPy does.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, SymdiffError, UndefinedError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT
from symdiff.ops.core.operands import API, CONSTANT, constant, is_literal

_mixing: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "symdiff_mixing", default=False
)


@contextlib.contextmanager
def numpy_mixing(on: bool = True) -> Iterator[None]:
    """Let integers and floats be combined in the block, as NumPy combines them."""
    token = _mixing.set(on)
    try:
        yield
    finally:
        _mixing.reset(token)


def mixes() -> bool:
    """Whether a plain NumPy function is being traced, in which dtypes mix."""
    return _mixing.get()


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)``, integers as floats where it needs them.

    Where widening does not help, raises the error of the call as it was written.
    """
    try:
        return function(*args, **kwargs)
    except DTypeError as error:
        if not mixes() or isinstance(error, UndefinedError):
            raise
        first = error
    given = [*args, *kwargs.values()]
    for widened in _attempts(given):
        if all(a is b for a, b in zip(widened, given, strict=True)):
            continue
        named = dict(zip(kwargs, widened[len(args) :], strict=True))
        try:
            return function(*widened[: len(args)], **named)
        except (SymdiffError, TypeError, ValueError, IndexError):
            pass  # the call itself is wrong, or the list is no operand
    raise first


def _attempts(given: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the arguments with integers as floats, more of them in every attempt.

    Booleans come late, because masks must stay boolean. So do lists of Python's
    integers, which may be axes or labels. At the end one argument alone is widened.
    """
    for lists in (False, True):
        for kinds in ("iu", "iub"):
            yield [_widen(a, kinds, lists) for a in given]
    for i, a in enumerate(given):
        yield [*given[:i], _widen(a, "iub", lists=True), *given[i + 1 :]]


def _widen(value: Any, kinds: str, lists: bool) -> Any:
    """Return integer arrays as floats, also in lists of operands; else the value.

    ``lists`` says whether a list of Python's numbers is such an array.
    """
    match value:
        case Tensor() if not is_literal(value) and value.dtype.kind in kinds:
            if value.node.op is CONSTANT:
                return constant(value.node.attrs["value"].astype(float))
            return API["cast"](value, FLOAT)
        case np.ndarray() if value.dtype.kind in kinds:
            return value.astype(float)
        case list() | tuple():
            numbers = _numbers(value) if lists else None
            if numbers is not None:
                return numbers.astype(float) if numbers.dtype.kind in kinds else value
            made = [_widen(v, kinds, lists) for v in value]
            same = all(a is b for a, b in zip(made, value, strict=True))
            return value if same else type(value)(made)
    return value


def _numbers(value: Sequence[Any]) -> np.ndarray | None:
    """Return nested lists of Python's numbers as an array; None for anything else."""
    leaves = list(value)
    while any(isinstance(v, (list, tuple)) for v in leaves):
        leaves = [
            w for v in leaves for w in (v if isinstance(v, (list, tuple)) else [v])
        ]
    if not leaves or not all(isinstance(v, (int, float)) for v in leaves):
        return None
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
