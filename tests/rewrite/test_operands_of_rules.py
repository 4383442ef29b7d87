"""Rules that say of which op they need an operand are left out where none is."""

from __future__ import annotations

import random

import pytest
from random_namespaces import Symbolic
from random_programs import program

import symdiff as sd
from symdiff.derive.patterns import may_fit
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.elementwise.arithmetic import ADD, MUL, NEG
from symdiff.rewrite import arithmetic, driver
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions


@pytest.mark.parametrize("seed", range(25))
def test_leaving_them_out_changes_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = random.Random(seed)
    made = program([tape.randrange(1000) for _ in range(40)])
    leaves = [sd.input(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    output = made.run(Symbolic(), leaves)
    roots = [output, *sd.vjp(output, leaves, 1.0)]
    fast = rewrite(roots, expansions())
    monkeypatch.setattr(driver, "MOST_OPERANDS", -1)  # every rule is tried
    slow = rewrite(roots, expansions())
    assert [t.node for t in fast] == [t.node for t in slow]


def test_a_rule_is_tried_beside_its_ops_alone() -> None:
    assert may_fit(arithmetic.multiply_by_one, [NEG, LITERAL])
    assert not may_fit(arithmetic.multiply_by_one, [NEG, MUL])
    assert may_fit(arithmetic.add_itself, [ADD, ADD])
