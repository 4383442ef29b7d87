"""Tables of comma-separated numbers, as arrays by the names of a model's arguments.

In: a .csv or .csv.gz file, and the model that says which columns it needs. Out: an
array for every argument. Invariant: what does not fit is a `SpecError` that opens with
``file:line`` and names the column.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.declare.model import Model
from symdiff.graph.errors import SpecError
from symdiff.graph.tensor import Tensor
from symdiff.graph.widths import numpy_dtype

_MISSING = frozenset(["", "na", "n/a", "null", "none", "?", "-"])
_OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_EXACT = 2.0**53  # floats represent every whole number up to this one


@dataclass(frozen=True)
class _Table:
    """The text of a file, and the names of its columns, if the first row has words."""

    path: Path
    text: str
    header: list[str] | None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Return the rows below the header that are not blank, each with its line."""
        reader = csv.reader(io.StringIO(self.text, newline=""))
        for first, row in enumerate(r for r in reader if r):
            if first or self.header is None:
                yield reader.line_num, row

    def column(self, number: int) -> str:
        """Return the name of a column in errors."""
        if self.header is not None and number < len(self.header):
            return f"column {self.header[number]!r}"
        return f"column {number + 1}"

    def at(self, row: int) -> str:
        """Return ``file:line`` of a row of numbers."""
        line = next(itertools.islice(self.rows(), row, None))[0]
        return f"{self.path}:{line}"


def read_csv(model: Model, path: Path) -> dict[str, Any]:
    """Return the arrays in a table, a row an example.

    With a header, an argument takes the columns called ``x``, or ``x0``, ``x_1``,
    ``x 2``, ``x[3]``, ``x_0_1``, ``x[0, 1]``, ...; one argument may take all columns
    that no other does. Without, arguments take columns from left to right.
    """
    table = _read(path)
    leaves = {str(t.name): t for t in (*model.inputs, *model.targets)}
    shapes = {name: _row(path, leaf) for name, leaf in leaves.items()}
    widths = {name: math.prod(shape) for name, shape in shapes.items()}
    _check_delimiter(table)
    if next(table.rows(), None) is None:
        raise SpecError(f"{path} has no rows.")
    if table.header is not None:
        columns = _columns(path, table.header, shapes)
    numbers = _numbers(table)
    if table.header is None:
        ends = [0, *itertools.accumulate(widths.values())]
        if ends[-1] != numbers.shape[1]:
            raise SpecError(f"{path} has {numbers.shape[1]} columns; {_needs(widths)}.")
        _check_first_row(table)
        pairs = zip(widths, itertools.pairwise(ends), strict=True)
        columns = {name: list(range(*span)) for name, span in pairs}
    return {
        name: _typed(table, name, leaf, numbers, columns[name])
        for name, leaf in leaves.items()
    }


def _read(path: Path) -> _Table:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode(
            "utf-8-sig"
        )
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"cannot read {path}: {reason}.") from error
    first = next((r for r in csv.reader(io.StringIO(text, newline="")) if r), [])
    numbers = [_is_number(c) for c in first]
    words = [c for c, number in zip(first, numbers, strict=True) if not number]
    gaps = any(numbers) and all(map(_is_missing, words))  # a row that lacks values
    header = [c.strip() for c in first] if words and not gaps else None
    return _Table(path, text, header)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING


def _check_delimiter(table: _Table) -> None:
    """Raise where the first line has one cell by commas, and several by others."""
    line = table.text.lstrip().partition("\n")[0]
    for delimiter, words in _OTHERS.items():
        if delimiter in line and line.count(",") < line.count(delimiter):
            raise SpecError(
                f"{table.path}:1: its cells are parted by {words}; save it with commas "
                "between them, and points in numbers."
            )


