"""The data that the examples learn from is what its README describes."""

import bz2
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


@pytest.mark.parametrize("path", sorted(DATA.glob("*.csv.gz")), ids=lambda p: p.name)
def test_the_readme_records_source_licence_and_hash(path):
    text = (DATA / "README.md").read_text("utf-8")
    (section,) = re.findall(rf"(?ms)^# {path.name}$(.*?)(?=^# |\Z)", text)
    assert "**Source**" in section
    assert "**Licence**" in section
    (recorded,) = re.findall(r"\b[0-9a-f]{64}\b", section)
    found = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    assert found == recorded


@pytest.mark.oracle
def test_digits_equal_the_copy_in_scikit_learn(table):
    datasets = pytest.importorskip("sklearn.datasets", reason="extra [oracles]")
    digits = datasets.load_digits()
    np.testing.assert_array_equal(table[:, :64], digits.data)
    np.testing.assert_array_equal(table[:, 64], digits.target)


def test_mnist_holds_what_the_readme_says():
    packed = bz2.decompress((DATA / "mnist_5000.bz2").read_bytes())
    recorded = "b8c7a85a650db3c3ecb223b8a6959c045311137a14dff061dcfa34541d32acfd"
    assert hashlib.sha256(packed).hexdigest() == recorded
    pairs = np.frombuffer(packed, np.uint8).reshape(5000, 14, 28)
    images = np.stack([pairs >> 4, pairs & 15], axis=2).reshape(5000, 28, 28)
    assert (images.min(), images.max()) == (0, 15)
    ones = images[500:1000].mean(axis=0)  # a stroke in the middle
    assert ones[:, 12:16].sum() > 0.5 * ones.sum()


@pytest.mark.oracle
def test_the_tables_equal_the_copies_in_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="extra [oracles]")
    for name, theirs in (
        ("diabetes", datasets.load_diabetes(scaled=False)),
        ("breast_cancer", datasets.load_breast_cancer()),
    ):
        table = np.loadtxt(DATA / f"{name}.csv.gz", delimiter=",", skiprows=1)
        np.testing.assert_allclose(table[:, :-1], theirs.data, rtol=1e-14)
        np.testing.assert_array_equal(table[:, -1], theirs.target)


def test_sunspots_are_what_the_readme_says():
    path = DATA / "sunspots.csv"
    year, spots = np.loadtxt(path, delimiter=",", skiprows=1).T
    np.testing.assert_array_equal(year, np.arange(1700, 2009))
    assert (spots[0], spots[-1], spots.max()) == (5, 2.9, 190.2)
