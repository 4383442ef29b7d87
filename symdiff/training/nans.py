"""`--debug-nans`: where the first number that is not finite comes from.

In: the generated training module, and the batch whose step went wrong. Out: a paragraph
with the first node, its line in the spec and the generated line. Invariant: the step is
repeated from a copy of the state before it, by the readable functions, a statement at a
time; what is looked at is not changed.

An infinity can be meant (a mask of -inf before a softmax), so only the statements count
that the bad result comes from, and one that also gave infinities in the step before,
reads some that are meant, or writes ``inf`` itself, is only at fault where it makes a
nan.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from symdiff.declare.model import Model
from symdiff.declare.settings import Training
from symdiff.graph.origin import Site
from symdiff.graph.tensor import Tensor
from symdiff.training.slices import (
    BACKWARD,
    FORWARD,
    NAN,
    guilty_lines,
    holds,
    value_of,
)

_FUNCTIONS = ("loss_and_residuals", "backward", "apply_update")
_HEADING = re.compile(r"\s*# (.*?)\s+\[([^\]]+:\d+)\]$")
_OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.Pow: "power", ast.MatMult: "matmul", ast.Mod: "mod",
    ast.FloorDiv: "floor_divide", ast.USub: "negative", ast.UAdd: "positive",
}  # fmt: skip
_UNSET = ("empty", "empty_like")  # arrays that hold anything before they are filled


@dataclass(frozen=True)
class _Moment:
    """A batch, and copies of what the step with it changes."""

    step: int
    params: Mapping[str, np.ndarray]
    slots: Mapping[str, Mapping[str, np.ndarray]]
    batch: list[np.ndarray]


@dataclass(frozen=True)
class Culprit:
    """The first statement with a number that is not finite, and the part at fault."""

    file: str
    line: int
    function: str
    expression: str
    node: str
    about: str


class Recorder:
    """Keeps the state before each step, and repeats the one that went wrong."""

    def __init__(
        self, train: Any, state: Any, training: Training, model: Model
    ) -> None:
        self._train, self._state, self._training = train, state, training
        self._leaves = (*model.inputs, *model.targets)  # in the order of train.DATA
        self._update = _place(model.site), f"optimizer={model.optimizer!r}"
        self._moments: list[_Moment] = []  # the last two
        self.bad = ""  # what was not finite

    def watching(self, data: Any) -> Callable[[int], Iterator[dict[str, np.ndarray]]]:
        """Return fit's data as batches, each noted before it is used."""
        t, names = self._training, self._train.DATA

        def batches(epoch: int) -> Iterator[dict[str, np.ndarray]]:
            seed = [t.seed % 2**64, epoch]
            found = self._train._batches(data, t.batch_size, seed, t.shuffle)[1]
            for batch in found:
                self._note(batch)
                yield dict(zip(names, batch, strict=True))

        # A checkpoint knows the data as it does without this.
        vars(batches)["identity"] = self._train._identity(data)
        return batches

    def _note(self, batch: list[np.ndarray]) -> None:
        state = self._state
        moment = _Moment(
            state.step,
            deepcopy(state.params),
            deepcopy(state.slots),
            batch,
        )
        self._moments = [*self._moments[-1:], moment]

    def found(self, found: Mapping[str, float]) -> bool:
        """Say whether a step left numbers that are not finite, and remember which."""
        state = self._state
        if not np.isfinite(found["loss"]):
            self.bad = f"the loss became {found['loss']}"
        elif not all(np.isfinite(a).all() for a in state.grads.values()):
            self.bad = f"the gradient of {_first_bad(state.grads)} is not finite"
        elif not all(np.isfinite(a).all() for a in state.params.values()):
            self.bad = f"the update left {_first_bad(state.params)} not finite"
        return bool(self.bad)

    def diagnosis(self, epoch: int) -> str:
        """Return what went wrong first, in words."""
        moment = self._moments[-1]
        text = f"{self.bad} in epoch {epoch}, at step {moment.step + 1} of the run."
        meant: set[tuple[str, int]] = set()
        if len(self._moments) > 1:
            meant = self._traced(self._moments[0], set(), stop=False).infinite
        guilty = self._guilty(moment)
        tracer = self._traced(moment, meant, stop=True, guilty=guilty)
        found = tracer.finding or tracer.spare
        if found is None:
            return (
                f"{text}\n  The readable functions stay finite on this batch, so "
                "_planned.py differs: please report this as a fault of symdiff."
            )
        where, statement = _heading(found) or self._update
        expression, node = f"{found.expression} {found.about}", found.node
        given = self._given(moment)
        if given is not None and "_check(" in found.expression:
            leaf, expression = given
            node, where = str(leaf.name), _place(leaf.site)
            statement = "its declaration"
        source = linecache.getline(found.file, found.line).strip()
        return (
            f"{text}\n"
            f"  first node:      {node}: {expression}\n"
            f"  line in spec:    {where}: {statement}\n"
            f"  generated line:  {_local(found.file)}:{found.line}: {source}\n"
            f"  in:              {found.function}, step {moment.step + 1}\n"
            "No weights were saved."
        )

    def _given(self, moment: _Moment) -> tuple[Tensor, str] | None:
        """Return an argument that holds nan, or else inf, when it comes, in words."""
        given = list(zip(self._leaves, moment.batch, strict=True))
        for kind in ("nan", "inf"):
            for leaf, array in given:
                if _kind(array) == kind:
                    return leaf, f"the data {_described(array)} of the batch"
        return None

    def _guilty(self, moment: _Moment) -> set[int]:
        """Return the lines of backward.py that what is bad comes from, if any."""
        half = FORWARD if self.bad.startswith("the loss") else BACKWARD
        source = Path(self._train.backward.__code__.co_filename)
        return guilty_lines(source, lambda: self._repeat(moment), half)

    def _repeat(self, moment: _Moment) -> None:
        """Do a step again from its moment, by the readable functions."""
        state, train = self._state, self._train
        state.step = moment.step
        for name, array in moment.params.items():
            state.params[name][...] = array
        for slot, named in moment.slots.items():
            for name, array in named.items():
                state.slots[slot][name][...] = array
        train._parts(state, moment.batch, self._training.accumulate, False)

    def _traced(
        self,
        moment: _Moment,
        meant: set[tuple[str, int]],
        *,
        stop: bool,
        guilty: Set[int] = frozenset(),
    ) -> _Tracer:
        """Repeat a step from its moment, looking at every statement."""
        train = self._train
        modules = sys.modules[train.backward.__module__], train
        tracer = _Tracer({str(m.__file__) for m in modules}, meant, stop, guilty)
        before = sys.gettrace()
        sys.settrace(tracer.enter)
        try:
            with np.errstate(all="ignore"):
                self._repeat(moment)
        finally:
            sys.settrace(before)
        return tracer


