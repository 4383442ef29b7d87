"""How a training step may divide a batch of rows into parts.

In: a model's arguments, loss and metrics. Out: which arguments have rows, and how the
gradient of a batch follows from those of its parts, if it does. Invariant: the answer
is derived from the declared loss and metrics; a refusal comes with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdiff.graph.indexing import index_operands
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import Dim
from symdiff.ops.control.mode import resolve_mode
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.core.operands import literal
from symdiff.ops.core.rows import Mixed, Part, Sums
from symdiff.plan.constraints import constraints_of
from symdiff.plan.parts import parts_of
from symdiff.plan.rows import row_axes, row_dim, steps_of

Named = Mapping[str, Tensor]  # the loss, and the metrics


@dataclass(frozen=True)
class Division:
    """What `fit` may do with the rows of a model's data.

    ``axes`` is the axis of rows of each argument that has rows. ``numbered`` are the
    arguments for which rows cannot be left out, since they hold indices of rows, have a
    shape that all rows decide, or are what a loop goes along; ``together`` says which
    of these. ``refused`` says why a
    batch cannot be computed in parts, or is '', and ``at`` is the value of the model
    that is the reason. Otherwise ``divisors`` are those of the results, or None if all
    divide by the number of rows, and ``whole`` are the metrics that need the whole
    batch. A step needs ``least`` rows, for the reason ``needing``.
    """

    axes: Mapping[str, int]
    numbered: tuple[str, ...] = ()
    together: str = ""
    refused: str = ""
    divisors: Mapping[str, Tensor] | None = None
    whole: tuple[str, ...] = ()
    least: int = 1
    needing: str = ""
    at: Tensor | None = None


def division(
    arguments: Sequence[Tensor], named: Named, updates: Sequence[tuple[str, Tensor]]
) -> Division:
    """Return how batches may be divided, given the loss and the metrics by name.

    ``updates`` are the new values of states.
    """
    rows = row_dim(arguments, named["loss"])
    found = _division(arguments, named, [name for name, _ in updates], rows)
    least, needing = 1, ""
    for c in constraints_of(topological([t.node for _, t in updates])):
        if c.right is None and (n := _least(c.left, rows)) > least:
            least, needing = n, c.reason
    return replace(found, least=least, needing=needing)


def _least(length: Dim, rows: Dim | None) -> int:
    """Return how many rows make a length at least 1; 1 if other dims are in it."""
    if not isinstance(length, sp.Expr) or length.free_symbols != {rows}:
        return 1
    values = (int(length.subs(rows, n)) for n in range(1, 9))
    return next((n for n, value in enumerate(values, 1) if value >= 1), 1)


def _division(
    arguments: Sequence[Tensor], named: Named, states: Sequence[str], rows: Dim | None
) -> Division:
    axes = row_axes(arguments, rows)
    roots = dict(zip(named, resolve_mode(list(named.values()), "train"), strict=True))
    by_name = {str(t.name): axes[t.node] for t in arguments if t.node in axes}
    known = Division(by_name, *_together(arguments, roots, rows, by_name))
    if not isinstance(rows, sp.Symbol):
        return replace(known, refused="no dim of the arguments counts rows")
    if states:
        why = f"each part would move {', '.join(states)} by itself"
        return replace(known, refused=why)
    found = dict(zip(roots, parts_of(list(roots.values()), rows, axes), strict=True))
    loss = found["loss"]
    if isinstance(loss, Mixed):
        why = f"{loss.why} (`{loss.node.op.name}`)"
        tensors = {t.node: t for t in tensor_topological([roots["loss"]])}
        return replace(known, refused=why, at=tensors.get(loss.node))
    whole = tuple(name for name, part in found.items() if isinstance(part, Mixed))
    tensors = {t.node: t for t in tensor_topological(list(roots.values()))}
    by = {
        name: divisor_of(part, tensors, rows)
        for name, part in found.items()
        if name not in whole
    }
    plain = all(t.node is literal(rows).node for t in by.values())
    return replace(known, divisors=None if plain else by, whole=whole)


def divisor_of(part: Part, tensors: Mapping[Node, Tensor], rows: sp.Symbol) -> Tensor:
    """Return a result's divisor: 1 for a sum, else the number of rows or weights."""
    if not isinstance(part, Sums):
        return literal(rows)  # a number that depends on no row
    if part.by is None:
        return literal(1)
    found = tensors.get(part.by, literal(rows))
    return found * literal(rows) if part.counted else found


def _together(
    arguments: Sequence[Tensor], roots: Named, rows: Dim | None, axes: Collection[str]
) -> tuple[tuple[str, ...], str]:
    """Return the arguments for which rows must stay together, and why."""
    if not isinstance(rows, sp.Symbol):
        return (), ""
    numbered = _numbered(list(roots.values()), rows)
    if names := tuple(str(t.name) for t in arguments if t.node in numbered):
        return names, f"{' and '.join(names)} picks rows by number"
    of_all = [t for t in arguments if rows in _symbols_of(t) and t.name not in axes]
    if names := tuple(str(t.name) for t in of_all):
        return names, f"{' and '.join(names)} has a shape of all rows together"
    if rows in steps_of(roots["loss"]):
        return tuple(axes), f"a loop goes along {' and '.join(axes)}"
    return (), ""


def _symbols_of(t: Tensor) -> set[sp.Symbol]:
    return {s for d in t.shape if isinstance(d, sp.Expr) for s in d.free_symbols}


def _numbered(results: Sequence[Tensor], rows: sp.Symbol) -> set[Node]:
    """Return the arguments that hold indices of rows, as the edges of a graph are."""
    found: set[Node] = set()
    for node in topological([t.node for t in results]):
        for place, length in index_operands(node).items():
            if isinstance(length, sp.Expr) and rows in length.free_symbols:
                below = topological([node.inputs[place]])
                found |= {n for n in below if n.op is INPUT and n.dtype.is_integer}
    return found
