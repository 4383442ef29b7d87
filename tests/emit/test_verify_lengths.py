"""A length in the place of another is noticed by every check of a package.

Random points have lengths that no declared axis has, and others in every turn. Every
length that a backward pass reads is replaced by every other one of its model, for
`symdiff verify`, `python -m NAME` and an exercise's own check.
"""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.compiler.drawing import lengths_of
from symdiff.grading.exercise import exercise_files
from symdiff.review.verify import verify

N, M, T = sd.dim("N"), sd.dim("M"), sd.dim("T")


def _model(x: sd.Tensor, t: sd.Tensor, y: sd.Tensor, loss: Any = None) -> sd.Model:
    loss = sd.mean((y - t) ** 2) if loss is None else loss
    return sd.Model("m", [x], [t], y, loss=loss, optimizer=sd.optim.SGD(0.1))


def _five() -> sd.Model:
    """As many features as there would be rows."""
    x, t = sd.input("x", (N, 5)), sd.input("t", (N,))
    return _model(x, t, x @ sd.param("w", (5,)))


def _labels() -> sd.Model:
    x, t = sd.input("x", (N, 5)), sd.input("t", (N,), dtype="int64", high=6)
    z = sd.nn.dense(x, 6, name="out")
    return _model(x, t, z, sd.nn.softmax_cross_entropy(z, t))


def _two_dims() -> sd.Model:
    """Means over two dims, one of which would be as long as a declared axis."""
    x, t = sd.input("x", (N, M, 3)), sd.input("t", (N, 5))
    y = sd.mean(sd.tanh(x @ sd.param("w", (3, 5), init="glorot_uniform")), axis=1)
    return _model(x, t, y)


def _formula() -> sd.Model:
    """An axis of twice a dim, beside one of the number that this would be."""
    x, t = sd.input("x", (2 * N, 10)), sd.input("t", (N,))
    y = sd.tanh(x @ sd.param("w", (10,), init="glorot_uniform"))
    return _model(x, t, y, sd.mean(y**2) * sd.mean(t) + sd.sum(y) / 7)


def _images() -> sd.Model:
    x, t = sd.input("x", (N, 1, 8, 8)), sd.input("t", (N, 3))
    h = sd.nn.conv2d(x, 3, 3, name="c")
    return _model(x, t, sd.mean(sd.tanh(h), axis=(2, 3)))


def _steps() -> sd.Model:
    """A loop, whose trip count is a length."""
    x, t = sd.input("x", (T, N, 3)), sd.input("t", (N, 3))
    w = sd.param("w", (3,), init="ones")
    h, _ = sd.scan(lambda h, r: (sd.tanh(h * w + r), None), sd.zeros((N, 3)), x)
    return _model(x, t, h + w)


def _samples() -> sd.Model:
    """Inputs that are drawn by a description, or below a length."""
    x = sd.input("x", (N, 5), sample=sd.init.uniform(0.5, 1.5))
    t = sd.input("t", (M,), dtype="int64", high=N)
    y = sd.log(x) @ sd.param("w", (5,), init="glorot_uniform")
    return _model(x, t, y, sd.mean(sd.take(y, t, axis=0) ** 2) + sd.mean(y))


MAKERS = (_five, _labels, _two_dims, _formula, _images, _steps, _samples)


class _Changed(ast.NodeTransformer):
    """Writes another length in the place of one read of a length."""

    def __init__(self, names: list[str], numbers: set[int]) -> None:
        self.names, self.numbers = names, numbers
        self.at, self.other, self.seen, self.old = -1, "", -1, ""

    def _changed(self, node: Any) -> Any:
        self.seen += 1
        if self.seen != self.at:
            return node
        self.old = ast.unparse(node)
        return ast.parse(self.other, mode="eval").body

    def visit_Name(self, node: ast.Name) -> Any:
        read = node.id in self.names and isinstance(node.ctx, ast.Load)
        return self._changed(node) if read else node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        right = node.right
        divided = isinstance(node.op, ast.Div) and isinstance(right, ast.Constant)
        if divided and right.value in self.numbers:  # type: ignore[attr-defined]
            node.right = self._changed(right)
        return node


def mutants(compiled: Compilation) -> Iterator[tuple[str, str]]:
    """Yield what was changed, and the text of backward.py with it."""
    text = compiled["backward"]
    header = "".join(line for line in text.splitlines(True) if line[0] == "#")
    leaves = compiled.stages["prune"].leaves
    numbers = {d for t in leaves for d in t.shape if isinstance(d, int) and d > 1}
    symbols = {s for t in leaves for d in t.shape for s in sp.sympify(d).free_symbols}
    names = sorted(map(str, symbols))
    for other in [*names, *map(str, sorted(numbers))]:
        for at in range(99):
            tree = ast.parse(text)
            (body,) = [s for s in tree.body if getattr(s, "name", "") == "backward"]
            changed = _Changed(names, numbers)
            changed.at, changed.other = at, other
            changed.visit(body)
            if changed.seen < at:
                break
            if changed.old not in ("", other):
                yield (
                    f"{changed.old} -> {other} at {at}",
                    f"{header}{ast.unparse(tree)}",
                )


