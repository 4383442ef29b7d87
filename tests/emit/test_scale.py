"""Long chains compile: every traversal is a loop, and work grows with the graph.

Times are in benchmarks/compile.py; here it is only asked that compiling ends, and
that the generated code is right.
"""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.tensor import Tensor

STEPS = 10_000  # of two nodes each


def named(x: Tensor) -> Tensor:
    h = x
    for _ in range(STEPS):
        h = sd.sin(h)
        h = h * 1.01
    return h


def unnamed(x: Tensor) -> Tensor:
    kept = [x]
    for _ in range(STEPS):
        kept.append(sd.sin(kept[-1]) * 1.01)
    return kept[-1]


@pytest.mark.parametrize(
    "chain", [pytest.param(named, marks=pytest.mark.slow), unnamed]
)
def test_a_chain_of_twenty_thousand_nodes(chain: object) -> None:
    x = sd.input("x", (2,))
    function = sd.Function("chain", [x], [sd.sum(chain(x))])  # type: ignore[operator]
    module = sd.compile(function, optimize=1).load()
    value = np.array([0.5, -2.0])
    wanted, slope = value, np.ones(2)
    for _ in range(STEPS):
        wanted, slope = np.sin(wanted) * 1.01, slope * np.cos(wanted) * 1.01
    found, residuals = module.backward.forward_with_residuals(value)
    np.testing.assert_allclose(found, wanted.sum(), rtol=1e-9)
    (gradient,) = module.backward.backward(residuals)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)


def test_a_total_that_thousands_of_statements_add_to() -> None:
    """The cotangent of x is one sum over all turns; its comment asks for each term."""
    x = u = v = sd.input("x", ())
    for _ in range(2_500):
        u = u * 0.999 + v * 0.5
        v = v - u * x
    module = sd.compile(sd.Function("chain", [x], [u]), optimize=1).load()
    value = -0.001
    _, residuals = module.backward.forward_with_residuals(value)
    (d_x,) = module.backward.backward(residuals)
    a, b, da, db = value, value, 1.0, 1.0
    for _ in range(2_500):
        a, da = a * 0.999 + b * 0.5, da * 0.999 + db * 0.5
        b, db = b - a * value, db - da * value - a
    np.testing.assert_allclose(d_x, da, rtol=1e-9)


def test_a_sum_of_thousands_of_terms() -> None:
    """Many readers of one value: its cotangent is a sum as long."""
    x, w = sd.input("x", (3,)), sd.input("w", (3,))
    total = sd.sum(x * w)
    for i in range(3_000):
        total = total + sd.sum(sd.sin(x * w + float(i)))
    module = sd.compile(sd.Function("fan", [x, w], [total]), optimize=1).load()
    a, b = np.array([0.1, 0.2, 0.3]), np.array([1.0, -1.0, 2.0])
    _, residuals = module.backward.forward_with_residuals(a, b)
    d_a, d_b = module.backward.backward(residuals)
    terms = 1 + sum(np.cos(a * b + i) for i in range(3_000))
    np.testing.assert_allclose(d_a, terms * b, rtol=1e-8)
    np.testing.assert_allclose(d_b, terms * a, rtol=1e-8)


def test_thousands_of_statements_of_a_spec(tmp_path) -> None:
    """A spec as long as what it declares: finding a statement is not a scan."""
    lines = ["import symdiff as sd", 'x = sd.input("x", (2,))', "h0 = x"]
    lines += [f"h{i + 1} = sd.sin(h{i})" for i in range(3_000)]
    lines += ["function = sd.Function('long', [x], [sd.sum(h3000)])"]
    path = tmp_path / "spec.py"
    path.write_text("\n".join(lines))
    scope: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    text = sd.compile(scope["function"], optimize=1)["forward"]
    assert "    h2999 = np.sin(h2998)  # [2]" in text
    assert "    # h2999 = sin(h2998)     [spec.py:3002]" in text
