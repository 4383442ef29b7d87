"""Operands: Python and NumPy values as tensors, and the broadcasting operators insert.

In: whatever a user combines with a tensor. Out: tensors of one shape, ready for an
elementwise op, and the table ``API`` of public functions by name. Invariant: after
`broadcast_operands` every operand has the full shape, stretched by a visible
``broadcast_to`` node, or is a literal; no rule sees anything else.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from symdiff.graph.arrays import require_plain
from symdiff.graph.errors import (
    DeclarationError,
    DTypeError,
    ShapeError,
    TracingError,
    UndefinedError,
)
from symdiff.graph.node import Node
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    BOOL,
    FLOAT,
    WEAK_FLOAT,
    WEAK_INT,
    Dim,
    DType,
    Shape,
    TensorType,
    as_dim,
    broadcast_shapes,
    dtype,
    promote,
    require_nonempty,
)
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.record import Op, primitive
from symdiff.ops.core.rows import Batch, Part, Sums
from symdiff.ops.core.symbols import OPERANDS

API: dict[str, Callable[..., Any]] = {}
# While a function is traced: the tensor that stands for an array it did not take as an
# argument, or None where the array is a constant.
LIFT: contextvars.ContextVar[Callable[[Any], Tensor | None] | None] = (
    contextvars.ContextVar("symdiff_lift", default=None)
)
F = TypeVar("F", bound=Callable[..., Any])


def api(*names: str) -> Callable[[F], F]:
    """Export a function as ``sd.<name>`` under each of ``names``."""

    def decorate(function: F) -> F:
        exported = public(function)
        for name in names:
            if name in API:
                raise ValueError(f"{name!r} is exported twice")
            API[name] = exported
        return exported  # type: ignore[return-value]

    return decorate


# --- literals and constants -----------------------------------------------------------


def _infer_literal(*, value: Any, needs: Any = None) -> TensorType:
    if needs is not None:
        require_nonempty(*needs)
    if isinstance(value, float):
        return TensorType((), WEAK_FLOAT)
    if isinstance(value, sp.Expr):
        return TensorType((), WEAK_INT if value.is_integer else WEAK_FLOAT)
    return TensorType((), WEAK_INT)


def _literal_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    return Sums() if s.is_count(node) else None


LITERAL = primitive(
    "literal",
    _infer_literal,
    lambda *, value, needs=None: value,
    vjp=None,
    jvp=None,
    facts=Facts(rows=_literal_rows),
)

CONSTANT = primitive(
    "constant",
    lambda *, value, dtype: TensorType(tuple(value.shape), dtype),
    lambda *, value, dtype: value.astype(dtype.name),
    vjp=None,
    jvp=None,
)


def literal(
    value: int | float | sp.Expr, needs: tuple[Dim, str] | None = None
) -> Tensor:
    """Return a weak Python scalar (or an expression in dims) as a tensor.

    ``needs`` is a dim that must be 1 or more where the number is used, and what for.
    """
    if needs is None:
        return apply(LITERAL, value=value)
    return apply(LITERAL, value=value, needs=needs)


def constant(value: Any, dtype_: Any = None) -> Tensor:
    """Return an array constant. Floating arrays take the float dtype of the run."""
    require_plain("a value of the function", value)
    lift = LIFT.get()
    lifted = lift(value) if lift is not None and dtype_ is None else None
    if lifted is not None:
        return lifted
    try:
        array = np.array(value)
    except ValueError as error:
        raise ShapeError(f"not a rectangular array: {error}") from None
    if array.dtype == object or array.dtype.kind in "USOV":
        if any(isinstance(e, Tensor) for e in array.ravel()):
            raise TracingError(
                "an array cannot be made from a list of tensors; use np.stack or "
                "sd.stack."
            )
        raise DTypeError(
            f"cannot make a constant of {type(value).__name__} {value!r:.60}."
        )
    if dtype_ is not None:
        kind = dtype(dtype_)
    else:
        kind = FLOAT if array.dtype.kind == "f" else dtype(array.dtype)
    array = _stored(array, kind)
    array.setflags(write=False)
    return apply(CONSTANT, value=array, dtype=kind)


def _stored(array: np.ndarray, kind: DType) -> np.ndarray:
    """Return an array in the dtype of its constant, in this machine's byte order.

    A constant of plain ``float`` keeps the width that its array has. Integers take what
    they hold, floats without their fraction, and nothing that would wrap.
    """
    if kind != FLOAT:
        if np.dtype(kind.name).kind in "iu" and array.dtype.kind in "iuf":
            _require_held(array, kind)
        return array.astype(kind.name, copy=False)
    wide = array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)
    return array.astype(
        "float64" if wide else array.dtype.newbyteorder("="), copy=False
    )


def _require_held(array: np.ndarray, kind: DType) -> None:
    """Raise `UndefinedError` for numbers that an integer dtype would change."""
    held = np.iinfo(kind.name)
    whole = np.trunc(array)
    # Python compares an integer with a float exactly, at 2**63 too.
    for number in (whole.min(), whole.max()) if array.size else ():
        if not held.min <= number.item() <= held.max:
            raise UndefinedError(f"{kind.name} cannot hold {number}.")


def is_given(node: Node) -> bool:
    """Whether a value is written in the program: a number or an array constant."""
    return node.op is LITERAL or node.op is CONSTANT


def is_literal(tensor: Tensor) -> bool:
    """Whether a tensor is a Python scalar."""
    return tensor.node.op is LITERAL


def literal_value(tensor: Tensor) -> Any:
    """Return a literal's Python value, or None for any other tensor."""
    return tensor.node.attrs["value"] if tensor.node.op is LITERAL else None


