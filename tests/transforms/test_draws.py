"""Numbers drawn while a function is traced: refused where they can be seen."""

from __future__ import annotations

import datetime
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable
from random import gauss
from time import perf_counter as clock
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.0, 2.0, 3.0])
OUTSIDE = np.random.default_rng(0)
LEGACY = np.random.RandomState(0)
PYTHONS = random.Random(0)


def helper() -> Any:
    return np.random.default_rng().normal(size=3)


def imported_inside() -> float:
    import random as own

    return own.SystemRandom().random()


DRAWS: dict[str, Callable[[], Any]] = {
    "np.random": lambda: np.random.normal(size=3),
    "np.random.rand": lambda: np.random.rand(3),
    "a generator made here": lambda: np.random.default_rng().normal(size=3),
    "in a helper": helper,
    "a state made here": lambda: np.random.RandomState().normal(size=3),
    "bits made here": lambda: np.random.Generator(np.random.PCG64()).normal(size=3),
    "a seed made here": lambda: float(np.random.SeedSequence().entropy % 10**9),
    "a generator outside": lambda: OUTSIDE.normal(size=3),
    "a state outside": lambda: LEGACY.normal(size=3),
    "random.random": lambda: random.random(),
    "random.choice": lambda: random.choice([float(i) for i in range(100000)]),
    "random.gauss": lambda: random.gauss(0, 1),
    "a function of random": lambda: gauss(0, 1),
    "random.Random": lambda: random.Random().random(),
    "random.Random outside": lambda: PYTHONS.random(),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "imported inside": imported_inside,
    "secrets": lambda: secrets.randbelow(10**12) / 1e12,
    "os.urandom": lambda: int.from_bytes(os.urandom(4), "little") / 1e9,
    "uuid": lambda: uuid.uuid4().int / 2**128,
    "time.time": lambda: time.time(),
    "time.perf_counter": lambda: time.perf_counter(),
    "a clock by another name": lambda: clock(),
    "datetime": lambda: datetime.datetime.now().microsecond + 0.5 * clock(),
}  # fmt: skip
STEADY: dict[str, Callable[[], Any]] = {
    "a seeded generator": lambda: np.random.default_rng(7).normal(size=3),
    "a seeded state": lambda: np.random.RandomState(7).normal(size=3),
    "a seeded random.Random": lambda: random.Random(7).random(),
    "a clock that is not used": lambda: time.time() * 0 + 2.0,
    "a name alone": lambda: float(len("random")),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("transform", ["jit", "grad", "trace"])
def test_what_differs_from_call_to_call_is_refused(draw: str, transform: str) -> None:
    numbers = DRAWS[draw]

    def f(x: Any) -> Any:
        return np.sum(x * numbers())

    with pytest.raises(sd.TracingError, match=r"(?i)draw|random|numbers"):
        traced(transform, f)


def traced(transform: str, f: Any) -> Any:
    if transform == "trace":
        return sd.trace(f, (3,))
    return getattr(T, transform)(f)(X)


@pytest.mark.parametrize("transform", ["jit", "grad", "trace"])
@pytest.mark.parametrize("draw", STEADY)
def test_what_is_the_same_at_every_call_stays(draw: str, transform: str) -> None:
    numbers = STEADY[draw]

    def f(x: Any) -> Any:
        return np.sum(x * numbers())

    found = traced(transform, f)
    if transform == "jit":
        np.testing.assert_allclose(found, f(X))
    if transform == "grad":
        np.testing.assert_allclose(found, numbers() * np.ones(3))


def test_keyed_draws_of_ours_stay_where_they_are_allowed() -> None:
    def f(x: Any) -> Any:
        started = time.time()
        assert started > 0
        return np.sum(x * sd.random.normal((3,)))

    made = sd.trace(f, (3,))
    assert sd.compile(made).load().forward.forward(X, key=1) is not None


def test_a_loop_is_the_same_when_it_is_traced_again() -> None:
    def f(x: Any) -> Any:
        started = time.time()
        total = sd.scan(lambda carry, row: (carry + row, None), 0.0, x)[0]
        return total * (started > 0)

    np.testing.assert_allclose(T.grad(f)(X), np.ones(3))
