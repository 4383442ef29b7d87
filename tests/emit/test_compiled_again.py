"""A process that has a package, when it is compiled again: the old one or the new one.

The class: what had been imported of the package, in any order; where the new one is
written; whether and how it is taken in; what is asked for then. What the package hands
out is of one compilation, or an ImportError says what to do.
"""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation

NAME = "compiled_again"
N = sd.dim("N")
PARAMS = {"w": np.ones(3)}
X = np.eye(3)


def made(scale: float, **options: Any) -> Compilation:
    """Return a model every function of which tells its scale."""
    x, w = sd.input("x", (N, 3)), sd.param("w", (3,), init=sd.init.ones)
    z = (x * w) * scale
    loss = sd.mean(z) * 3
    optimizer = sd.optim.SGD(1.0)
    model = sd.Model(NAME, [x], [], z, loss=loss, optimizer=optimizer)
    return sd.compile(model, **options)


OLD, NEW, LESS = made(2.0), made(3.0), made(3.0, only=("forward",))
ONE_OLD, ONE_NEW = made(2.0, single_file=True), made(3.0, single_file=True)


def stepped(train: Any, planned: bool) -> float:
    state = train.init_state(PARAMS)
    train.train_step(state, X, planned=planned)
    return float(3 * (1 - state.params["w"][0]))


ASKED: dict[str, Callable[[Any], float]] = {
    "predict": lambda m: m.predict(PARAMS, X)[0, 0],
    "forward": lambda m: m.forward(PARAMS, X)[0, 0],
    "forward.forward": lambda m: m.forward.forward(PARAMS, X)[0, 0],
    "value_and_grad": lambda m: m.value_and_grad(PARAMS, X)[0],
    "backward": lambda m: m.backward.value_and_grad(PARAMS, X)[0],
    "train": lambda m: stepped(m.train, False),
    "train_step": lambda m: stepped(m, False),
    "planned": lambda m: stepped(m, True),
    "fit": lambda m: m.fit(m.init_state(PARAMS), {"x": X}, epochs=1)[0]["loss"],
    "from forward": lambda m: bound("forward", "forward")(PARAMS, X)[0, 0],
    "from backward": lambda m: bound("backward", "value_and_grad")(PARAMS, X)[0],
    "from train": lambda m: (
        stepped(sys.modules[f"{NAME}.train"], True) if bound("train", "fit") else 0
    ),
}
SINGLE = ("forward", "value_and_grad", "fit")


def bound(module: str, name: str) -> Any:
    """Do ``from package.module import name``."""
    return getattr(__import__(f"{NAME}.{module}", fromlist=[name]), name)


