"""Gradients of random programs, against complex steps and against JAX."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_namespaces import Complex, Jax, Symbolic, Torch
from random_programs import Program, program
from sample_checks import close, leaf, run, slope

from symdiff.ops.core.operands import API

TAPES = st.lists(st.integers(0, (1 << 16) - 1), min_size=40, max_size=60)
RELAXED = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}
STEP = 1e-30


def check(made: Program, *, second: bool = True) -> None:
    """Value, vjp and jvp against a complex step; the gradient's slope if ``second``."""
    leaves = [leaf(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    output = made.run(Symbolic(), leaves)
    assert output.shape == ()
    rng = np.random.default_rng(0)
    ts = [rng.normal(size=a.shape) for a in made.operands]
    exact = made.run(
        Complex(), [a + 1j * STEP * t for a, t in zip(made.operands, ts, strict=True)]
    )
    tangents = [leaf(f"t{i}", a.shape) for i, a in enumerate(made.operands)]
    gradient = API["vjp"](output, leaves, 1.0)
    pushed = API["jvp"](output, leaves, tangents)
    feed: Any = {x.node: a for x, a in zip(leaves, made.operands, strict=True)}
    feed |= {x.node: t for x, t in zip(tangents, ts, strict=True)}
    value, moved, *pulled = run([output, pushed, *gradient], feed)
    close(value, np.real(exact), 1e-11, f"value\n{made}")
    wanted = np.imag(exact) / STEP
    close(moved, wanted, 1e-9, f"jvp\n{made}")
    found = sum(np.sum(g * t) for g, t in zip(pulled, ts, strict=True))
    scale = 1 + sum(np.sum(np.abs(g * t)) for g, t in zip(pulled, ts, strict=True))
    close(found / scale, wanted / scale, 1e-11, f"vjp\n{made}")
    if second:
        _check_second(made, leaves, gradient, tangents, feed, ts)


def _check_second(
    made: Program, leaves: Any, gradient: Any, tangents: Any, feed: Any, ts: Any
) -> None:
    """Forward and reverse over reverse against the slope of the gradient."""
    forward = API["jvp"](gradient, leaves, tangents)
    reverse = API["vjp"](gradient, leaves, tangents)
    found = run([*forward, *reverse], feed)
    over, back = found[: len(leaves)], found[len(leaves) :]
    scale = 1 + max(float(np.max(np.abs(h), initial=0)) for h in over)
    for a, b in zip(over, back, strict=True):
        close(a / scale, b / scale, 1e-9, f"symmetry of the Hessian\n{made}")

    def at(h: float) -> list[Any]:
        pairs = zip(leaves, made.operands, ts, strict=True)
        return run(gradient, feed | {x.node: a + h * t for x, a, t in pairs})

    steps = [slope(at, 1e-4), slope(at, 0.7e-4)]
    for a, near, far in zip(over, *steps, strict=True):
        trusted = np.abs(near - far) <= 1e-5 * scale  # no kink in between
        close(
            np.where(trusted, a, 0) / scale,
            np.where(trusted, near, 0) / scale,
            1e-4,
            f"slope of the gradient\n{made}",
        )


@settings(max_examples=500, **RELAXED)
@given(TAPES)
def test_against_complex_step(numbers: list[int]) -> None:
    check(program(numbers), second=False)


@settings(max_examples=200, **RELAXED)
@given(TAPES)
def test_second_order(numbers: list[int]) -> None:
    check(program(numbers))


def _gradient(made: Program) -> list[Any]:
    """Return symdiff's gradient."""
    leaves = [leaf(f"v{i}", a.shape) for i, a in enumerate(made.operands)]
    gradient = API["vjp"](made.run(Symbolic(), leaves), leaves, 1.0)
    return run(
        gradient, {x.node: a for x, a in zip(leaves, made.operands, strict=True)}
    )


@pytest.mark.oracle
def test_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: [oracles]")
    xp = Torch()

    @settings(max_examples=200, **RELAXED)
    @given(TAPES)
    def agree(numbers: list[int]) -> None:
        made = program(numbers)
        given_ = [torch.tensor(a, requires_grad=True) for a in made.operands]
        output = made.run(xp, given_)
        wanted = [None] * len(given_)
        if output.requires_grad:
            wanted = torch.autograd.grad(output, given_, allow_unused=True)
        for a, b in zip(_gradient(made), wanted, strict=True):
            close(a, np.zeros_like(a) if b is None else b.numpy(), 1e-9, repr(made))

    agree()


@pytest.mark.slow
@pytest.mark.oracle
def test_against_jax() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed: extra [oracles]")
    xp = Jax()

    @settings(max_examples=200, **RELAXED)
    @given(TAPES)
    def agree(numbers: list[int]) -> None:
        made = program(numbers)
        operands = [jax.numpy.asarray(a) for a in made.operands]
        wanted = jax.grad(lambda xs: made.run(xp, xs))(operands)
        for a, b in zip(_gradient(made), wanted, strict=True):
            close(a, np.asarray(b), 1e-9, repr(made))

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        agree()
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.slow
def test_sweep() -> None:
    """A larger sweep; SYMDIFF_SWEEP and SYMDIFF_SWEEP_SEED say of what."""
    count = int(os.environ.get("SYMDIFF_SWEEP", "4000"))
    rng = np.random.default_rng(int(os.environ.get("SYMDIFF_SWEEP_SEED", "0")))
    failed = []
    for seed in range(count):
        numbers = rng.integers(0, 1 << 16, size=60).tolist()
        try:
            check(program(numbers), second=seed % 10 == 0)
        except AssertionError as error:
            failed.append((numbers, str(error)))
    print(f"{count} programs, {len(failed)} mismatches")
    assert not failed, failed[0]
