"""A state that is read wrongly is noticed by every check of a package.

States start at 0 or 1 more often than not, where a read that was dropped, scaled or
flipped gives the right numbers. Every read of a state in forward.py and backward.py is
changed in turn, for `symdiff verify`, `python -m NAME`, an exercise's own check and
`symdiff grade`.
"""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.grading.exercise import exercise_files
from symdiff.grading.grade import Grader
from symdiff.grading.sandbox import Limits
from symdiff.review.verify import verify

N = sd.dim("N")
Parts = tuple[sd.Tensor, dict[sd.Tensor, sd.Tensor]]


def _shift(x: sd.Tensor, w: sd.Tensor) -> Parts:
    shift = sd.state("shift", (3,))
    return (x - shift) @ (w + w * shift), {
        shift: shift * 0.9 + 0.1 * sd.mean(x, axis=0)
    }


def _scale(x: sd.Tensor, w: sd.Tensor) -> Parts:
    scale = sd.state("scale", (3,), init=1.0)
    return (x * scale) @ (w * scale), {scale: sd.mean(x**2, axis=0)}


def _statistics(x: sd.Tensor, w: sd.Tensor) -> Parts:
    """Running statistics that the gradient reads too."""
    mean = sd.state("mean", (3,))
    variance = sd.state("variance", (3,), init="ones")
    h = (x * w - mean) / sd.sqrt(variance + 1e-5)
    return sd.sum(sd.tanh(h), axis=1), {mean: sd.mean(x * w, axis=0)}


def _batch_norm(x: sd.Tensor, w: sd.Tensor) -> Parts:
    return sd.sum(sd.tanh(sd.nn.batch_norm(x * w, name="norm")), axis=1), {}


def _below_zero(x: sd.Tensor, w: sd.Tensor) -> Parts:
    """One that must stay below 0, and one of a single number."""
    rate, count = sd.state("rate", (3,), init=-1.0), sd.state("count", ())
    return (x @ (w * rate * sd.log(1 - rate))) * (count + 1), {count: count + 1}


def _arrays(x: sd.Tensor, w: sd.Tensor) -> Parts:
    """One that starts from a literal, and one from a stored array."""
    few = sd.state("few", (3,), init=np.array([0.0, -1.0, 1.0]))
    many = sd.state("many", (3, 30), init=np.arange(90.0).reshape(3, 30) / 90)
    return sd.sum((x * few * w) @ many, axis=1), {few: few * 0.5}


def _declared(x: sd.Tensor, w: sd.Tensor) -> Parts:
    """One of a declared width."""
    shift = sd.state("shift", (3,), dtype="float64")
    inside = sd.cast(shift, "float")
    return sd.sin(x + inside) @ w, {shift: shift * 0.5}


def _measured(x: sd.Tensor, w: sd.Tensor) -> Parts:
    """One that a metric reads besides."""
    return _scale(x, w)


MAKERS = (
    *(_shift, _scale, _statistics, _batch_norm, _below_zero, _arrays, _declared),
    _measured,
)  # fmt: skip
CHANGES = ("0 * {}", "{} ** 0", "7 * {}", "-{}", "{} ** 5")


def model_of(make: Callable[[sd.Tensor, sd.Tensor], Parts]) -> sd.Model:
    x, t = sd.input("x", (N, 3)), sd.input("t", (N,))
    w = sd.param("w", (3,), init="glorot_uniform")
    y, updates = make(x, w)
    metrics = {}
    if make is _measured:
        metrics["far"] = sd.mean(abs(y - t) * sd.sum(next(iter(updates))))
    return sd.Model(
        "m", [x], [t], y, loss=sd.mean((y - t) ** 2), metrics=metrics,
        updates=updates, optimizer=sd.optim.SGD(0.1),
    )  # fmt: skip