def _check_first_row(table: _Table) -> None:
    """Raise where the first row only counts its columns, as pandas names them."""
    _, first = next(table.rows(), (0, []))
    cells = [c.strip() for c in first]
    for start in (0, 1):
        if cells == [str(start + i) for i in range(max(len(cells), 3))]:
            raise SpecError(
                f"{table.path}:1 counts the columns, {start}, {start + 1}, ...: leave "
                "it out if that is their header; if it is a row of data, put a header "
                "of names above it."
            )


def _numbers(table: _Table) -> np.ndarray:
    """Return the rows as numbers."""
    skipped = 0
    if table.header is not None:  # a quoted name may contain line ends
        reader = csv.reader(io.StringIO(table.text, newline=""))
        next(r for r in reader if r)
        skipped = reader.line_num
    lines = io.StringIO(table.text, newline=None)
    body = "".join(itertools.islice(lines, skipped, None))
    try:
        found = np.loadtxt(
            io.StringIO(body), delimiter=",", ndmin=2, quotechar='"', comments=None
        )
    except ValueError as error:
        _explain(table)
        raise SpecError(f"{table.path} is no table of numbers: {error}.") from error
    if table.header is not None and len(table.header) != found.shape[1]:
        _explain(table)
    return found


def _explain(table: _Table) -> None:
    """Raise an error that names the first line that is no row of numbers."""
    path, header = table.path, table.header
    width, first = (len(header), "the header") if header is not None else (0, "")
    for line, row in table.rows():
        width, first = (width, first) if width else (len(row), f"line {line}")
        if len(row) != width:
            raise SpecError(
                f"{path}:{line} has {len(row)} cells, and {first} has {width}; give "
                "every row a number for every column."
            )
        for i, cell in enumerate(row):
            if _is_missing(cell):
                raise SpecError(
                    f"{path}:{line}: {table.column(i)} has no value ({cell!r}); fill "
                    "it in, or leave the row out."
                )
            if not _is_number(cell):
                raise SpecError(
                    f"{path}:{line}: {table.column(i)} has the text {cell!r:.60}; only "
                    "numbers can be read. Give texts numbers, or leave the column out "
                    "if no argument takes it."
                )


# --- columns --------------------------------------------------------------------------


def _row(path: Path, leaf: Tensor) -> tuple[int, ...]:
    """Return the shape of what one row of a table holds for an argument."""
    row = leaf.shape[1:]
    if not leaf.ndim or not all(isinstance(d, int) for d in row):
        raise SpecError(
            f"{path}: a table cannot hold {leaf.name!r} of shape {leaf.shape}; its "
            "rows need a known size. Use .npz."
        )
    return tuple(int(d) for d in row)


def _needs(widths: Mapping[str, int]) -> str:
    return "the model needs " + ", ".join(f"{n} for {k}" for k, n in widths.items())


def _columns(
    path: Path, header: Sequence[str], shapes: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    widths = {name: math.prod(shape) for name, shape in shapes.items()}
    columns = {name: _numbered(path, header, name, shapes) for name in shapes}
    lacking = [name for name, found in columns.items() if not found]
    taken = {i for found in columns.values() for i in found}
    if len(lacking) == 1:
        columns[lacking[0]] = [i for i in range(len(header)) if i not in taken]
        taken |= set(columns[lacking[0]])
    wrong = [n for n, width in widths.items() if len(columns[n]) != width]
    unused = [c for i, c in enumerate(header) if i not in taken]
    if wrong:
        found = ", ".join(f"{len(columns[n])} for {n}" for n in widths)
        shown = _listed([header[i] for i in columns[wrong[0]]])
        others = f"; of no argument are {_listed(unused)}" if unused else ""
        raise SpecError(
            f"{path}:1 has the columns {found}{others}; {_needs(widths)}. What "
            f"{wrong[0]} would take is {shown}: leave out, or rename, what it should "
            "not."
        )
    if unused:
        raise SpecError(
            f"{path}:1 has columns that no argument takes, {_listed(unused)}; leave "
            f"them out: {_needs(widths)}."
        )
    return columns


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:5])) or "nothing"
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


