"""Data from files: .npz, .npy and .csv, as arrays by the names of a model's arguments.

In: paths, and the model that says which arrays it needs. Out: what a spec's data()
returns. Invariant: nothing is unpickled, an .npy file stays on disk until its rows are
read, and what does not fit is a `SpecError` that opens with the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.declare.model import Model
from symdiff.declare.spec import SPLITS, names_of
from symdiff.graph.errors import SpecError
from symdiff.graph.tensor import Tensor

EXPECTED = "expected .npz, .csv (or .csv.gz), or an .npy file for every argument"


def read_files(model: Model, files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the splits in data files, each a dict from argument to array.

    One .npz holds arrays under the arguments' names, or under ``train/x``,
    ``validation/x``, ``test/x``. One .csv has a column for every number of a row.
    Several .npy hold an array each, named by ``NAME=FILE`` or by the file itself.
    """
    kinds = {_kind(f.rpartition("=")[2]) for f in files}
    if kinds == {"npy"}:
        return {"train": _npy(model, files)}
    if len(files) > 1:
        raise SpecError(f"--data {' '.join(files)}: {EXPECTED}.")
    path = Path(files[0])
    if kinds == {"npz"}:
        return _npz(model, path)
    return {"train": _csv(model, path)}


def read_splits(
    model: Model, files: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return the splits of a spec's data files; the one for training may hold all."""
    found: dict[str, dict[str, Any]] = {}
    for split, listed in files.items():
        parts = read_files(model, listed)
        if split == "train":
            found = {**parts, **found, "train": parts["train"]}
        elif list(parts) != ["train"]:
            raise SpecError(
                f"{listed[0]} holds {', '.join(parts)}; a file for {split!r} holds "
                "arrays without a prefix."
            )
        else:
            found[split] = parts["train"]
    return found


def _kind(file: str) -> str:
    suffixes = Path(file).suffixes
    if suffixes[-2:] == [".csv", ".gz"] or suffixes[-1:] == [".csv"]:
        return "csv"
    if suffixes[-1:] in ([".npz"], [".npy"]):
        return suffixes[-1][1:]
    raise SpecError(f"--data {file}: {EXPECTED}.")


def _load(path: Path, **options: Any) -> Any:
    try:
        return np.load(path, allow_pickle=False, **options)
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror or error}.") from error
    except Exception as error:  # whatever a damaged file leads NumPy to
        raise SpecError(f"{path} holds no arrays: {error}.") from error


def _matched(path: Any, found: Mapping[str, Any], names: Sequence[str]) -> dict:
    missing = [n for n in names if n not in found]
    extra = [n for n in found if n not in names]
    if missing or extra:
        raise SpecError(
            f"{path} must have the arrays {list(names)}: missing {missing}, unexpected "
            f"{extra}."
        )
    return {n: found[n] for n in names}


def _npz(model: Model, path: Path) -> dict[str, dict[str, Any]]:
    arrays = {}
    with _load(path) as file:
        for name in file.files:
            try:
                arrays[name] = file[name]
            except Exception as error:
                raise SpecError(f"{path}: {name} cannot be read: {error}.") from error
    parts: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        split, slash, own = name.partition("/")
        if not slash or split not in SPLITS:
            split, own = "train", name
        parts.setdefault(split, {})[own] = array
    names = names_of(model)
    parts.setdefault("train", {})
    return {
        split: _matched(f"{path}, {split}:", parts[split], names)
        for split in SPLITS
        if split in parts
    }


def _npy(model: Model, files: Sequence[str]) -> dict[str, Any]:
    found = {}
    for file in files:
        name, equals, path = file.rpartition("=")
        name = name if equals else Path(path).stem
        if name in found:
            raise SpecError(f"--data: two files hold {name!r}.")
        found[name] = _load(Path(path), mmap_mode="r")
    return _matched("--data", found, names_of(model))


# --- comma-separated values -----------------------------------------------------------


