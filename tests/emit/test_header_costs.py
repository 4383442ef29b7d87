"""Headers count what their modules compute, and nothing that was not generated."""

from __future__ import annotations

import re

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
        function = sd.Function("f", [x], sd.take(x, np.arange(size), axis=0))
        files = sd.compile(function, only=("forward",)).files
        assert _told(dict(files), "f/forward.py") == "100"


def test_solving_in_a_loop_counts_as_often_as_it_runs() -> None:
    """Two thirds of n**3 are counted, and not rounded off, before the turns are."""
    n = sd.dim("n")
    a, b = sd.input("a", (n, n)), sd.input("b", (n,))
    c, _ = sd.scan(lambda c, _: (sd.linalg.solve(a, c), None), b, None, length=30)
    files = sd.compile(sd.Function("f", [a, b], c), only=("forward",)).files
    assert "20*n^3" in _told(dict(files), "f/forward.py")
