"""Declaring leaves: inputs, parameters, states and constants, and their scopes.

In: names, shapes and dtypes as users write them. Out: leaf tensors, whose attributes
say what valid data is (``low``, ``high``, ``sample``) and how a parameter starts
(``init``). Invariant: a leaf's name is the key its array has in the generated code; it
may be any printable text, because identifiers are made from it later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import sympy as sp

from symdiff.declare.init import Init, as_init
from symdiff.graph import types
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.origin import mark
from symdiff.graph.provenance import current_scope, public, scope
from symdiff.graph.tensor import Tensor, apply, tensor_topological
from symdiff.graph.types import DType, Shape, as_shape
from symdiff.ops.core import operands
from symdiff.ops.core.leaf import BOUND, INPUT, PARAM, STATE
from symdiff.ops.surface import operators  # noqa: F401 - operators complete Tensor

__all__ = ["constant", "dim", "input_", "param", "params", "scope", "state"]

MAX_NAME = 1000  # bytes; a zip archive allows 65535, some readers fewer
dim = public(types.dim)


@public
def input_(
    name: str,
    shape: Any,
    dtype: Any = "float",
    low: Any = None,
    high: Any = None,
    sample: Any = None,
) -> Tensor:
    """An argument of the generated functions.

    Parameters
    ----------
    name : str
        The argument's name, and the key of its data.
    shape : int, dim, or tuple of them
        ``()`` is a scalar.
    dtype : str
        "float" (float32 or float64, as the caller likes), "float32", "float64", an
        integer type or "bool".
    low, high : number or dim, optional
        Valid values lie in low <= value < high; integers are checked at entry.
    sample : optional
        How self-checks draw data: ``sd.init.uniform(0.1, 1)`` or such, or an array.

    Raises
    ------
    DeclarationError
        For a bad name or bounds.
    ShapeError, DTypeError
        For anything that is not a shape or not a dtype.
    """
    kind = types.dtype(dtype)
    full, lengths = leaf_name(name), as_shape(shape)
    bounds = {"low": _bound("low", low, kind), "high": _bound("high", high, kind)}
    _check_bounds(full, **bounds)
    drawn = None if sample is None else _as_sample(sample, lengths)
    return apply(INPUT, name=full, shape=lengths, dtype=kind, sample=drawn, **bounds)


@public
def param(name: str, shape: Any, init: Any = None, dtype: Any = "float") -> Tensor:
    """What training changes by gradients; the key ``name`` of the generated ``params``.

    Parameters
    ----------
    name : str
        The key of its array; open scopes are put before it.
    shape : int or tuple of int
        ``()`` is a scalar.
    init : optional
        From ``sd.init``, a number, an array or a name such as "he_normal"; zeros by
        default.
    dtype : str
        "float" (the width of the run), or a fixed width: "float32" or "float64".

    Raises
    ------
    DTypeError
        For integers and booleans.
    ShapeError
        For a symbolic axis.
    """
    kind = types.dtype(dtype)
    full = leaf_name(name)
    if not kind.is_float:
        raise DTypeError(
            f"parameter {full!r} cannot have dtype {kind}: it could not follow a "
            'gradient. Use dtype="float", or sd.input or sd.constant for integers.'
        )
    lengths = _concrete(full, "parameter", shape)
    return apply(
        PARAM, name=full, shape=lengths, dtype=kind, init=as_init(init, lengths)
    )


@public
def state(name: str, shape: Any, init: Any = None, dtype: Any = "float") -> Tensor:
    """A buffer that the training step updates, by ``sd.Model(..., updates={state:
    new})``.

    Parameters are as in `param`. No gradient flows to it, but like everything in
    ``params`` it is a float.

    Raises
    ------
    DTypeError
        For integers and booleans.
    ShapeError
        For a symbolic axis.
    """
    kind = types.dtype(dtype)
    full = leaf_name(name)
    if not kind.is_float:
        raise DTypeError(
            f"state {full!r} cannot have dtype {kind}: parameters and states are kept "
            'and saved as floats. Use dtype="float", in which counts are exact up to '
            "2**24, and sd.cast where it is read."
        )
    lengths = _concrete(full, "state", shape)
    return apply(
        STATE, name=full, shape=lengths, dtype=kind, init=as_init(init, lengths)
    )


@public
def constant(value: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """A fixed array. Floating values take the float dtype of the run unless ``dtype``
    is given.
    """
    tensor = operands.constant(value, dtype)
    if name is not None:
        mark(tensor, label=leaf_name(name))
    return tensor


@public
def params(*tensors: Any) -> list[Tensor]:
    """Every parameter that ``tensors`` (or lists or dicts of them) depend on.

    Strings are name patterns, and a parameter must match one of them:
    ``sd.params(z, "*.W")``.

    Raises
    ------
    DeclarationError
        For a pattern that matches no parameter.
    """
    patterns = [t for t in tensors if isinstance(t, str)]
    declared = tensor_topological(
        flatten([t for t in tensors if not isinstance(t, str)])
    )
    found = [t for t in declared if t.node.op is PARAM]
    for pattern in patterns:
        if not any(fnmatchcase(str(t.name), pattern) for t in found):
            raise DeclarationError(
                f"no parameter is called {pattern!r}; there are "
                f"{', '.join(str(t.name) for t in found) or 'none'}."
            )
    if not patterns:
        return found
    return [t for t in found if any(fnmatchcase(str(t.name), p) for p in patterns)]


def flatten(values: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts, in order.

    Raises `DeclarationError` for anything that is not a tensor.
    """
    match values:
        case Tensor():
            return [values]
        case Mapping():
            return [t for v in values.values() for t in flatten(v)]
        case list() | tuple() | set() | frozenset():
            return [t for v in values for t in flatten(v)]
    raise DeclarationError(
        f"expected a tensor, got {type(values).__name__} {values!r:.60}."
    )


