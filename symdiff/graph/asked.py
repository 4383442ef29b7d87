"""What a user's function learns when it asks for a dtype: ``x.dtype == np.float32``.

In: an element type by name, and the width of the floats of the call that is traced,
where one is. Out: NumPy's answer. Invariant: nothing is guessed. Whether a float is
float32 or float64 is only known where it was declared, or while a call with arrays of
one width is traced; elsewhere the question raises `TracingError` with its line.
"""

from __future__ import annotations

import contextvars
import functools
from types import CodeType
from typing import Any

import numpy as np

from symdiff.graph.errors import TracingError
from symdiff.graph.provenance import PACKAGE, WATCH, capture, locate

NEUTRAL = "float"  # the name of the float type of either width
UNKNOWN = "DType(float)"  # how the float of unknown width shows itself
# What can be asked of a dtype beside its name and kind.
FACTS = frozenset(
    ["alignment", "byteorder", "char", "isnative", "itemsize", "num", "str", "type"]
)
# The width of the floats of the call that is being traced, if they have one.
WIDTH: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "symdiff_width", default=None
)


def is_theirs(code: CodeType) -> bool:
    """Whether code is the user's: the compiler's own code must not see one width."""
    return not code.co_filename.startswith(PACKAGE)


def numpys(name: str) -> Any:
    """Return the NumPy dtype of that name; raise where its width is not known."""
    if name != NEUTRAL:
        return np.dtype(name)
    width = WIDTH.get()
    if width is None:
        raise locate(_unknown(), capture())
    return width


def equals(name: str, other: Any) -> Any:
    """Answer ``x.dtype == other`` for a dtype of NumPy's or a type of Python's."""
    if not isinstance(other, (str, type, np.dtype)):
        return NotImplemented
    if name == NEUTRAL and WATCH.get() is None and _declares_neutral(other):
        return True
    try:
        theirs, mine = np.dtype(other), None if name == NEUTRAL else np.dtype(name)
    except TypeError:
        return NotImplemented
    if mine is None and theirs in (np.dtype("float32"), np.dtype("float64")):
        mine = numpys(name)
    return mine == theirs if mine is not None else False


def _declares_neutral(other: Any) -> bool:
    """Whether a float of either width is declared by this name."""
    return other is float or (isinstance(other, str) and other == NEUTRAL)


@functools.cache
def hashed(name: str, weak: bool) -> int:
    """Return the hash of an element type: NumPy's, where the two can be equal."""
    if weak or name == NEUTRAL:
        return hash((name, weak))
    try:
        return hash(np.dtype(name))
    except TypeError:  # a tuple type, which NumPy does not have
        return hash(name)


def asked_of_numpy(error: BaseException) -> TracingError | None:
    """Return a clear error if NumPy failed on a float of unknown width, or None."""
    shown = str(error)
    asked = UNKNOWN in shown or "object_'> not inexact" in shown  # from np.finfo
    return _unknown() if asked else None


def _unknown() -> TracingError:
    return TracingError(
        "whether a float is float32 or float64 is not known here: the generated code "
        "takes either, as its arguments are. Ask x.dtype.kind == 'f' whether it is a "
        "float and allocate with np.zeros_like(x) or sd.zeros(3); where the width "
        'matters, declare dtype="float64", or call a transform such as jit with arrays '
        "of one width."
    )
