"""What a person sees while a model trains: views, lines, a plain bar, rich's bar."""

from __future__ import annotations

import io
import re

import pytest

import symdiff as sd
from symdiff.training.progress import Progress
from symdiff.training.screen import Bar, Lines, screen
from symdiff.training.view import View
from symdiff.training.wording import duration, number, rate


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def view(**changes):
    known = {
        "label": "epoch  3/12",
        "done": 2.33,
        "epochs": 12,
        "step": 41,
        "steps": 125,
        "spent": 9.0,
        "left": 42.0,
        "speed": 1240.4,
        "unit": "examples",
        "means": {"loss": 0.1234, "accuracy": 0.965},
        "held_out": "  val: loss 0.2000",
    }
    return View(**{**known, **changes})


def test_numbers_are_short():
    assert [duration(s) for s in (0, 59.6, 3661)] == ["0:00", "1:00", "1:01:01"]
    assert [number(v) for v in (0.0, 1.5, 1e-7)] == ["0.0000", "1.5000", "1.000e-07"]
    assert number(float("nan")) == "nan"
    assert rate(1240.4, "examples") == "1,240 examples/s"
    assert rate(3.217, "steps") == "3.22 steps/s"


# --- what is told --------------------------------------------------------------------


class Kept:
    """A screen that keeps what it is given."""

    pause = 0.0

    def __init__(self):
        self.views, self.lines = [], []

    def draw(self, view):
        self.views.append(view)

    def line(self, text):
        self.lines.append(text)

    def stopping(self):
        self.lines.append("stopping")

    def close(self):
        self.lines.append("closed")


def test_the_time_that_is_left_and_the_pace(clock):
    kept = Kept()
    progress = Progress(sd.Training(epochs=4), steps=10, rows=320, drawn_on=kept)
    for step in range(10):
        clock[0] += 1.0
        progress.step(0, step, {"loss": 1.0})
    half = kept.views[4]
    assert (half.label, half.place) == ("epoch 1/4", "step 5/10")
    assert (half.time, half.pace) == ("ETA 0:35", "32 examples/s")
    assert half.share == pytest.approx(0.125)
    progress.after_epoch({"epoch": 0, "loss": 0.5, "val_loss": 0.7}, "validation")
    assert kept.views[-1].held_out == "  val: loss 0.7000"
    assert kept.lines == ["epoch 1/4  loss 0.5000  validation: loss 0.7000"]


def test_an_epoch_that_was_short_leaves_no_line_but_a_note_does(clock):
    kept = Kept()
    progress = Progress(sd.Training(epochs=9), steps=1, drawn_on=kept)
    for epoch in range(3):
        clock[0] += 0.1
        progress.step(epoch, 0, {"loss": 1.0})
        note = "  lr is now 0.1" if epoch == 1 else ""
        progress.after_epoch({"epoch": epoch, "loss": 1.0}, None, note)
    assert kept.lines == ["epoch 2/9  loss 1.0000  lr is now 0.1"]


def test_steps_that_are_not_known_are_learnt_from_the_first_epoch(clock):
    kept = Kept()
    progress = Progress(sd.Training(epochs=2), steps=None, drawn_on=kept)
    for step in range(4):
        clock[0] += 1.0
        progress.step(0, step, {"loss": 1.0})
    first = kept.views[-1]
    assert (first.place, first.time, first.pace) == ("step 4", "0:04", "1 steps/s")
    progress.after_epoch({"epoch": 0, "loss": 1.0}, None)
    clock[0] += 1.0
    progress.step(1, 0, {"loss": 1.0})
    second = kept.views[-1]
    assert (second.place, second.time) == ("step 1/4", "ETA 0:03")


# --- where it is drawn ---------------------------------------------------------------


def test_a_file_gets_lines_alone(capsys):
    assert type(screen()) is Lines
    progress = Progress(sd.Training(epochs=2), steps=3)
    progress.step(0, 0, {"loss": 1.0})
    progress.after_epoch({"epoch": 0, "loss": 0.5}, None)
    progress.close()
    assert capsys.readouterr().out == "epoch 1/2  loss 0.5000\n"


@pytest.mark.parametrize("columns", [20, 40, 60, 90, 140])
def test_the_plain_bar_never_wraps(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = Bar()
    bar.draw(view())
    bar.draw(view(means={"loss": 1e7}, left=None))
    bar.line("a line")
    bar.draw(view())
    bar.close()
    out = capsys.readouterr().out
    drawn = [part for part in re.split(r"[\r\n]", out) if part]
    assert all(len(part) < columns for part in drawn)
    assert "a line" in drawn
    if columns == 140:
        assert drawn[0].rstrip() == (
            "[#####...................] epoch  3/12  step 41/125  ETA 0:42  "
            "1,240 examples/s  loss 0.1234  accuracy 0.9650  val: loss 0.2000"
        )


def test_rich_is_used_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    pytest.importorskip("rich", reason="extra [cli]")
    assert type(screen()).__name__ == "RichScreen"
    monkeypatch.setenv("TERM", "dumb")
    assert type(screen()) is Bar
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delitem(__import__("sys").modules, "symdiff.training.rich_screen")
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    assert type(screen()) is Bar


@pytest.mark.parametrize("columns", [12, 24, 40, 60, 80, 140])
def test_rich_fits_the_terminal(columns):
    console = pytest.importorskip("rich.console", reason="extra [cli]")
    from symdiff.training.rich_screen import RichScreen

    drawn_on = RichScreen()
    drawn_on._console = console.Console(
        file=io.StringIO(), width=columns, force_terminal=True, color_system=None
    )
    drawn_on._view, drawn_on._at = view(), 0.0
    drawn_on.stopping()
    with drawn_on._console.capture() as capture:
        drawn_on._console.print(drawn_on._drawn())
    lines = capture.get().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= columns for line in lines)
    if columns >= 24:
        assert lines[0].startswith("epoch  3/12")
    if columns >= 80:
        for told in ("41/125", "ETA 0:42", "━"):
            assert told in lines[0]
        assert "loss 0.1234  accuracy 0.9650  val: loss 0.2000" in lines[1]
        assert "Ctrl-C again stops at once" in lines[2]
