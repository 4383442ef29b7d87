"""What stands in `state.hyper` is what the next step uses, or the step refuses it.

The class: every way in which a dict takes values; names that the optimiser has not, and
such values as no hyperparameter can have. Numbers of NumPy do what Python's do.
"""

from fractions import Fraction

import numpy as np
import pytest

import symdiff as sd

N = sd.dim("N")
X = np.random.default_rng(0).normal(size=(6, 3))
T = np.random.default_rng(1).normal(size=(6, 2))
STEPS = {"planned": True, "readable": False}
NAMES = "lr, beta1, beta2, eps, ema"


@pytest.fixture(scope="module")
def train():
    x, t = sd.input("x", (N, 3)), sd.input("t", (N, 2))
    z = sd.nn.dense(x, 2, name="o")
    adam = sd.optim.Adam(0.1, ema=0.9)
    model = sd.Model("m", [x], [t], z, sd.nn.mse(z, t), optimizer=adam)
    return sd.compile(model, planned="exact").load().train


def fresh(train, kind="float64"):
    return train.init_state(train.init_params(0, kind))


def bound(state, values):
    state.hyper = {**state.hyper, **values}


def one_by_one(state, values):
    for name, value in values.items():
        state.hyper[name] = value


WAYS = {
    "item": one_by_one,
    "update": lambda state, values: state.hyper.update(values),
    "bound anew": bound,
}
UNKNOWN = ["learning_rate", "LR", "beta_1", "weight_decay", "clip_norm", ""]
NO_NUMBERS = [
    np.nan,
    np.inf,
    -np.inf,
    np.float32("nan"),
    "0.1",
    None,
    True,
    np.True_,
    1j,
    [0.1],
    np.array(0.1),
    Fraction(1, 10),
]
NUMBERS = [0, 1, np.float64(0.25), np.float32(0.25), np.float16(0.25), np.int64(1)]


@pytest.mark.parametrize("planned", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_names_that_an_optimiser_has_not_are_refused(train, way, planned):
    for name in UNKNOWN:
        state = fresh(train)
        way(state, {name: 0.5})
        with pytest.raises(ValueError, match=r"state\.hyper") as caught:
            train.train_step(state, X, T, planned=planned)
        assert f"unexpected ['{name}']; this optimiser has {NAMES}" in str(caught.value)
        assert state.step == 0


@pytest.mark.parametrize("planned", STEPS.values(), ids=STEPS)
def test_names_that_are_gone_are_missed(train, planned):
    state = fresh(train)
    del state.hyper["eps"]
    with pytest.raises(ValueError, match=r"state.hyper: missing \['eps'\]"):
        train.train_step(state, X, T, planned=planned)


@pytest.mark.parametrize("planned", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_values_that_are_no_finite_numbers_are_refused(train, way, planned):
    for value in NO_NUMBERS:
        state = fresh(train)
        way(state, {"lr": value})
        with pytest.raises(
            (TypeError, ValueError), match=r"state.hyper\['lr'\] must be"
        ):
            train.train_step(state, X, T, planned=planned)
        assert state.step == 0


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("planned", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_numbers_of_numpy_do_what_those_of_python_do(train, way, planned, kind):
    x, t = X.astype(kind), T.astype(kind)
    for value in NUMBERS:
        one, other = fresh(train, kind), fresh(train, kind)
        way(one, {"lr": value})
        other.hyper["lr"] = float(value)
        for _ in range(3):
            found = [train.train_step(s, x, t, planned=planned) for s in (one, other)]
            assert found[0] == found[1]
        assert one.flat_params.dtype == kind
        np.testing.assert_array_equal(one.flat_params, other.flat_params)


def test_the_halves_of_a_step_and_fit_refuse_them_too(train):
    for call in (
        lambda s: train.compute_grads(s, X, T),
        train.apply_update,
        lambda s: train.fit(s, {"x": X, "t": T}, epochs=1),
    ):
        state = fresh(train)
        state.hyper["learning_rate"] = 0.0
        with pytest.raises(ValueError, match="this optimiser has lr"):
            call(state)


def test_a_checkpoint_holds_numbers_of_numpy(train, tmp_path):
    state, other = fresh(train), fresh(train)
    state.hyper["lr"] = np.float32(0.5)
    train.save_checkpoint(tmp_path / "c.npz", state)
    train.load_checkpoint(tmp_path / "c.npz", other)
    assert other.hyper == state.hyper


@pytest.mark.parametrize("widths", [("float", "float"), ("float32", "float64")])
@pytest.mark.parametrize("name", ["lr", "weights", "learning_rate", "steps"])
def test_a_state_takes_no_other_attributes(name: str, widths) -> None:
    """``state.lr = 0.1`` would change nothing; ``state.hyper["lr"] = 0.1`` does."""
    w, v = (sd.param(n, (3,), dtype=kind) for n, kind in zip("wv", widths, strict=True))
    x = sd.input("x", (N, 3))
    y = x @ sd.cast(w, "float") + x @ sd.cast(v, "float")
    model = sd.Model("m", [x], [], y, sd.mean(y**2), optimizer=sd.optim.SGD(0.1))
    train = sd.compile(model).load().train
    state = train.init_state(train.init_params(0))
    with pytest.raises(AttributeError, match=name):
        setattr(state, name, 0.1)
    train.train_step(state, np.ones((4, 3), np.float32))
    assert state.step == 1
