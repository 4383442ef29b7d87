"""The cost of a program: operations and memory traffic, as formulas in its dims.

In: nodes. Out: a `Cost`. Invariant: it is an estimate from types alone, by textbook
counts; nothing is measured, so the same graph has the same cost on every machine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from symdiff.graph.body import Body, every_node
from symdiff.graph.node import Node
from symdiff.graph.types import DType, Shape, TensorType, product
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.work import Work, types_of

FLOAT_BYTES = 4  # plain ``float`` is counted as float32
# A polynomial in the dims: coefficients by monomial.
Formula = Counter[sp.Expr]


@dataclass(frozen=True, slots=True)
class Cost:
    """How many nodes there are, their operations, and bytes read and written.

    ``one_turn`` says that there are while loops of which one turn is counted.
    """

    nodes: int
    flops: str
    bytes: str
    one_turn: bool = False

    def __str__(self) -> str:
        more = ", of while loops one turn" if self.one_turn else ""
        counts = f"{self.nodes} nodes, {self.flops} flops, {self.bytes} bytes"
        return f"{counts} read and written in float32{more}"


def cost(nodes: Iterable[Node]) -> Cost:
    """Return the estimated cost of computing every node once."""
    order = list(nodes)
    work, traffic, count = _total(order)
    return Cost(count, _text(work), _text(traffic), has_open_loop(order))


def has_open_loop(nodes: Iterable[Node]) -> bool:
    """Whether there is a while loop, in a body too, whose turns nothing counts."""
    return any(n.attrs.get("steps", 0) is None for n in every_node(nodes))


def formulas(nodes: Iterable[Node]) -> tuple[Formula, Formula]:
    """Return operations and bytes of computing every node once."""
    work, traffic, _ = _total(list(nodes))
    return work, traffic


def whole(formula: Formula) -> sp.Expr:
    """Return a formula as an expression, its coefficients rounded up."""
    return sp.Add(*(sp.ceiling(c) * m for m, c in formula.items()))


def size_of(kind: TensorType) -> tuple[sp.Expr, int]:
    """Return how many elements a value has, and the bytes of each."""
    return sp.expand(product(kind.shape)), _width(kind.dtype)


def _total(nodes: list[Node]) -> tuple[Formula, Formula, int]:
    """Return operations, bytes and the number of nodes, bodies of loops included."""
    sizes: dict[Any, Any] = Counter()
    traffic: Counter[Any] = Counter()
    count = 0
    inner: list[tuple[Formula, Formula]] = []
    for node in nodes:
        count += 1
        if node.op.leaf or is_given(node):
            continue
        bodies = [v for v in node.attrs.values() if isinstance(v, Body)]
        for body in bodies:
            work, moved, more = _total(body.nodes)
            count += more
            times = _length(node)
            inner.append((_scaled(work, times), _scaled(moved, times)))
        if bodies or node.op.view:
            continue
        for shape, factor in _work(node):
            sizes[shape] += factor
        read = (node, *node.inputs[1:]) if node.op.facts.picks else node.inputs
        for t in (node, *read):
            for kind in types_of(t):
                traffic[kind.shape, _width(kind.dtype)] += 1
    work, moved = Counter[sp.Expr](), Counter[sp.Expr]()
    for shape, factor in sizes.items():
        _add(work, product(shape), factor)
    for (shape, width), factor in traffic.items():
        _add(moved, product(shape), factor * width)
    for more_work, more_moved in inner:
        work.update(more_work)
        moved.update(more_moved)
    return work, moved, count


@cache
def _width(dtype: DType) -> int:
    if dtype.is_bool:
        return 1
    digits = "".join(c for c in dtype.name if c.isdigit())
    return int(digits) // 8 if digits else FLOAT_BYTES if dtype.is_float else 8


def _length(node: Node) -> Any:
    """Return the trip count of a loop, or 1 where nothing counts its turns."""
    return node.attrs.get("length") or node.attrs.get("steps") or 1


def _work(node: Node) -> Work:
    """Return pairs of a shape and the number of operations per element of it."""
    if node.op.facts.work is not None:
        return node.op.facts.work(node)
    inputs = [t for i in node.inputs for t in types_of(i)]
    if node.op.is_elementwise or node.op.facts.picks:
        return [(types_of(node)[0].shape, 1)]
    # Reductions read every element once; all other ops write every element once.
    shapes = {t.shape for t in (*inputs, *types_of(node))}
    return [(max(shapes, key=_extent, default=()), 1)]


def _extent(shape: Shape) -> tuple[int, int, str]:
    """Return a sort key for shapes: number of axes, then of elements, if known."""
    known = [d for d in shape if isinstance(d, int)]
    return len(shape), math.prod(known) if len(known) == len(shape) else 0, str(shape)


def _add(total: Formula, size: Any, factor: Any) -> None:
    if isinstance(size, int) and isinstance(factor, int):
        total[sp.S.One] += size * factor
        return
    for monomial, coefficient in sp.sympify(size).as_coefficients_dict().items():
        total[monomial] += coefficient * sp.Rational(factor)


def _scaled(formula: Formula, times: Any) -> Formula:
    found: Formula = Counter()
    for monomial, coefficient in formula.items():
        _add(found, sp.expand(monomial * times), coefficient)
    return found


def _text(formula: Formula) -> str:
    """Return a formula with whole coefficients, in SymPy's order of terms."""
    return str(whole(formula)).replace("**", "^")
