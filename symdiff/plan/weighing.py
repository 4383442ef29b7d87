"""How results of batches make up the result of all rows, held out or of an epoch.

In: a model's arguments, loss and metrics. Out: what each result of `evaluate` divides
by, which results are sums, and which are neither, with the reason; and what the results
of training steps divide by. Invariant: it is derived from the graph that is computed
then; draws of a batch are as good as those of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.mode import resolve_mode
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import literal
from symdiff.ops.core.rows import Mixed, Part, Sums
from symdiff.plan.division import Division, Named, divisor_of
from symdiff.plan.parts import parts_of
from symdiff.plan.rows import row_axes, row_dim

Divisors = Mapping[str, Tensor]
TRAINED, HELD_OUT = "divisors", "held_out_divisors"  # functions of train.py


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
    parts, tensors = _parts(arguments, named, rows, "infer")
    mixed = {
        name: f"{part.why} (`{part.node.op.name}`)"
        for name, part in parts.items()
        if isinstance(part, Mixed)
    }
    summed = _summed(parts)
    return Weighing(_divisors(parts, tensors, rows, summed), summed, mixed)


def step_divisors(arguments: Sequence[Tensor], named: Named) -> Divisors:
    """Return what each result of a training step divides by; empty if all by the rows.

    Where training takes the rows of a batch together, it is what inference divides by.
    """
    rows = row_dim(arguments)
    if not isinstance(rows, sp.Symbol):
        return {}
    parts, tensors = _parts(arguments, named, rows, "train")
    if any(isinstance(part, Mixed) for part in parts.values()):
        alone, others = _parts(arguments, named, rows, "infer")
        parts = {n: alone[n] if isinstance(p, Mixed) else p for n, p in parts.items()}
        tensors = {**others, **tensors}
    return _divisors(parts, tensors, rows, _summed(parts))


def _parts(
    arguments: Sequence[Tensor], named: Named, rows: sp.Symbol, mode: str
) -> tuple[dict[str, Part], dict[Node, Tensor]]:
    """Return how rows make up each result, and the tensors it is computed from."""
    roots = resolve_mode(list(named.values()), mode)
    tensors = {t.node: t for t in tensor_topological(roots)}
    drawn = [t for t in tensors.values() if t.node.op is RANDOM]
    parts = parts_of(roots, rows, row_axes((*arguments, *drawn), rows))
    return dict(zip(named, parts, strict=True)), tensors


def _summed(parts: Mapping[str, Part]) -> tuple[str, ...]:
    return tuple(n for n, p in parts.items() if isinstance(p, Sums) and p.by is None)


def _divisors(
    parts: Mapping[str, Part],
    tensors: Mapping[Node, Tensor],
    rows: sp.Symbol,
    summed: Sequence[str],
) -> Divisors:
    found = {
        name: divisor_of(part, tensors, rows)
        for name, part in parts.items()
        if name not in summed and not isinstance(part, Mixed)
    }
    plain = all(t.node is literal(rows).node for t in found.values())
    return {} if plain else found


@dataclass(frozen=True)
class Batches:
    """How results of parts of the data make up those of all of it.

    ``steps`` is what the results of training steps divide by, whether or not their
    batches can be worked through in parts.
    """

    divided: Division  # in training
    steps: Divisors
    held_out: Weighing  # in inference

    @property
    def divisors(self) -> dict[str, Divisors]:
        """What the functions of divisors return, by function.

        ``divisors`` is that of training, and of held-out batches as well unless
        inference divides by other numbers.
        """
        trained = {**(self.divided.divisors or {}), **self.steps}
        evaluated = self.held_out.divisors
        if evaluated and self._agree:
            return {TRAINED: {**trained, **evaluated}}
        found = {TRAINED: trained, HELD_OUT: evaluated}
        return {name: divisors for name, divisors in found.items() if divisors}

    @property
    def _agree(self) -> bool:
        """Whether training divides by what inference does."""
        a, b = self.steps, self.held_out.divisors
        return a.keys() == b.keys() and all(a[n].node is b[n].node for n in a)

    @property
    def weighed(self) -> tuple[str, str]:
        """The functions that weigh steps, and held-out batches; '' if rows do."""
        held_out = TRAINED if self._agree else HELD_OUT
        return (
            TRAINED if self.steps else "",
            held_out if self.held_out.divisors else "",
        )
