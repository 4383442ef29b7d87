"""Loops and branches from inside, however deep they are in each other.

In: the graph around a loop or branch, and cotangents of its results. Out: an `Opening`.
Invariant: what is inside is opened alike, with one index more for each loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.explain.branches import Branch
from symdiff.explain.loops import Loop
from symdiff.explain.sweeping import Graph, Opening
from symdiff.graph.tensor import Tensor


def opened(
    around: Graph,
    tensor: Tensor,
    totals: Sequence[Tensor | None],
    needs: Sequence[bool],
) -> Opening:
    """Return a loop or branch of a graph from inside."""
    kind = Loop if "carries" in tensor.node.attrs else Branch
    return kind(around, tensor, totals, needs, opened).opening()
