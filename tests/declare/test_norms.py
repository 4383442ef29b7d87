"""Normalisations equal PyTorch's; batch norm keeps its statistics by itself."""

import importlib

import numpy as np
import pytest
from layer_checks import WIDTHS, against_torch, declared

import symdiff as sd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)) * 3 + 1
IMAGES = RNG.normal(size=(3, 4, 5, 2)) * 2 - 1
G, B = RNG.normal(size=(2, 4))


def f(torch):
    return torch.nn.functional


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("array", [X, IMAGES], ids=["rows", "images"])
def test_batch_norm_equals_torch_in_training(array, width):
    against_torch(
        lambda x: sd.nn.batch_norm(x, axis=1),
        lambda t, x, batch_norm_gamma, batch_norm_beta: f(t).batch_norm(
            x, None, None, batch_norm_gamma, batch_norm_beta, training=True
        ),
        [array],
        {"batch_norm.gamma": G, "batch_norm.beta": B},
        width,
        mode="train",
    )


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("axes", [(-1,), (1, 2, 3)], ids=str)
def test_layer_norm_equals_torch(axes, width):
    shape = tuple(IMAGES.shape[a] for a in axes)
    against_torch(
        lambda x: sd.nn.layer_norm(x, axis=axes, name="n"),
        lambda t, x, n_gamma, n_beta: f(t).layer_norm(x, shape, n_gamma, n_beta),
        [IMAGES],
        {"n.gamma": RNG.normal(size=shape), "n.beta": RNG.normal(size=shape)},
        width,
    )


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_rms_norm_equals_torch(width):
    against_torch(
        lambda x: sd.nn.rms_norm(x, eps=1e-5),
        lambda t, x, rms_norm_gamma: f(t).rms_norm(x, (4,), rms_norm_gamma, eps=1e-5),
        [X],
        {"rms_norm.gamma": G},
        width,
    )


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_equals_torch(groups, width):
    against_torch(
        lambda x: sd.nn.group_norm(x, groups, name="n"),
        lambda t, x, n_gamma, n_beta: f(t).group_norm(x, groups, n_gamma, n_beta),
        [IMAGES],
        {"n.gamma": G, "n.beta": B},
        width,
    )


def test_without_scale_and_shift_nothing_is_declared():
    (x,) = declared([X])
    y = sd.nn.layer_norm(x, affine=False)
    assert sd.params(y) == []
    found = sd.interpret(y, {x: X})
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(found.var(-1), 1, rtol=1e-4)


def normed(name="bn"):
    """Two norms, so that the second's statistics depend on the first's."""
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", (n, 2))
    h = sd.nn.batch_norm(sd.nn.dense(x, 3, name="a"), name="first")
    h = sd.nn.dropout(sd.tanh(h), 0.25)
    z = sd.nn.batch_norm(sd.nn.dense(h, 2, name="b"), momentum=0.3, name="second")
    return sd.Model(
        name, [x], [y], z, sd.nn.mse(z, y), optimizer=sd.optim.Momentum(0.05)
    )


def test_a_model_finds_the_updates_of_its_layers():
    model = normed()
    assert [t.name for t in model.updates] == [
        "first.mean",
        "first.variance",
        "second.mean",
        "second.variance",
    ]
    assert list(model.states) == [t.name for t in model.updates]
    (x,) = declared([X])
    plain = sd.Model("p", [x], outputs=sd.nn.batch_norm(x))
    assert not plain.updates
    assert len(plain.states) == 2


@pytest.mark.oracle
@pytest.mark.parametrize("planned", [False, True], ids=["readable", "planned"])
@pytest.mark.parametrize("width", WIDTHS)
def test_running_statistics_equal_torch_after_steps_and_in_prediction(width, planned):
    """Three steps of a module that was generated, beside torch.nn.BatchNorm1d."""
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", (n, 4))
    z = sd.nn.batch_norm(x, momentum=0.3)
    model = sd.Model("m", [x], [y], z, sd.nn.mse(z, y), optimizer=sd.optim.SGD(0.1))
    made = sd.compile(model).load()
    train = importlib.import_module(f"{made.__name__}.train")
    state = train.init_state(train.init_params(0, width))
    other = torch.nn.BatchNorm1d(4, momentum=0.3, dtype=getattr(torch, width))
    descent = torch.optim.SGD(other.parameters(), lr=0.1)
    target = RNG.normal(size=(6, 4)).astype(width)
    limit = 1e-12 if width == "float64" else 1e-5
    for step in range(3):
        batch = (X * (step + 1) + step).astype(width)
        found = train.train_step(state, batch, target, planned=planned)
        loss = ((other(torch.tensor(batch)) - torch.tensor(target)) ** 2).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
        np.testing.assert_allclose(found["loss"], loss.item(), rtol=limit)
        pairs = (("mean", other.running_mean), ("variance", other.running_var))
        for name, theirs in pairs:
            mine = state.params[f"batch_norm.{name}"]
            assert mine.dtype == width
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=limit, atol=limit)
    other.eval()
    forward = importlib.import_module(f"{made.__name__}.forward").forward
    mine = forward(state.params, X.astype(width))
    theirs = other(torch.tensor(X.astype(width))).detach().numpy()
    np.testing.assert_allclose(mine, theirs, rtol=10 * limit, atol=10 * limit)


