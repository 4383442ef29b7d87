"""The functions of a generated package, as text.

In: a rewritten `Program` and the names. Out: for each generated function its statements, in the
order prologue, computation, return, and what the templates need around them. Invariant: a body
reads only its arguments; what the backward function needs of the forward one is in Residuals.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symdiff.emit import pycode as py
from symdiff.emit.lower import (
    Context,
    declared_group,
    dim_expression,
    float_dtype,
    lower,
    shape_comment,
)
from symdiff.emit.naming import Names
from symdiff.emit.source import Resolver
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Constraint, collecting_constraints
from symdiff.ops.operands import CONSTANT, LITERAL
from symdiff.plan.partition import Partition, partition
from symdiff.plan.program import Program
from symdiff.plan.schedule import Style, reachable, schedule

WIDTH = 88


@dataclass(slots=True)
class Unit:
    """One program on its way to text: names, levels, and what the modules will share."""

    program: Program
    names: Names
    resolver: Resolver
    level: int
    tensors: dict[Node, Tensor]
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    helpers: set[str] = field(default_factory=set)
    groups: dict[Tensor, Hashable] = field(default_factory=dict)

    def style(self) -> Style:
        """Return how bodies of this unit are scheduled."""
        order = {t.node: i for i, t in enumerate(self.program.wrt)}
        place = {
            g.node: order[v.node]
            for v, g in zip(self.program.wrt, self.program.gradients, strict=True)
        }

        def group(tensor: Tensor) -> Hashable:
            if tensor not in self.groups:
                self.groups[tensor] = declared_group(tensor, self.resolver)
            return self.groups[tensor]

        def rank(tensor: Tensor) -> tuple[int, ...]:
            return (0, place[tensor.node]) if tensor.node in place else (1, 0)

        def named(tensor: Tensor) -> bool:
            return bool(
                self.names.user_name(tensor)
            ) or self.names.is_cotangent_of_named(tensor)

        return Style(self.level, named, group, rank)


def new_unit(program: Program, base: str, level: int) -> Unit:
    """Return a unit whose leaves and dims have their names."""
    resolver = Resolver(base)
    symbols: dict[str, None] = {}
    for leaf in program.leaves:
        for d in leaf.shape:
            if isinstance(d, sp.Expr):
                symbols.update((s.name, None) for s in sorted(d.free_symbols, key=str))
    names = Names(resolver, program.leaves, symbols)
    unit = Unit(program, names, resolver, level, program.tensors())
    predicted = program.output_tensors()
    for t in sorted(
        [*unit.tensors.values(), *predicted.values()], key=lambda t: t.serial
    ):
        if names.user_name(t) and not t.node.op.leaf:
            names.of(t)
    return unit


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A generated function: its body's statements, printed, and the residuals it hands on."""

    body: str
    statements: int


def _context(
    unit: Unit,
    given: dict[Node, py.Expr],
    arrays: Sequence[Node],
    tensors: dict[Node, Tensor],
) -> Context:
    """Return the lowering context of a body; ``arrays`` may tell the float dtype."""
    source = next(
        (given[n] for n in arrays if n.dtype.is_float and n.shape), None
    ) or next((given[n] for n in arrays if n.dtype.is_float), None)
    return Context(
        unit.names,
        unit.resolver,
        tensors,
        given,
        source,
        unit.constants,
        unit.helpers,
        {t.node: i for i, t in enumerate(unit.program.randoms)},
    )


def leaf_name(unit: Unit, leaf: Tensor) -> py.Name:
    """Return the variable of a leaf."""
    return py.Name(unit.names.of(leaf))


def _unpack_params(unit: Unit, used: Sequence[Tensor], source: str) -> list[py.Stmt]:
    """Return ``W, b = params["W"], params["b"]``, a line each where that is too long."""
    if not used:
        return []
    targets = [leaf_name(unit, p) for p in used]
    values = [py.Index(py.Name(source), (py.Lit(p.node.attrs["name"]),)) for p in used]
    joined = py.Assign(
        tuple(targets), values[0] if len(used) == 1 else py.Tuple_(tuple(values))
    )
    text = py.print_stmts([joined], indent=4, width=10_000)
    if len(text.rstrip("\n")) <= WIDTH:
        return [joined]
    return [py.Assign((t,), v) for t, v in zip(targets, values, strict=True)]


