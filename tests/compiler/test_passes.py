"""A compilation keeps what every pass made, and each of these values prints itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.passes import pass_names, passes
from symdiff.plan.functions import Functions
from symdiff.plan.program import Program
from symdiff.plan.routine import Routine


def _dense() -> sd.Model:
    N = sd.dim("N")
    x = sd.input("x", (N, 4))
    y = sd.input("y", (N,), dtype="int64", high=3)
    z = sd.nn.dense(x, 3, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    accuracy = sd.nn.accuracy(z, y)
    return sd.Model(
        "dense",
        *([x], [y]),
        outputs=sd.softmax(z),
        loss=loss,
        metrics={"accuracy": accuracy},
        optimizer=sd.optim.Adam(1e-2),
    )


def _loops() -> sd.Function:
    x, a = sd.input("x", (sd.dim("T"), 2)), sd.input("a", ())

    def step(h: Any, row: Any) -> Any:
        inner, _ = sd.scan(lambda c, r: (sd.tanh(c * r + a), None), h, row)
        branch = sd.cond(inner > 0, lambda: inner * a, lambda: inner - a)
        return branch, branch

    last, every = sd.scan(step, a, x)
    halved = sd.while_loop(lambda v: v > 1e-3, lambda v: v * 0.5, last * last)
    return sd.Function("loops", [x, a], [sd.sum(every) + halved])


def _hidden() -> sd.Function:
    x = sd.input("x", (3,))
    return sd.Function("hidden", [x], [sd.sum(x * sd.stop_gradient(sd.exp(x)))])


def _hidden_in_training() -> sd.Model:
    """What stop_gradient hides, beside what training evaluates, of composite ops."""
    N = sd.dim("N")
    x, y = sd.input("x", (N, 3)), sd.input("y", (N,), dtype="int64", high=3)
    z = x * sd.param("w", (3,))
    weights = sd.stop_gradient(sd.logsumexp(z, axis=1))
    losses = sd.nn.softmax_cross_entropy(z, y, reduction="none") * weights
    return sd.Model(
        "hiding",
        *([x], [y]),
        outputs=sd.softmax(z),
        loss=sd.mean(losses + sd.sum(sd.softplus(z), axis=1)),
        metrics={"total": sd.mean(weights)},
        optimizer=sd.optim.SGD(0.1),
    )


DECLARED = {
    "dense": _dense,
    "loops": _loops,
    "hidden": _hidden,
    "hidden in training": _hidden_in_training,
}
LEVELS = (0, 1, 2)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", DECLARED)
def test_every_pass_leaves_a_value_that_prints_itself(name: str, level: int) -> None:
    shown: list[str] = []
    names = pass_names(level)
    compiled = sd.compile(
        DECLARED[name](), optimize=level, print_after=names, show=shown.append
    )
    assert list(compiled.stages) == ["declared", *names]
    assert [text.splitlines()[0] for text in shown] == [
        f"--- after {n} ---" for n in names
    ]
    for stage, text in zip(names, shown, strict=True):
        value = compiled.stages[stage]
        assert text.partition("\n")[2] == str(value)
        assert dataclasses.is_dataclass(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)


@pytest.mark.parametrize("name", DECLARED)
def test_passes_are_pure(name: str) -> None:
    """Run on the same value again, each gives what it gave, and changes nothing."""
    declared = DECLARED[name]()
    compiled = sd.compile(declared, base="/base")
    modules = [m for m in ("forward", "backward", "train") if m in _modules(compiled)]
    value = compiled.stages["declared"]
    for stage, run in passes(declared, 2, modules, "/base").items():
        before = str(value)
        again = run(value)
        assert str(again) == str(compiled.stages[stage]), stage
        assert str(value) == before, stage
        value = compiled.stages[stage]


def _modules(compiled: Any) -> set[str]:
    return {path.rpartition("/")[2].removesuffix(".py") for path in compiled.files}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", DECLARED)
def test_what_is_compiled_runs(name: str, single: bool, level: int) -> None:
    """Whatever programs a declaration is made of, each has been through every pass."""
    declared = DECLARED[name]()
    options: dict[str, Any] = {"optimize": level, "single_file": single}
    compiled = sd.compile(declared, check=not single, **options)
    found = compiled.stages["memory"]
    parts = [found, *found.beside.values(), *found.held]
    for part in parts:
        assert not part.held or part is found
        assert not part.beside or part is found
        for routine in part.routines.values():
            assert all(n.op.expand is None for n in routine.order)
    assert compiled.load() is not None


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", DECLARED)
def test_steps_compute_the_results_from_what_is_given(name: str, level: int) -> None:
    functions = sd.compile(DECLARED[name](), optimize=level).stages["memory"]
    assert isinstance(functions, Functions)
    for routine in functions.routines.values():
        _check_order(routine)
        assert (routine.memory is None) == (routine.name not in ("grads", "update"))


def _check_order(routine: Routine) -> None:
    """Hold every step to what is given, to earlier steps, and to what is inlined."""
    done = {*routine.given, *routine.numbers}
    kept = {s.tensor.node for s in routine.steps}
    for step in routine.steps:
        for part in (*step.absorbed, step.tensor):
            waiting = [*part.node.inputs]
            while waiting:
                node = waiting.pop()
                if node not in done:
                    assert node not in kept, f"{part} reads {node} before it is made"
                    waiting += node.inputs
            done.add(part.node)
    unlisted = {n for n in routine.results if n not in done}
    assert not unlisted & kept


def test_the_step_is_split_by_what_is_made() -> None:
    model = _dense()
    split = sd.compile(model).stages["split"]
    assert list(split.routines) == ["forward", "primal", "backward", "metrics", "grads"]
    assert split.update.flat.name == "update"
    single = sd.compile(model, single_file=True).stages["split"].routines
    assert list(single) == ["forward", "primal", "backward", "metrics"]
    only = sd.compile(model, only="forward").stages["split"].routines
    assert list(only) == ["forward"]
    scheduled = sd.compile(model).stages["schedule"].update
    assert all(form.whole.steps for form in scheduled.forms.values())
    x = sd.input("x", (3,))
    plain = sd.compile(sd.Model("plain", [x], outputs=2 * x)).stages["split"]
    assert list(plain.routines) == ["forward"]


def test_the_programs_of_all_passes_compute_the_same() -> None:
    """What a pass makes of loss and gradients has the value of what it was given."""
    x, W = sd.input("x", (5, 4)), sd.param("W", (4, 3))
    loss = sd.mean(sd.log(1 + sd.exp(x @ W)) ** 2)
    model = sd.Model("same", [x], outputs=x @ W, loss=loss)
    rng = np.random.default_rng(0)
    arrays = {"x": rng.standard_normal((5, 4)), "W": rng.standard_normal((4, 3))}
    found: list[list[Any]] = []
    for value in sd.compile(model).stages.values():
        if isinstance(value, Program) and value.gradients:
            seeds = {str(s.name): 1.0 for s in value.seeds}
            roots = [value.results[0][1], *value.gradients]
            found.append(sd.interpret(roots, {**arrays, **seeds}))
    assert len(found) >= 4
    for values in found[1:]:
        for first, later in zip(found[0], values, strict=True):
            np.testing.assert_allclose(later, first, rtol=1e-12)


def test_a_program_tells_what_passes_have_made_of_what_was_declared() -> None:
    x = sd.input("x", ("N", 3))
    w = sd.param("w", (3,))
    z = x @ w
    dead = sd.tanh(z) * 1.0
    model = sd.Model(
        "m", [x], outputs={"p": sd.sigmoid(z)}, loss=sd.mean(sd.log(1 + sd.exp(z)))
    )
    stages = sd.compile(model).stages
    (stable,) = stages["stabilise"].became.trained([sd.log(1 + sd.exp(z))])
    assert stable.node.op.name == "softplus"
    last = stages["prune"]
    (p,) = last.became.predicted([sd.sigmoid(z)])
    assert p.node is last.outputs[0][1].node
    (gone,) = last.became.predicted([dead])  # what nobody reads is followed as well
    assert gone.node.op.name == "tanh"
    assert gone.parents[0].node in last.output_tensors
    assert "became" not in str(last)


def test_what_is_followed_changes_nothing_of_a_program() -> None:
    x = sd.input("x", (3,))
    h = sd.sin(x) * 2.0
    f = sd.Function("f", [x], [h + 1.0])
    plain = sd.compile(f).stages["prune"]
    followed = sd.compile(f).stages["prune"]
    followed.became.predicted([h, sd.cos(h), sd.exp(h)])
    assert str(followed) == str(plain)
