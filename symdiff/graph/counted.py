"""Lengths that are known only when a while loop has run.

In: a mark that identifies the loop. Out: a dimension for its trip count, recognised by
its name. Invariant: such a length is never read from an argument, and nothing of that
length is allocated before the loop has run.
"""

from __future__ import annotations

import sympy as sp

from symdiff.graph.types import Dim, dim

_COUNTED = "steps_of_loop_"


def counted_dim(mark: str) -> sp.Symbol:
    """Return the symbol of how often a while loop runs."""
    return dim(_COUNTED + mark)


def is_counted(length: Dim) -> bool:
    """Whether a length depends on the trip count of a while loop.

    Such a length is known only once the loop has run.
    """
    symbols = length.free_symbols if isinstance(length, sp.Expr) else ()
    return any(s.name.startswith(_COUNTED) for s in symbols)
