"""Element types, symbolic dimensions and tensor types.

In: dtype names and dims as users write them. Out: canonical `DType` and `TensorType`
values that compare by value. Invariant: a dim is a Python int whenever it is a number,
and an expanded SymPy expression over nonnegative integer symbols otherwise.

The floating types form a chain float32 < float < float64. Plain ``float`` means
"whichever of float32 and float64 the arguments share at run time"; it is what keeps
generated text free of concrete widths. Python literals have the weak types below every
array type of their kind, as in NumPy 2 (NEP 50).
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias
from unicodedata import normalize

import numpy as np
import sympy as sp

from symdiff.graph import asked
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError

Dim: TypeAlias = int | sp.Expr
Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DType:
    """An element type: a ``name`` and a ``kind``: 'b', 'i', 'u', 'f', 'k' for tuples.

    Comparison with anything that NumPy takes for a dtype, such as ``np.float32`` or
    ``"int64"``, gives NumPy's answer; for a float of either width it raises
    `TracingError`, since the answer is not known.
    """

    name: str
    kind: str
    weak: bool = False

    @property
    def is_float(self) -> bool:
        """Whether values of this type can carry a derivative."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type."""
        return self.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """Whether this is the boolean type."""
        return self.kind == "b"

    @property
    def dtype(self) -> Any:
        """NumPy's dtype: NumPy reads this attribute of what it is given as a dtype."""
        return asked.numpys(self.name)

    def __getattr__(self, name: str) -> Any:
        if name in asked.FACTS:
            return getattr(asked.numpys(self.name), name)
        raise AttributeError(f"a dtype has no attribute {name!r}")

    def __eq__(self, other: object) -> Any:
        if self is other:
            return True
        if isinstance(other, DType):
            mine = (self.name, self.kind, self.weak)
            return mine == (other.name, other.kind, other.weak)
        return asked.equals(self.name, other)

    def __hash__(self) -> int:
        return asked.hashed(self.name, self.weak)

    def __repr__(self) -> str:
        return f"DType({self})"

    def __str__(self) -> str:
        return f"Python {self.name}" if self.weak else self.name


BOOL = DType("bool", "b")
FLOAT = DType("float", "f")
FLOAT32 = DType("float32", "f")
FLOAT64 = DType("float64", "f")
INT64 = DType("int64", "i")
WEAK_INT = DType("int", "i", weak=True)
WEAK_FLOAT = DType("float", "f", weak=True)

_INTEGERS = {
    name: DType(name, name[0])
    for name in (
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    )
}
_FLOATS = (FLOAT32, FLOAT, FLOAT64)
_BY_NAME = {d.name: d for d in (BOOL, *_FLOATS)} | _INTEGERS | {"int": INT64}


def dtype(spec: object) -> DType:
    """Return the `DType` that ``spec`` names: a string, NumPy dtype or Python type.

    Raises `DTypeError` for complex, object and other types outside symdiff's scope.
    """
    if isinstance(spec, DType):
        return spec
    if spec is float:
        return FLOAT
    if spec is bool:
        return BOOL
    if spec is int:
        return INT64
    if isinstance(spec, np.dtype) and spec == asked.WIDTH.get():
        return FLOAT  # what x.dtype gave: the width of all floats of this call
    name = spec if isinstance(spec, str) else _numpy_name(spec)
    if name in _BY_NAME:
        return _BY_NAME[name]
    if "complex" in name:
        raise DTypeError(
            f"dtype {name!r} is complex; symdiff differentiates real arrays only. "
            "Declare the real and imaginary parts as two float tensors."
        )
    raise DTypeError(
        f"unknown dtype {name!r}; use one of {', '.join(sorted(_BY_NAME))}."
    )


def _numpy_name(spec: object) -> str:
    try:
        return str(np.dtype(spec).name)  # type: ignore[call-overload]
    except TypeError:
        raise DTypeError(f"{spec!r} does not name a dtype.") from None


@lru_cache(maxsize=1024)
def promote(left: DType, right: DType) -> DType:
    """Return the dtype of ``left op right`` under NumPy 2's rules.

    Raises `DTypeError` where NumPy would silently widen an integer to float64, because
    the width of a float is the caller's to choose.
    """
    if left == right:
        return left
    low, high = sorted((left, right), key=_rank)
    if low.is_bool:
        if high.weak:
            if high.is_float:
                raise _mixing(low, high)
            return INT64
        return high
    if low.is_float:  # both floats
        return high
    if low.weak:
        return high
    if high.is_float:
        raise _mixing(low, high)
    if high.weak:
        return low
    name = np.promote_types(low.name, high.name).name
    if name not in _INTEGERS:
        raise _mixing(low, high)
    return _INTEGERS[name]


def _rank(d: DType) -> tuple[int, int]:
    """Order kinds bool < int < float, weak before strong within a kind."""
    if d.is_float:
        return (2, 0 if d.weak else 1 + _FLOATS.index(d))
    return (1, 0 if d.weak else 1) if d.is_integer else (0, 0)


def _mixing(low: DType, high: DType) -> DTypeError:
    return DTypeError(
        f"cannot combine {low} with {high}: NumPy would silently compute in float64. "
        'Convert first, with sd.cast(tensor, "float").'
    )


# --- dimensions -----------------------------------------------------------------------


