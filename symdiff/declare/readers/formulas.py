"""Small graphs as SymPy expressions.

In: a tensor. Out: an expression, or an array of them. Invariant: an op is read by its
formula, by the graph it expands to, or by running its value on arrays of expressions,
which support arithmetic alone; an op whose value branches on numbers is refused.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import public
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core.closure import bound
from symdiff.ops.core.operands import CONSTANT, LITERAL, as_tensor
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.elementwise.comparisons import WHERE

MOST_ELEMENTS = 4096  # SymPy is slow on more
MOST_NODES = 10_000


@public
def to_sympy(tensor: Any) -> Any:
    """Return a small graph as SymPy: an expression, or an array of them.

    A leaf of shape () is a symbol of its name, real unless it is boolean. One with axes
    is an array of symbols such as ``name_0_1``, with more underscores where another
    leaf has such a name. A result with axes is an ImmutableDenseNDimArray (a Matrix for
    two axes of numbers). Exact constants stay exact.

    Parameters
    ----------
    tensor : Tensor
        The result to read.

    Raises
    ------
    DeclarationError
        For symbolic lengths, for ops that have no exact value, and for graphs too large
        to read.
    """
    t = as_tensor(tensor)
    order = topological([t.node])
    if len(order) > MOST_NODES:
        raise DeclarationError(
            f"the graph has {len(order)} nodes; to_sympy is for graphs up to "
            f"{MOST_NODES}."
        )
    values = _symbols([n for n in order if n.op.leaf])
    for node in order:
        if node not in values:
            values[node] = _value(node, [values[i] for i in node.inputs])
    return _shown(values[t.node])


def _value(node: Node, operands: list[Any]) -> Any:
    op = node.op
    if any(isinstance(v, Body) for v in node.attrs.values()):
        raise _no_form(node, _NO_BODY)
    if isinstance(node.type, TupleType):
        raise _no_form(node, _NUMBERS_ALONE)
    if op is LITERAL:
        return sp.sympify(_exact(node.attrs["value"]))
    if op is CONSTANT:
        return _each(_exact, node.attrs["value"])
    if op.is_elementwise and op.expression is not None:
        return _elementwise(node, operands)
    if op is WHERE:
        pieces = [np.asarray(a, dtype=object) for a in operands]
        pick = np.frompyfunc(lambda c, a, b: sp.Piecewise((a, c), (b, True)), 3, 1)
        return pick(*pieces)
    if op.expand is not None and (op.text is None or op.facts.called_from):
        return _expanded(node, operands)
    given = [
        _given(i.tensor_type, a) for i, a in zip(node.inputs, operands, strict=True)
    ]
    try:
        found = op.evaluate(*given, **_plain(node.attrs))
    except _UNDECIDED as error:
        branches = str(error) == _DEPENDS
        raise _no_form(node, _DEPENDS if branches else _NUMBERS_ALONE) from None
    return _each(_exact, found)


def _no_form(node: Node, why: str) -> DeclarationError:
    return DeclarationError(f"{node.op.title} has no exact form in SymPy: {why}.")


_DEPENDS = "its value depends on those of symbols"
_NUMBERS_ALONE = (
    "its value is computed from numbers; call to_sympy of its operands, and SymPy's "
    "own function of these"
)
_NO_BODY = (
    "loops and branches are not read; write the steps of a loop one by one in Python, "
    "and a branch as sd.where"
)


# --- values of ops on exact numbers ---------------------------------------------------

# What an op's value raises on arrays of objects; from argmax comes a SystemError.
_UNDECIDED = (TypeError, AttributeError, ValueError, IndexError, SystemError)


class Truth:
    """A boolean expression in an array of operands: it can be moved, not computed with.

    Asking for its value, or comparing it, raises `TypeError`.
    """

    __slots__ = ("expression",)
    __array_ufunc__ = None  # so NumPy scalars defer to its reflected operators
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def _undecided(self, *others: Any) -> NoReturn:
        raise TypeError(_DEPENDS)

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _undecided
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _undecided


def _forward(operation: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: Number(operation(self.expression, _exact(other)))


def _backward(operation: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: Number(operation(_exact(other), self.expression))


class Number(Truth):
    """A real expression in an array of operands: arithmetic gives expressions."""

    __slots__ = ()
    __add__, __radd__ = _forward(operator.add), _backward(operator.add)
    __sub__, __rsub__ = _forward(operator.sub), _backward(operator.sub)
    __mul__, __rmul__ = _forward(operator.mul), _backward(operator.mul)
    __truediv__, __rtruediv__ = _forward(operator.truediv), _backward(operator.truediv)
    __pow__, __rpow__ = _forward(operator.pow), _backward(operator.pow)

    def __neg__(self) -> Number:
        return Number(-self.expression)

    def conjugate(self) -> Number:
        """Return the number itself: it is real."""
        return self


def _given(kind: TensorType, value: Any) -> Any:
    """Return an operand as an op's value takes it.

    Integers and booleans that are known stay NumPy's; all else is wrapped.
    """
    array = np.asarray(value, dtype=object)
    if not kind.dtype.is_float and all(e.is_number or e in _TRUTHS for e in array.flat):
        return array.astype(bool if kind.dtype.is_bool else np.int64)
    return _each(Truth if kind.dtype.is_bool else Number, array)


_TRUTHS = (sp.true, sp.false)


def _each(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the array of function(element) for each element."""
    return np.vectorize(function, otypes=[object])(values)


