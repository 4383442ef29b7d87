"""The forward function that keeps residuals, and the backward function that reads them.

In: a `Unit`. Out: both as text, with the fields of ``Residuals`` between them.
Invariant: backward reads lengths and the float dtype from the residuals and the
parameters, never from the cotangents, which are checked against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdiff.emit.listing import Record
from symdiff.emit.lower.context import bind_dims, dim_expression, dtype_expression
from symdiff.emit.lower.in_place import read_in_place
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.reading import swapped
from symdiff.emit.lower.summed import sums_apart
from symdiff.emit.modules.block_halves import WHOLE, BlockHalves, Half, block_halves
from symdiff.emit.modules.bodies import (
    WIDTH,
    FunctionBody,
    Unit,
    compute,
    origin,
    returned,
    unpack_params,
    used_nodes,
)
from symdiff.emit.modules.functions import (
    Written,
    checked,
    draws,
    given_leaves,
    kernels_of,
    prologue,
    signature,
)
from symdiff.emit.modules.kept import kept_comment
from symdiff.emit.modules.key import summary_of
from symdiff.emit.modules.loss_told import loss_told
from symdiff.emit.modules.render import render
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT

RESIDUALS = "residuals"
SCALAR = "_scalar"  # the function that a scalar's cotangent goes through


@dataclass(frozen=True, slots=True)
class Field:
    """A field of ``Residuals``: name, annotation, comment, and its value."""

    name: str
    kind: str
    comment: str
    value: py.Expr


@dataclass(frozen=True, slots=True)
class Halves:
    """The two functions of a differentiated program, and the fields between them."""

    primal: Written
    backward: Written
    fields: tuple[Field, ...]
    records: tuple[Record, ...] = ()  # of blocks, which are among the fields


@dataclass(slots=True)
class Reverse:
    """The backward function's computation, and the variable of a dtype it may read."""

    body: FunctionBody
    seeds: list[py.Stmt]
    values: list[py.Expr]
    dtype: str | None
    whole: py.Name | None  # the variable of all residuals, if they are not unpacked


def halves(unit: Unit) -> Halves:
    """Return both functions of a unit; names are assigned in the order of the text."""
    p = unit.program
    residuals = unit.functions.residuals
    given = given_leaves(unit, p.inputs, p.targets, p.params, p.states)
    routine = unit.functions["primal"]
    primal = compute(unit, routine, given, kernels="_primal_{}")
    reverse = _reverse(unit, residuals, primal.names)
    named = {n: reverse.body.names.of(unit.tensors[n]) for n in residuals}
    names = {*named.values()}
    fields = [
        Field(
            name,
            unit.target.array,
            kept_comment(unit.tensors[n], name, names, unit),
            primal.value(n),
        )
        for n, name in named.items()
    ]
    further = _further_fields(unit, primal, reverse, residuals)
    blocks = _blocks(unit, primal, reverse, [*fields, *further], residuals)
    fields = _with_records(fields, residuals, blocks)
    return Halves(
        _primal_function(unit, primal, [*fields, *further], residuals, blocks),
        _backward_function(unit, reverse, fields, further, residuals, blocks),
        (*fields, *further),
        tuple(blocks.records),
    )


def _blocks(
    unit: Unit,
    primal: FunctionBody,
    reverse: Reverse,
    fields: Sequence[Field],
    residuals: Sequence[Node],
) -> BlockHalves:
    """Return the functions of blocks, unless residuals are few and unpacked."""
    if reverse.whole is None:
        return BlockHalves()
    p = unit.program
    named = (*p.results, *p.updates)
    after = [returned(primal, t.node, set()) for _, t in named]
    after += [f.value for f in fields[len(residuals) :]]
    wrt = [str(v.name) for v in p.wrt]
    made = block_halves(
        unit,
        Half(primal, after),
        Half(reverse.body, reverse.seeds),
        {n: f.value for n, f in zip(residuals, fields, strict=False)},
        reverse.whole,
        dict(zip(wrt, reverse.values, strict=True)),
    )
    # checks of cotangents, and results, may read the dtype of what is in a record now
    reverse.seeds = [swapped(s, made.residuals) for s in reverse.seeds]
    reverse.values = [swapped(v, made.residuals) for v in reverse.values]
    return made


def _with_records(
    fields: Sequence[Field], residuals: Sequence[Node], blocks: BlockHalves
) -> list[Field]:
    """Return the fields of residuals, of which a block's are in its record."""
    of = {n: name for name, (_, nodes) in blocks.fields.items() for n in nodes}
    found: dict[str, Field] = {}
    for node, f in zip(residuals, fields, strict=True):
        name = of.get(node)
        if name is None:
            found[f.name] = f
        elif name not in found:
            kind, _ = blocks.fields[name]
            found[name] = Field(name, kind, f"of {name}", py.Name(name))
    return list(found.values())


