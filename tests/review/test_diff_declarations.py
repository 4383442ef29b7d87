"""`symdiff diff` tells each single change of a declaration, also of one that changes
nothing in what is generated: as of a bound that the uses of an input imply.
"""

import dataclasses
import inspect
import itertools

import pytest
from cli_runs import printed as run
from review_commands import spec

import symdiff as sd

TRAINED = """\
import numpy as np
import symdiff as sd

N = sd.dim("N")
f = sd.input("f", (N, 3){float})
k = sd.input("k", (N,), dtype={dtype!r}{index})
y = sd.input("y", (N,), dtype="int64"{label})
T = sd.param("T", (4, 3){param})
b = sd.state("b", (3,){state})
z = f + T[k] + b
loss = sd.nn.softmax_cross_entropy(z, y)
"""
HEADS = {
    "trained": 'model = sd.Model("m", [f, k], [y], outputs=z, loss=loss,\n'
    "    updates={b: 0.5 * b}, optimizer=sd.optim.SGD(0.1))\n",
    "not trained": 'model = sd.Model("m", [f, k], outputs=z)\n',
    "a function": 'model = sd.Function("m", [f, k, y, T, b], loss)\n',
}
BOUNDS = ["", ", low=0", ", high=2", ", high=4", ", high=5", ", low=1, high=4"]
# For each place of the spec, what may stand there; every two of them differ.
PLACES = {
    "float": ["", ", low=-1.0", ", high=2.0", ", low=-1.0, high=2.0"]
    + [f", sample=sd.init.{s}" for s in ("normal(1.0)", "uniform(0, 1)", "ones")],
    "index": BOUNDS,
    "label": BOUNDS,
    "param": [f", init={i}" for i in ("1.0", "2.0", "'he_normal'", "'lecun_normal'")]
    + [f", init=np.arange(12.0).reshape(4, 3) + {k}" for k in (0, 1)],
    "state": [", init=1.0", ", init=2.0", ", init=np.ones(3)"],
    "dtype": ["int64", "int32"],
}
NAMES = {"float": "f", "index": "k", "label": "y", "param": "T", "state": "b"}
PLAIN = {"float": "", "index": "", "label": "", "param": "", "state": ""}
PLAIN |= {"dtype": "int64"}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("place", PLACES)
def test_every_change_of_an_attribute_is_told(head, place):
    if place == "label" and head == "not trained":
        return  # there are no labels
    told = set()
    for old, new in itertools.pairwise(PLACES[place]):
        texts = [TRAINED.format(**PLAIN | {place: s}) + HEADS[head] for s in (old, new)]
        said = run("diff", spec(texts[0], "a.py"), spec(texts[1], "b.py"), code=1)
        lines = said.partition("declared\n")[2].partition("\n\n")[0].splitlines()
        name = NAMES.get(place, "k")
        about = [s for s in lines if f" {name}: " in s]
        assert about, (old, new, said)
        assert len(lines) <= 2 * len(about), (old, new, said)
        told.update(lines)
    assert len(told) >= len(PLACES[place]) - 1


def hyperparameters():
    """Every number that an optimiser takes, with another value."""
    for name in sd.optim.__all__ if hasattr(sd.optim, "__all__") else dir(sd.optim):
        kind = getattr(sd.optim, name)
        if not (inspect.isclass(kind) or inspect.isfunction(kind)) or name[0].islower():
            continue
        for p in inspect.signature(kind).parameters.values():
            if type(p.default) in (float, int, bool) and p.name != "self":
                yield name, p.name, p.default


def other(value):
    return not value if isinstance(value, bool) else value * 0.5 if value else 0.25


SMALL = """\
import symdiff as sd

x = sd.input("x", (sd.dim("N"), 2))
z = x @ sd.param("w", (2,), init=1.0)
model = sd.Model("m", [x], outputs=z, loss=sd.mean(z * z),
                 optimizer=sd.optim.{})
"""
MOMENTUM = ("nesterov", "lecture")  # which mean something with momentum alone


@pytest.mark.parametrize(("name", "parameter", "value"), list(hyperparameters()))
def test_every_number_of_an_optimiser_is_told(name, parameter, value):
    also = ", momentum=0.9" if parameter in MOMENTUM else ""
    texts = [
        SMALL.format(f"{name}({parameter}={given!r}{also})")
        for given in (value, other(value))
    ]
    said = run("diff", spec(texts[0], "a.py"), spec(texts[1], "b.py"), code=1)
    assert "declared" in said or "generated" in said


SETTINGS = {
    "epochs": ("", "epochs=9"),
    "batch_size": ("", "batch_size=9"),
    "seed": ("", "seed=1"),
    "shuffle": ("", "shuffle=False"),
    "accumulate": ("", "accumulate=2"),
    "validation_split": ("", "validation_split=0.5"),
    "patience": ("", "patience=2"),
    "monitor": ("patience=2", "patience=2, monitor='train_loss'"),
    "mode": ("patience=2", "patience=2, mode='max'"),
    "plateau": ("", "plateau={'factor': 0.5, 'patience': 2}"),
}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(sd.Training)])
def test_every_setting_of_training_is_told(field):
    text = f"{SMALL.format('SGD(0.1)')}training = sd.Training({{}})\n"
    for name, given in zip(("a.py", "b.py"), SETTINGS[field], strict=True):
        spec(text.format(given), name)
    assert f"training {field}: " in run("diff", "a.py", "b.py", code=1)
