"""How results of batches make up the result of all rows, when nothing is trained.

In: a model's arguments, loss and metrics. Out: what each result of `evaluate` divides
by, which results are sums, and which are neither, with the reason. Invariant: it is
derived from the graph that inference computes; draws of a batch are as good as those of
all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.mode import resolve_mode
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import literal
from symdiff.ops.core.rows import Mixed, Sums
from symdiff.plan.division import Division, Named, divisor_of
from symdiff.plan.parts import parts_of
from symdiff.plan.rows import row_axes, row_dim

Divisors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Weighing:
    """What `fit` may say of held-out rows that come in batches.

    ``divisors`` are what means divide by, empty where it is the number of rows for
    all; ``summed`` are the results that are sums, and ``mixed`` says of others why
    batches do not determine them.
    """

    divisors: Divisors = field(default_factory=dict)
    summed: tuple[str, ...] = ()
    mixed: Mapping[str, str] = field(default_factory=dict)


def weighing(arguments: Sequence[Tensor], named: Named) -> Weighing:
    """Return how the results of a model's batches are put together."""
    rows = row_dim(arguments)
    if not isinstance(rows, sp.Symbol):
        return Weighing()
    roots = resolve_mode(list(named.values()), "infer")
    tensors = {t.node: t for t in tensor_topological(roots)}
    drawn = [t for t in tensors.values() if t.node.op is RANDOM]
    parts = parts_of(roots, rows, row_axes((*arguments, *drawn), rows))
    found = dict(zip(named, parts, strict=True))
    mixed = {
        name: f"{part.why} (`{part.node.op.name}`)"
        for name, part in found.items()
        if isinstance(part, Mixed)
    }
    summed = tuple(n for n, p in found.items() if isinstance(p, Sums) and p.by is None)
    divisors = {
        name: divisor_of(part, tensors, rows)
        for name, part in found.items()
        if name not in mixed and name not in summed
    }
    plain = all(t.node is literal(rows).node for t in divisors.values())
    return Weighing({} if plain else divisors, summed, mixed)


def divisor_functions(divided: Division, held_out: Weighing) -> dict[str, Divisors]:
    """Return the functions of divisors that are needed, by name.

    ``divisors`` is that of a training step's parts, and of held-out batches as well
    unless inference divides by other numbers.
    """
    trained, evaluated = divided.divisors or {}, held_out.divisors
    both = trained.keys() & evaluated.keys()
    if all(trained[name].node is evaluated[name].node for name in both):
        merged = {**trained, **evaluated}
        return {"divisors": merged} if merged else {}
    return {"divisors": trained, "held_out_divisors": evaluated}


@dataclass(frozen=True)
class Batches:
    """How results of parts of the data make up those of all of it."""

    divided: Division  # in training
    held_out: Weighing  # in inference

    @property
    def divisors(self) -> dict[str, Divisors]:
        """What the functions of divisors return, by function."""
        return divisor_functions(self.divided, self.held_out)
