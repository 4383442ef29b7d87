"""Data as the generated ``fit`` takes it: checked, split, in memory or batch by batch.

In: what data() returned, or files hold. Out: a `Dataset` for training, and one for each
set of rows that is held out, with floats in the declared width, else in float32.
Invariant: rows that do not fit are reported with the place they came from, and before
the first step if they are in memory; arrays on disk are read a batch at a time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdiff.declare.settings import Training
from symdiff.graph.arrays import require_plain
from symdiff.graph.errors import SpecError
from symdiff.training.generated import loop_of

Arrays = dict[str, np.ndarray]
Batches = Callable[[int], Iterator[Arrays]]
_READ = 1024  # rows of held-out data on disk that are read at a time


@dataclass(frozen=True)
class Dataset:
    """A set of rows: arrays by argument, or a function from the epoch to batches.

    ``rows`` is None where the data is a function, which alone knows how many there are.
    """

    data: Arrays | Batches
    rows: int | None

    def steps(self, batch_size: int) -> int | None:
        """Return the number of steps in an epoch."""
        return None if self.rows is None else math.ceil(self.rows / batch_size)

    def __str__(self) -> str:
        return "in batches" if self.rows is None else str(self.rows)


def prepared(
    train: Any, training: Training, where: str, data: Mapping[str, Any]
) -> dict[str, Dataset]:
    """Return the splits of a data set, with the argument names of a training step.

    ``train`` is the generated module, whose own checks are used; ``where`` names the
    data in errors.
    """
    params = train.init_params(0)
    found: dict[str, Dataset] = {}
    for split, part in data.items():
        place = f"{where}[{split!r}]"
        if callable(part):
            found[split] = Dataset(_converted(train, place, part), None)
            continue
        arrays = {
            argument: _array(f"{place}[{name!r}]", value, width_of(train, argument))
            for argument, (name, value) in zip(train.DATA, part.items(), strict=True)
        }
        rows = _rows(train, place, dict(zip(arrays, part, strict=True)), arrays)
        _check(train, params, place, arrays, training.batch_size, split == "train")
        if split == "train" and training.validation_split:
            found |= _split(train, arrays, rows, training, where, data)
        else:
            found[split] = _part(train, arrays, rows, None, split, training)
    if training.validation_split and found["train"].rows is None:
        raise SpecError(
            f"{where}['train'] comes in batches, which cannot be split; let data() "
            "return 'validation' too."
        )
    return found


def _rows(train: Any, place: str, names: Mapping[str, str], arrays: Arrays) -> int:
    """Return the number of rows of the arrays with a row axis; 1 where none has one."""
    lengths = {}
    for argument, axis in train.ROWS.items():
        ndim = arrays[argument].ndim
        if ndim <= axis:
            what = "is a single number" if not ndim else f"has no axis {axis}"
            raise SpecError(
                f"{place}[{names[argument]!r}] {what}; expected one row an example."
            )
        lengths[names[argument]] = arrays[argument].shape[axis]
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise SpecError(
            f"{place} must have one number of rows, 1 or more, got {lengths}."
        )
    return next(iter(lengths.values()), 1)


def _cut(axes: Mapping[str, int], arrays: Arrays, rows: Any) -> Arrays:
    """Return some rows of the arrays that have rows, and the others whole."""
    return {n: np.take(a, rows, axes[n]) if n in axes else a for n, a in arrays.items()}


def _split(
    train: Any,
    arrays: Arrays,
    rows: int,
    training: Training,
    where: str,
    data: Mapping[str, Any],
) -> dict[str, Dataset]:
    """Return the training rows, and the share of them that is held out."""
    if getattr(train, "NUMBERED", ()) or not train.ROWS:
        raise SpecError(
            f"{where}['train'] has no rows that could be held out by themselves; leave "
            "the split out, and let data() return 'validation' too."
        )
    if "validation" in data:
        raise SpecError(f"{where} has 'validation' already; leave the split out.")
    held_out = round(rows * training.validation_split)
    if not 0 < held_out < rows:
        raise SpecError(
            f"a split of {training.validation_split:g} leaves {rows - held_out} of "
            f"{rows} rows to train on and {held_out} to validate with."
        )
    order = np.random.default_rng([training.seed, 0, 1]).permutation(rows)
    chosen = {"train": order[held_out:], "validation": order[:held_out]}
    return {
        k: _part(train, arrays, len(v), np.sort(v), k, training)
        for k, v in chosen.items()
    }


def _check(
    train: Any, params: Any, place: str, arrays: Arrays, size: int, trained: bool
) -> None:
    """Run the generated check on every batch; for arrays on disk, on the first.

    Held-out rows are checked as one batch.
    """
    end = rows = loop_of(train)._count(list(arrays.values()))
    size = size if trained and train.ROWS else rows
    if any(map(_on_disk, arrays.values())):
        size = end = min(size, rows, _READ)
    for i in range(0, end, size):
        chosen = np.arange(i, min(i + size, rows))
        batch = _fitting(train, _cut(train.ROWS, arrays, chosen))
        try:
            train._check(params, **batch)
        except (TypeError, ValueError) as error:
            which = f" (rows {i} to {min(i + size, rows)})" if size < rows else ""
            raise SpecError(f"{place}{which}: {error}.") from error


def _array(where: str, value: Any, width: str) -> np.ndarray:
    try:
        require_plain(where, value)
        array = value if isinstance(value, np.memmap) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{where} is no array: {error}.") from error
    if array.dtype.kind not in "fiub":
        raise SpecError(
            f"{where} has dtype {array.dtype}; expected floats, integers or booleans."
        )
    return array if _on_disk(array) else _narrowed(array, width)


def _on_disk(array: np.ndarray) -> bool:
    return isinstance(array, np.memmap)


def width_of(train: Any, argument: str) -> str:
    """Return the float dtype in which a module takes an argument."""
    return str(getattr(train, "WIDTHS", {}).get(argument, "float32"))


def _narrowed(array: np.ndarray, width: str) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(width, copy=False) if array.dtype.kind == "f" else array


def _fitting(train: Any, arrays: Arrays) -> Arrays:
    """Return arrays by argument, floats in the widths that a module takes."""
    return {n: _narrowed(a, width_of(train, n)) for n, a in arrays.items()}


# --- batch by batch -------------------------------------------------------------------


def _converted(train: Any, place: str, batches: Any) -> Batches:
    """Return a user's batches under the arguments' names, in the module's widths."""

    def converted(epoch: int) -> Iterator[Arrays]:
        for batch in batches(epoch):
            arrays = {
                argument: _array(
                    f"{place}, a batch of epoch {epoch}: {name!r}",
                    value,
                    width_of(train, argument),
                )
                for argument, (name, value) in zip(
                    train.DATA, batch.items(), strict=True
                )
            }
            yield _fitting(train, arrays)

    return converted


