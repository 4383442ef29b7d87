"""Activations equal PyTorch's at ordinary and extreme values; maxout; kinks."""

import numpy as np
import pytest
from layer_checks import WIDTHS, against_torch, declared

import symdiff as sd

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 3
# Kinks apart, where PyTorch takes one side or the other.
FAR = np.array([[1e4, -1e4, 90.0, -90.0, 0.5]])


def f(torch):
    return torch.nn.functional


CASES = {
    "relu": lambda t, z: t.relu(z),
    "sigmoid": lambda t, z: t.sigmoid(z),
    "tanh": lambda t, z: t.tanh(z),
    "softplus": lambda t, z: f(t).softplus(z, threshold=1e9),
    "log_sigmoid": lambda t, z: f(t).logsigmoid(z),
    "softmax": lambda t, z: f(t).softmax(z, -1),
    "log_softmax": lambda t, z: f(t).log_softmax(z, -1),
    "leaky_relu": lambda t, z: f(t).leaky_relu(z),
    "elu": lambda t, z: f(t).elu(z),
    "selu": lambda t, z: f(t).selu(z),
    "gelu": lambda t, z: f(t).gelu(z, approximate="tanh"),
    "silu": lambda t, z: f(t).silu(z),
    # torch.nn.functional.hardsigmoid has 1/6 in float32, also in its float64 gradient.
    "hard_sigmoid": lambda t, z: t.clamp(z / 6 + 0.5, 0, 1),
    "hard_tanh": lambda t, z: f(t).hardtanh(z),
    "hard_swish": lambda t, z: f(t).hardswish(z),
    "relu6": lambda t, z: f(t).relu6(z),
}


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CASES)
def test_an_activation_equals_torch(name, width):
    against_torch(getattr(sd.nn, name), CASES[name], [Z], width=width)


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [n for n in CASES if n != "softplus"])
def test_an_activation_equals_torch_far_out(name, width):
    against_torch(getattr(sd.nn, name), CASES[name], [FAR], width=width)


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_exact_gelu_equals_torch(width):
    against_torch(
        lambda z: sd.nn.gelu(z, approximate=False),
        lambda t, z: f(t).gelu(z),
        [Z],
        width=width,
    )


@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")  # slopes of 0
@pytest.mark.parametrize("name", [*CASES, "step", "sign"])
def test_first_and_second_derivatives_are_finite_everywhere(name):
    """Where an infinity or a NaN is in a branch not taken, no derivative sees it."""
    z = np.array([[0.0, 1e4, -1e4, 800.0, -800.0]])
    (x,) = declared([z])
    total = sd.sum(getattr(sd.nn, name)(x) * sd.constant(np.arange(1.0, 6)))
    first = sd.grad(total, x)
    second = sd.grad(sd.sum(first), x)
    with np.errstate(all="ignore"):
        found = sd.interpret([total, first, second], {x: z})
    assert all(np.isfinite(v).all() for v in found)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_the_slope_of_elu_at_0_is_that_of_its_left_side(alpha):
    (x,) = declared([np.zeros(1)])
    y = sd.nn.elu(x, alpha)
    assert sd.interpret(sd.grad(sd.sum(y), x), {x: np.zeros(1)}) == alpha


@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")
@pytest.mark.parametrize("name", ["step", "sign"])
def test_steps_have_no_gradient(name):
    (x,) = declared([Z])
    y = getattr(sd.nn, name)(x)
    value, gradient = sd.interpret([y, sd.grad(sd.sum(y), x)], {x: Z})
    np.testing.assert_array_equal(value, Z >= 0 if name == "step" else np.sign(Z))
    assert not gradient.any()


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_prelu_equals_torch(width):
    slope = RNG.uniform(0.1, 0.5, size=5)
    against_torch(
        lambda z: sd.nn.prelu(z, axis=-1),
        lambda t, z, prelu_slope: f(t).prelu(z, prelu_slope),
        [Z],
        {"prelu.slope": slope},
        width,
    )
    against_torch(
        lambda z: sd.nn.prelu(z, name="p"),
        lambda t, z, p_slope: f(t).prelu(z, p_slope.reshape(1)),
        [Z],
        {"p.slope": np.array(0.25)},
        width,
    )
    images = RNG.normal(size=(2, 5, 3, 4))
    against_torch(
        lambda z: sd.nn.prelu(z, axis=1),
        lambda t, z, prelu_slope: f(t).prelu(z, prelu_slope),
        [images],
        {"prelu.slope": slope},
        width,
    )


def test_maxout_takes_the_largest_of_each_group():
    (x,) = declared([Z[:, :4]])
    y = sd.nn.maxout(x, 2)
    value, gradient = sd.interpret([y, sd.grad(sd.sum(y), x)], {x: Z[:, :4]})
    groups = Z[:, :4].reshape(6, 2, 2)
    np.testing.assert_array_equal(value, groups.max(-1))
    expected = (groups == groups.max(-1, keepdims=True)).reshape(6, 4)
    np.testing.assert_array_equal(gradient, expected)


def test_maxout_with_a_piece_of_zero_is_relu():
    """Goodfellow et al.: max(w·x + b, 0) is one choice of two pieces."""
    (x,) = declared([Z])
    pairs = sd.stack([x, sd.zeros_like(x)], axis=-1)
    y = sd.nn.maxout(sd.reshape(pairs, (x.shape[0], 10)), 2)
    gradient = sd.grad(sd.sum(y), x)
    found = sd.interpret([y, gradient], {x: Z})
    np.testing.assert_array_equal(found[0], np.maximum(Z, 0))
    np.testing.assert_array_equal(found[1], Z > 0)


BAD = {
    "pieces": lambda x: sd.nn.maxout(x, 2),
    "no pieces": lambda x: sd.nn.maxout(x, 0),
    "integers": lambda x: sd.nn.step(sd.cast(x, "int64")),
    "channels": lambda x: sd.nn.prelu(x, axis=0),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(*declared([Z]))
    assert __file__ in str(caught.value)
