"""What turns of a loop need not compute one after another is computed before it.

That the planned step has the readable one's values, but for rounding, is tested for
all loops in tests/plan/test_turns.py; here it is what the turns have left to do.
"""

from __future__ import annotations

import ast
from typing import Any

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")


def _turns(loss: Any, x: Any, y: Any, planned: str) -> list[list[str]]:
    """Return the calls in the turns of each loop of the planned step."""
    model = sd.Model("m", [x], [y], x, loss=loss, optimizer=sd.optim.SGD())
    tree = ast.parse(sd.compile(model, planned=planned)["_planned"])
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.For)]
    return [
        [ast.unparse(c) for s in loop.body for c in ast.walk(s) if _is_call(c)]
        for loop in loops
        if not ast.unparse(loop.iter).startswith("np.")
    ]


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)


def _lstm() -> tuple[Any, Any, Any]:
    x, y = sd.input("x", (N, T, 3)), sd.input("y", (N, 4))
    states, _ = sd.nn.lstm(x, 4, name="lstm")
    return sd.mean((states[:, -1] - y) ** 2), x, y


def test_slopes_of_gates_are_computed_for_all_steps_at_once() -> None:
    """Six products, a sum and a product of matrices are left of an LSTM's turn back."""
    _, exact = _turns(*_lstm(), "exact")
    _, fast = _turns(*_lstm(), "fast")
    assert any("np.subtract" in call for call in exact)
    assert not any("np.subtract" in call or "np.square" in call for call in fast)
    assert len([c for c in fast if c.startswith("np.multiply")]) == 6
    assert len(fast) == 8


def test_a_matrix_is_laid_out_as_turns_read_it() -> None:
    (*_, exact), (*_, fast) = _turns(*_lstm(), "exact"), _turns(*_lstm(), "fast")
    assert any("U.T" in call for call in exact)
    assert not any(".T" in call for call in fast)


def test_what_depends_on_a_carry_stays() -> None:
    """A factor of the carry is no row; a row that is read alone is read as it is."""
    x, y = sd.input("x", (T, 3)), sd.input("y", (3,))
    w = sd.param("w", (3,))
    end, _ = sd.scan(lambda c, r: (sd.tanh(c * r), None), w, x)
    forward, _ = _turns(sd.sum((end - y) ** 2), x, y, "fast")
    assert [c.partition("(")[0] for c in forward] == ["np.multiply", "np.tanh"]


def test_large_rows_are_computed_turn_by_turn() -> None:
    """Whole sequences of them would leave the cache between two operations."""
    x, y = sd.input("x", (T, 1 << 15)), sd.input("y", (1 << 15,))
    w = sd.param("w", (1 << 15,))
    end, _ = sd.scan(lambda c, r: (c * sd.tanh(r), None), w, x)
    forward, _ = _turns(sd.sum((end - y) ** 2), x, y, "fast")
    assert any("np.tanh" in call for call in forward)
