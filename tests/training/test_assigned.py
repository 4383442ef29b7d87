"""What is assigned into a state is what is trained, whichever way it is assigned.

The class: every way in which a dict takes values, for parameters, running statistics,
gradients and slots, before the first step and later, in the planned step, the readable
one and the single file. The oracle is a twin whose arrays are written in place.
"""

import operator

import numpy as np
import pytest
from training.states import (
    OPTIMIZERS,
    T,
    X,
    module_of,
    same_arrays,
    same_state,
    started,
    train_on,
)


def fresh(arrays, seed=7):
    """Return other values for arrays, positive as second moments are."""
    rng = np.random.default_rng(seed)
    return {n: rng.random(a.shape).astype(a.dtype) for n, a in arrays.items()}


# --- the ways of assigning, and of saying where ---------------------------------------


def item(held, values, put):
    for name, value in values.items():
        held[name] = value


def popped(held, values, put):
    for name, value in values.items():
        held.pop(name)
        held[name] = value


def deleted(held, values, put):
    for name in values:
        del held[name]
    for name, value in values.items():
        assert held.setdefault(name, value) is value


def cleared(held, values, put):
    rest = {n: a for n, a in held.items() if n not in values}
    held.clear()
    held.update(values, **rest)


WAYS = {
    "item": item,
    "update": lambda held, values, put: held.update(values),
    "update by pairs": lambda held, values, put: held.update(list(values.items())),
    "|=": lambda held, values, put: operator.ior(held, values),
    "pop and set": popped,
    "del and setdefault": deleted,
    "clear and update": cleared,
    "bound anew": lambda held, values, put: put({**held, **values}),
    "bound as a union": lambda held, values, put: put(held | values),
    "in place": lambda held, values, put: [
        np.copyto(held[name], value) for name, value in values.items()
    ],
}
PLACES = {
    "params": lambda s: (s.params, lambda new: setattr(s, "params", new)),
    "grads": lambda s: (s.grads, lambda new: setattr(s, "grads", new)),
    "slot": lambda s: (
        next(iter(s.slots.values())),
        lambda new: s.slots.update({next(iter(s.slots)): new}),
    ),
    "slots": lambda s: (
        s.slots[[*s.slots][-1]],
        lambda new: setattr(s, "slots", {**s.slots, [*s.slots][-1]: new}),
    ),
}
HOW = {"planned": {}, "readable": {"planned": False}, "single": {}}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_what_is_assigned_is_trained(name, how, kind):
    train = module_of(name, single=how == "single")
    for place, find in PLACES.items():
        for way, assign in WAYS.items():
            one, other = started(train, kind), started(train, kind)
            if place.startswith("slot") and not one.slots:
                continue
            held, put = find(one)
            values = dict(list(fresh(held).items())[:3])
            given = {n: a.copy() for n, a in values.items()}
            assign(held, given, put)
            for n, a in values.items():
                np.testing.assert_array_equal(find(one)[0][n], a, err_msg=way)
                find(other)[0][n][...] = a
            found = train_on(train, one, HOW[how])
            assert found == train_on(train, other, HOW[how]), (place, way)
            same_state(one, other)
            same_arrays(given, values)  # the caller's arrays are never written


@pytest.mark.parametrize("how", HOW)
def test_running_statistics_can_be_assigned(how):
    train = module_of("sgd", single=how == "single")
    one, other = started(train), started(train)
    one.params["n.mean"] = np.full(4, 5.0)
    other.params["n.mean"][...] = 5
    assert train_on(train, one, HOW[how]) == train_on(train, other, HOW[how])
    same_state(one, other)


@pytest.mark.parametrize("how", HOW)
def test_gradients_assigned_between_the_halves_of_a_step_are_applied(how):
    train = module_of("adam", single=how == "single")
    one, other = started(train), started(train)
    for state in (one, other):
        train.compute_grads(state, X, T)
    one.grads.update({n: np.clip(g, -0.01, 0.01) for n, g in one.grads.items()})
    np.clip(other.flat_grads, -0.01, 0.01, out=other.flat_grads)
    for state in (one, other):
        train.apply_update(state)
    same_state(one, other)


def swapped(p):
    p["a.W"], p["b.W"] = p["b.W"], p["a.W"]


def restored(p):
    saved = dict(p)
    p.update(fresh(p))
    p.update(saved)


def shared(p):
    p["a.W"] = p["b.W"] = np.ones((4, 4))


def turned(p):
    p["a.W"] = p["a.W"][::-1].T


def wrapped(p):
    p["a.W"] = np.asarray(p["a.W"] * 2, dtype=p["a.W"].dtype.newbyteorder())


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("change", [swapped, restored, shared, turned, wrapped])
def test_a_state_s_own_arrays_can_be_assigned_to_it(change, how):
    """Views that overlap, or that change places, mean the values they had."""
    train = module_of("adam", single=how == "single")
    one, other = started(train), started(train)
    copies = {n: a.copy() for n, a in other.params.items()}
    change(one.params)
    change(copies)
    for n, a in copies.items():
        other.params[n][...] = a
    assert train_on(train, one, HOW[how]) == train_on(train, other, HOW[how])
    same_state(one, other)