def alone(compiled: Compilation, files: Any) -> int:
    """Return what `python -m m` exits with, of changed files."""
    changed = replace(compiled, files={**compiled.files, **files}, _loaded=[])
    module = importlib.import_module(f"{changed.load().__name__}.__main__")
    return int(module.main([]))


def by_command(compiled: Compilation, files: Any, folder: Path) -> int:
    """Return what `symdiff verify` exits with."""
    shutil.rmtree(folder / "m", ignore_errors=True)
    changed = replace(compiled, files={**compiled.files, **files}, _loaded=[])
    try:
        return verify(changed.write(folder)).code
    except sd.SymdiffError:  # it cannot be run
        return 2


@pytest.mark.parametrize("make", MAKERS)
def test_every_wrong_length_is_noticed(make: Any, tmp_path: Path) -> None:
    compiled = sd.compile(make(), optimize=1)
    exercise = exercise_files(compiled)
    right = {"m/backward.py": compiled["backward"]}
    assert alone(compiled, right) == by_command(compiled, right, tmp_path) == 0
    assert alone(compiled, {**exercise, **right}) == 0
    found = list(mutants(compiled))
    assert found
    for what, text in found:
        files = {"m/backward.py": text}
        assert alone(compiled, files) != 0, what
        assert by_command(compiled, files, tmp_path) != 0, what
        assert alone(compiled, {**exercise, **files}) != 0, what


def test_a_number_of_features_for_that_of_rows_is_a_mismatch(tmp_path: Path) -> None:
    compiled = sd.compile(_five(), optimize=1)
    text = compiled["backward"]
    assert "d_loss / N" in text
    for wrong in ("x.shape[1]", "5"):
        files = {"m/backward.py": text.replace("d_loss / N", f"d_loss / {wrong}")}
        assert alone(compiled, files) == 1
        assert by_command(compiled, files, tmp_path) == 1


@pytest.mark.parametrize("make", MAKERS)
def test_every_turn_has_lengths_of_its_own(make: Any) -> None:
    compiled = sd.compile(make(), optimize=1)
    name = compiled.load().__name__
    check = importlib.import_module(f"{name}.__main__")
    backward = importlib.import_module(f"{name}.backward")
    specs = {**backward.PARAMS, **backward.ARGUMENTS}
    numbers = {d for _, dims, *_ in specs.values() for d in dims if isinstance(d, int)}
    assert len(check.LENGTHS) == 3
    for dim in check.LENGTHS[0]:
        assert len({at[dim] for at in check.LENGTHS}) == 3
    for turn, at in enumerate(check.LENGTHS):
        assert not numbers & set(at.values())
        assert len(set(at.values())) == len(at)
        assert max(at.values()) < 16
        drawn = check._draw(np.random.default_rng(0), turn)
        for n, (_, dims, *_) in backward.ARGUMENTS.items():
            wanted = [d if isinstance(d, int) else eval(d, {}, at) for d in dims]
            assert list(drawn[n].shape) == wanted
        given = lengths_of(backward, turn=turn)
        assert not numbers & set(given.values())


def test_lengths_that_a_model_asks_for_are_the_same_in_every_turn() -> None:
    """Others differ from them and from turn to turn."""
    x, y = sd.input("x", (N, M)), sd.input("y", (2, M))
    function = sd.Function("f", [x, y], sd.sum(x.T @ sd.ones((5, 3))) * sd.mean(y))
    name = sd.compile(function).load().__name__
    check = importlib.import_module(f"{name}.__main__")
    assert {at["N"] for at in check.LENGTHS} == {5}
    assert len({at["M"] for at in check.LENGTHS} - {2, 3, 5}) == 3
    assert check.main([]) == 0


def test_lengths_that_must_be_equal_differ_from_declared_ones_and_in_turn() -> None:
    x, y = sd.input("x", (N, 5)), sd.input("y", (M, 5))
    name = sd.compile(sd.Function("f", [x, y], sd.tanh(x) * y)).load().__name__
    check = importlib.import_module(f"{name}.__main__")
    assert all(at["N"] == at["M"] for at in check.LENGTHS)
    assert len({at["N"] for at in check.LENGTHS} - {5}) == 3
    assert check.main([]) == 0
