"""`symdiff train` and `python -m` train leaves of a declared width in that width.

Data are converted to the width that an argument is declared in, else to float32, from
wherever they come; and weights that are written have the widths of their parameters.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import width_models as models
from cli_runs import printed as run
from click.testing import CliRunner

from symdiff.cli import main

CASES = ["neutral", "x_64", "W_64", "all_64", "all_32", "W_32_b_64", "seen_64_cast_32"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(in_an_empty_folder):
    """Commands write beside the spec."""


def weights():
    with np.load("build/widths/weights.npz") as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
def test_weights_have_the_declared_widths(case):
    models.written(Path(), case)
    run("train", "spec.py", "--history", "history.csv")
    assert models.widths_of(weights()) == models.expected(case, "float32")
    assert "nan" not in Path("history.csv").read_text()


def arrays(case):
    names = {}
    exec(models.spec(case), names)
    return names["data"]()["train"]


@pytest.mark.parametrize("case", ["x_64", "all_64", "x_32_W_64"])
def test_data_of_files_are_those_of_the_spec(case):
    """In memory, from an archive, from a table, read from disk: the same bytes."""
    models.written(Path(), case)
    found = []
    data = arrays(case)
    np.savez("rows.npz", **data)
    for name, array in data.items():
        np.save(f"{name}.npy", array)
    columns = [f"{n}{i}" for n, a in data.items() for i in range(a.shape[1])]
    rows = np.concatenate(list(data.values()), axis=1)
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    Path("rows.csv").write_text(f"{','.join(columns)}\n{text}\n")
    for files in ([], ["rows.npz"], ["x.npy", "t.npy"], ["rows.csv"]):
        run("train", "spec.py", *(part for f in files for part in ("--data", f)))
        found.append(weights())
    for other in found[1:]:
        for name, array in found[0].items():
            np.testing.assert_array_equal(array, other[name])


def test_a_run_is_resumed_and_searched_for_what_is_not_finite():
    models.written(Path(), "W_32_b_64")
    run("train", "spec.py", "--epochs", "4")
    whole = weights()
    run("train", "spec.py", "--epochs", "2", "--resume")
    run("train", "spec.py", "--epochs", "4", "--resume")
    for name, array in weights().items():
        np.testing.assert_array_equal(array, whole[name])
    run("train", "spec.py", "--epochs", "4", "--debug-nans")
    text = models.spec("W_32_b_64", "sd.optim.SGD(1e30)")
    Path("spec.py").write_text(text)
    result = CliRunner().invoke(main, ["train", "spec.py", "--debug-nans"])
    assert result.exit_code == 1
    assert "the loss became" in result.output
    assert "spec.py:" in result.output
    assert "fault of symdiff" not in result.output


@pytest.mark.parametrize("case", ["x_64", "W_32_b_64", "data_64_params_32"])
def test_the_package_trains_by_itself(case):
    """Floats without a width are those of the data, whatever the others have."""
    models.written(Path(), case)
    run("compile", "spec.py")
    for neutral in models.EITHER:
        kinds = {n: models.width(case, n, neutral) for n in models.DATA}
        rows = {n: a.astype(kinds[n]) for n, a in arrays(case).items()}
        np.savez("rows.npz", **rows)
        command = [sys.executable, "-m", "widths", "train", "../rows.npz"]
        done = subprocess.run(command, cwd="build", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with np.load("build/weights.npz") as file:
            told = {*kinds} - {*models.CASES[case]}  # data that tell the width
            width = neutral if told else "float32"
            assert models.widths_of(dict(file)) == models.expected(case, width)


def test_data_of_another_width_are_refused_by_name():
    models.written(Path(), "x_64")
    run("compile", "spec.py")
    np.savez("rows.npz", **{n: a.astype("float32") for n, a in arrays("x_64").items()})
    command = [sys.executable, "-m", "widths", "train", "../rows.npz"]
    done = subprocess.run(command, cwd="build", capture_output=True, text=True)
    assert done.returncode == 2
    words = 'x: expected float64, got float32; use .astype("float64")\n'
    assert done.stderr == f"python -m widths train: {words}"
