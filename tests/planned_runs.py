"""Runs of planned steps over memory full of NaN, against the readable ones.

In: a loss over parameters. Out: nothing, or an assertion. Invariant: results are equal
to the last bit or within the bound, and no argument or parameter is written.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from generated import names_of

import symdiff as sd

Texts = tuple[dict[str, Any], dict[str, Any]]


def compiled(loss: Any, planned: str = "exact") -> Texts:
    """Return backward.py and _planned.py of a model with this loss."""
    x = sd.input("x", (sd.dim("N"),))
    model = sd.Model("tape", [x], [], x, loss=loss, optimizer=sd.optim.SGD())
    found = sd.compile(model, planned=planned)
    return names_of(found["backward"]), names_of(found["_planned"])


def poisoned(plan: Any) -> None:
    """Fill a plan's memory with NaN, but for its constants and ranges."""
    for name, array in plan._asdict().items():
        if name.startswith(("work", "mask", "ints")):
            array.fill(np.nan if array.dtype.kind == "f" else 7)


def check_bits(texts: Texts, arrays: Mapping[str, Any]) -> None:
    """Loss and gradients in both widths, twice, over memory full of NaN."""
    backward, planned = texts
    for dtype in (np.float64, np.float32):
        params = {k: np.asarray(arrays[k]).astype(dtype) for k in backward["PARAMS"]}
        kept = {k: a.copy() for k, a in params.items()}
        for a in params.values():
            a.flags.writeable = False
        x = np.zeros(2, dtype)
        with np.errstate(all="ignore"):
            loss, wanted = backward["value_and_grad"](params, x)
            plan = planned["make_plan"]({"N": 2}, dtype)
            grads = {k: np.full_like(a, np.nan) for k, a in params.items()}
            for _ in range(2):
                poisoned(plan)
                found = planned["compute_grads"](plan, params, grads, x)
                assert np.array_equal(found["loss"], float(loss), equal_nan=True)
                for k, gradient in grads.items():
                    assert np.array_equal(gradient, wanted[k], equal_nan=True), k
        for k, a in params.items():
            assert np.array_equal(a, kept[k], equal_nan=True), "a parameter was written"


def check_near(texts: Texts, arrays: Mapping[str, Any]) -> None:
    """Loss and gradients in float64, over memory full of NaN, within the bound.

    As verify has it: a share of the largest entry of all gradients. What is not finite
    is not compared, for sums reach infinity in another order.
    """
    backward, planned = texts
    params = {k: np.asarray(arrays[k], float) for k in backward["PARAMS"]}
    x = np.zeros(2)
    with np.errstate(all="ignore"):
        loss, wanted = backward["value_and_grad"](params, x)
        plan = planned["make_plan"]({"N": 2}, np.dtype(float))
        grads = {k: np.full_like(a, np.nan) for k, a in params.items()}
        for _ in range(2):
            poisoned(plan)
            found = planned["compute_grads"](plan, params, grads, x)
    finite = [k for k, a in wanted.items() if np.isfinite(a).all()]
    bound = planned["BOUND"]["float64"]
    largest = max((np.abs(wanted[k]).max(initial=0) for k in finite), default=0)
    for k in finite:
        worst = np.abs(grads[k] - wanted[k]).max(initial=0)
        assert worst <= bound * max(largest, 1e-3), k
    if np.isfinite(loss):
        assert abs(found["loss"] - loss) <= bound * max(abs(loss), 1)


def allocated(step: Callable[[], Any]) -> int:
    """Return the most bytes that are new at once in a step; others came before it."""
    step()
    tracemalloc.start()
    step()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most
