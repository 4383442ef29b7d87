"""Optimisers of the user's own train as their equations say, each array by itself.

The class: a table of updates (elementwise with masks, constants and casts; values
handed from array to array; reductions over a parameter) and random ones, planned and
not, at every level, with groups, frozen parameters, bounds on norms and in one file.
The oracle runs the same functions in NumPy.
"""

import numpy as np
import pytest
from own_optimizers import (
    CASES,
    SHAPES,
    Plain,
    model,
    numbers,
    own,
    random_update,
    trained_plainly,
)

import symdiff as sd

LR = 0.1
SETTINGS = {
    "alike": {},
    "apart": {"groups": {"b": {"lr": 0.3}}, "frozen": ["q"]},
}


def check(name, update, slots, module, options):
    """Train on the same gradients, both ways, and compare with NumPy."""
    start, gradients = numbers()
    expected = trained_plainly(update, slots, start, gradients, {"lr": LR}, **options)
    ways = ({}, {"planned": False}) if module else ({},)
    for way in ways:
        state = module.init_state(start)
        for given in gradients:
            module.train_step(state, *given.values(), **way)
        for wanted, found in zip(
            (expected[0], *expected[1].values()),
            (state.params, *(state.slots[s] for s in slots)),
            strict=True,
        ):
            for n in SHAPES:
                np.testing.assert_allclose(
                    found[n], wanted[n], rtol=1e-11, atol=1e-13, err_msg=f"{name} {n}"
                )


@pytest.mark.parametrize("name", CASES)
def test_an_own_update_trains_as_numpy_computes_it(name):
    update, slots = CASES[name]
    label = "own_" + "".join(c if c.isalnum() else "_" for c in name)
    for setting, options in SETTINGS.items():
        optimizer = own(update, slots, lr=LR, **options)
        module = sd.compile(model(f"{label}_{setting}", optimizer)).load()
        check(name, update, slots, module, options)


@pytest.mark.parametrize("seed", range(16))
def test_random_updates_train_as_numpy_computes_them(seed):
    update, slots = random_update(seed)
    module = sd.compile(model(f"own_r{seed}", own(update, slots))).load()
    check(f"seed {seed}", update, slots, module, {})


@pytest.mark.parametrize("name", ["keep", "swap", "halved", "masks", "lars", "by rank"])
@pytest.mark.parametrize("level", [0, 1, "single"])
def test_every_form_of_the_module_trains_alike(name, level):
    update, slots = CASES[name]
    options = {"single_file": True} if level == "single" else {"optimize": level}
    label = f"own_{level}_{name.replace(' ', '_')}"
    declared = model(label, own(update, slots, lr=LR))
    module = sd.compile(declared, **options).load()
    start, gradients = numbers()
    expected, held = trained_plainly(update, slots, start, gradients, {"lr": LR})
    state = module.init_state(start)
    for given in gradients:
        module.train_step(state, *given.values())
    for n in SHAPES:
        np.testing.assert_allclose(state.params[n], expected[n], rtol=1e-11, atol=1e-13)
        for s in slots:
            np.testing.assert_allclose(state.slots[s][n], held[s][n], rtol=1e-11)


@pytest.mark.parametrize("name", ["keep", "swap", "centred", "delay line"])
@pytest.mark.parametrize("bound", ["max_norm", "clip_norm"])
def test_bounds_on_norms_act_around_an_own_update(name, bound):
    update, slots = CASES[name]
    label = f"own_{bound}_{name.replace(' ', '_')}"
    module = sd.compile(model(label, own(update, slots, lr=LR, **{bound: 0.5}))).load()
    start, gradients = numbers()
    params = {n: a.copy() for n, a in start.items()}
    held = {s: {n: np.zeros_like(a) for n, a in start.items()} for s in slots}
    for t, given in enumerate(gradients, 1):
        if bound == "clip_norm":
            norm = np.sqrt(sum((g**2).sum() for g in given.values()))
            given = {n: g * min(1, 0.5 / (norm + 1e-6)) for n, g in given.items()}
        for n, p in params.items():
            old = {s: held[s][n] for s in slots}
            new, kept = update(Plain(), p, given[n], old, {"lr": LR}, float(t))
            if bound == "max_norm" and p.ndim == 2:
                new = new * 0.5 / np.maximum(np.sqrt((new**2).sum(axis=0)), 0.5)
            params[n] = new
            for s in slots:
                held[s][n] = kept[s]
    for way in (True, False):
        state = module.init_state(start)
        for given in gradients:
            module.train_step(state, *given.values(), planned=way)
        for n in SHAPES:
            np.testing.assert_allclose(state.params[n], params[n], rtol=1e-11)
            for s in slots:
                np.testing.assert_allclose(state.slots[s][n], held[s][n], rtol=1e-11)


