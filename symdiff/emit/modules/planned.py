"""_planned.py: the training step over memory that is allocated once.

In: a model's unit and its optimiser. Out: the module's text. Invariant: it computes the
same as backward.py and train.py in the same precision, up to the order of sums and
factors where the program was reordered, else to the last bit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdiff.emit.listing import Listed
from symdiff.emit.lower.context import Context, scalar_type
from symdiff.emit.lower.fixed import Held
from symdiff.emit.lower.kernels import Kernels
from symdiff.emit.lower.planned import lower_plan, plan_fields
from symdiff.emit.lower.planned_loops import lower_planned_loop
from symdiff.emit.lower.statements import expression_of
from symdiff.emit.modules.assembly import (
    BUILD,
    Module,
    Options,
    compiled,
    header,
    helper_texts,
    imports_of,
    listed,
    sealed,
    stored_constants,
)
from symdiff.emit.modules.bodies import (
    WIDTH,
    Unit,
    check_dims,
    leaf_name,
    new_context,
    read_nodes,
    unpack_params,
)
from symdiff.emit.modules.functions import Written, given_leaves, kernels_of
from symdiff.emit.modules.optimizer import needs_arrays, number, unit_of
from symdiff.emit.modules.render import render
from symdiff.emit.python import code as py
from symdiff.emit.targets import Target
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import RANDOM
from symdiff.plan.buffers import FLOAT_BYTES, MemoryPlan
from symdiff.plan.constraints import constraints_of
from symdiff.plan.update import Update
from symdiff.plan.updating import Updating

# Names that _planned.py uses for its own arguments and its class.
_OWN = frozenset(["plan", "Plan", "dims", "dtype"])


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned function, the fields of its memory, and the statements that make it."""

    written: Written
    fields: list[tuple[str, str]]
    setup: py.Printed
    peak: str
    plan: MemoryPlan


@dataclass(frozen=True)
class PlannedStep:
    """The functions of a planned step; no ``update`` where train.py's serves."""

    gradients: Planned
    update: Planned | None
    exact: bool = True  # it has the bits of the readable step


def planned_step(unit: Unit) -> PlannedStep:
    """Lower the planned step, with the names that the unit's other functions have."""
    own = replace(unit, names=unit.names.copy(_OWN))
    gradients = grads_function(own)
    updating = own.functions.update
    exact = own.program.reordered is None
    if updating is None or updating.flat is None:  # parameters are updated one by one
        return PlannedStep(gradients, None, exact)
    return PlannedStep(gradients, update_function(own, updating), exact)


def planned_module(
    unit: Unit, step: PlannedStep, options: Options, origin: str
) -> Module:
    """Return _planned.py."""
    gradients, update = step.gradients, step.update
    made = [f for f in (gradients, update) if f is not None]
    setup = "\n".join(f.setup.body for f in made)
    stored = stored_constants(unit, setup, single=False)
    functions = {"compute_grads": gradients.written}
    functions |= {} if update is None else {"apply_update": update.written}
    helpers = helper_texts([f.body for f in functions.values()])
    kernels = compiled(functions.values())
    kept = render("kept_plans.py", update=update is not None).strip("\n")
    text = render(
        "_planned.py",
        header=header(unit, options, origin, _peak(gradients.plan)),
        name=unit.program.name,
        about=render("planned_about.py", exact=step.exact, update=update).strip(),
        imports=imports_of(
            "\n".join(["NamedTuple", *kernels]), *(["pathlib"] if stored else [])
        ),
        fields=gradients.fields,
        peak=gradients.peak,
        setup=gradients.setup.body,
        kept="\n\n\n".join([kept, *kernels]),
        gradients=gradients.written,
        update=update,
        exact=step.exact,
        helpers=helpers,
        stored="\n".join(part for part in (BUILD, stored) if part),
    )
    more = [Listed("make_plan", "dims, dtype", (gradients.setup,), {})]
    if update is not None:
        more.append(Listed("make_scratch", "size, dtype", (update.setup,), {}))
    return Module(sealed(text), [*listed(functions), *more])


