"""A report as a LaTeX document.

In: the tree of a report. Out: a document that needs amsmath alone. Invariant: it is
plain ASCII, and no character of the user's text has a meaning to TeX.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from symdiff.explain.breaking import PAGE, lines, width
from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Gradient
from symdiff.explain.parts import (
    Code,
    Cotangent,
    ForwardStep,
    Handed,
    Inside,
    Leaf,
    Part,
    Partial,
    Section,
    Stated,
    StepRow,
    Tree,
)
from symdiff.explain.symbols import symbol

LEFT = 12.0  # em of the widest left side that others are aligned with

HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\raggedright
\allowdisplaybreaks
\begin{document}"""


def document(tree: Tree) -> str:
    """Return the report."""
    results = ", ".join(f"${symbol(r).latex}$" for r in tree.results)
    lines = [
        HEAD,
        rf"\section*{{{words(tree.title)}}}",
        rf"$\bar{{v}}$ stands for the derivative of {results} by $v$, of its shape.",
    ]
    if tree.numbers:
        lines.append(f"Numbers: {words(tree.numbers)}.")
    for section in tree.sections:
        lines += ["", *_section(section, bool(tree.numbers))]
    return "\n".join([*lines, r"\end{document}", ""])


_WORDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "-": "{-}",
}


def words(text: str) -> str:
    """Return text that TeX prints literally; beyond ASCII, the code points."""
    found = []
    for c in text:
        if c in "#$%&_{}":
            found.append(f"\\{c}")
        elif c in ('"', "'"):
            found.append(f"\\char{ord(c)}{{}}")
        elif c in _WORDS:
            found.append(_WORDS[c])
        elif c.isascii() and c.isprintable():
            found.append(c)
        else:
            found.append(f"u{ord(c):04X}")
    return "".join(found)


def verbatim(rows: Iterable[str]) -> list[str]:
    """Return rows for a verbatim environment; its end mark in them is broken up."""
    shown = (r.encode("ascii", "backslashreplace").decode() for r in rows)
    kept = [r.replace(r"\end{verbatim}", r"\end {verbatim}") for r in shown]
    return [r"{\small\begin{verbatim}", *kept, r"\end{verbatim}}"]


def _equations(rows: list[str], page: float = PAGE) -> list[str]:
    """Return aligned equations, each of the form ``left &= right``.

    What is wider than the page goes on below.
    """
    lefts = [width(row.partition("&")[0]) for row in rows]
    column = max((w for w in lefts if w <= LEFT), default=0.0)
    made: list[str] = []
    for row, size in zip(rows, lefts, strict=True):
        left, _, right = row.partition("&")
        if size > LEFT:  # a line of its own
            first, *more = lines(left, page - column)
            made += [f"& {first}", *(rf"&\quad {line}" for line in more)]
            left, right = "", rf"\quad {right}"
        first, *more = lines(right, page - column, page - column - 2)
        made += [f"{left}&{first}", *(rf"&\qquad {line}" for line in more)]
    return [r"\begin{align*}", " \\\\\n".join(made), r"\end{align*}"]


def _section(section: Section, valued: bool) -> Iterable[str]:
    title = words(section.title)
    if section.kind == "statement":
        title = rf"\texttt{{{title or 'without source'}}}"
    yield rf"\subsection*{{{title}}}"
    if section.place:
        yield rf"\texttt{{{words(section.place)}}}"
    if section.kind == "reads":
        yield r"\begin{itemize}"
        yield from (_leaf(leaf, valued) for leaf in section.leaves)
        yield r"\end{itemize}"
    yield from _told(section.told, PAGE)
    if section.code:
        yield from verbatim(row for code in section.code for row in code.rows)


def _told(parts: Iterable[Part], page: float) -> Iterable[str]:
    """Return parts; equations after each other are aligned."""
    rows: list[str] = []
    for part in parts:
        if not isinstance(part, Gradient | Costs | Inside):
            rows += _rows(part)
            continue
        if rows:
            yield from _equations(rows, page)
            rows = []
        match part:
            case Gradient():
                yield from _gradient(part, page)
            case Costs():
                yield from verbatim(part.lines())
            case Inside():
                yield from _inside(part, page - 5)
    if rows:
        yield from _equations(rows, page)


