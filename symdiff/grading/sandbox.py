"""A student's module in a process of its own, held to time and memory.

In: a file, what it is called with, and limits. Out: an `Outcome` for each case, and
what was wrong with the whole. Invariant: what the process writes is read as numbers and
JSON, never executed; the process and its children are gone when this returns.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.grading import runner

PRINTED = 4_000  # characters that are looked at
# Address space that Python and NumPy take before the student's first line.
BASE = 1_024


@dataclass(frozen=True)
class Limits:
    """Seconds of computing for all cases of a file, and megabytes."""

    seconds: float = 20.0
    memory: int = 1_024

    @property
    def wall(self) -> float:
        """Seconds after which it is ended whatever it does; machines may be busy."""
        return max(3 * self.seconds, self.seconds + 10)


@dataclass
class Outcome:
    """What came of one case; ``error`` is set where it raised."""

    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    values: list[np.ndarray] = field(default_factory=list)
    error: dict[str, Any] | None = None
    amiss: dict[str, str] = field(default_factory=dict)
    changed: list[tuple[str, str]] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    dtypes: dict[str, str] = field(default_factory=dict)
    returned: str = ""
    notes: list[str] = field(default_factory=list)
    trace: list[tuple[str, int, bool, np.ndarray]] = field(default_factory=list)


@dataclass
class Session:
    """What came of all cases; ``ended`` says why there are fewer of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    failed: dict[str, Any] | None = None  # while it was imported
    ended: str = ""
    at: int = 0  # the case at which it ended
    line: int = 0
    printed: str = ""


def run(
    file: Path, job: Mapping[str, Any], cases: Sequence[Any], limits: Limits
) -> Session:
    """Run a student's module on cases: pairs of a description and its arrays."""
    with tempfile.TemporaryDirectory(prefix="symdiff_grade_") as name:
        folder = Path(name)
        described = []
        for i, (case, arrays) in enumerate(cases):
            np.savez(folder / f"case_{i}.npz", **arrays)
            described.append(case)
        package = (file.parent / "__init__.py").exists() and file.stem.isidentifier()
        whole = {
            **job,
            "file": str(file.absolute()),
            "package": package,
            "seconds": limits.seconds,
            "wall": limits.wall,
            "memory": limits.memory + BASE,
            "cases": described,
        }
        (folder / "job.json").write_text(json.dumps(whole), "utf-8")
        code, late = _started(folder, limits)
        return _read(folder, len(described), job["wrt"], code, late, limits, file)


def _started(folder: Path, limits: Limits) -> tuple[int, bool]:
    """Run the process to its end; return its exit code and whether it was ended."""
    kept = ("PATH", "SYSTEMROOT", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    env = {k: os.environ[k] for k in kept if k in os.environ}
    for threads in ("OPENBLAS", "OMP", "MKL"):
        env[f"{threads}_NUM_THREADS"] = "1"
    env |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-B", "-X", "utf8", runner.__file__, str(folder)]
    with (folder / "printed.txt").open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        late = False
        try:
            process.wait(limits.wall)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _end(process)
    return process.returncode, late


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


# --- reading --------------------------------------------------------------------------


def _read(
    folder: Path,
    count: int,
    names: Sequence[str],
    code: int,
    late: bool,
    limits: Limits,
    file: Path,
) -> Session:
    session = Session()
    with contextlib.suppress(OSError), (folder / "printed.txt").open("rb") as out:
        session.printed = out.read(PRINTED).decode("utf-8", "replace")
    noted = _json(folder / "import.json")
    for i in range(count):
        found = _json(folder / f"result_{i}.json")
        if found is None:
            break
        try:
            made = _outcome(found, folder / f"arrays_{i}.npz", names)
        except Exception:  # it wrote over what the runner had written
            break
        session.outcomes.append(made)
    if noted:
        session.failed = noted
        return session
    if noted is not None and len(session.outcomes) == count:
        return session
    session.at = len(session.outcomes)
    session.line = _line(folder / "stack.txt", file)
    if late:
        session.ended = f"did not finish within {limits.wall:g} seconds: does it wait?"
        return session
    if -code in (getattr(signal, "SIGXCPU", 24), getattr(signal, "SIGKILL", 9)):
        session.ended = (
            f"did not finish within {limits.seconds:g} seconds: a loop that never ends?"
        )
        return session
    if code < 0:
        session.ended = f"crashed the interpreter ({_signal(-code)})"
        return session
    session.ended = f"ended the process by itself, with exit code {code}"
    if "MemoryError" in session.printed:
        session.ended = f"needs more than {limits.memory} MB of memory"
    return session


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _line(path: Path, file: Path) -> int:
    """Return the student's line that was being executed when time ran out."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return 0
    places = re.findall(r'File "(.*)", line (\d+)', text)
    mine = [int(n) for f, n in places if Path(f).name == file.name]
    return mine[0] if mine else 0


def _outcome(found: Mapping[str, Any], path: Path, names: Sequence[str]) -> Outcome:
    made = Outcome()
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, EOFError):
        arrays = {}
    for i, name in enumerate(names):
        if f"g{i}" in arrays:
            made.gradients[name] = arrays[f"g{i}"]
    made.values = [arrays[f"v{i}"] for i in range(len(arrays)) if f"v{i}" in arrays]
    made.error = found.get("error")
    made.amiss = dict(found.get("amiss") or {})
    made.changed = [(str(w), str(n)) for w, n in found.get("changed") or ()]
    made.unstable = list(found.get("unstable") or ())
    made.unknown = list(found.get("unknown") or ())
    made.dtypes = dict(found.get("dtypes") or {})
    made.returned = str(found.get("returned") or "")
    made.notes = list(found.get("notes") or ())
    for i, (name, line, own) in enumerate(found.get("trace") or ()):
        if f"t{i}" in arrays:
            made.trace.append((str(name), int(line), bool(own), arrays[f"t{i}"]))
    return made
