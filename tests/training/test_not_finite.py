"""What is not finite in training: `--debug-nans` names where it begins."""

import re
from pathlib import Path

import pytest
from training_runs import DATA, GOOD, MODEL, train, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

LOG = """\
picked = sd.relu(sd.take_along_axis(z, y[:, None], axis=1))
loss = -sd.mean(sd.log(picked))
"""
UNSTABLE = GOOD.replace("model = sd.Model", LOG + "model = sd.Model").replace(
    "loss=sd.nn.softmax_cross_entropy(z, y)", "loss=loss"
)


def diagnosis(text, *options):
    """The three facts that --debug-nans names, and the first line of what it says."""
    found = train("--debug-nans", *options, text=text, code=1)
    facts = [
        re.search(rf"{fact}: +(.*)", found)[1]
        for fact in ("first node", "line in spec", "generated line")
    ]
    file, line, shown = re.match(
        r"(build/small/\w+\.py):(\d+): (.*)", facts[2]
    ).groups()
    assert Path(file).read_text().splitlines()[int(line) - 1].strip() == shown
    return re.search(r"error: (.*)", found)[1], *facts


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_logarithm_of_zero_is_named(level):
    first, node, where, line = diagnosis(UNSTABLE, "-O", level)
    assert re.search(r"the loss became (inf|nan) in epoch 1, at step \d", first)
    assert node.startswith("log: np.log(picked) is -inf at [")
    assert "picked in 0.." in node
    number = UNSTABLE.splitlines().index("loss = -sd.mean(sd.log(picked))") + 1
    assert where.startswith(f"spec.py:{number}: loss = ")
    assert "backward.py" in line
    assert "np.log(picked)" in line


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_nan_in_the_data_is_named(bad):
    text = GOOD.replace('return {"x"', 'y[7] = 0; return {"x"').replace(
        'return {"train": rows()}',
        'd = rows(); d["x"][7, 2] = np.BAD; return {"train": d}',
    )
    _, node, where, line = diagnosis(text.replace("BAD", bad))
    assert re.match(rf"x: the data is {bad} at \[\d, 2\]", node)
    assert where == "spec.py:5: its declaration"
    assert "x, y = _check(params, x=x, y=y)" in line


def test_an_update_that_overflows_is_named():
    first, node, where, line = diagnosis(GOOD.replace("Adam(0.05)", "SGD(3e38)")
                                         .replace("loss=", "loss=1e3 * "))  # fmt: skip
    assert "the update left W not finite" in first
    assert node.startswith("multiply: lr * g is ")
    assert where.endswith("optimizer=SGD(lr=3e+38)")
    assert "train.py" in line


def test_a_gradient_alone_may_be_at_fault():
    """The root of zero is zero; unless it is of a square, its slope is not finite."""
    text = MODEL.replace("model = sd.Model", "r = sd.sum(sd.sqrt(x[:, 0]**2 * 0.0 * "
                         "sd.param('s', ())))\nmodel = sd.Model") + DATA  # fmt: skip
    text = text.replace(
        "softmax_cross_entropy(z, y)", "softmax_cross_entropy(z, y) + r"
    )
    first, node, where, line = diagnosis(text)
    assert "the gradient of s is not finite" in first
    assert "is nan" in node or "is inf" in node
    number = next(i for i, t in enumerate(text.splitlines(), 1) if t.startswith("r = "))
    assert where.startswith(f"spec.py:{number}: ")
    assert "backward.py" in line


MASKED = """\
mask = sd.where(x > 0, 0.0, -np.inf)
a = sd.softmax(x + mask)
"""


def test_infinities_that_are_meant_are_not_blamed():
    """A mask of -inf is fine; a row that is all masked is not."""
    text = MODEL.replace("z = x @", f"{MASKED}z = a @") + DATA
    text = text.replace("np.eye(4)[y]", "np.abs(np.eye(4)[y])").replace(
        'return {"train": rows()}',
        "d = rows(); d['x'] = np.abs(d['x']); d['x'][:, 1] = -1; BAD; "
        'return {"train": d}',
    )
    assert "trained" in train("--debug-nans", text=text.replace("BAD", "pass"))
    _, node, where, _ = diagnosis(text.replace("BAD", "d['x'][50] = -1"))
    assert " is nan at [" in node
    assert "a = softmax(x + mask)" in where or "a = sd.softmax(x + mask)" in where


