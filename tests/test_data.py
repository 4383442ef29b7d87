"""The digits that the examples learn from are the ones their README describes."""

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "examples" / "data"
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.fixture(scope="module")
def table():
    path = DATA / "digits.csv.gz"
    return np.loadtxt(path, delimiter=",", dtype=np.uint8)


def test_digits_hold_what_the_readme_says(table):
    assert table.shape == (1797, 65)
    assert (table[:, :64].min(), table[:, :64].max()) == (0, 16)
    assert np.bincount(table[:, 64]).tolist() == COUNTS


def test_digits_have_the_recorded_hash():
    text = gzip.decompress((DATA / "digits.csv.gz").read_bytes())
    (recorded,) = re.findall(r"\b[0-9a-f]{64}\b", (DATA / "README.md").read_text())
    assert hashlib.sha256(text).hexdigest() == recorded


@pytest.mark.oracle
def test_digits_equal_the_copy_in_scikit_learn(table):
    datasets = pytest.importorskip("sklearn.datasets", reason="extra [oracles]")
    digits = datasets.load_digits()
    np.testing.assert_array_equal(table[:, :64], digits.data)
    np.testing.assert_array_equal(table[:, 64], digits.target)
