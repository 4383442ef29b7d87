"""One record makes an op known to every stage: a new one needs no other line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OP = '''
"""An op that symdiff does not have, as a file of symdiff/ops would declare it."""

import numpy as np
import sympy as sp

from symdiff.ops.core import signs, tex
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import function
from symdiff.ops.core.symbols import u, y

BELL = elementwise(
    "bell",
    sp.exp(-(u**2)),
    partials=(-2 * u * y,),
    text="np.exp(-_0 * _0)",
    evaluate=lambda x: np.exp(-x * x),
    latex=tex.form(r"\\beta\\left({0}\\right)"),
    facts=Facts(word="height", sign=signs.never_negative),
)
bell = function(BELL, "bell", doc="exp(-x**2).")
'''

SPEC = """
[model]
name = "hills"

[inputs]
x = { shape = ["N", 3] }

[params]
W = { shape = [3, 4] }

[equations]
total = "mean(sum(bell(x @ W) * bell(2 * x @ W), axis=1))"

[outputs]
total = "total"
"""

USE = """
import importlib.util, sys
from pathlib import Path

import numpy as np
import bell_op                                   # the one file that knows of it
import symdiff as sd
from symdiff.rewrite.unstable import sign_of

N = sd.dim("N")
x, w = sd.input("x", (N, 3)), sd.param("w", (3,))

# values and both derivatives
rng = np.random.default_rng(0)
loss = sd.sum(sd.bell(x * w), axis=1).mean()
sgd = sd.optim.SGD(0.1)
model = sd.Model("hills", inputs=[x], outputs={"loss": loss}, loss=loss, optimizer=sgd)
compiled = sd.compile(model)
built = compiled.load()
params = {"w": rng.normal(size=3)}
data = rng.normal(size=(5, 3))
value, grads = built.value_and_grad(params, data)
np.testing.assert_allclose(value, np.exp(-((data * params["w"]) ** 2)).sum(1).mean())
slope = -2 * data**2 * params["w"] * np.exp(-((data * params["w"]) ** 2))
np.testing.assert_allclose(grads["w"], slope.sum(0) / 5)

# its name in generated code, and memory that is planned
text = compiled.files["hills/backward.py"]
assert "height_x_w = np.exp(-x_w * x_w)" in text, text
print("named")
planned = compiled.files["hills/_planned.py"]
assert "np.exp(-x_w * x_w, work" in planned, planned
print("planned")

# a batch in parts: rows stay where they are
from symdiff.ops.core.leaf import INPUT
from symdiff.plan.parts import parts_of
from symdiff.ops.core.rows import Sums
(part,) = parts_of([loss], N, {x.node: 0})
assert isinstance(part, Sums), part
print("in parts")

# numbers are computed by Python
a = sd.input("a", ())
t = a
for k in range(9):
    t = sd.bell(t * 0.5) + k
forward = sd.compile(sd.Function("f", [a], t)).files["f/forward.py"]
assert "def _scalars(" in forward and "np.exp(" not in forward, forward
print("scalar")

# signs, so that no mask is needed around its root
assert sign_of(sd.bell(x).node) == 1
print("signed")

# reports, the explorer
report = compiled.explain()
assert r"\\beta" in report.latex(), report.latex()
assert "height" in str(report)
page = compiled.explore()
assert "height" in page.html()
print("explained")

# equations of a spec
from symdiff.declare.spec import load_spec
Path("hills.toml").write_text(Path("spec.txt").read_text())
made = sd.compile(load_spec(Path("hills.toml")).model)
assert "np.exp(" in made.files["hills/forward.py"]
print("in a spec")
"""


def test_a_new_op_is_one_record(tmp_path: Path) -> None:
    (tmp_path / "bell_op.py").write_text(OP)
    (tmp_path / "spec.txt").write_text(SPEC)
    (tmp_path / "use.py").write_text(USE)
    run = subprocess.run(
        [sys.executable, "use.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{Path(__file__).parents[2]}", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    words = "named, planned, in parts, scalar, signed, explained, in a spec"
    assert run.stdout.split("\n")[:-1] == words.split(", ")
