"""Checkpoints that somebody made up: refused in words, with the state untouched."""

import copy
import json

import numpy as np
import pytest
from generated import beside
from training_runs import float32_rows, fresh, put

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

KINDS = ["npz", "safetensors"]
VALUES = [None, True, -1, 0, 2**63, 10**400, 1.5, np.nan, np.inf, "x", [], {}, [{}]]
COUNTS = {"step", "epoch", "waited", "flat"}


@pytest.fixture
def arrays(module):
    """The arrays of a good checkpoint."""
    options = {"validation": float32_rows(), "patience": 5, "checkpoint": "good.npz"}
    module.fit(fresh(module, 1), float32_rows(), epochs=2, **options)
    with np.load("good.npz") as file:
        return dict(file)


def image(state):
    """Everything that a state holds, as bytes and numbers."""
    found = {name: a.tobytes() for name, a in state.params.items()}
    found |= {f"slots/{name}": a.tobytes() for name, a in state.flat_slots.items()}
    found["grads"] = state.flat_grads.tobytes()
    return found, dict(state.hyper), state.step, state.key


def loaded(module, path):
    """Load a checkpoint; of one that is refused, return why and check the state."""
    state = fresh(module, 2)
    before = image(state)
    try:
        module.load_checkpoint(path, state)
    except ValueError as error:
        assert image(state) == before
        assert str(error).startswith(path)  # noqa: PT017 - others are accepted
        return str(error), state
    return None, state


def places(value, path=()):
    """Every place in nested dicts and lists."""
    if path:
        yield path
    listed = dict(enumerate(value)) if isinstance(value, list) else value
    for key, inner in listed.items() if isinstance(listed, dict) else ():
        yield from places(inner, (*path, key))


def edited(numbers, path, edit):
    made = copy.deepcopy(numbers)
    *outer, last = path
    place = made
    for key in outer:
        place = place[key]
    edit(place, last)
    return made


def possible(path, value):
    """Whether a number of a good checkpoint may as well have another value."""
    number = type(value) is float or (type(value) is int and value < 2**63)
    match path:
        case ("key",):
            return type(value) is int
        case ("hyper", _) | ("fit", "best"):
            nothing = value is None and path[0] == "fit"
            return nothing or (number and not np.isnan(value))
        case ("fit", "history", place, "epoch"):
            return type(value) is int and value == place
        case ("fit", "first"):
            return type(value) is int and value == 0
        case ("fit", "history", _, _):
            return number
        case ("fit", "run", *inner):  # compared with the run that goes on from it
            return bool(inner) or isinstance(value, dict)
        case ("fit",):
            return value == {}  # of a caller who keeps no progress
    return path[-1] in COUNTS - {"epoch"} and type(value) is int and 0 <= value < 2**63


def test_numbers_that_cannot_be_are_refused(module, arrays, monkeypatch):
    """The class: one number of a checkpoint left out, renamed, or any other value."""
    monkeypatch.setattr("os.fsync", lambda file: None)  # there are hundreds of files
    numbers = json.loads(arrays["numbers"].tobytes())
    cases = []
    for path in places(numbers):
        cases += [(path, v, lambda d, k, v=v: d.__setitem__(k, v)) for v in VALUES]
        cases.append((path, pytest, lambda d, k: d.pop(k)))
        if isinstance(path[-1], str):
            cases.append((path, pytest, lambda d, k: d.update({"no": d.pop(k)})))
    refused = 0
    for path, value, edit in cases:
        text = json.dumps(edited(numbers, path, edit)).encode()
        beside(module, "_files")._write(
            "c.npz", {**arrays, "numbers": np.frombuffer(text, np.uint8)}
        )
        said, _ = loaded(module, "c.npz")
        gone = path[:2] == ("fit", "run") and len(path) > 2
        expected = gone if value is pytest else possible(path, value)
        assert (said is None) == expected, (path, value, said)
        refused += said is not None
    assert refused > 200


def without(name):
    return lambda arrays: arrays.pop(name)


def other(name, change):
    return lambda arrays: arrays.update({name: change(arrays[name])})


ARRAYS = {
    "no params": (without("params/W"), "missing ['params/W']"),
    "no slots": (without("slots/m"), "missing ['slots/m']"),
    "no numbers": (without("numbers"), "missing ['numbers']"),
    "half of the best": (without("kept/b"), "kept/b is missing"),
    "more": (lambda a: a.update(more=np.ones(2)), "unexpected ['more']"),
    "renamed": (lambda a: a.update({"params/V": a.pop("params/W")}), "'params/V'"),
    "best of another": (lambda a: a.update({"kept/V": a["kept/W"]}), "['kept/V']"),
    "shape": (other("params/W", np.transpose), "params/W is missing, or is not"),
    "best shape": (other("kept/W", np.transpose), "kept/W is missing, or is not"),
    "longer": (other("slots/m", lambda a: np.tile(a, 2)), "slots/m"),
    "dtype": (other("params/b", lambda a: a.astype("f2")), "params/b is missing, or"),
    "integers": (other("params/b", lambda a: a.astype("i4")), "params/b"),
    "big": (other("params/b", lambda a: np.zeros(10**6, a.dtype)), "are the most"),
    "no JSON": (other("numbers", lambda a: a[:-1]), "no checkpoint"),
    "no text": (other("numbers", lambda a: a + 200), "no checkpoint"),
    "deep": (other("numbers", lambda a: np.full(10**5, 91, "u1")), "no checkpoint"),
    "a list": (other("numbers", lambda a: np.frombuffer(b"[1]", "u1")), "it must have"),
    "floats": (other("numbers", lambda a: a * 1.5), "no checkpoint"),
    "no bytes": (other("numbers", lambda a: a[:0]), "no checkpoint"),
}


@pytest.mark.parametrize(("change", "message"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_cannot_be_are_refused(module, arrays, change, message):
    change(arrays)
    np.savez("c.npz", **arrays)
    said, _ = loaded(module, "c.npz")
    assert message in said


def test_pickles_are_refused(module, arrays):
    for name in ("params/W", "numbers"):
        bad = np.array([print], object)
        np.savez("c.npz", **{**arrays, name: bad})
        assert name in loaded(module, "c.npz")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_are_refused(module, arrays, kind):
    beside(module, "_files")._write(f"c.{kind}", arrays)
    assert loaded(module, f"c.{kind}")[0] is None
    good = (open(f"c.{kind}", "rb")).read()  # noqa: PTH123, SIM115
    rng = np.random.default_rng(0)
    for content in (
        b"",
        b"{",
        bytes(1000),
        rng.bytes(1000),
        good[:-1],
        good + b"x" * 9,
    ):
        said, state = loaded(module, put(f"c.{kind}", content))
        if content.startswith(good) and said is None:  # zip files may have a tail
            assert kind == "npz"
            assert state.step == 4
        else:
            assert said
    module.save(f"w.{kind}", module.init_params(0))
    assert "missing ['numbers']" in loaded(module, f"w.{kind}")[0]


def test_a_checkpoint_of_no_run_is_not_gone_on_from(module):
    """What a caller wrote without progress can be loaded, and fit refuses it."""
    module.save_checkpoint("c.npz", fresh(module, 1))
    assert module.load_checkpoint("c.npz", fresh(module, 2)) == {"kept": {}}
    with pytest.raises(ValueError, match=r"^c\.npz holds no checkpoint for this"):
        module.fit(fresh(module), float32_rows(), checkpoint="c.npz")
