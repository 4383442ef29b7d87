"""Both modes, to second order, of every sample: against each other and slopes."""

from __future__ import annotations

import numpy as np
import pytest
from derivative_checks import (
    check_first_order,
    check_second_order,
    check_single_operand,
    check_third_order,
)
from samples import SAMPLES, Sample

SMOOTH = [s for s in SAMPLES if s.differentiable]
TWICE = [s for s in SMOOTH if s.second]
EVERY = pytest.mark.parametrize("sample", SMOOTH, ids=lambda s: s.id)


@EVERY
def test_first_order(sample: Sample) -> None:
    """<g, jvp(t)> = <vjp(g), t>, and jvp(t) is the slope of the reference."""
    check_first_order(sample)


@EVERY
def test_one_operand_at_a_time(sample: Sample) -> None:
    """Asking for one cotangent gives what asking for all gives."""
    check_single_operand(sample)


@pytest.mark.parametrize("sample", TWICE, ids=lambda s: s.id)
def test_second_order(sample: Sample) -> None:
    """Reverse over reverse, forward over reverse, forward over forward: one Hessian."""
    check_second_order(sample)


@pytest.mark.slow
@pytest.mark.parametrize("sample", TWICE, ids=lambda s: s.id)
def test_third_order(sample: Sample) -> None:
    """Reverse three times, forward over forward over reverse: one third derivative."""
    check_third_order(sample)


@pytest.mark.parametrize(
    "sample", [s for s in SAMPLES if not s.differentiable], ids=lambda s: s.id
)
def test_no_derivative(sample: Sample) -> None:
    """What carries no derivative gives zeros, not an error."""
    from sample_checks import direction, feed_of, leaf, problem, run

    from symdiff.ops.core.operands import API

    p = problem(sample)
    outputs = [p.outputs[i] for i in p.smooth_outputs]
    if not outputs or not p.varied:
        return
    cts = [leaf(f"g{i}", o.shape) for i, o in enumerate(outputs)]
    pulled = API["vjp"](outputs, p.variables, cts)
    ts = [leaf(f"t{i}", x.shape) for i, x in enumerate(p.variables)]
    pushed = API["jvp"](outputs, p.variables, ts)
    rng = np.random.default_rng(0)
    values = [*(rng.normal(size=c.shape) for c in cts), *direction(p, rng)]
    for found in run([*pulled, *pushed], p.feed | feed_of([*cts, *ts], values)):
        assert not np.any(found)
