"""`symdiff train` in a pseudo-terminal: what is drawn, and what Ctrl-C does."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")

ROOT = Path(__file__).parents[2]
SPEC = """\
import time

import numpy as np
import symdiff as sd

N = sd.dim("N")
x, y = sd.input("x", (N, 3)), sd.input("y", (N, 1))
z = sd.nn.dense(x, 1)
model = sd.Model("small", [x], [y], z, loss=sd.nn.mse(z, y),
                 optimizer=sd.optim.SGD(0.1))
training = sd.Training(epochs=3, batch_size=10)


def data():
    x = np.random.default_rng(0).normal(size=(100, 3))
    rows = {"x": x, "y": x.sum(axis=1, keepdims=True)}

    def slow(epoch):
        for i in range(0, 100, 10):
            time.sleep(0.03)
            yield {k: v[i : i + 10] for k, v in rows.items()}

    return {"train": slow, "test": rows}
"""


class Terminal:
    """A command that believes to run in a terminal, and what it wrote there."""

    def __init__(self, folder, *options, rich, columns=100, text=SPEC):
        import pty

        (folder / "spec.py").write_text(text, "utf-8")
        path = [str(ROOT)]
        if not rich:
            (folder / "none" / "rich").mkdir(parents=True)
            hidden = folder / "none" / "rich" / "__init__.py"
            hidden.write_text("raise ImportError('hidden')\n", "utf-8")
            path.insert(0, str(folder / "none"))
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "symdiff", "train", "spec.py", *options],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_controlling,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path),
                "COLUMNS": str(columns),
                "TERM": "xterm-256color",
            },
        )
        os.close(theirs)
        self.said = ""

    def read_until(self, pattern, seconds=30.0):
        """Read on till a pattern was written; return whether it was."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if re.search(pattern, self.said):
                return True
            ready, _, _ = select.select([self.ours], [], [], 0.1)
            if ready and not self._read():
                break
        return bool(re.search(pattern, self.said))

    def _read(self):
        try:
            found = os.read(self.ours, 65536)
        except OSError:  # Linux: the other end was closed
            return False
        self.said += found.decode()
        return bool(found)

    def press_ctrl_c(self):
        os.write(self.ours, b"\x03")

    def end(self):
        """Return the exit code, after everything that was written."""
        while self._read():
            pass
        os.close(self.ours)
        return self.process.wait(timeout=30)


def _controlling():
    """Let the terminal send its signals to this process."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture(params=[True, False], ids=["rich", "plain"])
def rich(request):
    if request.param:
        pytest.importorskip("rich", reason="extra [cli]")
    return request.param


def cursor_is_back(said):
    return said.rfind("\x1b[?25h") >= said.rfind("\x1b[?25l")


def test_a_run_to_its_end(tmp_path, rich):
    terminal = Terminal(tmp_path, rich=rich)
    assert terminal.end() == 0, terminal.said
    said = terminal.said
    assert ("━" in said) == rich
    assert ("[####" in said) == (not rich)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    for told in ("epoch 2/3", "step", "ETA 0:0", " steps/s", "loss 0.", "test: loss"):
        assert told in plain, told
    assert "trained 30 steps" in plain
    assert cursor_is_back(said)


def test_a_run_in_a_narrow_terminal(tmp_path, rich):
    terminal = Terminal(tmp_path, rich=rich, columns=36)
    assert terminal.end() == 0, terminal.said
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.said)
    live = re.findall(r"[^\r\n]*epoch [^\r\n]*", plain)
    assert live
    assert all(len(line) <= 36 for line in live)


def test_ctrl_c_ends_after_a_whole_step(tmp_path, rich):
    terminal = Terminal(tmp_path, "--epochs", "1000", "--resume", rich=rich)
    assert terminal.read_until(r"epoch +2/1000")
    terminal.press_ctrl_c()
    pressed = time.monotonic()
    assert terminal.end() == 130, terminal.said
    assert time.monotonic() - pressed < 10
    said = terminal.said
    assert "stopping after this step; Ctrl-C again stops at once" in said
    assert re.search(r"whole steps are saved in build/small/weights.npz", said)
    assert "the last whole epoch is in build/small/checkpoint.npz: go on with" in said
    assert "Traceback" not in said
    assert cursor_is_back(said)
    with np.load(tmp_path / "build" / "small" / "weights.npz") as file:
        assert all(np.isfinite(file[name]).all() for name in file.files)


def test_a_second_ctrl_c_stops_at_once(tmp_path, rich):
    slow = SPEC.replace("time.sleep(0.03)", "time.sleep(0.03 if i < 50 else 60)")
    terminal = Terminal(tmp_path, rich=rich, text=slow)
    assert terminal.read_until(r"step [45]")
    time.sleep(0.5)
    terminal.press_ctrl_c()
    assert terminal.read_until("Ctrl-C again stops at once")
    terminal.press_ctrl_c()
    pressed = time.monotonic()
    assert terminal.end() == 130, terminal.said
    assert time.monotonic() - pressed < 10
    assert "stopped at once; nothing of this run is saved" in terminal.said
    assert "Traceback" not in terminal.said
    assert cursor_is_back(terminal.said)
    assert not (tmp_path / "build" / "small" / "weights.npz").exists()