def _part(
    train: Any,
    arrays: Arrays,
    count: int,
    rows: np.ndarray | None,
    split: str,
    training: Training,
) -> Dataset:
    """Return chosen rows, or all: in memory, or read from disk a batch at a time."""
    if getattr(train, "NUMBERED", ()) or not train.ROWS:
        return Dataset(_fitting(train, arrays), count)
    if not any(map(_on_disk, arrays.values())):
        if rows is not None:
            arrays = _cut(train.ROWS, arrays, rows)
        return Dataset(arrays, count)
    size = training.batch_size if split == "train" else _READ
    shuffle = training.shuffle and split == "train"
    chosen = np.arange(count) if rows is None else rows
    seed = training.seed
    return Dataset(_OnDisk(train, arrays, chosen, size, shuffle, seed), count)


@dataclass(frozen=True)
class _OnDisk:
    """Rows of arrays that lie on disk, as a function from the epoch to batches."""

    train: Any
    arrays: Arrays
    rows: np.ndarray
    size: int
    shuffle: bool
    seed: int

    def __call__(self, epoch: int) -> Iterator[Arrays]:
        # The same order as that of `fit` for arrays in memory.
        count = len(self.rows)
        rng = np.random.default_rng([self.seed, epoch])
        shuffle = self.shuffle and count > self.size
        order = rng.permutation(count) if shuffle else np.arange(count)
        for start in range(0, count, self.size):
            chosen = self.rows[order[start : start + self.size]]
            yield _fitting(self.train, _cut(self.train.ROWS, self.arrays, chosen))

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint stores of the data, as `fit` does for arrays in memory."""
        digest, dtypes, axes = hashlib.sha256(), [], self.train.ROWS
        for name, array in self.arrays.items():
            width = width_of(self.train, name)
            first = array[:1] if array.ndim else array
            dtypes.append(_narrowed(first, width).dtype.name)
            if axes.get(name) != 0:  # cannot be read row by row
                whole = _cut(axes, {name: array}, self.rows)[name]
                digest.update(np.ascontiguousarray(_narrowed(whole, width)).data)
                continue
            for start in range(0, len(self.rows), _READ):
                chosen = array[self.rows[start : start + _READ]]
                digest.update(np.ascontiguousarray(_narrowed(chosen, width)).data)
        told = {"rows": len(self.rows), "dtypes": dtypes}
        return {**told, "sha256": digest.hexdigest()[:16]}
