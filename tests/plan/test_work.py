"""Operations and bytes of single ops are those of textbooks.

The counts are written out here, with lengths a to d: Golub and Van Loan, 4th ed., for
matrices; a multiplication and an addition for each term of a sum of products; elements
that are moved or compared count once.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

import symdiff as sd
from symdiff.graph.node import topological
from symdiff.plan.cost import formulas, whole

A, B, C, D = 7, 11, 13, 17
T = sd.Tensor


def floats(*lengths: int) -> T:
    return sd.input("x", lengths)


def index(*lengths: int, below: int) -> T:
    return sd.input("i", lengths, dtype="int64", low=0, high=below)


# an expression, its operations, and the floats and indices that it reads and writes
CASES: dict[str, tuple[Callable[[], T], float | Fraction, tuple[int, int]]] = {
    "rows taken": (
        lambda: floats(A, B)[index(C, below=A)],
        C * B,
        (2 * C * B, C),
    ),
    "columns taken": (
        lambda: sd.take(floats(A, B), index(C, below=B), axis=1),
        A * C,
        (2 * A * C, C),
    ),
    "elements taken": (
        lambda: floats(A, B)[index(C, below=A), index(C, below=B)],
        C,
        (2 * C, 2 * C),
    ),
    "matmul": (
        lambda: floats(A, B) @ floats(B, C),
        2 * A * B * C,
        (A * B + B * C + A * C, 0),
    ),
    "batched matmul": (
        lambda: floats(D, A, B) @ floats(D, B, C),
        2 * D * A * B * C,
        (D * (A * B + B * C + A * C), 0),
    ),
    "tensordot": (
        lambda: sd.tensordot(floats(A, B, C), floats(B, C, D), 2),
        2 * A * B * C * D,
        (A * B * C + B * C * D + A * D, 0),
    ),
    "einsum": (
        lambda: sd.einsum("abc,bcd->ad", floats(A, B, C), floats(B, C, D)),
        2 * A * B * C * D,
        (A * B * C + B * C * D + A * D, 0),
    ),
    "convolve": (
        lambda: sd.convolve(floats(C), floats(A)),
        2 * A * C,
        (A + C + A + C - 1, 0),
    ),
    "svdvals": (
        lambda: sd.linalg.svdvals(floats(A, A)),
        Fraction(8, 3) * A**3,
        (A * A + A, 0),
    ),
    "det": (
        lambda: sd.linalg.det(floats(A, A)),
        Fraction(2, 3) * A**3,
        (A * A + 1, 0),
    ),
    "cholesky": (
        lambda: sd.linalg.cholesky(floats(A, A)),
        Fraction(1, 3) * A**3,
        (2 * A * A, 0),
    ),
    "inv": (lambda: sd.linalg.inv(floats(A, A)), 2 * A**3, (2 * A * A, 0)),
    "solve": (
        lambda: sd.linalg.solve(floats(A, A), floats(A, C)),
        Fraction(2, 3) * A**3 + 2 * A**2 * C,
        (A * A + 2 * A * C, 0),
    ),
    "sum": (lambda: sd.sum(floats(A, B), axis=0), A * B, (A * B + B, 0)),
    "exp": (lambda: sd.exp(floats(A, B)), A * B, (2 * A * B, 0)),
    "concatenate": (
        lambda: sd.concatenate([floats(A, B), floats(C, B)]),
        (A + C) * B,
        (2 * (A + C) * B, 0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operations_and_bytes(name: str) -> None:
    make, flops, (floats, indices) = CASES[name]
    work, moved = formulas(topological([make().node]))
    assert abs(whole(work) - flops) < 2  # coefficients are rounded up
    assert whole(moved) == 4 * floats + 8 * indices


def test_a_lookup_does_not_cost_its_table() -> None:
    """Its derivative fills an array as large as the table, and costs that."""
    table, at = sd.input("e", (50_000, 512)), index(5, below=50_000)
    loss = sd.sum(table[at] ** 2)
    work, moved = formulas(topological([loss.node]))
    assert whole(work) < 10 * 5 * 512
    assert whole(moved) < 40 * 5 * 512
    work, _ = formulas(topological([sd.grad(loss, table).node]))
    assert whole(work) >= 50_000 * 512
