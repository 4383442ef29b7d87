"""Runs a student's module in a process of its own: ``python runner.py FOLDER``.

In: a folder with ``job.json`` and a file of arrays for each case. Out: in the same
folder, a result for each case: a header of JSON, and the arrays that it names.
Invariant: this imports NumPy and the standard library alone. It records what was
returned and how the arguments look afterwards, and judges nothing, because the
student's code could tamper with anything in this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import dis
import faulthandler
import hashlib
import importlib
import importlib.util
import inspect
import json
import math
import os
import signal
import sys
import traceback
from collections import namedtuple
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

EVENTS = 20_000  # lines of the student's code that are watched, at most
KEPT, LARGEST = 1_000, 100_000  # values that are kept, and elements of each, at most
WATCHED = 2_000_000  # elements of all kept values together, at most
DIES_WITH_ITS_PARENT = 1  # PR_SET_PDEATHSIG
MESSAGE = 400


def main(folder: Path) -> None:
    """Run the cases of a job one by one."""
    told = folder / "job.json"
    job = json.loads(told.read_text("utf-8"))
    told.unlink()
    _limit(job)
    watch = (folder / "stack.txt").open("w")  # held open until the process ends
    faulthandler.dump_traceback_later(max(job["wall"] - 0.7, 0.3), file=watch)
    if hasattr(signal, "SIGXCPU"):  # out of computing time: write a traceback, end
        faulthandler.register(signal.SIGXCPU, file=watch, chain=True)
    file = Path(job["file"])
    note: dict[str, Any] = {}
    module = None
    try:
        module = _loaded(file, job["package"])
        if not callable(getattr(module, "backward", None)):
            note = {"missing": "backward"}
    except BaseException as error:
        note = _told(error, file)
    _write(folder / "import", {"run": job["run"], "failed": note}, {})
    if module is None or note:
        return
    for i, case in enumerate(job["cases"]):
        with np.load(folder / f"case_{i}.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        found, kept = _Run(module, job, case, arrays, file).told()
        _write(folder / f"result_{i}", {"run": job["run"], "case": i, **found}, kept)


def _limit(job: Mapping[str, Any]) -> None:
    """Limit memory, time and file size, and let the process die with its keeper."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).prctl(DIES_WITH_ITS_PARENT, int(signal.SIGKILL), 0, 0, 0)
    try:
        import resource
    except ImportError:  # no such limits on this system; the parent limits the time
        return
    seconds = max(math.ceil(job["seconds"]), 1)
    memory, size = job["memory"] << 20, job["bytes"]
    wanted = {
        "RLIMIT_AS": (memory, memory),
        "RLIMIT_CPU": (seconds, seconds + 2),
        "RLIMIT_FSIZE": (size, size),
        "RLIMIT_CORE": (0, 0),
    }
    for name, values in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), values)


def _write(path: Path, told: Mapping[str, Any], kept: Mapping[str, np.ndarray]) -> None:
    """Write a header, which names the arrays and their shapes, and the arrays."""
    arrays = {n: np.asarray(a, "<f8") for n, a in kept.items()}
    shapes = [[n, list(a.shape)] for n, a in arrays.items()]
    header = json.dumps({**told, "arrays": shapes}).encode("utf-8")
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "big") + header)
        for array in arrays.values():
            file.write(array.tobytes())


def _loaded(file: Path, package: bool) -> ModuleType:
    """Import the student's file, inside its package where it has one."""
    sys.path[:1] = []  # the folder of this file
    # last, so that a student's random.py does not hide Python's
    sys.path.append(str(file.parent))
    if package:
        entry = file.parent / "__init__.py"
        _module("student", entry, [str(file.parent)])
        return importlib.import_module(f"student.{file.stem}")
    return _module("student", file, None)


