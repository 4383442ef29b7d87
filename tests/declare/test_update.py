"""What surrounds an optimiser's equations: clipping, averages, groups, bounds.

Each is tested in a generated module, beside PyTorch where PyTorch has it.
"""

import importlib
import re
import warnings

import numpy as np
import pytest

import symdiff as sd

optim, schedules = sd.optim, sd.optim.schedules
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)) * 3
Y = RNG.integers(0, 3, 8)


def model(optimizer, name="m"):
    n = sd.dim("N")
    x, y = sd.input("x", (n, 4)), sd.input("y", n, "int64", high=3)
    h = sd.nn.dense(x, 5, "tanh", name="a")
    z = sd.nn.dense(h, 3, name="b")
    loss = sd.nn.softmax_cross_entropy(z, y)
    return sd.Model(name, [x], [y], z, loss, optimizer=optimizer)


def trained(optimizer, width="float64", planned="fast"):
    """Return the generated train module and a fresh state."""
    made = sd.compile(model(optimizer), planned=planned).load()
    train = importlib.import_module(f"{made.__name__}.train")
    return train, train.init_state(train.init_params(0, width))


def torch_net(torch, params):
    """Return the same net over parameters of one's own, and its loss."""
    own = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}

    def loss(x, y):
        h = torch.tanh(torch.tensor(x) @ own["a.W"] + own["a.b"])
        z = h @ own["b.W"] + own["b.b"]
        return torch.nn.functional.cross_entropy(z, torch.tensor(y))

    return own, loss


def beside_torch(optimizer, make, before_step=None, steps=20):
    """Train both, ``make(torch.optim, params by name)`` being torch's optimiser."""
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    train, state = trained(optimizer)
    own, loss_of = torch_net(torch, {k: v.copy() for k, v in state.params.items()})
    other = make(torch.optim, own)
    for step in range(steps):
        x = X * (1 + step)
        found = train.train_step(state, x, Y)
        other.zero_grad()
        loss = loss_of(x, Y)
        loss.backward()
        if before_step is not None:
            before_step(torch, own)
        other.step()
        np.testing.assert_allclose(found["loss"], loss.item(), rtol=1e-9)
    for name, theirs in own.items():
        mine = state.params[name]
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.oracle
def test_clipping_by_norm_is_torchs():
    beside_torch(
        optim.Momentum(0.3, clip_norm=0.05),
        lambda o, p: o.SGD(p.values(), lr=0.3, momentum=0.9),
        lambda torch, p: torch.nn.utils.clip_grad_norm_(list(p.values()), 0.05),
    )


@pytest.mark.oracle
def test_clipping_by_value_is_torchs():
    beside_torch(
        optim.Adam(0.03, clip_value=0.01),
        lambda o, p: o.Adam(p.values(), lr=0.03),
        lambda torch, p: torch.nn.utils.clip_grad_value_(list(p.values()), 0.01),
    )


@pytest.mark.oracle
def test_groups_are_torchs_parameter_groups():
    beside_torch(
        optim.AdamW(0.03, groups={"*.b": {"weight_decay": 0.0, "lr": 0.1}}),
        lambda o, p: o.AdamW(
            [
                {"params": [p["a.W"], p["b.W"]]},
                {"params": [p["a.b"], p["b.b"]], "weight_decay": 0.0, "lr": 0.1},
            ],
            lr=0.03,
            weight_decay=0.01,
        ),
    )


# What is 0 for all parameters, and so in no equation, but for a group of them.
OWN = {
    "decay of SGD": ("SGD", {}, {"weight_decay": 0.1}),
    "momentum of SGD": ("SGD", {}, {"momentum": 0.9}),
    "both of SGD": ("SGD", {}, {"momentum": 0.5, "weight_decay": 0.1}),
    "momentum and decay": ("SGD", {"momentum": 0.9}, {"weight_decay": 0.1, "lr": 0.3}),
    "no momentum": ("SGD", {"momentum": 0.9}, {"momentum": 0.0}),
    "decay of Adam": ("Adam", {}, {"weight_decay": 0.1}),
    "no decay of AdamW": ("AdamW", {"weight_decay": 0.0}, {"weight_decay": 0.1}),
    "AdaGrad": ("AdaGrad", {}, {"weight_decay": 0.1, "lr_decay": 0.2}),
    "RMSprop": ("RMSprop", {}, {"weight_decay": 0.1, "momentum": 0.5}),
}


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "common", "own"), OWN.values(), ids=OWN)
def test_a_group_may_have_what_the_others_have_not(name, common, own):
    theirs = {"AdaGrad": "Adagrad"}.get(name, name)
    beside_torch(
        getattr(optim, name)(0.03, groups={"*.W": own}, **common),
        lambda o, p: getattr(o, theirs)(
            [
                {"params": [p["a.W"], p["b.W"]], **own},
                {"params": [p["a.b"], p["b.b"]]},
            ],
            **{"lr": 0.03, **common},
        ),
    )