def test_dicts_that_were_taken_out_before_see_what_is_trained():
    train = module_of("adam")
    state = started(train)
    params, grads, slots = state.params, state.grads, state.slots
    params["a.W"] = np.ones((4, 4))
    grads["a.W"] = np.ones((4, 4))
    slots["m"] = fresh(slots["m"])
    train_on(train, state, {})
    assert params["a.W"] is state.params["a.W"]
    assert grads["a.W"] is state.grads["a.W"]
    assert slots["m"]["a.W"] is state.slots["m"]["a.W"]
    assert np.shares_memory(params["a.W"], state.flat_params)


def test_one_dict_for_two_states_keeps_them_apart():
    train = module_of("sgd")
    params = fresh(started(train).params)
    before = {n: a.copy() for n, a in params.items()}
    states = [started(train), started(train)]
    for state in states:
        state.params = params
    train_on(train, states[0], {}, 5)
    train_on(train, states[1], {}, 1)
    alone = started(train)
    alone.params = params
    train_on(train, alone, {}, 1)
    same_state(states[1], alone)
    same_arrays(params, before)


def test_fit_trains_what_is_assigned_before_and_in_callbacks(tmp_path):
    train = module_of("adam")
    rows = {"x": X, "t": T}
    states = []
    for planned in (True, False):
        state = started(train)
        state.params = fresh(state.params)

        def decayed(epoch, step, steps, found, state=state):
            state.params.update({n: 0.9 * a for n, a in state.params.items()})

        path = tmp_path / f"{planned}.npz"
        train.fit(
            *(state, rows),
            epochs=3,
            batch_size=4,
            callback=decayed,
            planned=planned,
            checkpoint=path,
            patience=2,
            validation=rows,
        )
        states.append(state)
        other = started(train)
        train.load_checkpoint(path, other)
    same_state(*states)


def test_a_checkpoint_holds_what_is_assigned_and_loads_over_it(tmp_path):
    train = module_of("adam")
    one = started(train)
    one.params.update(fresh(one.params))
    one.slots["v"] = fresh(one.params, 3)
    one.slots["v"].pop("n.mean")
    one.slots["v"].pop("n.variance")
    train.save_checkpoint(tmp_path / "c.npz", one)
    other, mine = started(train), np.zeros((4, 4))
    other.params["a.W"] = mine
    train.load_checkpoint(tmp_path / "c.npz", other)
    train_on(train, one, {})
    train_on(train, other, {})
    same_state(one, other)
    assert not mine.any()


# --- what does not fit ----------------------------------------------------------------

WRONG = {
    "shape": (lambda s: s.params.update({"a.W": np.ones(4)}), r"'a.W'\]: expected sha"),
    "dtype": (
        lambda s: s.params.update({"a.W": np.ones((4, 4), "float32")}),
        r'expected float64, got float32; use .astype\("float64"\)',
    ),
    "integers": (lambda s: s.params.update({"a.b": np.ones(4, int)}), "got int64"),
    "a number": (lambda s: s.params.update({"a.b": 0.5}), r"expected shape \(4,\)"),
    "a truth": (lambda s: s.params.update(scale=True), "expected float64, got bool"),
    "nothing": (lambda s: s.params.update({"a.b": None}), "expected float64, got obj"),
    "masked": (
        lambda s: s.params.update({"a.b": np.ma.ones(4)}),
        "expected a plain array, got MaskedArray",
    ),
    "unknown": (
        lambda s: s.params.update({"a.w": np.ones((4, 4))}),
        r"state.params: missing \[\], unexpected \['a.w'\]",
    ),
    "deleted": (lambda s: s.params.pop("a.W"), r"state.params: missing \['a.W'\]"),
    "grads": (lambda s: s.grads.update({"n.mean": np.ones(4)}), "state.grads: missing"),
    "slot": (
        lambda s: s.slots["m"].update({"a.b": np.ones(3)}),
        r"state.slots\['m'\]\['a.b'\]: expected shape \(4,\), got \(3,\)",
    ),
    "slots": (lambda s: s.slots.update(w={}), r"state.slots: missing \[\], unexp"),
    "no slot": (lambda s: s.slots.pop("m"), r"state.slots: missing \['m'\]"),
    "vector": (
        lambda s: setattr(s, "flat_params", s.flat_params + 1),
        "write into the vectors",
    ),
    "vectors": (
        lambda s: s.flat_slots.update(m=s.flat_params + 1),
        "write into the vectors",
    ),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_named_by_the_next_step(change, message, how):
    train = module_of("adam", single=how == "single")
    state = started(train)
    state.params["b.b"] = np.ones(4)
    change(state)
    before = state.params["b.b"], state.step, state.flat_params.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        train_on(train, state, HOW[how])
    assert state.params["b.b"] is before[0]
    assert state.step == before[1]
    np.testing.assert_array_equal(state.flat_params, before[2])


def test_numbers_of_python_are_scalars_of_any_width():
    for kind in ("float32", "float64"):
        train = module_of("sgd")
        one, other = started(train, kind), started(train, kind)
        one.params["scale"] = 2
        other.params["scale"][...] = 2
        assert train_on(train, one, {}) == train_on(train, other, {})
