"""`symdiff diff` tells every declared fact that changes what is generated.

One spec holds a declared fact of each kind. Each is changed in turn; then something is
told exactly when the generated files differ in more than headings and hashes, and where
a fact has a line of its own, that line is told.
"""

import functools
import re
from pathlib import Path

import pytest
from cli_runs import printed as run
from review_commands import edit, spec

import symdiff as sd
from symdiff.declare.spec import load_spec

TRAINED = """\
import numpy as np
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 4), low=-1.0, high=2.0, sample=sd.init.uniform(-1, 1))
w = sd.input("w", (N,), low=0.0)
k = sd.input("k", (N,), dtype="int32", low=0, high=6)
y = sd.input("y", (N,), dtype="int64", high=3)
table = sd.param("table", (6, 4), init="lecun_normal")
fixed = sd.constant(np.arange(4.0))
big = sd.constant(np.linspace(0.0, 1.0, 80).reshape(20, 4))
seen = sd.state("seen", (4,), init=0.0)
u = x + table[k] + fixed + seen + sd.mean(big, axis=0)
h = sd.tanh(u @ sd.param("V", (4, 5), init="he_normal"))
h = sd.nn.dropout(h, 0.25)
z = h @ sd.param("W", (5, 3), init=0.5) + sd.param("b", (3,))
losses = w * sd.nn.softmax_cross_entropy(z, y, reduction="none")
loss = sd.mean(losses)
model = sd.Model(
    "small",
    inputs=[x, k],
    targets=[w, y],
    outputs={"scores": z, "probs": sd.nn.softmax(z)},
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(z, y), "size": sd.mean(z**2)},
    updates={seen: 0.9 * seen + 0.1 * sd.mean(x, axis=0)},
    optimizer=sd.optim.Adam(
        sd.optim.schedules.exponential(1e-3, 0.9),
        weight_decay=0.01,
        frozen=["b"],
        groups={"W": {"lr": 0.01}},
        max_norm={"V": 3.0},
        clip_norm=1.0,
    ),
)
training = sd.Training(epochs=3, batch_size=8, patience=2)
"""
PLAIN = """\
import symdiff as sd

a = sd.input("a", (3,), low=0.5, sample=sd.init.uniform(1, 2))
M = sd.input("M", (3, 3))
f = sd.Function("plain", [a, M], {"u": M @ sd.log(a), "v": sd.sum(a)})
model = f
"""

# What is changed, into what, and the line that tells it.
FACTS = {
    "name of the model": ('"small"', '"other"', "its docstring"),
    "dtype of an input": (
        '"int32"',
        '"int64"',
        "~ argument k: int32[N] from 0 below 6 → int64[N] from",
    ),
    "low of an input": (
        "low=-1.0",
        "low=-2.0",
        "[N, 4] from -1.0 below 2.0 → float[N, 4] from -2.0 below 2.0",
    ),
    "no low": (", low=0.0", "", "~ argument w: float[N] from 0.0 → float[N]"),
    "high of an input": ("high=2.0", "high=3.0", "~ argument x"),
    "sample of an input": (
        "uniform(-1, 1)",
        "uniform(-0.5, 1)",
        "~ drawn by checks: x: ",
    ),
    "name of an input": ('"k"', '"kind"', "- argument k: int32"),
    "order of inputs": (
        "[x, k]",
        "[k, x]",
        "~ order of arguments: x, k, w, y → k, x, w, y",
    ),
    "order of targets": (
        "[w, y]",
        "[y, w]",
        "~ order of arguments: x, k, w, y → x, k, y, w",
    ),
    "init of a parameter": ('"he_normal"', '"glorot_normal"', "~ initial V: "),
    "a number as init": (
        "init=0.5",
        "init=0.25",
        "~ initial W: np.full((5, 3), 0.5) → np.full((5, 3), 0.25)",
    ),
    "no init": (", init=0.5", "", "~ initial W: "),
    "name of a parameter": ('"b", (3,)', '"c", (3,)', "- parameter b: float[3]"),
    "dtype of a parameter": (
        '"W", (5, 3)',
        '"W", (5, 3), dtype="float32"',
        "~ parameter W: float[5, 3] → float32[5, 3]",
    ),
    "init of a state": (
        "(4,), init=0.0",
        "(4,), init=1.0",
        "~ initial seen: np.full((4,), 0.0) → np.full((4,), 1.0)",
    ),
    "update of a state": ("0.9 * seen", "0.8 * seen", "0.8 * seen"),
    "a small constant": (
        "np.arange(4.0)",
        "np.arange(1.0, 5.0)",
        "np.array([1.0, 2.0, 3.0, 4.0]",
    ),
    "a stored constant": (
        "np.linspace(0.0, 1.0, 80)",
        "np.linspace(0.0, 2.0, 80)",
        "_CONSTANTS[",
    ),
    "rate of dropout": ("0.25)", "0.75)", "random >= 0.75"),
    "outputs' names": ('"scores"', '"logits"', "logits"),
    "one output less": ('"scores": z, ', "", "Return probs [N, 3]"),
    "order of outputs": (
        '"scores": z, "probs": sd.nn.softmax(z)',
        '"probs": sd.nn.softmax(z), "scores": z',
        "Outputs",
    ),
    "a metric": ("sd.mean(z**2)", "sd.mean(z**4)", "(z**2) ** 2"),
    "a metric's name": ('"accuracy"', '"right"', '"right"'),
    "a metric less": (', "size": sd.mean(z**2)', "", "train.py metrics"),
    "learning rate": (
        "exponential(1e-3,",
        "exponential(2e-3,",
        "~ setting lr: 0.001 → 0.002",
    ),
    "schedule": (", 0.9)", ", 0.8)", "0.8"),
    "no schedule": ("sd.optim.schedules.exponential(1e-3, 0.9)", "1e-3", "state.hyper"),
    "weight decay": (
        "weight_decay=0.01",
        "weight_decay=0.02",
        "~ setting weight_decay: 0.01 → 0.02",
    ),
    "no weight decay": ("weight_decay=0.01,\n", "", "- setting weight_decay: 0.01"),
    "frozen": ('frozen=["b"]', 'frozen=["b", "W"]', "~ frozen: b → W, b"),
    "nothing frozen": ('frozen=["b"],\n', "", "- frozen: b"),
    "a group's setting": (
        '{"lr": 0.01}',
        '{"lr": 0.02}',
        "~ settings of W alone: lr 0.01 → lr 0.02",
    ),
    "a group's pattern": (
        '{"W": {"lr"',
        '{"V": {"lr"',
        "- settings of W alone: lr 0.01",
    ),
    "norms": (
        "3.0}",
        "4.0}",
        "~ bound on the norms of V: 3.0 along axes (0,) → 4.0 along axes (0,)",
    ),
    "clipping": ("clip_norm=1.0", "clip_value=1.0", "- setting clip_norm: 1.0"),
    "optimiser": ("optim.Adam(", "optim.AdamW(", "AdamW"),
    "slots": ("optim.Adam(", "optim.AMSGrad(", "slots of the optimiser"),
    "weights of the losses": ("= w * ", "= w**2 * ", "~ losses = "),
}
PLAIN_FACTS = {
    "name of the function": ('"plain"', '"other"', "its docstring"),
    "low": (
        "low=0.5",
        "low=0.25",
        "~ argument a: float[3] from 0.5 → float[3] from 0.25",
    ),
    "sample": ("uniform(1, 2)", "uniform(1, 3)", "~ drawn by checks: a: "),
    "order of inputs": ("[a, M]", "[M, a]", "~ order of arguments: a, M → M, a"),
    "an output's name": ('"u"', '"w"', "Outputs"),
    "dtype": (
        '"M", (3, 3)',
        '"M", (3, 3), dtype="float64"',
        "~ argument M: float[3, 3] → float64[3, 3]",
    ),
    "length": ('M = sd.input("M", (3, 3)', 'M = sd.input("M", (2, 3)', "[3] → [2]"),
}
# What `symdiff train` reads is in no generated file.
TRAINING = {
    "epochs": ("epochs=3", "epochs=4", "~ training epochs: 3 → 4"),
    "patience": ("patience=2", "patience=3", "~ training patience: 2 → 3"),
}
NOTHING = {
    "a comment": ("loss = ", "# what is lowered\nloss = "),
    "other words for the same": ("init=0.5", "init=1 / 2"),
    "a data function": (
        "model = sd.Model",
        "def data():\n    return {}\nmodel = sd.Model",
    ),
}


