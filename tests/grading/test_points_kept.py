"""No mistake that is played on the derived backward changes the point it is played at.

The class: a mistake lets a gradient be the very array of a parameter, a residual, a
value of the forward pass or a cotangent, and a later line adds to it in place. The next
mistakes, and the next students, would then be compared at another point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.compiler.compile import compile_
from symdiff.grading.grade import Grader

N = sd.dim("N")


def penalised_table() -> sd.Model:
    k, y = sd.input("k", N, "int64", high=4), sd.input("y", (N, 3))
    table = sd.param("E", (4, 3), init="ones")
    z = sd.tanh(table[k])
    loss = sd.nn.mse(z, y) + 0.01 * sd.nn.l2(table)
    return sd.Model("penalised", [k], [y], z, loss)


def classes() -> sd.Model:
    x, y = sd.input("x", (N, 3)), sd.input("y", N, "int64", high=4)
    z = sd.nn.dense(x, 4, name="out")
    return sd.Model("classes", [x], [y], z, sd.nn.softmax_cross_entropy(z, y))


def pieces() -> sd.Function:
    x, w = sd.input("x", (N, 4)), sd.input("w", 4)
    s = sd.sin(x * w)
    return sd.Function("pieces", [x, w], [x[:, 1:] * w[1:], sd.at(s, 0).add(w)])


def steps() -> sd.Model:
    x, y = sd.input("x", (N, 3, 2)), sd.input("y", (N, 2))
    _, last = sd.nn.rnn(x, 2, name="r")
    return sd.Model("steps", [x], [y], last, sd.nn.mse(last, y))


def held(grader: Grader) -> dict[str, Any]:
    """Return copies of all arrays of all points, by place."""
    found: dict[str, Any] = {}
    for i, case in enumerate(grader.cases):
        groups = {"params": case.params, "arguments": case.arguments}
        groups |= {"gradients": case.gradients, "forward": case.forward}
        groups |= {"residuals": case.residuals._asdict()}
        groups |= {"locals": case.locals, "seeds": dict(enumerate(case.seeds))}
        for group, arrays in groups.items():
            for name, a in arrays.items():
                if isinstance(a, np.ndarray):
                    found[f"{case.name} ({i}): {group}[{name!r}]"] = a.copy()
    return found


@pytest.mark.parametrize("make", [penalised_table, classes, pieces, steps])
def test_a_mistake_changes_no_array_of_its_point(make):
    declared = make()
    compiled, plain = (compile_(declared, optimize=level) for level in (1, 0))
    grader = Grader(declared, compiled, plain)
    before = held(grader)
    for fault in grader.search.faults:
        grader.search.run(fault, 0)
    after = held(grader)
    changed = [n for n, a in before.items() if a.tobytes() != after[n].tobytes()]
    assert not changed


RIGHT = """\
import numpy as np


def backward(params, residuals, d_loss=1.0):
    k, z, z_minus_y = residuals
    d_z = d_loss * 2 * z_minus_y / z.size
    d_E = 0.02 * d_loss * params["E"]
    np.add.at(d_E, k, d_z * (1 - z**2))
    return {"E": d_E}
"""


def test_a_right_file_is_right_after_a_wrong_one(tmp_path: Path) -> None:
    declared = penalised_table()
    compiled, plain = (compile_(declared, optimize=level) for level in (1, 0))
    grader = Grader(declared, compiled, plain)
    (tmp_path / "wrong.py").write_text(RIGHT.replace("0.02", "0.03"), "utf-8")
    (tmp_path / "right.py").write_text(RIGHT, "utf-8")
    assert grader.grade(tmp_path / "wrong.py").code == 1
    assert grader.grade(tmp_path / "right.py").code == 0
