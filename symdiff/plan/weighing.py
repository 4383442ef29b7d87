"""How results of batches are combined to that of all rows, held out or of an epoch.

In: a model's arguments, loss and metrics. Out: the divisor of each mean that `evaluate`
returns, which results are sums, and which are neither, with the reason; and the
divisors of the results of training steps. Invariant: each is derived from the graph
that `evaluate` or a step computes; random draws count as rows.
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
    """How `fit` combines the results of held-out rows that come in batches.

    ``divisors`` are the divisors of means, empty if all divide by the number of rows;
    ``summed`` are the results that are sums, and ``mixed`` gives the reason for each
    result that batches do not determine.
    """

    divisors: Divisors = field(default_factory=dict)
    summed: tuple[str, ...] = ()
    mixed: Mapping[str, str] = field(default_factory=dict)


def weighing(arguments: Sequence[Tensor], named: Named) -> Weighing:
    """Return how the results of batches are combined in inference."""
    rows = row_dim(arguments, named["loss"])
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
    """Return the divisors of a training step's results; empty if all are the rows.

    A result for which training mixes the rows of a batch has the divisor of inference.
    """
    rows = row_dim(arguments, named["loss"])
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
    """Return the class of each result, and the tensors it is computed from."""
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
    """How results of parts of the data are combined to those of all of it.

    ``steps`` are the divisors of the results of training steps, whether or not a batch
    can be computed in parts.
    """

    divided: Division  # in training
    steps: Divisors
    held_out: Weighing  # in inference

    @property
    def divisors(self) -> dict[str, Divisors]:
        """The divisors that each generated function of divisors returns, by its name.

        The function ``divisors`` is for training, and for held-out batches as well
        unless inference divides by other numbers.
        """
        trained = {**(self.divided.divisors or {}), **self.steps}
        evaluated = self.held_out.divisors
        if evaluated and self._agree:
            return {TRAINED: {**trained, **evaluated}}
        found = {TRAINED: trained, HELD_OUT: evaluated}
        return {name: divisors for name, divisors in found.items() if divisors}

    @property
    def _agree(self) -> bool:
        """Whether training and inference have the same divisors."""
        a, b = self.steps, self.held_out.divisors
        return a.keys() == b.keys() and all(a[n].node is b[n].node for n in a)

    @property
    def weighed(self) -> tuple[str, str]:
        """The functions that weigh steps, and held-out batches; '' to weigh by rows."""
        held_out = TRAINED if self._agree else HELD_OUT
        return (
            TRAINED if self.steps else "",
            held_out if self.held_out.divisors else "",
        )
