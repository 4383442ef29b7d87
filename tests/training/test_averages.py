"""Running averages divide by what the decays of their own steps leave to 1.

The class: a decay for all, one of a group's own, one by a schedule, and both, planned
or not, with a checkpoint between. The oracle adds up the weights as it goes.
"""

import numpy as np
import pytest
from own_optimizers import SHAPES, model, numbers

import symdiff as sd

RAMP = sd.optim.Schedule(0.9, lambda t: sd.minimum(1.0, (1 + t) / (4 + t)))
FALL = sd.optim.Schedule(0.8, lambda t: sd.where(t > 2, 0.5, 1.0))
OWN = {"b": {"ema": 0.5}, "q": {"lr": 0.2}}
CASES = {
    "alike": (0.9, {}, lambda n, t: 0.9),
    "group": (0.9, {"groups": OWN}, lambda n, t: 0.5 if n == "b" else 0.9),
    "ramp": (RAMP, {}, lambda n, t: 0.9 * min(1.0, (1 + t) / (4 + t))),
    "fall": (FALL, {"frozen": ["c"]}, lambda n, t: 0.8 * (0.5 if t > 2 else 1.0)),
    "both": (
        FALL,
        {"groups": OWN},
        lambda n, t: 0.5 if n == "b" else 0.8 * (0.5 if t > 2 else 1.0),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("planned", [True, False])
def test_averages_divide_by_the_weights_they_add(name, planned, tmp_path):
    ema, options, decay = CASES[name]
    optimizer = sd.optim.SGD(0.1, ema=ema, **options)
    module = sd.compile(model(f"averages_{name}", optimizer)).load()
    start, gradients = numbers()
    state = module.init_state(start)
    total = {n: np.zeros(shape) for n, shape in SHAPES.items()}
    weight = dict.fromkeys(SHAPES, 0.0)
    for t, given in enumerate(gradients, 1):
        module.train_step(state, *given.values(), planned=planned)
        for n in SHAPES:
            d = decay(n, t)
            total[n] = d * total[n] + (1 - d) * state.params[n]
            weight[n] = d * weight[n] + 1 - d
        if t == 2:
            module.train.save_checkpoint(tmp_path / "half.npz", state)
            state = module.init_state(start)
            module.train.load_checkpoint(tmp_path / "half.npz", state)
    found = module.averaged_params(state)
    for n in SHAPES:
        expected = total[n] / weight[n]
        if n in options.get("frozen", ()):
            expected = start[n]
        np.testing.assert_allclose(found[n], expected, rtol=1e-12, err_msg=n)


@pytest.mark.parametrize("ema", [1.0, 1.5, 0.0, -0.1])
def test_a_decay_of_a_group_is_held_to_its_bounds(ema):
    with pytest.raises(sd.DeclarationError, match=r"ema.* < 1"):
        sd.optim.SGD(0.1, ema=0.9, groups={"b": {"ema": ema}})


@pytest.mark.parametrize("planned", [True, False])
def test_a_decay_changed_in_mid_run_is_refused(planned):
    """What the averages of earlier steps divide by would be unknown."""
    module = sd.compile(model("averages_fixed", sd.optim.SGD(0.1, ema=0.9))).load()
    start, gradients = numbers()
    state = module.init_state(start)
    module.train_step(state, *gradients[0].values(), planned=planned)
    before = module.averaged_params(state)
    state.hyper["ema"] = 0.99
    for use in (
        lambda: module.averaged_params(state),
        lambda: module.train_step(state, *gradients[1].values(), planned=planned),
    ):
        with pytest.raises(ValueError, match=r"ema.*0\.99 instead of 0\.9.* fixed"):
            use()
    state.hyper["ema"] = 0.9
    for n, average in module.averaged_params(state).items():
        np.testing.assert_array_equal(average, before[n])
