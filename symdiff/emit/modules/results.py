"""Functions of a generated train.py whose results are floats by name.

In: a unit, and tensors over its leaves. Out: the functions' bodies: metrics, evaluate,
and the divisors of results. Invariant: they have the arguments of a training step.
"""

from __future__ import annotations

from dataclasses import replace

from symdiff.emit.modules.bodies import Unit, compute, new_unit
from symdiff.emit.modules.functions import (
    Written,
    checked,
    draws,
    given_leaves,
    prologue,
    signature,
)
from symdiff.emit.python import code as py


def metrics_function(unit: Unit) -> Written:
    """Return the function of the metrics as training sees them."""
    summary = "Return the metrics, as a training step sees them."
    return _scalars(unit, "metrics", summary)


def evaluate_function(unit: Unit) -> Written:
    """Return the function of loss and metrics as inference sees them."""
    inference = beside_unit(unit, "evaluate")
    return _scalars(
        inference,
        "evaluate",
        "Return the loss and metrics, as floats, for prediction.",
    )


def divisors_function(unit: Unit, name: str) -> Written:
    """Return the function of this name that computes the divisors of results."""
    return _scalars(
        beside_unit(unit, name),
        name,
        "Return what the means in each result divide by; 1 for a sum.",
    )


def beside_unit(unit: Unit, name: str) -> Unit:
    """Return the unit of a further function of a model's training, by name."""
    functions = unit.functions.beside[name]
    found = new_unit(functions, unit.resolver, unit.style)
    return replace(found, constants=unit.constants, target=unit.target)


def _scalars(unit: Unit, function: str, summary: str) -> Written:
    p = unit.program
    named = p.metrics if function == "metrics" else p.outputs
    leaves = (*p.inputs, *p.targets)
    given = given_leaves(unit, p.inputs, p.targets, p.params, p.states)
    body = compute(unit, unit.functions[function], given)
    pairs: list[tuple[py.Expr, py.Expr]] = [
        (py.Lit(name), py.call("float", body.value(t.node))) for name, t in named
    ]
    stmts = checked(unit, leaves) + prologue(unit, body, leaves)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    stmts.append(py.Return(py.Dict_(tuple(pairs))))
    drawn = draws(body)
    parameters, nodes = signature(unit, leaves, drawn), unit.names.nodes()
    return Written(parameters, summary, py.printed(stmts), nodes, drawn)
