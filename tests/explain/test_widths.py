"""What is told with numbers, of models whose leaves are declared with a width.

Values are drawn, or given, and evaluated in the widths that are declared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import width_models as models
from click.testing import CliRunner

import symdiff as sd
from symdiff.cli import main
from symdiff.explain.explanation import derivation_of, values_of

COMMANDS = {
    "explain": ("explain", "spec.py", "--values", "random"),
    "graph": ("graph", "spec.py", "--values", "random", "-o", "told.svg"),
    "explore": ("explore", "spec.py", "--values", "random", "-o", "told.html"),
    "bench": ("bench", "spec.py", "--rounds", "1", "--dim", "N=4"),
    "bench in float64": ("bench", "spec.py", "--rounds", "1", "--dtype", "float64"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("case", ["x_32", "x_64", "W_32_b_64", "W_64_cast_32"])
def test_commands_work(case, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.written(Path(), case)
    result = CliRunner().invoke(main, list(command))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("case", models.CASES)
def test_values_have_the_declared_widths(case):
    names = {}
    exec(models.spec(case), names)
    model = names["model"]
    derivation = derivation_of(model)
    rng = np.random.default_rng(0)
    given = {n: rng.normal(size=s) for n, s in models.DATA.items()}
    for values in ("random", given, {**given, **models.params(case, "float64")}):
        found = values_of(model, derivation, values)
        leaves = [*models.DATA, *models.PARAMS]
        told = models.widths_of({n: found.forward[n] for n in leaves})
        assert told == models.expected(case, "float64", leaves)
        assert all(np.isfinite(a).all() for a in found.forward.values())


@pytest.mark.parametrize("neutral", models.EITHER)
@pytest.mark.parametrize("case", models.CASES)
def test_interpreted_values_have_the_dtypes_of_generated_ones(case, neutral):
    names = {}
    exec(models.spec(case), names)
    leaves = {n: names[n] for n in (*models.DATA, *models.PARAMS)}
    params, data = models.params(case, neutral), models.data(case, neutral)
    given = {**params, **dict(zip(models.DATA, data, strict=True))}
    feed = {leaves[n]: a for n, a in given.items()}
    loss, z = sd.interpret([names["loss"], names["z"]], feed)
    forward = models.module_of(case, "forward").forward
    backward = models.module_of(case, "backward")
    (predicted,) = [forward(params, data[0])]
    value, _, _ = backward.loss_and_residuals(params, *data)
    assert (z.dtype, np.asarray(loss).dtype) == (predicted.dtype, value.dtype)
    np.testing.assert_allclose(predicted, z, rtol=1e-5, atol=1e-6)
