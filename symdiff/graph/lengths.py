"""Lengths that have to be equal, asked before any operation is made of them.

In: two dims. Out: whether they can be equal. Invariant: nothing is assumed of them that
run time would have to check, as `symdiff.graph.types.unify` does.
"""

from __future__ import annotations

from symdiff.graph.types import Dim, dims_equal


def may_agree(left: Dim, right: Dim) -> bool:
    """Whether two lengths that have to be equal can be.

    A length that is written as 1 agrees with no symbolic one: NumPy would stretch it at
    run time, and nothing would tell that the lengths differ.
    """
    found = dims_equal(left, right)
    return bool(found) or (found is None and left != 1 and right != 1)
