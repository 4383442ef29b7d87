"""Whatever moment a writer is killed at, what it leaves imports as one compilation."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation, load_package
from symdiff.emit.modules.writing import HIDDEN, build_of
from symdiff.graph.errors import OutputError

N = sd.dim("N")


def small(scale: float, **options: Any) -> Compilation:
    """Return a model all of whose modules tell their scale, also by stored arrays."""
    x, y = sd.input("x", (N, 100)), sd.input("y", (N,))
    w = sd.param("w", (100,), init=np.linspace(scale, scale + 1, 100))
    z = (x * sd.constant(np.linspace(1, scale, 100))) @ w
    loss = sd.mean((z - y) ** 2)
    optimizer = sd.optim.SGD(scale)
    model = sd.Model("small", [x], [y], z, loss=loss, optimizer=optimizer)
    return sd.compile(model, **options)


OLD, NEW = small(2.0), small(3.0)
ONE_OLD, ONE_NEW = small(2.0, single_file=True), small(3.0, single_file=True)
NAMES = ("forward", "backward", "train", "_planned")


def scales(path: Path, order: tuple[str, ...] = NAMES) -> set[float]:
    """Import a package, or a module, as a new process would; return what it is of."""
    alias = f"_written_{random.getrandbits(64)}"
    params = {"w": np.ones(100)}
    x, y = np.eye(100), np.zeros(100)
    try:
        module = load_package(alias, path)
        parts = (
            [module] if path.suffix else [import_module(f"{alias}.{n}") for n in order]
        )
        found: set[float] = set()
        for part in parts:
            if hasattr(part, "forward"):
                found.add(round(float(part.forward(params, x)[-1]), 6))
            if hasattr(part, "value_and_grad"):
                value = part.value_and_grad(params, 10 * x[-1:], y[-1:])[0]
                found.add(round(float(np.sqrt(value)) / 10, 6))
            if hasattr(part, "init_params"):
                found.add(float(part.HYPER["lr"]))
                found.add(round(float(part.init_params(0)["w"][0]), 6))
            if hasattr(part, "make_plan"):
                # By name: the file may hold the arrays of another compilation, too.
                plan = part.make_plan({"N": 1}, np.float64)
                found.add(float(plan.constant[-1]))
        return found
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] == alias]:
            del sys.modules[name]


# What a writer does to the file system; each may be the last thing that it does.
STEPS = ("open", "os.rename", "os.replace", "os.mkdir", "os.remove", "os.rmdir",
         "shutil.rmtree", "os.chmod", "os.utime")  # fmt: skip


class Killed(BaseException):
    """Takes the place of SIGKILL: nothing runs after it."""


class Killer:
    """An audit hook that ends whatever writes below a folder, before a step of it."""

    def __init__(self) -> None:
        self.folder = ""
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder or event not in STEPS:
            return
        if event == "open" and not self._writes(*arguments):
            return
        if not str(arguments[0]).startswith(self.folder):
            return
        folder, self.folder = self.folder, ""  # the callback may write, too
        self.dead = self.dead or not self.goes_on(self.step)
        self.folder, self.step = folder, self.step + 1
        if self.dead:  # cleaning up is not granted either
            raise Killed

    @staticmethod
    def _writes(path: Any, mode: Any, flags: int) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))

    def ends(
        self, compiled: Compilation, folder: Path, goes_on: Callable[[int], bool]
    ) -> bool:
        """Write; return whether the writer was killed before it was done.

        ``goes_on`` is asked before each step, with its number.
        """
        self.folder, self.step, self.dead, self.goes_on = str(folder), 0, False, goes_on
        try:
            compiled.write(folder)
        except Killed:
            return True
        finally:
            self.folder = ""
        return False


KILLER = Killer()


PACKAGE, SINGLE = (OLD, NEW), (ONE_OLD, ONE_NEW)


@pytest.mark.parametrize(
    ("before", "old", "new"),
    [
        pytest.param("fresh", *PACKAGE, id="fresh package"),
        pytest.param("upgrade", *PACKAGE, id="package"),
        pytest.param("upgrade", NEW, NEW, id="package again"),
        pytest.param("fresh", *SINGLE, id="fresh single file"),
        pytest.param("upgrade", *SINGLE, id="single file"),
    ],
)
def test_a_writer_killed_at_any_step_leaves_one_whole_compilation(
    tmp_path: Path, before: str, old: Compilation, new: Compilation
) -> None:
    """At every step that changes a file; then a whole write mends what is left."""
    seen: list[float] = []
    for left in range(1000):
        folder = tmp_path / str(left)
        folder.mkdir()
        path = folder / ("small.py" if new.single_file else "small")
        if before == "upgrade":
            old.write(folder)
            assert scales(path) == {2.0 if old is not new else 3.0}
        killed = KILLER.ends(new, folder, left.__gt__)
        entry = path if path.suffix else path / "__init__.py"
        if entry.exists():
            (found,) = scales(path)  # of one of them alone
            seen.append(found)
        else:
            assert before == "fresh"
            assert not list(path.glob("*.py"))
        if not killed:
            break
        assert new.write(folder) == path
        assert scales(path) == {3.0}
        assert not [p for p in folder.rglob("*") if p.name.startswith(HIDDEN)]
    assert seen == sorted(seen)  # there is one step that makes it the new one
    assert seen[-1] == 3.0
    assert left > 4


def test_a_process_that_reads_late_does_not_spoil_the_writing(tmp_path: Path) -> None:
    """Python makes a folder anew for the bytecode of what it has read there."""
    new = build_of(NEW["__init__"].encode())
    for late in range(1000):
        path = OLD.write(tmp_path / str(late))
        seen = []

        def goes_on(
            step: int, path: Path = path, late: int = late, seen: list[int] = seen
        ) -> bool:
            seen.append(step)
            if step == late:
                cache = path / f"{HIDDEN}{new}" / "__pycache__"
                cache.mkdir(parents=True, exist_ok=True)
                (cache / "train.pyc").write_bytes(b"of what was here")
            return build_of((path / "__init__.py").read_bytes()) != new

        assert KILLER.ends(NEW, path.parent, goes_on)
        assert scales(path) == {3.0}
        if late not in seen:
            break
    assert late > 4


def test_a_process_that_looked_amid_the_writing_looks_again(tmp_path: Path) -> None:
    """Python remembers of a path that there was no folder."""
    path = OLD.write(tmp_path)
    new = build_of(NEW["__init__"].encode())
    whole = path / f"{HIDDEN}{new}"
    init = path / "__init__.py"
    KILLER.ends(NEW, tmp_path, lambda _: build_of(init.read_bytes()) != new)
    module = load_package("_amid", path)
    away = whole.rename(tmp_path / "away")
    with pytest.raises(ImportError, match="is not of the compilation"):
        module.train  # noqa: B018
    away.rename(whole)
    assert scales(path) == {3.0}


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    OLD.write(tmp_path)
    mine = tmp_path / "small" / "runs" / "weights.npz"
    mine.parent.mkdir()
    np.savez(mine, w=np.ones(3))
    (tmp_path / "small" / "mine.py").write_text("VALUE = 7\n")
    before = mine.read_bytes()
    NEW.write(tmp_path)
    assert mine.read_bytes() == before
    assert load_package("_mine", tmp_path / "small")
    from _mine.mine import VALUE

    assert VALUE == 7


@pytest.mark.parametrize("name", NAMES)
def test_a_process_never_mixes_two_compilations(tmp_path: Path, name: str) -> None:
    """One that imported a part before an upgrade gets no other part after it."""
    path = OLD.write(tmp_path)
    module = load_package(f"_early_{name}", path)
    early = getattr(module, name)
    NEW.write(tmp_path)
    for other in NAMES:
        if f"{module.__name__}.{other}" in sys.modules:
            continue
        for _ in range(2):  # the second try is no better than the first
            with pytest.raises(ImportError, match="is not of the compilation"):
                getattr(module, other)
    assert getattr(module, name) is early
    assert scales(path) == {3.0}


def test_a_module_that_an_earlier_compilation_left_is_not_imported(tmp_path: Path):
    path = OLD.write(tmp_path)
    small(3.0, only=("forward",)).write(tmp_path)
    assert scales(path, ("forward",)) == {3.0}
    with pytest.raises(ImportError, match=r"is not of the compilation"):
        scales(path, ("train",))


def test_bytecode_is_never_that_of_an_older_text(tmp_path: Path) -> None:
    """Of one size and one second, Python could not tell the two texts apart."""
    path = tmp_path / "small"
    for i in range(6):
        compiled = (OLD, NEW)[i % 2]
        compiled.write(tmp_path)
        code = "import small.forward as f; print(f.BUILD)"
        if i in (1, 4):
            continue  # never imported, so that older bytecode would stay
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stdout.strip() in compiled["forward"], done.stderr
    assert path.is_dir()


WRITER = """
import pickle, sys
from symdiff.compiler.compilation import Compilation
made = [Compilation(*c) for c in pickle.load(open(sys.argv[1], "rb"))]
print("ready", flush=True)
while True:
    for compiled in made:
        compiled.write(sys.argv[3 if compiled.single_file else 2])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_writers_that_are_really_killed(tmp_path: Path) -> None:
    every = (OLD, ONE_OLD, NEW, ONE_NEW)
    stored = tmp_path / "files.pickle"
    stored.write_bytes(
        pickle.dumps([(c.name, dict(c.files), c.single_file) for c in every])
    )
    folders = {False: tmp_path / "build", True: tmp_path / "one"}
    paths = [c.write(folders[c.single_file]) for c in (OLD, ONE_OLD)]
    rng = random.Random(0)
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, stored, *folders.values()],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        for _ in range(8):  # amid the writing: one of the two, or an error says so
            time.sleep(rng.uniform(0, 0.01))
            order = tuple(rng.sample(NAMES, 4))
            for path in paths:
                with contextlib.suppress(ImportError, OSError, KeyError):
                    assert scales(path, order) in ({2.0}, {3.0})
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        for path in paths:
            assert scales(path) in ({2.0}, {3.0})
    for compiled in (NEW, ONE_NEW):
        assert scales(compiled.write(folders[compiled.single_file])) == {3.0}


