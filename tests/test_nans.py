"""`--debug-nans` blames what the bad result comes from, in the first step already."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from symdiff.cli import main

SPEC = """\
import numpy as np
import symdiff as sd
N = sd.dim("N")
x = sd.input("x", (N, 4))
y = sd.input("y", N)
W = sd.param("W", (4,), init=sd.init.constant(0.5))
z = x @ W
BODY
model = sd.Model("m", inputs=[x], targets=[y], outputs=[z], loss=loss,
                 optimizer=sd.optim.SGD(0.1))
training = sd.Training(epochs=2)
def data():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 4)), rng.normal(size=32)
    CHANGE
    return {"train": {"x": x, "y": y}}
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(*body, change="pass", options=(), code=1):
    """Return what is said, and its three facts."""
    text = SPEC.replace("BODY", "\n".join(body)).replace("CHANGE", change)
    Path("spec.py").write_text(text, "utf-8")
    arguments = ["train", "spec.py", "--debug-nans", *map(str, options)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    if not code:
        return result.stdout
    facts = re.findall(
        r"^  (?:first|line in|generated) \w+: +(.*)$", result.stderr, re.M
    )
    return result.stderr.splitlines()[0], *facts


def where(statement):
    text = Path("spec.py").read_text("utf-8").splitlines()
    return f"spec.py:{text.index(statement) + 1}:"


ROOT = "off = sd.sqrt(-1 - z * z)"


@pytest.mark.parametrize(
    ("harmless", "loss"),
    [
        (
            "fine = sd.exp(x * W + sd.log(sd.cast(x > 0, 'float')))",
            "loss = sd.mean((z - y) ** 2) + sd.mean(fine) + sd.mean(off)",
        ),
        (
            "fine = sd.minimum(sd.exp(200 * sd.abs(x[:, 0]) + 100), 5.0)",
            "loss = sd.mean((z - y) ** 2 + fine) + sd.mean(off)",
        ),
    ],
    ids=["a mask's logarithm", "a bounded overflow"],
)
@pytest.mark.parametrize("options", [(), ("-O", 1), ("-O", 0), ("--accumulate", 4)])
def test_an_infinity_without_effect_is_not_blamed(harmless, loss, options):
    _, node, place, line = told(harmless, ROOT, loss, options=options)
    assert node.startswith("sqrt: np.sqrt(")
    assert " is nan at [0]" in node
    assert place.startswith(where(ROOT))
    assert "np.sqrt(" in line
    if not options or options[0] == "-O":
        loss = loss.replace(" + sd.mean(off)", "")
        assert "trained 2 steps" in told(harmless, loss, options=options, code=0)


def test_an_infinity_that_becomes_nan_is():
    grown = "grown = sd.exp(1000 * sd.square(z))"
    _, node, place, _ = told(grown, "loss = sd.mean(grown * 0 + (z - y) ** 2)")
    assert node.startswith("exp: np.exp(")
    assert " is inf at [" in node
    assert place.startswith(where(grown))


def test_a_finite_loss_whose_gradient_is_not():
    """The forward half's overflow is what the gradient's nan comes from."""
    grown = "grown = sd.exp(1000 * sd.square(z))"
    first, node, place, _ = told(grown, "loss = sd.mean(1 / grown + (z - y) ** 2)")
    assert "the gradient of W is not finite" in first
    assert node.startswith("exp: np.exp(")
    assert place.startswith(where(grown))


def test_data_that_is_filled_in_is_not_blamed():
    filled = "filled = sd.where(sd.isfinite(x), x, 0.0)"
    loss = "loss = sd.mean((sd.sum(filled * W, axis=1) - y) ** 2) + sd.mean(off)"
    root = "off = sd.sqrt(-1 - sd.sum(filled, axis=1) ** 2)"
    change = "x[3, 1] = np.nan"
    _, node, place, _ = told(filled, root, loss, change=change)
    assert node.startswith("sqrt: np.sqrt(")
    assert place.startswith(where(root))


def test_a_metric_that_is_nan_is_named():
    """The loss may be finite all the same, and the metric share its values."""
    metric = "off = sd.log(z - 100.0)"
    body = ["loss = sd.mean((z - y) ** 2)", metric, "shown = sd.mean(off)"]
    text = SPEC.replace("loss=loss,", 'loss=loss, metrics={"level": shown},')
    text = text.replace("BODY", "\n".join(body)).replace("CHANGE", "pass")
    Path("spec.py").write_text(text, "utf-8")
    result = CliRunner().invoke(main, ["train", "spec.py", "--debug-nans"])
    assert result.exit_code == 1, result.output
    assert "the metric level became nan in epoch 1, at step 1" in result.stderr
    assert f"line in spec:    {where(metric)}" in result.stderr
    assert "log(" in result.stderr
