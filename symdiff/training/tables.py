"""Data from files: .npz, .npy and .csv, as arrays by the names of a model's arguments.

In: paths, and the model that says which arrays it needs. Out: what a spec's data()
returns. Invariant: nothing is unpickled, an .npy file stays on disk until its rows are
read, and what does not fit is a `SpecError` that opens with the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.declare.model import Model
from symdiff.declare.spec import SPLITS, names_of
from symdiff.graph.errors import SpecError
from symdiff.training.csv_files import read_csv

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
    return {"train": read_csv(model, path)}


def read_splits(
    model: Model, files: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return the splits of a spec's data files; that of "train" may hold others too.

    Raises `SpecError` for a split that it holds and another file as well.
    """
    found: dict[str, dict[str, Any]] = {}
    for split, listed in files.items():
        parts = read_files(model, listed)
        if split == "train":
            twice = [other for other in parts if other != split and other in files]
            if twice:
                also = files[twice[0]][0]
                raise SpecError(
                    f"{listed[0]} holds {twice[0]!r}, and so does {also}; leave one of "
                    "them out."
                )
            found |= parts
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
    except Exception as error:  # a damaged file may make NumPy raise anything
        raise SpecError(f"{path} {_unread(error)}.") from error


def _unread(error: Exception) -> str:
    """Return why NumPy could not read an array, without its hint to unpickle."""
    if "pickle" in str(error):
        return (
            "holds no numbers but Python objects, or is no file of arrays; nothing is "
            "unpickled, because that may run code. Save numbers by np.savez or np.save"
        )
    return f"cannot be read as arrays: {error}"


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
                raise SpecError(f"{path}: {name} {_unread(error)}.") from error
    parts: dict[str, dict[str, Any]] = {}
    names = names_of(model)
    for name, array in arrays.items():
        split, slash, own = name.partition("/")
        if name in names or not slash or split not in SPLITS:
            split, own = "train", name
        if own in parts.setdefault(split, {}):
            raise SpecError(
                f"{path} holds {own!r} and {split}/{own} for the same argument; leave "
                "one of them out."
            )
        parts[split][own] = array
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