def grads_function(unit: Unit) -> Planned:
    """Return ``compute_grads``: loss, metrics and every gradient in one body."""
    p = unit.program.planned
    routine = unit.functions["grads"]
    plan = routine.memory
    assert plan is not None
    given = given_leaves(unit, p.inputs, p.targets, p.params, p.states)
    known: dict[Node, py.Expr] = {n: py.Lit(v) for n, v in routine.numbers.items()}
    names = unit.names.function()
    names.reserve(s.tensor for s in routine.steps)
    kernels = Kernels("_step_{}") if unit.target.kernels else None
    arrays = list(given)
    context = new_context(unit, given | known, arrays, routine.tensors, names, kernels)
    context.numbers = routine.forms
    context.results = set(routine.results)
    lowered = lower_plan(
        *(plan, routine.steps, routine.same, context), loop=lower_planned_loop
    )
    record = _record([*p.results, *p.metrics], context)
    ending = _ending(plan, context, record)
    order = [s.tensor.node for s in routine.steps]
    used = read_nodes(order, routine.results)
    params = [t for t in (*p.params, *p.states) if t.node in used]
    fields = plan_fields(plan, lowered, context)
    stmts: list[py.Stmt] = unpack_params(unit, params, "params")
    if fields:
        targets = tuple(py.Name(f.name) for f in fields)
        target = (py.Tuple_(targets),) if len(targets) == 1 else targets
        stmts.append(py.Assign(target, py.Name("plan")))
    stmts += [py.Blank(), *lowered.stmts, py.Blank(), *ending]
    arguments = [
        "plan",
        "params",
        "grads",
        *(unit.names.of(t) for t in (*p.inputs, *p.targets)),
    ]
    draws = any(n.op is RANDOM for n in order)
    written = Written(
        ", ".join([*arguments, *(["key"] if draws else [])]),
        'Fill grads with the gradient of the loss; return {"loss": float, **metrics}.',
        py.printed(stmts),
        names.nodes(),
        draws,
        beside=kernels_of(context),
    )
    setup = _setup(unit, fields, routine.order, context)
    return Planned(
        written,
        [(f.name, _field_text(f, unit.target)) for f in fields],
        setup,
        _wrapped(plan.peak),
        plan,
    )


def _field_text(f: Held, target: Target) -> str:
    """Return a field's type, with its contents in a comment of at most one line."""
    if f.make is None:
        return "int"
    text = f"{f.kind or target.array}  # {f.comment}"
    room = WIDTH - 6 - len(f.name)
    return text if len(text) <= room else f"{text[: room - 4].rsplit(',', 1)[0]}, ..."


def _peak(plan: MemoryPlan) -> str:
    """Return the header's line on the memory that is allocated."""
    size = sp.expand(sp.sympify(plan.peak).subs(FLOAT_BYTES, 4))
    return f"peak buffer memory: {size} bytes in float32"


def _wrapped(peak: object) -> str:
    """Return the expression of a plan's size, over lines of a docstring."""
    return "\n    ".join(textwrap.wrap(str(peak), WIDTH - 4, break_long_words=False))


def _record(named: Sequence[tuple[str, Tensor]], context: Context) -> py.Expr:
    """Return ``{"loss": float(loss), ...}``; numbers are first cast to their dtype."""
    pairs = []
    for name, t in named:
        value = expression_of(t.node, context)
        if (
            t.dtype.is_float
            and t.node.op.is_elementwise
            and context.float_from is not None
        ):
            value = py.Call(scalar_type(t.dtype, context), (value,))
        pairs.append((py.Lit(name), py.call("float", value)))
    return py.Dict_(tuple(pairs))


def _ending(plan: MemoryPlan, context: Context, record: py.Expr) -> list[py.Stmt]:
    """Return the copies into destinations not filled in place, and the return."""
    stmts: list[py.Stmt] = []
    found: py.Expr = record
    if plan.copies:
        found = py.Name(context.names.claim("found"))
        stmts.append(py.Assign((found,), record))
        stmts += copies(plan, context, destination)
    return [*stmts, py.Return(found)]


def destination(name: str) -> py.Expr:
    """Return the memory that a destination's name stands for: ``grads["W"]``."""
    owner, key = name.split(":", 1)
    return py.Index(py.Name(owner), (py.Lit(key),))


def copies(
    plan: MemoryPlan, context: Context, where: Callable[[str], py.Expr]
) -> list[py.Stmt]:
    """Return the statements of a plan's copies, those set aside first."""
    stmts: list[py.Stmt] = []
    for _, node, aside in plan.copies:
        if aside:
            name = py.Name(context.names.claim("aside"))
            stmts.append(
                py.Assign((name,), context.target.copied(expression_of(node, context)))
            )
            context.written[node] = name
    for target, node, _ in plan.copies:
        source = node
        while source.op.facts.repeats and context.at_hand(source) is None:
            source = source.inputs[0]
        written = expression_of(source, context)
        call = context.target.copy_into(where(target.name), written)
        stmts.append(py.ExprStmt(call))
    return stmts


