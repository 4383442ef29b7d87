"""Values, types and widths of every sample, against NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_checks import (
    Problem,
    close,
    derivatives,
    direction,
    feed_of,
    forward_nodes,
    leading,
    leaf_like,
    numeric_shape,
    outputs_of,
    problem,
    refer,
    run,
    tensor_type,
    varied,
)
from samples import SAMPLES, Sample, draw
from samples.table import redraw_shape

from symdiff.graph.interpret import evaluate
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import collecting_constraints
from symdiff.ops.core.operands import API

EVERY = pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
SMOOTH = [s for s in SAMPLES if s.differentiable]


@EVERY
def test_value(sample: Sample) -> None:
    p = problem(sample)
    wanted = refer(sample, p.values)
    got = run(p.outputs, p.feed)
    assert len(got) == len(wanted)
    for output, a, b in zip(p.outputs, got, wanted, strict=True):
        close(a, b, sample.tolerance, sample.id)
        assert np.shape(a) == output.shape
        assert np.asarray(a).dtype.kind == output.dtype.kind
        assert output.dtype.is_float or np.asarray(a).dtype == output.dtype.name


@EVERY
def test_every_node_has_the_inferred_type(sample: Sample) -> None:
    p = problem(sample)
    with np.errstate(all="ignore"):
        values = evaluate([o.node for o in p.outputs], p.feed)
    for node, value in values.items():
        kind = tensor_type(node)
        if kind is not None and not kind.dtype.weak:
            assert np.shape(value) == kind.shape, node
            assert np.asarray(value).dtype.kind == kind.dtype.kind, node


STRETCHED = [s for s in SAMPLES if leading(s) is not None]


def _at_length(sample: Sample, length: int) -> Sample:
    old = leading(sample)
    assert old is not None
    args = [redraw_shape(a, old, length) for a in sample.args]
    return Sample(**{**vars(sample), "args": args})


def _symbolic(sample: Sample) -> list[Any]:
    length = leading(sample)
    return [leaf_like(f"x{i}", a, length) for i, a in enumerate(draw(sample))]


@pytest.mark.parametrize("sample", STRETCHED, ids=lambda s: s.id)
def test_symbolic_length(sample: Sample) -> None:
    """One graph serves every length: 1 is not broadcast, 0 does not crash."""
    leaves = _symbolic(sample)
    with collecting_constraints() as constraints:
        outputs = outputs_of(sample, leaves)
    nonempty = any(c.right is None for c in constraints)
    for length in (leading(sample), 1, *([] if nonempty else [0])):
        values = draw(_at_length(sample, length))
        wanted = refer(sample, values)
        for output, a, b in zip(
            outputs, run(outputs, feed_of(leaves, values)), wanted, strict=True
        ):
            assert np.shape(a) == numeric_shape(output.shape, length)
            close(a, b, sample.tolerance, f"{sample.id} at N = {length}")


@pytest.mark.parametrize(
    "sample", [s for s in STRETCHED if s.differentiable], ids=lambda s: s.id
)
def test_symbolic_derivatives(sample: Sample) -> None:
    """Derivatives of the symbolic graph equal those of the concrete one."""
    leaves = _symbolic(sample)
    with collecting_constraints() as constraints:
        outputs = outputs_of(sample, leaves)
    nonempty = any(c.right is None for c in constraints)
    for length in (leading(sample), 1, *([] if nonempty else [0])):
        small = _at_length(sample, length)
        concrete = problem(small)
        p = Problem(sample, leaves, outputs, concrete.values, varied(concrete.values))
        found = []
        for q in (p, concrete):
            d = derivatives(q)
            rng = np.random.default_rng(1)
            cts = [
                rng.normal(size=numeric_shape(c.shape, length)) for c in d.cotangents
            ]
            ts = direction(concrete, rng)
            feed = q.feed | feed_of([*d.cotangents, *d.tangents], [*cts, *ts])
            found.append(run([*d.vjp, *d.jvp], feed))
        for a, b in zip(*found, strict=True):
            close(a, b, 1e-11, f"{sample.id} at N = {length}")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_float32_stays_float32(sample: Sample) -> None:
    """No node of the value or of its derivatives widens to float64."""
    p = problem(sample)
    tensors = list(p.outputs)
    feed = p.feed
    if sample.differentiable:
        d = derivatives(p)
        tensors += [*d.vjp, *d.jvp]
        ones = [np.ones(x.shape) for x in (*d.cotangents, *d.tangents)]
        feed = feed | feed_of([*d.cotangents, *d.tangents], ones)
    if not p.varied:
        return  # no float argument says which width is meant
    narrow = {
        n: a.astype("float32") if np.asarray(a).dtype.kind == "f" else a
        for n, a in feed.items()
    }
    with np.errstate(all="ignore"):
        values = evaluate([t.node for t in tensors], narrow)
    for node, value in values.items():
        kind = tensor_type(node)
        if kind is None or kind.dtype.weak or kind.dtype.name == "float64":
            continue
        if kind.dtype.is_float:
            assert np.asarray(value).dtype == "float32", node


@EVERY
def test_expansion_has_the_same_value(sample: Sample) -> None:
    """What code generation will emit for a composite op equals the op."""
    p = problem(sample)
    with np.errstate(all="ignore"):
        values = evaluate([o.node for o in p.outputs], p.feed)
    for node in forward_nodes(p):
        if node.op.expand is None:
            continue
        leaves = [
            Tensor(
                leaf_like(f"e{i}", np.asarray(values[n])).node, (), p.outputs[0].site
            )
            for i, n in enumerate(node.inputs)
        ]
        expanded = node.op.expand(*leaves, **node.attrs)
        feed = feed_of(leaves, [values[n] for n in node.inputs])
        tolerance = max(sample.tolerance, 1e-12)
        close(run([expanded], feed)[0], values[node], tolerance, node.op.name)


def test_public_names_exist() -> None:
    named = {s.fn for s in SAMPLES if isinstance(s.fn, str)}
    assert named <= set(API)
