"""The constants of a generated train.py, through which its functions know the model.

In: a unit, its optimiser, and how its batches may be divided. Out: text. Invariant:
functions that are the same for every model read all differences from these constants.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from symdiff.emit.lower.source import Resolver
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.python import code as py
from symdiff.graph.widths import is_declared
from symdiff.plan.division import Division
from symdiff.plan.update import Equations
from symdiff.plan.weighing import TRAINED, Batches, Weighing


def train_constants(
    unit: Unit, found: Equations, names: Sequence[str], batches: Batches
) -> str:
    """Return the constants of train.py: hyperparameters, slots, buffers, arguments."""

    optimizer = found.optimizer

    def words(values: Sequence[str]) -> py.Expr:
        return py.Tuple_(tuple(py.Lit(v) for v in values))

    hyper = _floats(optimizer.hyper)
    buffers = words([str(t.name) for t in unit.program.states])
    stmts = [
        py.Assign((py.Name("HYPER"),), hyper, "read at every step from state.hyper"),
        py.Assign(
            (py.Name("SLOTS"),), words(optimizer.all_slots), "what the optimiser keeps"
        ),
        py.Assign(
            (py.Name("BUFFERS"),), buffers, "changed by steps, without gradients"
        ),
        py.Assign((py.Name("DATA"),), words(names), "a step's arguments, by name"),
    ]
    arguments = (*unit.program.inputs, *unit.program.targets)
    own = [t for t in arguments if is_declared(t.dtype)]
    if own:
        pairs = tuple((py.Lit(str(t.name)), py.Lit(t.dtype.name)) for t in own)
        comment = "of arguments that are declared with one"
        stmts.append(py.Assign((py.Name("WIDTHS"),), py.Dict_(pairs), comment))
    params = [str(t.name) for t in unit.program.params]
    frozen = found.frozen
    if frozen:
        stmts.append(py.Assign((py.Name("FROZEN"),), words(frozen), "left as they are"))
    if optimizer.max_norm:
        bounds = {
            str(t.name): optimizer.norm_bound(str(t.name), t.ndim)
            for t in unit.program.params
        }
        entries = tuple(
            (py.Lit(n), py.Tuple_((py.Lit(b[0]), py.Tuple_(tuple(map(py.Lit, b[1]))))))
            for n, b in bounds.items()
            if b is not None
        )
        comment = "bounds on the norms along axes"
        stmts.append(py.Assign((py.Name("MAX_NORM"),), py.Dict_(entries), comment))
    if optimizer.groups:
        given = {n: optimizer.of_parameter(n) for n in params}
        groups = tuple(
            (py.Lit(n), _floats(values)) for n, values in given.items() if values
        )
        comment = "hyperparameters of their own"
        stmts.append(py.Assign((py.Name("GROUPS"),), py.Dict_(groups), comment))
    text = py.print_stmts(stmts, indent=0).rstrip("\n")
    rows = _row_constants(batches.divided, unit.resolver)
    return f"{text}\n{rows}{_batch_constants(batches.held_out)}"


def _row_constants(divided: Division, resolver: Resolver) -> str:
    """Return the axes of rows, and why batches cannot be computed in parts."""
    axes = tuple((py.Lit(name), py.Lit(axis)) for name, axis in divided.axes.items())
    comment = "the axis of rows; other arguments are whole in every batch"
    stmt = py.Assign((py.Name("ROWS"),), py.Dict_(axes), comment)
    text = py.print_stmts([stmt], indent=0).rstrip("\n")
    if divided.numbered:
        names = py.Tuple_(tuple(py.Lit(n) for n in divided.numbered))
        stmt = py.Assign((py.Name("NUMBERED"),), names, "whose rows stay together")
        text += "\n" + py.print_stmts([stmt], indent=0).rstrip("\n")
    if not divided.refused:
        return text
    refused = _located(divided, resolver)
    why = f"accumulate: parts of a batch do not add up to the batch: {refused}"
    pieces = textwrap.wrap(why, 76, drop_whitespace=False, break_on_hyphens=False)
    lines = "\n".join(f"    {py.expr_text(py.Lit(piece))}" for piece in pieces)
    return f"{text}\nNOT_IN_PARTS = (\n{lines}\n)"


def _located(divided: Division, resolver: Resolver) -> str:
    """Return why batches are not divided, with the user's line that is the reason."""
    statement = None if divided.at is None else resolver.statement(divided.at)
    if statement is None:
        return divided.refused
    return f"{divided.refused.removesuffix(')')}, at {statement.location})"


def _batch_constants(held_out: Weighing) -> str:
    """Return which results of batches are sums, and which cannot be combined."""
    stmts = []
    if held_out.summed:
        names = py.Tuple_(tuple(py.Lit(n) for n in held_out.summed))
        stmts.append(py.Assign((py.Name("SUMMED"),), names, "sums over rows"))
    if held_out.mixed:
        pairs = tuple((py.Lit(n), py.Lit(why)) for n, why in held_out.mixed.items())
        comment = "what results of batches do not determine, and why"
        stmts.append(py.Assign((py.Name("MIXED"),), py.Dict_(pairs), comment))
    return f"\n{py.print_stmts(stmts, indent=0)}".rstrip("\n") if stmts else ""


def loop_constant(found: Equations, batches: Batches, *, draws: bool) -> str:
    """Return LOOP, which comes after the functions that it names.

    ``draws`` says that evaluate does.
    """
    divided, held_out = batches.divided, batches.held_out
    steps_by, held_out_by = batches.weighed
    parts = divided.divisors is not None and not divided.refused
    entries: dict[str, py.Expr | None] = {
        "steps": py.Name(steps_by) if steps_by else None,
        "held_out": py.Name(held_out_by) if held_out_by else None,
        "parts": py.Name(TRAINED) if parts else None,
        "summed": py.Name("SUMMED") if held_out.summed else None,
        "mixed": py.Name("MIXED") if held_out.mixed else None,
        "whole": py.Name("_of_whole")
        if divided.whole and not divided.refused
        else None,
        "refused": py.Name("NOT_IN_PARTS") if divided.refused else None,
        "numbered": py.Lit(f"{divided.together}, so they are not cut into batches")
        if divided.numbered
        else None,
        "least": py.Tuple_((py.Lit(divided.least), py.Lit(divided.needing)))
        if divided.least > 1
        else None,
        "frozen": py.Name("FROZEN") if found.frozen else None,
        "draws": py.Lit(True) if draws else None,
    }
    pairs = tuple((py.Lit(k), v) for k, v in entries.items() if v is not None)
    stmt = py.Assign(
        (py.Name("LOOP"),), py.Dict_(pairs), "what fit must know of this model"
    )
    return py.print_stmts([stmt], indent=0).rstrip("\n")


def _floats(values: Mapping[str, float]) -> py.Expr:
    """Return the display of named numbers."""
    return py.Dict_(tuple((py.Lit(k), py.Lit(v)) for k, v in values.items()))
