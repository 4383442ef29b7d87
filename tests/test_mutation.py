"""Every wrong change of a rule is noticed by some sample's checks."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest
from mutation import Mutant, mutants_of, samples_of, survives

from symdiff.ops.core.record import OPS

# Mutants that compute the same derivative (patterns), and why. A change of pinv, lstsq
# that fits square operands alone is in a term with I - A pinv(A), which is 0 there.
EQUIVALENT = {
    "pinv: *: operands of node * swapped": "only square operands fit: 0",
    "pinv: *: node * left out": "only square operands fit: 0",
    "lstsq: vjp: operands of node * swapped": "the residual of a solvable system is 0",
    "lstsq: jvp: node * left out": "only square operands fit: 0",
    "eigvalsh: *: node * left out": "the transpose of a symmetric matrix",
    "fmod: *: node 3 left out": "rint only removes the rounding of an integer",
    "prod: vjp: node 4 left out": "the running product of (1, x) is (1, x)",
    "convolve: *: operands of node * swapped": "convolution commutes",
    "linspace_between: vjp: operands of node * swapped": "vectors only: it commutes",
    "max_pool: *: operands of node * swapped": "only windows of 1 fit: winner 0",
    "after_steps: jvp: node 0 left out": "it is its operand",
    "packed: jvp: node 0 left out": "it is its operand, in other memory",
    "by_mode: vjp: * 0": "0 in inference; tests/derive/test_modes.py",
}


def _reason(mutant: Mutant) -> str:
    found = [why for p, why in EQUIVALENT.items() if fnmatch(str(mutant), p)]
    return found[0] if found else ""


RULES = [name for name, op in OPS.items() if op.vjp or op.jvp]
SHARES = 8


def _run(names: list[str]) -> tuple[int, list[Mutant]]:
    """Return how many mutants the ops have, and which survive."""
    total, left = 0, []
    for name in names:
        samples = samples_of(OPS[name])
        found = mutants_of(OPS[name], samples[:6])
        total += len(found)
        few = [m for m in found if survives(m, samples[:6])]
        left += [m for m in few if survives(m, samples[6:60])]
    return total, left


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_mutants_are_killed(share: int, capsys: pytest.CaptureFixture[str]) -> None:
    total, left = _run(RULES[share::SHARES])
    unknown = [str(m) for m in left if not _reason(m)]
    with capsys.disabled():
        print(f"\nmutants killed: {total - len(left)} of {total}")
        for m in left:
            print(f"  {m}: {_reason(m) or 'SURVIVES'}")
    assert not unknown


def test_an_op_in_every_way() -> None:
    """A fast share of the run: division has each kind of mutant and none survives."""
    total, left = _run(["divide", "max"])
    assert total > 20
    assert not left
