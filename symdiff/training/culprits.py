"""The first statement of a readable step that makes a number which is not finite.

In: the listings of the files that are run, and which infinities are meant. Out: a
`Tracer` for `sys.settrace`, which finds the `Culprit`. Invariant: what is looked at is
not changed; a part of a statement is evaluated again, never a statement.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from symdiff.emit.listing import Listing
from symdiff.emit.trees import function_tree
from symdiff.training.slices import BACKWARD, FORWARD, NAN, holds, value_of

_FUNCTIONS = ("loss_and_residuals", "backward", "apply_update")
_OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.Pow: "power", ast.MatMult: "matmul", ast.Mod: "mod",
    ast.FloorDiv: "floor_divide", ast.USub: "negative", ast.UAdd: "positive",
}  # fmt: skip
_UNSET = ("empty", "empty_like")  # their arrays are uninitialised at first


@dataclass(frozen=True)
class Culprit:
    """The first statement with a number that is not finite, and the part at fault."""

    file: str
    line: int
    function: str
    expression: str
    node: str
    about: str


@dataclass
class Tracer:
    """A trace function that looks at the result of each statement of some functions."""

    listings: Mapping[str, Listing]  # by file
    meant: set[tuple[str, int]]
    stop: bool
    guilty: Set[int]  # lines of the statements of backward.py that count; empty: all
    functions: Sequence[str] = _FUNCTIONS
    finding: Culprit | None = None
    spare: Culprit | None = None  # an intended infinity, if there is nothing worse
    infinite: set[tuple[str, int]] = field(default_factory=set)
    _statements: dict[str, dict[int, ast.stmt]] = field(default_factory=dict)

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Trace the frames of the functions that are looked at."""
        code = frame.f_code
        if self.finding or code.co_filename not in self.listings:
            return None
        if code.co_name not in self.functions:
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
        """Return the simple statement on each line of the functions of a file."""
        if file not in self._statements:
            simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
            listing = self.listings[file]
            own = [name for name in self.functions if name in listing.functions]
            self._statements[file] = {
                line: s
                for name in own
                for s in ast.walk(function_tree(listing, name))
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
        kind = max(
            (kind_of(v) for v in _results(statement, scope, returned)), default=""
        )
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
        about = described(value) if value is not None else "is not finite"
        about += f", with {', '.join(ranges)}" if ranges else ""
        line = getattr(found, "lineno", statement.lineno)
        function, text = frame.f_code.co_name, " ".join(ast.unparse(found).split())
        if function == "apply_update":
            function += f" of {before.get('name')}"
        return Culprit(file, line, function, text, _node(found), about)


def kind_of(value: Any) -> str:
    """Return the worst that a value holds: '' (all finite), 'inf' or 'nan'."""
    held = holds(value)
    return "nan" if held & NAN else "inf" if held else ""


def _results(
    statement: ast.stmt, scope: dict[str, Any], returned: Any
) -> Iterator[Any]:
    """Yield what a statement has just made or changed."""
    match statement:
        case ast.Return():
            yield returned
        case ast.Expr(value=ast.Call(args=[first, *_])):
            yield value_of(first, scope)  # np.add.at(x, ...), np.copyto(x, ...)
        case _:
            for changed in _assigned(statement):
                yield value_of(changed, scope)


def _assigned(statement: ast.stmt) -> list[ast.expr]:
    """Return what a statement assigns to."""
    match statement:
        case ast.Assign(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
    return []


def _targets(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement assigns to, or into."""
    written = (n for t in _assigned(statement) for n in ast.walk(t))
    return {n.id for n in written if isinstance(n, ast.Name)}


def _culprit(
    statement: ast.stmt, scope: dict[str, Any], meant: bool
) -> tuple[ast.AST, Any]:
    """Return the first part, in order of evaluation, that is not finite, and its value.

    Intended infinities do not count. An in-place operation counts as a part of its own.
    """
    value = getattr(statement, "value", None)
    with np.errstate(all="ignore"):
        for node in _inner_first(value) if value is not None else ():
            found = value_of(node, scope)
            if kind_of(found) == "nan" or (kind_of(found) == "inf" and not meant):
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


def described(value: Any) -> str:
    """Return what is wrong with a value: ``is -inf at [3, 0], in 2 of 24 elements``."""
    if isinstance(value, (tuple, list)):
        value = next(v for v in value if kind_of(v))
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
