"""Batches in which nothing counts add nothing to what an epoch tells.

The class: results that divide by weights, by a mask or by labels that count, in batches
some of which have none of them; each way to form means of batches. Random rows, against
means that are formed here of what the steps return.
"""

import math
import warnings
from itertools import product

import numpy as np
import pytest
from row_losses import ENTROPY, LABELS, ROW, W, X, Y, Z

import symdiff as sd

GOOD = sd.cast(Y >= 0, "float")
# By name: the metric, and what it divides by.
METRICS = {
    "masked": (sd.sum(GOOD * ROW) / sd.sum(GOOD), lambda b: (b["y"] >= 0).sum()),
    "where": (sd.mean(ROW, where=Y >= 0), lambda b: (b["y"] >= 0).sum()),
    "weighted": (sd.sum(W * ROW) / sd.sum(W), lambda b: b["w"].sum()),
    "weighted by means": (sd.mean(W * ROW) / sd.mean(W), lambda b: b["w"].sum()),
    "by mode": (
        sd.sum(sd.by_mode(train=W, infer=W**2) * ROW)
        / sd.sum(sd.by_mode(train=W, infer=W**2)),
        lambda b: b["w"].sum(),
    ),
    "weighed in inference": (
        sd.by_mode(train=sd.mean(ROW), infer=sd.sum(W * ROW) / sd.sum(W)),
        lambda b: len(b["w"]),
    ),
    "plain": (sd.mean(ROW), lambda b: len(b["w"])),
    "sum": (sd.sum(ROW), lambda b: len(b["w"])),
}
LOSSES = {
    "mean": (lambda: ENTROPY(Z, LABELS), lambda b: len(b["w"])),
    "ignored labels": (
        lambda: ENTROPY(Z, Y, ignore_index=-1),
        lambda b: (b["y"] >= 0).sum(),
    ),
    "guarded": (
        lambda: sd.where(sd.sum(W) > 0, sd.sum(W * ROW) / sd.sum(W), 0.0),
        lambda b: len(b["w"]),
    ),
    "dropout": (
        lambda: ENTROPY(sd.nn.dropout(Z, 0.5), LABELS),
        lambda b: len(b["w"]),
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore:invalid value", "ignore:unmoved")


def compiled(loss, metrics=tuple(METRICS), rate=0.1):
    given = {name: METRICS[name][0] for name in metrics}
    sgd = sd.optim.SGD(rate)
    return sd.compile(sd.Model("m", [X], [Y, W], Z, loss, metrics=given, optimizer=sgd))


def random_batches(rng, count=6):
    """Return batches of several sizes; in some no row counts, in one way or another."""
    for kind in rng.permutation([0, 1, 2, 3, *rng.integers(0, 4, count - 4)]):
        rows = int(rng.integers(1, 5))
        y, w = rng.integers(-1, 3, rows), rng.random(rows) * rng.integers(0, 2, rows)
        if kind & 1:
            y[:] = -1
        if kind & 2:
            w[:] = 0
        elif not w.any():
            w[0] = 1
        yield {"x": rng.normal(size=(rows, 4)), "y": y, "w": w}


def mean(values, weights):
    """Return the mean of what has a weight; of nothing that has one, the last value."""
    pairs = [(v, w) for v, w in zip(values, weights, strict=True) if w]
    if not pairs:
        return values[-1]
    return sum(v * w for v, w in pairs) / sum(w for _, w in pairs)


def fitted(train, batches, rate_seed=5, **how):
    """Return an epoch's record, what its steps found, and the state after it."""
    state = train.init_state(train.init_params(1, np.float64), rate_seed)
    found = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "val_")
        (record,) = train.fit(
            state,
            lambda epoch: batches,
            epochs=1,
            callback=lambda epoch, step, steps, told: found.append(dict(told)),
            **how,
        )
    return record, found, state


CASES = [
    (name, k, planned)
    for name, k, planned in product(LOSSES, (1, 2, 3), (False, True))
    if k == 1 or name not in ("dropout", "guarded")  # which have no parts
]


@pytest.fixture(scope="module")
def modules():
    return {name: compiled(make()).load().train for name, (make, _) in LOSSES.items()}


@pytest.mark.parametrize(("name", "accumulate", "planned"), CASES)
def test_an_epoch_is_the_mean_of_what_counts(modules, name, accumulate, planned):
    train, divides = modules[name], {"loss": LOSSES[name][1]}
    divides |= {n: by for n, (_, by) in METRICS.items()}
    for seed in range(8):
        batches = list(random_batches(np.random.default_rng(seed)))
        how = {"accumulate": accumulate, "planned": planned}
        record, steps, _ = fitted(train, batches, **how)
        assert list(record) == ["epoch", "loss", *METRICS]
        for told, by in divides.items():
            weights = [by(b) for b in batches]
            wanted = mean([found[told] for found in steps], weights)
            np.testing.assert_allclose(record[told], wanted, 1e-12, err_msg=told)
            assert math.isfinite(record[told])


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_parts_in_which_nothing_counts_change_no_step(modules, accumulate):
    """A batch in parts finds what it finds as a whole, also where a part has none."""
    for name in ("mean", "ignored labels"):
        train = modules[name]
        for seed in range(8):
            batches = list(random_batches(np.random.default_rng(seed)))
            joined = {n: np.concatenate([b[n] for b in batches]) for n in batches[0]}
            whole = fitted(train, [joined])
            parts = fitted(train, [joined], accumulate=accumulate)
            for n, value in whole[0].items():
                np.testing.assert_allclose(parts[0][n], value, 1e-9, err_msg=n)
            assert np.isfinite(parts[2].flat_params).all()
            np.testing.assert_allclose(
                parts[2].flat_params, whole[2].flat_params, 1e-9, 1e-12
            )


def test_held_out_and_trained_batches_tell_the_same():
    """Where nothing moves, and training computes what inference does."""
    names = ["masked", "where", "weighted", "plain"]
    for loss in ("mean", "ignored labels"):
        train = compiled(LOSSES[loss][0](), names, rate=0.0).load().train
        for seed in range(8):
            batches = list(random_batches(np.random.default_rng(seed)))
            record, _, _ = fitted(train, batches, validation=lambda epoch, b=batches: b)
            for name in ("loss", *names):
                both = record[name], record[f"val_{name}"]
                np.testing.assert_allclose(*both, 1e-12, err_msg=name)


def test_an_epoch_in_which_nothing_counts_tells_what_its_steps_tell(modules):
    for seed in range(4):
        batches = list(random_batches(np.random.default_rng(seed)))
        for b in batches:
            b["y"][:], b["w"][:] = -1, 0
        record, steps, _ = fitted(modules["mean"], batches)
        assert list(record) == ["epoch", "loss", *METRICS]
        for name in ("masked", "where", "weighted", "by mode"):
            np.testing.assert_equal(record[name], steps[-1][name])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_what_counts_and_is_nan_stays_nan(modules, accumulate):
    """Of a row with a weight; it is in no other result's way."""
    batches = list(random_batches(np.random.default_rng(0)))
    counts = next(i for i, b in enumerate(batches) if b["w"].any())
    metrics = {
        "own": sd.sum(W * sd.log(X[:, 0] - 5)) / sd.sum(W),
        "other": METRICS["weighted"][0],
    }
    model = sd.Model(
        "m", [X], [Y, W], Z, ENTROPY(Z, LABELS), metrics=metrics,
        optimizer=sd.optim.SGD(0.1),
    )  # fmt: skip
    train = sd.compile(model).load().train
    for i, b in enumerate(batches):
        b["x"][:, 0] = 4.0 if i == counts or not b["w"].any() else 6.0
    record, _, _ = fitted(train, batches, accumulate=accumulate)
    assert math.isnan(record["own"])
    assert math.isfinite(record["other"])
    batches[counts]["w"][:] = 0
    record, _, _ = fitted(train, batches, accumulate=accumulate)
    assert math.isfinite(record["own"])


@pytest.mark.parametrize("planned", [False, True])
def test_a_loss_of_nothing_that_leaves_no_number_is_told(planned):
    """It weighs nothing, but its gradient has made the parameters nan."""
    loss = sd.sum(W * ROW) / sd.sum(W)
    train = compiled(loss, ("masked",)).load().train
    for seed in range(8):
        batches = list(random_batches(np.random.default_rng(seed)))
        record, _, state = fitted(train, batches, planned=planned)
        assert not np.isfinite(state.flat_params).all()
        assert not math.isfinite(record["loss"])
        kept = [b for b in batches if b["w"].any()]
        record, _, state = fitted(train, kept, planned=planned)
        assert np.isfinite(state.flat_params).all()
        assert math.isfinite(record["loss"])
