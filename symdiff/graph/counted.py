"""Lengths that are known only when a while loop has run.

In: a mark that tells the loop. Out: a dimension whose name says so. Invariant: such a
length is nobody's argument, and nothing is allocated by it before its loop has run.
"""

from __future__ import annotations

import sympy as sp

from symdiff.graph.types import Dim, dim

_COUNTED = "steps_of_loop_"


def counted_dim(mark: str) -> sp.Symbol:
    """Return the symbol of how often a while loop runs."""
    return dim(_COUNTED + mark)


def is_counted(length: Dim) -> bool:
    """Whether a length says how often a while loop ran.

    Nothing tells how often that was but what the loop has kept of its steps.
    """
    symbols = length.free_symbols if isinstance(length, sp.Expr) else ()
    return any(s.name.startswith(_COUNTED) for s in symbols)
