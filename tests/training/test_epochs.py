"""n calls of `fit` with one epoch are one call with n, to the last bit.

The class: whatever an epoch's number decides (the order of rows, the batches of a
function, what is reported, checkpoints) and whatever the number of steps decides (the
draws, schedules), split over calls in every way.
"""

import numpy as np
import pytest
from generated import beside

import symdiff as sd

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
SPLITS = [(5,), (1, 1, 1, 1, 1), (2, 3), (4, 1), (0, 3, 0, 2)]


@pytest.fixture(scope="module")
def train():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", n)
    h = sd.nn.dropout(sd.nn.dense(x, 6, "tanh", name="a"), 0.3)
    z = sd.nn.dense(h, 1, name="b")[:, 0]
    rate = sd.optim.schedules.cosine(0.05, steps=20)
    optimizer = sd.optim.Adam(rate, ema=0.9)
    model = sd.Model("m", [x], [y], z, sd.nn.mse(z, y), optimizer=optimizer)
    return sd.compile(model).load().train


def rows(seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=(11, 4)), "y": rng.normal(size=11)}


def batches(epoch):
    yield from (rows(100 * epoch + i) for i in range(3))


def run(train, split, data=None, **settings):
    state = train.init_state(train.init_params(0, np.float64), 7)
    history, seen = [], []
    for epochs in split:
        history += train.fit(
            state,
            rows() if data is None else data,
            epochs=epochs,
            batch_size=4,
            seed=3,
            callback=lambda epoch, step, *_: seen.append((epoch, step)),
            **settings,
        )
    return state, history, seen


@pytest.mark.parametrize("split", SPLITS[1:], ids=str)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"validation": rows(1)},
        {"data": batches},
        {"planned": False},
        {"shuffle": False},
        {"plateau": {"factor": 0.5, "patience": 9}, "monitor": "loss"},
    ],
    ids=["plain", "validation", "batches", "readable", "in order", "plateau"],
)
def test_epochs_one_by_one_are_epochs_at_once(train, split, settings):
    (one, told, seen), (many, told_too, seen_too) = (
        run(train, s, **settings) for s in (SPLITS[0], split)
    )
    assert told == told_too
    assert [r["epoch"] for r in told] == list(range(5))
    assert seen == seen_too
    np.testing.assert_array_equal(one.flat_params, many.flat_params)
    for name, slot in one.flat_slots.items():
        np.testing.assert_array_equal(slot, many.flat_slots[name])
    assert (one.step, one.epoch, one.hyper) == (many.step, many.epoch, many.hyper)


def test_every_epoch_has_an_order_of_its_own(train):
    orders = []
    state = train.init_state(train.init_params(0, np.float64))

    def noted(epoch):
        batches_ = beside(train, "_fit")._batches(rows(), 4, [3, epoch], True)[1]
        orders.append(np.concatenate([batch[1] for batch in batches_]).tolist())
        return []

    for _ in range(3):
        noted(state.epoch)
        train.fit(state, rows(), epochs=1, batch_size=4, seed=3)
    assert len({tuple(order) for order in orders}) == 3


def test_a_checkpoint_goes_on_with_the_count(train):
    whole = run(train, (5,))[0]
    state, history, _ = run(train, (2,))
    train.save_checkpoint("c.npz", state)
    other = train.init_state(train.init_params(9, np.float64))
    train.load_checkpoint("c.npz", other)
    assert other.epoch == 2
    history += train.fit(other, rows(), epochs=3, batch_size=4, seed=3)
    np.testing.assert_array_equal(other.flat_params, whole.flat_params)
    assert [r["epoch"] for r in history] == list(range(5))


def test_a_checkpointed_run_after_others_goes_on_to_its_own_end(train):
    """A script of two calls, the second killed after an epoch and run again."""

    def script(killed):
        state = run(train, (2,))[0]
        stop = (lambda record: record["epoch"] == 2) if killed else None
        settings = {"epochs": 3, "batch_size": 4, "seed": 3, "checkpoint": "c.npz"}
        return state, train.fit(state, rows(), after_epoch=stop, **settings)

    script(killed=True)
    state, history = script(killed=False)
    assert [r["epoch"] for r in history] == [2, 3, 4]
    np.testing.assert_array_equal(state.flat_params, run(train, (5,))[0].flat_params)


def test_calls_with_one_checkpoint_go_on_one_after_the_other(train):
    state = train.init_state(train.init_params(0, np.float64), 7)
    for _ in range(5):
        settings = {"epochs": 1, "batch_size": 4, "seed": 3, "checkpoint": "c.npz"}
        history = train.fit(state, rows(), **settings)
    assert [r["epoch"] for r in history] == list(range(5))
    np.testing.assert_array_equal(state.flat_params, run(train, (5,))[0].flat_params)