def test_what_no_group_can_set_is_refused_with_what_it_can():
    for make, name, told in (
        (optim.SGD, "beta1", "SGD(lr=0.1) has lr, which groups may set"),
        (optim.SGD, "learning_rate", "did you mean 'lr'? SGD(lr=0.1) has lr"),
        (optim.SGD, "clip_norm", "has lr, which groups may set"),
        (optim.Adam, "momentum", "has lr, beta1, beta2, eps, which groups may set"),
    ):
        with pytest.raises(sd.DeclarationError) as caught:
            make(0.1, groups={"*.b": {name: 0.5}})
        assert told in str(caught.value)


@pytest.mark.oracle
@pytest.mark.parametrize("clip", [None, 0.05])
def test_frozen_parameters_stay_and_do_not_count(clip):
    """As with requires_grad=False: no step, and no part of the norm that is clipped."""

    def bounded(torch, p):
        if clip is not None:
            free = [t for name, t in p.items() if not name.startswith("a.")]
            torch.nn.utils.clip_grad_norm_(free, clip)

    beside_torch(
        optim.SGD(0.3, frozen="a.*", clip_norm=clip),
        lambda o, p: o.SGD([p["b.W"], p["b.b"]], lr=0.3),
        bounded,
    )


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("frozen", [None, "a.*"])
def test_averages_are_those_of_the_steps(planned, frozen):
    """Corrected for their start at zero, as Adam's moments are."""
    train, state = trained(optim.SGD(0.3, ema=0.8, frozen=frozen))
    expected, weight = dict.fromkeys(state.params, 0.0), 0.0
    before = train.averaged_params(state)
    for name, array in state.params.items():
        np.testing.assert_array_equal(before[name], array)
    for _ in range(5):
        train.train_step(state, X, Y, planned=planned)
        weight = 0.8 * weight + 0.2
        for name, array in state.params.items():
            expected[name] = 0.8 * expected[name] + 0.2 * array
    found = train.averaged_params(state)
    for name in state.params:
        np.testing.assert_allclose(found[name], expected[name] / weight, rtol=1e-12)
        assert found[name].base is not state.flat_params


@pytest.mark.oracle
def test_max_norm_bounds_the_weights_into_each_unit():
    """Of a.W each column; its bias and the other layer are left."""
    torch = pytest.importorskip("torch", reason="extra [oracles]")

    class Renormed:
        def __init__(self, inner, params):
            self.inner, self.params = inner, params
            self.zero_grad = inner.zero_grad

        def step(self):
            self.inner.step()
            with torch.no_grad():
                w = self.params["a.W"]
                w *= (0.7 / w.norm(dim=0)).clamp(max=1)

    beside_torch(
        optim.SGD(0.3, max_norm={"a.*": 0.7}),
        lambda o, p: Renormed(o.SGD(p.values(), lr=0.3), p),
    )


def test_max_norm_of_filters_is_that_of_each_filter():
    n = sd.dim("N")
    x, y = sd.input("x", (n, 2, 5, 5)), sd.input("y", (n, 3))
    z = sd.nn.global_avg_pool(sd.nn.conv2d(x, 3, 3, name="c"))
    loss = sd.nn.mse(z, y)
    made = sd.compile(
        sd.Model("m", [x], [y], z, loss, optimizer=optim.SGD(0.5, max_norm=0.4)),
        planned="exact",
    ).load()
    train = importlib.import_module(f"{made.__name__}.train")
    states = [train.init_state(train.init_params(0)) for _ in range(2)]
    data = (RNG.normal(size=(2, 2, 5, 5)), 9 * np.ones((2, 3)))
    for state, planned in zip(states, (False, True), strict=True):
        arrays = [a.astype("float32") for a in data]
        for _ in range(3):
            train.train_step(state, *arrays, planned=planned)
    w = states[0].params["c.W"]
    norms = np.sqrt((w**2).sum(axis=(1, 2, 3)))
    assert (norms < 0.4 + 1e-6).all()
    assert norms.max() > 0.39
    assert np.abs(states[0].params["c.b"]).max() > 0.4
    np.testing.assert_array_equal(w, states[1].params["c.W"])


EVERY = {
    "sgd": lambda: optim.SGD(0.1, weight_decay=0.01),
    "momentum": lambda: optim.Momentum(schedules.exponential(0.1, 0.99), lecture=True),
    "nesterov": lambda: optim.Nesterov(schedules.step(0.1, 10)),
    "adagrad": lambda: optim.AdaGrad(eps_inside=True, lr_decay=0.1, weight_decay=0.1),
    "adadelta": lambda: optim.Adadelta(),
    "rmsprop": lambda: optim.RMSprop(momentum=0.9, centered=True, eps=1e-3),
    "adam": lambda: optim.Adam(
        schedules.cosine(1e-2, 50, warmup_steps=5), clip_norm=0.5, ema=0.9
    ),
    "adamw": lambda: optim.AdamW(groups={"*.b": {"weight_decay": 0.0}}, frozen="a.W"),
    "amsgrad": lambda: optim.AMSGrad(schedules.one_cycle(1e-2, 30), weight_decay=0.1),
    "nadam": lambda: optim.NAdam(weight_decay=0.01),
    "lion": lambda: optim.Lion(0.01, clip_value=0.1, weight_decay=0.1),
    "bounded": lambda: optim.Adam(0.1, clip_norm=0.1, max_norm=1.0),
    "piecewise": lambda: optim.SGD(schedules.piecewise(0.1, [3, 6], [1, 0.5, 0.1])),
}


