"""Parameters, states and steps of leaves that are declared float32 or float64.

A width that is declared holds in everything that training makes: the first parameters,
the state, gradients, slots, averages, files. The dtype that is asked for is that of
floats declared without one. The planned step gives the readable step's bits or, where
parameters have two widths, is not there.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import width_models as models
from width_models import CASES, EITHER, TRAINED, expected, widths_of

import symdiff as sd

APART = [c for c in CASES if len({CASES[c].get(n, "float") for n in TRAINED}) > 1]
OPTIMIZERS = {
    "averages and clipping": "sd.optim.Adam(0.01, clip_norm=0.1, ema=0.9)",
    "momentum": "sd.optim.SGD(0.01, momentum=0.9, weight_decay=0.1)",
    "frozen": "sd.optim.AdamW(0.01, frozen=['b'], clip_norm=0.5)",
    "max norm": "sd.optim.SGD(0.1, max_norm=1.0)",
}
every_case = pytest.mark.parametrize("case", CASES)
either_width = pytest.mark.parametrize("neutral", EITHER)


def stepped(train, case, neutral, planned=None, steps=3):
    """Return a state after some steps, and what they told."""
    state = train.init_state(models.params(case, neutral))
    named = {} if planned is None else {"planned": planned}
    batches = [models.data(case, neutral, seed) for seed in range(steps)]
    return state, [train.train_step(state, *batch, **named) for batch in batches]


def same(one, other):
    assert widths_of(one) == widths_of(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


# --- what training makes -------------------------------------------------------------


@either_width
@every_case
def test_everything_has_the_declared_width(case, neutral):
    train = models.module_of(case, "train")
    assert widths_of(train.init_params(0, neutral)) == expected(case, neutral)
    assert widths_of(train.init_params(0)) == expected(case, "float32")
    state, _ = stepped(train, case, neutral)
    assert widths_of(state.params) == expected(case, neutral)
    trained = expected(case, neutral, TRAINED)
    assert widths_of(state.grads) == trained
    assert {slot: widths_of(a) for slot, a in state.slots.items()} == {
        "m": trained,
        "v": trained,
    }
    backward = models.module_of(case, "backward")
    arguments = models.params(case, neutral), *models.data(case, neutral)
    _, gradients, updates = backward.value_and_grad(*arguments)
    assert widths_of(gradients) == trained
    assert widths_of(updates) == expected(case, neutral, ["seen"])


@every_case
def test_initial_values_are_drawn_in_double_precision_and_rounded_once(case):
    train = models.module_of(case, "train")
    neutral = models.module_of("neutral", "train").init_params(3, np.float64)
    for name, array in train.init_params(3, "float32").items():
        np.testing.assert_array_equal(array, neutral[name].astype(array.dtype))


@either_width
@every_case
def test_averages_have_the_width_of_their_parameters(case, neutral):
    train = models.module_of(case, "train", OPTIMIZERS["averages and clipping"])
    state, _ = stepped(train, case, neutral)
    assert widths_of(train.averaged_params(state)) == expected(case, neutral)


# --- steps ---------------------------------------------------------------------------


@either_width
@every_case
def test_planned_steps_are_readable_steps_bit_for_bit(case, neutral):
    train = models.module_of(case, "train")
    readable, told = stepped(train, case, neutral, planned=False)
    planned, same_told = stepped(train, case, neutral, planned=True)
    same(readable.params, planned.params)
    same(readable.grads, planned.grads)
    assert told == same_told


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("case", ["W_32_b_64", "params_64", "x_64", "seen_64_cast_32"])
def test_planned_steps_of_other_optimisers_are_too(case, optimizer):
    train = models.module_of(case, "train", optimizer)
    readable, told = stepped(train, case, "float32", planned=False)
    planned, same_told = stepped(train, case, "float32", planned=True)
    same(readable.params, planned.params)
    assert told == same_told
    assert widths_of(planned.params) == expected(case, "float32")


@either_width
@every_case
def test_one_file_is_the_package(case, neutral):
    single = models.compiled(case, single_file=True).load()
    of_package, told = stepped(models.module_of(case, "train"), case, neutral, False)
    of_file, same_told = stepped(single, case, neutral)
    same(of_package.params, of_file.params)
    assert told == same_told


@pytest.mark.parametrize("case", [c for c in CASES if "cast" not in CASES[c]])
def test_a_step_of_two_widths_is_that_of_one_but_for_rounding(case):
    wide, told = stepped(models.module_of("neutral", "train"), "neutral", "float64")
    state, found = stepped(models.module_of(case, "train"), case, "float64")
    for name, array in state.params.items():
        np.testing.assert_allclose(array, wide.params[name], rtol=1e-4, atol=1e-5)
    assert [f["loss"] for f in found] == pytest.approx([f["loss"] for f in told], 1e-5)


@pytest.mark.parametrize("case", APART)
def test_parameters_of_two_widths_have_no_planned_step_and_the_header_says_why(case):
    files = models.compiled(case).files
    assert "widths/_planned.py" not in files
    header = files["widths/train.py"].partition('"""')[0].replace("\n#  ", "")
    kinds = dict.fromkeys(CASES[case].get(n, "float") for n in TRAINED)
    why = f"no planned step: parameters are declared {' and '.join(kinds)}, and it"
    assert why in re.sub(r"\s+", " ", header)


