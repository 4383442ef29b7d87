"""What `symdiff explain` prints on a terminal: the plain text, in colours."""

import re
import sys

import pytest
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.explain.explanation import explained
from symdiff.explain.formats.plain import text
from symdiff.explain.formats.terminal import coloured

CODES = re.compile(r"\x1b\[[\d;]*m")


def told(**options):
    x = sd.input("x", 3)
    w = sd.param("[red]w[/red]", 3)
    loss = sd.sum(sd.log(x) * w)
    model = sd.Model("m", inputs=[x], outputs=loss, loss=loss)
    return explained(
        model, values={"x": [1, -1, 2], "[red]w[/red]": [1, 1, 1]}, **options
    )


@pytest.fixture
def rich(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return pytest.importorskip("rich")


def test_without_colours_it_is_the_plain_text(rich):
    shown = coloured(told(cost=True).tree)
    assert CODES.search(shown)
    assert CODES.sub("", shown) == text(told(cost=True).tree)


def test_what_is_not_finite_is_loud(rich):
    shown = coloured(told().tree)
    assert re.search(r"\x1b\[[\d;]*7;31mNOT FINITE", shown)


def test_rows_are_broken_at_the_width_of_the_terminal(rich, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    shown = CODES.sub("", coloured(told(cost=True).tree))
    assert max(map(len, shown.splitlines())) <= 50
    words = shown.replace("-", "").split()
    assert "hands back" in " ".join(words)


def test_it_is_plain_without_rich_and_where_it_is_no_terminal(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert coloured(told().tree) is None
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "spec.py"
    spec.write_text(
        "import symdiff as sd\nx = sd.input('x', ())\n"
        "model = sd.Function('f', [x], x * x)\n"
    )
    said = CliRunner().invoke(main, ["explain", "spec.py"]).output
    assert "\x1b" not in said
    assert said.startswith("f: how its gradients come about")
