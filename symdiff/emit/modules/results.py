"""Functions of a generated train.py whose results are floats by name.

In: a unit, and tensors over its leaves. Out: the functions' bodies: metrics, evaluate,
and what results divide by. Invariant: they take what a training step takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symdiff.declare.model import Model
from symdiff.emit.modules.bodies import Unit, bare_unit, compute
from symdiff.emit.modules.functions import (
    Written,
    checked,
    draws,
    given_leaves,
    prologue,
    signature,
)
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.mode import resolve_mode
from symdiff.plan.functions import Routine
from symdiff.plan.program import Program
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import bare_expansions, expansions


def metrics_function(unit: Unit) -> Written:
    """Return the function of the metrics as training sees them."""
    return _scalars(
        unit,
        dict(unit.program.metrics),
        "Return the metrics, as a training step sees them.",
    )


def evaluate_function(unit: Unit, model: Model, folder: str) -> Written:
    """Return the function of loss and metrics as inference sees them."""
    named = {"loss": model.loss, **model.metrics}
    resolved = resolve_mode(list(named.values()), "infer")
    inference = _beside(unit, dict(zip(named, resolved, strict=True)), folder)
    return _scalars(
        inference,
        dict(inference.program.results),
        "Return the loss and metrics, as floats, for prediction.",
    )


def divisors_function(
    unit: Unit, divisors: Mapping[str, Tensor], folder: str
) -> Written:
    """Return the function of what results divide by."""
    beside = _beside(unit, divisors, folder)
    return _scalars(
        beside,
        dict(beside.program.results),
        "Return what the means in each result divide by; 1 for a sum.",
    )


def _beside(unit: Unit, named: Mapping[str, Tensor], folder: str) -> Unit:
    """Return a unit of further results over the leaves of another."""
    rules = expansions() if unit.style.level else bare_expansions()
    roots = rewrite(list(named.values()), rules)
    program = Program(
        unit.program.name,
        True,
        unit.program.params,
        unit.program.states,
        unit.program.inputs,
        unit.program.targets,
        unit.program.randoms,
        outputs=(),
        results=tuple(zip(named, roots, strict=True)),
        metrics=(),
        updates=(),
        seeds=(),
        wrt=(),
        gradients=(),
    )
    found = bare_unit(program, folder, unit.style.level)
    return replace(found, constants=unit.constants)


def _scalars(unit: Unit, named: dict[str, Tensor], summary: str) -> Written:
    p = unit.program
    leaves = (*p.inputs, *p.targets)
    given = given_leaves(unit, p.inputs, p.targets, p.params, p.states)
    results = tuple(t.node for t in named.values())
    routine = Routine("results", tuple(given), results, unit.tensors)
    body = compute(unit, unit.planned(routine), given)
    pairs: list[tuple[py.Expr, py.Expr]] = [
        (py.Lit(name), py.call("float", body.value(t.node)))
        for name, t in named.items()
    ]
    stmts = checked(unit, leaves) + prologue(unit, body, leaves)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    stmts.append(py.Return(py.Dict_(tuple(pairs))))
    drawn = draws(body)
    parameters, nodes = signature(unit, leaves, drawn), unit.names.nodes()
    return Written(parameters, summary, py.printed(stmts), nodes, drawn)