@pytest.mark.parametrize("case", sorted({*CASES} - {*APART}))
def test_others_have_one(case):
    files = models.compiled(case).files
    assert "widths/_planned.py" in files
    assert "no planned step" not in files["widths/train.py"]


def test_a_plan_is_made_for_the_width_of_the_arguments():
    """Parameters of one width, and data of either: a plan for each."""
    train = models.module_of("kept_64", "train")
    planned, readable = (
        train.init_state(models.params("kept_64", "float32")) for _ in range(2)
    )
    for neutral in (*EITHER, *EITHER):
        batch = models.data("kept_64", neutral)
        found = train.train_step(planned, *batch, planned=True)
        assert found == train.train_step(readable, *batch, planned=False)
        same(planned.params, readable.params)
    plans = [p for key, p in planned._plans.items() if key != "update"]
    assert len({id(plan) for plan in plans}) == 2


# --- files ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@either_width
@every_case
def test_saved_parameters_come_back_in_their_widths(case, neutral, ending, tmp_path):
    train = models.module_of(case, "train")
    params = models.params(case, neutral)
    path = tmp_path / f"weights.{ending}"
    train.save(path, params)
    same(train.load(path), params)


def test_files_of_another_width(tmp_path):
    """A narrower array is held exactly by a wider width; a wider one is refused."""
    train = models.module_of("W_32_b_64", "train")
    path = tmp_path / "weights.npz"
    half = {n: a.astype(np.float16) for n, a in models.params("all_32", "").items()}
    np.savez(path, **half)
    found = train.load(path)
    assert widths_of(found) == expected("W_32_b_64", "float32")
    for name, array in found.items():
        np.testing.assert_array_equal(array, half[name])
    train.save(path, models.params("all_32", "float32"))
    assert widths_of(train.load(path)) == expected("W_32_b_64", "float32")
    train.save(path, models.params("all_64", "float64"))
    words = (
        r"weights.npz: W is float64, not float32: save it anew after \.astype\(np\.f"
    )
    with pytest.raises(ValueError, match=words):
        train.load(path)


@pytest.mark.parametrize("case", ["W_32_b_64", "params_64", "x_64", "W_64"])
def test_a_run_that_stops_goes_on_from_its_checkpoint(case, tmp_path):
    train = models.module_of(case, "train")
    rng = np.random.default_rng(0)
    kinds = {n: models.width(case, n, "float32") for n in models.DATA}
    data = {
        n: rng.normal(size=(20, *s[1:])).astype(kinds[n])
        for n, s in models.DATA.items()
    }

    def fitted(*epochs, **more):
        state = train.init_state(train.init_params(0), 0)
        for count in epochs:
            if more:
                state = train.init_state(train.init_params(1), 0)
            history = train.fit(state, data, epochs=count, batch_size=5, **more)
        return state, history

    whole, history = fitted(4)
    path = str(tmp_path / "checkpoint.npz")
    parts, same_history = fitted(2, 4, checkpoint=path)
    assert [r["epoch"] for r in same_history] == list(range(4))
    assert np.isfinite(history[-1]["loss"])
    assert widths_of(parts.params) == widths_of(whole.params)
    assert {s: widths_of(a) for s, a in parts.slots.items()} == {
        s: widths_of(a) for s, a in whole.slots.items()
    }


