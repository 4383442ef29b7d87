"""The arguments of a planned training step, before the computation.

In: a unit. Out: the check of the arguments, and the memory for their lengths.
Invariant: the readable functions treat the same arguments alike.
"""

from __future__ import annotations

import sympy as sp

from symdiff.emit.lower.context import float_source
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import asked_of, symbolic_bounds
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT

_STATE_WIDTH = "state.flat_params.dtype"


def given_arguments(unit: Unit) -> py.Stmt:
    """Return the list of a planned step's arguments as its caller gives them."""
    leaves = (*unit.program.inputs, *unit.program.targets)
    names = tuple(py.Name(unit.names.of(leaf)) for leaf in leaves)
    return py.Assign((py.Name("given"),), py.List_(names))


def checked_arguments(unit: Unit) -> list[py.Stmt]:
    """Return the check of a planned step's arguments, and the memory for their lengths.

    The state's arrays need no check.
    """
    leaves = (*unit.program.inputs, *unit.program.targets)
    names = [unit.names.of(leaf) for leaf in leaves]
    pairs = zip(leaves, names, strict=True)
    named = py.Dict_(tuple((py.Lit(str(t.name)), py.Name(n)) for t, n in pairs))
    call = py.Call(py.Name("_fitted"), (named, py.Dict_(()), _shared_width(unit)))
    targets = tuple(py.Name(n) for n in names)
    unpacked = (py.Tuple_(targets),) if len(names) == 1 else targets
    plans, lengths, given, fitted = map(
        py.Name, ("plans", "lengths", "given", "fitted")
    )
    width = _plan_width(unit)
    plan = py.call("_planned.plan_for", plans, lengths, width, given, fitted)
    return [
        py.Assign((fitted,), call),
        py.Assign(unpacked, fitted),
        py.Assign((lengths,), read_lengths(unit)),
        py.Assign((py.Name("plan"),), plan),
    ]


def range_checks(unit: Unit) -> list[py.Stmt]:
    """Return the checks that even arguments of known shapes and dtypes need."""
    leaves = (*unit.program.inputs, *unit.program.targets)
    lengths = (read_lengths(unit),) if symbolic_bounds(leaves) else ()
    checks: list[py.Stmt] = []
    for leaf in leaves:
        limits = asked_of(unit, leaf)[:2]
        if limits != (None, None):
            name = py.Lit(str(leaf.name))
            bounds = (py.Lit(str(b) if isinstance(b, sp.Expr) else b) for b in limits)
            value = py.Name(unit.names.of(leaf))
            checks.append(
                py.ExprStmt(py.call("_check_range", name, value, *bounds, *lengths))
            )
    return checks


def _shared_width(unit: Unit) -> py.Expr:
    """Return the width, by name, that floats declared without one have to share."""
    p = unit.program
    own = next((t for t in (*p.params, *p.states) if t.dtype == FLOAT), None)
    if own is None:
        return py.Dict_(())
    return py.Dict_(((py.Lit("params"), py.Attr(_width_of(unit, own), "name")),))


def _plan_width(unit: Unit) -> py.Expr:
    """Return the dtype of memory for floats of either width.

    It is that of the parameters, else it is read from an argument.
    """
    p = unit.program
    if all(t.dtype == FLOAT for t in p.params):
        return py.name(_STATE_WIDTH)
    leaves = (*p.inputs, *p.targets, *p.params, *p.states)
    source = float_source([t.node for t in leaves])
    told = next(t for t in leaves if t.node is source)
    return _width_of(unit, told)


def _width_of(unit: Unit, leaf: Tensor) -> py.Expr:
    """Return the expression of a leaf's dtype, in a step."""
    p = unit.program
    if any(t.node is leaf.node for t in p.params):
        return py.name(_STATE_WIDTH)
    if any(t.node is leaf.node for t in p.states):
        array = py.Index(py.name("state.params"), (py.Lit(str(leaf.name)),))
        return py.Attr(array, "dtype")
    return py.Attr(py.Name(unit.names.of(leaf)), "dtype")


def read_lengths(unit: Unit) -> py.Expr:
    """Return the display of the symbolic lengths, read from the arguments' shapes."""
    pairs: dict[str, py.Expr] = {}
    for leaf in (*unit.program.inputs, *unit.program.targets):
        for axis, d in enumerate(leaf.shape):
            if isinstance(d, sp.Symbol) and str(d) not in pairs:
                shape = py.Attr(py.Name(unit.names.of(leaf)), "shape")
                pairs[str(d)] = py.Index(shape, (py.Lit(axis),))
    return py.Dict_(tuple((py.Lit(k), v) for k, v in pairs.items()))
