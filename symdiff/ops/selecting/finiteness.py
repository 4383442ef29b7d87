"""Whether a derivative's factor can be infinite or NaN while all leaves are finite.

In: an elementwise op's result, and one of its operands. Out: yes or no. Invariant: an
elementwise op is judged by its values, and those of its partials, at a few points: 0,
negative and large ones, or only positive ones where an operand is provably positive, as
a variance plus a small number is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp

from symdiff.graph.body import bodies_of, every_node
from symdiff.graph.interpret import interpret
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.ops.core import signs
from symdiff.ops.core.calculus import from_expression
from symdiff.ops.core.operands import LITERAL, constant, is_given
from symdiff.ops.core.record import Op
from symdiff.ops.core.symbols import OPERANDS, y

V = TypeVar("V")
POSITIVE = (1e-3, 0.5, 1.0, 2.0, 1000.0)
POINTS = (-1000.0, -2.0, -1.0, -0.5, 0.0, *POSITIVE)
_wild: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()
MOST_LOOKED_AT = 100_000  # elements of a constant; the sign of a larger one is unknown
_signs: WeakKeyDictionary[Node, int] = WeakKeyDictionary()


def may_be_infinite(node: Node, operand: int) -> bool:
    """Whether an elementwise op's partial can be infinite for finite leaves."""
    partial = node.op.partials[operand]
    if _has_pole(node):
        return True
    if not isinstance(partial, sp.Basic):
        return any(_is_wild(i) for i in node.inputs)
    read = _symbols(partial)
    operands = zip(OPERANDS, node.inputs, strict=False)
    return (y in read and _is_wild(node)) or any(
        s in read and _is_wild(i) for s, i in operands
    )


@lru_cache(maxsize=4096)
def _symbols(partial: sp.Basic) -> frozenset[sp.Basic]:
    return frozenset(partial.free_symbols)


def has_steep(outputs: Sequence[Tensor]) -> bool:
    """Whether any partial below ``outputs`` can be infinite for finite leaves."""
    for node in every_node(topological([t.node for t in outputs])):
        if node.op.facts.singular:
            return True
        if not node.op.is_elementwise or not node.op.partials:
            continue
        pairs = zip(node.inputs, node.op.partials, strict=False)
        smooth = [
            i for i, (x, p) in enumerate(pairs) if p is not None and not is_given(x)
        ]
        if not node.op.facts.selects and any(may_be_infinite(node, i) for i in smooth):
            return True
    return False


def _is_wild(node: Node) -> bool:
    """Whether a value can be infinite or NaN for finite leaves."""
    return _known(
        node, _wild, lambda n: _makes_wild(n) or any(_wild[i] for i in n.inputs)
    )


def _known(node: Node, known: MutableMapping[Node, V], judge: Callable[[Node], V]) -> V:
    """Return what is known of a node; what is below it is judged first, once for all.

    What is known already is not looked below: asking for every node of a graph takes
    time in proportion to it.
    """
    stack = [node]
    while stack:
        at = stack[-1]
        waiting = [] if at in known else [i for i in at.inputs if i not in known]
        if waiting:
            stack += waiting
            continue
        if at not in known:
            known[at] = judge(at)
        stack.pop()
    return known[node]


def _makes_wild(node: Node) -> bool:
    if node.op.is_elementwise:
        return _has_pole(node)
    return node.op.facts.singular or any(bodies_of(node.attrs))


# --- poles ----------------------------------------------------------------------------


def _has_pole(node: Node) -> bool:
    grids: list[tuple[float, ...]] = []
    for i in node.inputs:
        value = i.attrs["value"] if i.op is LITERAL else None
        if isinstance(value, (int, float)):
            grids.append((float(value),))
        else:
            grids.append(POSITIVE if sign_of(i) > 1 else POINTS)
    return _op_has_pole(node.op, tuple(grids))


@lru_cache(maxsize=1024)
def _op_has_pole(op: Op, grids: tuple[tuple[float, ...], ...]) -> bool:
    """Whether an op, or a partial of it, is infinite or NaN at one of the points."""
    if op.facts.selects or op.vjp is None:
        return False
    points = np.array(list(itertools.product(*grids))).T
    with np.errstate(all="ignore"):
        try:
            values = [op.evaluate(*points)]
        except TypeError:  # not defined on floats
            return False
        # SymPy partials have symbols for these; an op of more operands has functions
        at = zip(OPERANDS, points, strict=False)
        env = {symbol: constant(value) for symbol, value in [*at, (y, values[0])]}
        values += [
            interpret(from_expression(partial, env), {})
            for partial in op.partials
            if isinstance(partial, sp.Basic) and partial.has(sp.Pow)
        ]
    return not all(np.all(np.isfinite(v)) for v in values)


# --- signs ----------------------------------------------------------------------------


def sign_of(node: Node) -> int:
    """Return the sign of a node's values that follows from its formula.

    It is 2, 1 or 0, as in `symdiff.ops.core.signs`.
    """
    return _known(node, _signs, _sign)


def _sign(node: Node) -> int:
    if is_given(node):
        return _sign_of_number(node.attrs["value"])
    rule = node.op.facts.sign or (signs.of_operand if node.op.moves else None)
    return signs.ANY if rule is None else rule(node, [_signs[i] for i in node.inputs])


def _sign_of_number(value: Any) -> int:
    if isinstance(value, sp.Basic):  # a dimension
        return 2 if value.is_positive else 1 if value.is_nonnegative else 0
    if np.size(value) > MOST_LOOKED_AT:
        return 0
    low = np.min(value) if np.size(value) else 0
    return 2 if low > 0 else 1 if low >= 0 else 0