@functools.cache
def generated(text):
    """What a spec compiles to, but headings, hashes and the header."""
    model = load_spec(Path(spec(text))).model
    return {
        name.partition("/")[2]: file if isinstance(file, bytes) else stripped(file)
        for name, file in sd.compile(model, base=".").files.items()
    }


def stripped(text):
    rows = text.splitlines()
    while rows[0].startswith("#"):
        del rows[0]
    heading = re.compile(r"\s*# .*\[[\w.]+:\d+\]")
    hashed = re.compile(r"(BUILD|MODEL) = ")
    return [r for r in rows if not heading.fullmatch(r) and not hashed.match(r)]


def told(text, old, new, code, files_differ):
    """What is told of a change; the generated files are held to what is expected."""
    assert old in text
    changed = text.replace(old, new)
    assert (generated(text) != generated(changed)) == files_differ
    return run("diff", spec(text), spec(changed, "new.py"), code=code)


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_of_a_model_is_told(fact):
    old, new, line = FACTS[fact]
    assert line in told(TRAINED, old, new, 1, True)


@pytest.mark.parametrize("fact", PLAIN_FACTS)
def test_every_fact_of_a_function_is_told(fact):
    old, new, line = PLAIN_FACTS[fact]
    assert line in told(PLAIN, old, new, 1, True)


@pytest.mark.parametrize("fact", TRAINING)
def test_settings_of_training_are_told_between_two_specs(fact):
    old, new, line = TRAINING[fact]
    assert line in told(TRAINED, old, new, 1, False)
    run("compile", "new.py", "-o", "new")
    assert "compute the same" in run("diff", "model.py", "new/small")


@pytest.mark.parametrize("what", NOTHING)
def test_what_changes_no_text_is_no_difference(what):
    assert "compute the same" in told(TRAINED, *NOTHING[what], 0, False)


def test_packages_tell_the_facts_that_their_specs_tell():
    old, new, line = FACTS["a group's setting"]
    run("compile", spec(TRAINED), "-o", "old")
    run("compile", spec(TRAINED.replace(old, new), "new.py"), "-o", "new")
    said = run("diff", "old/small", "new/small", code=1)
    assert line in said
    back = run("diff", "new/small", "old/small", code=1)
    assert "~ settings of W alone: lr 0.02 → lr 0.01" in back
    assert len(said.splitlines()) == len(back.splitlines())


def test_what_is_told_nowhere_else_is_named(package):
    edit(package / "_fit.py", "epochs=10,", "epochs=11,")
    said = run("diff", "model.py", package, code=1)
    assert "~ _fit.py: fit" in said
    edit(package / "_fit.py", "epochs=11,", "epochs=10,")
    (package / "_planned.py").unlink()
    assert "- _planned.py" in run("diff", "model.py", package, code=1)
    only = run("diff", package / "forward.py", "model.py")
    assert "compute the same" in only