def _exact(value: Any) -> Any:
    """Return a number as SymPy's: 0.5 as 1/2, 0.1 as a float."""
    if isinstance(value, Truth):
        return value.expression
    if isinstance(value, (bool, np.bool_)):
        return sp.true if value else sp.false
    if isinstance(value, (int, np.integer)):
        return sp.Integer(int(value))
    if isinstance(value, sp.Basic):
        return value
    number = float(value)
    if not np.isfinite(number):
        return sp.Float(number)
    rational = sp.Rational(number)  # exactly
    return rational if rational.q <= 1024 else sp.Float(number)


# --- leaves ---------------------------------------------------------------------------


def _symbols(leaves: Sequence[Node]) -> dict[Node, Any]:
    """Return the symbols of each leaf, all of different names."""
    taken: dict[str, Node] = {}
    for node in leaves:
        _check_leaf(node)
        if taken.setdefault(node.attrs["name"], node) is not node:
            name = node.attrs["name"]
            raise DeclarationError(f"two leaves are named {name}; rename one.")
    used = {name for name, node in taken.items() if not node.shape}
    found = {}
    for name, node in taken.items():
        places = list(itertools.product(*map(range, node.shape)))
        names, between = [name], ""
        while node.shape:
            between += "_"
            names = [between.join([name, *map(str, place)]) for place in places]
            if used.isdisjoint(names):
                used.update(names)
                break
        real = None if node.dtype.is_bool else True
        integer = True if node.dtype.is_integer else None
        made = np.empty(len(names), dtype=object)
        made[:] = [sp.Symbol(n, real=real, integer=integer) for n in names]
        found[node] = made.reshape(node.shape)
    return found


def _check_leaf(node: Node) -> None:
    name, shape = node.attrs["name"], node.shape
    if not all(isinstance(d, int) for d in shape):
        raise DeclarationError(
            f"{name} has symbolic lengths {shape}; to_sympy needs numbers."
        )
    if int(np.prod(shape, initial=1)) > MOST_ELEMENTS:
        raise DeclarationError(f"{name} has more than {MOST_ELEMENTS} elements.")


# --- ops ------------------------------------------------------------------------------


def _elementwise(node: Node, operands: list[Any]) -> Any:
    expression, symbols = node.op.expression, OPERANDS[: len(operands)]
    assert expression is not None

    def each(*args: Any) -> Any:
        # not `subs`, which would put numbers in place of the operands of logical ops
        return expression.xreplace(
            dict(zip(symbols, map(sp.sympify, args), strict=True))
        )

    return np.frompyfunc(each, len(operands), 1)(*operands)


def _expanded(node: Node, operands: list[Any]) -> Any:
    leaves = [bound(i.tensor_type, f"x{k}") for k, i in enumerate(node.inputs)]
    assert node.op.expand is not None
    inner = node.op.expand(*leaves, **node.attrs)
    values: dict[Node, Any] = dict(zip((x.node for x in leaves), operands, strict=True))
    for n in topological([inner.node]):
        if n not in values:
            values[n] = _inside(node, n, [values[i] for i in n.inputs])
    return values[inner.node]


def _inside(outer: Node, node: Node, operands: list[Any]) -> Any:
    """Return the value of a part of an op, which is not the op that the user wrote."""
    try:
        return _value(node, operands)
    except DeclarationError as error:
        raise DeclarationError(
            f"{outer.op.title} is computed by other ops, of which {error}"
        ) from None


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    if any(isinstance(v, sp.Basic) for v in attrs.values()):
        raise DeclarationError("to_sympy needs lengths that are numbers.")
    return dict(attrs)


def _shown(value: Any) -> Any:
    array = np.asarray(value, dtype=object)
    if not array.shape:
        return sp.sympify(array.item())
    if array.ndim == 2 and all(isinstance(e, sp.Expr) for e in array.flat):
        return sp.ImmutableMatrix(*array.shape, array.ravel().tolist())
    return sp.ImmutableDenseNDimArray(array.ravel().tolist(), array.shape)
