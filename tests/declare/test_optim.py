"""Optimisers step by step against PyTorch's, over a hundred steps in float64."""

import numpy as np
import pytest
from optimizer_steps import START, gradient, run, torch_run

import symdiff as sd
from symdiff.declare.optim import Optimizer

CASES = {
    "sgd": (sd.optim.SGD(0.05), lambda o, p: o.SGD(p, lr=0.05)),
    "sgd, decay": (
        sd.optim.SGD(0.05, weight_decay=0.1),
        lambda o, p: o.SGD(p, lr=0.05, weight_decay=0.1),
    ),
    "momentum": (
        sd.optim.Momentum(0.02, 0.8),
        lambda o, p: o.SGD(p, lr=0.02, momentum=0.8),
    ),
    "nesterov": (
        sd.optim.SGD(0.02, momentum=0.8, nesterov=True, weight_decay=0.01),
        lambda o, p: o.SGD(p, lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.01),
    ),
    "adam": (sd.optim.Adam(0.1), lambda o, p: o.Adam(p, lr=0.1)),
    "adam, betas": (
        sd.optim.Adam(0.02, beta1=0.5, beta2=0.9, eps=1e-3),
        lambda o, p: o.Adam(p, lr=0.02, betas=(0.5, 0.9), eps=1e-3),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_optimizer_equals_torch_at_every_step(case):
    optimizer, make = case
    np.testing.assert_allclose(run(optimizer), torch_run(make), rtol=1e-11, atol=1e-13)


def test_momentum_starts_as_plain_descent():
    plain, heavy = run(sd.optim.SGD(0.1), 1), run(sd.optim.Momentum(0.1), 1)
    np.testing.assert_array_equal(plain, heavy)


def test_adam_takes_its_published_first_step():
    """At t = 1 the corrected moments are g and g², so each step is lr·sign(g)."""
    first = run(sd.optim.Adam(0.01, eps=0.0), 1)[0]
    np.testing.assert_allclose(
        first, START - 0.01 * np.sign(gradient(START, 1)), rtol=1e-12
    )


def test_a_user_declares_an_optimizer():
    class SignDescent(Optimizer):
        def __init__(self, lr):
            super().__init__(lr=lr)

        def update(self, p, g, slots, hyper, t):
            return p - hyper["lr"] / t * sd.sign(g), {}

    optimizer = SignDescent(0.5)
    expected = START - 0.5 * np.sign(gradient(START, 1))
    np.testing.assert_allclose(run(optimizer, 1)[0], expected)
    assert repr(optimizer) == "SignDescent(lr=0.5)"


@pytest.mark.parametrize(
    "make",
    [
        lambda: sd.optim.SGD(-1),
        lambda: sd.optim.SGD("0.1"),
        lambda: sd.optim.SGD(float("nan")),
        lambda: sd.optim.SGD(0.1, momentum=1.0),
        lambda: sd.optim.SGD(0.1, nesterov=True),
        lambda: sd.optim.Momentum(0.1, 0),
        lambda: sd.optim.Adam(beta2=1),
        lambda: sd.optim.Adam(eps=-1e-8),
        lambda: sd.optim.Adam(lr=True),
        lambda: Optimizer(t=1.0),
        lambda: Optimizer(**{"a b": 1.0}),
    ],
)
def test_bad_hyperparameters_are_refused(make):
    with pytest.raises(sd.DeclarationError) as caught:
        make()
    assert __file__ in str(caught.value)
