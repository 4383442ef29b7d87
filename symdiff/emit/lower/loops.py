"""Loops and branches as Python statements.

In: a `scan`, `while_loop` or `cond` node. Out: a ``for``, ``while`` or ``if`` over the
statements of its body. Invariant: loops stay loops; carries are rebound, never written
into, so the initial values are not changed; stacks are allocated once, before the loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdiff.emit.lower.context import (
    Context,
    dim_expression,
    dtype_expression,
    float_dtype,
)
from symdiff.emit.lower.statements import (
    expression_of,
    is_filled,
    lower,
    strong,
)
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.branches import COND
from symdiff.ops.control.scan import SCAN
from symdiff.ops.control.while_loops import WHILE
from symdiff.plan.schedule import Step
from symdiff.rewrite.prune import live_outputs

STEPS = re.compile(r"(\w+)_steps(?:_\d+)?$")  # a stack of all steps


def lower_control(step: Step, context: Context) -> list[py.Stmt]:
    """Return the statements of a loop or branch."""
    op = step.tensor.node.op
    lowered = _scan if op is SCAN else _while if op is WHILE else _cond
    return lowered(step, context)


# --- what they share ------------------------------------------------------------------


def _variables(
    node: Node, params: Sequence[Tensor], context: Context, items: Mapping[int, Tensor]
) -> list[py.Name]:
    """Return the names of bound leaves.

    A carry has the name of its result, the value at the end; a leaf that two loops
    share gets a name in each.
    """
    names: list[py.Name] = []
    for i, p in enumerate(params):
        if i in items and i < node.attrs["carries"]:
            names.append(py.Name(context.names.of(items[i])))
            continue
        owner = context.owners.setdefault(p.node, node)
        if owner is node:
            names.append(py.Name(context.names.of(p)))
            continue
        key = (node, p.node)
        if key not in context.shared_names:
            context.shared_names[key] = context.names.claim(context.names.of(p))
        names.append(py.Name(context.shared_names[key]))
    return names


def _operands(
    node: Node,
    start: int,
    variables: Sequence[py.Name],
    context: Context,
    read: set[Node] | None = None,
) -> tuple[list[py.Stmt], list[py.Expr]]:
    """Return assignments, and the names that they give operands from ``start`` on."""
    made: list[py.Stmt] = []
    found: list[py.Expr] = []
    first = 0 if node.op is COND else start
    bodies = [v for v in node.attrs.values() if isinstance(v, Body)]
    for i, (source, variable) in enumerate(
        zip(node.inputs[start:], variables, strict=True)
    ):
        leaves = [b.params[first + i].node for b in bodies]
        if read is not None and not any(leaf in read for leaf in leaves):
            found.append(variable)  # read for a dead carry alone: it has no value
            continue
        e = expression_of(source, context)
        if isinstance(e, (py.Name, py.Lit)):
            found.append(e)
        else:
            made.append(py.Assign((variable,), e))
            context.written[source] = variable
            found.append(variable)
    return made, found


def _inner(body: Body, values: Sequence[py.Expr], context: Context) -> Context:
    """Return the context of a body: its leaves at hand, everything else shared."""
    tensors = {t.node: t for t in tensor_topological([*body.outputs, *body.params])}
    given = {p.node: v for p, v in zip(body.params, values, strict=True)}
    return replace(
        context,
        tensors=tensors,
        given=given,
        written={},
        lengths=dict(context.lengths),
    )


def _computed(
    results: Sequence[Tensor], steps: Sequence[Step], inner: Context, outer: Context
) -> tuple[list[py.Stmt], list[py.Expr]]:
    """Return the statements of a body and the expressions of its results."""
    stmts = lower(steps, inner)
    values = _strong_values([t.node for t in results], inner)
    outer.float_read = outer.float_read or inner.float_read
    return stmts, values


def _strong_values(nodes: Sequence[Node], context: Context) -> list[py.Expr]:
    """Return expressions of values for variables, Python floats in the run's width."""
    return [strong(expression_of(n, context), n, "_0", context) for n in nodes]


def _rebound(targets: Sequence[py.Name], values: Sequence[py.Expr]) -> list[py.Stmt]:
    """Return the assignments of new carries, with the effect of a simultaneous one.

    They are separate statements wherever no later value reads an overwritten carry.
    """
    waiting = [(t, v) for t, v in zip(targets, values, strict=True) if t != v]
    made: list[py.Stmt] = []
    while waiting:
        ready = next(
            (
                pair
                for pair in waiting
                if not any(
                    pair[0] in py.names_in(v) for t, v in waiting if t != pair[0]
                )
            ),
            None,
        )
        if ready is None:
            values_left = py.Tuple_(tuple(v for _, v in waiting))
            return [*made, py.Assign(tuple(t for t, _ in waiting), values_left)]
        made.append(py.Assign((ready[0],), ready[1]))
        waiting.remove(ready)
    return made


