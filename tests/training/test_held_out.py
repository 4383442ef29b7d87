"""Held-out rows that come in batches, against all of them at once.

The class: losses and metrics of many forms, in batches of many sizes, some of them with
nothing that counts. What is reported of batches is what `evaluate` finds of all rows,
to rounding, or a warning says that it is not, and why.
"""

import warnings

import numpy as np
import pytest
from row_losses import ENTROPY, EQUAL, LABELS, METRICS, ROW, N, W, X, Y, Z
from training_runs import train as trained

import symdiff as sd

SIZES = [(6, 4), (7, 3), (8, 1), (9, 9), (5, 2)]


def penalised():
    return sd.nn.l2(sd.params(Z, "*.W"))


# What only inference can tell: in training each of these takes rows together, or draws.
BY_INFERENCE = {
    "batch norm": lambda: ENTROPY(sd.nn.batch_norm(Z, name="bn"), Y, ignore_index=-1),
    "dropout": lambda: ENTROPY(sd.nn.dropout(Z, 0.5), LABELS, sample_weights=W),
    "weights by mode": lambda: (
        sd.sum(sd.by_mode(train=W, infer=W**2) * ROW)
        / sd.sum(sd.by_mode(train=W, infer=W**2))
    ),
    "another sum by mode": lambda: sd.by_mode(
        train=sd.mean(ROW), infer=sd.sum(W * ROW) / sd.sum(W)
    ),
}
MIXED = {
    "root of a mean": (lambda: sd.sqrt(sd.mean(ROW)), "together (`sqrt`)"),
    "spread": (lambda: sd.var(Z), "takes rows of a batch together"),
    "sum and penalty": (
        lambda: ENTROPY(Z, LABELS, "sum") + penalised(),
        "as a penalty; take a mean over rows instead",
    ),
    "two divisors": (
        lambda: sd.mean(ROW) + sd.sum(W * ROW) / sd.sum(W),
        "divide by different sums",
    ),
    "guarded by hand": (
        lambda: sd.sum(W * ROW) / sd.maximum(sd.sum(W), 1.0),
        "takes rows of a batch together",
    ),
}


def compiled(loss, metrics=METRICS, rate=0.0):
    model = sd.Model(
        "m", [X], [Y, W], Z, loss, metrics=metrics, optimizer=sd.optim.SGD(rate)
    )
    return sd.compile(model).load().train