def known_values(value: Any) -> np.ndarray | None:
    """Return numbers that are not computed as an array; None for a symbolic tensor."""
    if not isinstance(value, Tensor):
        return np.asarray(value)
    return value.node.attrs["value"] if value.node.op is CONSTANT else None


def as_tensor(value: Any) -> Tensor:
    """Return ``value`` as a tensor: numbers become literals, arrays constants."""
    match value:
        case Tensor():
            return value
        case bool() | np.bool_():
            return constant(np.array(bool(value)))
        case int() | np.integer():
            return literal(int(value))
        case float() | np.floating():
            return literal(float(value))
        case complex() | np.complexfloating():
            raise DTypeError(
                "complex numbers are outside symdiff's scope; use two real tensors."
            )
        case sp.Expr():
            return _from_sympy_number(value)
        case np.ndarray() | list() | tuple():
            return constant(value)
    raise DTypeError(f"cannot use {type(value).__name__} {value!r:.60} as a tensor.")


def _from_sympy_number(value: sp.Expr) -> Tensor:
    if value.is_Integer:
        return literal(int(value))
    if value.is_number:
        return literal(float(value))
    if all(s.is_integer and s.is_nonnegative for s in value.free_symbols):
        return literal(as_dim(value) if value.is_integer else value)
    raise DeclarationError(
        f"{value} holds symbols that are not dims; use sd.from_sympy(expr, "
        f"{{symbol: tensor}})."
    )


# --- broadcasting ---------------------------------------------------------------------


def broadcast_operands(*values: Any) -> list[Tensor]:
    """Return the values as tensors of one shape; literals stay literals."""
    tensors = [as_tensor(value) for value in values]
    if any(isinstance(value, np.integer) for value in values):
        tensors = _widened(values, tensors)
    return broadcast_tensors(tensors)


def _widened(values: Sequence[Any], tensors: Sequence[Tensor]) -> list[Tensor]:
    """Give NumPy's integer scalars their own dtype where it is wider than the arrays'.

    Only Python's numbers are weak under NumPy. Beside floats, whose width is not known
    here, every number is treated as weak.
    """
    kinds = [t.dtype for t in tensors if not is_literal(t)]
    if not kinds or any(t.dtype.is_float for t in tensors):
        return list(tensors)
    common = functools.reduce(promote, kinds)
    pairs = zip(values, tensors, strict=True)
    return [
        constant(np.asarray(v))
        if isinstance(v, np.integer) and promote(common, dtype(v.dtype)) != common
        else t
        for v, t in pairs
    ]