def leaf_name(name: Any) -> str:
    """Return ``name`` behind the open scopes; raise `DeclarationError` for others."""
    if not isinstance(name, str):
        raise DeclarationError(
            f"a name must be a string, got {type(name).__name__} {name!r:.60}."
        )
    full = ".".join((*current_scope(), name))
    if not name.strip() or not full.isprintable():
        raise DeclarationError(f"name {full!r} must be printable and not empty.")
    if len(full.encode()) > MAX_NAME:
        raise DeclarationError(
            f"name {full!r:.60} has {len(full.encode())} bytes, and {MAX_NAME} are the "
            "most that every file of arrays can hold; choose a shorter one."
        )
    if full == "__metadata__" or full.endswith(".npy"):
        raise DeclarationError(
            f"name {full!r} means something else in files of arrays (.npz, "
            ".safetensors), which are written by name; choose another."
        )
    return full


def _concrete(name: str, what: str, shape: Any) -> tuple[int, ...]:
    """Return a shape of ints: an initial value needs a size."""
    lengths = as_shape(shape)
    symbolic = [str(d) for d in lengths if not isinstance(d, int)]
    if symbolic:
        raise ShapeError(
            f"{what} {name!r} of shape {lengths} has a symbolic axis "
            f"({', '.join(symbolic)}); its initial value could not be drawn. Use ints, "
            "or declare an sd.input."
        )
    return lengths


def _bound(which: str, value: Any, kind: DType) -> Any:
    """Return a bound as a number or a dim; raise `DeclarationError` otherwise."""
    if value is None:
        return None
    if kind.is_bool:
        raise DeclarationError(f"{which}= has no meaning for booleans.")
    if isinstance(value, sp.Expr) and not value.is_number:
        if kind.is_integer:
            return types.as_dim(value)
        raise DeclarationError(
            f"{which}={value} is symbolic; only integers can have that."
        )
    if isinstance(value, (bool, np.bool_, complex)):
        raise DeclarationError(f"{which}={value!r} is not a number.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise DeclarationError(f"{which}={value!r:.60} is not a number.") from None
    if math.isnan(number):
        raise DeclarationError(f"{which} is not a number.")
    if math.isinf(number):
        return None
    if not kind.is_integer:
        return number
    if number != int(number):
        raise DeclarationError(
            f"{which}={value!r} of an integer input must be an integer."
        )
    return int(value)


def _check_bounds(name: str, low: Any, high: Any) -> None:
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    if numbers and not low < high:
        raise DeclarationError(
            f"input {name!r} has no valid values: low={low!r} must be below "
            f"high={high!r} (high itself is excluded, as in range)."
        )


def _as_sample(value: Any, shape: Shape) -> Init:
    """Return how to draw an input; arrays must fit where the shape is known."""
    concrete = tuple(d if isinstance(d, int) else 2 for d in shape)
    if isinstance(value, (np.ndarray, list)) and concrete != tuple(shape):
        raise DeclarationError(
            f"sample= is an array, but the shape {shape} is symbolic; use "
            "sd.init.uniform(low, high) and the like."
        )
    return as_init(value, concrete)


def is_leaf(value: Any, *ops: Any) -> bool:
    """Whether ``value`` is a leaf tensor of one of the given ops."""
    return isinstance(value, Tensor) and value.node.op in ops


def leaves(tensors: Iterable[Tensor], *ops: Any) -> list[Tensor]:
    """Return the leaves of these ops that ``tensors`` need, as they were declared.

    Raises `DeclarationError` where they read a variable of a loop from outside it.
    """
    found = [t for t in tensor_topological(tensors) if t.node.op.leaf]
    for t in found:
        if t.node.op is BOUND:
            raise DeclarationError(
                f"{t.name!r} is a variable of a loop's or branch's body: no value "
                "outside it; let the body return what is needed."
            )
    return [t for t in found if t.node.op in ops]
