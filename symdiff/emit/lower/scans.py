"""A `scan` as a Python ``for``.

In: a `scan` node with the steps of its body. Out: the loop over its statements, after
the initial carries and the stacks. Invariant: carries are rebound, never written into,
so the initial values are not changed; stacks are allocated once, before the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from symdiff.emit.lower.carried import (
    added_up,
    base_name,
    carries_of,
    computed,
    inner_context,
    operand_names,
    rebound,
    results_of,
    row_at,
    set_aside,
    stack_of,
    strong_values,
)
from symdiff.emit.lower.comments import INDENT, fitted
from symdiff.emit.lower.context import Context, dim_expression
from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.seen import seen_carries
from symdiff.emit.lower.statements import (
    expression_of,
    is_filled,
    is_zeros,
)
from symdiff.emit.lower.tidied import started, tidied
from symdiff.emit.lower.told_turns import turn_told
from symdiff.emit.lower.totalled import Begun
from symdiff.emit.lower.turns import Carry, planned_turn
from symdiff.emit.python import code as py
from symdiff.graph.body import Body
from symdiff.graph.counted import is_counted
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.text import COPIED
from symdiff.plan.schedule import Step
from symdiff.plan.totals import adds_to, changed_alone
from symdiff.rewrite.prune import live_outputs


def lower_scan(step: Step, context: Context) -> list[py.Stmt]:
    node, (steps,) = step.tensor.node, step.bodies
    body: Body = node.attrs["body"]
    spec = LoopSpec.of(node.attrs)
    n, (_, row_params, _) = len(spec.carries), spec.split(body.params)
    items = context.items_of(node)
    needed, read = live_outputs(node, set(items))
    live = [i for i in needed if i in spec.carries]
    stacked, again = _stacked_once(node, items, context)
    made, operands = operand_names(node, n, body.params[n:], context, read)
    rows, rest = operands[: len(spec.rows)], operands[len(spec.rows) :]
    ends = {i: items[i] for i in spec.carries if i in items}
    context.names.reserve(items[i] for i in (*ends, *stacked))
    alone = {*live} - seen_carries(body, live, steps)
    for i, t in ends.items():
        if not _is_by_the_way(t, body.params[i], context):
            further = _goes_on(t, i, node, context) if i in alone else None
            context.names.of(t if further is None else further)
    own = context.names.inside()
    names, results = carries_of(node, ends, context, own)
    carries = [names[i] for i in live]
    starts = rebound(carries, strong_values([node.inputs[i] for i in live], context))
    begin = {names[i]: node.inputs[i] for i in live}
    starts = [_like_given(s, begin, node.inputs[n:], context) for s in starts]
    counts = bool(stacked) or any(p.node in read for p in row_params)
    counter = py.Name(own.counter("t") if counts else "_")
    name_rows(row_params, spec.split(node.inputs)[1], context, own)
    row_names = [py.Name(own.of(p)) for p in row_params]
    carried = [Carry(body.params[i], body.outputs[i], names[i].id) for i in live]
    leaves = {p.node for p in body.params[:n]}
    old = [i for i in stacked if body.outputs[i].node in leaves]  # stacked at once
    later = [body.outputs[i].node for i in stacked if i not in old]
    totals = _own_totals(node, alone, names, context)
    arrays = {
        p.node for p, a in zip(body.params[:n], names, strict=True) if a in totals
    }
    arrays &= changed_alone(body, [*live, *stacked], n)
    context.owned |= arrays
    bound = (p.node for p in body.params)
    turn = planned_turn(steps, carried, bound, later, own, arrays)
    given = [*names, *row_names, *rest]
    inner = inner_context(body, given, steps, own, context, turn)
    told = {i: inner.given[body.outputs[i].node] for i in old}
    new = [i for i in stacked if i not in old]
    stmts, values = computed(
        [body.outputs[i] for i in (*live, *new)], steps, inner, context
    )
    told |= dict(zip(new, values[len(live) :], strict=True))
    for c in carried:  # also what is written into the variable alone has its name
        own.alias(c.new, c.name)
    stacks = {
        i: stack_name(items[i], body.outputs[i], told[i], inner, context, leaves)
        for i in stacked
    }
    sums = {names[i] for i in live if names[i] in totals and _is_total(node, i)}
    stmts = added_up(stmts, frozenset(sums))
    for group in (False, True):  # carries stand with carries, totals with totals
        alike = [s for s in starts if _makes(s, sums) is group]
        made += started(alike, context.depth * INDENT)
    made += [stack_of(name, node, i, context) for i, name in stacks.items()]
    head = set_aside(body.params[:n], names, turn)
    head += [_stored(stacks[i], counter, told[i]) for i in old]
    pairs = zip(row_names, rows, row_params, strict=True)
    indexed = [(name, row_at(row, counter)) for name, row, p in pairs if p.node in read]
    stores = [_stored(stacks[i], counter, told[i]) for i in new]
    new_carries = {c.name: c.new for c in carried}
    last = rebound(carries, values[: len(live)])
    last = added_up([_with_rule(s, new_carries, inner) for s in last], totals)
    begun = Begun(
        {names[i] for i in live if is_zeros(node.inputs[i], context)} & totals,
        context.target.is_zeros,
    )
    indent = inner.depth * INDENT
    inside = tidied(indexed, head, stmts, stores, last, carries, indent, begun)
    read_rows = [p for p in row_params if p.node in read]
    _note_rows(zip(read_rows, indexed, strict=True), inside, own)
    told_of = turn_told(carried, indexed, counter, inner)
    quotes = bool(inside) and isinstance(inside[0], py.Comment)
    inside = [*told_of, *([py.Blank()] if told_of and quotes else []), *inside]
    if rows and not counts and is_counted(node.attrs["length"]):
        turns = expression_of(node.inputs[n], context)  # only its length is used
    else:
        length = dim_expression(node.attrs["length"], context)
        turns = context.target.turns(length, node.attrs["reverse"])
    made.append(py.For(counter, turns, tuple(inside) or (py.Pass(),)))
    made += results_of(names, results, ends, context)
    for i, name in stacks.items():
        context.written[items[i].node] = name
    for i, first in again.items():
        context.written[items[i].node] = stacks[first]
        context.names.share(items[i], items[first])
    return made


def _with_rule(s: py.Stmt, tensors: Mapping[str, Tensor], context: Context) -> py.Stmt:
    """Return the statement that computes a carry with its comment."""
    match s:
        case py.Assign(targets=(py.Name(id=name),), value=value) if name in tensors:
            if not isinstance(value, py.Name):
                return fitted(s, tensors[name], context)
    return s


def _is_by_the_way(end: Tensor, leaf: Tensor, context: Context) -> bool:
    """Whether an end is called as its carry: it is the cotangent of nothing named."""
    names = context.names
    if not (end.cotangent_of and leaf.cotangent_of) or names.user_name(end):
        return False
    return not (names.is_cotangent_of_named(end) or names.known(end))


def _goes_on(end: Tensor, i: int, node: Node, context: Context) -> Tensor | None:
    """Return the value that goes on with the array of a total, which has its name.

    Nothing else may read that array, and the loop must have made it.
    """
    own = _is_total(node, i) and is_zeros(node.inputs[i], context)
    own = own and context.is_read_once(end.node)
    reader = context.reader_of(end.node) if own else None
    if reader is None or not context.target.text(reader.node).startswith(COPIED):
        return None
    if reader.node.inputs[0] is not end.node or context.names.known(end):
        return None
    context.names.take(end, context.names.of(reader))
    context.owned.add(end.node)
    return reader


def _makes(s: py.Stmt, names: Set[py.Expr]) -> bool:
    return isinstance(s, py.Assign) and s.targets[0] in names


def _is_total(node: Node, i: int) -> bool:
    """Whether each step adds to a carry, or takes from it."""
    body = node.attrs["body"]
    return adds_to(body.outputs[i].node, body.params[i].node)


def _like_given(
    s: py.Stmt, begin: Mapping[py.Name, Node], read: Sequence[Node], context: Context
) -> py.Stmt:
    """Return ``d_W = np.zeros_like(W)`` where a total for a W starts at zeros.

    The loop has to read that W: another may have no name in the function.
    """
    match s:
        case py.Assign(targets=(py.Name(id=total) as name,)) if total[:2] == "d_":
            start = begin.get(name)
        case _:
            return s
    if start is None or not is_zeros(start, context):
        return s
    for node in read:
        e = context.at_hand(node)
        if e == py.Name(total[2:]) and node.type == start.type:
            return py.Assign((name,), context.target.zeros_like(e))
    return s


def _stacked_once(
    node: Node, items: Mapping[int, Tensor], context: Context
) -> tuple[list[int], dict[int, int]]:
    """Return the results that are stacked, and those that equal an earlier one.

    A result that the user named is stacked in any case.
    """
    body, stacked, again = node.attrs["body"], list[int](), dict[int, int]()
    first: dict[Node, int] = {}
    for i in range(node.attrs["carries"], len(body.outputs)):
        value = body.outputs[i].node
        if i not in items:
            continue
        if value in first and not context.names.user_name(items[i]):
            again[i] = first[value]
        else:
            stacked.append(i)
            first.setdefault(value, i)
    return stacked, again


def _stored(stack: py.Name, counter: py.Name, value: py.Expr) -> py.Stmt:
    return py.Assign((py.Index(stack, (counter,)),), value)


def stack_name(
    stack: Tensor,
    value: Tensor,
    said: py.Expr,
    inner: Context,
    context: Context,
    carries: Set[Node],
) -> py.Name:
    """Return the variable of a stack, which has the name of the value it stacks.

    That of a carry, as it is before the step, is ``h_prev``: ``h`` is that of the step.
    Backwards, ``d_h`` is the derivative by the ``h`` of the step when it begins.
    """
    base = said.id if isinstance(said, py.Name) else identifier(inner.names.wish(value))
    before = value.node in carries and not any(p == "d" for p, _ in value.cotangent_of)
    if before and not base.endswith("_prev"):
        context.names.previous(stack, base)
    else:
        context.names.stack(stack, base)
    return py.Name(context.names.of(stack))


def _own_totals(
    node: Node, alone: Set[int], names: Sequence[py.Name], context: Context
) -> frozenset[py.Expr]:
    """Return the carries that start as arrays of zeros made for this loop.

    They are among those that nothing else looks at.
    """
    return frozenset(
        names[i]
        for i in sorted(alone)
        if node.inputs[i].shape
        and is_filled(node.inputs[i], context)
        and context.at_hand(node.inputs[i]) is None
    )


def _note_rows(
    rows: Iterable[tuple[Tensor, tuple[py.Name, py.Expr]]],
    stmts: Sequence[py.Stmt],
    own: Names,
) -> None:
    """Note how rows without a name are read, ``x[t]``, for comments of other loops."""
    set_here = {t for s in stmts if isinstance(s, py.Assign) for t in s.targets}
    for p, (name, row) in rows:
        if name not in set_here:
            own.rows.update(dict.fromkeys(p.origin.marks, py.expr_text(row)))


def name_rows(
    params: Sequence[Tensor], sources: Sequence[Node], context: Context, own: Names
) -> None:
    """Name rows: of a stack as in the loop that stacked it, else as their leaves are.

    Where the sequence itself has this name, the row is ``x_t``.
    """
    for p, source in zip(params, sources, strict=True):
        kept = context.names.stacked(context.tensors[source])
        name = kept or base_name(p, context)
        own.prefer(p, name if own.is_free(name) else f"{name}_t")