def _reverse(unit: Unit, residuals: Sequence[Node], values: Names) -> Reverse:
    """Lower the backward computation, and the checks on the cotangents.

    ``values`` are the names of the function that computes the residuals.
    """
    p, names = unit.program, unit.names.function(values)
    given = given_leaves(unit, p.params, p.states, p.seeds)
    named = _residual_names(unit, residuals, names)
    whole = _whole(list(named.values()), names)
    given |= {
        n: name if whole is None else py.Attr(whole, name.id)
        for n, name in named.items()
    }
    kept = (*p.params, *p.states)
    sources = [n for n in (*residuals, *(t.node for t in kept)) if n.dtype == FLOAT]
    handed = None if sources else names.claim("dtype")
    routine = unit.functions["backward"]
    body = compute(
        *(unit, routine, given),
        arrays=sources,
        dtype=handed,
        names=names,
        kernels="_backward_{}",
    )
    taken: set[Node] = set()
    results = [returned(body, n, taken) for n in routine.results]
    return Reverse(body, _seed_checks(unit, body), results, handed, whole)


def _residual_names(
    unit: Unit, residuals: Sequence[Node], names: Names
) -> dict[Node, py.Name]:
    """Return the names of residuals; the end of a loop may be the row of a stack."""
    rows = {
        t.node.inputs[0]: t
        for t in unit.tensors.values()
        if t.node.op.facts.row is not None
    }
    found = {}
    for n in residuals:
        if n in rows and not names.user_name(unit.tensors[n]):
            names.take(unit.tensors[n], names.of(rows[n]))
        found[n] = py.Name(names.of(unit.tensors[n]))
    return found


def _whole(names: Sequence[py.Name], of: Names) -> py.Name | None:
    """Return the variable of all residuals, where a line has no room for their names.

    They are read as ``r.h`` then; a short list is unpacked, as in ``x, h = residuals``.
    """
    unpacked = py.Assign((*names,), py.Name(RESIDUALS)) if names else None
    if unpacked is None or len(py.print_stmts([unpacked])) <= WIDTH + 1:
        return None
    return py.Name(of.claim("r" if of.is_free("r") else "kept"))


def _seed_checks(unit: Unit, body: FunctionBody) -> list[py.Stmt]:
    """Return the conversion of each cotangent to its result's shape and dtype.

    A scalar becomes a Python float, which never widens what it is combined with.
    """
    made: list[py.Stmt] = []
    for seed in unit.program.seeds:
        name = py.Name(unit.names.of(seed))
        if not seed.shape:
            made.append(py.Assign((name,), py.call(SCALAR, py.Lit(name.id), name)))
            continue
        shape = py.Tuple_(tuple(dim_expression(d, body.context) for d in seed.shape))
        dtype = dtype_expression(seed.dtype, body.context)
        call = py.call("_cotangent", py.Lit(name.id), name, shape, dtype)
        made.append(py.Assign((name,), call))
    return made


def cotangent_checks(unit: Unit) -> str:
    """Return the functions that the backward function passes its cotangents through."""
    scalars = any(not seed.shape for seed in unit.program.seeds)
    return render("cotangent.py", scalars=scalars).strip()


def value_and_grad(unit: Unit, primal: Written, backward: Written) -> str:
    """Return the text of value_and_grad."""
    return render(
        "value_and_grad.py",
        parameters=primal.parameters,
        updates=bool(unit.program.updates),
        backward_draws=backward.draws,
    ).strip()


# --- residuals besides arrays ---------------------------------------------------------


def _further_fields(
    unit: Unit, primal: FunctionBody, reverse: Reverse, residuals: Sequence[Node]
) -> list[Field]:
    """Return fields for lengths, and the dtype, that no residual array gives."""
    known = {str(d) for n in residuals for d in n.shape if isinstance(d, sp.Symbol)}
    found = []
    context = reverse.body.context
    for name in sorted(context.dims - known):
        variable = context.names.dim(name)
        counted = primal.context.lengths.get(name)  # a trip count
        if counted is None:
            primal.context.dims.add(name)
        length = py.Name(counted or variable)
        found.append(Field(variable, "int", "a length", length))
    if reverse.dtype is not None and reverse.body.context.float_read:
        value = dtype_expression(FLOAT, primal.context)
        comment = "of the float arguments"
        found.append(Field(reverse.dtype, unit.target.dtype, comment, value))
    return found


# --- the functions --------------------------------------------------------------------


