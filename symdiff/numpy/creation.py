"""``np.zeros`` and its kin in a traced function: arrays to be filled.

In: a shape and a value that are known. Out: while a function is traced, a tensor, which
may be written into (``y[i] = v``) and knows its values as long as they depend on no
argument; elsewhere NumPy's array. Arrays of integers and booleans stay NumPy's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.graph.provenance import WATCH
from symdiff.ops.core.operands import API
from symdiff.ops.surface.made import is_symbolic, made

# What is made instead, by what NumPy makes.
_TENSORS = {
    "zeros": "zeros",
    "ones": "ones",
    "full": "full",
    "empty": "zeros",  # whose elements are as good as any
    "zeros_like": "zeros",
    "ones_like": "ones",
    "full_like": "full",
    "empty_like": "zeros",
}


def creator(theirs: Callable[..., Any], other: Callable[..., Any]) -> Any:
    """Return a function of NumPy's that makes arrays; ``other`` takes its symbols."""
    name = theirs.__name__

    @functools.wraps(theirs)
    def make(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if WATCH.get() is None or any(map(is_symbolic, given)):
            return other(*args, **kwargs)
        found = theirs(*args, **kwargs)
        if type(found) is not np.ndarray or found.dtype.char not in "fd":
            return made(found, given)
        kind = {} if found.dtype == np.float64 else {"dtype": found.dtype}
        value = (_value(args, kwargs),) if "full" in name else ()
        return API[_TENSORS[name]](found.shape, *value, **kind)

    return make


def _value(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs["fill_value"]


def is_creator(name: str) -> bool:
    """Whether NumPy's function of that name makes an array to be filled."""
    return name in _TENSORS
