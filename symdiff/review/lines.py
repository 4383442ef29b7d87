"""The statements of a generated module on disk, read back from its text.

In: the text of a module. Out: a `FileLine` for each statement of its functions: what it
sets, to what, which shape and rule its comment tells, and which statement of the spec
it stands under. Invariant: the text is parsed, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_HEADING = re.compile(r"#\s.*\s\[([^\[\]]+:\d+)\]$")
_SHAPE = re.compile(r"#\s((?:\w+)?\[[^\[\]]*\])(?:\s{3}(.*))?$")


@dataclass(frozen=True)
class FileLine:
    """A statement; ``place`` is the ``file:line`` of the heading that it is under."""

    function: str
    target: str
    value: str
    shape: str
    rule: str
    place: str
    source: str


@lru_cache(maxsize=32)
def parsed(text: str) -> tuple[ast.stmt, ...]:
    """Return the statements of a module, which several readers ask for; not to change.

    Raises `SyntaxError` for what is no Python.
    """
    return tuple(ast.parse(text).body)


def lines_of(text: str, shown: Callable[[str], bool]) -> list[FileLine]:
    """Return the statements of a module's functions that are shown, in order."""
    found: list[FileLine] = []
    rows = text.splitlines()
    for node in parsed(text):
        if isinstance(node, ast.FunctionDef) and shown(node.name):
            found += _of_function(node, rows)
    return found


def _of_function(function: ast.FunctionDef, rows: list[str]) -> Iterator[FileLine]:
    place = ""
    above = function.lineno
    for stmt in function.body:
        if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant):
            above = stmt.end_lineno or stmt.lineno
            continue
        shape, rule = "", ""
        for row in rows[above : stmt.lineno - 1]:
            bare = row.strip()
            if heading := _HEADING.search(bare):
                place = heading[1]
            elif said := _SHAPE.fullmatch(bare):
                shape, rule = said[1], said[2] or ""
        last = stmt.end_lineno or stmt.lineno
        for row in rows[stmt.lineno - 1 : last]:
            if said := _SHAPE.search(row):
                shape, rule = said[1], said[2] or ""
                break
        above = last
        target, value = _parts(stmt)
        source = "\n".join(
            row.removeprefix("    ") for row in rows[stmt.lineno - 1 : last]
        )
        yield FileLine(function.name, target, value, shape, rule, place, source)


def is_heading(row: str) -> bool:
    """Whether a row quotes a statement of the spec, with its ``file:line``."""
    return _HEADING.fullmatch(row.strip()) is not None


def _parts(stmt: ast.stmt) -> tuple[str, str]:
    """Return what a statement sets and to what; a loop sets what its head says."""
    match stmt:
        case ast.Assign(targets=[target], value=value):
            return ast.unparse(target), ast.unparse(value)
        case ast.AugAssign(target=target, op=op, value=value):
            sign = ast.unparse(ast.BinOp(ast.Name("_"), op, ast.Name("_")))[2:-2]
            return ast.unparse(target), f"{sign}= {ast.unparse(value)}"
        case ast.Return(value=value):
            return "return", "" if value is None else ast.unparse(value)
    head, _, body = ast.unparse(stmt).partition("\n")
    return head, body
