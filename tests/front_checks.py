"""The formulas in the front of a generated backward.py, run as the code that they are.

In: a compilation. Out: the lines whose value is not that of the module's own variable,
or of the gradient that it returns. NumPy's functions are NumPy's; symdiff's are run by
its interpreter.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from inspect import signature
from types import FrameType
from typing import Any

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.compiler.points import Points
from symdiff.compiler.subject import Point, Subject
from symdiff.emit.lower.identifiers import identifier
from symdiff.graph.errors import DTypeError
from symdiff.graph.interpret import interpret
from symdiff.ops.core.operands import API, constant

PRIMALS = ("loss_and_residuals", "forward_with_residuals")
TOLERANCE = 1e-9
BUILTINS = {"__import__": __import__} | {f.__name__: f for f in (bool, float, max, min)}
MODEL, GRADIENTS, WITH, VARIABLES = "The ", "Its ", "with", "The variables:"


def blocks(made: Compilation) -> dict[str, str]:
    """Return what stands indented in the front, by the line above it."""
    words = eval(re.search(r'""".*?"""', made["backward"], re.DOTALL)[0])  # type: ignore[index]
    found: dict[str, list[str]] = {}
    title = ""
    for line in words.split("\n"):
        if line.startswith("    "):
            found.setdefault(title, []).append(line[4:])
        elif line:
            title = line
    return {title: "\n".join(lines) for title, lines in found.items()}


def statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield each formula of a block with its name."""
    lines = text.split("\n") if text else []
    while lines:
        whole = lines.pop(0)
        while lines and re.match(r"[ )\]]", lines[0]):
            whole += f"\n{lines.pop(0)}"
        yield whole.partition(" = ")[0], whole


def section(made: Compilation, word: str) -> str:
    """Return the block under the title that begins with a word."""
    found = blocks(made)
    titles = (
        t
        for t in found
        if t.startswith(word) and (t == VARIABLES) == (word == VARIABLES)
    )
    return next((found[t] for t in titles), "")


class Namespace(dict[str, Any]):
    """Variables, and functions by their bare names."""

    classes = 0  # of the labels

    def __missing__(self, name: str) -> Any:
        if name in ("add_at", "one_hot", "diagonal_of"):
            return getattr(self, name)
        if hasattr(np, name):
            return getattr(np, name)
        if name in API:
            return lambda *given, **more: called(name, given, more)
        raise KeyError(name)

    def add_at(self, x: Any, index: Any, values: Any) -> Any:
        """Add values where an index says, to zeros."""
        np.add.at(x, index, values)
        return x

    def one_hot(self, labels: Any) -> Any:
        """Return 1 at each label."""
        return np.eye(self.classes)[labels]


def called(name: str, given: tuple[Any, ...], more: dict[str, Any]) -> Any:
    tensors = [constant(g) if isinstance(g, np.ndarray) else g for g in given]
    try:
        return interpret(API[name](*tensors, **more), {})
    except DTypeError:  # ones and zeros that NumPy has as integers
        arrays = [g * 1.0 if isinstance(g, np.ndarray) else g for g in given]
        tensors = [constant(g) if isinstance(g, np.ndarray) else g for g in arrays]
        return interpret(API[name](*tensors, **more), {})


class Locals:
    """The variables of the functions of a module when they return."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_name in (*PRIMALS, "backward"):
            return self.line
        return None

    def line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return":
            self.found[frame.f_code.co_name] = dict(frame.f_locals)
        return self.line


def false_lines(made: Compilation, seed: int = 0) -> list[str]:
    """Return the formulas of the front that are not true at a random point."""
    package = made.load()
    rng = np.random.default_rng(seed)
    subject = Subject(package.backward)
    check = getattr(package, "_verify", None)
    point = Points(package.backward, check).drawn("p", {}, rng)
    weights = subject.weights(point, rng)
    if len(weights) == 1 and not weights[0].shape:
        weights = [np.asarray(1.0)]
    noted = Locals()
    before = sys.gettrace()
    sys.settrace(noted)
    try:
        with np.errstate(all="ignore"):
            gradients = subject.gradients(point, weights)
    finally:
        sys.settrace(before)
    subject.name_targets(point)
    own = {k: v for f in noted.found.values() for k, v in f.items()}
    wanted = {
        f"d_{identifier(name)}": g
        for name, g in zip(subject.names, gradients, strict=True)
    }
    return list(_false(made, point, package.backward, own, wanted))


def _false(
    made: Compilation,
    point: Point,
    module: Any,
    own: dict[str, Any],
    wanted: dict[str, np.ndarray],
) -> Iterator[str]:
    rows = [row for row in section(made, VARIABLES).split("\n") if row]
    rows = [row for row in rows if not row.startswith("params[")]  # no variable
    table = [row.split()[0] for row in rows]
    for name, row in zip(table, rows, strict=True):  # in its place, not a variable
        entry = re.search(r"params\[(.+)\]", row)
        if entry and name not in own:
            own[name] = own["params"][ast.literal_eval(entry[1])]
    table += signature(module.backward).parameters
    given = Namespace({name: own[name] for name in table if name in own})
    for name, spec in module.ARGUMENTS.items():
        shape = np.shape(point.arguments[name])
        given.update(
            {d: n for d, n in zip(spec[1], shape, strict=True) if isinstance(d, str)}
        )
        if isinstance(spec[3], int) and "int" in spec[0]:
            given.classes = max(given.classes, spec[3])
    for word in (MODEL, WITH, GRADIENTS):
        for name, line in statements(section(made, word)):
            known = own.get(name)
            with np.errstate(all="ignore"):
                exec(line, {"__builtins__": BUILTINS}, given)
            found = given[name]
            if known is not None and not close(found, known):
                yield f"{line}: not the module's {name}"
            if word == GRADIENTS and not close(found, wanted.get(name)):
                yield f"{line}: not the gradient"


def close(found: Any, known: Any) -> bool:
    """Whether two arrays are equal but for rounding."""
    a, b = np.asarray(found, float), np.asarray(known, float)
    if a.shape != b.shape:
        return False
    scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    with np.errstate(all="ignore"):
        same = np.abs(a - b) <= TOLERANCE * scale + 1e-14
    return bool(np.all(same | (a == b) | (np.isnan(a) & np.isnan(b))))
