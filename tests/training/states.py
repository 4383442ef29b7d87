"""States amid training: of one model with each optimiser, and whether two are equal."""

import numpy as np

import symdiff as sd

optim, schedules = sd.optim, sd.optim.schedules
N = sd.dim("N")
X = np.random.default_rng(0).normal(size=(8, 4))
T = np.random.default_rng(1).normal(size=(8, 4))
OPTIMIZERS = {
    "sgd": lambda: optim.SGD(0.1),
    "momentum": lambda: optim.Momentum(0.1, weight_decay=0.1),
    "adam": lambda: optim.Adam(0.01, ema=0.9, clip_norm=1.0),
    "amsgrad": lambda: optim.AMSGrad(schedules.cosine(0.01, 50)),
    "rmsprop": lambda: optim.RMSprop(0.01, momentum=0.9, centered=True),
    "adadelta": lambda: optim.Adadelta(),
    "lion": lambda: optim.Lion(0.01),
    "groups": lambda: optim.Adam(groups={"*.b": {"lr": 0.1}}, ema=0.5),
    "frozen": lambda: optim.Adam(frozen="a.W", clip_norm=0.5, ema=0.9),
    "bounded": lambda: optim.Momentum(0.1, max_norm=1.0),
}


def model(optimizer):
    x, t = sd.input("x", (N, 4)), sd.input("t", (N, 4))
    h = sd.nn.batch_norm(sd.nn.dense(x, 4, "tanh", name="a"), name="n")
    z = sd.nn.dense(h, 4, name="b") * sd.param("scale", (), init=1.0)
    return sd.Model("m", [x], [t], z, sd.nn.mse(z, t), optimizer=optimizer)


COMPILED = {}


def module_of(name, single=False):
    """Return the training functions of a model, compiled once."""
    if (name, single) not in COMPILED:
        options = {"single_file": single, "planned": "exact"}
        made = sd.compile(model(OPTIMIZERS[name]()), **options).load()
        COMPILED[name, single] = made if single else made.train
    return COMPILED[name, single]


def started(train, kind="float64", steps=2):
    """Return a state amid training, so that its slots hold something."""
    state = train.init_state(train.init_params(0, kind), 0)
    train_on(train, state, {}, steps)
    return state


def train_on(train, state, how, steps=3):
    kind = state.flat_params.dtype
    batch = [a.astype(kind) for a in (X, T)]
    return [train.train_step(state, *batch, **how) for _ in range(steps)]


def same_state(one, other):
    for where in ("params", "grads"):
        same_arrays(getattr(one, where), getattr(other, where))
    assert one.slots.keys() == other.slots.keys()
    for slot, arrays in one.slots.items():
        same_arrays(arrays, other.slots[slot])
    np.testing.assert_array_equal(one.flat_params, other.flat_params)
    np.testing.assert_array_equal(one.flat_grads, other.flat_grads)


def same_arrays(ours, theirs):
    assert [*ours] == [*theirs]  # in one order: a checkpoint has the same bytes
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
