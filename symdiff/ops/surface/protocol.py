"""NumPy's protocols: `np.tanh(x @ W)` and `np.linalg.solve(A, b)` build graph.

In: calls of NumPy functions with a symbolic tensor among the arguments. Out: the public
function of the same name, called alike. Invariant: nothing is computed and nothing
guessed; a function or an argument without a counterpart raises `TracingError` with what
to write instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from symdiff.graph.arguments import NUMPY
from symdiff.graph.errors import TracingError
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import normalize_axes, product
from symdiff.ops.core.operands import API, as_tensor, joint_operands
from symdiff.ops.elementwise.arithmetic import as_float
from symdiff.ops.surface import lenient

# Where NumPy's name and ours differ.
_RENAMED = {
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
    "remainder": "mod",
    "around": "round",
    "astype": "cast",
    "degrees": "rad2deg",
    "radians": "deg2rad",
    "expit": "sigmoid",  # SciPy's
    "log_expit": "log_sigmoid",
    "loggamma": "gammaln",
}
# Functions of NumPy that are a call of another function here.
_COMPOSED: dict[str, Callable[..., Any]] = {
    "conjugate": as_tensor,
    "copy": lambda a, order="K": as_tensor(a),
    "fabs": lambda x: API["abs"](as_float(x)),
}
_REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ACCUMULATIONS = {
    "add": "cumsum",
    "multiply": "cumprod",
    "maximum": "cummax",
    "minimum": "cummin",
}


def _size(a: Any, axis: Any = None) -> Any:
    """Return how many elements there are, along some axes or in all."""
    shape = as_tensor(a).shape
    return product([shape[i] for i in normalize_axes(axis, len(shape))])


# Questions about a tensor that its declaration answers.
_ANSWERS: dict[str, Callable[..., Any]] = {
    "shape": lambda a: as_tensor(a).shape,
    "ndim": lambda a: as_tensor(a).ndim,
    "size": _size,
    "iscomplexobj": lambda x: False,
    "isrealobj": lambda x: True,
    "real": lambda val: as_tensor(val),
}

_REMEDIES = {
    "matrix_rank": "use sd.sum(sd.linalg.svdvals(A) > tolerance)",
    "entr": "use -sd.xlogy(x, x)",
    "rel_entr": "use sd.xlogy(x, x / y)",
    "ndtr": "use (1 + sd.erf(x / 2**0.5)) / 2",
    "gamma": "use sd.exp(sd.gammaln(x)) for x > 0",
    "array": "import symdiff.numpy as np, or join tensors with np.stack",
    "copyto": "tensors are immutable; use sd.where",
    "put": "tensors are immutable; use x.at(i).set(v)",
    "place": "tensors are immutable; use sd.where",
    "nonzero": "its shape depends on values; use sd.where(condition, a, b)",
    "flatnonzero": "its shape depends on values; use sd.where(condition, a, b)",
    "argwhere": "its shape depends on values; use sd.where(condition, a, b)",
    "unique": "its shape depends on values",
    "fill_diagonal": "tensors are immutable; add sd.diag",
    "empty_like": "use np.zeros_like",
}

# Arguments of NumPy that have no effect here when they have these values.
_IDLE: dict[str, tuple[Any, ...]] = {
    "out": (None,),
    "order": (None, "K", "C", "A"),
    "subok": (True, False),
    "casting": ("same_kind", "unsafe"),
    "where": (True,),
    "dtype": (None,),
    "like": (None,),
    "device": (None, "cpu"),
    "copy": (None, True, False),
}


def renamed(name: str) -> str:
    """Return the name that a function of NumPy's has here."""
    return _RENAMED.get(name, name)


def answered() -> set[str]:
    """Return the names of NumPy's that are answered without a function of ours."""
    return {*_COMPOSED, *_ANSWERS}


