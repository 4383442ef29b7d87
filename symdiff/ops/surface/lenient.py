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
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symdiff.graph.errors import DTypeError, UndefinedError
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


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)``, with integers as floats where that is
    needed.

    Raises the error of the call as it was written where widening does not help.
    """
    try:
        return function(*args, **kwargs)
    except DTypeError as error:
        if not _mixing.get() or isinstance(error, UndefinedError):
            raise
        first = error
    given = [*args, *kwargs.values()]
    for kinds in ("iu", "iub"):  # booleans last: as masks they must stay
        widened = [_widen(a, kinds) for a in given]
        if all(a is b for a, b in zip(widened, given, strict=True)):
            continue
        named = dict(zip(kwargs, widened[len(args) :], strict=True))
        try:
            return function(*widened[: len(args)], **named)
        except DTypeError:
            pass
    raise first


def _widen(value: Any, kinds: str) -> Any:
    """Return integer arrays as floats, in lists of operands too; anything else as it
    is.
    """
    match value:
        case Tensor() if not is_literal(value) and value.dtype.kind in kinds:
            if value.node.op is CONSTANT:
                return constant(value.node.attrs["value"].astype(float))
            return API["cast"](value, FLOAT)
        case np.ndarray() if value.dtype.kind in kinds:
            return value.astype(float)
        case list() | tuple():
            made = [_widen(v, kinds) for v in value]
            same = all(a is b for a, b in zip(made, value, strict=True))
            return value if same else type(value)(made)
    return value
