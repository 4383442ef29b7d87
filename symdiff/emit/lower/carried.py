"""What loops and branches share: variables of bound leaves, operands, new carries.

In: a `scan`, `while_loop` or `cond` node and the context around it. Out: names, and the
statements around those of a body. Invariant: the assignments of new carries have the
effect of a simultaneous one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdiff.emit.lower.context import Context, dim_expression, dtype_expression
from symdiff.emit.lower.statements import expression_of, lower, strong
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.branches import COND
from symdiff.plan.schedule import Step


def variables_of(
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


def operand_names(
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


def inner_context(body: Body, values: Sequence[py.Expr], context: Context) -> Context:
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


def computed(
    results: Sequence[Tensor], steps: Sequence[Step], inner: Context, outer: Context
) -> tuple[list[py.Stmt], list[py.Expr]]:
    """Return the statements of a body and the expressions of its results."""
    stmts = lower(steps, inner)
    values = strong_values([t.node for t in results], inner)
    outer.float_read = outer.float_read or inner.float_read
    return stmts, values


def strong_values(nodes: Sequence[Node], context: Context) -> list[py.Expr]:
    """Return expressions of values for variables, Python floats in the run's width."""
    return [strong(expression_of(n, context), n, "_0", context) for n in nodes]


def rebound(targets: Sequence[py.Name], values: Sequence[py.Expr]) -> list[py.Stmt]:
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


def added_up(stmts: Sequence[py.Stmt], totals: frozenset[py.Expr]) -> list[py.Stmt]:
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


def stack_of(name: py.Name, node: Node, index: int, context: Context) -> py.Stmt:
    """Return the allocation of a stack for all steps."""
    t = node.type.items[index]  # type: ignore[union-attr]
    shape = py.Tuple_(tuple(dim_expression(d, context) for d in t.shape))
    return py.Assign(
        (name,),
        context.target.empty(shape, dtype_expression(t.dtype, context), named=True),
    )
