"""Schedules of the user's own: any formula of the step, as NumPy computes it.

The class: choices between numbers, casts, tables, powers of what may be negative and
divisions by what may be 0 where another branch is chosen.
"""

import numpy as np
import pytest
from own_optimizers import Plain, model, numbers

import symdiff as sd

TABLE = np.linspace(1.0, 0.1, 100)  # too large for a literal
FACTORS = {
    "number": lambda xp, t: 0.5,
    "choice": lambda xp, t: xp.where(t > 2, 0.5, 1.0),
    "both": lambda xp, t: xp.where((t > 1) & (t < 4), 0.5, 1.0),
    "neither": lambda xp, t: xp.where(xp.logical_not(t > 1) | (t > 3), 0.5, 1.0),
    "nested": lambda xp, t: xp.where(t > 2, 0.5, xp.where(t > 1, 0.2, 1.0)),
    "equal": lambda xp, t: xp.where(xp.equal(t, 2), 0.5, 1.0),
    "cast": lambda xp, t: 1.0 - 0.5 * xp.cast(t > 2, "float"),
    "entry": lambda xp, t: xp.constant(TABLE[:9])[xp.cast(t, "int64")],
    "stored": lambda xp, t: xp.constant(TABLE)[xp.cast(t, "int64")],
    "summed": lambda xp, t: xp.sum(t * np.array([0.1, 0.2])),
    "stacked": lambda xp, t: xp.max(xp.stack([t / 5, 0.2 * t**0])),
    "turns": lambda xp, t: (t % 3) / 3 + t // 2,
    "noam": lambda xp, t: xp.minimum(t**-0.5, t * 4**-1.5),
    "root": lambda xp, t: xp.where(t > 3, xp.maximum(t - 3, 0.0) ** 0.5, 1.0),
    "branch": lambda xp, t: xp.cond(t > 2, lambda: 0.5 * t, lambda: 1.0 * t),
}


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("options", [{}, {"groups": {"b": {"momentum": 0.5}}}])
def test_a_schedule_is_what_its_formula_says(name, options):
    factor = FACTORS[name]
    lr = sd.optim.Schedule(0.1, lambda t: factor(sd, t))
    optimizer = sd.optim.SGD(lr, momentum=0.2, **options)
    label = f"schedule_{name}_{len(options)}"
    module = sd.compile(model(label, optimizer)).load()
    start, gradients = numbers()
    for planned in (True, False):
        state = module.init_state(start)
        params, pace = dict(start), dict.fromkeys(start, 0.0)
        for t, given in enumerate(gradients, 1):
            module.train_step(state, *given.values(), planned=planned)
            rate = 0.1 * float(factor(Plain(), np.float64(t)))
            for n in params:
                momentum = options.get("groups", {}).get(n, {}).get("momentum", 0.2)
                pace[n] = momentum * pace[n] + given[n]
                params[n] = params[n] - rate * pace[n]
        for n, expected in params.items():
            np.testing.assert_allclose(state.params[n], expected, rtol=1e-12)


def test_a_division_by_zero_that_is_not_chosen_does_not_matter():
    factor = sd.optim.Schedule(0.1, lambda t: sd.where(t > 1, 1 / (t - 1), 1.0))
    module = sd.compile(model("schedule_zero", sd.optim.SGD(factor))).load()
    start, gradients = numbers()
    state = module.init_state(start)
    with np.errstate(divide="ignore"):
        for given in gradients:
            module.train_step(state, *given.values())
    rates = [0.1, 0.1, 0.05, 0.1 / 3]
    expected = start["b"] - sum(
        r * g["b"] for r, g in zip(rates, gradients, strict=True)
    )
    np.testing.assert_allclose(state.params["b"], expected, rtol=1e-12)
