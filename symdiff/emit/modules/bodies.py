"""The functions of a generated package, as text.

In: a rewritten `Program` and the names. Out: for each generated function its
statements, in the order prologue, computation, return, and what the templates need
around them. Invariant: a body reads only its arguments; what the backward function
needs of the forward one is in Residuals.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sympy as sp

from symdiff.emit.lower.comments import declared_group
from symdiff.emit.lower.context import (
    Context,
    dim_expression,
    float_source,
    scalar_type,
)
from symdiff.emit.lower.kernels import Kernels
from symdiff.emit.lower.loops import lower_control
from symdiff.emit.lower.naming import Names, user_name
from symdiff.emit.lower.source import Resolver
from symdiff.emit.lower.statements import expression_of, is_filled, lower
from symdiff.emit.python import code as py
from symdiff.emit.targets import Target
from symdiff.emit.targets.numba.loops import lower_compiled
from symdiff.emit.targets.numpy import NUMPY
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import (
    Constraint,
)
from symdiff.ops.control.branches import COND
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.constraints import apart, strongest
from symdiff.plan.cost import Cost, cost
from symdiff.plan.fingerprint import fingerprint
from symdiff.plan.functions import Functions
from symdiff.plan.program import Program
from symdiff.plan.routine import Routine
from symdiff.plan.schedule import LITERAL_ELEMENTS, Style

WIDTH = 88
MESSAGE = 74  # columns for an error's message on a line of its own


@dataclass(frozen=True)
class Unit:
    """One program to be printed: its functions, names, and constants of its modules.

    ``blocks`` says that what repeats becomes a function of its own.
    """

    functions: Functions
    names: Names
    resolver: Resolver
    style: Style
    target: Target = NUMPY
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    blocks: bool = False

    @property
    def program(self) -> Program:
        """The program that the functions compute."""
        return self.functions.program

    @property
    def tensors(self) -> Mapping[Node, Tensor]:
        """The tensor that stands for each node of the training half."""
        return self.program.tensors

    @cached_property
    def facts(self) -> tuple[str, Cost]:
        """The hash of the graph and the cost of its computation, for headers."""
        trains = "backward" in self.functions.routines
        tensors = self.tensors if trains else self.program.output_tensors
        return fingerprint(self.program), cost(tensors)


def style_of(program: Program, resolver: Resolver, level: int) -> Style:
    """Return how the functions of a program are written."""
    order = {t.node: i for i, t in enumerate(program.wrt)}
    # before derivatives are taken there are no gradients
    derived = [
        pair
        for p in (program.planned, program)
        for pair in zip(p.wrt, p.gradients, strict=False)
    ]
    place = {g.node: order[v.node] for v, g in derived}
    groups: dict[Tensor, Hashable] = {}

    def group(tensor: Tensor) -> Hashable:
        if tensor not in groups:
            groups[tensor] = declared_group(tensor, resolver)
        return groups[tensor]

    def rank(tensor: Tensor) -> tuple[int, ...]:
        return (0, place[tensor.node]) if tensor.node in place else (1, 0)

    def named(tensor: Tensor) -> bool:
        primals = (primal for _, primal in tensor.cotangent_of)
        return bool(user_name(tensor, resolver)) or any(
            user_name(primal, resolver) for primal in primals
        )

    return Style(level, named, group, rank)


def new_unit(
    functions: Functions,
    resolver: Resolver,
    style: Style,
    trains: bool = False,
    words: Iterable[str] = (),
) -> Unit:
    """Return a unit whose leaves and dims have names, none of them in ``words``.

    With ``trains``, and always for a model, arguments do not collide with the local
    names of train.py's functions.
    """
    program = functions.program
    symbols: dict[str, None] = {}
    for leaf in program.leaves:
        for d in leaf.shape:
            if isinstance(d, sp.Expr):
                symbols.update((s.name, None) for s in sorted(d.free_symbols, key=str))
    given = (*program.inputs, *program.targets)
    arguments = given if trains or program.is_model else ()
    names = Names(resolver, program.leaves, symbols, arguments, words)
    return Unit(functions, names, resolver, style)


def bare_unit(
    program: Program,
    base: str,
    level: int,
    trains: bool = False,
    words: Iterable[str] = (),
) -> Unit:
    """Return the unit of a program without functions, which the caller plans."""
    resolver = Resolver(base)
    style = style_of(program, resolver, level)
    return new_unit(Functions(program, {}), resolver, style, trains, words)


def new_context(
    unit: Unit,
    given: dict[Node, py.Expr],
    arrays: Sequence[Node],
    tensors: Mapping[Node, Tensor],
    names: Names,
    kernels: Kernels | None = None,
) -> Context:
    """Return the lowering context of a body; one of ``arrays`` has the float dtype.

    ``kernels`` are where loops that are taken out of it go, if the target has such.
    """
    source = float_source(arrays)
    return Context(
        names,
        unit.resolver,
        tensors,
        given,
        given[source] if source is not None else None,
        unit.constants,
        unit.target,
        {t.node: i for i, t in enumerate(unit.program.randoms)},
        float_node=source,
        control=lower_control if kernels is None else lower_compiled,
        kernels=kernels,
    )


def leaf_name(unit: Unit, leaf: Tensor) -> py.Name:
    """Return the variable of a leaf."""
    return py.Name(unit.names.of(leaf))


def unpack_params(unit: Unit, used: Sequence[Tensor], source: str) -> list[py.Stmt]:
    """Return ``W, b = params["W"], params["b"]``, or one line each if it is long."""
    if not used:
        return []
    targets = [leaf_name(unit, p) for p in used]
    values = [py.Index(py.Name(source), (py.Lit(str(p.name)),)) for p in used]
    joined = py.Assign(
        tuple(targets), values[0] if len(used) == 1 else py.Tuple_(tuple(values))
    )
    text = py.print_stmts([joined], indent=4, width=10_000)
    if len(text.rstrip("\n")) <= WIDTH:
        return [joined]
    return [py.Assign((t,), v) for t, v in zip(targets, values, strict=True)]


def read_nodes(nodes: Iterable[Node], results: Iterable[Node]) -> set[Node]:
    found = set(results)
    for n in nodes:
        found.update(n.inputs)
    return found


def used_nodes(body: FunctionBody) -> set[Node]:
    """Return the nodes that a body reads or returns, and the one with its dtype."""
    found = read_nodes(body.order, body.results)
    if body.context.float_read and body.context.float_node is not None:
        found.add(body.context.float_node)
    return found - body.apart


@dataclass(slots=True)
class FunctionBody:
    """A body under construction: the statements of its computation and its context."""

    context: Context
    computation: list[py.Stmt]
    order: Sequence[Node]
    results: list[Node]
    apart: frozenset[Node] = frozenset()  # parameters that only its blocks read

    @property
    def names(self) -> Names:
        """The names of the function."""
        return self.context.names

    def value(self, node: Node) -> py.Expr:
        """Return the expression of a result."""
        return expression_of(node, self.context)


def compute(
    unit: Unit,
    routine: Routine,
    given: dict[Node, py.Expr],
    headings: bool = True,
    arrays: Sequence[Node] | None = None,
    dtype: str | None = None,
    names: Names | None = None,
    kernels: str = "",
) -> FunctionBody:
    """Lower the steps of a routine; ``given`` are the expressions of its arguments.

    ``arrays`` are the given values from which the float dtype may be read (by default
    all), and ``dtype`` is the variable that holds it if there is none. ``names`` are
    the function's, by default new ones. Where the target has kernels, they are called
    as the form ``kernels`` says ("_forward_{}"); without one there are none.
    """
    telling = list(given) if arrays is None else arrays
    names = unit.names.function() if names is None else names
    names.reserve(t for s in routine.steps for t in s.tensors)
    steps, p = {s.tensor.node for s in routine.steps}, unit.program
    named = (*p.outputs, *p.results, *p.metrics)
    names.reserve_results((k, t) for k, t in named if t.node in steps)
    made = Kernels(kernels) if unit.target.kernels and kernels else None
    context = new_context(unit, given, telling, routine.tensors, names, made)
    context.headings = headings
    context.float_is = None if dtype is None else py.name(dtype)
    context.numbers = routine.forms
    context.results = set(routine.results)
    stmts = lower(routine.steps, context)
    return FunctionBody(context, stmts, routine.order, list(routine.results))


def check_dims(found: Sequence[Constraint], context: Context) -> list[py.Stmt]:
    """Return the statements that raise ValueError where a constraint fails."""
    made: list[py.Stmt] = []
    for c in strongest(found):
        left, least = c.left, 1
        if c.right is None:
            if isinstance(left, sp.Expr):
                more, left = apart(left)
                least -= more
            test: py.Expr = py.Binary("<", dim_expression(left, context), py.Lit(least))
            message = f"{c.reason} needs at least one element, but {left} is 0"
            if len(message) > MESSAGE or least != 1:
                message = f"{c.reason} needs {left} >= {least}"
        else:
            right = dim_expression(c.right, context)
            test = py.Binary("!=", dim_expression(left, context), right)
            message = f"lengths must agree: {left} != {c.right}"
        error = py.Call(py.Name("ValueError"), (py.Lit(message),))
        made.append(py.If(test, (py.Raise(error),)))
    return made


def check_lengths(
    unit: Unit, leaves: Sequence[Tensor], context: Context
) -> list[py.Stmt]:
    """Return the checks of axes that are declared as expressions, such as 2*N."""
    known = {d for t in leaves for d in t.shape if isinstance(d, sp.Symbol)}
    made: list[py.Stmt] = []
    for t in leaves:
        for axis, d in enumerate(t.shape):
            if isinstance(d, (int, sp.Symbol)) or not d.free_symbols <= known:
                continue
            name = leaf_name(unit, t)
            length = py.Index(py.Attr(name, "shape"), (py.Lit(axis),))
            test = py.Binary("!=", length, dim_expression(d, context))
            message = f"{t.name}: the length of axis {axis} must be {d}"
            error = py.call("ValueError", py.Lit(message))
            made.append(py.If(test, (py.Raise(error),)))
    return made


def origin(node: Node) -> Node:
    """Return the value that a node is a view of, at the end of a chain of views."""
    while node.op.view and node.inputs:
        node = node.inputs[0]
    return node


def _may_alias(node: Node, context: Context) -> bool:
    """Whether the result of a node may share memory with another array.

    The user's own op may return its operand, and so may a branch; a loop that never
    runs returns the initial value. A carry may be a row, an operand, or the same array
    as another carry.
    """
    if node.op is not ITEM:
        return node.op.facts.lends(node)
    source, index = node.inputs[0], node.attrs["index"]
    if source.op is COND:
        return True
    if "carries" not in source.attrs:
        return False
    ends = [origin(t.node) for t in source.attrs["body"].outputs]
    if index >= source.attrs["carries"]:  # equal values are stacked once
        return index < len(ends) and ends.count(ends[index]) > 1
    if ends[index].op is BOUND or ends.count(ends[index]) > 1:
        return True
    if _may_alias(ends[index], context):
        return True
    runs = source.attrs.get("length")
    if isinstance(runs, int) and runs > 0:
        return False
    start = source.inputs[index]
    return not is_filled(start, context) or context.at_hand(start) is not None


def _is_reduced(node: Node) -> bool:
    """Whether a scalar is NumPy's, of the declared dtype: that of the reduced array."""
    if not node.op.facts.reduces:
        return False
    (array,) = node.inputs
    return bool(array.shape) and array.dtype == node.dtype


def returned(body: FunctionBody, node: Node, taken: set[Node]) -> py.Expr:
    """Return the expression of a result: of the declared dtype, aliasing nothing.

    ``taken`` are the values of other results already returned; this one is added.
    """
    value = body.value(node)
    context = body.context
    if not node.shape and node.dtype.is_float:
        if _is_reduced(node):
            return value
        return py.Call(scalar_type(node.dtype, context), (value,))
    source, current = origin(node), node
    stretched = False
    while current is not source:
        stretched = stretched or current.op.facts.read_only
        current = current.inputs[0]
    stored = node.op is CONSTANT and node.attrs["value"].size > LITERAL_ELEMENTS
    if is_filled(node, context):
        stretched, source = False, node
    copied = source in context.given or source in taken or stretched or stored
    copied = copied or _may_alias(source, context)
    taken.add(source)
    return context.target.copied(value) if copied else value
