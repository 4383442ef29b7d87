"""The sample table covers every op, and its lines mean what their words say."""

from __future__ import annotations

from collections import Counter

from sample_checks import forward_nodes, problem
from samples import SAMPLES

from symdiff.ops.core.record import OPS

# Records that no sample can show alone.
WITHOUT_SAMPLE = {
    "literal": "a Python number; it occurs beside operands",
    "constant": "an array; it has no operands",
    "random": "a keyed draw, a leaf that the random ops test",
    "input": "leaf",
    "param": "leaf",
    "state": "leaf",
    "hyper": "leaf",
    "bound": "leaf: the argument of a loop's body",
    "zeros_of": "reads what while loops keep of their steps; tests/loops/test_steps.py",
    "update_state": "needs a state; tests/declare/test_norms.py has it in a layer",
}


def test_every_op_has_a_sample() -> None:
    shown = {n.op.name for s in SAMPLES for n in forward_nodes(problem(s))}
    ours = {name for name in OPS if "@" not in name}  # others are a test's own ops
    missing = sorted(ours - shown - set(WITHOUT_SAMPLE))
    assert not missing, f"add a line to tests/samples for: {', '.join(missing)}"


def test_no_line_occurs_twice() -> None:
    repeated = [k for k, n in Counter(s.id for s in SAMPLES).items() if n > 1]
    assert not repeated, "give these a label of their own"