@pytest.mark.parametrize("width", ["float32", "float64"])
@pytest.mark.parametrize("name", EVERY)
def test_planned_steps_equal_readable_ones_bit_for_bit(name, width):
    train, state = trained(EVERY[name](), width, "exact")
    other = train.init_state(state.params)
    x = X.astype(width)
    for _ in range(12):
        a = train.train_step(state, x, Y, planned=False)
        b = train.train_step(other, x, Y, planned=True)
        assert a == b
    for key, array in state.params.items():
        assert array.dtype == width
        np.testing.assert_array_equal(array, other.params[key])
    for slot, arrays in state.slots.items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, other.slots[slot][key])


@pytest.mark.parametrize("name", EVERY)
def test_planned_steps_are_readable_ones_within_the_bound(name):
    made = sd.compile(model(EVERY[name]())).load()
    check = importlib.import_module(f"{made.__name__}.__main__")
    said = []
    assert check._verify_planned(out=said.append) == 0, said


def test_an_update_reads_as_its_equations():
    """The loop's body of plain Adam, statement by statement."""
    text = sd.compile(model(optim.Adam(), "reads"))["train"]
    body = text[text.index("def apply_update") : text.index("def train_step")]
    lines = [line.split("  #")[0].strip() for line in body.splitlines()]
    for line in (
        "m[...] = beta1 * m + (1 - beta1) * g",
        "p = state.params[name]",
        "g = state.grads[name]",
    ):
        assert line in lines


def test_a_pattern_that_fits_nothing_is_named():
    for options in (
        {"frozen": "c.*"},
        {"max_norm": {"c.*": 1.0}},
        {"groups": {"c.*": {}}},
    ):
        with pytest.warns(sd.SymdiffWarning, match=r"no parameter is called c\.\*"):
            model(optim.SGD(0.1, **options))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(optim.SGD(0.1, frozen="a.*"))


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0},
        {"clip_value": -1.0},
        {"ema": 1.0},
        {"groups": {"*.b": {"beta1": 0.5}}},
        {"groups": {"*.b": 0.5}},
        {"frozen": 3},
        {"max_norm": 0},
        {"max_norm": {3: 1.0}},
        {"max_norm": "big"},
        {"max_norm": 1.0, "ema": 0.9},
        {"lr": float("inf")},
    ],
    ids=str,
)
def test_bad_options_are_refused(options):
    with pytest.raises(sd.DeclarationError) as caught:
        optim.SGD(**options)
    assert __file__ in str(caught.value)


def test_a_bound_on_norms_that_bounds_nothing_is_refused():
    """Parameters of fewer than two axes have no units, unlike a matrix beside them."""
    for pattern in ("b", "*.b", "[!W]"):
        with pytest.raises(sd.DeclarationError, match="bounds nothing"):
            biased(optim.SGD(0.1, max_norm={pattern: 1.0, "W": 1.0}))
    for bound in (1.0, {"W": 1.0}, {"*": 1.0, "W": 2.0}):
        biased(optim.SGD(0.1, max_norm=bound))


@pytest.mark.parametrize("options", [{"frozen": "W"}, {"max_norm": 1.0}, {}], ids=str)
def test_the_planned_module_holds_only_what_steps_call(options):
    program = sd.compile(biased(optim.SGD(0.1, **options)))
    module = program["_planned"]
    for name in re.findall(r"(?m)^def (\w+)", module):
        used = (
            program["train"].count(f"_planned.{name}(") + module.count(f"{name}(") - 1
        )
        assert used, name
    pair = "planned pair" in program["train"]
    assert pair == ("def apply_update" in module) == (not options)


def biased(optimizer):
    x = sd.input("x", ("N", 3))
    W, b, s = sd.param("W", (3, 2)), sd.param("b", 2), sd.param("s.b", ())
    y = sd.tanh(x @ W) + b * s
    return sd.Model("biased", [x], [], y, sd.mean(y**2), optimizer=optimizer)


def test_one_bound_for_every_weight_says_where_there_is_none():
    x, w = sd.input("x", ("N", 3)), sd.param("w", 3)
    with pytest.warns(sd.SymdiffWarning, match="max_norm= bounds nothing"):
        sd.Model(
            "m",
            [x],
            [],
            x @ w,
            sd.mean((x @ w) ** 2),
            optimizer=optim.SGD(max_norm=1.0),
        )
