"""What a NumPy array has and a symbolic tensor lacks, and what to write instead.

In: the name of an attribute. Out: an error with the user's line and the remedy.
Invariant: every attribute of `numpy.ndarray` either works on a tensor or is named here
or in `symdiff.ops.surface.operators`; a test goes through all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, NoReturn

from symdiff.graph.arguments import nearest
from symdiff.graph.errors import TracingError
from symdiff.graph.known import known
from symdiff.graph.provenance import capture, locate
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API

_WRITE = "use x = x.at(i).set(v), x.at(i).add(v) or sd.where, which make a new tensor"
_LENGTH = "the length of its result depends on values; use sd.where(mask, x, other)"
_LAYOUT = "a tensor has no memory yet; ask an array that generated code returns"
_BYTES = "a tensor has no values yet; compile and call the function first"
# Where NumPy's protocols end, its namespace of ours goes on.
_NAMESPACE = (
    "import symdiff.numpy as np, whose functions take tensors and lists of them"
)
_KIND = "use sd.cast(x, dtype) to convert values"

REMEDIES = {
    "argpartition": "use sd.argsort, which orders all elements",
    "base": _LAYOUT,
    "byteswap": _LAYOUT,
    "choose": "use sd.select or sd.where",
    "compress": _LENGTH,
    "ctypes": _LAYOUT,
    "data": _LAYOUT,
    "dump": _BYTES,
    "dumps": _BYTES,
    "fill": "use sd.full_like(x, value)",
    "flags": _LAYOUT,
    "flat": f"read x.ravel(), and to write {_WRITE}",
    "getfield": _KIND,
    "itemsize": "it is 4 or 8 for floats, as the arguments of generated code are",
    "nbytes": "it depends on whether generated code gets float32 or float64",
    "nonzero": _LENGTH,
    "partition": "use sd.sort, which orders all elements",
    "put": _WRITE,
    "resize": "use sd.reshape, or sd.pad and slices for another number of elements",
    "setfield": _WRITE,
    "setflags": _LAYOUT,
    "strides": _LAYOUT,
    "to_device": "generated code runs on the CPU; leave it out",
    "tobytes": _BYTES,
    "tofile": _BYTES,
    "view": _KIND,
}


class AbsentError(TracingError, AttributeError):
    """An attribute of NumPy's arrays that a tensor lacks: `hasattr` is False."""


def attribute(self: Tensor, name: str) -> NoReturn:
    """Raise for an attribute that a tensor lacks, with what to write instead."""
    if name.startswith("__"):  # asked for by Python or NumPy, not by the user
        raise AttributeError(f"a symbolic tensor has no {name}")
    remedy = REMEDIES.get(name)
    if remedy is None:
        guess = nearest(name, [n for n in dir(Tensor) if not n.startswith("_")])
        remedy = f"did you mean .{guess}?" if guess else "see dir(sd) for functions"
    error = AbsentError(f"a symbolic tensor has no .{name}: {remedy}")
    error.args = (f"{error.args[0].rstrip('.?')}{'?' if remedy[-1] == '?' else '.'}",)
    raise locate(error, capture())


def to_array(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    """Return the array of a tensor that depends on nothing; raise for any other."""
    value = known(self)
    if value is not None:
        if self.memory is not None and not copy:
            self.memory.buffer.handed_out = True
        return value if dtype is None else value.astype(dtype)
    site = capture()
    inside = _scipys_function()
    if _runs("vectorize"):
        remedy = "use sd.vectorize instead of np.vectorize"
    elif inside is not None:
        remedy = f"use sd.{inside} instead of SciPy's function"
    else:
        remedy = (
            f"{_NAMESPACE}; use functions of sd instead of other libraries', and "
            "x.at(i).set(v) to fill a tensor"
        )
    error = TracingError(
        f"the array of a symbolic tensor ({self!r}) is not known yet; {remedy}."
    )
    raise locate(error, site)


def _scipys_function() -> str | None:
    """Return the name in sd of the SciPy function that is running, if it has one."""
    for code in _running():
        if "scipy" in code.co_filename and code.co_name in API:
            return str(code.co_name)
    return None


def _runs(name: str) -> bool:
    """Whether a class of NumPy's of that name is at work."""
    return any(
        "numpy" in code.co_filename and code.co_qualname.startswith(f"{name}.")
        for code in _running()
    )


def _running() -> Iterator[CodeType]:
    """Yield the code that is running, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def formatted(self: Tensor, spec: str) -> str:
    """Return ``f"{x}"``; raise for a format that needs a value not known yet."""
    if not spec:
        return str(self)
    value = known(self)
    if value is not None and not value.ndim:
        return format(value[()], spec)
    raise locate(
        TracingError(
            f"the value of a symbolic tensor ({self!r}) is not known yet, and the "
            f"format {spec!r} needs it; print what the compiled function returns, or "
            "the tensor itself with {x}."
        ),
        capture(),
    )
