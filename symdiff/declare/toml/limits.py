"""How large a TOML spec may be: limits that keep a hostile file quick and small.

In: every node while a spec is read, and the arguments of every call. Out: nothing, or a
`LimitError` that names the limit. Invariant: whatever a spec says, reading it takes
bounded time and memory; the limits lie far above models that NumPy could train.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph import node as nodes
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL

# Operations of a model. An op whose derivative takes many others counts as several:
# its record has the weight.
MAX_NODES = 20_000
# A short spec may have FEW_NODES of them, and NODES_A_CHARACTER more for each of its
# characters. A usual model has one for five characters, without its derivatives.
FEW_NODES, NODES_A_CHARACTER = 1_000, 3
MAX_AXIS = 10_000_000  # length of an axis
MAX_ELEMENTS = 1_000_000_000  # of an array whose lengths are known
MAX_PARAMETER = 100_000_000  # of a parameter, a state or a constant
MAX_RANK = 16
MAX_NUMBER = 2**63
MAX_ARGUMENTS = 64  # of a call, a list or a tuple in an equation
MAX_MONOMIALS = 5_000
_TERMS = 64  # of the product of an array's lengths, multiplied out
_OPERANDS = 12  # of einsum, whose order is searched for
_EAGER = 10_000_000  # elements of what some functions lay out while a spec is read

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
MAX_NAME = 100

# Functions whose arguments multiply the length of an array, or the number of arrays.
_MULTIPLY = frozenset(
    [
        *("array_split", "diff", "dsplit", "hsplit", "linalg.matrix_power", "pad"),
        *("polygamma", "repeat", "split", "tile", "vsplit"),
    ]
)
_ORDERS = {"polygamma": 20, "linalg.matrix_power": 1000, "diff": 32}


class LimitError(DeclarationError):
    """A spec asks for more than the limits of TOML specs allow."""


@contextlib.contextmanager
def limited(characters: int) -> Iterator[None]:
    """Hold every node that is made in the block to the limits.

    ``characters`` is the length of the spec, which limits its operations: a large
    number in a call must not turn a short text into a huge graph.
    """
    most = min(MAX_NODES, FEW_NODES + NODES_A_CHARACTER * characters)
    count = 0

    def watch(node: Node) -> None:
        nonlocal count
        count += node.op.facts.weight
        if count > most:
            short = f" for its {characters:,} characters" if most < MAX_NODES else ""
            raise LimitError(
                f"the model has more than {most:,} operations, the limit of TOML "
                f"specs{short}; declare it in Python."
            )
        check_node(node)

    token = nodes.WATCH.set(watch)
    try:
        yield
    finally:
        nodes.WATCH.reset(token)


def check_node(node: Node) -> None:
    """Raise `LimitError` for a node that is too large."""
    types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    for found in types:
        _check_type(found, node.op.leaf or node.op is CONSTANT)
    if node.op is LITERAL:
        check_number(node.attrs["value"])
    name = node.attrs.get("name") if node.op.leaf else None
    if name:
        check_name(name)


def _check_type(found: TensorType, stored: bool) -> None:
    if found.ndim > MAX_RANK:
        raise LimitError(f"an array has at most {MAX_RANK} axes, this has {found.ndim}")
    known, terms = 1, 1
    for d in found.shape:
        if isinstance(d, int):
            if d > MAX_AXIS:
                raise LimitError(
                    f"an axis has at most {MAX_AXIS:,} elements, not {d:,}"
                )
            known *= d
        else:
            check_dim(d)
            terms *= len(sp.Add.make_args(d))
    if terms > _TERMS:
        raise LimitError(f"the lengths {found.shape} are sums of too many terms")
    most = MAX_PARAMETER if stored else MAX_ELEMENTS
    if known > most:
        raise LimitError(
            f"an array of shape {found.shape} has {known:,} elements; the limit is "
            f"{most:,}"
        )


def check_dim(value: sp.Expr) -> None:
    """Raise `LimitError` for a length whose formula is too long."""
    if value.is_Integer:
        check_number(int(value))
        return
    size = sum(1 for _, _ in zip(sp.preorder_traversal(value), range(81), strict=False))
    powers = [p.exp for p in value.atoms(sp.Pow)]
    steep = any(p.is_number and abs(p) > 8 for p in powers)
    numbers = any(
        abs(n.p) >= MAX_NUMBER or n.q >= MAX_NUMBER for n in value.atoms(sp.Rational)
    )
    if size > 80 or steep or numbers:
        raise LimitError("a length is too long a formula of the dims")


def check_number(value: Any) -> None:
    """Raise `LimitError` for an integer that no array can hold."""
    if isinstance(value, sp.Expr):
        check_dim(value)
    elif isinstance(value, int) and not -MAX_NUMBER <= value < MAX_NUMBER:
        raise LimitError("an integer does not fit 64 bits")


def check_name(name: Any) -> None:
    """Raise `LimitError` for a name that is not made of identifiers and dots."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or not name.isascii():
        raise LimitError(
            f"name {_short(name)} must be letters, digits and underscores, with dots "
            'between the parts, such as "encoder.hidden"'
        )
    if len(name) > MAX_NAME or name.count(".") > 8:
        raise LimitError(f"name {_short(name)} is too long: {MAX_NAME} letters at most")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