class _Changed(ast.NodeTransformer):
    """Writes a change in the place of one read of a variable."""

    def __init__(self, names: set[str], at: int, change: str) -> None:
        self.names, self.at, self.change, self.seen = names, at, change, -1

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._read(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        found = self._read(node)
        return found if found is not node else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        read = getattr(node.value, "elts", [node.value])
        named = all(isinstance(v, (ast.Subscript, ast.Name)) for v in read)
        return node if named else self.generic_visit(node)

    def _read(self, node: ast.expr) -> ast.expr:
        text = ast.unparse(node)
        if text not in self.names or not isinstance(node.ctx, ast.Load):
            return node
        self.seen += 1
        if self.seen != self.at:
            return node
        return ast.parse(f"({self.change.format(text)})", mode="eval").body


def _holding(function: ast.FunctionDef, states: tuple[str, ...]) -> set[str]:
    """Return what reads states: the variables that hold them, and their entries."""
    wanted = {f"params[{n!r}]" for n in states}
    found = set(wanted)
    for s in ast.walk(function):
        match s:
            case ast.Assign(targets=[target], value=value):
                names = getattr(target, "elts", [target])
                values = getattr(value, "elts", [value])
                for name, read in zip(names, values, strict=False):
                    if ast.unparse(read) in wanted:
                        found.add(name.id)
    return found


def mutants(compiled: Compilation, part: str, changes: Any = CHANGES) -> Iterator[Any]:
    """Yield what a read of a state became, and the text of the module with it.

    The function is the one that the module is called after.
    """
    text = compiled[part]
    states = tuple(str(t.name) for t in compiled.stages["prune"].states)
    header = "".join(line for line in text.splitlines(True) if line[0] == "#")
    for change in changes:
        for at in range(99):
            tree = ast.parse(text)
            (body,) = [s for s in tree.body if getattr(s, "name", "") == part]
            changed = _Changed(_holding(body, states), at, change)
            changed.visit(body)
            if changed.seen < at:
                break
            yield f"{change} at read {at}", f"{header}{ast.unparse(tree)}\n"


def _with(compiled: Compilation, module: str, text: str) -> Compilation:
    files = {**compiled.files, f"m/{module}.py": text}
    return replace(compiled, files=files, _loaded=[])


def alone(compiled: Compilation) -> int:
    """Return what `python -m m` exits with."""
    module = importlib.import_module(f"{compiled.load().__name__}.__main__")
    return int(module.main([]))


def by_command(compiled: Compilation, folder: Path) -> int:
    """Return what `symdiff verify` exits with."""
    shutil.rmtree(folder / "m", ignore_errors=True)
    return verify(compiled.write(folder)).code


def by_exercise(compiled: Compilation, text: str) -> int:
    """Return what the exercise's check says of a backward pass."""
    files = {**exercise_files(compiled), "m/backward.py": text}
    return alone(replace(compiled, files=files, _loaded=[]))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("level", [1, 2])
def test_what_is_generated_passes(make: Any, level: int, tmp_path: Path) -> None:
    compiled = sd.compile(model_of(make), optimize=level)
    assert alone(compiled) == 0
    assert by_command(compiled, tmp_path) == 0
    assert by_exercise(compiled, compiled["backward"]) == 0
    single = sd.compile(model_of(make), optimize=level, single_file=True)
    assert verify(single.write(tmp_path / "single")).code == 0


@pytest.mark.parametrize("make", MAKERS)
def test_every_wrong_read_in_forward_is_noticed(make: Any, tmp_path: Path) -> None:
    compiled = sd.compile(model_of(make), optimize=1)
    found = list(mutants(compiled, "forward"))
    assert len(found) >= len(CHANGES)
    for what, text in found:
        changed = _with(compiled, "forward", text)
        assert alone(changed) == 1, what
        assert by_command(changed, tmp_path) == 1, what


@pytest.mark.parametrize("make", [_shift, _scale, _below_zero, _arrays, _measured])
def test_every_wrong_read_in_backward_is_noticed(make: Any, tmp_path: Path) -> None:
    compiled = sd.compile(model_of(make), optimize=1)
    found = list(mutants(compiled, "backward"))
    assert found
    for what, text in found:
        changed = _with(compiled, "backward", text)
        assert alone(changed) == 1, what
        assert by_command(changed, tmp_path) == 1, what
        assert by_exercise(compiled, text) == 1, what


@pytest.mark.parametrize("make", [_scale, _statistics])
def test_no_wrong_read_is_graded_as_right(make: Any, tmp_path: Path) -> None:
    model = model_of(make)
    compiled = sd.compile(model, optimize=1)
    plain = sd.compile(model, optimize=0, only=("backward",))
    grader = Grader(model, compiled, plain, "m.py", Limits(30.0, 512))
    file = tmp_path / "backward.py"
    file.write_text(compiled["backward"], "utf-8")
    assert grader.grade(file).code == 0
    for what, text in mutants(compiled, "backward", CHANGES[:2]):
        file.write_text(text, "utf-8")
        assert grader.grade(file).code == 1, what