def dim(name: str) -> sp.Symbol:
    """Return the symbolic dimension ``name``: a SymPy integer symbol, 0 or more.

    Equal names, after NFKC as in Python, are equal dimensions. They are not positive:
    a batch may be empty, and SymPy folds comparisons of positive symbols.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(
            f"dim name {name!r} is not an identifier; write for example sd.dim('N')."
        )
    return sp.Symbol(normalize("NFKC", name), integer=True, nonnegative=True)


def as_dim(value: object) -> Dim:
    """Return ``value`` as a canonical dim: an int or an expanded expression."""
    if isinstance(value, (bool, np.bool_)):
        raise ShapeError(f"{value!r} is a boolean, not a dimension.")
    if isinstance(value, (int, np.integer)):
        return _nonnegative(int(value))
    if isinstance(value, sp.Expr):
        if value.is_Integer:
            return _nonnegative(int(value))
        if value.is_Symbol:
            if not value.is_integer:
                raise ShapeError(
                    f"dimension {value} is not an integer symbol; declare it with "
                    "sd.dim."
                )
            return value
        expanded = sp.expand(value)
        return _nonnegative(int(expanded)) if expanded.is_Integer else expanded
    if isinstance(value, str):
        return dim(value)
    raise ShapeError(f"{value!r} is not a dimension; use an int or sd.dim('N').")


def _nonnegative(value: int) -> int:
    if value < 0:
        raise ShapeError(f"a dimension cannot be negative, got {value}.")
    return value


def as_shape(value: object) -> Shape:
    """Return ``value`` (an int, a dim, or a sequence of them) as a tuple of dims."""
    if isinstance(value, (int, np.integer, sp.Expr, str)):
        return (as_dim(value),)
    if isinstance(value, Iterable):
        return tuple(as_dim(v) for v in value)
    raise ShapeError(f"{value!r} is not a shape; use a tuple such as (N, 64).")


def dims_equal(left: Dim, right: Dim) -> bool | None:
    """Compare two dims: True, False, or None where only run time can tell."""
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if left is right or left == right:
        return True
    difference = sp.expand(left - right)
    if difference.is_zero:
        return True
    return False if difference.is_nonzero else None


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a type rule assumes of dims and only run time can tell.

    ``left == right``, or ``left >= 1`` where ``right`` is None; ``reason`` then says
    what needs it.
    """

    left: Dim
    right: Dim | None
    reason: str = ""


_constraints: contextvars.ContextVar[list[Constraint] | None] = contextvars.ContextVar(
    "symdiff_dim_constraints", default=None
)


class collecting_constraints:  # noqa: N801 - used as a statement, once for every node
    """Collect the constraints that type rules put on dims while the block runs."""

    __slots__ = ("_found", "_outer", "_token")

    def __enter__(self) -> list[Constraint]:
        self._found: list[Constraint] = []
        self._outer = _constraints.get()
        self._token = _constraints.set(self._found)
        return self._found

    def __exit__(self, *exception: object) -> None:
        _constraints.reset(self._token)
        if self._outer is not None:
            self._outer.extend(self._found)


def unify(left: Dim, right: Dim) -> Dim | None:
    """Return the common value of two dims that must be equal, or None if they differ.

    Where only run time can tell, the equality is handed to `collecting_constraints`, so
    that the compiler emits a check, and the more concrete dim is returned.
    """
    match dims_equal(left, right):
        case True:
            return left
        case False:
            return None
    found = _constraints.get()
    if found is not None:
        found.append(Constraint(left, right))
    return right if isinstance(right, int) else left


def require_nonempty(length: Dim, reason: str) -> None:
    """Demand ``length >= 1``: an error now, or a run-time check of a symbolic one."""
    if length == 0:
        raise ShapeError(
            f"{reason} needs at least one element, but the axis has length 0."
        )
    found = _constraints.get()
    if found is not None and not isinstance(length, int):
        found.append(Constraint(length, None, reason))


def product(dims: Sequence[Dim]) -> Dim:
    """Return the number of elements of a shape."""
    total: Dim = 1
    for d in dims:
        total = total * d
    return total if isinstance(total, int) else as_dim(total)


# --- tensor types ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of one tensor."""

    shape: Shape
    dtype: DType

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TupleType:
    """Type of a node with several results, which `item` nodes select."""

    items: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type: TypeAlias = TensorType | TupleType


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the common shape under NumPy's rules; only a literal 1 is stretched.

    Raises `ShapeError` naming the axis and the two lengths that differ.
    """
    if all(s == shapes[0] for s in shapes[1:]):
        return shapes[0] if shapes else ()
    ndim = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        length: Dim = 1
        for s in shapes:
            if -axis > len(s) or (isinstance(d := s[axis], int) and d == 1):
                continue
            common = d if isinstance(length, int) and length == 1 else unify(length, d)
            if common is None:
                raise ShapeError(f"axis {axis} has lengths {length} and {d}")
            length = common
        result.append(length)
    return tuple(result)


def normalize_axis(axis: int, ndim: int) -> int:
    """Return ``axis`` counted from the front; raises `ShapeError` outside the range."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ShapeError(f"axis {axis!r} is not an integer.")
    if not -ndim <= axis < ndim:
        raise ShapeError(f"axis {axis} is out of range for {ndim} dimension(s).")
    return int(axis) % ndim


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return reduction axes as a sorted tuple of distinct nonnegative ints."""
    if axis is None:
        return tuple(range(ndim))
    axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    result = sorted(normalize_axis(a, ndim) for a in axes)
    if len(set(result)) != len(result):
        raise ShapeError(f"axis {axis!r} names an axis twice.")
    return tuple(result)
