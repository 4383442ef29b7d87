"""Python's operators and NumPy's methods, attached to the tensor class.

In: nothing; importing this module completes `symdiff.graph.tensor.Tensor`. Invariant:
each operator is the public function of the same meaning, so it broadcasts, promotes and
reports errors alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from sympy import SympifyError

from symdiff.graph.errors import DeclarationError, TracingError
from symdiff.graph.known import known
from symdiff.graph.memory import current
from symdiff.graph.provenance import capture, locate, public, watched
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import product
from symdiff.ops.core.operands import API as API  # complete once this is loaded
from symdiff.ops.indexing.updates import At
from symdiff.ops.surface import absent, catalog, lenient, protocol, writers, writes
from symdiff.ops.surface.chosen import Chosen, is_choice

catalog.load()

_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "pow": "power", "matmul": "matmul", "and": "logical_and", "or": "logical_or",
    "xor": "logical_xor", "floordiv": "floor_divide", "mod": "mod",
}  # fmt: skip
_COMPARE = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "eq": "equal", "ne": "not_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "logical_not"}
# Methods whose arguments have the places that those of NumPy's function have.
_METHODS = (
    *("sum", "prod", "mean", "std", "var", "max", "min", "ptp", "argmax", "argmin"),
    *("any", "all", "cumsum", "cumprod", "clip", "round", "dot", "trace", "diagonal"),
    *("ravel", "swapaxes", "squeeze", "repeat", "take", "argsort", "searchsorted"),
)

_NUMBER = (
    "the value",
    "keep it symbolic (np.sin instead of math.sin), or compile and call the function.",
)
_IMMUTABLE = (
    "in-place assignment",
    "tensors are immutable: use x = x.at(i).set(v), x.at(i).add(v) or sd.where.",
)
_OF_VALUES = frozenset(
    ["__bool__", "__float__", "__int__", "__index__", "__contains__", "item", "tolist"]
)
_REFUSALS = {
    "__bool__": (
        "the truth value",
        (
            "use sd.where or sd.cond instead of if, sd.while_loop instead of while, "
            "np.maximum instead of max, np.logical_and instead of and."
        ),
    ),
    "__float__": _NUMBER,
    "__int__": _NUMBER,
    "item": _NUMBER,
    "tolist": _NUMBER,
    "__index__": (
        "the integer value",
        (
            "import symdiff.numpy as np, whose np.eye(3) and other arrays take it as "
            "an index, or use sd.take; a length or a count must be a Python int."
        ),
    ),
    "__delitem__": (
        "what is left without some elements",
        "use slices and sd.concatenate.",
    ),
    "__contains__": (
        "whether it has an element of some value",
        "use sd.any(x == value).",
    ),
    "__complex__": ("the complex value", "symdiff has real numbers only."),
    **dict.fromkeys(
        (f"__{side}{way}shift__" for side in ("", "r", "i") for way in "lr"),
        ("the shifted bits", "use x * 2**n or x // 2**n."),
    ),
}


def _binary(name: str, *, swapped: bool = False) -> Any:
    def operator(self: Tensor, other: Any) -> Any:
        if other is None or isinstance(other, (str, bytes, dict, Chosen)):
            return NotImplemented
        operands = (other, self) if swapped else (self, other)
        if name == "power" and _is_square_of_booleans(*operands):
            return lenient.call(API["square"], self)
        return lenient.call(API[name], *operands)

    operator.__doc__ = f"See `symdiff.{name}`."
    return operator


def _is_square_of_booleans(base: Any, exponent: Any) -> bool:
    """Whether NumPy computes ``base ** exponent`` as a square, in 8 bits.

    It does so for arrays, not for what it gives as a scalar.
    """
    if not isinstance(base, Tensor) or type(exponent) is not int or exponent != 2:
        return False
    return base.dtype.is_bool and not (base.memory and base.memory.scalar)


def _in_place(name: str) -> Any:
    plain = _binary(name)

    def operator(self: Tensor, other: Any) -> Any:
        return writes.augmented(self, other, plain)

    operator.__doc__ = f"See `symdiff.{name}`; in a traced function, in place."
    return operator


def _forward(name: str) -> Any:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return lenient.call(API[name], self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"See `symdiff.{name}`."
    return method


_getitem = _forward("getitem")


def _elements(self: Tensor, index: Any) -> Any:
    """See `symdiff.getitem`; in a traced function also ``y[y > 0]``, to be changed."""
    if watched() and is_choice(self, index) and known(index) is None:
        return Chosen(current(self), current(index))
    return _getitem(self, index)


def _as_numpy(name: str) -> Any:
    """Return the method of that name, whose arguments stand where NumPy has them."""
    theirs, ours = getattr(np, name), API[name]

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = protocol.arranged(theirs, ours, (self, *args), kwargs)
        return lenient.call(ours, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"See `symdiff.{name}`."
    return method


def _as_type(
    self: Tensor,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    """See `symdiff.cast`; order and subok are of memory, and change no value."""
    if casting != "unsafe":
        message = f"astype takes casting='unsafe', not {casting!r}; leave it out."
        raise locate(DeclarationError(message), capture())
    return astype(self, dtype, copy=bool(copy))


@public
def astype(x: Tensor, dtype: Any, *, copy: bool) -> Any:
    """Return ``x.astype(dtype)``, which may share memory with x if it is no copy."""
    return API["cast"](x, dtype)


def _refuse(what: str, remedy: str) -> Callable[..., NoReturn]:
    def convert(self: Tensor, *args: Any, **kwargs: Any) -> NoReturn:
        error = TracingError(
            f"{what} of a symbolic tensor ({self!r}) is not known yet; {remedy}"
        )
        raise locate(error, capture())

    return convert


def _of_value(name: str, refuse: Callable[..., NoReturn]) -> Callable[..., Any]:
    """Return a method of values, which a tensor has that depends on nothing."""

    def convert(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        value = known(self)
        if value is None:
            return refuse(self)
        return getattr(value, name)(*args, **kwargs)

    return convert


def _iterate(self: Tensor) -> Iterator[Tensor]:
    length = self.shape[0] if self.shape else None
    if not isinstance(length, int):
        _refuse("the number of rows", "iterate with sd.scan or sd.map.")(self)
    return (self[i] for i in range(length))


def _length(self: Tensor) -> int:
    if not self.shape:
        raise TypeError("len() of a 0-d tensor")
    if not isinstance(self.shape[0], int):
        _refuse("len()", "use tensor.shape[0], a symbolic dimension.")(self)
    return self.shape[0]


def _no_sympy(self: Tensor) -> Any:
    """Refuse SymPy's conversion, so that ``N * x`` of a dim calls ``x.__rmul__``."""
    raise SympifyError(self)


