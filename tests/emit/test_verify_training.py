"""A package's check of what training computes besides gradients, and of its steps.

Every statement of every function that yields the loss, new values of states, metrics or
evaluation is changed in turn. Where that changes a number, `python -m package` and
`symdiff verify` have to notice.
"""

from __future__ import annotations

import ast
import importlib
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
SGD = sd.optim.SGD(0.1)


def classifier() -> sd.Model:
    """Dropout and running statistics, both of which evaluation treats otherwise."""
    x, y = sd.input("x", (N, 4)), sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.batch_norm(sd.nn.dense(x, 3, activation="tanh", name="a"), name="norm")
    h = sd.nn.dropout(h, 0.5)
    z = sd.nn.dense(h, 3, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y) + 1e-2 * sd.nn.l2(sd.params(z))
    metrics = {"accuracy": sd.nn.accuracy(z, y), "size": sd.mean(h**2)}
    return sd.Model(
        "m", [x], [y], {"p": sd.softmax(z), "z": z}, loss=loss, metrics=metrics,
        optimizer=SGD,
    )  # fmt: skip


def counting() -> sd.Model:
    """States that are declared, one of them a number; and a loop."""
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,), init="ones")
    seen, size = sd.state("seen", ()), sd.state("size", (3,), init=1.0)
    h, _ = sd.scan(lambda h, r: (sd.tanh(h * w + r), None), w * 0.5, x / size)
    updates = {seen: seen + sd.mean(x), size: 0.9 * size + 0.1 * sd.mean(x**2, axis=0)}
    metrics = {"far": sd.max(abs(h)) * (1 + seen)}
    return sd.Model(
        "m", [x], [], h, loss=sd.mean(h**2) + seen, metrics=metrics, updates=updates,
        optimizer=SGD,
    )  # fmt: skip


def narrow() -> sd.Model:
    """Widths that are declared, and a loss that cancels, as in float32 it would."""
    x = sd.input("x", (N, 3), dtype="float32")
    w = sd.param("w", (3, 2), dtype="float32")
    z = sd.exp(x) @ w
    loss = sd.mean(z * z) - sd.mean(z * z) * (1 - 2.0**-12)
    metrics = {"first": sd.mean(z[:, 0])}
    return sd.Model("m", [x], [], z, loss=loss, metrics=metrics, optimizer=SGD)


def several() -> sd.Model:
    """Parameters of two widths, trained apart; what stop_gradient hides."""
    x, t = sd.input("x", (N,)), sd.input("t", (N,))
    w, b = sd.param("w", ()), sd.param("b", (), dtype="float64")
    z = sd.stop_gradient(w * x) * x + w + sd.cast(b, "float")
    metrics = {"close": sd.mean(sd.cast(abs(z - t) < 1.0, "float"))}
    return sd.Model(
        "m", [x], [t], z, loss=sd.nn.huber(z, t), metrics=metrics, optimizer=SGD
    )


def untrained() -> sd.Model:
    """A loss without an optimiser, so without train.py."""
    x, t, w = sd.input("x", (N, 3)), sd.input("t", (N,)), sd.param("w", (3,))
    level = sd.state("level", ())
    z = sd.tanh(x @ w) + level
    return sd.Model("m", [x], [t], z, loss=sd.nn.mse(z, t), updates={level: sd.mean(z)})


def tiny() -> sd.Model:
    """Numbers that are tiny."""
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,))
    charge = sd.state("charge", (3,))
    h, updates = x * w, {charge: 1.6e-19 * w}
    metrics = {"energy": 6.6e-34 * sd.mean(h)}
    return sd.Model(
        "m", [x], [], h, loss=1e-26 * sd.sum(h**2), metrics=metrics, updates=updates,
        optimizer=SGD,
    )  # fmt: skip


def rounding() -> sd.Model:
    """Numbers that are nothing but rounding, which simplifying changes."""
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,))
    drift = sd.state("drift", (3,))
    h = x * w * 3
    centred = h - sd.mean(h, axis=0)
    return sd.Model(
        "m", [x], [], h, loss=sd.sum(h**2), metrics={"none": sd.mean(centred)},
        updates={drift: sd.mean(centred, axis=0) / 7}, optimizer=SGD,
    )  # fmt: skip


MAKERS = [classifier, counting, narrow, several, untrained, tiny]
YIELDING = {
    "backward": ("loss_and_residuals", "value_and_grad"),
    "train": ("metrics", "evaluate", "compute_grads", "train_step"),
}


def compiled_of(make: Any, level: int = 1, **options: Any) -> Compilation:
    return sd.compile(make(), optimize=level, **options)