@pytest.mark.parametrize("case", ["W_32_b_64", "W_64", "params_64"])
def test_parts_of_a_batch_add_up_to_it(case):
    text = models.spec(case, "sd.optim.SGD(0.1)")
    names = {}
    exec(re.sub(r"    updates=.*\n", "", text), names)
    train = sd.compile(names["model"]).load().train
    found = []
    for accumulate in (1, 2):
        state = train.init_state(models.params(case, "float32"))
        batch = dict(zip(models.DATA, models.data(case, "float32"), strict=True))
        named = {"batch_size": 5, "accumulate": accumulate}
        train.fit(state, batch, epochs=3, **named)
        found.append(state.params)
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], rtol=1e-4, atol=1e-6)


# --- what does not fit ---------------------------------------------------------------


@pytest.mark.parametrize("case", ["W_32", "W_32_b_64", "params_64", "all_64"])
def test_arrays_of_another_width_are_refused_by_name(case):
    train, backward = (
        models.module_of(case, "train"),
        models.module_of(case, "backward"),
    )
    right, batch = models.params(case, "float32"), models.data(case, "float32")
    for name in CASES[case]:
        if name not in right:
            continue
        own = CASES[case][name]
        other = next(w for w in EITHER if w != own)
        wrong = {**right, name: right[name].astype(other)}
        words = (
            rf'params\[\'{name}\'\]: expected {own}, got {other}; use \.astype\("{own}"'
        )
        for call in (train.init_state, lambda p: backward.value_and_grad(p, *batch)):
            with pytest.raises(TypeError, match=words):
                call(wrong)


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("case", ["x_32", "x_64", "data_64", "all_32", "x_32_W_64"])
def test_data_of_another_width_is_refused_by_name(case, planned):
    train = models.module_of(case, "train")
    state = train.init_state(models.params(case, "float32"))
    x, t = models.data(case, "float32")
    own = CASES[case]["x"]
    other = next(w for w in EITHER if w != own)
    words = rf'x: expected {own}, got {other}; use \.astype\("{own}"\)'
    before = {n: a.copy() for n, a in state.params.items()}
    with pytest.raises(TypeError, match=words):
        train.train_step(state, x.astype(other), t, planned=planned)
    same(before, state.params)


def test_numbers_have_the_width_that_is_declared():
    for kind in EITHER:
        a, b = sd.input("a", (), dtype=kind), sd.input("b", (3,), dtype=kind)
        forward = sd.compile(sd.Function("scaled", [a, b], a * b)).load().forward
        for number in (2, 2.5):
            found = forward.forward(number, np.ones(3, kind))
            assert (found.dtype, found[0]) == (kind, number)


def test_lengths_are_found_where_widths_are_declared():
    """Lengths are found by calling the module, with arrays that it takes."""
    from symdiff.compiler.drawing import draw_argument, lengths_of

    N, M = sd.dim("N"), sd.dim("M")
    x, y = sd.input("x", N, dtype="float32"), sd.input("y", M, dtype="float64")
    function = sd.Function("sums", [x, y], sd.sum(sd.diff(x)) + sd.mean(y[3:]))
    module = sd.compile(function).load().forward
    sizes = lengths_of(module, wishes=(1,))
    rng = np.random.default_rng(0)
    drawn = {n: draw_argument(s, sizes, rng) for n, s in module.ARGUMENTS.items()}
    assert widths_of(drawn) == {"x": "float32", "y": "float64"}
    assert np.isfinite(module.forward(*drawn.values()))


@pytest.mark.parametrize("case", ["W_32_b_64", "params_64"])
def test_what_is_assigned_to_a_state_has_its_width(case):
    train = models.module_of(case, "train")
    state = train.init_state(models.params(case, "float32"))
    batch = models.data(case, "float32")
    own = CASES[case]["W"]
    other = next(w for w in EITHER if w != own)
    new = np.full((3, 4), 0.25)
    state.params["W"] = new.astype(other)
    with pytest.raises(TypeError, match=rf"state.params\['W'\]: expected {own}, got"):
        train.train_step(state, *batch)
    state.params["W"] = new.astype(own)
    train.train_step(state, *batch)
    assert np.abs(state.params["W"] - new).max() <= 0.011  # a step of Adam from there
    assert widths_of(state.params) == expected(case, "float32")