def _used(nodes: Iterable[Node], results: Iterable[Node]) -> set[Node]:
    found = set(results)
    for n in nodes:
        found.update(n.inputs)
    return found


@dataclass(slots=True)
class Body:
    """A body under construction: the statements of its computation and its context."""

    context: Context
    computation: list[py.Stmt]
    order: list[Node]
    results: list[Node]

    def value(self, node: Node) -> py.Expr:
        """Return the expression of a result."""
        from symdiff.emit.lower import expression_of

        return expression_of(node, self.context)


def compute(
    unit: Unit,
    results: Sequence[Node],
    given: dict[Node, py.Expr],
    tensors: dict[Node, Tensor] | None = None,
    headings: bool = True,
) -> Body:
    """Schedule and lower the computation of ``results`` from ``given``."""
    tensors = unit.tensors if tensors is None else tensors
    context = _context(unit, given, list(given), tensors)
    context.headings = headings
    steps = schedule(results, given, tensors, unit.style())
    order = reachable(results, set(given))
    return Body(context, lower(steps, context), order, list(results))


def constraints_of(order: Sequence[Node]) -> list[Constraint]:
    """Return what the nodes assume of dims and only run time can tell, each once."""
    with collecting_constraints() as found:
        for node in order:
            node.op.infer(*(i.type for i in node.inputs), **node.attrs)
    return list(dict.fromkeys(found))


def check_dims(found: Sequence[Constraint], context: Context) -> list[py.Stmt]:
    """Return the statements that raise ValueError where a constraint fails."""
    made: list[py.Stmt] = []
    for c in found:
        left = dim_expression(c.left, context)
        if c.right is None:
            test: py.Expr = py.Binary("<", left, py.Lit(1))
            message = f"{c.reason} needs at least one element, but {c.left} is 0"
        else:
            test = py.Binary("!=", left, dim_expression(c.right, context))
            message = f"lengths must agree: {c.left} != {c.right}"
        error = py.Call(py.Name("ValueError"), (py.Lit(message),))
        made.append(py.If(test, (py.Raise(error),)))
    return made


def returned(body: Body, node: Node, taken: set[str]) -> py.Expr:
    """Return a result as it is handed to the caller: of the declared dtype, aliasing nothing."""
    value = body.value(node)
    if not node.shape and node.dtype.is_float:
        return py.Call(py.Attr(float_dtype(body.context), "type"), (value,))
    base = node
    while base.op.view and base.inputs:
        base = base.inputs[0]
    text = py.expr_text(value)
    aliased = (
        base in body.context.given or text in taken or base.op.name == "broadcast_to"
    )
    taken.add(text)
    return py.method(value, "copy") if aliased else value


def split(unit: Unit) -> Partition:
    """Return the forward and backward halves of a unit's program, residuals in reading order."""
    p = unit.program
    found = partition(
        [t.node for _, t in p.results],
        [g.node for g in p.gradients],
        [s.node for s in p.seeds],
        [t.node for t in (*p.params, *p.states)],
    )
    targets = {t.node for t in p.targets}
    inputs = [t.node for t in (*p.inputs, *p.targets)]

    def place(node: Node) -> tuple[int, int]:
        rank = 2 if node in targets else 0 if node in inputs else 1
        return (
            rank,
            inputs.index(node) if node in inputs else unit.tensors[node].serial,
        )

    return Partition(
        found.forward, found.backward, tuple(sorted(found.residuals, key=place))
    )


def residual_fields(unit: Unit, residuals: Sequence[Node]) -> list[tuple[str, str]]:
    """Return the fields of Residuals: name and type in words."""
    return [(unit.names.of(unit.tensors[n]), shape_comment(n)) for n in residuals]


def free(node: Node) -> bool:
    """Whether a node is a literal or constant."""
    return node.op is LITERAL or node.op is CONSTANT
