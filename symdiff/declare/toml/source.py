"""The statements of a TOML spec, as lines of Python.

In: equations and declarations, with their places in the file. Out: `Site`s, so that
generated text quotes ``h = dense(x, 128)     [model.toml:9]`` as it does for a spec in
Python. Invariant: the lines are read, never executed; a statement stands on the line
of the TOML file that its key stands on.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence
from pathlib import Path

from symdiff.graph.origin import Site

Span = tuple[int, int]  # the first byte of an expression on its line, and its end


class Statements:
    """Python lines for the statements of one TOML file."""

    def __init__(self, path: Path) -> None:
        self.file = str(path.absolute())
        self._lines: dict[int, str] = {}

    def add(self, line: int, target: str, expression: str) -> int:
        """Put ``target = expression`` on a line; return the expression's column."""
        before = f"{self._lines[line]}; " if line in self._lines else ""
        before += f"{target} = " if target else ""
        self._lines[line] = before + expression
        return len(before.encode())

    def sites(self, line: int, spans: Sequence[Span]) -> dict[Span, Site]:
        """Return a site for each stretch of a line."""
        names: list[ast.expr] = []
        for start, end in spans:
            place = {"lineno": line, "end_lineno": line}
            found = ast.Name("_", ast.Load(), col_offset=start, end_col_offset=end)
            names.append(ast.copy_location(found, _at(found, **place)))
        whole = _at(ast.Tuple(names, ast.Load()), lineno=line, end_lineno=line)
        whole.col_offset, whole.end_col_offset = 0, 0
        code = compile(ast.Expression(whole), self.file, "eval")  # never executed
        places: dict[Span, int] = {}
        for number, (first, _, low, high) in enumerate(code.co_positions()):
            if first == line and low is not None and high is not None:
                places.setdefault((low, high), 2 * number)
        return {span: Site(((code, places[span]),)) for span in spans}

    def site(self, line: int, target: str, expression: str) -> Site:
        """Put a statement on a line, and return the site of its expression."""
        start = self.add(line, target, expression)
        span = (start, start + len(expression.encode()))
        return self.sites(line, [span])[span]

    def remember(self) -> None:
        """Let headings and errors quote these lines, even if the file is edited."""
        last = max(self._lines, default=0)
        lines = [f"{self._lines.get(n, '')}\n" for n in range(1, last + 1)]
        linecache.cache[self.file] = (sum(map(len, lines)), None, lines, self.file)


def _at(node: ast.expr, lineno: int, end_lineno: int) -> ast.expr:
    node.lineno, node.end_lineno = lineno, end_lineno
    return node
