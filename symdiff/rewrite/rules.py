"""The tables of rewrites: exact rules, each a named function with its identity.

In: a tensor with simplified operands. Out: an equal tensor, or None where a rule does
not fit. Invariant: what is equal is said where the rules are, in arithmetic.py and
views.py; here are those that name an op, and the tables that the passes take.
"""

from __future__ import annotations

from typing import Any

from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.index import ONE_HOT, SUBTRACT_ONE_HOT
from symdiff.ops.joining import PACK
from symdiff.ops.placing import FEW
from symdiff.rewrite import arithmetic as arithmetic  # registers its rules
from symdiff.rewrite.driver import Rule
from symdiff.rewrite.hoist import hoist_row_products
from symdiff.rewrite.patterns import EXACT, is_op, rule
from symdiff.rewrite.views import hoist_broadcast

# --- naming what NumPy has a better statement for -------------------------------------


@rule("subtract")
def subtract_one_hot(t: Tensor) -> Tensor | None:
    """x - one_hot(y) = x with 1 taken from element y of every row."""
    a, b = t.parents
    if b.node.op is not ONE_HOT or not b.dtype.is_float or a.shape != t.shape:
        return None
    return apply(SUBTRACT_ONE_HOT, a, b.parents[0])


@rule("concatenate")
def pack_scalars(t: Tensor) -> Tensor | None:
    """concatenate(a[None], b[None]) = array((a, b)) for scalars and arrays of them."""
    axes = {p.node.attrs["axes"] for p in t.parents if is_op(p, "expand_dims")}
    if axes != {(0,)} or not all(is_op(p, "expand_dims") for p in t.parents):
        return None
    rows = [p.parents[0] for p in t.parents]
    if t.node.attrs["axis"] or not t.dtype.is_float:
        return None
    if all(is_op(r, "pack") for r in rows):
        items = [item for r in rows for item in r.parents]
        return apply(PACK, *items, shape=(len(rows), *rows[0].node.attrs["shape"]))
    if any(r.ndim for r in rows):
        return None
    return apply(PACK, *rows, shape=(len(rows),))


@rule("unslices")
def pack_placed_scalars(t: Tensor) -> Tensor | None:
    """zeros with a few numbers at all of its few places = array((a, b, c + d)).

    Many are added one by one, each where it has been computed.
    """
    places = [index[0] for index in t.node.attrs["indices"]]
    if t.ndim != 1 or not isinstance(t.shape[0], int) or len(places) > FEW:
        return None
    if any(part.ndim or part.dtype != t.dtype for part in t.parents) or not all(
        isinstance(place, int) for place in places
    ):
        return None
    totals: list[Tensor | None] = [None] * t.shape[0]
    for place, part in zip(places, t.parents, strict=True):
        known = totals[place]
        totals[place] = part if known is None else known + part
    items = [total for total in totals if total is not None]
    return apply(PACK, *items, shape=t.shape) if len(items) == len(totals) else None


# --- composite ops --------------------------------------------------------------------


def expand(t: Tensor) -> Tensor | None:
    """A composite op equals the graph its record expands to."""
    if t.node.op.expand is None:
        return None
    attrs = dict(t.node.attrs)
    result: Any = t.node.op.expand(*t.parents, **attrs)
    return result


def simplifications() -> dict[str, list[Rule]]:
    """Return the exact table, with the rules that hold for every elementwise op."""
    from symdiff.ops.define import OPS

    found = {name: list(rules) for name, rules in EXACT.items()}
    found["scan"] = [hoist_row_products]
    for name, op in OPS.items():
        if op.is_elementwise:
            found.setdefault(name, []).append(hoist_broadcast)
    return found


def bare_expansions() -> dict[str, list[Rule]]:
    """Return the expansion of composite ops alone: level 0 simplifies nothing."""
    from symdiff.ops.define import OPS

    return {name: [expand] for name, op in OPS.items() if op.expand is not None}


def expansions() -> dict[str, list[Rule]]:
    """Return the exact table together with the expansion of composite ops."""
    from symdiff.ops.define import OPS

    found = simplifications()
    for name, op in OPS.items():
        if op.expand is not None:
            found.setdefault(name, []).insert(0, expand)
    return found
