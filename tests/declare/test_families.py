"""A generated package for each family of models checks itself, trains, predicts."""

import importlib

import numpy as np
import pytest

import symdiff as sd

RNG = np.random.default_rng(0)
nn, optim = sd.nn, sd.optim


def cnn():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 1, 8, 8)), sd.input("y", n, "int64", low=0, high=3)
    h = nn.conv2d(x, 4, 3, padding="same", activation="relu", name="first")
    h = nn.max_pool2d(nn.batch_norm(h, axis=1), 2)
    h = nn.residual(h, lambda h: nn.conv2d(h, 4, 3, padding=1, name="second"))
    h = nn.hard_swish(nn.group_norm(h, 2))
    z = nn.dense(nn.flatten(h), 3, name="out")
    loss = nn.softmax_cross_entropy(
        z, y, label_smoothing=0.1, class_weights=[1.0, 2.0, 0.5]
    )
    metrics = {"accuracy": nn.accuracy(z, y)}
    data = (RNG.normal(size=(6, 1, 8, 8)), RNG.integers(0, 3, 6))
    return sd.Model("cnn", [x], [y], z, loss, metrics, optim.Adam(0.01)), data


def signal():
    n, t = sd.dim("N"), sd.dim("T")
    x, y = sd.input("x", (n, 2, t)), sd.input("y", (n, 3), low=0, high=1.5)
    h = nn.conv1d(x, 4, 3, activation="gelu", padding="same", name="first")
    z = nn.dense(nn.global_avg_pool(nn.avg_pool1d(h, 2)), 3, name="out")
    loss = nn.sigmoid_cross_entropy(z, y, positive_weight=2.0, label_smoothing=0.1)
    data = (RNG.normal(size=(5, 2, 9)), (RNG.uniform(size=(5, 3)) > 0.5) * 1.0)
    return sd.Model("signals", [x], [y], z, loss, optimizer=optim.RMSprop()), data


def polynomial():
    n = sd.dim("N")
    x, y, w = sd.input("x", (n, 2)), sd.input("y", n), sd.input("w", n, low=0.1, high=2)
    z = nn.dense(nn.polynomial_features(x, 3), 1)[:, 0]
    loss = nn.huber(z, y, delta=0.5, sample_weights=w)
    loss = loss + nn.elastic_net(sd.params(z, "*.W"), l1=1e-3, l2=1e-3)
    data = (RNG.normal(size=(9, 2)), RNG.normal(size=9), RNG.uniform(0.1, 2, 9))
    optimizer = optim.Momentum(0.01)
    return sd.Model("polynomial", [x], [y, w], z, loss, optimizer=optimizer), data


def counts():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", (n, 1), low=0, high=9)
    z = nn.dense(nn.feature_map(x, lambda v: v, sd.tanh), 1)
    data = (RNG.normal(size=(9, 4)), RNG.integers(0, 5, (9, 1)) * 1.0)
    loss = nn.poisson(z, y, full=True)
    return sd.Model("counts", [x], [y], sd.exp(z), loss, optimizer=optim.SGD()), data


def perceptron():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", n, "int64", low=0, high=3)
    h = nn.maxout(nn.dense(x, 8, name="a"), 2)
    h = nn.dropout(nn.prelu(h), 0.3, inverted=False)
    h = nn.dense(h, 5, "selu", name="b")
    z = nn.dense(nn.elu(h), 3, name="c")
    loss = nn.hinge(z, y, squared=True)
    data = (RNG.normal(size=(9, 4)), RNG.integers(0, 3, 9))
    optimizer = optim.Nesterov(0.01, max_norm={"*.W": 2.0})
    return sd.Model("perceptron", [x], [y], z, loss, optimizer=optimizer), data


def autoencoder():
    n = sd.dim("N")
    x = sd.input("x", (n, 4), low=0.1, high=0.9)
    h = nn.dense(x, 6, "silu", name="encoder")
    mean, spread = nn.dense(h, 2, name="mean"), nn.dense(h, 2, name="log_variance")
    noise = sd.random.normal((n, 2))
    code = sd.by_mode(train=mean + sd.exp(spread / 2) * noise, infer=mean)
    z = nn.dense(nn.dense(code, 6, "softplus", name="decoder"), 4, name="out")
    loss = nn.sigmoid_cross_entropy(z, x) + 0.1 * nn.kl_normal(mean, spread)
    data = (RNG.uniform(0.1, 0.9, size=(7, 4)),)
    out = sd.sigmoid(z)
    return sd.Model("vae", [x], [], out, loss, optimizer=optim.NAdam()), data


def triplets():
    n = sd.dim("N")
    parts = [sd.input(k, (n, 4)) for k in "apn"]
    w = sd.param("W", (4, 3), init="orthogonal")
    codes = [sd.tanh(x @ w) for x in parts]
    loss = nn.triplet(*codes, margin=0.5) + 0.1 * nn.cosine(codes[0], codes[1])
    data = tuple(RNG.normal(size=(3, 7, 4)))
    model = sd.Model("triplets", parts, [], codes, loss, optimizer=optim.AdaGrad(0.1))
    return model, data


FAMILIES = [cnn, signal, polynomial, counts, perceptron, autoencoder, triplets]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_a_package_checks_itself_and_learns(family):
    model, data = family()
    made = sd.compile(model, check=True, planned="exact").load()
    train = importlib.import_module(f"{made.__name__}.train")
    states = [train.init_state(train.init_params(0)) for _ in range(2)]
    batch = [a.astype("float32") if a.dtype.kind == "f" else a for a in data]
    losses = []
    for _ in range(30):
        for state, planned in zip(states, (False, True), strict=True):
            found = train.train_step(state, *batch, planned=planned)
        losses.append(found["loss"])
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    for name, array in states[0].params.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, states[1].params[name])
    forward = importlib.import_module(f"{made.__name__}.forward").forward
    found = forward(states[0].params, *batch[: len(model.inputs)])
    for value in found if isinstance(found, tuple) else (found,):
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
