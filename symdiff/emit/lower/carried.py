"""What loops and branches share: variables of bound leaves, operands, new carries.

In: a `scan`, `while_loop` or `cond` node and the context around it. Out: names, and the
statements around those of a body. Invariant: the assignments of new carries have the
effect of a simultaneous one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdiff.emit.lower.context import Context, dim_expression, dtype_expression
from symdiff.emit.lower.describing import varies
from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.primals import marks_of
from symdiff.emit.lower.statements import expression_of, lower, strong
from symdiff.emit.lower.turns import Turn
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.branches import COND
from symdiff.plan.schedule import Step


def carries_of(
    node: Node, items: Mapping[int, Tensor], context: Context, inner: Names
) -> tuple[list[py.Name], dict[int, py.Name]]:
    """Return the variables of carries, and those of results that are not the same.

    A carry has the name that the body gives it, which is in general its result's.
    ``items`` are the results that are read, ``inner`` the names inside the loop.
    """
    outer, params = context.names, node.attrs["body"].params[: node.attrs["carries"]]
    names: list[py.Name] = []
    results: dict[int, py.Name] = {}
    for i, p in enumerate(params):
        own = inner.has_own_name(p)
        if i not in items or outer.known(items[i]) is None:
            name = _carry(node, i, context, inner)
            if i in items:  # it is called as its carry, and by nothing of its own
                outer.take(items[i], name)
            names.append(py.Name(name))
            continue
        result = outer.of(items[i])
        if own and outer.has_own_name(items[i]) and inner.wanted(p) != result:
            results[i] = py.Name(result)
            names.append(py.Name(_carry(node, i, context, inner)))
            continue
        names.append(py.Name(result))
        inner.take(p, result)
    return names, results


def _carry(node: Node, i: int, context: Context, inner: Names) -> str:
    """Return the variable of a carry: that of its start if it ends with the start."""
    leaf, start = node.attrs["body"].params[i], node.inputs[i]
    before = context.written.get(start)
    if inner.has_own_name(leaf) and isinstance(before, py.Name):
        same = before.id == inner.wanted(leaf) and node.inputs.count(start) == 1
        if same and context.is_read_once(start):
            inner.take(leaf, before.id)
    name = inner.wanted(leaf)
    taken = context.names.nodes().get(name)
    if taken is not None and len(taken.tensor_type.shape) > leaf.ndim:
        inner.prefer(leaf, f"{name}_t")  # the user's h has the values of all steps
    return inner.of(leaf)


def operand_names(
    node: Node,
    start: int,
    params: Sequence[Tensor],
    context: Context,
    read: set[Node] | None = None,
) -> tuple[list[py.Stmt], list[py.Expr]]:
    """Return assignments, and the names that they give operands from ``start`` on.

    ``params`` are the leaves that the operands become in the bodies.
    """
    made: list[py.Stmt] = []
    found: list[py.Expr] = []
    first = 0 if node.op is COND else start
    bodies = [v for v in node.attrs.values() if isinstance(v, Body)]
    for i, (source, param) in enumerate(zip(node.inputs[start:], params, strict=True)):
        leaves = [b.params[first + i].node for b in bodies]
        if read is not None and not any(leaf in read for leaf in leaves):
            found.append(py.Name("_"))  # read for a dead carry alone: it has no value
            continue
        e = expression_of(source, context)
        rows = node.attrs.get("sequences", 0)
        if i < rows and is_later_part(e):
            found.append(e)
            continue
        told = context.names.has_own_name(context.tensors[source])
        plain = source in context.numbers.python and not told
        if plain and isinstance(e, py.Binary) and py.count_ops(e) == 1:
            context.passed |= dict.fromkeys(leaves, context.tensors[source])
            if _is_read_once(leaves, bodies):
                found.append(e)
                continue
        if not isinstance(e, (py.Name, py.Lit, py.Attr)):
            base = base_name(param, context)
            own = context.names.has_own_name(param)
            if own:
                share = "_share" * any(_is_share(b, first + i) for b in bodies)
                base += "_steps" if i < rows else share
                context.names.prefer(context.tensors[source], base)
            variable = py.Name(context.names.of(context.tensors[source]))
            made.append(py.Assign((variable,), e))
            context.written[source] = variable
            e = variable
        if isinstance(e, py.Name) and i >= rows:  # a row has a name of its own
            for b in bodies:
                context.names.alias(b.params[first + i], e.id)
        found.append(e)
    return made, found


def _is_share(body: Body, place: int) -> bool:
    """Whether an operand is added to a cotangent in each turn, and so has not its name.

    Cotangents of values of the body that are the same in every turn are made outside.
    """
    leaf = body.params[place]
    of = marks_of(x for _, x in leaf.cotangent_of if varies(x))
    sums = (t for t in tensor_topological(body.outputs) if t.site.rule == FAN_OUT)
    return bool(of) and any(
        leaf.node in t.node.inputs and of & marks_of([t.site.primal])
        for t in sums
        if t.site.primal is not None
    )


def _is_read_once(leaves: Sequence[Node], bodies: Sequence[Body]) -> bool:
    """Whether bodies read a number once, so that ``d_loss / 2`` is written there."""
    nodes = (n for b in bodies for n in topological([t.node for t in b.outputs]))
    return sum(i in leaves for n in nodes for i in n.inputs) < 2


def is_later_part(e: py.Expr) -> bool:
    """Whether rows are ``xs[1:]`` of a variable: the step reads ``xs[t + 1]``."""
    match e:
        case py.Index(value=py.Name() | py.Attr(), items=(py.Slice(step=None) as cut,)):
            return cut.lo is None or (isinstance(cut.lo, py.Lit) and _is_count(cut.lo))
    return False


def _is_count(number: py.Lit) -> bool:
    return isinstance(number.value, int) and number.value > 0


def row_at(rows: py.Expr, counter: py.Name) -> py.Expr:
    """Return the row of a step: ``xs[t]``, or ``xs[t + 1]`` of ``xs[1:]``."""
    if isinstance(rows, py.Index) and is_later_part(rows):
        first = rows.items[0].lo  # type: ignore[attr-defined]
        at = counter if first is None else py.Binary("+", counter, first)
        return py.Index(rows.value, (at,))
    return py.Index(rows, (counter,))


def base_name(param: Tensor, context: Context) -> str:
    """Return the name of a leaf in the loop's body."""
    return identifier(context.names.wish(param))


