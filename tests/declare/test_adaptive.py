"""Adaptive optimisers equal PyTorch's, ONNX's published vectors, and their papers."""

import importlib
import inspect

import numpy as np
import pytest
from optimizer_steps import START, gradient, one_step, run, torch_run

import symdiff as sd

optim = sd.optim
CASES = {
    "adagrad": (optim.AdaGrad(0.5), lambda o, p: o.Adagrad(p, lr=0.5)),
    "adagrad, decays": (
        optim.AdaGrad(0.5, lr_decay=0.01, weight_decay=0.1, eps=1e-3),
        lambda o, p: o.Adagrad(p, lr=0.5, lr_decay=0.01, weight_decay=0.1, eps=1e-3),
    ),
    "adadelta": (optim.Adadelta(), lambda o, p: o.Adadelta(p)),
    "adadelta, options": (
        optim.Adadelta(0.5, rho=0.8, eps=1e-4),
        lambda o, p: o.Adadelta(p, lr=0.5, rho=0.8, eps=1e-4),
    ),
    "rmsprop": (optim.RMSprop(0.05), lambda o, p: o.RMSprop(p, lr=0.05)),
    "rmsprop, momentum": (
        optim.RMSprop(0.01, momentum=0.8, weight_decay=0.01),
        lambda o, p: o.RMSprop(p, lr=0.01, momentum=0.8, weight_decay=0.01),
    ),
    "rmsprop, centered": (
        optim.RMSprop(0.02, alpha=0.9, centered=True, eps=1e-4),
        lambda o, p: o.RMSprop(p, lr=0.02, alpha=0.9, centered=True, eps=1e-4),
    ),
    "rmsprop, both": (
        optim.RMSprop(0.02, alpha=0.9, centered=True, momentum=0.5, eps=1e-4),
        lambda o, p: o.RMSprop(
            p, lr=0.02, alpha=0.9, centered=True, momentum=0.5, eps=1e-4
        ),
    ),
    "adam": (optim.Adam(0.1), lambda o, p: o.Adam(p, lr=0.1)),
    "adam, decay": (
        optim.Adam(0.1, weight_decay=0.2),
        lambda o, p: o.Adam(p, lr=0.1, weight_decay=0.2),
    ),
    "adamw": (optim.AdamW(0.1), lambda o, p: o.AdamW(p, lr=0.1)),
    "adamw, decay": (
        optim.AdamW(0.1, 0.8, 0.95, 1e-4, weight_decay=0.3),
        lambda o, p: o.AdamW(p, lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.3),
    ),
    "amsgrad": (optim.AMSGrad(0.1), lambda o, p: o.Adam(p, lr=0.1, amsgrad=True)),
    "amsgrad, decay": (
        optim.AMSGrad(0.1, beta2=0.5, weight_decay=0.1),
        lambda o, p: o.Adam(
            p, lr=0.1, betas=(0.9, 0.5), weight_decay=0.1, amsgrad=True
        ),
    ),
    "nadam": (optim.NAdam(0.05), lambda o, p: o.NAdam(p, lr=0.05)),
    "nadam, options": (
        optim.NAdam(0.05, beta1=0.8, weight_decay=0.1, momentum_decay=0.02),
        lambda o, p: o.NAdam(
            p, lr=0.05, betas=(0.8, 0.999), weight_decay=0.1, momentum_decay=0.02
        ),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_optimizer_equals_torch_over_a_hundred_steps(case):
    optimizer, make = case
    np.testing.assert_allclose(run(optimizer), torch_run(make), rtol=1e-9, atol=1e-11)


# --- ONNX ----------------------------------------------------------------------------


def published(monkeypatch, module, cls, method):
    """Return attributes, inputs and outputs of one of ONNX's node tests."""
    pytest.importorskip("onnx", reason="extra [oracles]")
    found = importlib.import_module(f"onnx.backend.test.case.node.{module}")
    kept = []

    def expect(node, inputs, outputs, **rest):
        values = {a.name: a.f or a.s.decode() or a.i for a in node.attribute}
        kept.append((values, inputs, outputs))

    monkeypatch.setattr(found, "expect", expect)
    getattr(getattr(found, cls), method)()
    return kept[0]


# What the published vectors call 0 is, to these equations, t = 1, and for Adam t
# without end: its vectors have no bias correction, which is what the correction tends
# to.
ONNX = {
    "adagrad": (
        *("adagrad", "Adagrad", "export_adagrad", ["total"], 1),
        lambda a: optim.AdaGrad(
            eps=a["epsilon"],
            lr_decay=a.get("decay_factor", 0.0),
            weight_decay=a["norm_coefficient"],
        ),
    ),
    "adam": (
        *("adam", "Adam", "export_adam", ["m", "v"], 1e9),
        lambda a: optim.Adam(
            beta1=a["alpha"],
            beta2=a["beta"],
            eps=a["epsilon"],
            weight_decay=a["norm_coefficient"],
        ),
    ),
    "momentum": (
        *("momentum", "Momentum", "export_momentum", ["velocity"], 1),
        lambda a: optim.Momentum(
            momentum=a["alpha"],
            weight_decay=a["norm_coefficient"],
            nesterov=a["mode"] == "nesterov",
        ),
    ),
}
ONNX["adagrad, several"] = (
    "adagrad", "Adagrad", "export_adagrad_multiple", *ONNX["adagrad"][3:]
)  # fmt: skip
ONNX["adam, several"] = ("adam", "Adam", "export_adam_multiple", *ONNX["adam"][3:])
ONNX["nesterov"] = (
    "momentum", "Momentum", "export_nesterov_momentum", *ONNX["momentum"][3:]
)  # fmt: skip
ONNX["momentum, several"] = (
    "momentum", "Momentum", "export_momentum_multiple", *ONNX["momentum"][3:]
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("case", ONNX.values(), ids=ONNX)
def test_an_optimizer_gives_the_vectors_that_onnx_publishes(case, monkeypatch):
    module, cls, method, slots, t, make = case
    attributes, (rate, _, *inputs), outputs = published(
        monkeypatch, module, cls, method
    )
    optimizer = make(attributes)
    count = len(inputs) // (2 + len(slots))
    for i in range(count):
        x, g, *held = inputs[i::count]
        kept = dict(zip(slots, held, strict=True))
        new, after = one_step(optimizer, x, g, kept, t, {"lr": rate})
        wanted = outputs[i::count]
        for mine, theirs in zip([new, *after.values()], wanted, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-6)


# --- published formulas and what lectures print --------------------------------------


def test_lion_is_its_published_program():
    """Chen et al., program 1: update = interp(g, m, β₁); m = interp(g, m, β₂)."""
    optimizer = optim.Lion(0.02, beta1=0.9, beta2=0.99, weight_decay=0.1)
    p, m = START.copy(), np.zeros(4)
    for step, mine in enumerate(run(optimizer), 1):
        g = gradient(p, step)
        update = np.sign(g * (1 - 0.9) + m * 0.9)
        m = g * (1 - 0.99) + m * 0.99
        p = p - (update + p * 0.1) * 0.02
        np.testing.assert_allclose(mine, p, rtol=1e-12)


def test_lectures_put_eps_under_the_root():
    """√(G + ε) instead of √G + ε."""
    total = np.zeros(4)
    square = np.zeros(4)
    p = q = START
    adagrad = run(optim.AdaGrad(0.5, eps=0.01, eps_inside=True), 20)
    rmsprop = run(optim.RMSprop(0.02, eps=0.01, eps_inside=True), 20)
    for step in range(20):
        g = gradient(p, step + 1)
        total = total + g**2
        p = p - 0.5 * g / np.sqrt(total + 0.01)
        np.testing.assert_allclose(adagrad[step], p, rtol=1e-12)
        g = gradient(q, step + 1)
        square = 0.99 * square + 0.01 * g**2
        q = q - 0.02 * g / np.sqrt(square + 0.01)
        np.testing.assert_allclose(rmsprop[step], q, rtol=1e-12)


def test_momentum_as_lectures_print_it():
    """v = γv + ηg, p = p − v: the same steps only while η is constant."""
    same = run(optim.Momentum(0.02, lecture=True)), run(optim.Momentum(0.02))
    np.testing.assert_allclose(*same, rtol=1e-9)
    p, v, g = np.ones(2), np.full(2, 0.5), np.full(2, 2.0)
    optimizer = optim.Momentum(0.1, 0.9, lecture=True)
    new, slots = one_step(optimizer, p, g, {"velocity": v}, 1)
    np.testing.assert_allclose(slots["velocity"], 0.9 * 0.5 + 0.1 * 2)
    np.testing.assert_allclose(new, 1 - slots["velocity"])
    optimizer = optim.Nesterov(0.1, 0.9, lecture=True)
    new, slots = one_step(optimizer, p, g, {"velocity": v}, 1)
    np.testing.assert_allclose(new, 1 - (0.1 * 2 + 0.9 * slots["velocity"]))


def test_adam_corrects_by_the_power_of_the_step():
    """1 − βᵗ; with the lectures' 1 − β the second step would be another one."""
    p, g = np.ones(1), np.full(1, 3.0)
    slots = {"m": np.full(1, 1.0), "v": np.full(1, 2.0)}
    new, kept = one_step(optim.Adam(0.1), p, g, slots, 2)
    m, v = 0.9 * 1 + 0.1 * 3, 0.999 * 2 + 0.001 * 9
    expected = 1 - 0.1 * (m / (1 - 0.9**2)) / (np.sqrt(v / (1 - 0.999**2)) + 1e-8)
    np.testing.assert_allclose(new, expected, rtol=1e-12)
    np.testing.assert_allclose([kept["m"], kept["v"]], [[m], [v]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.AdaGrad(-1.0),
        lambda: optim.AdaGrad(lr_decay=-1.0),
        lambda: optim.Adadelta(rho=1.0),
        lambda: optim.RMSprop(alpha=-0.1),
        lambda: optim.RMSprop(momentum=1.0),
        lambda: optim.NAdam(momentum_decay=-1.0),
        lambda: optim.Lion(beta2=1.0),
        lambda: optim.AdamW(eps=-1.0),
    ],
)
def test_bad_hyperparameters_are_refused(make):
    with pytest.raises(sd.DeclarationError) as caught:
        make()
    assert __file__ in str(caught.value)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_centred_step_of_equal_gradients_stays_finite(
    dtype: str, inside: bool
) -> None:
    """The variance of equal numbers is 0, which rounding may take below."""
    w = sd.param("w", (40,), init=sd.init.constant(1.0))
    optimizer = optim.RMSprop(1e-3, alpha=0.9, centered=True, eps_inside=inside)
    x = sd.input("x", ("N", 40))
    y = x @ w
    model = sd.Model("centred", [x], outputs=y, loss=sd.mean(y), optimizer=optimizer)
    for planned in (True, False):
        train = sd.compile(model).load().train
        state = train.init_state({"w": np.ones(40, dtype)})
        given = {"x": np.tile(np.linspace(0.1, 2.0, 40, dtype=dtype), (2, 1))}
        train.fit(state, given, epochs=400, batch_size=2, planned=planned)
        assert np.isfinite(state.params["w"]).all()


@pytest.mark.parametrize("name", ["eps", "weight_decay"])
@pytest.mark.parametrize(
    "kind", ["SGD", "AdaGrad", "Adadelta", "RMSprop", "Adam", "AdamW", "NAdam", "Lion"]
)
def test_settings_below_zero_are_refused(kind: str, name: str) -> None:
    make = getattr(optim, kind)
    wanted = inspect.signature(make).parameters
    assert {"eps", "weight_decay"} & wanted.keys()
    if name not in wanted:
        name = ({"eps", "weight_decay"} & wanted.keys()).pop()
    with pytest.raises(sd.DeclarationError, match=name):
        make(**{name: -1e-3})