def test_debugging_changes_no_bytes():
    train("--validation-split", 0.2)
    expected = weights()
    train("--validation-split", 0.2, "--debug-nans")
    assert weights() == expected


def test_without_debugging_it_says_how():
    found = train(text=UNSTABLE, code=1)
    assert "--debug-nans says where it begins" in found
    assert not Path("build/small/weights.npz").exists()


STEEP = """\
import numpy as np
import symdiff as sd
x, y = sd.input("x", (sd.dim("N"), 2)), sd.input("y", sd.dim("N"))
w = sd.param("w", 2, init=sd.init.constant(0.5))
harmless = sd.minimum(sd.exp(200 + x[:, 0]), 5.0)
loss = sd.mean((x @ w * 1e18 - y) ** 2) + sd.mean(harmless)
model = sd.Model("small", inputs=[x], targets=[y], outputs=[x @ w], loss=loss,
                 optimizer=sd.optim.OPTIMIZER)
training = sd.Training(epochs=3, batch_size=4)
def data():
    x = np.abs(np.random.default_rng(0).normal(size=(40, 2)))
    return {"train": {"x": x.astype("float32"), "y": np.zeros(40, "float32")}}
"""
SQUARES = {
    "Adam(0.1)": "v", "AdamW(0.1)": "v", "NAdam(0.1)": "v", "AMSGrad(0.1)": "v",
    "RMSprop(0.1)": "v", "AdaGrad(0.1)": "total", "Adadelta()": "v",
    "Adam(0.1, ema=0.9)": "v",
}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("-O", 0)])
@pytest.mark.parametrize("optimizer", SQUARES)
def test_a_slot_that_overflows_is_named(optimizer, options):
    """A gradient of 1e36 is finite in float32, its square is not: training stands."""
    text = STEEP.replace("OPTIMIZER", optimizer)
    first, node, where, line = diagnosis(text, *options)
    assert re.search(
        r"the optimiser's \w+ of w is not finite in epoch 1, at step 1 ", first
    )
    assert re.match(r"\w+: .*\bg\b.* is inf at \[0\]", node)
    assert "optimizer=" in where
    assert "train.py" in line


OWN = """\
class Least(sd.optim.Optimizer):
    slots = ("least",)
    def update(self, p, g, slots, hyper, t):
        least = sd.where(t < 3, START, sd.minimum(slots["least"], sd.abs(g)))
        return p - hyper["lr"] * g, {"least": least}
model = sd.Model"""


@pytest.mark.parametrize(("start", "code"), [("1.0", 0), ("sd.log(0 * t)", 1)])
def test_slots_of_ones_own(start, code):
    text = GOOD.replace("model = sd.Model", OWN.replace("START", start))
    text = text.replace("sd.optim.Adam(0.05)", "Least(lr=0.05)")
    if code:
        first, node, *_ = diagnosis(text)
        assert "the optimiser's least of " in first
        assert node.startswith("log: ")
    else:
        assert "trained" in train("--debug-nans", text=text)


STATE = """\
import numpy as np
import symdiff as sd
x, y = sd.input("x", ("N", 4)), sd.input("y", ("N",), dtype="int64", high=3)
scale, w = sd.state("scale", (), init=1.0), sd.param("w", (4, 3))
z = x @ w
model = sd.Model("small", [x], [y], z * scale, sd.nn.softmax_cross_entropy(z, y),
                 updates={scale: scale / (scale - 1)}, optimizer=sd.optim.SGD(0.1))
"""


def test_weights_that_are_not_finite_are_told_though_the_loss_is():
    said = train("--epochs", 2, text=STATE + DATA)
    assert "note: not every number is finite of scale" in said
    assert "not every number" not in train("--epochs", 2)
