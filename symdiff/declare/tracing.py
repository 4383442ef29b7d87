"""Plain NumPy functions as graphs: `trace`, and running a user's function on tensors.

In: a Python function and what its arguments are. Out: the graph that it builds when it
is called with symbolic tensors, as a `Function`. Invariant: code that needs a value (a
branch, a float, an element of an array) raises `TracingError` with the user's line;
nothing is guessed.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import keyword
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdiff.declare.captured.draws import no_draws, steady
from symdiff.declare.checks import module_name
from symdiff.declare.leaves import input_
from symdiff.declare.model import Function
from symdiff.declare.trees import Path, form, is_container, leaf_paths, leaves, tree_map
from symdiff.graph.arrays import require_plain
from symdiff.graph.asked import asked_of_numpy
from symdiff.graph.errors import DeclarationError, TracingError
from symdiff.graph.memory import read
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.provenance import checked_call, in_user_code, is_ours, locate, public
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, float_operand
from symdiff.ops.surface.chosen import returned
from symdiff.ops.surface.lenient import numpy_mixing
from symdiff.ops.surface.writes import entered, watching


@dataclass(frozen=True)
class Spec:
    """What an argument is: as in `symdiff.input`, without the name."""

    shape: Any
    dtype: Any = "float"
    low: Any = None
    high: Any = None
    sample: Any = None


@checked_call
def spec(
    shape: Any, dtype: Any = "float", low: Any = None, high: Any = None,
    sample: Any = None,
) -> Spec:  # fmt: skip
    """Return what an argument of a traced function is; as for `input`."""
    return Spec(shape, dtype, low, high, sample)


# --- running a user's function --------------------------------------------------------

# While a call of a transformed function is traced: the inputs made for it that no
# function of the user's has seen yet. None where nothing is being traced.
UNSEEN: contextvars.ContextVar[frozenset[Node] | None] = contextvars.ContextVar(
    "symdiff_unseen", default=None
)

# Leaves that stood for the arguments of a call that has ended: nothing may read them.
RETIRED: weakref.WeakSet[Node] = weakref.WeakSet()


def run(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return ``function(*args, **kwargs)`` for symbolic arguments.

    Integers and floats mix as in NumPy. Raises `TracingError` where the function draws
    numbers, and where a value was needed, even if NumPy replaced that error by its own.
    """
    given = tree_map(lambda _, leaf: leaf, (list(args), dict(kwargs)))
    with in_user_code(), numpy_mixing(), watching(), no_draws(), _all_seen():
        try:
            call = functools.partial(_read, function, args, kwargs)
            result = steady(function, call)
            _refuse_writes(given, (list(args), dict(kwargs)))
            return result
        except (TypeError, ValueError) as error:
            refused = _refusal(error) or _symbolic(error)
            if refused is None or refused is error:
                raise
            raise refused from None


def _refuse_writes(before: Any, after: Any) -> None:
    """Raise where a function has changed a list or dict that it was given."""
    pairs = zip(leaves(before), leaves(after), strict=False)
    if form(before) != form(after) or any(a is not b for a, b in pairs):
        raise TracingError(
            "the function writes into a list or dict that is an argument, and what is "
            "generated never changes what is the caller's: work on a copy, such as "
            "params = dict(params), and return what is to be kept."
        )