def test_planned_equals_readable_and_gradients_check():
    compiled = sd.compile(normed(), check=True, planned="exact")
    made = compiled.load()
    train = importlib.import_module(f"{made.__name__}.train")
    states = [train.init_state(train.init_params(0)) for _ in range(2)]
    x = X.astype("float32")
    y = RNG.normal(size=(6, 2)).astype("float32")
    for _ in range(5):
        for state, planned in zip(states, (False, True), strict=True):
            train.train_step(state, x, y, planned=planned)
    for name in states[0].params:
        np.testing.assert_array_equal(states[0].params[name], states[1].params[name])


def test_what_the_user_gives_as_an_update_counts():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", (n, 4))
    z = sd.nn.batch_norm(x)
    mean = next(t for t in sd.Model("m", [x], outputs=z).states.values())
    model = sd.Model("m", [x], [y], z, sd.nn.mse(z, y), updates={mean: mean * 0.5})
    (new,) = [v for k, v in model.updates.items() if k.node is mean.node]
    assert new.node is (mean * 0.5).node
    assert len(model.updates) == 2


def test_a_step_needs_two_rows_whatever_updates_the_user_gives():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", (n, 4))
    with sd.scope("block"):
        z = sd.nn.batch_norm(x)
    states = sd.Model("m", [x], outputs=z).states.values()
    updates = {s: s * 0.5 for s in states}
    model = sd.Model("m", [x], [y], z, sd.nn.mse(z, y), updates=updates)
    made = sd.compile(model).load()
    params = {name: np.ones(4) for name in (*model.params, *model.states)}
    with pytest.raises(ValueError, match=r"batch_norm block\.batch_norm, in training"):
        made.value_and_grad(params, X[:1], X[:1])


@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")
def test_a_state_has_one_next_value():
    x = sd.input("x", (3,))
    s, w = sd.state("s", (3,)), sd.param("w", (3,))
    a, b = sd.update_state(x, s, x * w), sd.update_state(x, s, x + w)
    loss = sd.sum(a * b * w)
    with pytest.raises(sd.DeclarationError, match="two next values"):
        sd.Model("m", [x], outputs=x * w, loss=loss)
    same = sd.update_state(x, s, x * w)
    model = sd.Model("m", [x], outputs=x * w, loss=sd.sum(same * a * w))
    assert len(model.updates) == 1
    gradient = sd.grad(sd.sum(a), [x, w])  # the next value is no part of the value
    found = sd.interpret(gradient, {x: np.ones(3), s: np.ones(3), w: np.ones(3)})
    np.testing.assert_array_equal(found, [np.ones(3), np.zeros(3)])


def test_an_update_inside_a_loop_is_refused():
    n = sd.dim("N")
    x, y = sd.input("x", (5, n, 4)), sd.input("y", (n, 4))

    def body(h, row):
        return sd.nn.batch_norm(h + row), None

    h, _ = sd.scan(body, sd.zeros((n, 4)), x)
    with pytest.raises(sd.DeclarationError, match="in the body of a loop"):
        sd.Model("m", [x], [y], h, sd.nn.mse(h, y))


BAD = {
    "momentum": lambda x: sd.nn.batch_norm(x, momentum=2.0),
    "symbolic channels": lambda x: sd.nn.batch_norm(x, axis=0),
    "groups": lambda x: sd.nn.group_norm(x, 3),
    "inner axis": lambda x: sd.nn.layer_norm(x, axis=1),
    "eps": lambda x: sd.nn.rms_norm(x, eps=-1.0),
    "no state": lambda x: sd.update_state(x, x, x),
    "shape": lambda x: sd.update_state(x, sd.state("s", (3,)), sd.zeros((4,))),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(*declared([IMAGES]))
    assert __file__ in str(caught.value)
