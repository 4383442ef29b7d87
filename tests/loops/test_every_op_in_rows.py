"""Every op inside a loop over rows, with its gradient there and through the loop.

What an op's text does to the arrays that it makes, such as to write through a view of
them, must hold too where a loop stores the result. Generated code is compared with the
interpreter, which prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sample_checks import as_list, forward_ops, leaf_like, varied
from samples import SAMPLES, Sample, draw

import symdiff as sd

ROWS = 3
PARTS = 24


def one_for_each_op() -> list[Sample]:
    """Return samples in which an op occurs that occurs in none before."""
    seen: set[str] = set()
    found = []
    for sample in SAMPLES:
        ops = forward_ops(sample)
        if sample.differentiable and not ops <= seen:
            seen |= ops
            found.append(sample)
    return found


def in_rows(sample: Sample) -> tuple[list[Any], list[Any], list[Any]] | None:
    """Return inputs, their values, and results of a loop over the first operand."""
    draws = [draw(sample, seed) for seed in range(ROWS)]
    values = list(draws[0])
    floats = varied(values)
    if not floats:
        return None
    first = floats[0]
    leaves = [leaf_like(f"x{i}", a) for i, a in enumerate(values)]
    values[first] = np.stack([d[first] for d in draws])
    leaves[first] = leaf_like("rows", values[first])

    def turn(row: Any) -> Any:
        results = as_list(sample.build([*leaves[:first], row, *leaves[first + 1 :]]))
        total: Any = 0.0
        for result in results:
            if isinstance(result, sd.Tensor) and result.dtype.is_float:
                total = total + sd.sum(result * weights(result))
        return sd.grad(total**2, row)

    slopes = sd.map(turn, leaves[first])
    outer = sd.grad(sd.sum(slopes * weights(slopes)), leaves[first])
    return leaves, values, [slopes, outer] if sample.second else [slopes]


def weights(result: Any) -> Any:
    size = int(np.prod(result.shape, dtype=int))
    return np.cos(np.arange(1.0, size + 1)).reshape(result.shape)


def compare(sample: Sample, inputs: Sequence[Any], values: Any, results: Any) -> None:
    arguments = [(x, v) for x, v in zip(inputs, values, strict=True)]
    given = [(x, v) for x, v in arguments if isinstance(x, sd.Tensor)]
    with np.errstate(all="ignore"):
        expected = sd.interpret(results, dict(given))
        function = sd.Function("rows", [x for x, _ in given], results)
        module = sd.compile(function, only=("forward",)).load()
        found = as_list(module.forward(*(v for _, v in given)))
    for mine, theirs in zip(found, expected, strict=True):
        scale = np.max(np.abs(theirs), initial=1.0, where=np.isfinite(theirs))
        np.testing.assert_allclose(
            mine, theirs, rtol=1e-9, atol=1e-9 * scale, err_msg=sample.id
        )


CHOSEN = one_for_each_op()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")
def test_rows_of_gradients_are_what_the_interpreter_computes(part: int) -> None:
    compared = 0
    for sample in CHOSEN[part::PARTS]:
        made = in_rows(sample)
        if made is not None:
            compare(sample, *made)
            compared += 1
    assert compared
