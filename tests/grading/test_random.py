"""No right gradient is marked wrong, and no wrong one right, over random programs.

The right ones come from complex steps, which share nothing with the derivation; they
are put where a student's process would have put its results.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from random_namespaces import Complex, Symbolic
from random_programs import Program, program

import symdiff as sd
from symdiff.grading.grade import Grader, _Grading
from symdiff.grading.reference import Case
from symdiff.grading.results import CaseOutcome
from symdiff.grading.sandbox import Session
from symdiff.grading.verdict import Grade
from symdiff.graph.errors import DerivativeError

STEP = 1e-30


def _grader(made: Program) -> Grader:
    leaves = [sd.input(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    function = sd.Function("f", leaves, made.run(Symbolic(), leaves))
    return Grader(function, sd.compile(function, optimize=1))


def _by_complex_steps(made: Program, case: Case) -> dict[str, np.ndarray]:
    """The gradient, an element at a time."""
    operands = [a.astype(complex) for a in case.arguments.values()]
    found = {}
    for k, (name, array) in enumerate(case.arguments.items()):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = [a.copy() for a in operands]
            moved[k][index] += 1j * STEP
            with np.errstate(all="ignore"):
                value = made.run(Complex(), moved)
            gradient[index] = np.imag(value) / STEP * float(case.seeds[0])
        found[name] = gradient
    return found


def _marked(grader: Grader, outcomes: list[CaseOutcome]) -> Grade:
    verdict = Grade("student.py", "f")
    _Grading(grader, verdict, Session(outcomes), []).grade()
    return verdict


def check(numbers: list[int]) -> int:
    """Mark one program's right gradients and wrong ones; return how many cases."""
    made = program(numbers)
    try:
        grader = _grader(made)
    except DerivativeError:  # no finite point: nothing can be graded
        return 0
    names = set(grader.reference.wrt)
    right = []
    for case in grader.cases:
        found = case.gradients  # raw formulas overflow for large inputs
        if case.name != "large inputs":
            found = _by_complex_steps(made, case)
        right.append({n: g for n, g in found.items() if n in names})
    verdict = _marked(grader, [CaseOutcome(g) for g in right])
    assert verdict.code == 0, f"a right gradient is marked wrong:\n{verdict.text()}"
    case = grader.cases[0]
    for name in names:
        wrong: list[dict[str, Any]] = [dict(g) for g in right]
        size = np.max(np.abs(right[0][name]), initial=0.0)
        if case.kink or not right[0][name].size or size < 1e3 * case.slack[name]:
            continue
        wrong[0][name] = right[0][name] * 1.01
        grading = Grade("student.py", "f")
        told = _Grading(grader, grading, Session([CaseOutcome(g) for g in wrong]), [])
        told._case(case, told.outcomes[0], set())
        assert name in told.wrong, f"{name}: a wrong gradient is marked right"
    return len(grader.cases)


def sweep(count: int, first: int) -> list[tuple[int, str]]:
    """Return the seeds of programs that are marked amiss, and how."""
    failed, cases = [], 0
    for seed in range(first, first + count):
        numbers = np.random.default_rng([11, seed]).integers(0, 1 << 16, size=60)
        try:
            cases += check(numbers.tolist())
        except Exception as error:
            failed.append((seed, f"{type(error).__name__}: {error}"))
    print(f"{count} programs at {cases} points, {len(failed)} marked amiss")
    return failed


def test_some_programs() -> None:
    failed = sweep(25, 0)
    assert not failed, failed[0]


@pytest.mark.slow
def test_sweep() -> None:
    """A larger sweep; SYMDIFF_SWEEP and SYMDIFF_SWEEP_SEED say of what."""
    count = int(os.environ.get("SYMDIFF_SWEEP", "250"))
    failed = sweep(count, int(os.environ.get("SYMDIFF_SWEEP_SEED", "1000")))
    assert not failed, failed[0]