def _primal_function(
    unit: Unit,
    body: FunctionBody,
    fields: Sequence[Field],
    residuals: Sequence[Node],
    blocks: BlockHalves,
) -> Written:
    """Return the forward pass that returns the residuals."""
    p = unit.program
    leaves = (*p.inputs, *p.targets) if p.is_model else p.inputs
    taken = {origin(n) for n in residuals}
    values = [returned(body, t.node, taken) for _, t in p.results]
    first = values[0] if len(values) == 1 else py.call("Outputs", *values)
    handed = [first, py.call("Residuals", *(f.value for f in fields))]
    if p.updates:
        pairs = [(py.Lit(k), returned(body, t.node, taken)) for k, t in p.updates]
        handed.append(py.Dict_(tuple(pairs)))
    stmts = checked(unit, leaves) + prologue(unit, body, leaves)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    stmts.append(py.Return(py.Tuple_(tuple(handed))))
    what = "the loss" if p.is_model else "the value"
    more = ", and the states' new values" if p.updates else ""
    summary = f"Return {what}, and the residuals that backward reads{more}."
    drawn = draws(body)
    stmts = sums_apart(read_in_place(stmts, "params", indent=4), indent=4)
    parameters, nodes = signature(unit, leaves, drawn), body.names.nodes()
    text, beside = py.printed(stmts), (*kernels_of(body.context), *blocks.primal)
    return Written(parameters, summary, text, nodes, drawn, beside=beside)


def _backward_function(
    unit: Unit,
    reverse: Reverse,
    fields: Sequence[Field],
    further: Sequence[Field],
    residuals: Sequence[Node],
    blocks: BlockHalves,
) -> Written:
    """Return the backward pass: from residuals and seeds to every cotangent.

    ``further`` are the fields of lengths, and of a dtype.
    """
    p, body = unit.program, reverse.body
    context = body.context
    used = used_nodes(body)
    params = [t for t in (*p.params, *p.states) if t.node in used]
    scalar = [s for s in reverse.seeds if _is_conversion(s)]
    stmts = [*scalar, *unpack_params(unit, params, "params")]
    stmts += _unpacked(fields, further, reverse.whole)
    arrays = [(context.given[n], n) for n in residuals]
    handed = {f.name for f in further}
    lengths = {d for d in context.dims if context.names.dim(d) not in handed}
    stmts += bind_dims(lengths, arrays, context)
    stmts += [s for s in reverse.seeds if not _is_conversion(s)]
    computation = [*loss_told(unit, body), *body.computation]
    stmts += [py.Blank(), *computation] if computation else []
    stmts += [py.Blank(), _gradients(p.is_model, p.wrt, reverse.values, blocks)]
    stmts = sums_apart(read_in_place(stmts, "params", indent=4), indent=4)
    parameters, nodes = _parameters(unit), body.names.nodes()
    text, beside = py.printed(stmts), (*kernels_of(body.context), *blocks.backward)
    drawn, summary = draws(body), summary_of(unit)
    return Written(parameters, summary, text, nodes, drawn, beside=beside)


def _unpacked(
    fields: Sequence[Field], further: Sequence[Field], whole: py.Name | None
) -> list[py.Stmt]:
    """Return ``x, h = residuals``, or ``r = residuals`` and the lengths in it."""
    if not (fields or further):
        return []
    if whole is None:
        targets = tuple(py.Name(f.name) for f in (*fields, *further))
        target = (py.Tuple_(targets),) if len(targets) == 1 else targets
        return [py.Assign(target, py.Name(RESIDUALS))]
    made: list[py.Stmt] = [py.Assign((whole,), py.Name(RESIDUALS))]
    return made + [
        py.Assign((py.Name(f.name),), py.Attr(whole, f.name)) for f in further
    ]


def _gradients(
    is_model: bool,
    wrt: Sequence[Tensor],
    values: Sequence[py.Expr],
    blocks: BlockHalves,
) -> py.Stmt:
    names = [str(v.name) for v in wrt]
    found = dict(zip(names, values, strict=True)) | blocks.gradients
    if not is_model:
        return py.Return(py.call("Gradients", *found.values()))
    pairs: list[tuple[py.Expr | None, py.Expr]] = []
    at = 0
    while at < len(names):
        for prefix, table, inside in blocks.dicts:
            if inside and names[at : at + len(inside)] == [*inside]:
                pairs.append((None, py.call(WHOLE, py.Lit(prefix), table)))
                at += len(inside)
                break
        else:
            pairs.append((py.Lit(names[at]), found[names[at]]))
            at += 1
    return py.Return(py.Dict_(tuple(pairs)))


def _parameters(unit: Unit) -> str:
    p = unit.program
    names = [unit.names.of(s) for s in p.seeds]
    scalar = len(names) == 1 and not p.seeds[0].shape
    first = ["params"] if p.is_model else []
    shown = [f"{n}=1.0" if scalar else n for n in names]
    return ", ".join([*first, "residuals", *shown])


def _is_conversion(s: py.Stmt) -> bool:
    """Whether a statement is ``d = _scalar("d", d)``."""
    match s:
        case py.Assign(value=py.Call(func=py.Name(id=called))):
            return called == SCALAR
    return False
