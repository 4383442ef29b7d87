"""In generated code ``d_NAME`` is the derivative by what the module calls NAME."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from read_names import anonymous, stray_numbers
from true_names import false_names

import symdiff as sd
from symdiff.compiler.compilation import Compilation

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = sorted(
    p.stem
    for p in EXAMPLES.glob("*.py")
    if "model" in (t := p.read_text()) or "Function(" in t
)
SPECS.remove("mnist_cnn")  # zeros of relu tie in the windows of its max pooling
QUICK = ("digits_mlp", "vae", "gpt")


def lstm() -> sd.Model:
    """Return an LSTM by `scan` whose body unpacks the state."""
    steps, rows = sd.dim("T"), sd.dim("N")
    x, y = sd.input("x", (steps, rows, 3)), sd.input("y", (rows,))
    w, u, b = sd.param("W", (3, 16)), sd.param("U", (4, 16)), sd.param("b", 16)
    v = sd.param("v", 4)

    def step(
        state: sd.Tensor, x_t: sd.Tensor
    ) -> tuple[tuple[sd.Tensor, sd.Tensor], None]:
        h, c = state
        a = x_t @ w + h @ u + b
        i, f, g, o = sd.split(a, 4, axis=1)
        c = sd.sigmoid(f) * c + sd.sigmoid(i) * sd.tanh(g)
        h = sd.sigmoid(o) * sd.tanh(c)
        return (h, c), None

    start = sd.zeros((rows, 4))
    (h, _), _ = sd.scan(step, (start, start), x)
    loss = sd.mean((h @ v - y) ** 2)
    return sd.Model("lstm", [x], [y], h @ v, loss)


def kalman() -> sd.Model:
    """Return the likelihood of a Kalman filter, whose state is a vector."""
    z = sd.input("z", (sd.dim("T"), 2))
    f, q = sd.param("F", (3, 3)), sd.param("Q", (3, 3))
    seen, r = sd.param("H", (2, 3)), sd.param("R", (2, 2))

    def step(state: Any, z_t: Any) -> Any:
        m, p, nll = state
        m_pred, p_pred = f @ m, f @ p @ f.T + q @ q.T + np.eye(3)
        e = z_t - seen @ m_pred
        s = seen @ p_pred @ seen.T + r @ r.T + np.eye(2)
        k = sd.linalg.solve(s, seen @ p_pred).T
        m = m_pred + k @ e
        p = p_pred - k @ seen @ p_pred
        nll = nll + 0.5 * (sd.linalg.slogdet(s)[1] + e @ sd.linalg.solve(s, e))
        return (m, p, nll), None

    first = (sd.zeros(3), sd.constant(np.eye(3)), sd.constant(0.0))
    (m, _, nll), _ = sd.scan(step, first, z)
    return sd.Model("kalman", [z], outputs=m, loss=nll)


def compiled(path: Path) -> Iterator[Compilation]:
    """Yield the compilations of an example that have a backward function."""
    sys.path.insert(0, str(path.parent))
    try:
        scope = runpy.run_path(str(path), run_name=path.stem)
    finally:
        sys.path.remove(str(path.parent))
    found = {id(v): v for v in scope.values() if isinstance(v, sd.Model | sd.Function)}
    for declared in found.values():
        made = sd.compile(declared, optimize=1)
        if f"{declared.name}/backward.py" in made.files:
            yield made


def check(made: Compilation) -> None:
    assert false_names(made) == []
    assert stray_numbers(made.listed("backward")) == []


@pytest.mark.parametrize("model", [lstm, kalman])
def test_names_in_a_loop_are_the_users(model: type) -> None:
    made = sd.compile(model(), optimize=1)
    check(made)
    text = made["backward"]
    assert "for t in reversed" in text
    assert "state" not in text
    assert " t_2" not in text


@pytest.mark.parametrize(
    "spec",
    [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in SPECS],
)
def test_examples_have_true_names(spec: str) -> None:
    for made in compiled(EXAMPLES / f"{spec}.py"):
        check(made)
        found, count = anonymous(made.listed("backward"))
        assert len(found) <= count
