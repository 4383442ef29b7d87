"""Labels and indices of a program: which are checked, and what arguments may be.

In: a program as it was declared. Out: the same with its computed indices checked, and
with `Program.indexing`. Invariant: a program whose indices are arguments keeps its
nodes.
"""

from __future__ import annotations

from dataclasses import replace

from symdiff.plan.program import Program
from symdiff.rewrite.index_checks import checking


def check_indices(program: Program) -> Program:
    """Have computed labels and indices checked where nothing tells their range."""
    checked, uses = checking(program.roots())
    return replace(program.rebuilt(checked), indexing=tuple(uses.items()))
