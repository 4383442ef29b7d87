"""Every command that invents data invents lengths that the model takes.

Constraints on dims come from formulas in shapes, from operands that must agree, from
what reshapes divide and from windows and slices that need so many elements; they are
combined with every command, which runs, or says what it could not meet.
"""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from cli_runs import printed as run
from review_commands import alone, spec

import symdiff as sd
from symdiff.emit.modules.lengths import FAR, LengthError, meeting
from symdiff.graph.types import Constraint

HEAD = "import symdiff as sd\nN, M, K = sd.dim('N'), sd.dim('M'), sd.dim('K')\n"
# inputs: shapes by name; the value; what must hold of the lengths
ASKED = {
    "a product": ({"x": "N * M", "n": "N", "m": "M"}, "sd.reshape(x, (N, M)).T @ n"),
    "twice": ({"x": "2 * N"}, "sd.sum((sd.zeros((2 * N,)) + 1) * x**2)"),
    "odd": ({"x": "2 * N + 1", "n": "N"}, "x[:N] * n"),
    "three more": ({"n": "N", "m": "M + 3", "k": "M"}, "n * m * sd.sum(k)"),
    "three more, twice": (
        {"n": "N", "m": "M + 3", "k": "K", "l": "M"},
        "n * m + k * sd.sum(l)",
    ),
    "a number": ({"x": ("N", "N")}, "x @ sd.ones((4, 3))"),
    "a large number": ({"x": "N"}, "x @ sd.ones((100, 3))"),
    "a half": ({"x": ("N", "M")}, "sd.reshape(x, (N * M,)) * sd.ones(24)"),
    "equal": ({"n": "N", "m": "M", "k": "K"}, "n * m - k"),
    "a square": ({"x": "N"}, "sd.outer(x, x).reshape(16) * 2"),
    "divided": ({"x": "N"}, "sd.reshape(x, (-1, 7)) ** 2"),
    "divided twice": ({"x": "N"}, "x.reshape(-1, 4)[0, 0] + x.reshape(-1, 6) ** 2"),
    "divided both": ({"x": ("N", "M")}, "sd.reshape(x, (N, -1, 2, 3)) ** 2"),
    "a slice": ({"x": "N"}, "x[8:] * x[:-8]"),
    "an element": ({"x": "N"}, "x[11] * x[-12]"),
    "a window": ({"x": "N"}, "sd.sliding_window_view(x, 9) ** 2"),
    "a pooling": ({"x": (2, 1, "N", "M")}, "sd.nn.max_pool2d(x, 8)"),
    "a convolution": ({"x": (2, 1, "N", "M")}, "sd.nn.conv2d(x, 2, 8, name='c')"),
    "differences": ({"x": "N"}, "sd.diff(x, n=7) ** 2"),
    "a maximum": ({"x": "N - 6", "n": "N"}, "sd.max(x) * n"),
    "pieces": ({"x": "N"}, "sd.split(x[8:], [3, 7])[1] ** 2"),
}  # fmt: skip
NEVER = {
    "four, and a multiple of 7": (
        {"x": "N", "v": (4, 3)},
        "sd.sum(x @ v) * sd.reshape(x, (-1, 7))",
    ),
    "four, and more than 6": ({"x": "N", "v": (4, 3)}, "sd.sum(x @ v) * x[6:]"),
}
COMMANDS = {
    "explain": "explain model.py --values random",
    "graph": "graph model.py --values random -o g.svg",
    "explore": "explore model.py -o e.html",
    "bench": "bench model.py --rounds 1",
    "verify": "verify build/asked",
    "verify one": "verify single/asked.py",
}


