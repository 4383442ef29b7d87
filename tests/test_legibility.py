"""What `python -m benchmarks.legibility` counts, and that the docs have its rows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from lecturer.rows import ROWS

ROOT = Path(__file__).parents[1]
TEXT = '''\
def backward(params, residuals, d_loss=1.0):
    """Return gradients.

    1 + 1 is not counted.
    """
    d_loss = _scalar(d_loss)
    x, h = residuals

    # h = tanh(x @ W)     [a.py:3]
    d_product = d_loss / (2 * N) * h  # [N, 3]
    # [N, 3]   tanh
    d_h = _masked(d_product, h[:, None])[:, : N - 1]
    d_W = x.T.reshape(
        N * 2, -1
    ) @ d_h

    # a heading
    # of two rows
    return {"W": np.where(h > 0, -d_W, 0), "b": _masked(d_h, h).sum()}


def _masked(d, mask):
    """Return d or 0."""
    return d * mask  # twice


def _scalar(value):
    return float(_checked(value))


def _checked(value):
    if value.shape != ():
        raise ValueError("no scalar")
    return value + 1


def other(x):
    return x - 1 - 1
'''


@pytest.fixture(scope="module")
def legibility() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "legibility", ROOT / "benchmarks" / "legibility.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["legibility"] = module  # its dataclass looks there
    spec.loader.exec_module(module)
    return module


def test_a_text_is_counted(legibility: ModuleType) -> None:
    found = legibility.counted(TEXT)
    assert found.lines == 8 + 1  # three of them d_W, and the helper's
    # / * * | N - 1 | N * 2, @ | where > - sum | the helper's *
    assert found.operations == 3 + 1 + 2 + 4 + 1
    assert found.layout == 3  # None, .T, reshape
    assert found.headings == 2
    assert found.anonymous == 2


def test_it_prints_rows_and_texts(
    legibility: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    legibility.main(["gmm", "svm"])
    header, _, *rows, _, last = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows] == [
        "| GMM log-likelihood",
        "| SVM spelled out",
    ]
    assert all(row.count(" | ") == header.count(" | ") for row in rows)
    assert "of 2 rows are within" in last
    legibility.main(["svm", "--show"])
    shown = capsys.readouterr().out
    assert shown.count("def backward(") == 2
    assert "def _scalar" not in shown
    with pytest.raises(SystemExit):
        legibility.main(["no_such_row"])


def test_it_writes_between_the_marks(legibility: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for table in ("one\n", "two\n"):
        page.write_text(f"a\n{legibility.BEGIN}old\n{legibility.END}b\n")
        legibility.write(table, page)
        assert page.read_text() == f"a\n{legibility.BEGIN}{table}{legibility.END}b\n"


def test_the_page_has_all_rows(legibility: ModuleType) -> None:
    _, rest = legibility.PAGE.read_text("utf-8").split(legibility.BEGIN)
    shown = [line.split(" | ")[0][2:] for line in rest.splitlines()[2:]]
    assert shown[: len(ROWS)] == [row.title for row in ROWS]