# --- what is there already ------------------------------------------------------------


@pytest.mark.parametrize("single", [False, True], ids=["package", "single file"])
def test_its_own_constants_are_written_over_and_others_are_not(
    tmp_path: Path, single: bool
) -> None:
    old, new = (ONE_OLD, ONE_NEW) if single else (OLD, NEW)
    stored = tmp_path / next(n for n in old.files if n.endswith(".npz"))
    for compiled in (old, old, new, new):
        compiled.write(tmp_path)
        assert stored.read_bytes() == compiled.files[str(stored.relative_to(tmp_path))]
    np.savez(stored, edited=np.zeros(3))  # still read by the module beside it
    new.write(tmp_path)

    elsewhere = tmp_path / "elsewhere"
    mine = elsewhere / stored.relative_to(tmp_path)
    mine.parent.mkdir(parents=True)
    np.savez(mine, measured=np.arange(3))
    before = mine.read_bytes()
    with pytest.raises(OutputError, match="it is left as it is"):
        new.write(elsewhere)
    assert [p for p in elsewhere.rglob("*") if p.is_file()] == [mine]
    assert mine.read_bytes() == before


def test_an_array_is_never_read_under_another_ones_name() -> None:
    """A module beside the constants of another compilation fails, or is right."""
    files = [c.files["small/constants.npz"] for c in (OLD, NEW)]
    arrays = [dict(np.load(io.BytesIO(f))) for f in files]
    common = set(arrays[0]) & set(arrays[1])
    for name in common:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name])
    x = sd.input("x", (100,))
    signs = [np.zeros(100), -np.zeros(100)]
    f = sd.Function("f", [x], [sd.sum(sd.copysign(x, sd.constant(s))) for s in signs])
    assert [float(v) for v in sd.compile(f).load().predict(np.ones(100))] == [100, -100]