def _inside(part: Inside, page: float) -> Iterable[str]:
    """Return a body, with an indent."""
    yield from (r"\begin{quote}", rf"\texttt{{{words(part.title)}}}")
    if part.numbers:
        yield from ("", words(part.numbers))
    yield from _told(part.lines, page)
    for section in part.sections:
        title = words(section.title or "without source")
        if section.kind == "statement":
            title = rf"\texttt{{{title}}}"
        place = rf" \texttt{{{words(section.place)}}}" if section.place else ""
        yield from ("", rf"\textbf{{{title}}}{place}")
        yield from _told(section.parts, page)
    yield r"\end{quote}"


def _leaf(leaf: Leaf, valued: bool) -> str:
    own = rf" \texttt{{{words(leaf.own)}}}" if leaf.own else ""
    own += "" if leaf.formula is None else f" ${leaf.formula.latex}$"
    line = rf"\item ${symbol(leaf.name).latex}$, {leaf.role}{own}, {words(leaf.type)}"
    return f"{line}: {words(leaf.value)}" if valued else line


def _rows(
    part: ForwardStep | Partial | Handed | Cotangent | Leaf | Code | Stated | StepRow,
) -> Iterable[str]:
    """Return the equations that a part adds to its section."""
    match part:
        case ForwardStep():
            shape = rf"\quad \text{{{words(part.type)}}}"
            yield f"{symbol(part.name).latex} &= {part.formula.latex}{shape}"
            if part.value:
                yield rf"&= \text{{{words(part.value)}}}"
            if part.rule:
                yield rf"&\quad \text{{{words(part.rule)}}}"
        case Partial(name, by, formula):
            above, below = symbol(name).latex, symbol(by).latex
            yield rf"\frac{{\partial {above}}}{{\partial {below}}} &= {formula.latex}"
        case Handed(to, formula):
            left = rf"\text{{hands back to }} {symbol(to).latex}\text{{: }}"
            yield f"{left} & {formula.latex}"
        case Cotangent():
            yield from _cotangent(part)
        case StepRow(label, value):
            yield rf"\text{{{words(label)}}} &: \text{{{words(value)}}}"
        case Stated():
            note = rf" \quad \text{{{words(part.words)}}}" if part.words else ""
            yield f"{symbol(part.name).latex} &= {part.formula.latex}{note}"
        case Leaf() | Code():
            pass  # in the list, and below the equations
        case _:
            assert_never(part)


def _cotangent(part: Cotangent) -> Iterable[str]:
    left = symbol(part.name).latex
    if part.told and not part.terms:
        yield rf"{left} &\quad \text{{{words(part.told)}}}"
        return
    for i, (term, value) in enumerate(part.numbers()):
        start = f"{left} &= " if i == 0 else "&\\quad + "
        source = symbol(term.source).latex
        source += rf"\text{{: {words(value)}}}" if value else ""
        yield rf"{start}{term.formula.latex} \quad \text{{from }} {source}"
    if part.seed:
        given = r"&\quad + \text{what is given}"
        yield given if part.terms else rf"{left} &= \text{{given}}"
    if part.value:
        yield rf"&= \text{{{words(part.value)}}}"


def _gradient(gradient: Gradient, page: float) -> Iterable[str]:
    rows = [f"{symbol(gradient.cotangent).latex} &= {gradient.formula.latex}"]
    rows += [
        rf"\text{{where }} {symbol(n).latex} &= {f.latex}" for n, f in gradient.where
    ]
    if gradient.more:
        rows.append(r"& \text{and so on, as told above}")
    yield from ("", rf"\texttt{{{words(gradient.name)}}}, {words(gradient.type)}")
    yield from _equations(rows, page)
