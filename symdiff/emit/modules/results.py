"""Functions of generated modules whose results are floats by name.

In: a unit, and tensors over its leaves. Out: the functions' bodies: metrics, evaluate,
the divisors of results, and those of _outputs.py. Invariant: they have the arguments of
a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdiff.emit.modules.blocks import with_blocks
from symdiff.emit.modules.bodies import Unit, compute, new_unit, returned
from symdiff.emit.modules.functions import (
    Written,
    checked,
    draws,
    given_leaves,
    prologue,
    signature,
)
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.plan.program import Named


def metrics_function(unit: Unit) -> Written:
    """Return the function of the metrics as training sees them."""
    summary = "Return the metrics, as a training step sees them."
    return _written(unit, "metrics", summary, unit.program.metrics)


def evaluate_function(unit: Unit) -> Written:
    """Return the function of loss and metrics as inference sees them."""
    inference = beside_unit(unit, "evaluate")
    summary = "Return the loss and metrics, as floats, for prediction."
    return _written(inference, "evaluate", summary, inference.program.outputs)


def divisors_function(unit: Unit, name: str) -> Written:
    """Return the function of this name that computes the divisors of results."""
    divisors = beside_unit(unit, name)
    summary = "Return what the means in each result divide by; 1 for a sum."
    return _written(divisors, name, summary, divisors.program.outputs)


def beside_unit(unit: Unit, name: str) -> Unit:
    """Return the unit of a further function of a model's training, by name."""
    functions = unit.functions.beside[name]
    found = new_unit(functions, unit.resolver, unit.style)
    found = replace(found, constants=unit.constants, target=unit.target)
    return replace(found, blocks=unit.blocks)


def plain_function(unit: Unit, name: str) -> Written:
    """Return the function of this name in _outputs.py: all that its program computes.

    New values of states, if there are any, follow the floats in a dict of their own.
    """
    p = unit.program
    more = ", then the states' new values" if p.updates else ""
    summary = f"Return what {name} computes: floats by name{more}."
    named = (*p.outputs, *p.results, *p.metrics)
    return _written(unit, name, summary, named, p.updates)


def _written(
    unit: Unit,
    function: str,
    summary: str,
    named: Sequence[Named],
    updates: Sequence[Named] = (),
) -> Written:
    """Return the function of a unit that returns floats by name, then any updates."""
    p = unit.program
    leaves = (*p.inputs, *p.targets)
    given = given_leaves(unit, p.inputs, p.targets, p.params, p.states)
    body = compute(unit, unit.functions[function], given)
    pairs: list[tuple[py.Expr, py.Expr]] = [
        (py.Lit(name), py.call("float", body.value(t.node))) for name, t in named
    ]
    found: py.Expr = py.Dict_(tuple(pairs))
    if updates:
        taken: set[Node] = set()
        after = [(py.Lit(k), returned(body, t.node, taken)) for k, t in updates]
        found = py.Tuple_((found, py.Dict_(tuple(after))))
    beside = with_blocks(unit, body, [found], f"{function}_{{}}")
    stmts = checked(unit, leaves) + prologue(unit, body, leaves)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    stmts.append(py.Return(found))
    drawn = draws(body)
    parameters, nodes = signature(unit, leaves, drawn), body.names.nodes()
    text = py.printed(stmts)
    return Written(parameters, summary, text, nodes, drawn, beside=beside)
