"""The dim that counts the rows of a batch.

In: the arguments of a model. Out: the dim that counts their rows, and the axis of rows
of each argument. Invariant: shapes alone decide; `symdiff.plan.parts` then derives op
by op what becomes of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim


def row_dim(arguments: Sequence[Tensor]) -> Dim | None:
    """Return the dim that counts rows, None where there is none.

    It is a symbol that is the first length of some argument; of several, the one that
    most arguments have. Where no length is symbolic, it is the first length of all
    arguments, if they share it.
    """
    have = Counter(d for t in arguments for d in {*t.shape} if isinstance(d, sp.Symbol))
    leading = [t.shape[0] if t.ndim else None for t in arguments]
    symbols = [d for d in leading if isinstance(d, sp.Symbol)]
    if symbols:
        return max(symbols, key=lambda d: have[d])  # the first of equals
    if have or not leading or len({*leading}) != 1:
        return None
    return leading[0]


def row_axes(arguments: Sequence[Tensor], rows: Dim | None) -> dict[Node, int]:
    """Return the axis of rows of each argument that has rows."""
    if rows is None:
        return {}
    if isinstance(rows, int):
        return {t.node: 0 for t in arguments}
    return {
        t.node: t.shape.index(rows)
        for t in arguments
        if [d for d in t.shape if rows in sp.sympify(d).free_symbols] == [rows]
    }
