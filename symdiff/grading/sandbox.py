"""A student's module in a process of its own, held to time and memory.

In: a file, its arguments, and limits. Out: a `CaseOutcome` for each case, and what was
wrong with the run as a whole. Invariant: what the process writes is read as numbers and
JSON, never executed; the process and its children are gone when this returns.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symdiff.grading import keeper, runner
from symdiff.grading.results import (
    HEADER,
    Arrays,
    CaseOutcome,
    SpoiledError,
    failure,
    note_unstable,
    outcome,
    regular,
    unpacked,
)

PRINTED = 4_000  # characters of what it prints that are read
NOTED = 1 << 20  # bytes of other files that are read, at most
LEEWAY = 15.0  # seconds that the keeper has to end everything
# Signals that end a process whose computing time is up: at the soft, the hard limit.
TIME_IS_UP = (getattr(signal, "SIGXCPU", 24), getattr(signal, "SIGKILL", 9))
# Address space that Python and NumPy take before the student's first line.
BASE = 1_024


@dataclass(frozen=True)
class Limits:
    """Seconds of computing for all cases of a file, and megabytes."""

    seconds: float = 20.0
    memory: int = 1_024

    @property
    def wall(self) -> float:
        """Seconds of real time, more than of computing, as the machine may be busy."""
        return max(3 * self.seconds, self.seconds + 10)


@dataclass
class Session:
    """The outcomes of all cases; ``ended`` says why some are missing."""

    outcomes: list[CaseOutcome] = field(default_factory=list)
    failed: dict[str, Any] | None = None  # the error of importing the module
    ended: str = ""
    at: int = 0  # the case in which the process ended
    line: int = 0
    printed: str = ""


@dataclass(frozen=True)
class Given:
    """A case: its description, its arrays, and those that must not change."""

    told: Mapping[str, Any]
    arrays: Arrays
    held: Arrays


def run(
    file: Path, job: Mapping[str, Any], cases: Sequence[Given], limits: Limits
) -> Session:
    """Run a student's module on cases, and on the first of them again at the end.

    ``job`` describes the arguments, and how many bytes the results may have. A gradient
    that differs in the second run of a case is noted as unstable.
    """
    count = len(cases)
    cases = [*cases, *cases[:1]]
    with _folder() as folder:
        for i, case in enumerate(cases):
            np.savez(folder / f"case_{i}.npz", **case.arrays)  # type: ignore[arg-type]
        package = (file.parent / "__init__.py").exists() and file.stem.isidentifier()
        whole = {
            **job,
            "file": str(file.absolute()),
            "package": package,
            "seconds": limits.seconds,
            "wall": limits.wall,
            "memory": limits.memory + BASE,
            "cases": [case.told for case in cases],
            "run": secrets.token_hex(16),
        }
        (folder / "job.json").write_text(json.dumps(whole), "utf-8")
        ended = _started(folder, limits, str(whole["run"]))
        session = _Reading(folder, whole, cases, limits, file).session(*ended)
    if len(session.outcomes) > count:
        note_unstable(session.outcomes[0], session.outcomes.pop())
    return session


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder that is removed afterwards, if that is possible."""
    folder = Path(tempfile.mkdtemp(prefix="symdiff_grade_"))
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder of any depth, but nothing that a link in it points to.

    Deep folders are moved up first, because the system limits the length of a path. The
    folder itself may have become a link.
    """
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
        return
    while inside := list(os.scandir(folder)):
        for entry in inside:
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink()
                continue
            for deeper in list(os.scandir(entry.path)):
                if deeper.is_dir(follow_symlinks=False):
                    Path(deeper.path).rename(folder / secrets.token_hex(16))
                else:
                    Path(deeper.path).unlink()
            Path(entry.path).rmdir()
    folder.rmdir()


def _started(folder: Path, limits: Limits, mark: str) -> tuple[int | None, str]:
    """Run the process to its end; return its exit code, and "busy" or "idle" if late.

    The code is None where the process ended its keeper. A late process is busy if it
    was computing: on a machine with other work, real time can be up before computing
    time is.
    """
    kept = ("PATH", "SYSTEMROOT", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    env = {k: os.environ[k] for k in kept if k in os.environ}
    for threads in ("OPENBLAS", "OMP", "MKL"):
        env[f"{threads}_NUM_THREADS"] = "1"
    env |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONHASHSEED": "0"}
    env[keeper.MARK] = mark
    python = [sys.executable, "-B", "-X", "utf8"]
    keeping = [*python, "-I", keeper.__file__, str(limits.wall)]
    with tempfile.TemporaryFile() as told, (folder / "printed.txt").open("wb") as out:
        process = subprocess.Popen(
            [*keeping, *python, runner.__file__, str(folder)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=out,
            start_new_session=True,
        )
        try:
            process.wait(limits.wall + LEEWAY)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also if grading is interrupted
            if process.poll() is None:
                process.kill()
            process.wait()
            keeper.end(lambda: keeper.marked(mark))
        told.seek(0)
        try:
            found = json.loads(told.read(NOTED))
            busy = float(found["computed"]) > limits.seconds / 8
            late = ("busy" if busy else "idle") if found["late"] else ""
            return int(found["code"]), late
        except (ValueError, TypeError, KeyError, RecursionError):
            return None, ""


# --- reading --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    folder: Path
    job: Mapping[str, Any]
    cases: Sequence[Given]
    limits: Limits
    file: Path

    def session(self, code: int | None, late: str) -> Session:
        """Return the session that the process's files describe."""
        session = Session()
        printed = regular(self.folder / "printed.txt", int(self.job["bytes"])) or b""
        session.printed = printed[:PRINTED].decode("utf-8", "replace")
        spoiled = False
        try:
            noted = self._result("import")
            if noted is not None:
                session.failed = failure(noted[0].get("failed")) or None
            if noted is None or session.failed is not None:
                return self._ended(session, noted is None, code, late)
            for i in range(len(self.cases)):
                found = self._result(f"result_{i}")
                if found is None:
                    break
                if found[0].get("case") != i:
                    raise SpoiledError
                made = outcome(*found, self.job, self.cases[i].held)
                session.outcomes.append(made)
        except (SpoiledError, ValueError, TypeError):
            spoiled = True
        missing = len(session.outcomes) < len(self.cases)
        if spoiled and code == 0 and not late:
            session.at = len(session.outcomes)
            session.ended = "wrote over what was measured of it"
            return session
        return self._ended(session, missing, code, late)

    def _result(self, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        content = regular(self.folder / name, int(self.job["bytes"]) + HEADER)
        return None if content is None else unpacked(content, str(self.job["run"]))

    def _ended(
        self, session: Session, early: bool, code: int | None, late: str
    ) -> Session:
        """Return the session with words for why it ended ``early``, if it did."""
        if not early:
            return session
        limits = self.limits
        session.at = len(session.outcomes)
        session.line = _line(self.folder / "stack.txt", self.file)
        if code is None:
            session.ended = "ended the process that watches over it"
        elif late == "idle":
            session.ended = (
                f"did not finish within {limits.wall:g} seconds: does it wait?"
            )
        elif late or -code in TIME_IS_UP:
            session.ended = (
                f"did not finish within {limits.seconds:g} seconds: a loop that never "
                "ends?"
            )
        elif code < 0:
            session.ended = f"crashed the interpreter ({_signal(-code)})"
        elif "MemoryError" in session.printed:
            session.ended = f"needs more than {limits.memory} MB of memory"
        else:
            session.ended = f"ended the process by itself, with exit code {code}"
        return session


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _line(path: Path, file: Path) -> int:
    """Return the student's line that was being executed when time ran out."""
    text = (regular(path, NOTED) or b"").decode("utf-8", "replace")
    places = re.findall(r'File "(.*)", line (\d+)', text)
    mine = [int(n) for f, n in places if Path(f).name == file.name]
    return mine[0] if mine else 0
