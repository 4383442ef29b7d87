"""The generated self-check: right code passes, every corrupted gradient does not.

`python -m package` exits 0, 1 or 2. Each statement of each backward function here is
corrupted in turn, its sign flipped, and the check has to notice.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.compiler.compilation import Compilation

N = sd.dim("N")


def tanh_mlp() -> sd.Model:
    x, y = sd.input("x", (N, 6)), sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.dense(x, 5, activation="tanh", name="hidden")
    z = sd.nn.dense(h, 3, name="out")
    weights = [p for p in sd.params(z) if p.ndim > 1]
    loss = sd.nn.softmax_cross_entropy(z, y) + 1e-2 * sd.nn.l2(weights)
    return sd.Model("tanh_mlp", inputs=[x], targets=[y], outputs=[z], loss=loss)


def relu_mlp() -> sd.Model:
    x, y = sd.input("x", (N, 6)), sd.input("y", (N, 2))
    h = sd.nn.dense(x, 5, activation="relu", name="hidden")
    z = sd.nn.dense(h, 2, name="out")
    return sd.Model(
        "relu_mlp", inputs=[x], targets=[y], outputs=[z], loss=sd.nn.mse(z, y)
    )


def svm() -> sd.Model:
    x, y = sd.input("x", (N, 4)), sd.input("y", (N,), dtype="int64", high=3)
    z = sd.nn.dense(x, 3, name="scores")
    loss = sd.nn.hinge(z, y) + 0.1 * sd.nn.l1(sd.params(z))
    return sd.Model("svm", inputs=[x], targets=[y], outputs=[z], loss=loss)


def kinks() -> sd.Function:
    a, b = sd.input("a", (N, 3)), sd.input("b", (3,))
    peak = sd.max(sd.maximum(a, b), axis=1)
    return sd.Function("kinks", [a, b], [peak, sd.sum(abs(a) * sd.minimum(a, 0.3))])


def smooth() -> sd.Function:
    a, b, s = sd.input("a", (N, 3)), sd.input("b", (3, 3)), sd.input("s", ())
    u = sd.exp(a @ b) * s
    v = sd.sum(sd.sin(a) / (2 + u**2), axis=0)
    return sd.Function("smooth", [a, b, s], {"u": u, "v": v})


MAKERS = [tanh_mlp, relu_mlp, svm, kinks, smooth]


def check(compiled: Compilation) -> ModuleType:
    """Return the package's ``__main__``, loaded from a folder of its own."""
    name = compiled.load().__name__
    return importlib.import_module(f"{name}.__main__")


def code_of(module: ModuleType, seed: int = 0) -> int:
    lines: list[str] = []
    code = module.verify(seed, out=lines.append)
    if code == 0 and hasattr(module, "_verify_complex"):
        code = module._verify_complex(out=lines.append)
    return int(code)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("level", [0, 1])