def test_a_group_of_equal_values_changes_nothing():
    """So adding a group never changes what an update that reduces computes."""
    update, slots = CASES["lars"]
    start, gradients = numbers()
    found = []
    for label, options in {
        "bare": {},
        "grouped": {"groups": {"*": {"lr": LR}}},
    }.items():
        optimizer = own(update, slots, lr=LR, **options)
        module = sd.compile(model(f"own_g_{label}", optimizer), planned="exact").load()
        state = module.init_state(start)
        for given in gradients:
            module.train_step(state, *given.values())
        found.append(state.flat_params)
    np.testing.assert_array_equal(*found)


BAD = {
    "draws": (
        lambda xp, p, g, s, h, t: (p - h["lr"] * g * xp.random.normal(p.shape), {})
    ),
    "slots": (lambda xp, p, g, s, h, t: (p - h["lr"] * g, {"m": g})),
    "reads": (lambda xp, p, g, s, h, t: (p - h["lr"] * g * OUTSIDE, {})),
    "shape": (lambda xp, p, g, s, h, t: (h["lr"] * xp.stack([p, g]), {})),
}
OUTSIDE = sd.param("outside", ())
SAID = {
    "draws": "draws random numbers",
    "slots": "returns 'm', which is none of its slots",
    "reads": "reads 'outside', which is none of its arguments",
    "shape": "has shape .*, of a parameter of shape",
}


@pytest.mark.parametrize("name", BAD)
def test_an_update_that_no_step_can_do_is_refused(name):
    with pytest.raises(sd.DeclarationError, match=SAID[name]) as caught:
        model("bad", own(BAD[name], lr=LR))
    assert "own_optimizers.py" in str(caught.value)


LEFT_OUT = {
    "decay": lambda: sd.optim.SGD(0.1, weight_decay=0.5),
    "adamw": lambda: sd.optim.AdamW(0.1, weight_decay=0.1),
    "lion": lambda: sd.optim.Lion(0.1, weight_decay=0.1),
    "momentum": lambda: sd.optim.Momentum(0.1, weight_decay=0.1),
    "max_norm": lambda: sd.optim.SGD(0.1, max_norm=0.1),
    "average": lambda: sd.optim.SGD(0.1, weight_decay=0.5, ema=0.9),
    "clip_norm": lambda: sd.optim.SGD(0.1, weight_decay=0.5, clip_norm=0.1),
}


@pytest.mark.parametrize("name", LEFT_OUT)
@pytest.mark.parametrize("planned", [True, False])
def test_what_is_not_differentiated_by_is_left_as_it_is(name, planned):
    """As frozen parameters are; and the others move as they do beside frozen ones."""
    ends = []
    for label, options, chosen in (
        ("left", {}, ["W", "b"]),
        ("frozen", {"frozen": ["q", "c"]}, None),
    ):
        optimizer = LEFT_OUT[name]()
        optimizer.frozen = tuple(options.get("frozen", ()))
        declared = model(f"wrt_{label}_{name}", optimizer)
        module = sd.compile(declared, wrt=chosen, planned="exact").load()
        start, gradients = numbers()
        state = module.init_state(start)
        for given in gradients:
            module.train_step(state, *given.values(), planned=planned)
        for n in ("q", "c"):
            np.testing.assert_array_equal(state.params[n], start[n])
        if "ema" in optimizer.hyper:
            found = module.averaged_params(state)
            np.testing.assert_array_equal(found["q"], start["q"])
        ends.append(state.flat_params)
    np.testing.assert_array_equal(*ends)
