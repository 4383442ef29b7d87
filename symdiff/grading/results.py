"""The files that a student's process left behind, read as hostile data.

In: files that the student's code could write, remove or replace. Out: a `CaseOutcome`
for a case, or `SpoiledError`. Invariant: only regular files of bounded size are read,
and nothing in them is executed. The process writes arrays and digests, and all
judgement is made here; what it did not write never counts as right.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.grading.runner import digest

HEADER = 8 << 20  # bytes of the header of a result, at most
TEXT = 500  # characters of a text in it, at most
LISTED = 100_000  # items of a list in it, at most
ERROR = ("type", "message", "line", "function", "stage", "missing")
Arrays = Mapping[str, np.ndarray]
Held = list[tuple[str, int, str]]  # name, identity, digest


class SpoiledError(Exception):
    """Raised for a file that the runner cannot have written like that."""


@dataclass
class CaseOutcome:
    """The outcome of one case; ``error`` is set where it raised."""

    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[int, np.ndarray] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    amiss: dict[str, str] = field(default_factory=dict)
    changed: list[tuple[str, str]] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    dtypes: dict[str, str] = field(default_factory=dict)
    returned: str = ""
    notes: list[str] = field(default_factory=list)
    trace: list[tuple[str, int, bool, np.ndarray]] = field(default_factory=list)
    own: str = ""  # name of the student's own forward pass, if there is one


def regular(path: Path, most: int) -> bytes | None:
    """Return the bytes of a regular file, or None where there is no such file.

    A device, a pipe or a file of more than ``most`` bytes gives None, without waiting.
    """
    try:
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return None
    with contextlib.suppress(OSError), os.fdopen(opened, "rb") as file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size <= most:
            found = file.read(most + 1)
            return found if len(found) <= most else None
    return None


def unpacked(content: bytes, run: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of what the runner wrote in this run.

    Raises `SpoiledError` where they are not as it writes them.
    """
    try:
        size = int.from_bytes(content[:8], "big")
        if len(content) < 8 or size > HEADER:
            raise SpoiledError
        header = json.loads(content[8 : 8 + size], parse_int=_int, parse_constant=_none)
        if not isinstance(header, dict) or header.get("run") != run:
            raise SpoiledError
        arrays, start = {}, 8 + size
        for name, shape in _listed(header.get("arrays")):
            dims = [d for d in shape if type(d) is int and d >= 0]
            end = start + 8 * math.prod(dims)
            if len(dims) != len(shape) or len(dims) > 32 or end > len(content):
                raise SpoiledError
            flat = np.frombuffer(content[start:end], "<f8")
            arrays[_text(name)] = flat.reshape(dims).astype(float)
            start = end
        if start != len(content):
            raise SpoiledError
    except (ValueError, TypeError, RecursionError, MemoryError, OverflowError) as error:
        raise SpoiledError from error
    return header, arrays


def failure(found: Any) -> dict[str, Any]:
    """Return an exception that the runner recorded; empty where there is none."""
    if not isinstance(found, dict):
        raise SpoiledError
    told = {k: found[k] for k in ERROR if found.get(k) is not None}
    for key, value in told.items():
        told[key] = _whole(value) if key == "line" else _text(value)
    if found and not told:
        raise SpoiledError
    return told


def outcome(
    header: Mapping[str, Any], arrays: Arrays, job: Mapping[str, Any], given: Arrays
) -> CaseOutcome:
    """Return the outcome of a case; ``given`` are the arrays that must not change.

    Raises `SpoiledError` where the header lacks what the runner writes.
    """
    names: Sequence[str] = job["wrt"]
    made = CaseOutcome()
    if header.get("error") is not None:
        made.error = failure(header["error"])
    again: dict[str, np.ndarray] = {}
    for letter, into in (("g", made.gradients), ("h", again)):
        for i, name in enumerate(names):
            if f"{letter}{i}" in arrays:
                into[name] = arrays[f"{letter}{i}"]
    for name, array in arrays.items():
        if name[:1] == "v" and name[1:].isdecimal():
            made.values[int(name[1:])] = array
    told = _texts(header.get("amiss"))
    made.amiss = {n: told[n] for n in names if n in told}
    made.dtypes = _texts(header.get("dtypes"))
    made.unknown = [_text(n) for n in _listed(header.get("unknown"))]
    made.returned = _text(header.get("returned") or "")
    made.notes = [_text(n) for n in _listed(header.get("notes"))]
    made.own = _text(header.get("own") or "")
    for i, (name, line, own) in enumerate(_listed(header.get("trace"))):
        if f"t{i}" in arrays:
            place = (_text(name), _whole(line), bool(own), arrays[f"t{i}"])
            made.trace.append(place)
    stages = ([made.own] if made.own else []) + ["backward"]
    made.changed = _changed(header.get("held"), stages, given, made.error is None)
    if made.error is None:
        made.unstable = _unlike(made.gradients, again)
    return made


def note_unstable(first: CaseOutcome, last: CaseOutcome) -> None:
    """Note which gradients differ when the same case is run again."""
    if first.error is None and last.error is None:
        others = _unlike(first.gradients, last.gradients)
        first.unstable += [n for n in others if n not in first.unstable]


def _unlike(gradients: Arrays, again: Arrays) -> list[str]:
    """Return the names of gradients that are not the same, bit for bit."""
    return [
        n
        for n, a in gradients.items()
        if n not in again or not np.array_equal(a, again[n], equal_nan=True)
    ]


def _changed(
    held: Any, stages: Sequence[str], given: Arrays, complete: bool
) -> list[tuple[str, str]]:
    """Return the arrays that were changed, each with the stage that changed it."""
    if not isinstance(held, dict):
        raise SpoiledError
    now = {n: digest(a) for n, a in given.items()}
    found: list[tuple[str, str]] = []
    seen: set[int] = set()
    for stage in stages:
        if stage not in held:
            if complete:
                raise SpoiledError
            break
        before, after = (_held(side) for side in held[stage])
        left = {name: mark for name, _, mark in after}
        places = {name: place for name, place, _ in before}
        marks = {name: mark for name, _, mark in before}
        for name in {**marks, **now}:
            was = now.get(name, marks.get(name))
            if left.get(name) == was:
                continue
            place = places.get(name, -1)
            if place not in seen:
                found.append((stage, name))
            seen |= {place} - {-1}
        now = left
    return found


def _held(side: Any) -> Held:
    return [(_text(n), _whole(p), _text(m)) for n, p, m in _listed(side)]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > LISTED:
        raise SpoiledError
    return value


def _texts(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > LISTED:
        raise SpoiledError
    return {_text(k): _text(v) for k, v in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise SpoiledError
    return value[:TEXT]


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise SpoiledError
    return value


def _int(text: str) -> int:
    if len(text) > 24:
        raise ValueError
    return int(text)


def _none(text: str) -> None:
    raise ValueError(text)
