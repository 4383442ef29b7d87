"""A run that saves no weights says so where those of an earlier one are left.

The class: every way in which a run ends without weights after its package is written.
"""

from pathlib import Path

import pytest
from training_runs import GOOD, train, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

NOTE = "is left from an earlier run, and holds nothing of this one"
DIVERGES = GOOD.replace("Adam(0.05)", "SGD(1e38)").replace("loss=", "loss=1e3 * ")
BAD_ROWS = GOOD.replace('"train": rows()', '"train": {"x": rows()["x"]}')
NARROW = GOOD.replace("np.eye(4)[y] + 0.1 * rng.normal(size=(60, 4))", "np.eye(3)[y]")
NO_VALUE = """
def data():
    d = rows()
    d["x"] = d["x"].copy()
    held = {k: a[:5].copy() for k, a in d.items()}
    held["x"][0, 0] = np.nan
    return {"train": d, "validation": held}
"""
ENDS = {
    "diverges": (DIVERGES, []),
    "diverges, and is looked into": (DIVERGES, ["--debug-nans"]),
    "monitor is nan": (GOOD + NO_VALUE, ["--patience", 2]),
    "arguments are missing": (BAD_ROWS, []),
    "rows do not fit": (NARROW, []),
    "data fails": (GOOD + "\ndef data():\n    raise OSError('gone')\n", []),
    "no such file": (GOOD, ["--data", "none.npz"]),
    "another checkpoint": (GOOD, ["--resume", "--batch-size", 7]),
}


@pytest.mark.parametrize(("text", "options"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("path", [None, "w.safetensors"])
def test_weights_that_are_left_are_told_to_be_old(text, options, path):
    own = [] if path is None else ["--weights", path]
    path = path or str(Path("build/small/weights.npz"))
    resumed = [o for o in options if o == "--resume"]
    if not resumed:  # with no checkpoint yet, that run would go well
        assert NOTE not in train(*options, *own, text=text, code=1)  # none are left
    assert NOTE not in train(*resumed, *own)
    before = weights(path)
    said = train(*options, *own, text=text, code=1)
    assert f"note: {path} {NOTE}." in said
    assert weights(path) == before


def test_a_run_that_saves_says_nothing():
    for _ in range(2):
        assert NOTE not in train()