def _first_bad(arrays: Mapping[str, np.ndarray]) -> str:
    return next((n for n, a in arrays.items() if not np.isfinite(a).all()), "?")


# --- a statement at a time -----------------------------------------------------------


@dataclass
class _Tracer:
    """A trace function that looks at the result of each statement of some functions."""

    files: set[str]
    meant: set[tuple[str, int]]
    stop: bool
    guilty: Set[int]  # the statements of backward.py that count; empty: all
    finding: Culprit | None = None
    spare: Culprit | None = None  # an infinity that is meant, if there is nothing worse
    infinite: set[tuple[str, int]] = field(default_factory=set)
    _statements: dict[str, dict[int, ast.stmt]] = field(default_factory=dict)

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Trace the frames of the functions that are looked at."""
        code = frame.f_code
        if self.finding or code.co_filename not in self.files:
            return None
        if code.co_name not in _FUNCTIONS:
            return None
        return self._watcher(code.co_filename)

    def _watcher(self, file: str) -> Any:
        lines = self._lines(file)
        current: ast.stmt | None = None
        names: dict[str, Any] = {}
        allowed: set[str] = set()

        def watch(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal current, names
            if self.finding or event not in ("line", "return"):
                return watch
            ahead = lines.get(frame.f_lineno) if event == "line" else None
            if current is not None and current is not ahead:
                value = arg if isinstance(current, ast.Return) else None
                self._look(file, frame, current, names, allowed, value)
            if current is not ahead:
                current, names = ahead, dict(frame.f_locals)
            return watch

        return watch

    def _lines(self, file: str) -> dict[int, ast.stmt]:
        """Return the simple statement on each line of a file."""
        if file not in self._statements:
            simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
            tree = ast.parse(Path(file).read_text("utf-8"))
            self._statements[file] = {
                line: s
                for s in ast.walk(tree)
                if isinstance(s, simple)
                for line in range(s.lineno, (s.end_lineno or s.lineno) + 1)
            }
        return self._statements[file]

    def _look(
        self,
        file: str,
        frame: FrameType,
        statement: ast.stmt,
        before: dict[str, Any],
        allowed: set[str],
        returned: Any,
    ) -> None:
        """Look at the result of a statement that has just run."""
        text = ast.unparse(statement)
        if any(f"np.{name}(" in text for name in _UNSET):
            return
        scope = {**frame.f_globals, **frame.f_locals}
        kind = max((_kind(v) for v in _results(statement, scope, returned)), default="")
        if not kind:
            return
        place = (file, statement.lineno)
        inside = frame.f_code.co_name in (FORWARD, BACKWARD)
        if inside and self.guilty and statement.lineno not in self.guilty:
            return
        read = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        meant = place in self.meant or "np.inf" in text or bool(read & allowed)
        if kind == "inf":
            self.infinite.add(place)
            if meant:
                allowed |= _targets(statement)
                if self.spare is None and self.stop:
                    self.spare = self._at(file, frame, statement, before, meant=False)
                return
        if self.stop:
            self.finding = self._at(file, frame, statement, before, meant=meant)
        else:
            allowed |= _targets(statement)

    def _at(
        self,
        file: str,
        frame: FrameType,
        statement: ast.stmt,
        before: dict[str, Any],
        *,
        meant: bool,
    ) -> Culprit:
        """Return the innermost expression of a statement that is at fault."""
        scope = {**frame.f_globals, **before}
        found, value = _culprit(statement, scope, meant)
        operands = {n.id for n in ast.walk(found) if isinstance(n, ast.Name)}
        ranges = [
            f"{name} {_range(scope[name])}"
            for name in sorted(operands)
            if isinstance(scope.get(name), (np.ndarray, np.generic, float))
        ]
        about = _described(value) if value is not None else "is not finite"
        about += f", with {', '.join(ranges)}" if ranges else ""
        line = getattr(found, "lineno", statement.lineno)
        function, text = frame.f_code.co_name, " ".join(ast.unparse(found).split())
        if function == "apply_update":
            function += f" of {before.get('name')}"
        return Culprit(file, line, function, text, _node(found), about)


def _kind(value: Any) -> str:
    """Return '', 'inf' or 'nan': the worst that a value holds."""
    held = holds(value)
    return "nan" if held & NAN else "inf" if held else ""


def _results(
    statement: ast.stmt, scope: dict[str, Any], returned: Any
) -> Iterator[Any]:
    """Yield what a statement has just made or changed."""
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case ast.Expr(value=ast.Call(args=[first, *_])):
            targets = [first]  # np.add.at(x, ...), np.copyto(x, ...)
        case ast.Return():
            yield returned
            return
        case _:
            return
    for changed in targets:
        yield value_of(changed, scope)


def _targets(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement assigns to, or into."""
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case _:
            return set()
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _culprit(
    statement: ast.stmt, scope: dict[str, Any], meant: bool
) -> tuple[ast.AST, Any]:
    """Return the first part, in order of evaluation, that is not finite, and its value.

    Infinities that are meant do not count. An in-place operation is its own part.
    """
    value = getattr(statement, "value", None)
    with np.errstate(all="ignore"):
        for node in _inner_first(value) if value is not None else ():
            found = value_of(node, scope)
            if _kind(found) == "nan" or (_kind(found) == "inf" and not meant):
                return node, found
    return statement, None