def inner_context(
    body: Body,
    values: Sequence[py.Expr],
    steps: Sequence[Step],
    names: Names,
    context: Context,
    turn: Turn | None = None,
) -> Context:
    """Return the context of a body: its leaves at hand, everything else shared."""
    names.reserve(t for s in steps for t in s.tensors)
    tensors = {t.node: t for t in tensor_topological([*body.outputs, *body.params])}
    given = {p.node: v for p, v in zip(body.params, values, strict=True)}
    for leaf, kept in ({} if turn is None else turn.aside).items():
        given[leaf] = py.Name(kept)
    return replace(
        context,
        names=names,
        tensors=tensors,
        given=given,
        written={},
        over={} if turn is None else turn.over,
        results={t.node for t in body.outputs},
        _readers=None,
        _facts={},
        lengths=dict(context.lengths),
        depth=context.depth + 1,
        outer=context,
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
    """Replace ``total = total + x`` by ``total += x`` for the loop's own arrays."""
    made: list[py.Stmt] = []
    for s in stmts:
        match s:
            case py.Assign(
                targets=(target,),
                value=py.Binary(op="+" | "-" as op, left=left, right=right),
            ) if target in totals and left == target:
                ruled = isinstance(s.mark, Computes) and s.mark.rule
                said = s.comment if ruled else ""  # what it adds has its shape
                made.append(py.AugAssign(target, op, right, said, mark=s.mark))
            case py.Assign(
                targets=(target,),
                value=py.Binary(op="+" | "-", left=left, right=py.Name()),
            ) if left == target:
                made.append(replace(s, comment="", mark=_no_rule(s.mark)))
            case _:
                made.append(s)
    return made


def _no_rule(mark: py.Mark | None) -> py.Mark | None:
    """Return the mark of a statement that has no comment: what it adds has one."""
    return replace(mark, rule="") if isinstance(mark, Computes) else mark


def stack_of(name: py.Name, node: Node, index: int, context: Context) -> py.Stmt:
    """Return the allocation of a stack for all steps."""
    t = node.type.items[index]  # type: ignore[union-attr]
    shape = py.Tuple_(tuple(dim_expression(d, context) for d in t.shape))
    return py.Assign(
        (name,),
        context.target.empty(shape, dtype_expression(t.dtype, context)),
    )


def set_aside(
    params: Sequence[Tensor], names: Sequence[py.Name], turn: Turn
) -> list[py.Stmt]:
    """Return ``h_prev = h`` for the carries whose old value is read after the new."""
    return [
        py.Assign((py.Name(turn.aside[p.node]),), name)
        for p, name in zip(params, names, strict=False)
        if p.node in turn.aside
    ]


def results_of(
    names: Sequence[py.Name],
    results: Mapping[int, py.Name],
    ends: Mapping[int, Tensor],
    context: Context,
) -> list[py.Stmt]:
    """Return the assignments of results that have other names than their carries."""
    made: list[py.Stmt] = []
    for i, t in ends.items():
        context.written[t.node] = results.get(i, names[i])
        if i in results:
            made.append(py.Assign((results[i],), names[i]))
    return made