def _setup(
    unit: Unit, fields: Sequence[Held], order: Sequence[Node], context: Context
) -> py.Printed:
    """Return the body of ``make_plan``: lengths, their checks, and the arrays."""
    inner = replace(context, dims=set(), float_is=py.Name("dtype"))
    checks = check_dims(constraints_of(order), inner)
    made: list[py.Stmt] = [
        py.Assign((py.Name(f.name),), f.make(inner))
        for f in fields
        if f.make is not None
    ]
    wanted = [f.dim for f in fields if f.dim] + sorted(inner.dims)
    lengths: list[py.Stmt] = [
        py.Assign(
            (py.Name(context.names.dim(d)),), py.Index(py.Name("dims"), (py.Lit(d),))
        )
        for d in dict.fromkeys(wanted)
    ]
    names = tuple(py.Name(f.name) for f in fields)
    result = py.Return(py.Call(py.Name("Plan"), names))
    return py.printed([*lengths, *checks, *made, result])


# --- the optimiser --------------------------------------------------------------------


def update_function(parent: Unit, updating: Updating) -> Planned:
    """Return ``apply_update`` on flat vectors, in place, and its scratch."""
    found, routine = updating.equations, updating.flat
    assert found.flat is not None
    assert routine is not None
    update = found.flat
    unit = unit_of(update.leaves, update.roots, parent)
    given: dict[Node, py.Expr] = {t.node: leaf_name(unit, t) for t in update.leaves}
    known = unit.names.function()
    context = new_context(unit, given, list(given), unit.tensors, known)
    context.headings = False
    goals = routine.destinations
    where = {d.name: given[d.leaf] for d in goals if d.leaf is not None}
    plan = routine.memory
    assert plan is not None
    order = [s.tensor.node for s in routine.steps]
    lowered = lower_plan(plan, routine.steps, {}, context, where)
    ending = copies(plan, context, where.__getitem__)
    fields = plan_fields(plan, lowered, context)
    used = read_nodes(order, routine.results)
    used |= {d.leaf for d in goals if d.leaf is not None}
    last = py.expr_text(where[goals[-1].name])
    wide = needs_arrays(order, routine.scalars, parent.target)
    kind = f"{last}.dtype.type" if wide else None
    stmts = _update_prologue(update, used, given, [f.name for f in fields], kind)
    stmts += [*lowered.stmts, *ending]
    names = [unit.names.of(t) for t in (update.parameter, update.gradient, update.step)]
    written = Written(
        f"{names[0]}, {names[1]}, slots, hyper, {names[2]}, scratch",
        f"Do one step of {type(found.optimizer).__name__} in place, on flat vectors.",
        py.printed(stmts or [py.Pass()]),
        known.nodes(),
    )
    inner = replace(context, float_is=py.Name("dtype"), lengths={"P": "size"})
    made = tuple(_scratch(f, inner) for f in fields)
    return Planned(written, [], py.printed([py.Return(py.Tuple_(made))]), "", plan)


def _scratch(f: Held, context: Context) -> py.Expr:
    """Return the expression of a field of the update's scratch, for any size."""
    if f.make is None:
        return py.Name("size")
    made = f.make(context)
    match made:
        case py.Call(func=function, args=(py.Tuple_(items=(length,)), dtype)):
            return py.Call(function, (length, dtype))
    return made


def _update_prologue(
    update: Update,
    used: set[Node],
    given: dict[Node, py.Expr],
    scratch: Sequence[str],
    kind: str | None,
) -> list[py.Stmt]:
    """Return the reading of hyperparameters, slots and scratch.

    ``kind`` is the NumPy type that numbers are converted to, if any.
    """
    stmts: list[py.Stmt] = []
    if kind is not None and update.step.node in used:
        step = given[update.step.node]
        stmts.append(py.Assign((step,), number(step, kind)))
    for source, leaves in (("hyper", update.hyper), ("slots", update.slots)):
        for name, leaf in leaves.items():
            if leaf.node in used:
                value: py.Expr = py.Index(py.Name(source), (py.Lit(name),))
                value = number(value, kind if source == "hyper" else None)
                stmts.append(py.Assign((given[leaf.node],), value))
    if scratch:
        targets = tuple(py.Name(n) for n in scratch)
        stmts.append(
            py.Assign(
                (py.Tuple_(targets),) if len(targets) == 1 else targets,
                py.Name("scratch"),
            )
        )
    return stmts
