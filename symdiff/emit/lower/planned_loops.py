"""A `scan` whose turns are planned, as a Python ``for``.

In: the place of a `scan` in a memory plan, and its steps. Out: the loop, whose stacks
and carries lie in memory that the plan holds. Invariant: a turn reads its carries as
they are before it. They lie in rows of a stack, in memory of their own, which is filled
before the loop, or are variables that are bound anew when a turn ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from symdiff.emit.lower.carried import (
    carries_of,
    inner_context,
    operand_names,
    rebound,
    results_of,
    row_at,
    strong_values,
)
from symdiff.emit.lower.context import Context, dim_expression
from symdiff.emit.lower.planned import Lowered, fill
from symdiff.emit.lower.scans import name_rows, stack_name
from symdiff.emit.lower.statements import expression_of, is_zeros
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import CONSTANT
from symdiff.plan.buffers import Allocation, LoopPlan
from symdiff.plan.schedule import Step
from symdiff.rewrite.prune import live_outputs


@dataclass(slots=True)
class _Loop:
    """A loop that is lowered: its plan, and the variables of what it holds."""

    node: Node
    plan: LoopPlan
    names: Sequence[py.Name]  # of carries, by index
    counter: py.Name
    stacks: dict[int, py.Name]
    memory: Mapping[int, py.Name]  # of carries and stacks: fields of the plan

    @property
    def body(self) -> Body:
        body = self.node.attrs["body"]
        assert isinstance(body, Body)
        return body

    def before(self, stack: int) -> py.Expr:
        """Return what a carry is before a turn, if it lies in the rows of a stack."""
        return self._row(stack, self.node.attrs["reverse"])

    def after(self, stack: int) -> py.Expr:
        """Return the row that a turn writes."""
        later = stack in self.plan.seats.rows and not self.node.attrs["reverse"]
        return self._row(stack, later)

    def _row(self, stack: int, later: bool) -> py.Expr:
        at: py.Expr = self.counter
        if later:
            at = py.Binary("+", at, py.Lit(1))
        return py.Index(self.memory[stack], (at,))

    def first(self, stack: int) -> py.Expr:
        """Return the row of a carry before all turns."""
        at = -1 if self.node.attrs["reverse"] else 0
        return py.Index(self.memory[stack], (py.Lit(at),))

    def ended(self, stack: int) -> py.Expr:
        """Return the row of a carry after all turns."""
        at = 0 if self.node.attrs["reverse"] else -1
        return py.Index(self.memory[stack], (py.Lit(at),))

    def whole(self, stack: int) -> py.Expr:
        """Return the stack, without the row of the last carry."""
        if stack not in self.plan.seats.rows:
            return self.memory[stack]
        back = self.node.attrs["reverse"]
        cut = py.Slice(py.Lit(1), None) if back else py.Slice(None, py.Lit(-1))
        return py.Index(self.memory[stack], (cut,))


def lower_planned_loop(
    place: Allocation, step: Step, lowered: Lowered, context: Context
) -> list[py.Stmt]:
    """Return the statements of a loop whose turns are planned."""
    node, (steps,), plan = step.tensor.node, step.bodies, place.loop
    assert plan is not None
    seats, spec = plan.seats, LoopSpec.of(node.attrs)
    body: Body = node.attrs["body"]
    items = context.items_of(node)
    n, (_, row_params, _) = len(spec.carries), spec.split(body.params)
    _, read = live_outputs(node, set(items))
    made, operands = operand_names(node, n, body.params[n:], context, read)
    rows, rest = operands[: len(spec.rows)], operands[len(spec.rows) :]
    ends = {i: items[i] for i in spec.carries if i in items}
    context.names.reserve(items.values())
    own = context.names.inside()
    names, results = carries_of(node, ends, context, own)
    memory = {i: py.Name(lowered.buffers[b]) for i, b in plan.held.items()}
    counter = py.Name(own.counter("t"))
    loop = _Loop(node, plan, names, counter, {}, memory)
    made += _started(loop, context)
    given = list(names)
    head: list[py.Stmt] = []
    for j, i in seats.rows.items():
        given[i] = py.Name(own.counter(f"{names[i].id}_prev"))
        head.append(py.Assign((given[i],), loop.before(j)))
    name_rows(row_params, spec.split(node.inputs)[1], context, own)
    row_names = [py.Name(own.of(p)) for p in row_params]
    pairs = zip(row_names, rows, row_params, strict=True)
    head += [
        py.Assign((name,), row_at(row, counter))
        for name, row, p in pairs
        if p.node in read
    ]
    inner = inner_context(body, [*given, *row_names, *rest], steps, own, context)
    turn = replace(lowered, stmts=[], destinations=_goals(loop), fixed=None)
    wanted = [s for s in steps if s.tensor.node.op is not CONSTANT]
    fill(plan.turn, wanted, {}, turn, inner, step.group)
    lowered.bits = turn.bits
    for i, t in items.items():
        if i in seats.stacks or i in seats.rows:
            _name_stack(i, t, loop, inner, context)
    ended = _ended(loop, inner)
    context.float_read = context.float_read or inner.float_read
    turns = py.call("range", dim_expression(node.attrs["length"], context))
    if node.attrs["reverse"]:
        turns = py.call("reversed", turns)
    made += [py.Assign((name,), loop.whole(j)) for j, name in loop.stacks.items()]
    made.append(py.For(counter, turns, (*head, *turn.stmts, *ended)))
    made += [
        py.Assign((names[i],), loop.ended(j))
        for j, i in seats.rows.items()
        if i in ends
    ]
    made += results_of(names, results, ends, context)
    for i, first in seats.again.items():
        context.written[items[i].node] = loop.stacks[first]
        context.names.share(items[i], items[first])
    return made


def _started(loop: _Loop, context: Context) -> list[py.Stmt]:
    """Return what fills carries before the first turn, and gives them their names."""
    seats, target = loop.plan.seats, context.target
    places: dict[int, py.Expr] = {i: loop.memory[i] for i in seats.own}
    places |= {i: loop.first(j) for j, i in seats.rows.items()}
    made: list[py.Stmt] = []
    for i, place in places.items():
        start = loop.node.inputs[i]
        if is_zeros(start, context):
            made.append(py.ExprStmt(py.method(place, "fill", py.Lit(0))))
            continue
        made.append(py.ExprStmt(target.copy_into(place, _unstretched(start, context))))
    variables = [*seats.last, *seats.plain]
    values = strong_values([loop.node.inputs[i] for i in variables], context)
    targets = [loop.names[i] for i in (*variables, *seats.own)]
    return made + rebound(targets, [*values, *(loop.memory[i] for i in seats.own)])


def _unstretched(node: Node, context: Context) -> py.Expr:
    """Return a value for a copy, in which NumPy repeats what is repeated."""
    while node.op.facts.repeats and context.at_hand(node) is None:
        node = node.inputs[0]
    return expression_of(node, context)


def _goals(loop: _Loop) -> dict[str, py.Expr]:
    """Return the memory that a turn fills, by the names of destinations."""
    seats = loop.plan.seats
    goals: dict[str, py.Expr] = {
        f"row:{i}": loop.after(i) for i in (*seats.stacks, *seats.rows)
    }
    return goals | {f"carry:{i}": loop.names[i] for i in seats.own}


def _name_stack(
    i: int, stack: Tensor, loop: _Loop, inner: Context, context: Context
) -> None:
    """Name a stack after its rows."""
    value = loop.body.outputs[i]
    told = inner.at_hand(value.node) or loop.memory[i]
    leaves = {p.node for p in loop.body.params}
    if i in loop.plan.seats.rows:  # the row is a carry as it is before the turn
        told = loop.names[loop.plan.seats.rows[i]]
    elif told == loop.memory[i] or not isinstance(told, py.Name):
        told = py.Index(loop.memory[i], ())
    name = stack_name(stack, value, told, inner, context, leaves)
    loop.stacks[i] = name
    context.written[stack.node] = name


def _ended(loop: _Loop, inner: Context) -> list[py.Stmt]:
    """Return what ends a turn: copies of what lies elsewhere, and new variables."""
    plan, seats, target = loop.plan, loop.plan.seats, inner.target
    goals, made = _goals(loop), list[py.Stmt]()
    for _, node, aside in plan.turn.copies:
        if aside:
            name = py.Name(inner.names.counter("aside"))
            value = target.copied(expression_of(node, inner))
            made.append(py.Assign((name,), value))
            inner.written[node] = name
    outputs = loop.body.outputs
    for i in seats.stacks:
        if not outputs[i].shape:
            value = strong_values([outputs[i].node], inner)[0]
            made.append(py.Assign((goals[f"row:{i}"],), value))
    for buffer, node, _ in plan.turn.copies:
        value, goal = _unstretched(node, inner), goals[buffer.name]
        if isinstance(goal, py.Name):
            made.append(py.ExprStmt(target.copy_into(goal, value)))
        else:
            made.append(py.Assign((goal,), value))
    values = strong_values([outputs[i].node for i in seats.plain], inner)
    rows: list[py.Expr] = [loop.after(j) for j in seats.last.values()]
    targets = [loop.names[i] for i in (*seats.plain, *seats.last)]
    return made + rebound(targets, [*values, *rows])