def attach() -> None:
    """Give `Tensor` its operators, NumPy methods and conversion errors."""
    put: Any = lambda name, value: setattr(Tensor, name, value)  # noqa: E731
    for short, name in _BINARY.items():
        put(f"__{short}__", _binary(name))
        put(f"__r{short}__", _binary(name, swapped=True))
        put(f"__i{short}__", _in_place(name))
    for short, name in _COMPARE.items():
        put(f"__{short}__", _binary(name))
    for short, name in _UNARY.items():
        put(f"__{short}__", _forward(name))
    for name in _METHODS:
        put(name, _as_numpy(name))
    put("reshape", _forward("reshape"))
    put("transpose", _forward("transpose"))
    put("astype", _as_type)
    put("__hash__", object.__hash__)
    put("_sympy_", _no_sympy)
    put("__getitem__", _elements)
    put("at", property(_at))
    put("__iter__", _iterate)
    put("__len__", _length)
    put("flatten", _flattened)
    put("sort", writes.sorted_in_place)
    put("copy", _copied)
    put("__copy__", _copied)
    put("__deepcopy__", lambda self, memo: _copied(self))
    put("conj", _itself)
    put("conjugate", _itself)
    put("real", property(lambda self: self))
    put("imag", property(lambda self: API["zeros_like"](self)))
    put("device", property(lambda self: "cpu"))
    put("__getattr__", absent.attribute)
    put("__array__", absent.to_array)
    put("__format__", absent.formatted)
    put("__divmod__", _binary("divmod"))
    put("__rdivmod__", _binary("divmod", swapped=True))
    put("__round__", _forward("round"))
    put("T", property(lambda self: API["transpose"](self)))
    put("mT", property(lambda self: API["swapaxes"](self, -1, -2)))
    put("size", property(_size))
    for name, (what, remedy) in _REFUSALS.items():
        refuse = _refuse(what, remedy)
        put(name, _of_value(name, refuse) if name in _OF_VALUES else refuse)
    put("__setitem__", _assigned)
    for name in ("fill", "put"):
        put(name, property(_writing(name)))


def _writing(name: str) -> Any:
    """Return a method that arrays made in a traced function have, and no others."""

    def method(self: Tensor) -> Any:
        if not watched():
            return absent.attribute(self, name)
        return functools.partial(getattr(writers, name), self)

    return method


def _assigned(self: Tensor, index: Any, value: Any) -> None:
    """Write into elements in a traced function; elsewhere tensors are immutable."""
    if not watched():
        _refuse(*_IMMUTABLE)(self)
    writers.assign(self, index, value)


def _copied(self: Tensor, order: str = "C") -> Tensor:
    """Return the same values as a tensor of its own."""
    return writes.copied(self)


def _itself(self: Tensor) -> Tensor:
    """Return the tensor, as NumPy returns an array of real numbers."""
    return self


def _flattened(self: Tensor, order: str = "C") -> Tensor:
    """Return the elements as one axis, in a tensor of its own."""
    return writes.copied(API["ravel"](self, order=order))


def _at(self: Tensor) -> Any:
    return At(current(self) if watched() else self)


def _size(self: Tensor) -> Any:
    return product(self.shape)


attach()
