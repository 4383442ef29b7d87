"""The declarations of arguments in generated modules, and the code that checks them.

In: a unit and the leaves that a module's functions take. Out: the text of its tables,
and of ``_check`` and its parts. Invariant: a part is written only where a declaration
needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import (
    argument_specs,
    asked_of,
    bounds_table,
    left_out,
    spec_shape,
    symbolic_bounds,
)
from symdiff.emit.modules.render import render
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.plan.widths import declares_widths

FIELDS = "  # name: (dtype, shape, lowest, below)"


def tables(unit: Unit, leaves: Sequence[Tensor]) -> str:
    """Return the declarations against which ``_check`` tests arguments."""
    parts = []
    p = unit.program
    if p.is_model:
        kept = (*p.params, *p.states)
        specs = {str(q.name): _param_spec(q) for q in kept}
        parts.append(_mapping("PARAMS", specs, FIELDS))
        if p.states:
            names = [py.Lit(str(t.name)) for t in p.states]
            buffers = py.Tuple_(tuple(names))
            parts.append(f"BUFFERS = {py.expr_text(buffers)}")
    parts.append(_mapping("ARGUMENTS", argument_specs(unit, leaves), FIELDS))
    beside = left_out(unit, leaves)
    if beside:
        shown = {k: py.expr_text(py.Tuple_(v)) for k, v in beside.items()}
        parts.append(_mapping("IGNORED", shown))
    bounds = symbolic_bounds([*p.inputs, *p.targets])
    if bounds:
        parts.append(bounds_table(bounds))
    return "\n".join(parts)


def _param_spec(leaf: Tensor) -> str:
    return f'("{leaf.dtype.name}", {spec_shape(leaf.node.tensor_type)}, None, None)'


def check_text(unit: Unit, leaves: Sequence[Tensor]) -> str:
    """Return the functions that check arguments against their declarations."""
    p = unit.program
    bounded = bool(symbolic_bounds([*p.inputs, *p.targets]))
    limits = (asked_of(unit, leaf)[:2] for leaf in leaves)
    ranged = any(limit is not None for pair in limits for limit in pair)
    ignored = bool(left_out(unit, leaves))
    given = (*p.inputs, *p.targets, *p.params, *p.states)
    whole = any(leaf.dtype.is_integer for leaf in (*p.inputs, *p.targets))
    letters = _letters(whole, any(leaf.dtype.is_bool for leaf in given))
    unfit = "not in letters" if letters else '!= "f"'
    parts = [
        render("check.py", model=p.is_model, bounded=bounded, ranged=ranged),
        render(
            "argument.py",
            whole=whole,
            letters=letters,
            unfit=f"array.dtype.kind {unfit}" + " or other" * declares_widths(p),
            declared=declares_widths(p),
        ),
        *([render("range.py", bounded=bounded, ignored=ignored)] if ranged else []),
        render("plain.py", whole=whole),
    ]
    return "\n\n\n".join(part.strip() for part in parts)


def _letters(whole: bool, truth: bool) -> str:
    """Return the kinds of NumPy's dtypes that fit a declared one; '' if all are f."""
    others = '"b" if kind == "bool" else "f"' if truth else '"f"'
    if whole:
        return f'"iu" if "int" in kind else {others}'
    return others if truth else ""


def _mapping(name: str, entries: Mapping[str, str], said: str = "") -> str:
    """Return a dict display, an entry a line; ``said`` is a comment about them."""
    if not entries:
        return f"{name} = {{}}"
    lines = [
        f"    {py.expr_text(py.Lit(key))}: {value}," for key, value in entries.items()
    ]
    return "\n".join([f"{name} = {{{said}", *lines, "}"])