@public
def array_ufunc(
    self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
) -> Any:
    """Answer ``ufunc(*inputs)`` and, for sums and extremes, ``ufunc.reduce``."""
    name = ufunc.__name__
    room = "np" if getattr(np, name, None) is ufunc else "scipy.special"
    written = f"{room}.{name}" if method == "__call__" else f"{room}.{name}.{method}"
    if any(isinstance(out, np.ndarray) for out in kwargs.get("out", ())):
        raise TracingError(
            f"{written} would write a symbolic value into an array of NumPy's own (by "
            "an operator such as +=, or out=); write y = y + x, or make the array by "
            "np.zeros(n) of symdiff.numpy, which may be written into."
        )
    match method:
        case "__call__":
            return _call(name, written, inputs, kwargs)
        case "reduce" if name in _REDUCTIONS:
            return _call(_REDUCTIONS[name], written, inputs, {"axis": 0, **kwargs})
        case "accumulate" if name in _ACCUMULATIONS:
            return _call(_ACCUMULATIONS[name], written, inputs, {"axis": 0, **kwargs})
        case "outer":
            return _outer(name, written, inputs, kwargs)
    raise TracingError(
        f"{written} of a symbolic tensor is not supported: write it with sd.sum, "
        "sd.cumsum, x.at(i).add(v) or whole-array operations."
    )


def _outer(name: str, written: str, inputs: tuple[Any, ...], kwargs: Any) -> Any:
    """``ufunc.outer(a, b)``: every element of a with every element of b."""
    a, b = joint_operands(inputs)
    column = API["reshape"](a, (*a.shape, *(1,) * b.ndim)) if b.ndim else a
    return _call(name, written, (column, b), kwargs)


@public
def array_function(
    self: Tensor, func: Any, types: Any, args: Any, kwargs: dict[str, Any]
) -> Any:
    """Answer any other NumPy function, by its name."""
    name = getattr(func, "__name__", repr(func))
    module = getattr(func, "__module__", "") or ""
    prefix = {"numpy.linalg": "linalg.", "numpy.fft": "fft."}.get(module, "")
    written = f"np.{prefix}{name}"
    if name in _ANSWERS:
        return _ANSWERS[name](*args, **kwargs)
    if name == "where" and len(args) == 1:
        raise TracingError(f"{written} of one operand: {_REMEDIES['nonzero']}.")
    target = f"{prefix}{name}"
    if target not in API and (not prefix or hasattr(np, name)):
        target = _RENAMED.get(name, name) if name not in API else name
    if target in API:
        args, kwargs = arranged(func, API[target], args, kwargs)
    return _call(target, written, args, kwargs)


def arranged(
    func: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a NumPy call as our function of that name takes them.

    Operands are positional in both; what comes after them goes by name, because NumPy's
    order has ``out`` and the like in between. What equals NumPy's default is left out.
    """
    try:
        theirs = _signature(func)
        bound = theirs.bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # some of NumPy's functions in C have no signature
        return args, kwargs
    ours = _signature(function).parameters
    operands: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in theirs.parameters.items():
        if name not in bound:
            continue
        value, mine = bound[name], ours.get(name)
        required = parameter.default is inspect.Parameter.empty
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            operands += value
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        elif required or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            operands.append(value)
        elif mine is not None and mine.kind is inspect.Parameter.VAR_POSITIONAL:
            operands.append(value)  # *shape of reshape, *axes of transpose
        elif mine is not None or not (
            value is parameter.default or _is_idle(name, value)
        ):
            named[name] = value
    return tuple(operands), named


def _call(
    target: str, written: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call the public function without arguments that have no effect."""
    target = target if target in API else _RENAMED.get(target, target)
    function = API.get(target, _COMPOSED.get(target))
    if function is None:
        name = written.rpartition(".")[2]
        remedy = _REMEDIES.get(name, "write it with functions of sd")
        raise TracingError(
            f"{written} of a symbolic tensor is not supported: {remedy}."
        )
    signature = _signature(function)
    kept = {
        k: v
        for k, v in kwargs.items()
        if k in signature.parameters or not _is_idle(k, v)
    }
    try:
        signature.bind(*args, **kept)
    except TypeError as error:
        extra = [k for k in kept if k not in signature.parameters]
        if not extra:
            raise TracingError(f"{written}: {error}; see help(sd.{target}).") from None
        remedies = "; ".join(f"{k}=: {NUMPY.get(k, 'leave it out')}" for k in extra)
        raise TracingError(
            f"{written} of a symbolic tensor does not take {', '.join(extra)} "
            f"({remedies})."
        ) from None
    return lenient.call(function, *args, **kept)


def _is_idle(name: str, value: Any) -> bool:
    """Whether an argument has no effect with this value."""
    if isinstance(value, tuple):
        return name == "out" and all(v is None for v in value)
    if value is None or isinstance(value, (bool, str)):
        return value in _IDLE.get(name, ())
    return False


@cache
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)


Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
Tensor.__array_function__ = array_function  # type: ignore[attr-defined]
