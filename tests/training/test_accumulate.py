"""`fit(accumulate=k)` against one batch, for every kind of loss.

The class: losses and metrics of many forms, each split several ways, evenly and not. A
step in parts is the step of the whole batch to rounding, its report as well, or `fit`
refuses and says why. Nothing between the two.
"""

import numpy as np
import pytest
from row_losses import (
    ENTROPY,
    EQUAL,
    LABELS,
    METRICS,
    ROW,
    TARGET,
    N,
    W,
    X,
    Y,
    Z,
    penalty,
)

import symdiff as sd

REFUSED = {
    "batch norm": (
        lambda: ENTROPY(sd.nn.batch_norm(Z, name="bn"), LABELS),
        "move bn.mean, bn.variance by itself",
    ),
    "dropout": (lambda: ENTROPY(sd.nn.dropout(Z, 0.5), LABELS), "its draws"),
    "sum and penalty": (
        lambda: ENTROPY(Z, LABELS, "sum") + penalty(),
        "as a penalty; take a mean over rows instead",
    ),
    "two divisors": (
        lambda: sd.nn.mse(Z, TARGET) + ENTROPY(Z, LABELS, sample_weights=W),
        "divide by different sums",
    ),
    "root of a mean": (
        lambda: sd.sqrt(sd.mean(ROW)),
        r"`sqrt`, at test_accumulate.py:",
    ),
    "spread": (lambda: sd.var(Z), "takes rows of a batch together"),
    "weights of parameters": (
        lambda: sd.sum(sd.sigmoid(ROW) * ROW) / sd.sum(sd.sigmoid(ROW)),
        "`divide`",
    ),
    "all pairs": (lambda: sd.mean((Z @ Z.T) ** 2), "takes rows of a batch together"),
}


def compiled(loss, metrics=METRICS):
    model = sd.Model(
        "m",
        [X],
        [Y, W],
        Z,
        loss,
        metrics=metrics,
        optimizer=sd.optim.SGD(0.5, clip_norm=1.0),
    )
    return sd.compile(model).load().train


def data(rows, ignored):
    rng = np.random.default_rng(rows)
    y = rng.integers(0, 3, rows)
    y[:ignored] = -1  # a whole part, where it is many
    w = rng.random(rows)
    w[-1] = 0
    return {"x": rng.normal(size=(rows, 4)), "y": y, "w": w}


def after(train, rows, k, planned=True):
    state = train.init_state(train.init_params(1, np.float64), 5)
    history = train.fit(
        state, rows, epochs=2, batch_size=len(rows["y"]), accumulate=k, planned=planned
    )
    return state, history


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_parts_do_what_the_batch_does(make):
    train = compiled(make())
    for rows, k, ignored in [
        (6, 2, 0),
        (7, 3, 1),
        (8, 3, 4),
        (5, 5, 2),
        (3, 7, 1),
        (4, 2, 4),
    ]:
        given = data(rows, ignored)
        (one, told), (parts, told_too) = (after(train, given, n) for n in (1, k))
        for name, array in one.params.items():
            np.testing.assert_allclose(
                parts.params[name], array, rtol=1e-10, atol=1e-12
            )
        for a, b in zip(told, told_too, strict=True):
            assert a.keys() == b.keys()
            np.testing.assert_allclose(
                list(b.values()), list(a.values()), rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_what_parts_cannot_do_is_refused_with_the_reason(make, why):
    train = compiled(make())
    state = train.init_state(train.init_params(1, np.float64), 5)
    before = state.flat_params.copy()
    with pytest.raises(ValueError, match=why) as caught:
        train.fit(state, data(6, 0), accumulate=2)
    assert "accumulate" in str(caught.value)
    np.testing.assert_array_equal(state.flat_params, before)
    train.fit(state, data(6, 0), accumulate=1, epochs=1)


def test_a_loss_of_whole_sequences_is_divided_by_its_rows():
    t = sd.dim("T")
    tokens, following = (
        sd.input(name, (N, t), "int64", low=-1, high=5)
        for name in ("tokens", "following")
    )
    kept = sd.where(tokens < 0, 0, tokens)
    hidden = sd.nn.gru(sd.nn.embedding(kept, 5, 4, name="words"), 6, name="gru")
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    z = sd.nn.dense(hidden, 5, name="out")
    loss = ENTROPY(z, following, ignore_index=-1)
    model = sd.Model("m", [tokens], [following], z, loss, optimizer=sd.optim.SGD(0.5))
    train = sd.compile(model).load().train
    rng = np.random.default_rng(0)
    rows = {name: rng.integers(-1, 5, (7, 3)) for name in ("tokens", "following")}
    states = []
    for k in (1, 3):
        state = train.init_state(train.init_params(1, np.float64))
        train.fit(state, rows, epochs=2, batch_size=7, accumulate=k)
        states.append(state.flat_params)
    np.testing.assert_allclose(*states, rtol=1e-10, atol=1e-12)
