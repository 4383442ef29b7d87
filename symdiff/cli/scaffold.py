"""`symdiff new`: a spec to begin with, which compiles, trains and verifies at once.

In: a name, a template and a folder. Out: the files that were written. Invariant:
nothing is overwritten, and where one file cannot be written none is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from symdiff.cli import scaffold_data
from symdiff.declare.checks import module_name
from symdiff.emit.modules.render import render
from symdiff.graph.errors import OutputError

Rows = Callable[[np.random.Generator, int], dict[str, np.ndarray]]

TEMPLATES: dict[str, Rows] = {
    "mlp": scaffold_data.mlp_rows,
    "cnn": scaffold_data.cnn_rows,
    "lstm": scaffold_data.lstm_rows,
    "regression": scaffold_data.regression_rows,
}
TRAIN, TEST = 600, 200  # rows


def new(name: str, template: str, toml: bool, folder: Path) -> list[Path]:
    """Write a new spec, and data beside it where it is in TOML; return the paths.

    Raises `DeclarationError` for a name that cannot be a module's, `OutputError` where
    files exist or cannot be written.
    """
    module_name(name)
    rows = TEMPLATES[template]
    files = _toml(name, template, rows) if toml else _python(name, template, rows)
    paths = {folder / file: text for file, text in files.items()}
    for path in paths:
        if path.exists() or path.is_symlink():
            raise OutputError(
                f"{path} exists; it is left as it is. Choose another name or folder."
            )
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        where = error.filename or folder
        raise OutputError(f"cannot write {where}: {error.strerror}.") from error
    return written


def _python(name: str, template: str, rows: Rows) -> dict[str, str]:
    source = inspect.getsource(rows).strip()
    text = render(
        f"new_{template}.py",
        name=name,
        rows=source.replace(f"def {rows.__name__}(", "def rows("),
        train=TRAIN,
        test=TEST,
    )
    return {f"{name}.py": text}


def _toml(name: str, template: str, rows: Rows) -> dict[str, str]:
    train, test = f"{name}_train.csv", f"{name}_test.csv"
    text = render(f"new_{template}.toml", name=name, train=train, test=test)
    return {
        f"{name}.toml": text,
        train: _csv(rows(np.random.default_rng(0), TRAIN)),
        test: _csv(rows(np.random.default_rng(1), TEST)),
    }


def _csv(arrays: Mapping[str, np.ndarray]) -> str:
    """Return rows as a table, with a column for each number, named ``x0, x1, …``."""
    header: list[str] = []
    columns: list[list[str]] = []
    for name, array in arrays.items():
        flat = array.reshape(len(array), -1)
        several = flat.shape[1] > 1
        header += [f"{name}{i}" if several else name for i in range(flat.shape[1])]
        columns += [[f"{v:.6g}" for v in column.tolist()] for column in flat.T]
    lines = [",".join(header), *(",".join(row) for row in zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"
