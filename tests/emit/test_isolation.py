"""Generated code carries nothing: it runs where symdiff, SymPy and Jinja are not.

Every package here is run in a process whose imports of them fail. The whole sample
table is run on NumPy 1.26 too, where ``SYMDIFF_NUMPY1`` names a folder that holds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_checks import as_list
from samples import draw
from text_cases import VARIANTS, case, narrowed

import symdiff as sd
from symdiff.graph.tensor import Tensor

BLOCKER = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("symdiff", "sympy", "jinja2"):
            raise ImportError(f"{name} is blocked")


sys.meta_path.insert(0, Blocker())
"""


def run(folder: Path, *arguments: str, numpy: str = "") -> subprocess.CompletedProcess:
    """Run Python in a folder, with the imports of the compiler blocked."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(BLOCKER)
    path = os.pathsep.join([str(site), *([numpy] if numpy else [])])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )


def succeeded(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def model() -> sd.Model:
    """A small classifier whose text holds a bit of everything."""
    N = sd.dim("N")
    x = sd.input("x", (N, 6))
    y = sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.dense(x, 5, activation="relu", name="hidden")
    z = sd.nn.dense(h, 3, name="out")
    weights = [p for p in sd.params(z) if p.ndim > 1]
    loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)
    return sd.Model(
        "small",
        inputs=[x],
        targets=[y],
        outputs={"probs": sd.nn.softmax(z)},
        loss=loss,
        metrics={"accuracy": sd.nn.accuracy(z, y)},
        optimizer=sd.optim.Adam(1e-2),
    )


def function() -> sd.Function:
    """A function of a scalar, a vector and a matrix, with two results."""
    N = sd.dim("N")
    a, b, s = sd.input("a", (N, 3)), sd.input("b", (3,)), sd.input("s", ())
    return sd.Function("pair", [a, b, s], {"u": sd.tanh(a * b), "v": sd.sum(a) * s})


MODEL_RUN = """
import numpy as np
{imports}

for kind in (np.float32, np.float64):
    rng = np.random.default_rng(0)
    shapes = {{"hidden.W": (6, 5), "hidden.b": (5,), "out.W": (5, 3), "out.b": (3,)}}
    params = {{k: rng.normal(size=s).astype(kind) for k, s in shapes.items()}}
    x, y = rng.normal(size=(8, 6)).astype(kind), rng.integers(0, 3, 8)
{body}
"""
FORWARD = """
    probs = forward(params, x)
    assert probs.dtype == kind and probs.shape == (8, 3), probs
"""
BACKWARD = """
    loss, grads = value_and_grad(params, x, y)
    assert loss.dtype == kind and {g.dtype for g in grads.values()} == {np.dtype(kind)}
    assert [g.shape for g in grads.values()] == list(shapes.values())
"""
TRAIN = """
    state = init_state(params)
    for _ in range(3):
        found = train_step(state, x, y)
    assert {p.dtype for p in state.params.values()} == {np.dtype(kind)}
    history = fit(state, {"x": x, "y": y}, epochs=40, batch_size=4)
    assert history[-1]["loss"] < history[0]["loss"], history
    save("w.npz", state.params)
    assert all(np.array_equal(load("w.npz")[k], p) for k, p in state.params.items())
    assert init_params(0)["out.W"].dtype == np.float32
    assert set(evaluate(state.params, x, y)) == {"loss", "accuracy"}
"""
FUNCTION_RUN = """
import numpy as np
{imports}

for kind in (np.float32, np.float64):
    rng = np.random.default_rng(0)
    arguments = rng.normal(size=(4, 3)), rng.normal(size=3), np.array(0.5)
    arguments = [a.astype(kind) for a in arguments]
{body}
"""
VALUE = """
    u, v = forward(*arguments)
    assert u.dtype == v.dtype == kind and u.shape == (4, 3) and v.shape == ()
"""
PULL = """
    (u, v), residuals = forward_with_residuals(*arguments)
    found = backward(residuals, np.ones((4, 3), kind), 1.0)
    assert [g.shape for g in found] == [(4, 3), (3,), ()]
    assert {g.dtype for g in found} == {np.dtype(kind)}
