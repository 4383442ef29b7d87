"""Batch norm in training over one value per channel: an error that names the layer.

There the normalised values are 0 whatever the parameters, so every gradient below is 0
and the running variance only shrinks. The class: each way to one value, through each
door to a training step. In prediction one row is as good as many.
"""

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")


def compiled(shape=(N, 4), axis=-1, level=2):
    x = sd.input("x", shape)
    h = sd.nn.batch_norm(x, axis=axis, name="first")
    z = sd.sum(sd.param("w", (), init="ones") * h, axis=tuple(range(1, h.ndim)))
    y = sd.input("y", N)
    loss = sd.nn.mse(z, y)
    model = sd.Model("m", [x], [y], z, loss, optimizer=sd.optim.SGD(0.1))
    return sd.compile(model, optimize=level).load()


def rows(shape):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=shape), "y": rng.normal(size=shape[0])}


def doors(module, data):
    train = module.train

    def state():
        return train.init_state(train.init_params(0, np.float64))

    return {
        "step": lambda: train.train_step(state(), **data),
        "readable": lambda: train.train_step(state(), **data, planned=False),
        "value_and_grad": lambda: module.value_and_grad(state().params, **data),
        "fit": lambda: train.fit(state(), data),
        "batches": lambda: train.fit(state(), lambda epoch: [data]),
    }


@pytest.mark.parametrize(
    "door", ["step", "readable", "value_and_grad", "fit", "batches"]
)
@pytest.mark.parametrize(
    ("shape", "axis", "one", "two"),
    [
        ((N, 4), -1, (1, 4), (2, 4)),
        ((N, 3, sd.dim("H"), sd.dim("W")), 1, (1, 3, 1, 1), (1, 3, 1, 2)),
        ((N, sd.dim("T"), 3), -1, (1, 1, 3), (1, 2, 3)),
    ],
    ids=["rows", "images", "sequences"],
)
def test_one_value_per_channel_is_an_error_in_training(shape, axis, one, two, door):
    module = compiled(shape, axis)
    with pytest.raises(ValueError, match=r"batch_norm first.* needs .*2") as caught:
        doors(module, rows(one))[door]()
    assert "train" in str(caught.value)
    doors(module, rows(two))[door]()


def test_one_row_can_be_predicted_and_evaluated():
    module = compiled()
    params = module.init_params(0, np.float64)
    module.predict(params, rows((1, 4))["x"])
    module.evaluate(params, **rows((1, 4)))


def test_a_last_batch_of_one_row_is_told_before_the_first_step():
    module = compiled()
    state = module.init_state(module.init_params(0, np.float64))
    with pytest.raises(
        ValueError, match="9 rows by 4 leave 1 for the last batch, but batch_norm"
    ):
        module.fit(state, rows((9, 4)), batch_size=4)
    assert state.step == 0
    module.fit(state, rows((9, 4)), batch_size=3, epochs=1)
    module.fit(state, rows((10, 4)), batch_size=4, epochs=1)


def test_a_declared_batch_of_one_is_told_at_the_declaration():
    with pytest.raises(sd.ShapeError, match=r"'first' .* has one value per channel"):
        sd.nn.batch_norm(sd.input("x", (1, 4)), name="first")


@pytest.mark.parametrize("level", [0, 1])
def test_every_level_says_so(level):
    module = compiled(level=level)
    with pytest.raises(ValueError, match="batch_norm first"):
        module.value_and_grad(module.init_params(0, np.float64), **rows((1, 4)))
