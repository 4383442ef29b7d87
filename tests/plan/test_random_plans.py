"""Random programs: the planned step against the readable one, to the bit or nearly.

The programs of the random-graph tests, as the loss of a model whose parameters are the
operands. Scratch memory is filled with NaN before each run, so that a value read after
its memory was given away, or before it was written, changes a result.
"""

from __future__ import annotations

import os

import numpy as np
import planned_runs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned_runs import Texts, check_bits, check_near
from random_namespaces import Symbolic
from random_programs import Program, program

import symdiff as sd

TAPES = st.lists(st.integers(0, (1 << 16) - 1), min_size=40, max_size=60)
RELAXED = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}


def compiled(made: Program, planned: str = "exact") -> Texts:
    """Return backward.py and _planned.py of a program as a model's loss."""
    params = [sd.param(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    return planned_runs.compiled(made.run(Symbolic(), params), planned)


def operands(made: Program) -> dict[str, np.ndarray]:
    return {f"v{i}": a for i, a in enumerate(made.operands)}


def check(made: Program) -> None:
    """Loss and gradients in both widths, twice, over memory full of NaN."""
    check_bits(compiled(made), operands(made))


@pytest.mark.filterwarnings("ignore::symdiff.graph.errors.SymdiffWarning")
@settings(max_examples=60, **RELAXED)
@given(TAPES)
def test_planned_is_near_readable(numbers: list[int]) -> None:
    made = program(numbers)
    check_near(compiled(made, "fast"), operands(made))


@pytest.mark.filterwarnings("ignore::symdiff.graph.errors.SymdiffWarning")
@settings(max_examples=40, **RELAXED)
@given(TAPES)
def test_planned_equals_readable(numbers: list[int]) -> None:
    check(program(numbers))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::symdiff.graph.errors.SymdiffWarning")
def test_sweep() -> None:
    """A larger sweep; SYMDIFF_SWEEP says how many programs."""
    rng = np.random.default_rng(1)
    for _ in range(int(os.environ.get("SYMDIFF_SWEEP", "250"))):
        check(program(rng.integers(0, 1 << 16, 60).tolist()))


def test_what_blas_does_not_take_is_not_copied_for_it() -> None:
    """A product with a matrix read backwards, and with every other of its columns."""
    rng = np.random.default_rng(0)
    for shape, view in (
        ((7, 1), lambda a: a[::-1]),
        ((7, 9), lambda a: a[::-1]),
        ((7, 9), lambda a: a[:, ::2]),
        ((7, 9, 3), lambda a: a[:, :, 0]),
    ):
        check(Program([rng.normal(size=shape), rng.normal(size=(7, 5))], [
            ("view", lambda xp, a, view=view: view(a), (0,)),
            ("product", lambda xp, b, v: xp.swapaxes(b, 0, 1) @ v, (1, 2)),
            ("sin", lambda xp, p: xp.sin(p), (3,)),
            ("sum", lambda xp, p: xp.sum(p), (4,)),
        ]))  # fmt: skip


def test_a_stretched_axis_goes_where_the_other_operand_has_it() -> None:
    """sum(cumprod(v - t)) for t of shape [2, 3, 1] with its axes turned around."""
    rng = np.random.default_rng(0)
    check(Program([rng.normal(size=3), rng.normal(size=(1, 3, 2))], [
        ("tanh", lambda xp, t: xp.tanh(t), (1,)),
        ("minus", lambda xp, v, t: v - xp.transpose(t), (0, 2)),
        ("cumprod", lambda xp, d: xp.cumprod(d, axis=0), (3,)),
        ("sum", lambda xp, c: xp.sum(c), (4,)),
    ]))  # fmt: skip