"""
TRAINED = "init_params, init_state, train_step, evaluate, fit, save, load"
CASES = {
    "package": (model, {}, MODEL_RUN, {
        "forward": (["forward"], FORWARD),
        "backward": (["value_and_grad"], BACKWARD),
        "train": ([TRAINED], TRAIN),
    }),
    "single": (model, {"single_file": True}, MODEL_RUN, {
        "": (["forward", "value_and_grad", TRAINED], FORWARD + BACKWARD + TRAIN),
    }),
    "forward": (model, {"only": ("forward",)}, MODEL_RUN, {
        "forward": (["forward"], FORWARD),
    }),
    "backward": (model, {"only": ("backward",)}, MODEL_RUN, {
        "backward": (["value_and_grad"], BACKWARD),
    }),
    "function": (function, {}, FUNCTION_RUN, {
        "forward": (["forward"], VALUE),
        "backward": (["forward_with_residuals, backward"], PULL),
    }),
    "function_single": (function, {"single_file": True}, FUNCTION_RUN, {
        "": (["forward, forward_with_residuals, backward"], VALUE + PULL),
    }),
}  # fmt: skip


def numpies() -> list[Any]:
    """The NumPy that is installed, and an old one where there is one."""
    old = os.environ.get("SYMDIFF_NUMPY1", "")
    reason = "SYMDIFF_NUMPY1 does not name a folder with NumPy 1.26"
    missing = pytest.mark.skipif(not old, reason=reason)
    return [
        pytest.param("", id="numpy"),
        pytest.param(old, id="numpy1", marks=missing),
    ]


@pytest.mark.parametrize("numpy", numpies())
@pytest.mark.parametrize("name", list(CASES))
def test_runs_alone(name: str, numpy: str, tmp_path: Path) -> None:
    make, options, script, parts = CASES[name]
    declared = make()
    compiled = sd.compile(declared, **options)
    compiled.write(tmp_path)
    lines, body = [], ""
    for part, (names, text) in parts.items():
        source = f"{declared.name}.{part}" if part else declared.name
        lines += [f"from {source} import {n}" for n in names]
        body += text
    (tmp_path / "use.py").write_text(
        script.format(imports="\n".join(lines), body=body.strip("\n"))
    )
    succeeded(run(tmp_path, "use.py", numpy=numpy))
    if "backward" in parts:
        out = succeeded(run(tmp_path, "-m", declared.name, numpy=numpy))
        assert "agree" in out


@pytest.mark.parametrize("arguments", [[], ["verify"], ["train", "x.npz", "-o", "w"]])
@pytest.mark.parametrize("only", [None, ("forward",), ("backward",)], ids=str)
@pytest.mark.parametrize("make", [model, function])
def test_a_single_file_that_is_run_says_that_it_checks_nothing(
    make: Any, only: Any, arguments: list[str], tmp_path: Path
) -> None:
    declared = make()
    sd.compile(declared, single_file=True, only=only).write(tmp_path)
    found = run(tmp_path, "-m", declared.name, *arguments)
    assert found.returncode == 2, found.stdout
    assert f"{declared.name}.py holds functions to import" in found.stderr
    assert "nothing was checked or trained" in found.stderr


RUNNER = """
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

np.seterr(all="ignore")
assert np.__version__.startswith(sys.argv[1]), np.__version__


def module(path):
    spec = importlib.util.spec_from_file_location("m", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def several(value):
    return list(value) if isinstance(value, tuple) else [value]


def differs(got, wanted, tolerance):
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype}{got.shape}, not {wanted.dtype}{wanted.shape}"
    if got.dtype.kind != "f":
        return "" if np.array_equal(got, wanted) else "other values"
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = max(1.0, float(np.max(finite, initial=0.0)))
    near = np.isclose(got, wanted, tolerance, tolerance * scale, equal_nan=True)
    return "" if near.all() else f"{got} is not {wanted}"


for folder in sorted(Path("cases").iterdir()):
    with np.load(folder / "data.npz") as file:
        data = dict(file)
    name = str(data.pop("name"))
    for width, tolerance in (("float64", 1e-9), ("float32", 2e-3)):
        def part(key):
            found = {k: a for k, a in data.items() if k.startswith(f"{width}_{key}_")}
            return [found[f"{width}_{key}_{i}"] for i in range(len(found))]
        try:
            results = several(module(folder / "forward.py").forward(*part("arg")))
            wanted = part("out")
            if (folder / "backward.py").exists():
                made = module(folder / "backward.py")
                outputs, residuals = made.forward_with_residuals(*part("arg"))
                results += several(outputs)
                results += made.backward(residuals, *part("ct"))
                wanted = wanted + part("out") + part("d")
            for i, (a, b) in enumerate(zip(results, wanted)):
                found = differs(np.asarray(a), b, tolerance)
                if found:
                    print(f"{name} {width} result {i}: {found}")
                if not isinstance(a, (np.ndarray, np.generic)):
                    print(f"{name} {width} result {i}: {type(a)}")
        except Exception as error:
            print(f"{name} {width}: {type(error).__name__}: {error}")
"""


def write_case(folder: Path, variant: tuple[str, int, bool]) -> None:
    """Write a sample's modules, operands and results on this NumPy."""
    c = case(*variant)
    for path, content in c.compiled.files.items():
        target = folder / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        target.write_bytes(data)
    loaded = c.compiled.load()
    found: dict[str, Any] = {"name": np.array(str(variant))}
    for width in ("float64", "float32"):
        pairs = zip(c.leaves, draw(c.sample), strict=True)
        args = [narrowed(a, width) for x, a in pairs if isinstance(x, Tensor)]
        outputs = as_list(loaded.forward.forward(*args))
        parts = {"arg": args, "out": outputs}
        if "f/backward.py" in c.compiled.files:
            floats = [np.asarray(o) for o in outputs if np.asarray(o).dtype.kind == "f"]
            cts = [np.cos(np.arange(o.size)).reshape(o.shape) for o in floats]
            cts = [ct.astype(o.dtype) for ct, o in zip(cts, floats, strict=True)]
            residuals = loaded.backward.forward_with_residuals(*args)[1]
            parts |= {"ct": cts, "d": list(loaded.backward.backward(residuals, *cts))}
        for key, arrays in parts.items():
            found |= {f"{width}_{key}_{i}": a for i, a in enumerate(arrays)}
    np.savez(folder / "data.npz", **found)


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("numpy", numpies()[1:])
def test_samples_on_old_numpy(numpy: str, every: int, tmp_path: Path) -> None:
    """Values and widths on NumPy 1.26 are those of the NumPy that is installed."""
    for i, variant in enumerate([v for v in VARIANTS if not v[2]][::every]):
        with np.errstate(all="ignore"):
            write_case(tmp_path / "cases" / f"{i:05}", variant)
    (tmp_path / "runner.py").write_text(RUNNER)
    out = succeeded(run(tmp_path, "runner.py", "1.26", numpy=numpy))
    assert not out, out[-5000:]
