"""Writes in place, such as ``y += 1`` and ``y.sort()``, in a traced function.

In: a plain NumPy function while it is traced, and the calls it makes. Out: tensors that
show a write wherever the function holds the same object. Invariant: the value is that
of NumPy, or an error is raised. A tensor that may share memory with a written one, as a
view does, raises when it is read, and so does a write into an array of the caller's.

Elsewhere tensors are immutable: ``y += 1`` is ``y = y + 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symdiff.graph.errors import SymdiffError, TracingError
from symdiff.graph.memory import current, memory_of, read, share, store
from symdiff.graph.order import open_part, part_here
from symdiff.graph.origin import Site
from symdiff.graph.provenance import (
    WATCH,
    at_site,
    capture,
    in_user_code,
    locate,
    quote,
    watched,
)
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, as_tensor
from symdiff.ops.surface.views import (
    ANY_LAYOUT,
    COPY,
    ROW_BY_ROW,
    relation,
    row_by_row,
)

# Functions whose results may be views of their operands under NumPy; a test compares
# this with what NumPy does.
_VIEWS = """
    apply_over_axes array_split asarray atleast_1d atleast_2d atleast_3d
    broadcast_arrays broadcast_to diag diagonal diff dsplit einsum expand_dims flip
    fliplr flipud hsplit matrix_transpose meshgrid moveaxis permute_dims polyder polyint
    ravel real real_if_close reshape rollaxis rot90 sliding_window_view split squeeze
    swapaxes transpose unstack vsplit
"""
VIEWS = frozenset(_VIEWS.split())
# Functions that return a 0-d array where others return an immutable scalar.
_BOXES = """
    apply_along_axis array astype block cast copy cov full full_like isin ones ones_like
    piecewise positive roll select tensordot tensorsolve where zeros zeros_like
"""
BOXES = VIEWS | frozenset(_BOXES.split())
# Functions that return the array itself when they are asked for so many times.
_TIMES = {"matrix_power": ("n", 1), "polyder": ("m", 0), "polyint": ("m", 0)}
# What NumPy's functions that write do instead, by name; their module fills it.
WRITERS: dict[str, Callable[..., Any]] = {}


@contextmanager
def watching() -> Iterator[None]:
    """Follow the memory of all values in the block, as NumPy's arrays would have it."""
    token = WATCH.set(_watched)
    try:
        yield
    finally:
        WATCH.reset(token)


def entered(tensor: Tensor, name: str, leaf: Any) -> None:
    """Note that a tensor stands for an argument: the caller's array, or a number."""
    memory = memory_of(tensor)
    if tensor.ndim or isinstance(leaf, np.ndarray):
        memory.buffer.argument = name
    else:
        memory.scalar = True if isinstance(leaf, (float, np.floating)) else None