def check_of(compiled: Compilation) -> Any:
    return importlib.import_module(f"{compiled.load().__name__}.__main__")


def code_of(compiled: Compilation) -> int:
    return int(check_of(compiled)._verify_training(out=silent))


def silent(line: str) -> None:
    """Print nothing."""


def with_text(compiled: Compilation, module: str, text: str) -> Compilation:
    files = {**compiled.files, f"m/{module}.py": text}
    return replace(compiled, files=files, _loaded=[])


@pytest.mark.parametrize("make", [*MAKERS, rounding])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_is_generated_agrees(make: Any, level: int) -> None:
    assert code_of(compiled_of(make, level)) == 0


# --- what is corrupted ----------------------------------------------------------------


def places(function: ast.AST) -> Iterator[tuple[Any, Any]]:
    """Yield an owner and a key for each expression that a function computes."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name()]) | ast.AugAssign():
                yield node, "value"
            case ast.Assign(targets=[ast.Subscript()]):
                yield node, "value"
            case ast.Return(value=ast.Dict(values=values)):
                yield from ((values, i) for i in range(len(values)))
            case ast.Return(value=ast.Tuple(elts=parts)):
                yield from ((parts, i) for i in range(len(parts)))
                for part in parts:
                    if isinstance(part, ast.Dict):
                        yield from ((part.values, i) for i in range(len(part.values)))


def mutants(text: str, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield a module with one expression of its functions changed, and which."""
    tree = ast.parse(text)
    for function in tree.body:
        if getattr(function, "name", "") not in names:
            continue
        for owner, key in places(function):
            kept = owner[key] if isinstance(key, int) else getattr(owner, key)
            source = f"0.7 - ({ast.unparse(kept)})"
            made = ast.parse(source, mode="eval").body
            for value in (made, kept):
                if isinstance(key, int):
                    owner[key] = value
                else:
                    setattr(owner, key, value)
                if value is made:
                    yield f"{function.name}: {source}", ast.unparse(tree)  # type: ignore[attr-defined]


def numbers(compiled: Compilation) -> list[np.ndarray] | None:
    """Return the losses, metrics and states at a point; None where that raises."""
    check = check_of(compiled)
    point = check._draw(np.random.default_rng(5))
    try:
        with np.errstate(all="ignore"):
            return [found for _, found, _ in check._triples(point)]
    except (TypeError, ValueError, LookupError, AttributeError):
        return None


