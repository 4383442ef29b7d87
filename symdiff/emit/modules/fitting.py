"""Breaking lines of rendered templates that are too long, as a formatter would.

In: the text of a module. Out: the same code within the line width. Invariant: lines
that fit are left as they are, and broken ones parse to the same tree. Templates write
calls and signatures on one line; the model decides how many names those hold.
"""

from __future__ import annotations

import ast
import re
import textwrap

from symdiff.emit.lower.texts import statements
from symdiff.emit.python import code as py
from symdiff.emit.python.chars import columns
from symdiff.emit.python.words import QUOTES, quoted_lines

WIDTH = 88
_LONG = re.compile(rf"^.{{{WIDTH + 1}}}", re.MULTILINE)


def fitted(text: str) -> str:
    """Return a module's text with its overlong lines broken."""
    if text.isascii() and not _LONG.search(text):
        return text
    lines = text.split("\n")
    long = {i for i, line in enumerate(lines, 1) if columns(line) > WIDTH}
    if not long:
        return text
    words, code = _kinds(ast.parse(text))
    made: list[str] = []
    for i, line in enumerate(lines, 1):
        if i in long and i in words:
            made += _docstring(line, words[i])
        else:
            made += _code(line) if i in long and i in code else [line]
    return "\n".join(made)


def _kinds(tree: ast.Module) -> tuple[dict[int, bool], set[int]]:
    """Return the lines of docstrings, and the lines that hold a whole statement.

    The first is a dict whose value says whether the line continues a docstring. The
    second are the lines of statements, and of heads of functions, that take one line: a
    part of a broken statement must not be taken for a statement.
    """
    words: dict[int, bool] = {}
    code: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                end = node.end_lineno or node.lineno
                words |= {i: i > node.lineno for i in range(node.lineno, end + 1)}
            case ast.FunctionDef() if node.body[0].lineno == node.lineno + 1:
                code.add(node.lineno)
            case ast.stmt() if node.end_lineno == node.lineno:
                code.add(node.lineno)
    return words, code


def _docstring(line: str, inside: bool) -> list[str]:
    """Return a docstring's line wrapped at spaces, closing quotes on their own line."""
    indent = len(line) - len(line.lstrip())
    body = line.strip()
    if not inside and body.endswith(QUOTES):
        return quoted_lines(body[len(QUOTES) : -len(QUOTES)], indent, WIDTH)
    if (call := _code(line)) != [line]:  # an example of use
        return call
    closed = body.endswith(QUOTES)
    pad = " " * indent
    wrapped = textwrap.wrap(
        body[: -len(QUOTES)] if closed else body,
        WIDTH,
        initial_indent=pad,
        subsequent_indent=pad,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*wrapped, pad + QUOTES] if closed else wrapped


def _code(line: str) -> list[str]:
    """Return a statement, or the head of a function, on as many lines as it needs."""
    indent = len(line) - len(line.lstrip())
    code = line.strip()
    is_head = code.startswith("def ")
    try:
        parsed = ast.parse(f"{code}\n    pass" if is_head else code).body
        stmts = [_head(code)] if is_head else statements(code, lambda name: None)
    except (SyntaxError, NotImplementedError):
        return [line]
    if len(parsed) != 1:
        return [line]
    lines = py.print_stmts(stmts, indent).rstrip("\n").split("\n")
    return lines[:-1] if is_head else lines


def _head(code: str) -> py.FuncDef:
    name, _, rest = code.removeprefix("def ").partition("(")
    parameters = rest.rpartition("):")[0]
    return py.FuncDef(name, tuple(parameters.split(", ")), ())
