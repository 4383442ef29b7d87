"""Which lines of a readable step hand a number that is not finite on to its results.

In: the listing of a generated backward.py, the file it is run from, and a call that
runs its forward and its backward function. Out: line numbers. Invariant: lines are
followed back from a bad result through the bad values that each of them read (from a
nan through nans alone, if it read any); a line whose infinity reaches no bad result,
such as a mask's or one that ``minimum`` cut off, is not among them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from symdiff.emit.listing import Listing
from symdiff.emit.trees import function_tree

INF, NAN = 1, 2  # flags of what a value holds
FORWARD, BACKWARD = "loss_and_residuals", "backward"

Known = tuple[int, int | None]  # what a name holds, and the event that wrote it
Step = tuple[int, str]  # an event, and the name that it wrote


def guilty_lines(
    listing: Listing, file: str, call: Callable[[], Any], half: str
) -> set[int]:
    """Return the first lines of the statements that bad results of ``half`` depend on.

    ``half`` is a function: of `FORWARD` the loss counts, of `BACKWARD` every gradient.
    Empty where all of them are finite.
    """
    trace = _Trace(listing, file)
    trace.run(call)
    stack = [
        (event.number, label)
        for event in trace.events
        if event.function == half and isinstance(event.statement, ast.Return)
        for label, held in event.writes.items()
        if held and (half == BACKWARD or label == "0")
    ]
    seen = set(stack)
    while stack:
        for step in trace.sources(*stack.pop()):
            if step not in seen:
                seen.add(step)
                stack.append(step)
    return {trace.events[number].statement.lineno for number, _ in seen}


def holds(value: Any) -> int:
    """Return INF, NAN, both or 0 for a float, an array, or a container of them."""
    match value:
        case dict():
            return holds(list(value.values()))
        case tuple() | list():
            found = 0
            for v in value:
                found |= holds(v)
            return found
        case float() | np.floating() | np.ndarray():
            array = np.asarray(value)
            if array.dtype.kind != "f" or np.isfinite(array).all():
                return 0
            return INF * bool(np.isinf(array).any()) | NAN * bool(np.isnan(array).any())
    return 0


# --- a run, as events ----------------------------------------------------------------


@dataclass
class _Event:
    """A statement that ran, with flags for each name that it read and that it wrote.

    The results of a return count as names that it wrote, by key or by position.
    """

    number: int
    function: str
    statement: ast.stmt
    expression: ast.expr | None
    reads: dict[str, Known]
    writes: dict[str, int] = field(default_factory=dict)


class _Trace:
    """The events of the two halves, in order."""

    def __init__(self, listing: Listing, file: str) -> None:
        self._path = file
        trees = [function_tree(listing, name) for name in (FORWARD, BACKWARD)]
        parts = [part for tree in trees for part in ast.walk(tree)]
        statements = [s for s in parts if isinstance(s, ast.stmt)]
        self._spans = [(s, _last_line(s)) for s in statements]
        self._known: dict[str, Known] = {}  # by name, in the function that runs
        self._open: _Event | None = None
        self.events: list[_Event] = []

    def run(self, call: Callable[[], Any]) -> None:
        """Run the call and note its events."""
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            with np.errstate(all="ignore"):
                call()
        finally:
            sys.settrace(before)

    def _entered(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename != self._path or code.co_name not in (FORWARD, BACKWARD):
            return None
        self._open = None
        self._known = {n: (holds(v), None) for n, v in frame.f_locals.items()}
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return":
            self._close(frame)
        elif event == "line":
            statement = self._at(frame.f_lineno)
            if self._open is None or self._open.statement is not statement:
                self._close(frame)
                if statement is not None:
                    self._begin(statement, frame)
        return self._stepped

    def _at(self, line: int) -> ast.stmt | None:
        """Return the innermost statement on a line."""
        found = [s for s, last in self._spans if s.lineno <= line <= last]
        return max(found, key=lambda s: (s.lineno, s.col_offset), default=None)

    def _begin(self, statement: ast.stmt, frame: FrameType) -> None:
        if isinstance(statement, ast.Return) and statement.value is not None:
            for label, expression in _results(statement.value):
                made = self._event(statement, expression, frame)
                made.writes[label] = holds(value_of(expression, _scope(frame)))
            return
        self._open = self._event(statement, _computed(statement), frame)

    def _event(
        self, statement: ast.stmt, expression: ast.expr | None, frame: FrameType
    ) -> _Event:
        read = set(_read(expression))
        reads = {n: k for n, k in self._known.items() if n in read}
        function = frame.f_code.co_name
        made = _Event(len(self.events), function, statement, expression, reads)
        self.events.append(made)
        return made

    def _close(self, frame: FrameType) -> None:
        event, self._open = self._open, None
        if event is None:
            return
        for name, part in _written(event.statement):
            before, writer = self._known.get(name, (0, None))
            if part is not None:  # only the part that was written counts
                held = holds(value_of(part, _scope(frame)))
                self._known[name] = before | held, event.number if held else writer
            else:  # what np.empty holds means nothing
                fresh = _is_empty(event.expression)
                held = 0 if fresh else holds(frame.f_locals.get(name))
                self._known[name] = held, event.number
            event.writes[name] = held

    def sources(self, number: int, name: str) -> Iterator[Step]:
        """Yield the writes of the bad values from which an event computed ``name``."""
        event = self.events[number]
        reads = {n: k for n, k in event.reads.items() if k[0]}
        if event.writes[name] & NAN:
            reads = {n: k for n, k in reads.items() if k[0] & NAN} or reads
        for read, (_, writer) in reads.items():
            if writer is not None:
                yield writer, read
            elif read == "residuals":
                yield from self._handed_over(event, name)

    def _handed_over(self, event: _Event, name: str) -> Iterator[Step]:
        """Yield the forward half's write of the residual unpacked as ``name``."""
        names = [n for n, _ in _written(event.statement)]
        for made in reversed(self.events[: event.number]):
            match made.expression:
                case ast.Call(func=ast.Name(id="Residuals"), args=given):
                    value = given[names.index(name)]
                    if isinstance(value, ast.Name):
                        writer = made.reads[value.id][1]
                        if writer is not None:
                            yield writer, value.id
                    return


