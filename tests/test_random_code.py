"""Generated code of random programs: against its graph, and against complex steps.

In: the programs of `random_programs`. A program is compiled as a function with its
gradient and as one that holds its Hessian-vector product; the text is run alone.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from generated import module
from random_namespaces import Complex, Symbolic
from random_programs import Program, program
from sample_checks import close, run

import symdiff as sd

STEP = 1e-30
LEVELS = (1, 1, 1, 0)  # of four programs in a row


def check(made: Program, level: int, *, second: bool) -> None:
    """Value and gradient of the text against graph and complex step; H t if asked."""
    leaves = [sd.input(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    output = made.run(Symbolic(), leaves)
    feed: Any = {x.node: a for x, a in zip(leaves, made.operands, strict=True)}
    compiled = sd.compile(sd.Function("f", leaves, output), optimize=level)
    backward = module(compiled, "backward")
    kept = [a.copy() for a in made.operands]
    with np.errstate(all="ignore"):
        value = module(compiled, "forward").forward(*made.operands)
        again, residuals = backward.forward_with_residuals(*made.operands)
        gradient = backward.backward(residuals, 1.0)
    wanted, *slopes = run([output, *sd.vjp(output, leaves, 1.0)], feed)
    close(value, wanted, 1e-12, f"forward\n{made}")
    close(again, wanted, 1e-12, f"forward_with_residuals\n{made}")
    scale = 1 + max(float(np.max(np.abs(g), initial=0)) for g in slopes)
    for found, right, a, before in zip(
        gradient, slopes, made.operands, kept, strict=True
    ):
        close(found / scale, right / scale, 1e-12, f"backward\n{made}")
        np.testing.assert_array_equal(a, before, err_msg=f"an operand\n{made}")
    _check_slope(made, gradient)
    if second:
        _check_product(made, leaves, output, feed, level)


def _check_slope(made: Program, gradient: Any) -> None:
    """The gradient of the text along a direction, against a complex step in NumPy."""
    rng = np.random.default_rng(1)
    ts = [rng.normal(size=a.shape) for a in made.operands]
    moved = [a + 1j * STEP * t for a, t in zip(made.operands, ts, strict=True)]
    wanted = np.imag(made.run(Complex(), moved)) / STEP
    terms = [np.sum(g * t) for g, t in zip(gradient, ts, strict=True)]
    scale = 1 + sum(np.sum(np.abs(g * t)) for g, t in zip(gradient, ts, strict=True))
    close(sum(terms) / scale, wanted / scale, 1e-11, f"complex step\n{made}")


def _check_product(
    made: Program, leaves: Any, output: Any, feed: Any, level: int
) -> None:
    """The text of the Hessian-vector product against its graph."""
    rng = np.random.default_rng(2)
    tangents = [sd.input(f"t{i}", a.shape) for i, a in enumerate(made.operands)]
    ts = [rng.normal(size=a.shape) for a in made.operands]
    products = sd.hvp(output, leaves, tangents)
    function = sd.Function("h", [*leaves, *tangents], products)
    compiled = sd.compile(function, optimize=level, only=("forward",))
    with np.errstate(all="ignore"):
        found = module(compiled, "forward").forward(*made.operands, *ts)
    found = list(found) if len(products) > 1 else [found]
    feed = feed | {x.node: t for x, t in zip(tangents, ts, strict=True)}
    wanted = run(products, feed)
    scale = 1 + max(float(np.max(np.abs(h), initial=0)) for h in wanted)
    for a, b in zip(found, wanted, strict=True):
        close(a / scale, b / scale, 1e-11, f"Hessian-vector product\n{made}")


def sweep(count: int, first: int) -> list[tuple[int, str]]:
    """Return the seeds of programs whose text is wrong, and what is."""
    failed = []
    for seed in range(first, first + count):
        numbers = np.random.default_rng([7, seed]).integers(0, 1 << 16, size=60)
        try:
            check(program(numbers.tolist()), LEVELS[seed % 4], second=seed % 3 == 0)
        except Exception as error:
            failed.append((seed, f"{type(error).__name__}: {error}"))
    return failed


def test_some_programs() -> None:
    failed = sweep(60, 0)
    assert not failed, failed[0]


@pytest.mark.slow
def test_sweep_of_generated_code() -> None:
    """A larger sweep; SYMDIFF_SWEEP and SYMDIFF_SWEEP_SEED say of what."""
    count = int(os.environ.get("SYMDIFF_SWEEP", "800"))
    failed = sweep(count, int(os.environ.get("SYMDIFF_SWEEP_SEED", "1000")))
    print(f"{count} programs, {len(failed)} whose text is wrong")
    assert not failed, failed[0]