# --- calls ---------------------------------------------------------------------------


def check_call(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise `LimitError` for arguments that would make a function work too long."""
    given = list(_flat(arguments.values()))
    if len(given) > MAX_ARGUMENTS**2:
        raise LimitError("too many arguments")
    numbers = [abs(v) for v in given if isinstance(v, int) and abs(v) > 1]
    for number in numbers:
        check_number(number)
    if name in _ORDERS and any(n > _ORDERS[name] for n in numbers):
        raise LimitError(f"an order of at most {_ORDERS[name]} is possible here")
    if name == "einsum" and sum(isinstance(v, Tensor) for v in given) > _OPERANDS:
        raise LimitError(f"at most {_OPERANDS} operands are possible here")
    if name == "polynomial_features":
        _check_monomials(arguments)
    if name in _MULTIPLY:
        length = max((_length(v) for v in given), default=1)
        if math.prod(numbers[:MAX_ARGUMENTS]) * length > _EAGER:
            raise LimitError(f"more than {_EAGER:,} elements would be laid out")
    if name in ("quantile", "percentile", "median"):
        qs = [v for v in given if isinstance(v, float | int)]
        if len(qs) > MAX_ARGUMENTS:
            raise LimitError(f"at most {MAX_ARGUMENTS} quantiles are possible here")


def _check_monomials(arguments: Mapping[str, Any]) -> None:
    x, degree = arguments.get("x"), arguments.get("degree")
    if not isinstance(x, Tensor) or not isinstance(degree, int) or degree < 0:
        return
    width = x.shape[-1] if x.ndim else 1
    if not isinstance(width, int):
        return
    low, high = sorted((width, degree))
    if low > 20 or math.comb(min(high, MAX_MONOMIALS) + low, low) > MAX_MONOMIALS:
        raise LimitError(f"more than {MAX_MONOMIALS:,} monomials")


def _length(value: Any) -> int:
    if not isinstance(value, Tensor):
        return 1
    return max((d for d in _shape(value) if isinstance(d, int)), default=1)


def _shape(value: Tensor) -> Sequence[Any]:
    return value.shape if isinstance(value.type, TensorType) else ()


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


# --- arithmetic of numbers -----------------------------------------------------------


def arithmetic(function: Callable[[Any, Any], Any], power: bool, a: Any, b: Any) -> Any:
    """Return ``function(a, b)`` of Python numbers or dims, as a bounded real number.

    Raises `LimitError` where it is none.
    """
    symbolic = [v for v in (a, b) if isinstance(v, sp.Expr)]
    whole = isinstance(a, int) and isinstance(b, int) and b >= 0
    if power and whole and a.bit_length() * b > 128:
        raise LimitError(f"{a} ** {b} does not fit 64 bits")
    if power and symbolic and not (isinstance(b, int) and 0 <= b <= 4):
        raise LimitError("a dim can be raised to an exponent of 0 to 4")
    try:
        result = function(a, b)
    except ZeroDivisionError:
        raise LimitError(f"{a} is divided by 0") from None
    except OverflowError:
        raise LimitError("the number is too large for a float") from None
    if isinstance(result, sp.Expr):
        if result.is_Integer:
            result = int(result)
        elif result.is_number:
            result = float(result) if result.is_finite and result.is_real else math.nan
        else:
            check_dim(result)
            return result
    if isinstance(result, complex):
        raise LimitError(f"{a} ** {b} is no real number")
    if isinstance(result, np.generic) or not isinstance(result, int | float):
        raise LimitError(f"this gives a {type(result).__name__}, not a number")
    check_number(result)
    return result
