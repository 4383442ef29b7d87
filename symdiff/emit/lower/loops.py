"""Loops and branches as Python statements.

In: a `scan`, `while_loop` or `cond` node. Out: a ``for``, ``while`` or ``if`` over the
statements of its body. Invariant: loops stay loops; carries are rebound, never written
into, so the initial values are not changed.
"""

from __future__ import annotations

from symdiff.emit.lower.carried import (
    carries_of,
    computed,
    inner_context,
    operand_names,
    rebound,
    results_of,
    set_aside,
    strong_values,
)
from symdiff.emit.lower.context import (
    Context,
    dim_expression,
    dtype_expression,
    float_dtype,
)
from symdiff.emit.lower.scans import lower_scan
from symdiff.emit.lower.statements import expression_of
from symdiff.emit.lower.turns import Carry, planned_turn
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.scan import SCAN
from symdiff.ops.control.while_loops import WHILE
from symdiff.plan.schedule import Step
from symdiff.rewrite.prune import live_outputs


def lower_control(step: Step, context: Context) -> list[py.Stmt]:
    """Return the statements of a loop or branch."""
    op = step.tensor.node.op
    lowered = lower_scan if op is SCAN else _while if op is WHILE else _cond
    return lowered(step, context)


# --- while ----------------------------------------------------------------------------


def _while(step: Step, context: Context) -> list[py.Stmt]:
    node, (tested, repeated) = step.tensor.node, step.bodies
    test, body, n = node.attrs["test"], node.attrs["body"], node.attrs["carries"]
    items = context.items_of(node)
    live, read = live_outputs(node, set(items))
    made, rest = operand_names(node, n, body.params[n:], context, read)
    ends = {i: items[i] for i in range(n) if i in items}
    context.names.reserve(items.values())
    for t in ends.values():
        context.names.of(t)
    own = context.names.inside()
    names, results = carries_of(node, ends, context, own)
    carries = [names[i] for i in live]
    starts = [node.inputs[i] for i in live]
    made += rebound(carries, strong_values(starts, context))
    kept: dict[int, py.Name] = {}
    for i in (i for i in range(n) if n + i in items):
        context.names.stack(items[n + i], names[i].id)
        kept[i] = py.Name(own.counter(f"{context.names.of(items[n + i])}_list"))
    made += [py.Assign((name,), py.List_(())) for name in kept.values()]
    turns = _turns(node, context)
    if turns is not None and not kept:
        made.append(py.Assign((turns,), py.Lit(0)))
    given, aside = [*names, *rest], own.inside()
    checks, condition = computed(
        test.outputs,
        tested,
        inner_context(test, given, tested, aside, context),
        context,
    )
    carried = [Carry(body.params[i], body.outputs[i], names[i].id) for i in live]
    turn = planned_turn(repeated, carried, (p.node for p in body.params), (), own)
    stmts, values = computed(
        [body.outputs[i] for i in live],
        repeated,
        inner_context(body, given, repeated, own, context, turn),
        context,
    )
    inside: list[py.Stmt] = [
        py.ExprStmt(py.method(name, "append", names[i])) for i, name in kept.items()
    ]
    inside += set_aside(body.params[:n], names, turn)
    inside += [*stmts, *rebound(carries, values)]
    if turns is not None and not kept:
        inside.append(py.AugAssign(turns, "+", py.Lit(1)))
    goes_on = condition[0]
    last = checks[-1] if checks else None
    alone = all(isinstance(s, (py.Comment, py.Blank)) for s in checks[:-1])
    if alone and isinstance(last, py.Assign) and last.targets == (goes_on,):
        goes_on, checks = last.value, []  # nothing else is computed
    if checks:
        leave = py.If(py.Unary("not", goes_on), (py.Break(),))
        made.append(py.While(py.Lit(True), (*checks, leave, *inside)))
    else:
        made.append(py.While(goes_on, tuple(inside)))
    if turns is not None:
        if kept:
            first = next(iter(kept.values()))
            made.append(py.Assign((turns,), py.call("len", first)))
        context.lengths[str(node.attrs["steps"])] = turns.id
    for i, name in kept.items():
        stack = items[n + i]
        shape = py.Tuple_(tuple(dim_expression(d, context) for d in stack.shape))
        target = py.Name(context.names.of(stack))
        dtype = dtype_expression(stack.dtype, context)
        made += context.target.stacked(target, name, shape, dtype)
        context.written[stack.node] = target
    return [*made, *results_of(names, results, ends, context)]


def _turns(node: Node, context: Context) -> py.Name | None:
    """Return the variable for a loop's trip count, if it is read.

    Its symbol is known after the loop, and in bodies that follow; a loop in another
    body may use the same symbol for a trip count of its own.
    """
    steps = node.attrs["steps"]
    return None if steps is None else py.Name(context.names.claim("steps"))


# --- cond -----------------------------------------------------------------------------


def _cond(step: Step, context: Context) -> list[py.Stmt]:
    node = step.tensor.node
    sides: list[tuple[py.Stmt, ...]] = []
    items = context.items_of(node)
    used = sorted(items)
    made: list[py.Stmt] = []
    before, operands = operand_names(node, 1, node.attrs["then"].params, context)
    made += before
    targets = [py.Name(context.names.of(items[i])) for i in used]
    for name, steps in zip(("then", "otherwise"), step.bodies, strict=True):
        body = node.attrs[name]
        inner = inner_context(
            body, operands, steps, context.names.inside(turns=False), context
        )
        stmts, values = computed([body.outputs[i] for i in used], steps, inner, context)
        stores = [
            py.Assign((t,), _scalar(v, body.outputs[i], context))
            for t, v, i in zip(targets, values, used, strict=True)
        ]
        sides.append((*stmts, *stores))
    made.append(py.If(expression_of(node.inputs[0], context), sides[0], sides[1]))
    for i, target in zip(used, targets, strict=True):
        context.written[items[i].node] = target
    return made


def _scalar(value: py.Expr, tensor: Tensor, context: Context) -> py.Expr:
    """Return a literal result as a scalar of its dtype, so that both sides agree."""
    if isinstance(value, py.Lit) and tensor.dtype.is_float:
        return py.Call(context.target.scalar_kind(float_dtype(context)), (value,))
    return value