def _inner_first(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _inner_first(child)
    if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)):
        yield node


def _node(found: ast.AST) -> str:
    """Return the name of the operation that an expression is."""
    match found:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name.lstrip("_")
        case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.AugAssign(op=op):
            return _OPERATORS.get(type(op), type(op).__name__.lower())
        case ast.Subscript():
            return "getitem"
    return "assignment"


def _range(value: Any) -> str:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or not array.size:
        return f"of {array.dtype}{list(array.shape)}"
    if array.ndim == 0:
        return f"= {array[()]:.4g}"
    return f"in {array.min():.4g}..{array.max():.4g}"


def _described(value: Any) -> str:
    """Return what is wrong with a value: ``is -inf at [3, 0], in 2 of 24 elements``."""
    if isinstance(value, (tuple, list)):
        value = next(v for v in value if _kind(v))
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return "is not finite"
    wrong = np.isnan(array)
    bad = np.argwhere(wrong if wrong.any() else ~np.isfinite(array))
    first = array[tuple(bad[0])]
    if array.ndim == 0:
        return f"is {first}"
    where = ", ".join(map(str, bad[0]))
    return f"is {first} at [{where}], in {len(bad)} of {array.size} elements"


def _heading(found: Culprit) -> tuple[str, str] | None:
    """Return the spec's ``file:line`` and statement, from the comment above a line."""
    for line in range(found.line, 0, -1):
        text = linecache.getline(found.file, line)
        match = _HEADING.match(text.rstrip())
        if match:
            return match[2], match[1]
        if text.startswith("def "):
            break
    return None


def _place(site: Site) -> str:
    """Return the file and line of a declaration, as headings have it."""
    return Path(site.location).name


def _local(file: str) -> str:
    path = Path(file)
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
