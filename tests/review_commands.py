"""Commands run on a small spec, and edits of what they made, for tests of reviewing."""

import subprocess
import sys
from pathlib import Path

SPEC = """\
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 4))
y = sd.input("y", (N,), dtype="int64", high=3)
h = sd.tanh(x @ sd.param("V", (4, 5)))
z = h @ sd.param("W", (5, 3)) + sd.param("b", (3,))
loss = sd.nn.softmax_cross_entropy(z, y)
model = sd.Model("small", inputs=[x], targets=[y], outputs=z, loss=loss,
                 optimizer=sd.optim.SGD(0.1))
"""


def spec(text=SPEC, name="model.py"):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, "utf-8")
    return name


def edit(path, old, new):
    """Replace text in a file, once; in the code of a generated one, if it is there.

    The formulas that open backward.py have the same words as its lines.
    """
    text = Path(path).read_text("utf-8")
    assert old in text, f"{path} lacks {old!r}"
    start = 0
    if text.startswith("# Generated"):
        start = text.index('"""', text.index('"""') + 3)
    at = text.find(old, start)
    at = text.index(old) if at < 0 else at
    Path(path).write_text(text[:at] + new + text[at + len(old) :], "utf-8")


def alone(package):
    """What the package's own check says, and its exit code."""
    found = subprocess.run(
        [sys.executable, "-m", package.name],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.stderr
    return found.returncode, found.stdout
