"""Statements that follow a memory plan.

In: a `MemoryPlan` and its steps. Out: statements with ``out=``, and the fields of the
memory they use. Invariant: no statement reads a name whose memory has been overwritten,
because the plan keeps a value's memory until the last statement that reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdiff.emit.lower import texts
from symdiff.emit.lower.comments import heading, told
from symdiff.emit.lower.context import (
    Context,
    constant,
    dim_expression,
    dtype_expression,
    substitution,
)
from symdiff.emit.lower.fixed import Fixed, Held, filled_with
from symdiff.emit.lower.marks import marked
from symdiff.emit.lower.piecewise import Parts, entered, left
from symdiff.emit.lower.statements import (
    build,
    expression_of,
    lower_step,
    lower_tuple,
    operands_of,
)
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.layouts import c_order
from symdiff.ops.core.operands import CONSTANT
from symdiff.ops.core.outforms import is_call
from symdiff.ops.core.text import is_statements
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.buffers import Allocation, Buffer, MemoryPlan
from symdiff.plan.outform import short_text
from symdiff.plan.schedule import Step

_RANGE = re.compile(r"np\.arange\(((?:_dim_\w+|[\d\s+*-])+)\)")


@dataclass(slots=True)
class Lowered:
    """Statements, and the parts of the plan that they use."""

    stmts: list[py.Stmt]
    buffers: dict[Buffer, str]  # scratch by name
    held: dict[Buffer, list[str]] = field(default_factory=dict)  # names of its values
    ranges: dict[str, str] = field(default_factory=dict)  # text of a length to name
    bits: str = ""  # name of the integer type of a float's width, where it is used
    constants: dict[Node, str] = field(default_factory=dict)
    destinations: Mapping[str, py.Expr] = field(default_factory=dict)
    fixed: Fixed | None = None  # none in the turns of loops
    varies: bool = False  # whether numbers differ from step to step
    parts: Parts | None = None  # while arrays are computed part by part
    loop: LoopRule | None = None  # how loops that are planned are lowered


LoopRule = Callable[[Allocation, Step, Lowered, Context], list[py.Stmt]]


def lower_plan(
    plan: MemoryPlan,
    steps: Sequence[Step],
    same: Mapping[Node, Node],
    context: Context,
    where: Mapping[str, py.Expr] | None = None,
    loop: LoopRule | None = None,
) -> Lowered:
    """Return the statements of a planned body.

    ``where`` maps names of destinations that are not entries of a dict to expressions.
    """
    letters: dict[str, int] = {}
    lowered = Lowered(
        [], {}, destinations=where or {}, fixed=Fixed(), varies=bool(where), loop=loop
    )
    for b in plan.buffers:
        letter = "mask" if b.dtype.is_bool else "ints" if b.dtype.is_integer else "work"
        letters[letter] = letters.get(letter, -1) + 1
        lowered.buffers[b] = context.names.claim(f"{letter}{letters[letter]}")
    fill(plan, steps, same, lowered, context)
    return lowered


def fill(
    plan: MemoryPlan,
    steps: Sequence[Step],
    same: Mapping[Node, Node],
    lowered: Lowered,
    context: Context,
    group: Hashable = None,
) -> None:
    """Add the statements of a plan whose memory has names; ``group`` has a heading."""
    _name_constants(plan, lowered, context)
    shared = _shared_names(plan, same, context)
    read = {i for p in plan.places for i in p.node.inputs}
    tensors = {s.tensor.node: s for s in steps}
    region, outer = plan.region, lowered.stmts
    for at, place in enumerate(plan.places):
        step = tensors[place.node]
        if region is not None and at == region.first:
            lowered.parts = entered(
                plan, lambda b: _whole(b, lowered, context), context
            )
            lowered.stmts, group = [], None
        if region is not None and at == region.last:
            _leave(lowered, outer, plan, context)
            group = None
        if place.node in same:
            context.written[place.node] = expression_of(same[place.node], context)
        if place.kind == "inline" or place.node in context.written:
            continue
        made = _statement(place, step, shared, place.node in read, lowered, context)
        if context.headings and step.group != group:
            group = step.group
            title = heading(step, context)
            lowered.stmts += [py.Blank()] if title and lowered.stmts else []
            lowered.stmts += title
        lowered.stmts += marked(made, step.tensor)
    if region is not None and lowered.parts is not None:
        _leave(lowered, outer, plan, context)


def _leave(
    lowered: Lowered, outer: list[py.Stmt], plan: MemoryPlan, context: Context
) -> None:
    """Put the loop over parts behind the statements before it."""
    parts, body = lowered.parts, lowered.stmts
    assert parts is not None
    lowered.parts = None
    outer += [*([py.Blank()] if outer else []), *parts.loop(body)]
    lowered.stmts = outer
    left(parts, plan, lambda b: _whole(b, lowered, context), context)


def _name_constants(plan: MemoryPlan, lowered: Lowered, context: Context) -> None:
    """Give array constants names, under which they are made once, with the plan."""
    for node in (i for p in plan.places for i in _read_whole(p.node)):
        value = filled_with(node)
        if value is not None and lowered.fixed is not None:
            context.given[node] = lowered.fixed.array(node, value, context)
    read = [p.node for p in plan.places if p.node not in context.given]
    nodes = [i for n in read for i in n.inputs if i.op is CONSTANT]
    nodes += [n for _, n, _ in plan.copies if n.op is CONSTANT]
    for node in dict.fromkeys(nodes):
        if node not in lowered.constants:
            lowered.constants[node] = context.names.claim("constant")
        context.given[node] = py.Name(lowered.constants[node])


def _read_whole(node: Node) -> Iterable[Node]:
    """Return the operands that have to be arrays of the shape that they are said to."""
    taken = not node.op.is_elementwise and node.op.facts.stretches in ((), "batch")
    matrices = (i for i in node.inputs if i.op.facts.repeats and len(i.shape) <= 2)
    return matrices if taken else ()


def _shared_names(
    plan: MemoryPlan, same: Mapping[Node, Node], context: Context
) -> dict[Node, Tensor]:
    """Return nameless values, and the tensors that overwrite them and give the name."""
    reads: dict[Node, int] = {}
    for p in plan.places:
        for i in p.node.inputs:
            reads[i] = reads.get(i, 0) + 1
    shared: dict[Node, Tensor] = {}
    for p in reversed(plan.places):
        if p.over is None:
            continue
        source = p.node.inputs[p.over]
        tensor = context.tensors.get(source)
        if source in same or tensor is None or reads[source] > 1 or source.op.leaf:
            continue
        names = context.names
        if not names.user_name(tensor) and not names.is_cotangent_of_named(tensor):
            shared[source] = shared.get(p.node, context.tensors[p.node])
    return shared


def _statement(
    place: Allocation,
    step: Step,
    shared: Mapping[Node, Tensor],
    is_read: bool,
    lowered: Lowered,
    context: Context,
) -> list[py.Stmt]:
    """Return the statements that compute one node."""
    node = place.node
    if place.kind == "loop" and lowered.loop is not None:
        return lowered.loop(place, step, lowered, context)
    if isinstance(node.type, TupleType):
        return lower_tuple(step, context)
    if place.kind == "plain":
        return _plain(step, lowered, context)
    buffer = place.buffer
    assert buffer is not None
    mark = told(step.tensor, context)
    operands = operands_of(node, context.target.text(node), context)
    memory = _memory(buffer, lowered, context)
    name: py.Expr = memory  # the optimiser's own vectors keep their names
    if not isinstance(memory, py.Name) or buffer.scratch:
        name = py.Name(context.names.of(shared.get(node, step.tensor)))
    if buffer.scratch:
        held = lowered.held.setdefault(buffer, [])
        shown = py.expr_text(name)
        if shown not in held:
            held.append(shown)
    form = context.target.filled(node, place.form)
    text = _hoisted(form, lowered, context)
    asides = [py.Name(lowered.buffers[b]) for b in place.asides]
    if is_call(text):
        value = texts.expression(
            text, _filled(operands, context, memory, node, lowered, asides)
        )
        first: list[py.Stmt] = []
        if lowered.fixed is not None:
            varying = _numbers_of(node, operands) if lowered.varies else ()
            first, value = lowered.fixed.operands(value, node, context, varying)
        value = context.target.with_place(value)
        context.written[node] = name if is_read else memory
        if not is_read or (memory == name):
            return [*first, py.ExprStmt(value, mark.comment, mark=mark)]
        return [*first, py.Assign((name,), value, mark.comment, mark=mark)]
    context.written[node] = name
    filled = texts.statements(
        text, _filled(operands, context, name, node, lowered, asides)
    )
    bound = (
        expression_of(node.inputs[place.over], context)
        if place.over is not None
        else memory
    )
    renamed = py.Assign((name,), memory, mark.comment, mark=mark)
    return filled if bound == name else [renamed, *filled]


def _numbers_of(node: Node, operands: Sequence[py.Expr]) -> list[py.Expr]:
    """Return the operands that are numbers, of which every step has its own."""
    pairs = zip(node.inputs, operands, strict=True)
    sources = ((i.inputs[0] if i.op.facts.repeats else i, e) for i, e in pairs)
    return [e for source, e in sources if not source.shape]


def _plain(step: Step, lowered: Lowered, context: Context) -> list[py.Stmt]:
    """Return the statement of a value that NumPy allocates."""
    node = step.tensor.node
    if node.op is ITEM or is_statements(context.target.text(node)):
        return lower_step(step, context)
    text = _hoisted(short_text(node), lowered, context)
    name = py.Name(context.names.of(step.tensor))
    if text == context.target.text(node):
        value = build(node, context)
    else:
        operands = operands_of(node, context.target.text(node), context)
        filled = _filled(operands, context, name, node, lowered)
        value = texts.expression(text, filled)
    mark = told(step.tensor, context)
    context.written[node] = name
    if lowered.parts is not None and node in lowered.parts.region.totals:
        return [lowered.parts.total(name, value, mark.comment)]
    return [py.Assign((name,), value, mark.comment, mark=mark)]


def _memory(buffer: Buffer, lowered: Lowered, context: Context) -> py.Expr:
    """Return the expression of a buffer or destination, or of a part of it."""
    whole = _whole(buffer, lowered, context)
    return whole if lowered.parts is None else lowered.parts.of(whole)


def _whole(buffer: Buffer, lowered: Lowered, context: Context) -> py.Expr:
    if buffer.scratch:
        return py.Name(lowered.buffers[buffer])
    if buffer.part is not None:
        axis, *ends = buffer.part
        lo, hi = (None if d == 0 else dim_expression(d, context) for d in ends)
        whole = _whole(replace(buffer, part=None), lowered, context)
        return py.Index(whole, (*[py.Slice(None, None)] * axis, py.Slice(lo, hi)))
    if buffer.name in lowered.destinations:
        return lowered.destinations[buffer.name]
    owner, key = buffer.name.split(":", 1)
    return py.Index(py.Name(owner), (py.Lit(key),))


def _hoisted(text: str, lowered: Lowered, context: Context) -> str:
    """Return a text in which ranges over lengths are read from the plan."""

    if "_bits" in text and not lowered.bits:
        lowered.bits = context.names.claim("bits")

    def replaced(match: re.Match[str]) -> str:
        length = match.group(1)
        if length not in lowered.ranges:
            lowered.ranges[length] = context.names.claim("rows")
        return f"_range_{list(lowered.ranges).index(length)}"

    return _RANGE.sub(replaced, text)


def _filled(
    operands: Sequence[py.Expr],
    context: Context,
    out: py.Expr,
    node: Node,
    lowered: Lowered,
    asides: Sequence[py.Expr] = (),
) -> texts.Substitute:
    usual = substitution(operands, context, out, node)
    ranges = list(lowered.ranges.values())

    def substitute(name: str) -> py.Expr | None:
        if name == "_bits":
            return py.Name(lowered.bits)
        if name.startswith("_range_"):
            return py.Name(ranges[int(name[7:])])
        if name.startswith("_aside_"):
            return asides[int(name[7:])]
        return usual(name)

    return substitute


def plan_fields(plan: MemoryPlan, lowered: Lowered, context: Context) -> list[Held]:
    """Return the fields of the plan: lengths that statements read, then arrays."""
    fields = [Held(context.names.dim(d), "int", None, d) for d in sorted(context.dims)]
    for text, name in lowered.ranges.items():
        fields.append(Held(name, f"0..{_spoken(text)}-1", _range_maker(text)))
    if lowered.bits:
        kind = "integers of a float's width: x * mask on them is where(mask, x, 0)"
        fields.append(Held(lowered.bits, kind, _bits_maker, kind=context.target.dtype))
    for node, name in lowered.constants.items():
        fields.append(Held(name, "a constant", _constant_maker(node)))
    fields += [] if lowered.fixed is None else lowered.fixed.fields
    for b in plan.buffers:
        held = ", ".join(lowered.held.get(b, []))
        fields.append(Held(lowered.buffers[b], f"{b}: {held}", _buffer_maker(b)))
    return fields


def _spoken(text: str) -> str:
    return text.replace("_dim_", "")


def _range_maker(text: str) -> Callable[[Context], py.Expr]:
    return lambda context: texts.expression(
        context.target.counted(text), substitution((), context)
    )


def _bits_maker(context: Context) -> py.Expr:
    return context.target.bits(py.Name("dtype"))


def _constant_maker(node: Node) -> Callable[[Context], py.Expr]:
    return lambda context: constant(node, context)


def _buffer_maker(b: Buffer) -> Callable[[Context], py.Expr]:
    def make(context: Context) -> py.Expr:
        lengths = tuple(dim_expression(b.shape[a], context) for a in b.layout)
        dtype = dtype_expression(b.dtype, context)
        made = context.target.empty(py.Tuple_(lengths), dtype)
        if b.layout == c_order(len(b.layout)):
            return made
        inverse = tuple(b.layout.index(a) for a in range(len(b.layout)))
        return py.method(made, "transpose", *inverse)

    return make