def _csv(model: Model, path: Path) -> dict[str, Any]:
    """Return the arrays in a table, a row an example.

    With a header, an argument takes the columns called ``x``, or ``x0``, ``x_1``,
    ``x[2]``, ...; one argument may take all columns that no other does. Without,
    arguments take columns from left to right.
    """
    header, table = _table(path)
    leaves = {str(t.name): t for t in (*model.inputs, *model.targets)}
    widths = {name: _width(path, leaf) for name, leaf in leaves.items()}
    if header is None:
        columns, start = {}, 0
        for name, width in widths.items():
            columns[name] = list(range(start, start + width))
            start += width
        if start != table.shape[1]:
            raise SpecError(f"{path} has {table.shape[1]} columns; {_needs(widths)}.")
    else:
        columns = _columns(path, header, widths)
    return {
        name: _typed(path, name, leaf, table[:, columns[name]])
        for name, leaf in leaves.items()
    }


def _table(path: Path) -> tuple[list[str] | None, np.ndarray]:
    """Return the header, if the first row has words, and the numbers."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(
            "utf-8-sig"
        )
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"cannot read {path}: {reason}.") from error
    lines = text.splitlines()
    first = next(csv.reader(lines), [])
    header = None if all(map(_is_number, first)) else [c.strip() for c in first]
    body = lines if header is None else lines[1:]
    if not any(line.strip() for line in body):
        raise SpecError(f"{path} has no rows.")
    try:
        table = np.loadtxt(
            io.StringIO("\n".join(body)), delimiter=",", ndmin=2, quotechar='"'
        )
    except ValueError as error:
        where = " (rows are counted below the header)" if header is not None else ""
        raise SpecError(f"{path} is no table of numbers: {error}{where}.") from error
    if header is not None and len(header) != table.shape[1]:
        raise SpecError(
            f"{path} has {len(header)} names of columns, and {table.shape[1]} columns."
        )
    return header, table


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _width(path: Path, leaf: Tensor) -> int:
    row = leaf.shape[1:]
    if not leaf.ndim or not all(isinstance(d, int) for d in row):
        raise SpecError(
            f"{path}: a table cannot hold {leaf.name!r} of shape {leaf.shape}; its "
            "rows "
            "need a known size. Use .npz."
        )
    return math.prod(int(d) for d in row)


def _needs(widths: Mapping[str, int]) -> str:
    return "the model needs " + ", ".join(f"{n} for {k}" for k, n in widths.items())


def _columns(
    path: Path, header: Sequence[str], widths: Mapping[str, int]
) -> dict[str, list[int]]:
    columns = {name: _numbered(path, header, name) for name in widths}
    lacking = [name for name, found in columns.items() if not found]
    taken = {i for found in columns.values() for i in found}
    if len(lacking) == 1:
        rest = [i for i in range(len(header)) if i not in taken]
        columns[lacking[0]] = rest
        taken |= set(rest)
    wrong = [n for n, width in widths.items() if len(columns[n]) != width]
    unused = [c for i, c in enumerate(header) if i not in taken]
    if wrong or unused:
        found = ", ".join(f"{len(columns[n])} for {n}" for n in widths)
        others = f", and unused {unused[:5]}" if unused else ""
        raise SpecError(f"{path} has the columns {found}{others}; {_needs(widths)}.")
    return columns


def _numbered(path: Path, header: Sequence[str], name: str) -> list[int]:
    """Return the columns of a name in the order of the numbers they are given."""
    pattern = re.compile(rf"{re.escape(name)}(?:[._]?(\d+)|\[(\d+)\])?")
    found: list[tuple[int, int]] = []
    for i, column in enumerate(header):
        match = pattern.fullmatch(column)
        if match:
            number = match[1] or match[2]
            found.append((-1 if number is None else int(number), i))
    found.sort()
    numbers = [number for number, _ in found]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        shown = ", ".join(header[i] for _, i in found[:8])
        raise SpecError(f"{path} has {shown}: numbers that repeat, or leave gaps.")
    return [i for _, i in found]


def _typed(path: Path, name: str, leaf: Tensor, table: np.ndarray) -> np.ndarray:
    array = table.reshape(len(table), *(int(d) for d in leaf.shape[1:]))
    if leaf.dtype.is_float:
        return array.astype(np.float32)
    if not np.array_equal(array, np.trunc(array)):
        row = int(
            np.argmax((array != np.trunc(array)).reshape(len(array), -1).any(axis=1))
        )
        raise SpecError(
            f"{path}: {name} must hold whole numbers; row {row + 1} does not."
        )
    return array.astype(bool if leaf.dtype.is_bool else np.int64)