def _added_up(stmts: Sequence[py.Stmt], totals: frozenset[py.Expr]) -> list[py.Stmt]:
    """Replace ``total = total + x`` by ``total += x`` for arrays of the loop's own."""
    made: list[py.Stmt] = []
    for s in stmts:
        match s:
            case py.Assign(
                targets=(target,), value=py.Binary(op="+", left=left, right=right)
            ) if target in totals and left == target:
                made.append(py.AugAssign(target, "+", right))
            case _:
                made.append(s)
    return made


def _stack(name: py.Name, node: Node, index: int, context: Context) -> py.Stmt:
    """Return the allocation of a stack for all steps."""
    t = node.type.items[index]  # type: ignore[union-attr]
    shape = py.Tuple_(tuple(dim_expression(d, context) for d in t.shape))
    return py.Assign(
        (name,),
        context.target.empty(shape, dtype_expression(t.dtype, context), named=True),
    )


# --- scan -----------------------------------------------------------------------------


def _scan(step: Step, context: Context) -> list[py.Stmt]:
    node = step.tensor.node
    body: Body = node.attrs["body"]
    spec = LoopSpec.of(node.attrs)
    n, (_, row_params, _) = len(spec.carries), spec.split(body.params)
    items = context.items_of(node)
    needed, read = live_outputs(node, set(items))
    live = [i for i in needed if i in spec.carries]
    _name_rows(row_params, spec.split(node.inputs)[1], context)
    names = _variables(node, body.params, context, items)
    made, operands = _operands(node, n, names[n:], context, read)
    rows, rest = operands[: len(spec.rows)], operands[len(spec.rows) :]
    carries = [names[i] for i in live]
    starts = [node.inputs[i] for i in live]
    made += _rebound(carries, _strong_values(starts, context))
    stacks = {
        i: py.Name(context.names.of(items[i]))
        for i in range(n, len(body.outputs))
        if i in items
    }
    made += [_stack(name, node, i, context) for i, name in stacks.items()]
    counts = bool(stacks) or any(p.node in read for p in row_params)
    counter = py.Name(context.names.claim("t") if counts else "_")
    row_names = _row_names(spec.split(names)[1], rows, context)
    inner = _inner(body, [*names[:n], *row_names, *rest], context)
    stmts, values = _computed(
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
    inside += _added_up(
        _rebound(carries, values[: len(live)]), _own_totals(node, names, context)
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


# --- while ----------------------------------------------------------------------------


def _while(step: Step, context: Context) -> list[py.Stmt]:
    node = step.tensor.node
    test, body, n = node.attrs["test"], node.attrs["body"], node.attrs["carries"]
    items = context.items_of(node)
    live, read = live_outputs(node, set(items))
    names = _variables(node, body.params, context, items)
    made, rest = _operands(node, n, names[n:], context, read)
    carries = [names[i] for i in live]
    starts = [node.inputs[i] for i in live]
    made += _rebound(carries, _strong_values(starts, context))
    kept = {
        i: py.Name(context.names.claim(f"{context.names.of(items[n + i])}_list"))
        for i in range(n)
        if n + i in items
    }
    made += [py.Assign((name,), py.List_(())) for name in kept.values()]
    turns = _turns(node, context)
    if turns is not None and not kept:
        made.append(py.Assign((turns,), py.Lit(0)))
    tested, repeated = step.bodies
    checks, condition = _computed(
        test.outputs, tested, _inner(test, [*names[:n], *rest], context), context
    )
    stmts, values = _computed(
        [body.outputs[i] for i in live],
        repeated,
        _inner(body, [*names[:n], *rest], context),
        context,
    )
    inside: list[py.Stmt] = [
        py.ExprStmt(py.method(name, "append", names[i])) for i, name in kept.items()
    ]
    inside += [*stmts, *_rebound(carries, values)]
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
        lengths = [dim_expression(d, context) for d in stack.shape]
        array = context.target.array_of(name, dtype_expression(stack.dtype, context))
        target = py.Name(context.names.of(stack))
        shape = py.Tuple_(tuple(lengths))
        made.append(py.Assign((target,), py.method(array, "reshape", shape)))
        context.written[stack.node] = target
    for i in range(n):
        if i in items:
            context.written[items[i].node] = names[i]
    return made


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
    names = _variables(node, node.attrs["then"].params, context, {})
    before, operands = _operands(node, 1, names, context)
    made += before
    targets = [py.Name(context.names.of(items[i])) for i in used]
    for name, steps in zip(("then", "otherwise"), step.bodies, strict=True):
        body = node.attrs[name]
        inner = _inner(body, operands, context)
        stmts, values = _computed(
            [body.outputs[i] for i in used], steps, inner, context
        )
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
