"""Proofs: overridden partials are SymPy's derivative, gradients are sympy.diff."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from exact import NotExact, exact_values, is_zero
from sample_checks import derivatives, feed_of, forward_ops, leaf, problem
from samples import SAMPLES, Sample

from symdiff.graph.tensor import apply
from symdiff.ops.core import rules
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.record import OPS, Op
from symdiff.ops.core.symbols import OPERANDS, sigmoid, y

ELEMENTWISE = [op for op in OPS.values() if op.is_elementwise and op.vjp]
STATED = [op for op in ELEMENTWISE if op.expression is not None]


def _points(symbols: Any, count: int = 3) -> list[dict[Any, Any]]:
    """Return exact points, in (0, 1) and without ties, where all functions are real."""
    rng = np.random.default_rng(0)
    symbols = sorted(symbols, key=str)
    return [
        dict(zip(symbols, [sp.Rational(int(k), 997) for k in draw], strict=True))
        for draw in (rng.permutation(996)[: len(symbols)] + 1 for _ in range(count))
    ]


def _plain(expression: Any) -> Any:
    """Return an expression with sigmoid written by exp, floor' = 0, all of it real."""
    plain = sp.sympify(expression).replace(sigmoid, lambda e: 1 / (1 + sp.exp(-e)))
    plain = plain.replace(sp.re, lambda e: e)
    return plain.replace(lambda e: isinstance(e, (sp.Subs, sp.Derivative)), lambda e: 0)


@pytest.mark.parametrize("op", STATED, ids=lambda op: op.name)
def test_partials_are_derivatives(op: Op) -> None:
    """Every partial of a record, override or not, is SymPy's derivative."""
    for i, partial in enumerate(op.partials):
        wanted = _plain(sp.diff(op.expression, OPERANDS[i]))
        if partial is None:
            got: Any = 0
        elif isinstance(partial, sp.Basic):
            got = _plain(partial).subs(y, op.expression)
        else:
            got = _applied(op, i)
        assert is_zero(got - wanted, _points(OPERANDS)), f"{op.name}, operand {i}"


def _applied(op: Op, i: int) -> Any:
    """Return the expression of a partial that is a function of tensors."""
    leaves = [leaf(s.name, ()) for s in OPERANDS[: len(op.partials)]]
    t = leaf("t", ())
    moved = rules.apply_partial(op, i, t, apply(op, *leaves), leaves)
    if moved is None:
        return sp.Integer(0)
    feed = dict(zip([x.node for x in leaves], OPERANDS, strict=False))
    try:
        return exact_values([moved.node], feed | {t.node: sp.Integer(1)})[moved.node][
            ()
        ]
    except NotExact as missing:
        pytest.skip(f"no exact evaluation of {missing}")


PROVABLE = [s for s in SAMPLES if s.differentiable and len(s.args) <= 3]


@pytest.mark.parametrize("sample", PROVABLE, ids=lambda s: s.id)
def test_gradient_is_sympy_diff(sample: Sample) -> None:
    """The gradient of <g, f(x)> as graph equals sympy.diff of the same expression."""
    p = problem(sample)
    d = derivatives(p)
    feed = p.feed | feed_of(d.cotangents, [_small(c.shape) for c in d.cotangents])
    symbols = []
    for k, x in enumerate(p.variables):
        feed[x.node] = _symbols(f"x{k}", x.shape)
        symbols.append(feed[x.node])
    outputs = [p.outputs[i] for i in p.smooth_outputs]
    try:
        values = exact_values([t.node for t in (*outputs, *d.vjp)], feed)
    except NotExact as missing:
        pytest.skip(f"no exact evaluation of {missing}")
    total = sum(
        sp.Add(*np.ravel(values[o.node] * feed[g.node]))
        for o, g in zip(outputs, d.cotangents, strict=True)
    )
    rng = np.random.default_rng(0)
    for name, gradient in zip(symbols, d.vjp, strict=True):
        found = values[gradient.node]
        for at in rng.permutation(name.size)[:2]:
            place = np.unravel_index(at, name.shape)
            wanted = sp.diff(total, name[place])
            difference = _plain(found[place] - wanted)
            points = _points(difference.free_symbols, 2)
            assert is_zero(difference, points), f"{sample.id} at {place}"


def _symbols(prefix: str, shape: Any) -> np.ndarray:
    """Return an array of positive symbols."""
    found = np.empty(shape, dtype=object)
    for n, i in enumerate(np.ndindex(found.shape)):
        found[i] = sp.Symbol(f"{prefix}_{n}", positive=True)
    return found


def _small(shape: Any) -> np.ndarray:
    """Return an array of small distinct integers, as exact cotangents."""
    found = np.empty(shape, dtype=object)
    for n, i in enumerate(np.ndindex(found.shape)):
        found[i] = sp.Integer(n % 5 - 2 or 7)
    return found


def test_most_samples_are_proved() -> None:
    """What the exact evaluation covers does not shrink unseen."""
    assert LITERAL.name in OPS
    names = {n for s in PROVABLE for n in forward_ops(s)}
    assert {"add", "multiply", "matmul", "softmax", "logsumexp", "max"} <= names