# --- modules that are called ----------------------------------------------------------

CALLS = """
    import small; print(small.forward(*p))
    from small import forward; print(forward(*p))
    import small.forward as f; print(f.forward(*p), f(*p))
    from small.forward import forward as f; import small as s; print(f is s.predict)
    import small, importlib; importlib.reload(small.forward); print(small.forward(*p))
    import small; print(small.backward.backward.__name__, callable(small.backward))
    import small; print(small.predict(*p), small.forward.ARGUMENTS["x"][0])
"""


def test_forward_may_be_called_by_the_name_of_its_module(tmp_path: Path) -> None:
    OLD.write(tmp_path)
    head = "import numpy as np; p = {'w': np.ones(100)}, np.ones((1, 100))\n"
    programs = textwrap.dedent(CALLS).strip().splitlines()
    body = "".join(
        f"exec({head + line!r}, {{}})\n"
        "import sys; [sys.modules.pop(n) for n in list(sys.modules) if 'small' in n]\n"
        for line in programs
    )
    done = subprocess.run(
        [sys.executable, "-c", body], cwd=tmp_path, capture_output=True, text=True
    )
    assert not done.stderr
    value = str(OLD.load().predict({"w": np.ones(100)}, np.ones((1, 100))))
    assert done.stdout.splitlines() == [
        value, value, f"{value} {value}", "True", value, "backward True",
        f"{value} float",
    ]  # fmt: skip


def test_a_single_file_that_a_package_would_hide_is_refused(tmp_path: Path) -> None:
    """Python imports a package before a module of its name."""
    x = sd.input("x", 3)
    f = sd.Function("hidden", [x], x * 2)
    sd.compile(f).write(tmp_path)
    with pytest.raises(sd.OutputError, match="goes before a module of its name"):
        sd.compile(f, single_file=True).write(tmp_path)
    assert not (tmp_path / "hidden.py").exists()