def _scope(frame: FrameType) -> dict[str, Any]:
    return {**frame.f_globals, **frame.f_locals}


# --- statements ----------------------------------------------------------------------


def _last_line(statement: ast.stmt) -> int:
    """Return the last line of a statement; for a compound one, that of its heading."""
    match statement:
        case ast.For(iter=heading) | ast.While(test=heading) | ast.If(test=heading):
            return heading.end_lineno or heading.lineno
        case ast.FunctionDef() | ast.ClassDef():
            return statement.lineno
    return statement.end_lineno or statement.lineno


def _results(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the results of a return with their keys, or else their positions."""
    match value:
        case ast.Dict(keys=keys, values=values):
            yield from zip(map(ast.unparse, filter(None, keys)), values, strict=False)
        case ast.Tuple(elts=elements):
            yield from ((str(i), v) for i, v in enumerate(elements))
        case _:
            yield "0", value


def _computed(statement: ast.stmt) -> ast.expr | None:
    """Return the expression that a statement evaluates."""
    match statement:
        case ast.AugAssign(target=target, op=op, value=value):
            return ast.BinOp(
                ast.parse(ast.unparse(target), mode="eval").body, op, value
            )
        case ast.For(iter=value) | ast.While(test=value) | ast.If(test=value):
            return value
        case ast.Assign(value=value) | ast.Expr(value=value):
            return value
        case ast.AnnAssign(value=annotated):
            return annotated
    return None


def _read(expression: ast.AST | None) -> Iterator[str]:
    """Yield the names whose values an expression reads, not their shape or dtype."""
    match expression:
        case None | ast.Attribute(attr="dtype" | "shape" | "ndim" | "size"):
            return
        case ast.Name(id=name):
            yield name
    for child in ast.iter_child_nodes(expression):
        yield from _read(child)


def _written(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a statement writes; with the part, as in ``d[i] = ...``."""
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AugAssign(target=t) | ast.AnnAssign(target=t) | ast.For(target=t):
            targets = [t]
        case ast.Expr(value=ast.Call(args=[ast.Name() as first, *_])):
            targets = [first]  # np.add.at(x, ...), np.copyto(x, ...)
    for target in targets:
        for t in target.elts if isinstance(target, ast.Tuple) else [target]:
            root = t
            while isinstance(root, ast.Subscript | ast.Attribute | ast.Starred):
                root = root.value
            if isinstance(root, ast.Name):
                yield root.id, t if isinstance(t, ast.Subscript) else None


def _is_empty(expression: ast.expr | None) -> bool:
    match expression:
        case ast.Call(func=ast.Attribute(attr="empty" | "empty_like")):
            return True
    return False


def value_of(expression: ast.expr, scope: dict[str, Any]) -> Any:
    """Return an expression's value in a scope; None where evaluating it fails."""
    tree = ast.parse(ast.unparse(expression), mode="eval")
    try:
        return eval(compile(tree, "<expression>", "eval"), scope)
    except Exception:  # such as a comprehension's own variable
        return None
