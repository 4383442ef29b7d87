"""Importing symdiff, and asking it for help, loads nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("jinja2", "mpmath", "numpy", "rich", "sympy")

REPORT = f"""
import atexit, sys
atexit.register(
    lambda: print("LOADED", *sorted(set({HEAVY!r}) & set(sys.modules)))
)
"""

STATEMENTS = {
    "import": "import symdiff",
    "dir": "import symdiff; dir(symdiff)",
    "version": "import symdiff; symdiff.__version__",
    "help": "from symdiff.cli import main; main(['--help'])",
    "compile --help": "from symdiff.cli import main; main(['compile', '--help'])",
    "train --help": "from symdiff.cli import main; main(['train', '--help'])",
    "check --help": "from symdiff.cli import main; main(['check', '--help'])",
    "verify --help": "from symdiff.cli import main; main(['verify', '--help'])",
    "diff --help": "from symdiff.cli import main; main(['diff', '--help'])",
    "explain --help": "from symdiff.cli import main; main(['explain', '--help'])",
    "graph --help": "from symdiff.cli import main; main(['graph', '--help'])",
    "--version": "from symdiff.cli import main; main(['--version'])",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_loads_nothing_heavy(statement, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", REPORT + statement],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    loaded = [line for line in result.stdout.splitlines() if line.startswith("LOADED")]
    assert loaded == ["LOADED"], result.stdout