def text_of(shapes, value):
    """A spec of a function of inputs of these shapes."""

    def axes(shape):
        return ", ".join(map(str, shape if isinstance(shape, tuple) else (shape,)))

    inputs = [
        f"{n} = sd.input({n!r}, ({axes(s)},))"
        for n, s in (
            (n, s if isinstance(s, tuple) else (s,)) for n, s in shapes.items()
        )
    ]
    body = "\n".join([*inputs, f"y = {value}"])
    kind = f"Function('asked', [{', '.join(shapes)}], y)"
    if "sd.nn.conv" in value:
        kind = "Model('asked', inputs=[x], outputs=y, loss=sd.mean(y**2))"
    return f"{HEAD}{body}\nmodel = sd.{kind}\n"


@pytest.mark.parametrize("name", ASKED)
def test_every_command_finds_lengths(name):
    spec(text_of(*ASKED[name]))
    run("compile", "model.py")
    run("compile", "model.py", "--single-file", "-o", "single")
    for words in COMMANDS.values():
        run(*words.split())
    code, said = alone(Path("build/asked"))
    assert code == 0, said


@pytest.mark.parametrize("command", ["explain", "bench", "verify", "verify one"])
@pytest.mark.parametrize("name", NEVER)
def test_what_cannot_be_met_is_named(name, command):
    spec(text_of(*NEVER[name]))
    run("compile", "model.py")
    run("compile", "model.py", "--single-file", "-o", "single")
    code = 2 if command.startswith("verify") else 1
    said = run(*COMMANDS[command].split(), code=code)
    assert re.search(r"N == 4|4 == N", said), said
    assert "Give lengths that do" in said


def test_lengths_that_are_asked_for_are_kept_or_refused():
    spec(text_of(*ASKED["three more"]))
    assert "N=9, M=6" in run("bench", "model.py", "--rounds", "1", "--dim", "N=9")
    said = run("bench", "model.py", "--dim", "N=9", "--dim", "M=9", code=1)
    assert "M + 3" in said
    assert "N = 9, M = 9" in said


@pytest.mark.parametrize("command", ["explain", "graph", "verify"])
def test_arrays_of_ones_own_that_do_not_fit_are_said_so(command):
    spec(text_of(*ASKED["three more"]))
    run("compile", "model.py")
    np.savez("at.npz", n=np.ones(5), m=np.ones(7), k=np.ones(4))
    option = "--points" if command == "verify" else "--values"
    place = "build/asked" if command == "verify" else "model.py"
    said = run(command, place, option, "at.npz", code=2 if command == "verify" else 1)
    assert "at.npz: lengths must agree" in said


N, M = (sp.Symbol(n, integer=True, nonnegative=True) for n in "NM")


@pytest.mark.parametrize("seed", range(40))
def test_what_a_plain_search_finds_is_found(seed):
    """Random systems in two dims, against trying every pair of small lengths."""
    rng = np.random.default_rng(seed)
    formulas = [N, M, N + M, 2 * N + 1, 3 * M, N * M, N - M + 4, N // 2]
    asked = []
    for _ in range(rng.integers(1, 4)):
        left = formulas[rng.integers(len(formulas))]
        right = [int(rng.integers(1, 30)), formulas[rng.integers(len(formulas))], None]
        asked.append(Constraint(left, right[rng.integers(3)]))

    def meets(n, m):
        at = {N: n, M: m}
        for c in asked:
            sides = [sp.sympify(d).subs(at) for d in (c.left, c.right) if d is not None]
            if not (sides[0] >= 1 if c.right is None else sides[0] == sides[1]):
                return False
        return True

    small = any(meets(n, m) for n, m in itertools.product(range(31), repeat=2))
    try:
        found = meeting([N, M], asked)
    except LengthError:
        assert not small
    else:
        assert meets(found["N"], found["M"])
        assert max(found.values()) <= FAR


def test_wishes_that_meet_everything_are_the_answer():
    asked = [Constraint(N - 2, None), Constraint(M, None)]
    assert meeting([N, M], asked) == {"N": 5, "M": 3}
    assert meeting([N, M], asked, {"N": 9}) == {"N": 9, "M": 3}
    assert meeting([], []) == {}
    assert sd.dim("N") == N
