"""A `scan` as a Python ``for``.

In: a `scan` node with the steps of its body. Out: the loop over its statements, after
the initial carries and the stacks. Invariant: carries are rebound, never written into,
so the initial values are not changed; stacks are allocated once, before the loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from symdiff.emit.lower.carried import (
    added_up,
    computed,
    inner_context,
    operand_names,
    rebound,
    stack_of,
    strong_values,
    variables_of,
)
from symdiff.emit.lower.context import Context, dim_expression
from symdiff.emit.lower.statements import expression_of, is_filled
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.plan.schedule import Step
from symdiff.rewrite.prune import live_outputs

STEPS = re.compile(r"(\w+)_steps(?:_\d+)?$")  # a stack of all steps


def lower_scan(step: Step, context: Context) -> list[py.Stmt]:
    node = step.tensor.node
    body: Body = node.attrs["body"]
    spec = LoopSpec.of(node.attrs)
    n, (_, row_params, _) = len(spec.carries), spec.split(body.params)
    items = context.items_of(node)
    needed, read = live_outputs(node, set(items))
    live = [i for i in needed if i in spec.carries]
    _name_rows(row_params, spec.split(node.inputs)[1], context)
    names = variables_of(node, body.params, context, items)
    made, operands = operand_names(node, n, names[n:], context, read)
    rows, rest = operands[: len(spec.rows)], operands[len(spec.rows) :]
    carries = [names[i] for i in live]
    starts = [node.inputs[i] for i in live]
    made += rebound(carries, strong_values(starts, context))
    stacks = {
        i: py.Name(context.names.of(items[i]))
        for i in range(n, len(body.outputs))
        if i in items
    }
    made += [stack_of(name, node, i, context) for i, name in stacks.items()]
    counts = bool(stacks) or any(p.node in read for p in row_params)
    counter = py.Name(context.names.claim("t") if counts else "_")
    row_names = _row_names(spec.split(names)[1], rows, context)
    inner = inner_context(body, [*names[:n], *row_names, *rest], context)
    stmts, values = computed(
        [body.outputs[i] for i in (*live, *stacks)], step.bodies[0], inner, context
    )
    inside: list[py.Stmt] = [
        py.Assign((name,), py.Index(row, (counter,)))
        for name, row, p in zip(row_names, rows, row_params, strict=True)
        if p.node in read
    ]
    inside += stmts
    inside += [
        py.Assign((py.Index(name, (counter,)),), value)
        for name, value in zip(stacks.values(), values[len(live) :], strict=True)
    ]
    inside += added_up(
        rebound(carries, values[: len(live)]), _own_totals(node, names, context)
    )
    if rows and not counts and is_counted(node.attrs["length"]):
        steps = expression_of(node.inputs[n], context)  # only its length is used
    else:
        steps = py.call("range", dim_expression(node.attrs["length"], context))
        if node.attrs["reverse"]:
            steps = py.call("reversed", steps)
    made.append(py.For(counter, steps, tuple(inside) or (py.Pass(),)))
    for i in spec.carries:
        if i in items:
            context.written[items[i].node] = names[i]
    for i, name in stacks.items():
        context.written[items[i].node] = name
    return made


def _own_totals(
    node: Node, names: Sequence[py.Name], context: Context
) -> frozenset[py.Expr]:
    """Return the carries that start as arrays of zeros made for this loop."""
    return frozenset(
        names[i]
        for i in range(node.attrs["carries"])
        if node.inputs[i].shape
        and is_filled(node.inputs[i], context)
        and context.at_hand(node.inputs[i]) is None
    )


def _name_rows(
    params: Sequence[Tensor], sources: Sequence[Node], context: Context
) -> None:
    """Name a row of a stack ``error_steps`` error, as in the loop that stacked it."""
    for p, source in zip(params, sources, strict=True):
        stack = context.given.get(source) or context.written.get(source)
        kept = STEPS.match(stack.id) if isinstance(stack, py.Name) else None
        if kept:
            context.names.prefer(p, kept[1])


def _row_names(
    names: Sequence[py.Name], rows: Sequence[py.Expr], context: Context
) -> list[py.Name]:
    """Return the variables of rows: the leaf's name, unless the sequence has it."""
    return [
        py.Name(context.names.claim(f"{name.id}_t")) if name in rows else name
        for name in names
    ]
