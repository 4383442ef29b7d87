"""Plans of networks over images: every value lies in the order of what it comes from.

Convolutions lay the batch out last, and so do pooling, relu and all their gradients.
Planned steps are compared with the readable ones to the last bit, with memory full of
NaN, for windows that leave pixels out and for axes of length 1.
"""

from __future__ import annotations

import importlib
import threading
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from outform_checks import check
from planned_runs import allocated
from sample_checks import leaf

import symdiff as sd
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions

N = sd.dim("N")
SHAPES = [(2, 4, 6, 3), (1, 2, 2, 4), (3, 5, 5, 1), (1, 2, 4, 1), (2, 7, 2, 2)]
POOLS = [{"window": 2}, {"window": (2, 1)}, {"window": 3, "stride": 2, "padding": 1}]
POOLS += [{"window": (1, 2), "dilation": (1, 1)}, {"window": 2, "stride": 1}]


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("width", [np.float32, np.float64])
def test_pools_of_turned_images(shape: Any, pool: Any, width: Any) -> None:
    """Images whose batch comes last in memory: bits and layouts with ``out=``."""
    image = leaf("image", shape)  # channels, rows, columns, batch
    images = sd.transpose(image, (3, 0, 1, 2))
    top = sd.max_pool2d(sd.nn.relu(images), **pool)
    seed = leaf("seed", top.shape)
    roots = [top, *sd.vjp([top], [image], [seed])]
    rng = np.random.default_rng(1)
    feed = {t.node: rng.integers(-2, 4, t.shape).astype(width) for t in (image, seed)}
    assert check(rewrite(roots, expansions()), feed, width, f"{shape} {pool}")


def network(side: int, stride: int, pool: int) -> sd.Model:
    """Two convolutions, each with relu and a pool; a dense layer."""
    x = sd.input("x", (N, 2, side, side))
    y = sd.input("y", (N,), dtype="int64", high=3)
    h = sd.nn.conv2d(x, 4, 3, padding=1, activation="relu", name="first")
    h = sd.max_pool2d(h, pool)
    h = sd.nn.conv2d(h, 3, 3, stride=stride, padding=1, activation="relu", name="next")
    h = sd.max_pool2d(h, 2)
    z = sd.nn.dense(sd.nn.flatten(h), 3, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model("net", [x], [y], z, loss=loss, optimizer=sd.optim.Adam(0.01))


@cache
def _loaded(side: int, stride: int, pool: int) -> Any:
    return sd.compile(network(side, stride, pool), planned="exact").load()


def _state(package: Any, width: Any) -> Any:
    params = package.init_params(0)
    return package.init_state({k: v.astype(width) for k, v in params.items()})


def _batch(rows: int, side: int, width: Any, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (rows, 2, side, side)).astype(width)  # with ties
    return x, rng.integers(0, 3, rows)


def _poison(state: Any) -> None:
    for plan in (p for p in state._plans.values() if hasattr(p, "_fields")):
        for name, array in plan._asdict().items():  # not its numbers and constants
            if name.startswith(("work", "mask")):
                array.fill(np.nan if array.dtype.kind == "f" else True)


SIZES = [(8, 1, 2), (4, 1, 2), (9, 2, 2), (12, 1, 3)]


@pytest.mark.parametrize("width", [np.float32, np.float64])
@pytest.mark.parametrize(("side", "stride", "pool"), SIZES)
def test_steps_are_equal_to_the_bit(
    side: int, stride: int, pool: int, width: Any
) -> None:
    """For several batch sizes in turn, arguments in several orders, read-only."""
    package = _loaded(side, stride, pool)
    train = importlib.import_module(f"{package.__name__}.train")
    state = _state(package, width)
    for rows in (3, 1, 3, 17):
        x, y = _batch(rows, side, width, rows)
        turned = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
        turned.flags.writeable = False
        for given in (x, turned, np.repeat(x, 2, axis=0)[::2]):
            _poison(state)
            loss, expected = package.value_and_grad(state.params, given, y)
            found = train.train_step(state, given, y)
            assert found["loss"] == float(loss)
            for name, gradient in expected.items():
                assert np.array_equal(state.grads[name], gradient), name


def test_two_states_in_two_threads() -> None:
    """Plans belong to states: two trainings at once do not disturb each other."""
    package, batch = _loaded(8, 1, 2), _batch(16, 8, np.float32)
    alone = _state(package, np.float32)
    states = [_state(package, np.float32) for _ in range(2)]

    def run(state: Any) -> None:
        for _ in range(20):
            package.train_step(state, *batch)

    run(alone)
    threads = [threading.Thread(target=run, args=(s,)) for s in states]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for state in states:
        for name, value in alone.params.items():
            assert np.array_equal(state.params[name], value)


def test_a_step_allocates_no_image() -> None:
    """What a step allocates does not grow with the batch, but for NumPy's casts."""
    package = _loaded(8, 1, 2)
    most = []
    for rows in (512, 2048):
        state, batch = _state(package, np.float32), _batch(rows, 8, np.float32)
        step = partial(package.train_step, state, *batch)
        step()
        most.append(allocated(step))
    assert most[1] - most[0] < 24 * 1536  # one image of a channel is 256 bytes