def data(rows):
    rng = np.random.default_rng(rows)
    y = rng.integers(0, 3, rows)
    y[: rows // 2] = -1  # whole batches, where these are small
    w = rng.random(rows)
    w[-1] = 0
    return {"x": rng.normal(size=(rows, 4)), "y": y, "w": w}


def batches_of(rows, size):
    """Return a function to batches, the last of which may be smaller."""
    count = len(rows["y"])
    return lambda epoch: (
        {name: a[i : i + size] for name, a in rows.items()}
        for i in range(0, count, size)
    )


def fitted(train, rows, size, **how):
    state = train.init_state(train.init_params(1, np.float64), 5)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unmoved")
        return train.fit(state, rows, epochs=1, batch_size=size, **how)[0], state


def assert_same(found, wanted):
    for name, value in wanted.items():
        np.testing.assert_allclose(
            found[f"val_{name}"], value, rtol=1e-12, atol=1e-14, err_msg=name
        )


pytestmark = pytest.mark.filterwarnings("ignore:invalid value")  # of weights of 0
KNOWN = {n: METRICS[n] for n in METRICS if n != "rmse"}
MEANS = {n: METRICS[n] for n in ("accuracy", "weighted")}
ALL = {**EQUAL, **BY_INFERENCE}


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_batches_tell_what_all_rows_tell(make):
    train = compiled(make(), KNOWN, rate=0.1)
    for count, size in SIZES:
        rows = data(count)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            record, state = fitted(train, rows, 9, validation=batches_of(rows, size))
        assert_same(record, train.evaluate(state.params, **rows))


@pytest.mark.parametrize(("make", "why"), MIXED.values(), ids=MIXED)
def test_what_batches_do_not_tell_is_said_with_the_reason(make, why):
    train = compiled(make(), KNOWN)
    rows = data(7)
    with pytest.warns(UserWarning, match="val_loss is the mean over") as said:
        record, state = fitted(train, rows, 7, validation=batches_of(rows, 3))
    (told,) = [str(w.message) for w in said if "val_" in str(w.message)]
    assert why in told
    parts = list(batches_of(rows, 3)(0))
    losses = [train.evaluate(state.params, **part)["loss"] for part in parts]
    sizes = [len(part["y"]) for part in parts]
    np.testing.assert_allclose(record["val_loss"], np.average(losses, weights=sizes))
    found = train.evaluate(state.params, **rows)
    assert_same(record, {name: found[name] for name in KNOWN})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        record, state = fitted(train, rows, 7, validation=rows)
    assert_same(record, train.evaluate(state.params, **rows))


def test_metrics_that_batches_do_not_tell_are_said_by_name():
    train = compiled(EQUAL["ignored labels"]())
    with pytest.warns(UserWarning, match=r"val_rmse is the mean over .*`sqrt`"):
        fitted(train, data(7), 7, validation=batches_of(data(7), 3))


def test_an_epoch_s_means_are_those_of_its_rows_too():
    """Where nothing moves, the steps of an epoch make up what all rows tell."""
    for name in ("mean", "ignored labels", "row weights", "weights and ignored"):
        train = compiled(EQUAL[name](), MEANS)
        for count, size in SIZES:
            rows = data(count)
            rows["w"] += 0.1  # no step divides by nothing
            record, _ = fitted(train, rows, size, validation=rows, shuffle=False)
            np.testing.assert_allclose(record["loss"], record["val_loss"], rtol=1e-12)
            found = record["weighted"], record["val_weighted"]
            np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_step_that_divides_by_nothing_shows_in_its_epoch():
    train = compiled(EQUAL["weights by hand"](), MEANS)
    rows = data(6)
    rows["w"][:3] = 0
    with np.errstate(invalid="ignore"):
        record, _ = fitted(train, rows, 3, shuffle=False)
    assert np.isnan(record["loss"])


def test_rows_of_which_none_counts_tell_what_evaluate_tells():
    for name in ("ignored labels", "ignored, and penalty", "weights by hand"):
        train = compiled(EQUAL[name](), MEANS)
        rows = data(6)
        rows["y"][:], rows["w"][:] = -1, 0
        with np.errstate(invalid="ignore"):
            record, state = fitted(train, data(6), 6, validation=batches_of(rows, 4))
            assert_same(record, train.evaluate(state.params, **rows))


def test_tokens_count_and_not_sequences():
    t = sd.dim("T")
    tokens, following = (
        sd.input(name, (N, t), "int64", low=-1, high=5)
        for name in ("tokens", "following")
    )
    h = sd.nn.embedding(sd.where(tokens < 0, 0, tokens), 5, 4, name="words")
    z = sd.nn.dense(h, 5, name="out")
    loss = ENTROPY(z, following, ignore_index=-1)
    hits = sd.cast(sd.argmax(z, axis=-1) == following, "float")
    metrics = {"hits": sd.mean(hits, where=following >= 0), "every": sd.mean(hits)}
    adam = sd.optim.Adam()
    model = sd.Model(
        "m", [tokens], [following], z, loss, metrics=metrics, optimizer=adam
    )
    train = sd.compile(model).load().train
    rng = np.random.default_rng(0)
    rows = {name: rng.integers(-1, 5, (9, 6)) for name in ("tokens", "following")}
    for i in range(9):
        rows["following"][i, i // 2 :] = -1

    def batches(epoch):
        for i in range(0, 9, 2):
            yield {name: a[i : i + 2] for name, a in rows.items()}

    state = train.init_state(train.init_params(1, np.float64))
    record = train.fit(state, rows, epochs=1, validation=batches)[0]
    assert_same(record, train.evaluate(state.params, **rows))


def test_draws_of_batches_are_as_good_as_those_of_all_rows():
    x = sd.input("x", (N, 3))
    noise = sd.random.normal((N, 3))
    z = sd.nn.dense(x + noise, 2, name="o")
    model = sd.Model("m", [x], [], z, sd.mean(z**2), optimizer=sd.optim.SGD(0.1))
    train = sd.compile(model).load().train
    assert not hasattr(train, "MIXED")


def test_files_that_are_read_in_batches_are_held_out_alike(in_an_empty_folder):
    """More rows than are read at a time, with labels that count at the end only."""
    spec = """
import symdiff as sd
N = sd.dim("N")
x, y = sd.input("x", (N, 4)), sd.input("y", N, "int64", low=-1, high=3)
z = sd.nn.dense(x, 3, name="out")
model = sd.Model("small", [x], [y], z,
                 sd.nn.softmax_cross_entropy(z, y, ignore_index=-1),
                 metrics={"spread": sd.std(z)}, optimizer=sd.optim.SGD(0.1))
training = sd.Training(epochs=1, batch_size=2000, validation_split=0.5)
"""
    rng = np.random.default_rng(0)
    rows = {"x": rng.normal(size=(4000, 4)), "y": rng.integers(-1, 3, 4000)}
    rows["y"][:3000] = -1
    for name, array in rows.items():
        np.save(f"{name}.npy", array)
    np.savez("all.npz", **rows)
    told = [trained("--data", *given, text=spec) for given in FILES]
    lines = [[s for s in t.splitlines() if s.startswith("held out")] for t in told]
    losses = [line[0].split()[4].rstrip(",") for line in lines]
    assert losses[0] == losses[1]
    assert "spread is a mean over batches, not of all rows: it takes rows" in told[1]
    assert "not of all rows" not in told[0]


FILES = (["all.npz"], ["x.npy", "--data", "y.npy"])


IMAGES = sd.reshape(X, (N, 1, 2, 2))
SEQUENCES = sd.reshape(X, (N, 2, 2))
LAYERS = {
    "convolution": lambda: sd.nn.conv2d(IMAGES, 2, 3, padding=1, name="c"),
    "strides": lambda: sd.nn.conv2d(IMAGES, 2, 2, stride=2, name="c"),
    "pooling": lambda: sd.nn.max_pool2d(
        sd.nn.conv2d(IMAGES, 2, 1, name="c"), 3, 1, padding=1
    ),
    "averages": lambda: sd.nn.avg_pool2d(sd.nn.conv2d(IMAGES, 2, 1, name="c"), 2),
    "group norm": lambda: sd.nn.group_norm(
        sd.nn.conv2d(IMAGES, 2, 1, name="c"), 2, name="n"
    ),
    "recurrence": lambda: sd.nn.gru(SEQUENCES, 3, name="r"),
    "attention": lambda: sd.nn.multi_head_attention(SEQUENCES, 2, name="a"),
    "embedding": lambda: sd.nn.embedding(LABELS, 3, 4, name="e"),
    "slope": lambda: sd.grad(sd.sum(sd.nn.dense(X, 3, "tanh", name="d") ** 2), X),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_layers_leave_rows_apart(make):
    """No warning of an ordinary model, and the same number."""
    h = make()
    h = sd.reshape(h[0] if isinstance(h, tuple) else h, (N, -1))
    loss = ENTROPY(sd.nn.dense(h, 3, name="out"), Y, ignore_index=-1)
    metrics = {"weighted": sd.sum(W * sd.sum(h**2, axis=1)) / sd.sum(W)}
    model = sd.Model(
        "m", [X, Y, W], [], h, loss, metrics=metrics, optimizer=sd.optim.SGD(0.1)
    )
    train = sd.compile(model).load().train
    assert not hasattr(train, "MIXED")
    rows = data(7)
    rows["w"] += 0.1
    record, state = fitted(train, rows, 7, validation=batches_of(rows, 3))
    assert_same(record, train.evaluate(state.params, **rows))
