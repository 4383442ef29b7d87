"""Headers count what their modules compute, and nothing that was not generated."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import symdiff as sd


def _told(files: dict[str, str | bytes], name: str) -> str:
    found = re.search(r"# \d+ nodes, (.*) flops,", str(files[name]))
    assert found is not None
    return found[1]


def _product() -> tuple[sd.Tensor, sd.Tensor, sd.Tensor]:
    a, b = sd.input("a", (sd.dim("N"), 8)), sd.input("b", (8, 5))
    return a, b, a @ b


def test_a_product_alone_is_counted_once() -> None:
    a, b, c = _product()
    function = sd.Function("mm", [a, b], c)
    alone = sd.compile(function, only=("forward",)).files
    assert _told(dict(alone), "mm/forward.py") == "80*N"
    both = sd.compile(function).files
    for module in ("forward", "backward"):  # and a product for each cotangent
        assert _told(dict(both), f"mm/{module}.py") == "240*N"


def test_a_model_that_is_not_trained_counts_its_prediction() -> None:
    a, b, c = _product()
    files = sd.compile(sd.Model("mm", [a, b], outputs=c)).files
    assert _told(dict(files), "mm/forward.py") == "80*N"


def test_the_larger_operand_is_what_counts() -> None:
    """Of shapes with as many axes, the one with more elements, not the later name."""
    x = sd.input("x", (100,))
    for size in (9, 30):
        at = np.linspace(0, 99, size)
        function = sd.Function("f", [x], sd.interp(at, np.arange(100.0), x))
        files = sd.compile(function, only=("forward",)).files
        assert _told(dict(files), "f/forward.py") == "100"


def test_solving_in_a_loop_counts_as_often_as_it_runs() -> None:
    """Two thirds of n**3 are counted, and not rounded off, before the turns are."""
    n = sd.dim("n")
    a, b = sd.input("a", (n, n)), sd.input("b", (n,))
    c, _ = sd.scan(lambda c, _: (sd.linalg.solve(a, c), None), b, None, length=30)
    files = sd.compile(sd.Function("f", [a, b], c), only=("forward",)).files
    assert "20*n^3" in _told(dict(files), "f/forward.py")


def _doubled(x: sd.Tensor, sines: int = 0) -> sd.Tensor:
    def body(y: sd.Tensor) -> sd.Tensor:
        for _ in range(sines):
            y = sd.sin(y)
        return y * 2.0

    return sd.while_loop(lambda y: sd.sum(y) < 100.0, body, x)


ONE_TURN = "in float32, of while loops one turn"


def _header(compiled: Any, module: str) -> str:
    lines = compiled[module].splitlines()
    return " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))


def test_a_loop_whose_turns_nothing_counts_is_told_for_one_turn() -> None:
    x = sd.input("x", (sd.dim("N"), 8))
    nested, _ = sd.scan(lambda c, _: (_doubled(c), None), x, None, length=3)
    for y in (
        _doubled(x),
        nested,
        sd.cond(sd.sum(x) > 0, lambda: _doubled(x), lambda: x),
    ):
        alone = sd.compile(sd.Function("f", [x], y), only=("forward",))
        assert ONE_TURN in _header(alone, "forward")
    counted, _ = sd.scan(lambda c, _: (2 * c, None), x, None, length=3)
    plain = sd.compile(sd.Function("f", [x], counted))
    assert "one turn" not in _header(plain, "forward")


def test_a_loop_that_counts_its_turns_is_told_by_them() -> None:
    """The body of the loop itself too, not only of the loop that goes back."""
    x = sd.input("x", (sd.dim("N"), 8))
    found = []
    for sines in (0, 7):
        compiled = sd.compile(sd.Function("f", [x], _doubled(x, sines)), optimize=0)
        header = _header(compiled, "backward")
        assert "one turn" not in header
        flops, _, _ = header.partition(" nodes, ")[2].partition(" flops")
        turns = re.search(r"(\d+)\*N\*steps_of_loop_1", flops)
        once = re.search(r"(\d+)\*N(?!\*)", flops)
        assert turns is not None
        found.append((int(turns[1]), once and once[1]))
    assert found[1][0] > found[0][0]
    assert found[1][1] == found[0][1]  # of what is in the body, all counts each turn
