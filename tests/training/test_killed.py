"""Training that is killed or interrupted: it goes on to the same bytes."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_runs import spec
from click.testing import CliRunner
from training_runs import GOOD

from symdiff.cli import main

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
posix = pytest.mark.skipif(os.name == "nt", reason="signals")

CHILD = """\
import os, signal, sys
import numpy as np
sys.path.insert(0, {folder!r})
from small import train
def kill(name, at, when):
    if not name:
        return
    real, calls = getattr(os, name), [0]
    def wrapper(*arguments):
        calls[0] += 1
        if calls[0] == at and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments)
        if calls[0] == at and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(os, name, wrapper)
rng = np.random.default_rng(0)
data = {{"x": rng.normal(size=(96, 4)).astype(np.float32), "y": rng.integers(0, 3, 96)}}
held = {{k: a[:20] for k, a in data.items()}}
state = train.init_state(train.init_params(0))
kill(*{kill!r})
train.fit(state, data, epochs={epochs}, batch_size=4, validation=held, patience=1000,
          plateau={{"factor": 0.9, "patience": 1}}, checkpoint="c.npz")
train.save("w.npz", state.params)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The generated package of the model, in a folder of its own."""
    folder = tmp_path_factory.mktemp("package")
    path = folder / "spec.py"
    path.write_text(GOOD, "utf-8")
    result = CliRunner().invoke(main, ["compile", str(path), "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def child(folder, package, kill=("", 0, ""), epochs=60):
    text = CHILD.format(folder=str(package), kill=kill, epochs=epochs)
    return subprocess.Popen([sys.executable, "-c", text], cwd=folder)


def killed_and_gone_on(folder, package, rng, duration):
    """Kill a run at random moments, starting it again till it ends; count the kills."""
    folder.mkdir()
    kills = 0
    while True:
        process = child(folder, package)
        try:
            if kills < 4:
                process.wait(rng.uniform(0.2, 1.0) * duration)
            else:
                process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        return kills


def never_killed(folder, package):
    start = time.monotonic()
    assert child(folder, package).wait() == 0
    return (folder / "w.npz").read_bytes(), time.monotonic() - start


def repeated(tmp_path, package, times):
    """Kill so many runs, and more if most ended before their turn; count the kills."""
    expected, duration = never_killed(tmp_path, package)
    rng = np.random.default_rng()
    kills, i = 0, 0
    while i < times or (kills < times and i < 5 * times):
        i += 1
        folder = tmp_path / f"run{i}"
        kills += killed_and_gone_on(folder, package, rng, duration)
        assert (folder / "w.npz").read_bytes() == expected, f"run {i}"
        assert (folder / "c.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()
    return kills


@posix
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, package):
    assert repeated(tmp_path, package, 2) >= 2


@posix
@pytest.mark.slow
def test_twenty_killed_runs_go_on_to_the_same_bytes(tmp_path, package):
    kills = repeated(tmp_path, package, 20)
    print(f"\n20 runs, {kills} kills, 20 times the same bytes")
    assert kills >= 20


@posix
@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_a_checkpoint_is_written(tmp_path, package, name, when):
    expected = tmp_path / "expected"
    expected.mkdir()
    assert child(expected, package, epochs=5).wait() == 0
    killed = child(tmp_path, package, (name, 3, when), epochs=5)
    assert killed.wait() == -signal.SIGKILL
    assert child(tmp_path, package, epochs=5).wait() == 0
    for file in ("c.npz", "w.npz"):
        assert (tmp_path / file).read_bytes() == (expected / file).read_bytes()
    left = list(tmp_path.glob("*.tmp"))
    assert not left, "the next run removes what was being written at the kill"


@posix
@pytest.mark.parametrize("patience", [["--patience", "1000000"], []])
def test_ctrl_c_keeps_the_best_weights_and_the_last_epoch(patience):
    text = GOOD.replace(
        "def data():\n",
        "import os, signal, threading\n"
        "def data():\n"
        "    interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Timer(0.4, interrupt).start()\n",
    )
    options = ["--epochs", "1000000", *patience, "--validation-split", "0.3"]
    options += ["--history", "history.csv"]
    found = subprocess.run(
        [*(sys.executable, "-m", "symdiff", "train"), spec(text), *options, "--resume"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert found.returncode == 130, found.stderr
    said = re.search(
        r"interrupted in epoch \d+: the weights after epoch (\d+), the best by "
        r"val_loss \((\S+)\) are saved in build/small/weights.npz",
        found.stdout,
    )
    rows = csv.DictReader(Path("history.csv").read_text().splitlines())
    losses = [float(row["val_loss"]) for row in rows]
    assert int(said[1]) == losses.index(min(losses)) + 1
    assert float(said[2]) == pytest.approx(min(losses), rel=1e-3)
    held_out = re.search(r"held out \(validation\): loss (\S+)", found.stdout)
    assert float(held_out[1]) == pytest.approx(min(losses), abs=1e-4)
    expected = "whole epoch is in build/small/checkpoint.npz: go on with --resume"
    assert expected in found.stdout
    assert Path("build/small/weights.npz").exists()