def asked(name: str, module: ModuleType) -> float | None:
    """Return the scale of what is asked for; None for an ImportError that helps."""
    try:
        return round(float(ASKED[name](module)), 6)
    except ImportError as error:
        if f"importlib.reload({NAME})" in str(error):
            return None
        raise


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder to write to, which Python imports from."""
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    yield tmp_path / "first"
    forget(NAME)
    for name in [n for n in sys.modules if n.startswith(f"{NAME}.")]:
        del sys.modules[name]


def forget(*names: str) -> None:
    for name in names:
        sys.modules.pop(name, None)


def reloaded(module: ModuleType) -> ModuleType:
    return importlib.reload(module)


def imported_again(module: ModuleType) -> ModuleType:
    forget(NAME)
    return importlib.import_module(NAME)


def by_name(module: ModuleType) -> ModuleType:
    """Import a part first, which imports the package."""
    parts = [n for n in sys.modules if n.startswith(f"{NAME}.")]
    forget(NAME, *parts[:1])
    exec(f"import {NAME}.forward")
    return sys.modules[NAME]


TAKEN_IN = {"reload": reloaded, "import": imported_again, "by a part": by_name}
ORDERS = [random.Random(i).sample(list(ASKED), len(ASKED)) for i in range(12)]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in place", "other folder"])
@pytest.mark.parametrize("how", TAKEN_IN)
def test_a_package_that_is_taken_in_again_is_wholly_new(
    place: Path, monkeypatch: pytest.MonkeyPatch, how: str, elsewhere: bool
) -> None:
    for i, order in enumerate(ORDERS):
        folder = place / str(i)
        monkeypatch.syspath_prepend(str(folder))
        OLD.write(folder)
        forget(NAME, *[n for n in sys.modules if n.startswith(f"{NAME}.")])
        module = importlib.import_module(NAME)
        for name in order[: i % 5]:
            assert asked(name, module) == 2.0
        if elsewhere:
            folder = folder / "second"
            monkeypatch.syspath_prepend(str(folder))
        NEW.write(folder)
        if i % 2:  # some ask for another part first, and are told
            assert {asked(name, module) for name in order[5:7]} <= {2.0, None}
        module = TAKEN_IN[how](module)
        told = {name: asked(name, module) for name in reversed(order)}
        assert told == dict.fromkeys(ASKED, 3.0), order
        assert {m.BUILD for m in parts()} == {module.BUILD}


def parts() -> list[Any]:
    return [m for n, m in sys.modules.items() if n.startswith(f"{NAME}.")]


def test_without_that_it_is_the_old_one_or_an_error(place: Path) -> None:
    for i, order in enumerate(ORDERS):
        forget(NAME, *[n for n in sys.modules if n.startswith(f"{NAME}.")])
        OLD.write(place)
        module = importlib.import_module(NAME)
        for name in order[: i % 5]:
            assert asked(name, module) == 2.0
        NEW.write(place)
        assert {asked(name, module) for name in [*order, *order]} <= {2.0, None}
        assert {m.BUILD for m in parts()} <= {module.BUILD}


@pytest.mark.parametrize("part", ["forward", "backward", "train", "_planned"])
def test_a_part_is_not_reloaded_by_itself(place: Path, part: str) -> None:
    OLD.write(place)
    module = importlib.import_module(NAME)
    assert {asked(name, module) for name in ASKED} == {2.0}
    one = sys.modules[f"{NAME}.{part}"]
    importlib.reload(one)  # of the same text
    NEW.write(place)
    for _ in range(2):
        with pytest.raises(ImportError, match=rf"importlib.reload\({NAME}\)"):
            importlib.reload(one)
    assert {asked(name, module) for name in ASKED} == {2.0}
    importlib.reload(module)
    assert {asked(name, module) for name in ASKED} == {3.0}


def test_what_the_new_one_lacks_is_not_that_of_the_old_one(place: Path) -> None:
    OLD.write(place)
    module = importlib.import_module(NAME)
    assert {asked(name, module) for name in ASKED} == {2.0}
    LESS.write(place)
    importlib.reload(module)
    assert {asked(n, module) for n in ("predict", "forward")} == {3.0}
    for name in ("train", "fit", "backward", "value_and_grad"):
        with pytest.raises((AttributeError, ImportError)):
            getattr(module, name)
        with pytest.raises(ImportError):
            importlib.import_module(f"{NAME}.train")


def test_a_reload_of_the_same_text_keeps_what_there_is(place: Path) -> None:
    OLD.write(place)
    (place / NAME / "mine.py").write_text("from .forward import BUILD as MINE\n")
    module = importlib.import_module(NAME)
    state = module.init_state(PARAMS)
    mine = importlib.import_module(f"{NAME}.mine")
    importlib.reload(module)
    module.train_step(state, X)
    assert module.mine is mine
    NEW.write(place)
    importlib.reload(module)
    assert module.mine is mine  # one's own modules are one's own to reload
    importlib.reload(mine)
    assert module.mine.MINE == module.BUILD


def test_a_state_of_the_old_one_is_not_taken(place: Path) -> None:
    """Its plans and slots are those of another step."""
    OLD.write(place)
    module = importlib.import_module(NAME)
    state = module.init_state(PARAMS)
    module.train_step(state, X)
    NEW.write(place)
    importlib.reload(module)
    for call in (
        lambda: module.train_step(state, X),
        lambda: module.train_step(state, X, planned=False),
        lambda: module.fit(state, {"x": X}),
        lambda: module.train.apply_update(state),
        lambda: module.train.compute_grads(state, X),
    ):
        with pytest.raises(TypeError, match=r"state.*init_state\(params\)"):
            call()
    assert state.step == 1
    module.train_step(module.init_state(state.params), X)


@pytest.mark.parametrize("how", ["reload", "import"])
@pytest.mark.parametrize("old", [OLD, ONE_OLD], ids=["package", "single file"])
@pytest.mark.parametrize("new", [NEW, ONE_NEW], ids=["package", "single file"])
def test_single_files(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    old: Compilation,
    new: Compilation,
) -> None:
    old.write(place)
    module = importlib.import_module(NAME)
    assert {asked(name, module) for name in SINGLE} == {2.0}
    if old.single_file != new.single_file:
        place = place / "second"
        monkeypatch.syspath_prepend(str(place))
    new.write(place)
    module = TAKEN_IN[how](module)
    assert {asked(name, module) for name in SINGLE} == {3.0}
