"""The package's check of forward.py: what is right agrees, what is corrupted does not.

Each statement of each forward function is changed in turn, and the check has to notice,
in `python -m package` and in `symdiff verify`.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.compiler.compilation import Compilation

N = sd.dim("N")


def classifier() -> sd.Model:
    """Two outputs, one of whole numbers; dropout that prediction leaves out."""
    x, y = sd.input("x", (N, 6)), sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.dropout(sd.nn.dense(x, 5, activation="tanh", name="hidden"), 0.5)
    z = sd.nn.dense(h, 3, name="out")
    outputs = {"probs": sd.softmax(z), "label": sd.argmax(z, axis=1)}
    loss = sd.nn.softmax_cross_entropy(z, y) + 1e-2 * sd.nn.l2(sd.params(z))
    return sd.Model("m", [x], [y], outputs=outputs, loss=loss, optimizer=sd.optim.SGD())


def normalised() -> sd.Model:
    """Running statistics, which prediction reads and training writes."""
    x, y = sd.input("x", (N, 4)), sd.input("y", (N, 2))
    h = sd.nn.batch_norm(sd.nn.dense(x, 3, name="a"), name="norm")
    z = sd.nn.dense(sd.relu(h), 2, name="b")
    return sd.Model("m", [x], [y], outputs=z, loss=sd.nn.mse(z, y))


def recurrent() -> sd.Model:
    """A loop, and an array constant that lies in a file."""
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,), init="ones")
    h, _ = sd.scan(lambda h, r: (sd.tanh(h * w + r), None), w * 0.5, x)
    out = sd.sum(h) * sd.constant(np.arange(1.0, 101.0))
    return sd.Model("m", [x], outputs=out, loss=sd.mean(out**2))


def narrow() -> sd.Model:
    """Widths that are declared."""
    x = sd.input("x", (N, 3), dtype="float32")
    z = sd.exp(x) @ sd.param("w", (3, 2), dtype="float32")
    return sd.Model("m", [x], outputs=z, loss=sd.mean(z * z))


def held() -> sd.Model:
    """What stop_gradient hides."""
    x, w = sd.input("x", (N,)), sd.param("w", ())
    z = sd.stop_gradient(w * x) * x + w
    return sd.Model("m", [x], outputs=z, loss=sd.mean(z * z))


def drawing() -> sd.Function:
    x = sd.input("x", (N, 3))
    u = x * sd.random.uniform((N, 3))
    return sd.Function("m", [x], {"u": u, "v": sd.sum(sd.sin(u), axis=0)})


def narrow_function() -> sd.Function:
    x, i = sd.input("x", (4,), dtype="float32"), sd.input("i", (N,), "int64", high=4)
    return sd.Function("m", [x, i], sd.take(sd.exp(x), i, axis=0))


MAKERS = [classifier, normalised, recurrent, narrow, held, drawing, narrow_function]


def compiled_of(make: Any, level: int) -> Compilation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sd.SymdiffWarning)
        return sd.compile(make(), optimize=level)


def code_of(compiled: Compilation) -> int:
    name = compiled.load().__name__
    module = importlib.import_module(f"{name}.__main__")
    return int(module._verify_forward(out=lambda line: None))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_is_generated_agrees(make: Any, level: int) -> None:
    assert code_of(compiled_of(make, level)) == 0


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Yield forward.py with one statement of `forward` changed, and which."""
    tree = ast.parse(text)
    (function,) = [s for s in tree.body if getattr(s, "name", "") == "forward"]
    for block in (b for n in ast.walk(function) for b in [getattr(n, "body", None)]):
        for at, kept in enumerate(block if isinstance(block, list) else []):
            match kept:
                case ast.Assign(targets=[ast.Name(name)], value=value) if (
                    not isinstance(value, ast.Subscript | ast.Attribute)
                ):
                    sign = "1 - " if "argmax" in ast.unparse(value) else "0.7 - "
                    source = f"{name} = {sign}({ast.unparse(value)})"
                case ast.Return(value=ast.Call(args=[first, *rest]) as call) if rest:
                    args = ", ".join(
                        map(ast.unparse, [ast.UnaryOp(ast.USub(), first), *rest])
                    )
                    source = f"return {ast.unparse(call.func)}({args})"
                case ast.Return(value=value):
                    source = f"return -({ast.unparse(value)})"
                case _:
                    continue
            if "np.empty" in source or "np.zeros" in source:
                continue
            block[at] = ast.parse(f"def f():\n {source}").body[0].body[0]
            yield source, ast.unparse(ast.fix_missing_locations(tree))
            block[at] = kept


@pytest.mark.parametrize("make", MAKERS)
def test_every_corrupted_statement_of_forward_is_noticed(make: Any) -> None:
    compiled = compiled_of(make, 1)
    path = f"{compiled.name}/forward.py"
    missed, count = [], 0
    for what, mutant in mutants(str(compiled.files[path])):
        count += 1
        changed = replace(compiled, files={**compiled.files, path: mutant}, _loaded=[])
        if code_of(changed) != 1:
            missed.append(what)
    assert count
    assert not missed, "\n".join(missed)


def test_the_commands_tell_it(tmp_path: Path) -> None:
    package = sd.compile(classifier()).write(tmp_path)
    for corrupt, code, words in (
        (False, 0, "forward.py agrees"),
        (True, 1, "forward.py DISAGREES"),
    ):
        if corrupt:
            path = package / "forward.py"
            path.write_text(next(iter(mutants(path.read_text("utf-8"))))[1], "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "m"], cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert words in done.stdout
        found = CliRunner().invoke(main, ["verify", str(package)])
        assert found.exit_code == code, found.output
        assert words in found.output
        assert "gradients DISAGREE" not in found.output


def test_without_a_forward_pass_nothing_is_compared() -> None:
    for make in (classifier, drawing):
        files = sd.compile(make(), only=("backward",)).files
        assert "def _verify_forward" not in str(files["m/__main__.py"])