def call_back(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that the user passed to one of ours, such as a loop's body.

    Its results are read at once: later writes do not change them.
    """
    with in_user_code(function):
        return read(function(*args, **kwargs))


# --- calls ----------------------------------------------------------------------------


def _watched(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call a public function on its operands' current values; note shared memory."""
    name, operands, options = _called(function, args, kwargs)
    writer = WRITERS.get(name) if function.__name__ != name else None
    if writer is not None:
        return writer(*operands, **options)
    out = _place_of(options)
    if out is not None:
        args, kwargs = _without_out(function, args, kwargs)
        made = _watched(function, args, kwargs)
        return write(out, as_tensor(current(made)), "out=")
    held = list(_tensors((*args, *kwargs.values())))
    with part_here():
        result = function(*read(tuple(args)), **read(dict(kwargs)))
    if name == "nan_to_num" and not _copies(operands, options):
        return write(operands[0], result, "np.nan_to_num(copy=False)")
    shared: Any = COPY
    if _is_view(name, operands, options):
        shared = None
        if isinstance(result, Tensor) and held and operands[0] is held[0]:
            call = _again(function, args, kwargs)
            shared = relation(name, call, held[0], result, operands, options)
    return _placed(result, name, held, shared)


def _again(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Callable[[Tensor], Tensor]:
    """Return the same call as a function of its first operand."""
    if function.__name__ == "array_function":
        own, called, kinds, (_, *rest), options = args
        return lambda base: function(own, called, kinds, (base, *rest), options)
    return lambda base: function(base, *args[1:], **kwargs)


def _called(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
    """Return a call's name and arguments, also if it came through NumPy's protocol."""
    name = function.__name__
    if name == "array_function":
        _, called, _, args, kwargs = args
        name = called.__name__
    elif name == "array_ufunc" and args[2] == "at":
        name, args = f"{args[1].__name__}.at", args[3:]
    return name.rstrip("_"), args, kwargs


def _place_of(options: Mapping[str, Any]) -> Tensor | None:
    """Return the tensor that a call puts its result into, if there is one."""
    out = options.get("out")
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    return out if isinstance(out, Tensor) else None


def _without_out(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the arguments of a call that makes a new array of its result."""
    rest = {k: v for k, v in kwargs.items() if k != "out"}
    if function.__name__ != "array_function":
        return args, rest
    *first, options = args
    return (*first, {k: v for k, v in options.items() if k != "out"}), rest


def _copies(operands: Sequence[Any], options: Mapping[str, Any]) -> bool:
    return bool(operands[1] if len(operands) > 1 else options.get("copy", True))


def _is_view(name: str, operands: Sequence[Any], options: Mapping[str, Any]) -> bool:
    if name == "getitem":
        index = operands[1] if isinstance(operands[1], tuple) else (operands[1],)
        return all(not isinstance(i, (list, np.ndarray, Tensor)) for i in index)
    if name in _TIMES:
        option, times = _TIMES[name]
        asked = operands[1] if len(operands) > 1 else options.get(option, 1)
        return bool(asked == times)
    return name in VIEWS or (name == "astype" and options.get("copy") is False)


def _placed(result: Any, name: str, held: Sequence[Tensor], shared: Any) -> Any:
    """Return results as new objects with memory of their own, unless they are views."""
    if isinstance(result, (tuple, list)) and not hasattr(result, "_fields"):
        return type(result)(_placed(r, name, held, shared) for r in result)
    if not isinstance(result, Tensor):
        return result
    same = [t for t in held if t is result or _now(t) is result]
    perhaps = shared is None and name in ANY_LAYOUT  # a view, or a copy
    if same and shared is not COPY and not perhaps:
        return same[0]
    if same:
        result = Tensor(result.node, result.parents)
    if shared is not COPY and held:
        share(result, held[0], shared)
    elif name in ROW_BY_ROW:
        row_by_row(result)
    if not result.ndim:
        boxed = name in BOXES or (name == "getitem" and shared is None)
        memory_of(result).scalar = None if boxed else True
    return result


def _now(tensor: Tensor) -> Tensor | None:
    return tensor.memory.current if tensor.memory is not None else None


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _tensors(v)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))


# --- writes ---------------------------------------------------------------------------


def augmented(tensor: Tensor, other: Any, operator: Callable[..., Any]) -> Any:
    """Return ``tensor op= other``; NotImplemented if Python is to rebind the name."""
    if not watched() or (tensor.memory is not None and tensor.memory.scalar):
        return NotImplemented
    made = operator(tensor, other)
    if made is NotImplemented:
        return made
    if tensor.memory is not None and tensor.memory.scalar is None:
        # a number, or an array of no axes: if it is not read again, both are right
        _refuse_arguments(tensor, "an operator like +=")
        for other in memory_of(tensor).buffer.holders():
            memory_of(other).spoiled = _place(capture())
        return made
    return write(tensor, made, "an operator like +=")


def sorted_in_place(
    tensor: Tensor, axis: Any = -1, kind: Any = None, order: Any = None, **others: Any
) -> Tensor | None:
    """``y.sort()`` as NumPy has it, in a traced function; elsewhere `symdiff.sort`."""
    if order is not None:
        others["order"] = order  # which sort refuses
    made: Tensor = API["sort"](tensor, axis, kind, **others)
    if not watched():
        return made
    write(tensor, made, ".sort()")
    return None


def copied(tensor: Tensor) -> Tensor:
    """Return a tensor of the same values that writes do not reach."""
    if not watched():
        return tensor
    value = current(tensor)
    made = Tensor(value.node, value.parents)
    if not made.ndim:
        memory_of(made).scalar = None
    return made


def write(tensor: Tensor, value: Tensor, how: str) -> Tensor:
    """Give a tensor another value, in place of the old one, and return it.

    Raises `TracingError` where the array is the caller's, where the value does not fit
    into it, and where the tensor was made outside of a branch or loop that writes.
    """
    _refuse_arguments(tensor, how)
    if tensor.memory is not None and tensor.memory.scalar is not False:
        raise _refused(
            f"{how} writes into {tensor!r}, a number or an array without axes; return "
            "the new value instead."
        )
    written: Tensor | None = tensor
    while written is not None:
        if not open_part().holds(written.order):
            raise _refused(
                f"{how} writes into {written!r}, which was made outside of this "
                "function; return the new value instead."
            )
        view = memory_of(written).view
        written = None if view is None else view.base
    value = _fitting(tensor, value, how)
    site = capture()
    with at_site(site):
        store(tensor, value, _place(site))
    return tensor


def _refused(message: str) -> SymdiffError:
    return locate(TracingError(message), capture())


def _refuse_arguments(tensor: Tensor, how: str) -> None:
    """Raise for memory that is the caller's, or that NumPy took values from."""
    if memory_of(tensor).buffer.handed_out:
        raise _refused(
            f"{how} writes into {tensor!r}, whose values NumPy was given as an array, "
            "which would not change; give it a copy, np.array(y), or use "
            "symdiff.numpy's functions."
        )
    name = memory_of(tensor).buffer.argument
    if name is not None:
        raise _refused(
            f"{how} writes into {name!r}, an array of the caller's, which generated "
            "code never does; write y = x + 1 instead of x += 1, x = x.at(i).set(v) "
            "instead of x[i] = v, or work on a copy: x = x.copy()."
        )


def _place(site: Site) -> str:
    return f"the write at {site.location} ({quote(site)})"


def _fitting(tensor: Tensor, value: Tensor, how: str) -> Tensor:
    """Return a value in the dtype of the array that it is written into."""
    old, new = tensor.dtype, value.dtype
    if value.shape != tensor.shape:
        problem = f"of shape {value.shape} into one of shape {tensor.shape}"
    elif old == new:
        return value
    elif np.can_cast(np.dtype(new.name), np.dtype(old.name), "same_kind"):
        fitting: Tensor = API["cast"](value, old)
        return fitting
    else:
        problem = f"of {new} into one of {old}"
    raise _refused(
        f"{how} cannot write an array {problem}, nor can NumPy; assign the result "
        "instead."
    )
