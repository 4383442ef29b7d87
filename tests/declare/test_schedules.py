"""Schedules equal PyTorch's where both have them; a compiled step follows them."""

import importlib

import numpy as np
import pytest

import symdiff as sd

S = sd.optim.schedules
STEPS = 60


def ours(schedule, steps=STEPS):
    """Return the value at steps 1, 2, ..."""
    t = sd.input("t", ())
    factor = schedule.factor(t)
    return [
        schedule.base * float(sd.interpret(factor, {t: float(step)}))
        for step in range(1, steps + 1)
    ]


def theirs(make, steps=STEPS, base=0.5):
    """Return the rate that each of torch's steps uses."""
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    schedule = make(torch.optim.lr_scheduler, optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


CASES = {
    "constant": (S.constant(0.5), lambda s, o: s.LambdaLR(o, lambda t: 1.0)),
    "step": (S.step(0.5, 10, 0.3), lambda s, o: s.StepLR(o, 10, 0.3)),
    "exponential": (S.exponential(0.5, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    "cosine": (S.cosine(0.5, STEPS), lambda s, o: s.CosineAnnealingLR(o, STEPS)),
    "cosine, final": (
        S.cosine(0.5, STEPS, final=0.1),
        lambda s, o: s.CosineAnnealingLR(o, STEPS, eta_min=0.05),
    ),
    "one cycle": (S.one_cycle(0.5, STEPS), lambda s, o: s.OneCycleLR(o, 0.5, STEPS)),
    "one cycle, options": (
        S.one_cycle(0.5, STEPS, up=0.4, start=0.1, final=1e-3),
        lambda s, o: s.OneCycleLR(
            o, 0.5, STEPS, pct_start=0.4, div_factor=10, final_div_factor=100
        ),
    ),
    "piecewise": (
        S.piecewise(0.5, [10, 30], [1, 0.1, 0.01]),
        lambda s, o: s.MultiStepLR(o, [10, 30], 0.1),
    ),
    "warm-up": (
        S.warmup(0.5, 10),
        lambda s, o: s.LinearLR(o, start_factor=0.1, total_iters=9),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_schedule_equals_torch(case):
    schedule, make = case
    np.testing.assert_allclose(ours(schedule), theirs(make), rtol=1e-9, atol=1e-12)


def test_cosine_with_warm_up_rises_and_stays_at_its_end():
    values = ours(S.cosine(1.0, 40, warmup_steps=10, final=0.2), 60)
    np.testing.assert_allclose(values[:10], np.arange(1, 11) / 10)
    assert values[10] == pytest.approx(1.0)
    assert (np.diff(values[10:40]) < 0).all()
    np.testing.assert_allclose(values[40:], 0.2)


def test_a_warm_up_goes_before_another_schedule():
    inner = S.exponential(0.5, 0.9)
    values = ours(S.warmup(inner, 5), 10)
    share = np.minimum(np.arange(1, 11) / 5, 1)
    np.testing.assert_allclose(values, share * ours(inner, 10))


@pytest.mark.parametrize("planned", [False, True])
def test_a_compiled_step_follows_its_schedule(planned):
    """p ← p − lr(t) with gradient 1; the base may be changed while training."""
    x, w = sd.input("x", ()), sd.param("w", (), init=0.0)
    schedule = S.step(0.5, 2, 0.1)
    model = sd.Model("m", [x], [], x * w, x * w, optimizer=sd.optim.SGD(schedule))
    train = importlib.import_module(f"{sd.compile(model).load().__name__}.train")
    state = train.init_state(train.init_params(0, np.float64))
    rates = [0.5, 0.5, 0.05, 0.05]
    for step in range(4):
        before = float(state.params["w"])
        train.train_step(state, np.array(1.0), planned=planned)
        np.testing.assert_allclose(before - state.params["w"], rates[step])
    state.hyper["lr"] = 50.0
    before = float(state.params["w"])
    train.train_step(state, np.array(1.0), planned=planned)
    np.testing.assert_allclose(before - state.params["w"], 0.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S.step(0.1, 0),
        lambda: S.step(0.1, 2.5),
        lambda: S.exponential(0.1, -1.0),
        lambda: S.cosine(0.1, 10, warmup_steps=10),
        lambda: S.one_cycle(0.1, 10, up=1.0),
        lambda: S.one_cycle(0.1, 3, up=0.3),
        lambda: S.piecewise(0.1, [5, 3], [1, 1, 1]),
        lambda: S.piecewise(0.1, [5], [1]),
        lambda: S.warmup(0.1, -3),
        lambda: sd.optim.SGD(S.constant(-0.1)),
        lambda: sd.optim.SGD(S.constant("x")),
    ],
)
def test_bad_schedules_are_refused(make):
    with pytest.raises(sd.DeclarationError) as caught:
        make()
    assert __file__ in str(caught.value)
