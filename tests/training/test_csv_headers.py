"""Columns are found by their names, in whatever order and however they are numbered.

The class: headers as programs write them, for arguments of every number of axes, with
the columns shuffled. The oracle is the array that the table was made from; a header
that leaves doubt is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.errors import SpecError
from symdiff.training.csv_files import read_csv

N = sd.dim("N")
Place = tuple[int, ...]
WAYS: dict[str, Callable[[str, Place], str]] = {
    "x_0_1": lambda name, at: "_".join([name, *map(str, at)]),
    "x.0.1": lambda name, at: ".".join([name, *map(str, at)]),
    "x-0-1": lambda name, at: "-".join([name, *map(str, at)]),
    "x 0 1": lambda name, at: " ".join([name, *map(str, at)]),
    "x0_1": lambda name, at: name + "_".join(map(str, at)),
    "x[0,1]": lambda name, at: f'"{name}[{",".join(map(str, at))}]"',
    "x[0, 1]": lambda name, at: f'"{name}[{", ".join(map(str, at))}]"',
    "x[0][1]": lambda name, at: name + "".join(f"[{i}]" for i in at),
}
SHAPES = [(3,), (12,), (2, 2), (3, 11), (2, 3, 2)]


def model(shape: Place) -> sd.Model:
    x, y = sd.input("x", (N, *shape)), sd.input("y", (N,))
    total = sd.sum(x, axis=tuple(range(1, x.ndim))) * sd.param("w", ())
    return sd.Model("m", [x], [y], total, sd.nn.mse(total, y))


def written(path: Path, columns: dict[str, np.ndarray], order: np.ndarray) -> None:
    names = [list(columns)[i] for i in order]
    rows = zip(*(columns[n] for n in names), strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numbered_columns(shape: Place, way: str, start: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 99, (5, *shape)), rng.integers(0, 99, 5)
    places = list(np.ndindex(*shape))
    name = WAYS[way]
    columns = {
        name("x", tuple(start + i for i in at)): x[(slice(None), *at)] for at in places
    }
    columns["y"] = y
    for order in (np.arange(len(columns)), rng.permutation(len(columns))):
        written(tmp_path / "d.csv", columns, order)
        found = read_csv(model(shape), tmp_path / "d.csv")
        assert np.array_equal(found["x"], x)
        assert np.array_equal(found["y"], y)


def test_a_column_is_that_of_the_longest_name(tmp_path: Path) -> None:
    x, x_1 = sd.input("x", (N, 2)), sd.input("x_1", (N, 2))
    out = (x + x_1) @ sd.param("w", (2,))
    m = sd.Model("m", [x, x_1], [], out, sd.mean(out))
    columns = {n: np.arange(3) + 10 * i for i, n in enumerate(["x_1_0", "x_1_1"])}
    columns |= {n: np.arange(3) + 100 * i for i, n in enumerate(["x_0", "x[1]"])}
    written(tmp_path / "d.csv", columns, np.array([2, 0, 3, 1]))
    found = read_csv(m, tmp_path / "d.csv")
    assert np.array_equal(found["x_1"][0], [0, 10])
    assert np.array_equal(found["x"][0], [0, 100])


WRONG = [
    ["x_0_0", "x_0_1", "x_1_0", "x_1_0"],
    ["x_0_0", "x_0_1", "x_0_2", "x_1_0"],
    ["x_0_0", "x_0_1", "x_1_0", "x_3"],
    ["x_0_0_0", "x_0_0_1", "x_0_1_0", "x_0_1_1"],
]


@pytest.mark.parametrize("names", WRONG, ids=" ".join)
def test_numbers_that_leave_doubt_are_refused(names: list[str], tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(",".join([*names, "y"]) + "\n1,2,3,4,5\n")
    with pytest.raises(SpecError, match=r"d\.csv:1 has .*repeat, or leave gaps"):
        read_csv(model((2, 2)), path)


@pytest.mark.parametrize("first", ["0,1,2,3,4", "1,2,3,4,5", "0, 1, 2, 3, 4"])
def test_a_first_row_that_counts_is_no_example(first: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"{first}\n9,8,7,6,5\n")
    with pytest.raises(SpecError, match=r"d\.csv:1 counts the columns"):
        read_csv(model((2, 2)), path)
    path.write_text(f"a,b,c,d,y\n{first}\n9,8,7,6,5\n")  # one that is an example
    assert len(read_csv(model((2, 2)), path)["y"]) == 2
    path.write_text(f"9,8,7,6,5\n{first}\n")
    assert len(read_csv(model((2, 2)), path)["y"]) == 2
