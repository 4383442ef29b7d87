"""Loops and branches against JAX: values, gradients and Hessian products."""

from __future__ import annotations

from typing import Any

import pytest
from loop_checks import built, derivatives, flat, near, weighted
from loop_programs import BY_ID
from loop_systems import Jax

import symdiff as sd

CHOSEN = [n for n, p in BY_ID.items() if p.jax]


@pytest.fixture(scope="module")
def jax() -> Any:
    return pytest.importorskip("jax", reason="JAX is the oracle: extra [oracles]")


@pytest.mark.oracle
@pytest.mark.parametrize("name", CHOSEN)
def test_jax_agrees(name: str, jax: Any) -> None:
    loop = BY_ID[name]
    b = built(loop)
    xp = Jax()

    def loss(*arrays: Any) -> Any:
        return weighted(xp, flat(loop.run(xp, *arrays)))

    gradient = jax.value_and_grad(loss, tuple(range(len(b.values))))
    arrays = tuple(jax.numpy.asarray(v) for v in b.values)
    moves = tuple(jax.numpy.asarray(m) for m in b.moves[0])
    everything = jax.jit(lambda at, by: jax.jvp(gradient, at, by))  # compiled once
    (value, first), (_, second) = everything(arrays, moves)
    got = sd.interpret(sd.grad(b.loss, b.leaves), b.feed())
    near(sd.interpret(b.loss, b.feed()), value, 1e-11, f"{name}: value")
    for a, w in zip(got, first, strict=True):
        near(a, w, 1e-10, f"{name}: gradient")
    got = sd.interpret(derivatives(b)["rev"], b.feed()) if loop.orders > 1 else []
    for a, w in zip(got, second if loop.orders > 1 else [], strict=True):
        near(a, w, 1e-9, f"{name}: Hessian product")


def test_the_oracle_covers_most_programs() -> None:
    assert len(CHOSEN) > 25
