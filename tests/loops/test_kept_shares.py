"""The softmax of a step is stacked in place of its operand, not computed again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdiff as sd

T, K = sd.dim("T"), 3
STEPS: dict[str, Any] = {
    "logsumexp": lambda a, e, A: e + sd.logsumexp(a[:, None] + A, axis=0),
    "softmax": lambda a, e, A: sd.softmax(a + e) @ A,
    "log_softmax": lambda a, e, A: sd.log_softmax(a @ A + e),
    "both": lambda a, e, A: sd.logsumexp(a[:, None] + A, axis=0) * sd.softmax(a) + e,
}


def _loss(step: Any, e: Any, A: Any) -> sd.Tensor:
    last, _ = sd.scan(lambda a, e_t: (step(a, e_t, A), None), e[0], e[1:])
    return sd.logsumexp(last)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("steps", [2, 3, 6])
def test_gradients_of_both_orders_are_those_of_the_unrolled_loop(
    name: str, steps: int
) -> None:
    step = STEPS[name]
    rng = np.random.default_rng(steps)
    at = {"e": rng.normal(size=(steps, K)), "A": rng.normal(size=(K, K))}
    at["e"][0, 0] = -np.inf if name == "logsumexp" else 0.5
    found = []
    for unrolled in (False, True):
        e, A = sd.input("e", (steps, K)), sd.input("A", (K, K))
        if unrolled:
            a = e[0]
            for t in range(1, steps):
                a = step(a, e[t], A)
            loss = sd.logsumexp(a)
        else:
            loss = _loss(step, e, A)
        first = sd.grad(loss, A)
        second = sd.grad(sd.sum(first * np.arange(9.0).reshape(3, 3)), [e, A])
        function = sd.Function("f", [e, A], [sd.grad(loss, e), first, *second])
        compiled = sd.compile(function).load().forward.forward(at["e"], at["A"])
        found.append(compiled)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_backward_loop_of_a_chain_takes_no_exponentials() -> None:
    e, A = sd.input("e", (T, K)), sd.param("A", (K, K))
    loss = _loss(STEPS["logsumexp"], e, A)
    text = sd.compile(sd.Function("chain", [e, A], loss))["backward"]
    loop = text[text.index("in reversed(range(") :]
    assert "np.exp" not in loop
    assert "p_steps" in text
    value = sd.compile(sd.Function("value", [e, A], loss))["forward"]
    assert "p_steps" not in value  # a forward pass alone stacks nothing