_SEPARATED = r"[._ -]?\d+(?:[._ -]\d+)*"
_BRACKETED = r"(?:\[\d+(?:, ?\d+)*\])+"
_PLACE = re.compile(rf"(?:{_SEPARATED}|{_BRACKETED})?")


def _place(column: str, name: str) -> tuple[int, ...] | None:
    """Return the numbers after an argument's name in a column's; None for another."""
    name = name.strip()
    rest = column.removeprefix(name)
    if not column.startswith(name) or not _PLACE.fullmatch(rest):
        return None
    return tuple(map(int, re.findall(r"\d+", rest)))


def _numbered(
    path: Path, header: Sequence[str], name: str, shapes: Mapping[str, Sequence[int]]
) -> list[int]:
    """Return the columns of an argument, in the order of the numbers in their names.

    They have one number, or one for each axis of a row. A column belongs to the
    argument with the longest name that fits.
    """
    found: list[tuple[tuple[int, ...], int]] = []
    longer = [n for n in shapes if len(n.strip()) > len(name.strip())]
    for i, column in enumerate(header):
        place = _place(column, name)
        if place is not None and all(_place(column, n) is None for n in longer):
            found.append((place, i))
    found.sort()
    places = [place for place, _ in found]
    if places and places not in _orders(places[0], len(places), shapes[name]):
        shown = _listed([header[i] for _, i in found])
        raise SpecError(
            f"{path}:1 has {shown} for {name}: numbers that repeat, or leave gaps."
        )
    return [i for _, i in found]


def _orders(
    first: tuple[int, ...], count: int, shape: Sequence[int]
) -> list[list[tuple[int, ...]]]:
    """Return how the columns of an argument may be numbered, from the first one on."""
    if not first:  # `x`, and then `x0`, `x1`, ...
        return [[(), *((i,) for i in range(count - 1))]]
    if len(first) == 1:
        return [[(first[0] + i,) for i in range(count)]]
    grid = np.ndindex(*shape) if len(first) == len(shape) else ()
    return [[tuple(map(operator.add, first, at)) for at in grid]]


def _typed(
    table: _Table, name: str, leaf: Tensor, numbers: np.ndarray, columns: list[int]
) -> np.ndarray:
    """Return an argument's columns in its shape and dtype."""
    found = numbers[:, columns]
    if not leaf.dtype.is_float:
        if leaf.dtype.is_bool:
            right, need = np.isin(found, (0, 1)), "0 or 1"
        else:
            right = (np.trunc(found) == found) & np.isfinite(found)
            need = "whole numbers"
        if not right.all():
            row, i = map(int, np.argwhere(~right)[0])
            raise SpecError(
                f"{table.at(row)}: {table.column(columns[i])}: {name} must hold "
                f"{need}, got {found[row, i]:g}."
            )
        if not leaf.dtype.is_bool and (np.abs(found) >= _EXACT).any():
            found = _whole_numbers(table, name, columns)
    kind = "bool" if leaf.dtype.is_bool else "int64"
    if leaf.dtype.is_float:
        kind = numpy_dtype(leaf.dtype.name, "float32").name
    shape = (len(found), *(int(d) for d in leaf.shape[1:]))
    return found.reshape(shape).astype(kind)


def _whole_numbers(table: _Table, name: str, columns: list[int]) -> np.ndarray:
    """Return columns of whole numbers, read exactly because floats cannot hold them."""
    limits, found = np.iinfo(np.int64), []
    for line, row in table.rows():
        values = [Decimal(row[i].strip()) for i in columns]
        found.append([int(v) for v in values])
        for i, value in zip(columns, values, strict=True):
            if value % 1 or not limits.min <= value <= limits.max:
                raise SpecError(
                    f"{table.path}:{line}: {table.column(i)}: {name} must hold whole "
                    f"numbers of 64 bits, got {row[i].strip():.60}."
                )
    return np.array(found, np.int64)
