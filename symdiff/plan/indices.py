"""Labels and indices of a program: which are checked, and the values allowed for them.

In: a program as it was declared. Out: the same with its computed indices checked, and
with `Program.indexing`. Invariant: if all indices are arguments, the program's nodes
stay the same.
"""

from __future__ import annotations

from dataclasses import replace

from symdiff.plan.program import Program
from symdiff.rewrite.index_checks import checking


def check_indices(program: Program) -> Program:
    """Add checks of computed labels and indices whose range is not known."""
    checked, uses = checking(program.nodes)
    return replace(program.rebuilt(checked), indexing=tuple(uses.items()))