def differ(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Whether numbers differ by more than rounding."""
    return not all(
        f.shape == g.shape and np.allclose(f, g, 1e-9, 0.0)
        for f, g in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("make", MAKERS)
def test_every_corrupted_number_is_noticed(make: Any) -> None:
    compiled = compiled_of(make)
    right = numbers(compiled)
    assert right is not None
    missed, changed = [], dict.fromkeys(YIELDING, 0)
    for module, names in YIELDING.items():
        if f"m/{module}.py" not in compiled.files:
            del changed[module]
            continue
        for what, text in mutants(compiled[module], names):
            mutant = with_text(compiled, module, text)
            found = numbers(mutant)
            if found is None or not differ(found, right):
                continue
            changed[module] += 1
            if code_of(mutant) != 1 and check_of(mutant).verify(out=silent) == 0:
                missed.append(what)
    assert all(count > 2 for count in changed.values()), changed
    assert not missed, "\n".join(missed)


WRONG = {
    "a state": ("backward", {"0.9 * norm_mean": "0.8 * norm_mean"}, "new norm.mean"),
    "a metric": (
        "train",
        {'"size": float(': '"size": 2 * float('},
        "train_step's size",
    ),
    "evaluation": ("train", {'{"loss": float(loss), "a': '{"loss": 1.0, "a'}, "evalu"),
    "the loss, consistently": (
        "backward",
        {"dtype.type(loss)": "dtype.type(2 * loss)", "= _scalar(": "= 2 * _scalar("},
        "value_and_grad's loss DISAGREES",
    ),
    "gradients with the loss": (
        "backward",
        {"= backward(params, residuals": "= backward(params, residuals, 2.0"},
        "value_and_grad's gradient of a.W DISAGREES",
    ),
    "the cotangent that is the default": (
        "backward",
        {"d_loss=1.0": "d_loss=1.6"},
        "value_and_grad's gradient of a.W DISAGREES",
    ),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("level", [1, 2])
def test_both_commands_tell_it(
    what: str, level: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = compiled_of(classifier, level)
    package = compiled.write(tmp_path)
    agree = "loss, metrics, new states and evaluation agree"
    assert check_of(compiled).main([]) == 0
    assert agree in capsys.readouterr().out
    assert agree in CliRunner().invoke(main, ["verify", str(package)]).output
    module, changes, words = WRONG[what]
    text = compiled[module]
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    assert check_of(with_text(compiled, module, text)).main([]) == 1
    said = capsys.readouterr().out
    assert words in said
    assert "gradients agree" in said
    (package / f"{module}.py").write_text(text, "utf-8")
    found = CliRunner().invoke(main, ["verify", str(package)])
    assert found.exit_code == 1, found.output
    assert words in found.output


def test_a_number_that_is_never_finite_is_named() -> None:
    x, w = sd.input("x", (N,)), sd.param("w", ())
    metrics = {"root": sd.sqrt(-(w**2) - 1)}
    model = sd.Model(
        "m", [x], [], x * w, loss=sd.mean(w * x), metrics=metrics, optimizer=SGD
    )
    told: list[str] = []
    assert check_of(sd.compile(model))._verify_training(out=told.append) == 2
    names, _, why = told[0].partition(": ")
    assert names == "train_step's root, evaluate's root"
    assert why == "not checkable, no finite value found in 20 draws"


def test_without_prediction_the_loss_is_still_compared() -> None:
    compiled = compiled_of(classifier, only=("backward",))
    assert "def forward" not in compiled["_outputs"]
    assert code_of(compiled) == 0
    text = compiled["backward"].replace("dtype.type(loss)", "dtype.type(2 * loss)")
    assert code_of(with_text(compiled, "backward", text)) == 1


# --- the planned step -----------------------------------------------------------------

OPTIMIZERS = {
    "ema": sd.optim.Adam(0.01, ema=0.9),
    "norm": sd.optim.SGD(0.1, momentum=0.9, clip_norm=0.5),
    "both": sd.optim.RMSprop(0.01, clip_norm=0.5, clip_value=0.1),
    "schedule": sd.optim.SGD(sd.optim.schedules.cosine(0.1, steps=10), clip_value=0.2),
}


def planned_code(compiled: Compilation) -> int:
    return int(check_of(compiled)._verify_planned(out=silent))


ROOTS = {"sqrt": sd.sqrt, "log": sd.log, "arccos": sd.arccos, "power": lambda z: z**1.5}


@pytest.mark.parametrize("name", ROOTS)
@pytest.mark.parametrize("low", [None, 0.0], ids=["mixed", "positive"])
def test_a_loss_that_is_not_finite_accuses_no_planned_step(
    name: str, low: float | None
) -> None:
    """At points without a loss nothing can be told; others are looked for."""
    x = sd.input("x", (N, 3), low=low, high=None if low is None else 0.3)
    z = x @ sd.param("w", (3,), init=[0.3, 0.2, 0.5])
    model = sd.Model(
        "m", [x], [], z, sd.mean(ROOTS[name](z)), optimizer=sd.optim.Adam()
    )
    compiled = sd.compile(model)
    check = check_of(compiled)
    draw = check._draw
    check._draw = lambda rng, turn=0: {**draw(rng), "params['w']": W[low]}
    assert check._verify_planned(out=silent) == (2 if low is None else 0)


W = {None: np.array([-9.0, -9.0, 9.0]), 0.0: np.array([0.3, 0.2, 0.5])}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_corrupted_update_of_the_planned_step_is_noticed(name: str) -> None:
    """A number, or an operation, of its equations is another one."""
    x, t = sd.input("x", (N, 3)), sd.input("t", (N,))
    z = sd.tanh(x @ sd.param("w", (3,), init="ones"))
    model = sd.Model(
        "m", [x], [t], z, loss=sd.mean((z - t) ** 2), optimizer=OPTIMIZERS[name]
    )
    compiled = sd.compile(model)
    assert planned_code(compiled) == 0
    tree = ast.parse(compiled["_planned"])
    (update,) = [s for s in tree.body if getattr(s, "name", "") == "apply_update"]
    calls = [
        (call, at)
        for call in ast.walk(update)
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("np.")
        for at in range(getattr(np, ast.unparse(call.func)[3:]).nin)  # no place
    ]
    missed = []
    for call, at in calls:
        kept = call.args[at]
        for change in ("({}) * 1.5", "({}) + 0.5"):
            source = change.format(ast.unparse(kept))
            call.args[at] = ast.parse(source, mode="eval").body
            if planned_code(with_text(compiled, "_planned", ast.unparse(tree))) != 1:
                missed.append(source)
        call.args[at] = kept
    assert len(calls) > 5
    assert not missed, "\n".join(missed)
