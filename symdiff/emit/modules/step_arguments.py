"""The arguments of a planned training step, before the computation.

In: a unit. Out: the check of the arguments, the lengths read from them, and the width
in which memory is allocated. Invariant: the readable functions treat the same arguments
alike.
"""

from __future__ import annotations

import sympy as sp

from symdiff.emit.lower.context import float_source
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT

_STATE_WIDTH = "state.flat_params.dtype"


def checked_arguments(unit: Unit) -> py.Stmt:
    """Return the check of a planned step's arguments; the state's arrays need none."""
    leaves = (*unit.program.inputs, *unit.program.targets)
    names = [unit.names.of(leaf) for leaf in leaves]
    pairs = zip(leaves, names, strict=True)
    given = py.Dict_(tuple((py.Lit(str(t.name)), py.Name(n)) for t, n in pairs))
    call = py.Call(py.Name("_fitted"), (given, py.Dict_(()), _shared_width(unit)))
    targets = tuple(py.Name(n) for n in names)
    return py.Assign((py.Tuple_(targets),) if len(names) == 1 else targets, call)


def _shared_width(unit: Unit) -> py.Expr:
    """Return the width, by name, that floats declared without one have to share."""
    p = unit.program
    own = next((t for t in (*p.params, *p.states) if t.dtype == FLOAT), None)
    if own is None:
        return py.Dict_(())
    return py.Dict_(((py.Lit("params"), py.Attr(_width_of(unit, own), "name")),))


def plan_width(unit: Unit) -> str:
    """Return the dtype of memory for floats of either width, read from an argument.

    It is '' if the parameters have it.
    """
    p = unit.program
    if all(t.dtype == FLOAT for t in p.params):
        return ""
    leaves = (*p.inputs, *p.targets, *p.params, *p.states)
    source = float_source([t.node for t in leaves])
    told = next(t for t in leaves if t.node is source)
    return py.expr_text(_width_of(unit, told))


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
