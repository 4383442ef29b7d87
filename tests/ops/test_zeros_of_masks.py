"""Ops that hand zeros on take masks: where elements are 0 by selection is a mask that
goes the way of the elements.

The class: every op of the sample table that moves or places elements, its float
operands made masks, generated code against the record's own value, with all, some and
no elements set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, Sample, draw

import symdiff as sd
from symdiff.graph.node import topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.record import OPS


def found_in(sample: Sample) -> list[Tensor]:
    """Return the nodes of a sample that hand zeros on, over masks."""
    made = [
        sd.input(
            f"a{i}", a.shape, dtype={"f": "float", "i": "int64", "b": "bool"}[kind]
        )
        if isinstance(a, np.ndarray) and (kind := a.dtype.kind)
        else a
        for i, a in enumerate(draw(sample))
    ]
    built = sample.build(made)
    roots = built if isinstance(built, (list, tuple)) else [built]
    return [
        of_masks(node)
        for node in topological([t.node for t in roots])
        if node.op.facts.zeros is not None
        and node.type.dtype.is_float
        and not any(i.type.dtype.weak for i in node.inputs)
    ]


def of_masks(node: Any) -> Tensor:
    """Return an op on inputs of its own, booleans in place of floats."""
    operands = []
    for i, operand in enumerate(node.inputs):
        dtype = "bool" if operand.dtype.is_float else "int64"
        if operand.op.name == "constant":
            operands.append(sd.constant(operand.attrs["value"].astype(dtype)))
            continue
        high = node.op.facts.indices(node).get(i) if node.op.facts.indices else None
        operands.append(sd.input(f"m{i}", operand.shape, dtype=dtype, high=high))
    return apply(node.op, *operands, **node.attrs)


CASES = {}
for _sample in SAMPLES:
    if not _sample.symbolic or _sample.args:
        CASES.setdefault(_sample.id, _sample)


@pytest.mark.parametrize("name", CASES)
def test_masks_go_where_elements_go(name: str) -> None:
    rng = np.random.default_rng(0)
    for out in found_in(CASES[name]):
        leaves = [p for p in out.parents if p.node.op.name == "input"]
        function = sd.compile(sd.Function("f", leaves, out)).load().forward
        for share in (0.5, 1.0, 0.0):
            arrays = [
                rng.random(p.shape) < share
                if p.dtype.is_bool
                else rng.integers(0, p.node.attrs.get("high") or 1, p.shape)
                for p in leaves
            ]
            wanted = np.asarray(
                sd.interpret(out, dict(zip(leaves, arrays, strict=True)))
            )
            got = np.asarray(function(*arrays))
            assert got.dtype == wanted.dtype == bool, out.node.op.name
            np.testing.assert_array_equal(got, wanted, out.node.op.name)


def test_every_op_that_hands_zeros_on_has_a_case() -> None:
    seen = {t.node.op.name for s in CASES.values() for t in found_in(s)}
    assert {n for n, op in OPS.items() if op.facts.zeros is not None} <= seen
