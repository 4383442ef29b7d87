"""How long generated gradients are to read, beside ones written by hand.

    python -m benchmarks.legibility [ROW …] [--show] [--write]

The models, and their gradients by hand, are those of tests/lecturer/. Counted are, in
`backward` and once in every function of its file that it calls, but not in those that
check arguments (they raise, or call one that does):

- lines: rows of code. No comments, blank rows, docstrings or signatures.
- operations: arithmetic operators and comparisons, of lengths too, and calls of NumPy's
  functions and of methods, but for layout calls.
- layout calls: reshape, swapaxes, transpose, .T and the like, indexing by None.
- headings: comments over lines, but for those that only have a shape.
- handed: of the lines, those at the outermost level that only take arguments apart
  (`x, h = residuals`, `N, _ = x.shape`) or return. symdiff names every parameter and
  residual it reads there, and returns a dictionary with a line for each gradient.
- anonymous: the share of lines with a name that says the operation or a number
  (`product`, `total`, `state0`, `d_part_3`) in place of what the value is.

A row is met within 1.3 times the lines and 1.2 times the operations of the hand.
`--write` puts the table into docs/legibility.md.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

import symdiff as sd

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from lecturer.rows import ROWS, Row  # noqa: E402

PAGE = ROOT / "docs" / "legibility.md"
BEGIN, END = "<!-- legibility: begin -->\n", "<!-- legibility: end -->\n"
LINES, OPERATIONS = 1.3, 1.2  # the goal, as multiples of the hand's
LAYOUT = {
    "T", "broadcast_to", "expand_dims", "flatten", "moveaxis", "ravel", "reshape",
    "squeeze", "swapaxes", "transpose",
}  # fmt: skip
WORDS = (
    "add|difference|divide|element|multiply|negative|part|placed|power|product|ratio"
    r"|state\d+|subtract|total|where"
)
ANONYMOUS = re.compile(rf"(?:.*_)?(?:{WORDS})(?:_\d+)?|.*[A-Za-z]_\d+")
SHAPE = re.compile(r"#\s*\w*\[[^]]*\](\s{2,}.*)?")  # of a line, with its rule


@dataclass(frozen=True)
class Counts:
    """What is counted in a text."""

    lines: int = 0
    operations: int = 0
    layout: int = 0
    headings: int = 0
    anonymous: int = 0  # lines
    handed: int = 0  # lines

    def __add__(self, other: Counts) -> Counts:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Counts(*(a + b for a, b in pairs))


# --- counting ------------------------------------------------------------------------


def counted(text: str, name: str = "backward") -> Counts:
    """Return the counts of a function, and of what it calls in its module."""
    parts = [_of_function(text, f) for f in parts_of(text, name)]
    return sum(parts, Counts())


def parts_of(text: str, name: str = "backward") -> list[ast.FunctionDef]:
    """Return a function and the ones of its module that it calls, but for checks."""
    tree = ast.parse(text)
    known = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
    reached = _reached(known, name)
    return [f for f in known.values() if f.name in reached]


def _reached(known: dict[str, ast.FunctionDef], name: str) -> set[str]:
    calls = {
        f: {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in known}
        for f, node in known.items()
    }
    checks = {
        f
        for f, node in known.items()
        if f != name and any(isinstance(n, ast.Raise) for n in ast.walk(node))
    }
    while more := {f for f in known if calls[f] & checks and f != name} - checks:
        checks |= more
    found, open_ = {name}, [name]
    while open_:
        new = calls[open_.pop()] - found - checks
        found |= new
        open_ += new
    return found


def _of_function(text: str, function: ast.FunctionDef) -> Counts:
    body = function.body
    if ast.get_docstring(function):
        first, body = body[0].end_lineno or 0, body[1:]
    else:
        first = body[0].lineno - 1
    last = function.end_lineno or 0
    code, headings = _rows(text, range(first + 1, last + 1))
    visitor = _Operations()
    for statement in body:
        visitor.visit(statement)
    return Counts(
        len(code),
        visitor.operations,
        visitor.layout,
        len(headings),
        len(visitor.anonymous),
        sum(_length(s) for s in body if _hands_over(s)),
    )


def _length(s: ast.stmt) -> int:
    return (s.end_lineno or s.lineno) - s.lineno + 1


def _hands_over(s: ast.stmt) -> bool:
    """Whether a statement returns, or only takes apart what it is given."""
    if isinstance(s, ast.Return):
        return not isinstance(s.value, ast.BinOp | ast.Call)
    if not isinstance(s, ast.Assign):
        return False
    computes = (ast.BinOp, ast.Compare, ast.UnaryOp)
    calls = [n for n in ast.walk(s.value) if isinstance(n, ast.Call)]
    plain = all(isinstance(c.func, ast.Name) for c in calls)  # `len`, `_scalar`
    return plain and not any(isinstance(n, computes) for n in ast.walk(s.value))


def _rows(text: str, rows: range) -> tuple[set[int], set[int]]:
    """Return the rows of code, and those at which headings start."""
    code, comments = set(), set()
    empty = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row = token.start[0]
        if row not in rows or token.type in empty:
            continue
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            if alone and not SHAPE.fullmatch(token.string):
                comments.add(row)
            continue
        code |= {row, token.end[0]}
    return code, {row for row in comments if row - 1 not in comments}


class _Operations(ast.NodeVisitor):
    """Counts operations and layout calls of statements; the rows of anonymous names."""

    def __init__(self) -> None:
        self.operations = self.layout = 0
        self.anonymous: set[int] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if ANONYMOUS.fullmatch(node.id):
            self.anonymous.add(node.lineno)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.operations += 1
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.operations += 1
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.operations += len(node.ops)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self.operations += not isinstance(node.operand, ast.Constant)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.layout += node.attr == "T"
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        index = node.slice
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        self.layout += any(
            isinstance(p, ast.Constant) and p.value is None for p in parts
        )
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in LAYOUT:
                self.layout += 1
            else:
                self.operations += 1
        self.generic_visit(node)


# --- the table -----------------------------------------------------------------------


def texts(row: Row) -> tuple[str, str]:
    """Return the generated module, and the one by hand."""
    return sd.compile(row.model())["backward"], row.by_hand.read_text("utf-8")


def table(rows: list[Row]) -> str:
    """Return a Markdown table."""
    titles = (
        "model | symdiff | by hand | lines × | handed | the rest × | operations × "
        "| headings | anonymous"
    )
    lines = [f"| {titles} | |", f"|{'---|' * 10}"]
    cells = [_cells(row, *map(counted, texts(row))) for row in rows]
    lines += ["| " + " | ".join(c) + " |" for c in cells]
    met = sum(c[-1] == "met" for c in cells)
    goal = f"{LINES} times the lines and {OPERATIONS} times the operations"
    return "\n".join([*lines, "", f"{met} of {len(rows)} rows are within {goal}.", ""])


def _cells(row: Row, ours: Counts, hand: Counts) -> list[str]:
    longer, more = ours.lines / hand.lines, ours.operations / hand.operations
    return [
        row.title,
        *(f"{c.lines} / {c.operations} / {c.layout}" for c in (ours, hand)),
        f"{longer:.2f}",
        f"{ours.handed} / {hand.handed}",
        f"{(ours.lines - ours.handed) / (hand.lines - hand.handed):.2f}",
        f"{more:.2f}",
        f"{ours.headings} / {hand.headings}",
        f"{100 * ours.anonymous / ours.lines:.0f} %",
        "met" if longer <= LINES and more <= OPERATIONS else "not met",
    ]


def shown(row: Row) -> str:
    """Return both functions, with what they call, one after the other."""
    parts = []
    for title, text in zip(("symdiff", "by hand"), texts(row), strict=True):
        parts.append(f"# --- {row.title}, {title}")
        lines = text.splitlines()
        parts += ["\n".join(lines[f.lineno - 1 : f.end_lineno]) for f in parts_of(text)]
    return "\n\n".join(parts) + "\n"


def write(text: str, page: Path = PAGE) -> None:
    """Put a table between the marks of the page."""
    before, rest = page.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}{text}{END}{after}", "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Print or write the table, or show texts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = {row.name: row for row in ROWS}
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(named))
    parser.add_argument("--show", action="store_true", help="print both texts")
    parser.add_argument("--write", action="store_true", help="renew docs/legibility.md")
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - named.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}; use {', '.join(named)}")
    rows = [named[name] for name in options.rows] or list(ROWS)
    if options.show:
        print("\n\n".join(map(shown, rows)), end="")
    elif options.write:
        write(table(list(ROWS)))
    else:
        print(table(rows), end="")


if __name__ == "__main__":
    main()