def test_right_gradients_pass_from_any_seed(make: Any, level: int) -> None:
    module = check(sd.compile(make(), optimize=level))
    assert [code_of(module, seed) for seed in range(10)] == [0] * 10


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Yield backward.py with one statement of ``backward`` negated, and which."""
    tree = ast.parse(text)
    (function,) = [
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "backward"
    ]
    for at, s in enumerate(function.body):
        kind = type(s).__name__
        match s:
            case ast.Assign(targets=[ast.Name(id=name)]) if "d_" in name or at > 4:
                sign = "~" if isinstance(s.value, ast.Compare) else "-"
                source = f"{name} = {sign}({ast.unparse(s.value)})"
                changed: ast.stmt = ast.parse(source).body[0]
            case ast.AugAssign(op=ast.Sub()):
                changed = ast.AugAssign(s.target, ast.Add(), s.value)
            case ast.AugAssign(op=ast.Mult()):
                changed = ast.AugAssign(
                    s.target, s.op, ast.UnaryOp(ast.USub(), s.value)
                )
            case _:
                continue
        kept = function.body[at]
        function.body[at] = changed
        ast.fix_missing_locations(tree)
        yield f"{kind}: {ast.unparse(changed)}", ast.unparse(tree)
        function.body[at] = kept


@pytest.mark.parametrize("make", MAKERS)
def test_every_corrupted_statement_is_noticed(make: Any) -> None:
    compiled = sd.compile(make(), optimize=1)
    path = f"{compiled.name}/backward.py"
    text = compiled.files[path]
    assert isinstance(text, str)
    missed, count = [], 0
    for what, mutant in mutants(text):
        if "==" in what or "np.zeros" in what:
            continue  # ties, and what a loop starts from: 0 but for a point or two
        count += 1
        files = {**compiled.files, path: mutant}
        changed = replace(compiled, files=files, _loaded=[])
        if code_of(check(changed)) != 1:
            missed.append(what)
    assert count >= 3
    assert not missed, "\n".join(missed)


def test_a_lost_term_is_noticed() -> None:
    """Weight decay of 1e-2 is a small part of the gradient, and not too small."""
    compiled = sd.compile(tanh_mlp(), optimize=1)
    path = "tanh_mlp/backward.py"
    text = str(compiled.files[path])
    for lost in (" + d_loss * 2e-2 * out_W", " + d_loss * 2e-2 * hidden_W"):
        assert lost in text or lost.replace("2e-2", "0.02") in text
        shorter = text.replace(lost, "").replace(lost.replace("2e-2", "0.02"), "")
        changed = replace(compiled, files={**compiled.files, path: shorter}, _loaded=[])
        assert code_of(check(changed)) == 1


def test_the_command_exits_with_the_code(tmp_path: Path) -> None:
    compiled = sd.compile(smooth(), optimize=1)
    compiled.write(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "smooth", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    for arguments in ([], ["verify"]):
        done = run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "gradients agree" in done.stdout
        assert "complex steps agree" in done.stdout
    path = tmp_path / "smooth" / "backward.py"
    path.write_text(next(iter(mutants(path.read_text())))[1])
    done = run()
    assert done.returncode == 1
    assert "DISAGREE" in done.stdout
    assert run("what").returncode == 2


def test_what_cannot_be_checked_says_why() -> None:
    x = sd.input("x", (3,))
    lines: list[str] = []
    rough = check(sd.compile(sd.Function("rough", [x], [sd.sum(sd.sin(1e9 * x))])))
    assert rough.verify(0, out=lines.append) == 2
    assert "not checkable" in lines[-2]
    lines.clear()
    nowhere = sd.Function("nowhere", [x], [sd.sum(sd.log(x - 100.0))])
    with np.errstate(all="ignore"):
        assert check(sd.compile(nowhere)).verify(0, out=lines.append) == 2
    assert "low=" in lines[-1]


def test_a_stopped_gradient_is_checked_with_its_values_held() -> None:
    """Slopes see what stop_gradient hides, and would call a right gradient wrong."""
    x, w = sd.input("x", (3,)), sd.input("w", (3,))
    hidden = sd.Function("hidden", [x, w], [sd.sum(sd.stop_gradient(x * w) * x)])
    assert code_of(check(sd.compile(hidden))) == 0
    how = "passed (central differences to 1e-6, stopped values held fixed)"
    assert how in sd.compile(hidden, check=True)["backward"]
    apart = sd.Function("apart", [x, w], [sd.sum(sd.stop_gradient(w) * x)])
    assert code_of(check(sd.compile(apart, wrt=["x"]))) == 0
    lines: list[str] = []
    total, _ = sd.scan(lambda c, r: (c * sd.stop_gradient(r * c), None), w, x[:, None])
    inside = sd.Function("inside", [x, w], [total])
    assert check(sd.compile(inside)).verify(0, out=lines.append) == 2
    assert "not checkable: stop_gradient in a loop" in lines[-1]
    assert "not checkable: stop_gradient" in sd.compile(inside, check=True)["backward"]


def test_a_header_gives_its_reason_once() -> None:
    x, k = sd.input("x", (3,)), sd.input("k", (3,), dtype="int64")
    total, _ = sd.scan(lambda c, r: (c * sd.stop_gradient(r * c), None), x, x[:, None])
    stopped, counted = sd.Function("f", [x], total), sd.Function("f", [k], 2 * k)
    for function, reason in (
        (stopped, "not checkable: stop_gradient in a loop or branch cannot be held"),
        (counted, "nothing is differentiated"),
    ):
        for name, text in sd.compile(function, check=True).files.items():
            (line,) = re.findall("(?m)^# gradient check: (.*)$", str(text))
            assert line.startswith(reason), name
            assert "(" not in line


def test_a_draw_that_the_model_refuses_is_drawn_again() -> None:
    x = sd.input("x", (2, 2))
    root = sd.linalg.cholesky(x @ sd.transpose(x) - 0.5 * np.eye(2))
    assert code_of(check(sd.compile(sd.Function("root", [x], [root])))) == 0
    never = sd.Function("never", [x], [sd.linalg.cholesky(-x @ sd.transpose(x))])
    assert check(sd.compile(never)).verify(0, out=lambda line: None) == 2


def test_bounds_make_data_valid() -> None:
    x = sd.input("x", (3,), low=100.5, high=101.0)
    function = sd.Function("somewhere", [x], [sd.sum(sd.log(x - 100.0))])
    assert code_of(check(sd.compile(function))) == 0


def test_compile_runs_the_check_and_says_so() -> None:
    for options in ({}, {"single_file": True}, {"only": "forward"}):
        compiled = sd.compile(smooth(), check=True, **options)
        plain = sd.compile(smooth(), **options)
        for path, text in compiled.files.items():
            assert "# gradient check: passed (central differences to 1e-6" in str(text)
            same = str(text).replace("check: passed", "check: not run")
            same = same.replace(" to 1e-6", "", 1).replace(" to 1e-12)", ")", 1)
            assert same == plain.files[path]
    x = sd.input("x", (3,))
    rough = sd.Function("rough", [x], [sd.sum(sd.sin(1e9 * x))])
    assert (
        "# gradient check: x: not checkable" in sd.compile(rough, check=True)["forward"]
    )


def test_compile_refuses_wrong_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    from symdiff.compiler import passes

    right = passes.reverse_sweep

    def wrong(*arguments: Any) -> Any:
        return [-g for g in right(*arguments)]

    monkeypatch.setattr(passes, "reverse_sweep", wrong)
    with pytest.raises(sd.SymdiffError, match="gradient check of 'smooth' failed"):
        sd.compile(smooth(), check=True)


def test_a_wrong_rule_of_ones_own_is_named() -> None:
    """The rule is right where it was tried, and wrong elsewhere."""
    halved = sd.primitive(
        "halved_below_zero",
        evaluate=lambda a: a**2,
        vjp=lambda ct, out, a: [ct * sd.where(a < 0, a, 2 * a)],
        sample=lambda rng: [1 + rng.random(3)],
        text="_0**2",
    )
    x = sd.input("x", (3,))
    function = sd.Function("f", [x], sd.sum(halved(x)))
    with pytest.raises(sd.SymdiffError, match="ops that you defined: halved_below_"):
        sd.compile(function, check=True)


def test_a_gradient_that_is_zero_but_for_rounding_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Softmax does not see what is added to a whole row, as a key's bias is."""
    monkeypatch.chdir(tmp_path)
    x, y = sd.input("x", (sd.dim("N"), 6)), sd.input("y", (sd.dim("N"), 5))
    shared = sd.tanh(sd.param("shared", (1,), init="ones"))
    z = sd.softmax(x @ sd.param("w", (6, 5), init="glorot_uniform") + shared)
    loss = sd.mean(sd.square(z - y))
    model = sd.Model("shifted", [x], [y], z, loss=loss, optimizer=sd.optim.SGD())
    package = sd.compile(model).write("build")
    said = subprocess.run(
        [sys.executable, "-m", "shifted"], cwd=package.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert "params['shared']: relative error" in said.stdout
    found = CliRunner().invoke(main, ["verify", str(package)])
    assert found.exit_code == 0, found.output