def _read(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return the results as they are after all writes into them."""
    return tree_map(lambda _, leaf: returned(read(leaf)), function(*args, **kwargs))


def _refusal(error: BaseException) -> TracingError | None:
    """Return the `TracingError` that an error of NumPy's was raised from."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, TracingError):
            break
        found = found.__cause__ or found.__context__
    if found is None or found is error or "setting an array element" not in str(error):
        return found
    refused = TracingError(
        "an element of a NumPy array cannot be set to a symbolic tensor; join values "
        "with np.stack or symdiff.numpy's np.array, or use x = x.at(i).set(v) on a "
        "tensor, such as sd.zeros(n)."
    )
    return locate(refused, found.site)  # type: ignore[attr-defined,return-value]


def _symbolic(error: BaseException) -> TracingError | None:
    """Return an error for a symbolic length or dtype that was passed to NumPy."""
    refused = _symbolic_length(error) or asked_of_numpy(error)
    if refused is None:
        return None
    found, frame = error.__traceback__, None
    while found is not None:
        frame = found if not is_ours(found.tb_frame.f_code) else frame
        found = found.tb_next
    if frame is None:
        return refused
    site = Site(((frame.tb_frame.f_code, frame.tb_lasti),))
    return locate(refused, site)  # type: ignore[return-value]


# What Python, NumPy and SymPy say of a symbol where they need a number.
_NO_NUMBER = (
    "cannot be interpreted as an integer",
    "Cannot convert expression to float",
    "Cannot convert symbols to int",
    "expected a sequence of integers or a single integer",
    "does not support argument 0 of type Symbol",
    "does not support argument 0 of type Add",
    "does not support argument 0 of type Mul",
)


def _symbolic_length(error: BaseException) -> TracingError | None:
    """Return an error for a symbolic length that was used as an int."""
    if not any(said in str(error) for said in _NO_NUMBER):
        return None
    return TracingError(
        f"a length that is a symbol has no value yet ({error}); use np.zeros_like(x) "
        "or sd.zeros(x.shape), sd.ones, sd.full, sd.arange, which take symbols, or "
        "trace with numbers for lengths."
    )


@contextmanager
def _all_seen() -> Iterator[None]:
    """Count no input as unseen in the block: its code may close over any of them."""
    token = UNSEEN.set(None if UNSEEN.get() is None else frozenset())
    try:
        yield
    finally:
        UNSEEN.reset(token)


# --- names ----------------------------------------------------------------------------


def function_name(function: Any, prefix: str = "") -> str:
    """Return a name for the module of a function: its own, made an identifier."""
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    own = getattr(function, "__name__", type(function).__name__)
    name = re.sub(r"\W", "_", own, flags=re.ASCII).strip("_") or "traced"
    if name == "lambda":
        name = "function"
    name = f"{prefix}{name}"
    if not name[0].isalpha():
        name = f"f_{name}"
    try:
        return module_name(name)
    except DeclarationError:
        return f"{name}_function"


def argument_names(function: Any, count: int) -> list[str]:
    """Return a name for each positional argument, from the function's own signature."""
    names: list[str] = []
    rest = "argument"
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            rest = p.name
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    names += [f"{rest}{i}" for i in range(max(0, count - len(names)))]
    return names[:count]


def field_name(text: str) -> str:
    """Return the name of a result as a named tuple takes it: ``out.W`` is out_W."""
    name = re.sub(r"\W", "_", text).lstrip("_")
    if not name or not name.isidentifier() or keyword.iskeyword(name):
        return f"out_{name}" if name else "out"
    return name


class Namer:
    """Gives each leaf of the arguments a name of its own: ``params.W``."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def leaf(self, path: Path) -> str:
        """Return the name of an input leaf."""
        name = "".join(c if c.isprintable() else "_" for c in ".".join(path))
        return self._unique(name)

    def field(self, path: Path) -> str:
        """Return the name of a result: an identifier."""
        return self._unique(field_name("_".join(path)))

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found


# --- trace ----------------------------------------------------------------------------


@public
def trace(f: Any, *specs: Any, name: str | None = None) -> Any:
    """Return a plain NumPy function as a `Function`, by calling it once with tensors.

    Parameters
    ----------
    f : callable
        A function of arrays; its parameters name the inputs. Its results may be a
        tensor or nested containers of tensors.
    *specs
        One for each argument: ``sd.spec(shape, dtype)``, a shape (a tuple of ints, dims
        or names of dims, or one of them), an array to be like, an input tensor, or a
        list, dict or named tuple of these.
    name : str, optional
        The module's name; that of ``f`` by default.

    Raises
    ------
    TracingError
        Where ``f`` needs a value.
    DeclarationError
        For anything that does not describe an argument.

    Notes
    -----
    ``sd.trace(x)`` of a tensor is the sum of its diagonal, as in NumPy.
    """
    if isinstance(f, (Tensor, np.ndarray)):
        return API["trace"](f, *specs)
    if not callable(f):
        raise DeclarationError(
            f"trace needs a function, got {type(f).__name__} {f!r:.60}."
        )
    namer = Namer()
    inputs: list[Tensor] = []

    def declare(path: Path, leaf: Any) -> Tensor:
        made = _input(path, leaf, namer)
        entered(made, ".".join(path), leaf)
        inputs.append(made)
        return made

    names = argument_names(f, len(specs))
    args = [
        tree_map(declare, _as_specs(s), (n,)) for n, s in zip(names, specs, strict=True)
    ]
    result = run(f, args, {})
    return Function(name or function_name(f), inputs, _outputs(result))


def _as_specs(value: Any) -> Any:
    """Return nested containers of specs, arrays and tensors; shapes become specs."""
    if isinstance(value, dict):
        return {k: _as_specs(v) for k, v in value.items()}
    if type(value) is tuple and all(_is_dim(d) for d in value):
        return Spec(value)
    if isinstance(value, (list, tuple)):
        parts = [_as_specs(v) for v in value]
        if hasattr(value, "_fields"):
            return type(value)(*parts)
        return parts if isinstance(value, list) else tuple(parts)
    return Spec((value,)) if _is_dim(value) else value


def _is_dim(value: Any) -> bool:
    return isinstance(value, (int, np.integer, str, sp.Expr)) and value is not True


def _input(path: Path, leaf: Any, namer: Namer) -> Tensor:
    match leaf:
        case Tensor():
            return leaf
        case Spec(shape, dtype, low, high, sample):
            return input_(namer.leaf(path), shape, dtype, low, high, sample)
        case np.ndarray() | np.generic() | float():
            require_plain(".".join(path), leaf)
            array = np.asarray(leaf)
            kind = "float" if array.dtype.kind == "f" else array.dtype
            return input_(namer.leaf(path), array.shape, kind)
    raise DeclarationError(
        f"{'.'.join(path)}: {type(leaf).__name__} {leaf!r:.60} does not say what the "
        "argument is; give sd.spec(shape, dtype), a shape or an array. Fix what is no "
        "array with functools.partial."
    )


def _outputs(result: Any) -> Any:
    """Return results as `Function` takes them."""
    if not is_container(result):
        return as_output(result, ())
    found = [(path, as_output(leaf, path)) for path, leaf in leaf_paths(result)]
    flat = type(result) in (tuple, list) and all(len(path) == 1 for path, _ in found)
    if flat:
        return [t for _, t in found]
    namer = Namer()
    return {namer.field(path): t for path, t in found}


def as_output(value: Any, path: Sequence[str]) -> Tensor:
    """Return a result as a tensor; raise `DeclarationError` for any other value."""
    try:
        return float_operand(value)
    except TypeError:
        where = f" {'.'.join(path)!r}" if path else ""
        raise DeclarationError(
            f"result{where} is {type(value).__name__} {value!r:.60}, which is no array."
        ) from None
