"""Generated models compute what `interpret` computes, draws, buffers and odd names
included.
"""

import numpy as np
import pytest

import symdiff as sd

RNG = np.random.default_rng(0)
N = sd.dim("N")


def check(model, arrays, key=None):
    """Compare value, gradients and prediction with interpret, in float64."""
    module = sd.compile(model, optimize=1).load()
    params = {k: RNG.normal(size=t.shape) for k, t in model.params.items()}
    at = {**params, **arrays}
    drawn = {} if key is None else {"key": key}
    leaves = list(model.params.values())

    loss = sd.resolve_mode(model.loss, "train")
    expected = sd.interpret([loss, *sd.grad(loss, leaves)], at, **drawn)
    found = module.value_and_grad(params, *arrays.values(), **drawn)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    assert list(found[1]) == list(model.params)
    for gradient, want in zip(found[1].values(), expected[1:], strict=True):
        np.testing.assert_allclose(gradient, want, rtol=1e-10, atol=1e-14)

    inputs = [arrays[t.name] for t in model.inputs]
    predicted = sd.interpret(sd.resolve_mode(model.outputs[0], "infer"), at)
    np.testing.assert_allclose(module.predict(params, *inputs), predicted, rtol=1e-12)


def test_dropout_draws_the_masks_of_its_key():
    x, y = sd.input("x", (N, 5)), sd.input("y", (N,), "int64", high=3)
    h = sd.nn.dropout(sd.nn.dense(x, 6, "relu", name="a"), 0.5)
    h = sd.nn.dropout(sd.nn.dense(h, 4, "tanh", name="b"), 0.3)
    z = sd.nn.dense(h, 3, name="out")
    model = sd.Model("dropped", x, [y], z, sd.nn.softmax_cross_entropy(z, y))
    arrays = {"x": RNG.normal(size=(7, 5)), "y": RNG.integers(0, 3, 7)}
    for key in (0, 1, -1, 2**70):
        check(model, arrays, key)


def test_random_normal_and_uniform_inside_a_model():
    x = sd.input("x", (N, 3))
    w = sd.param("w", (3,), init="ones")
    noise = sd.random.normal(x.shape, std=0.5)
    shift = sd.random.uniform((), -1, 1)
    z = (x + sd.by_mode(train=noise, infer=0)) @ w + sd.by_mode(train=shift, infer=0)
    model = sd.Model("noisy", x, outputs=z, loss=sd.mean(z**2))
    check(model, {"x": RNG.normal(size=(4, 3))}, key=3)


def test_names_may_be_anything_printable():
    names = ["; import os", "d_z", "params", "ﬁ", "fi", "key", "out.W", "out_W"]
    names += ["'\"", "np", "class", "file", "residuals", "d_loss", "N", "a b", "é"]
    x, y = sd.input("for", (N, 3)), sd.input("None", (N,))
    z = x @ sd.param("z", (3,))
    for name in names:
        z = z * sd.param(name, ()) + 1
    model = sd.Model("hostile", x, [y], z, sd.nn.mse(z, y))
    check(model, {"for": RNG.normal(size=(2, 3)), "None": RNG.normal(size=2)})


def test_a_state_is_updated_by_the_step_and_read_by_the_prediction():
    x = sd.input("x", (N, 3))
    w, mean = sd.param("w", (3,), init="ones"), sd.state("mean", (3,))
    z = (x - mean) @ w
    model = sd.Model(
        "tracking",
        x,
        outputs=z,
        loss=sd.mean(z**2),
        optimizer=sd.optim.SGD(0.1),
        updates={mean: 0.9 * mean + 0.1 * sd.mean(x, axis=0)},
    )
    module = sd.compile(model, optimize=1).load()
    params = module.init_params(0)
    state = module.init_state(params)
    at = RNG.normal(size=(4, 3)).astype(np.float32)
    module.train_step(state, at)
    np.testing.assert_allclose(state.params["mean"], 0.1 * at.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(params["mean"], 0)


@pytest.mark.parametrize(
    "loss", [sd.nn.hinge, sd.nn.softmax_cross_entropy], ids=["hinge", "cross_entropy"]
)
def test_the_losses_of_classifiers(loss):
    x, y = sd.input("x", (N, 4)), sd.input("y", (N,), "int64", high=3)
    z = sd.nn.dense(x, 3, name="scores")
    model = sd.Model(
        "classifier", x, [y], z, loss(z, y) + 0.01 * sd.nn.l2(sd.params(z))
    )
    check(model, {"x": RNG.normal(size=(6, 4)), "y": RNG.integers(0, 3, 6)})
    check(model, {"x": RNG.normal(size=(1, 4)), "y": np.array([2])})