def _module(name: str, file: Path, search: list[str] | None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=search
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _told(error: BaseException, file: Path) -> dict[str, Any]:
    """Return an exception in words, with the innermost line of the student's file."""
    message = ""
    with contextlib.suppress(BaseException):
        message = str(error)
    found: dict[str, Any] = {"type": type(error).__name__, "message": message[:MESSAGE]}
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return {**found, "line": error.lineno, "message": str(error.msg)}
    with contextlib.suppress(BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        mine = [f for f in frames if f.filename == str(file)]
        if mine:
            found |= {"line": mine[-1].lineno, "function": mine[-1].name}
    return found


class _Run:
    """One case: the forward pass, backward twice, and digests of the arguments."""

    def __init__(
        self,
        module: ModuleType,
        job: Mapping[str, Any],
        case: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        file: Path,
    ) -> None:
        self.module, self.job, self.case, self.file = module, job, case, file
        self.params = {n: arrays[f"p{i}"] for i, n in enumerate(job["params"])}
        self.arguments = [arrays[f"a{i}"] for i in range(len(job["arguments"]))]
        self.seeds: list[Any] = [arrays[f"d{i}"] for i in range(case["seeds"])]
        if job["model"]:
            self.seeds = [float(s) for s in self.seeds]
        self.given = self._given(arrays)
        self.found: dict[str, Any] = {"notes": [], "held": {}}
        self.kept: dict[str, np.ndarray] = {}

    def _given(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """Return the residuals of the derived forward pass."""
        values: list[Any] = []
        for i, kind in enumerate(self.case["residuals"]):
            if kind == "dtype":
                values.append(np.dtype(str(arrays[f"r{i}"])))
            elif kind == "int":
                values.append(int(arrays[f"r{i}"]))
            else:
                values.append(arrays[f"r{i}"])
        return namedtuple("Residuals", self.job["fields"])(*values)

    def told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Run the case; return its header and its arrays."""
        stage = "forward"
        try:
            with np.errstate(all="ignore"):
                residuals = self._forward()
                stage = "backward"
                self._backward(residuals)
        except BaseException as error:
            sys.settrace(None)
            self.found["error"] = {"stage": stage, **_told(error, self.file)}
        return self.found, self.kept

    def _forward(self) -> Any:
        name = "loss_and_residuals" if self.job["model"] else "forward_with_residuals"
        function = getattr(self.module, name, None)
        if function is None:
            return self.given
        first = [self.params] if self.job["model"] else []
        self.found["own"] = name
        before = self._held(())
        result = function(*first, *self.arguments, **self._key(function))
        self.found["held"][name] = [before, self._held(())]
        value, residuals = result[0], result[1]
        values = value if isinstance(value, tuple) else (value,)
        for i, v in enumerate(values):
            with contextlib.suppress(Exception):
                self.kept[f"v{i}"] = np.asarray(v, float)
        return residuals

    def _key(self, function: Callable[..., Any]) -> dict[str, int]:
        with contextlib.suppress(TypeError, ValueError):
            if "key" in inspect.signature(function).parameters:
                return {"key": self.case["key"]}
        return {}

    def _backward(self, residuals: Any) -> None:
        function = self.module.backward
        first = [self.params] if self.job["model"] else []
        arguments = [*first, residuals, *self.seeds]
        key = self._key(function)
        if self.job["model"]:
            with contextlib.suppress(TypeError, ValueError):
                arguments = self._fitted(inspect.signature(function), arguments, key)
        before = self._held(residuals)
        watch = Watch(self.file, function) if self.case["trace"] else None
        if watch is not None:
            sys.settrace(watch)
        try:
            result = function(*arguments, **key)
        finally:
            sys.settrace(None)
            if watch is not None:
                self.found["trace"] = watch.places
                self.kept |= {f"t{i}": a for i, a in enumerate(watch.values)}
        once = self._gradients(result)
        self._keep("g", once)
        self.found["held"]["backward"] = [before, self._held(residuals)]
        self._keep("h", self._gradients(function(*arguments, **key), quiet=True))

    def _keep(self, letter: str, gradients: Mapping[str, np.ndarray]) -> None:
        for name, array in gradients.items():
            self.kept[f"{letter}{self.job['wrt'].index(name)}"] = array

    def _fitted(
        self, signature: inspect.Signature, arguments: list[Any], key: Mapping[str, int]
    ) -> list[Any]:
        """Return the arguments that a function takes, which may lack d_loss."""
        try:
            signature.bind(*arguments, **key)
        except TypeError:
            signature.bind(*arguments[:-1], **key)
            self.found["notes"].append("no d_loss")
            return arguments[:-1]
        return arguments

    # --- results ----------------------------------------------------------------------

    def _gradients(self, result: Any, quiet: bool = False) -> dict[str, np.ndarray]:
        """Return the gradients by name, and record what is wrong with their form."""
        names = self.job["wrt"]
        wrong: dict[str, str] = {}
        if self.job["model"]:
            if not hasattr(result, "keys"):
                kind = type(result).__name__
                if not quiet:
                    self.found["returned"] = kind
                return {}
            values = {str(k): result[k] for k in result}
        else:
            if not isinstance(result, (tuple, list)):
                result = (result,)
            values = dict(zip(names, result, strict=False))
            if len(result) != len(names) and not quiet:
                self.found["returned"] = f"{len(result)} values"
        made: dict[str, np.ndarray] = {}
        for name in names:
            if name not in values:
                wrong[name] = "is missing from what backward returns"
            elif values[name] is ... or values[name] is None:
                wrong[name] = "is not written yet"
            else:
                self._array(name, values[name], made, wrong)
        if not quiet:
            self.found["unknown"] = sorted(set(values) - set(names))
            self.found["amiss"] = wrong
            self.found["dtypes"] = {n: a.dtype.name for n, a in made.items()}
        return {n: a.astype(float) for n, a in made.items()}

    def _array(
        self, name: str, value: Any, made: dict[str, np.ndarray], wrong: dict[str, str]
    ) -> None:
        kind = type(value).__name__
        try:
            array = np.array(value)
        except Exception:
            wrong[name] = f"is a {kind}, which is no array"
            return
        if array.dtype.kind not in "fiub":
            wrong[name] = f"is a {kind} of {array.dtype}, which is no array of floats"
        elif array.size > self.job["largest"]:
            wrong[name] = f"has the shape {array.shape}, far too large"
        else:
            made[name] = array

    # --- what was changed -------------------------------------------------------------

    def _held(self, residuals: Any) -> list[tuple[str, int, str]]:
        """Return name, identity and digest of each array that must not change."""
        given: dict[str, Any] = {f"params[{n!r}]": a for n, a in self.params.items()}
        given |= dict(zip(self.job["arguments"], self.arguments, strict=True))
        fields = getattr(residuals, "_fields", None)
        values: Any = residuals
        if isinstance(residuals, Mapping):
            fields, values = list(residuals), residuals.values()
        if isinstance(values, (tuple, list)) or isinstance(residuals, Mapping):
            for i, value in enumerate(values):
                shown = fields[i] if fields else str(i)
                given.setdefault(f"residuals.{shown}", value)
        given |= {f"cotangent {i}": s for i, s in enumerate(self.seeds)}
        return [
            (n, id(a), digest(a)) for n, a in given.items() if isinstance(a, np.ndarray)
        ]


def digest(array: np.ndarray) -> str:
    """Return a hash of an array's dtype, shape and bytes."""
    told = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(told + array.tobytes()).hexdigest()


class Watch:
    """A trace function that keeps the numeric values of local variables, up to limits.

    A value is kept when it changes, and when a line sets it again to what it was.
    """

    def __init__(self, file: Path, function: Any) -> None:
        self.file = str(file)
        self.code = getattr(inspect.unwrap(function), "__code__", None)
        self.values: list[np.ndarray] = []
        self.places: list[tuple[str, int, bool]] = []  # name, line, in backward itself
        self._last: dict[int, int] = {}
        self._seen: dict[tuple[int, str], bytes] = {}
        self._sets: dict[CodeType, dict[int, set[str]]] = {}
        self._events = self._elements = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != self.file or self._events > EVENTS:
            return None
        key = id(frame)
        if event == "call":
            self._last[key] = frame.f_lineno
            return self
        self._events += 1
        self._look(frame, key, self._last.get(key, frame.f_lineno))
        self._last[key] = frame.f_lineno
        return self

    def _look(self, frame: FrameType, key: int, line: int) -> None:
        code = frame.f_code
        if code not in self._sets:
            self._sets[code] = _set_by_line(code)
        again = self._sets[code].get(line, set())
        for name, value in list(frame.f_locals.items()):
            if len(self.values) >= KEPT or not _numeric(value):
                continue
            array = np.asarray(value)
            if array.size > min(LARGEST, WATCHED - self._elements):
                continue
            stamp = repr(array.shape).encode() + array.tobytes()
            if self._seen.get((key, name)) != stamp or name in again:
                self._seen[key, name] = stamp
                self._elements += array.size
                self.values.append(array.astype(float))
                self.places.append((name, line, frame.f_code is self.code))


def _set_by_line(code: CodeType) -> dict[int, set[str]]:
    """Return the local variables that each line of a function sets."""
    found: dict[int, set[str]] = {}
    lines = {i: row for start, end, row in code.co_lines() for i in range(start, end)}
    for step in dis.get_instructions(code):
        row = lines.get(step.offset)
        if step.opname.startswith("STORE_") and row is not None:
            found.setdefault(row, set()).add(str(step.argval))
    return found


def _numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, (float, np.floating))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # ends the student's threads too