def broadcast_tensors(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Stretch tensors to their common shape by `broadcast_to` nodes."""
    arrays = [t for t in tensors if t.node.op is not LITERAL]
    first = arrays[0].node.shape if arrays else ()
    if all(t.node.shape is first or t.node.shape == first for t in arrays):
        return list(tensors)
    try:
        shape = broadcast_shapes(*(t.shape for t in arrays))
    except ShapeError as error:
        shown = ", ".join(f"{t.name or 'operand'}: {t.type}" for t in arrays)
        raise ShapeError(
            f"shapes do not broadcast: {error} ({shown}). Only an axis whose length is "
            "written as 1 is stretched; use reshape, transpose or expand_dims to line "
            "them up."
        ) from None
    return [t if is_literal(t) else stretch(t, shape) for t in tensors]


def stretch(tensor: Tensor, shape: Shape) -> Tensor:
    """Return ``tensor`` broadcast to ``shape``, or itself if it has that shape."""
    return tensor if tensor.shape == shape else API["broadcast_to"](tensor, shape)


def call_elementwise(op: Op, *values: Any) -> Tensor:
    """Apply an elementwise op to operands of any broadcastable shapes."""
    tensors = broadcast_operands(*values)
    nodes = [t.node for t in tensors]
    if all(n.op is LITERAL for n in nodes):
        return _fold_literals(op, tensors)
    booleans = op.booleans
    if booleans is not None and all(n.dtype.is_bool for n in nodes):
        found: Tensor = booleans(*tensors)
        return found
    return apply(op, *tensors)


def _fold_literals(op: Op, tensors: Sequence[Tensor]) -> Tensor:
    """Evaluate an op on literals now; the result is a literal, not a strong float64."""
    args = [literal_value(t) for t in tensors]
    if any(isinstance(a, sp.Expr) for a in args):
        if op.expression is None:
            raise DTypeError(f"{op.name} of dimensions is not supported: {args}.")
        return as_tensor(op.expression.subs(dict(zip(OPERANDS, args, strict=False))))
    with np.errstate(all="ignore"):
        result = op.evaluate(*args)
    value = np.asarray(result).item()
    return as_tensor(value)


def function(op: Op, *names: str, doc: str, arity: int = 1) -> Callable[..., Tensor]:
    """Make and export the public function of an elementwise op.

    The op itself is the function's attribute ``op``.
    """

    def call(*values: Any) -> Tensor:
        if len(values) != arity:
            raise DeclarationError(
                f"{names[0]} takes {arity} operand(s), got {len(values)}."
            )
        return call_elementwise(op, *values)

    call.__name__ = call.__qualname__ = names[0]
    call.__doc__ = doc
    call.__signature__ = _operands(arity)  # type: ignore[attr-defined]
    call.op = op  # type: ignore[attr-defined]
    return api(*names)(call)


def _operands(arity: int) -> inspect.Signature:
    """Return the signature that is shown: x, x and other, or x0, x1, ..."""
    names = ("x", "other") if arity <= 2 else tuple(f"x{i}" for i in range(arity))
    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([inspect.Parameter(n, kind) for n in names[:arity]])


def float_operand(value: Any) -> Tensor:
    """Return ``value`` as a tensor, a Python number as a 0-d float constant."""
    tensor = as_tensor(value)
    if not is_literal(tensor):
        return tensor
    number = literal_value(tensor)
    if isinstance(number, sp.Expr):
        raise DTypeError("a dimension is not an array; write sd.full(shape, N).")
    return constant(np.array(float(number)))


def as_array(value: Any) -> Tensor:
    """Return ``value`` as a tensor; an int, which has no methods, as a 0-d float."""
    tensor = as_tensor(value)
    return float_operand(tensor) if isinstance(literal_value(tensor), int) else tensor


def joint_operands(values: Sequence[Any]) -> list[Tensor]:
    """Return values that become arrays before they meet; numbers as 0-d constants."""
    return [float_operand(t) for t in strong_operands(values)]


def strong_operands(values: Sequence[Any]) -> list[Tensor]:
    """Return values as tensors, integers beside arrays of integers as 0-d constants.

    For functions in which NumPy makes arrays of its operands first: a Python int is one
    of 64 bits there, and a NumPy integer has its own width. Other numbers stay weak.
    """
    tensors = [as_tensor(value) for value in values]
    if all(map(is_literal, tensors)) or any(t.dtype.is_float for t in tensors):
        return tensors
    return [
        constant(np.array(value if isinstance(value, np.integer) else number))
        if isinstance(number := literal_value(t), int)
        else t
        for value, t in zip(values, tensors, strict=True)
    ]


def as_bool(value: Any) -> Tensor:
    """Return a boolean tensor; raise `DTypeError` for anything else."""
    tensor = as_tensor(value)
    if tensor.dtype != BOOL:
        raise DTypeError(f"needs a boolean tensor, got {tensor.dtype}; compare first.")
    return tensor


def cast_dtype(value: Any) -> DType:
    """Return ``dtype(value)``, for functions that have an argument of that name."""
    return dtype(value)
