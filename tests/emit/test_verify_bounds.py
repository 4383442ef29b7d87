"""A bound that is left out is noticed, also where few values reach it.

Functions that saturate have their bounds moved far away in the code, one at a time and
all at once: `symdiff verify`, `python -m NAME` and an exercise's own check notice it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.grading.exercise import exercise_files
from tests.emit.test_verify_lengths import alone, by_command

N = sd.dim("N")

FUNCTIONS: dict[str, Callable[[sd.Tensor], sd.Tensor]] = {
    "relu6": sd.nn.relu6,
    "hard_sigmoid": sd.nn.hard_sigmoid,
    "hard_swish": sd.nn.hard_swish,
    "clip": lambda z: sd.clip(z, -5.0, 5.0),
    "clip below": lambda z: sd.maximum(z, -5.0),
    "clip above": lambda z: sd.minimum(z, 5.0),
    "where": lambda z: sd.where(z > 5.0, 0.1 * z, z),
    "huber": lambda z: sd.where(abs(z) < 5.0, z**2 / 2, 5.0 * abs(z) - 12.5),
}


def compiled(name: str) -> Compilation:
    x, t = sd.input("x", (N, 3)), sd.input("t", (N, 4))
    z = x @ sd.param("W", (3, 4), init="glorot_uniform") + sd.param("b", (4,))
    y = FUNCTIONS[name](z)
    loss = sd.mean((y - t) ** 2)
    model = sd.Model("m", [x], [t], y, loss=loss, optimizer=sd.optim.SGD(0.1))
    return sd.compile(model, optimize=1)


class _Moved(ast.NodeTransformer):
    """Moves bounds in some functions far away: all of them, or one."""

    def __init__(self, at: int | None, within: Sequence[str]) -> None:
        self.at, self.within, self.seen = at, within, 0

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if getattr(node.func, "attr", "") in ("clip", "maximum", "minimum"):
            node.args = list(map(self._moved, node.args))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        if not isinstance(node.ops[0], ast.Eq):  # of ties, which no random point has
            node.comparators = list(map(self._moved, node.comparators))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if node.name in self.within:
            self.generic_visit(node)
        return node

    def _moved(self, node: ast.expr) -> ast.expr:
        try:
            bound = ast.literal_eval(node)
        except ValueError:
            return node
        if not isinstance(bound, (int, float)) or not bound:
            return node
        self.seen += 1
        chosen = self.at in (None, self.seen - 1)
        return ast.parse(repr(bound * 1e6), mode="eval").body if chosen else node


VALUES = ("forward", "loss_and_residuals", "backward")


def moved(
    text: str, at: int | None = None, within: Sequence[str] = VALUES
) -> str | None:
    """Return a module with bounds moved, or None if it has none at a place."""
    header = "".join(line for line in text.splitlines(True) if line[0] == "#")
    mover = _Moved(at, within)
    tree = mover.visit(ast.parse(text))
    found = mover.seen > (0 if at is None else at)
    return f"{header}{ast.unparse(tree)}" if found else None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_bound_that_is_moved_away_is_noticed(name: str, tmp_path: Path) -> None:
    package = compiled(name)
    assert alone(package, {}) == by_command(package, {}, tmp_path) == 0
    texts = {m: package[m] for m in ("forward", "backward")}
    mutants = [
        {f"m/{module}.py": text}
        for module in texts
        for at in range(20)
        if (text := moved(texts[module], at))
    ]
    both = {f"m/{m}.py": text for m in texts if (text := moved(texts[m]))}
    assert mutants
    for files in (*mutants, both):
        assert alone(package, files) != 0, files
        assert by_command(package, files, tmp_path) != 0, files


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_exercise_notices_a_bound_that_is_left_out(name: str) -> None:
    """Of those that the answer itself has; the forward pass is given."""
    package = compiled(name)
    exercise = exercise_files(package)
    for at in range(20):
        text = moved(package["backward"], at, ("backward",))
        if text is None:
            break
        assert alone(package, {**exercise, "m/backward.py": text}) != 0, text
    assert at or name in ("where", "huber")  # they read a mask of the forward pass
