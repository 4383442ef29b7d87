"""A report as a LaTeX document.

In: a `Report`. Out: a document that needs amsmath alone. Invariant: it is plain ASCII,
and no character of the user's text has a meaning to TeX.
"""

from __future__ import annotations

from collections.abc import Iterable

from symdiff.explain.derivation import Entry, Gradient
from symdiff.explain.report import Block, Report
from symdiff.explain.symbols import symbol
from symdiff.explain.values import shown

HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\allowdisplaybreaks
\begin{document}"""


def document(report: Report) -> str:
    """Return the report."""
    results = ", ".join(f"${symbol(r).latex}$" for r in report.derivation.results)
    lines = [
        HEAD,
        rf"\section*{{{words(report.title)}}}",
        rf"$\bar{{v}}$ stands for the derivative of {results} by $v$, of its shape.",
    ]
    if report.values is not None:
        lines.append(f"Numbers: {words(report.values.source)}.")
    lines += ["", r"\subsection*{What it reads}", *_leaves(report)]
    for block in report.blocks:
        lines += ["", *_block(report, block)]
    if report.derivation.gradients:
        lines += ["", r"\subsection*{The gradients, each as one formula}"]
        for gradient in report.derivation.gradients:
            lines += _gradient(gradient)
    if report.costs is not None:
        lines += ["", r"\subsection*{Cost}", *verbatim(report.costs.lines())]
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
    """Return text that TeX prints as it is; what is not ASCII as its number."""
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
    """Return rows as they are; the one thing that would end them is broken up."""
    shown = (r.encode("ascii", "backslashreplace").decode() for r in rows)
    kept = [r.replace(r"\end{verbatim}", r"\end {verbatim}") for r in shown]
    return [r"{\small\begin{verbatim}", *kept, r"\end{verbatim}}"]


def _equations(rows: list[str]) -> list[str]:
    """Return aligned equations, each of the form ``left &= right``."""
    return [r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]


def _shape(entry: Entry) -> str:
    return rf"\quad \text{{{words(entry.type)}}}"


def _leaves(report: Report) -> Iterable[str]:
    yield r"\begin{itemize}"
    for entry in report.leaves:
        line = rf"\item ${symbol(entry.name).latex}$, {entry.role} "
        line += rf"\texttt{{{words(str(entry.tensor.name))}}}, {words(entry.type)}"
        if report.values is not None:
            line += f": {words(report.values.of(entry.name))}"
        yield line
    yield r"\end{itemize}"
    rows = [row for e in report.leaves for row in _back(report, e)]
    if rows:
        yield from _equations(rows)


def _block(report: Report, block: Block) -> Iterable[str]:
    yield rf"\subsection*{{\texttt{{{words(block.text) or 'without source'}}}}}"
    if block.place:
        yield rf"\texttt{{{words(block.place)}}}"
    rows: list[str] = []
    for entry in block.entries:
        rows += _entry(report, entry)
    yield from _equations(rows)
    if block.forward or block.backward:
        yield from verbatim([*block.forward, *block.backward])


def _entry(report: Report, entry: Entry) -> Iterable[str]:
    assert entry.formula is not None
    name = symbol(entry.name).latex
    yield f"{name} &= {entry.formula.latex}{_shape(entry)}"
    if report.values is not None and report.values.of(entry.name):
        yield rf"&= \text{{{words(report.values.of(entry.name))}}}"
    for share in entry.hands:
        if share.local is not None:
            by = symbol(share.source).latex
            left = rf"\frac{{\partial {name}}}{{\partial {by}}}"
            yield f"{left} &= {share.local.latex}"
    yield from _back(report, entry)


def _back(report: Report, entry: Entry) -> Iterable[str]:
    if entry.cotangent is None:
        return
    left = symbol(entry.cotangent).latex
    for i, share in enumerate(entry.received):
        start = f"{left} &= " if i == 0 else "&\\quad + "
        source = symbol(share.user).latex
        yield rf"{start}{share.formula.latex} \quad \text{{from }} {source}"
    if entry.seed and entry.received:
        yield r"&\quad + \text{what is given}"
    if report.values is not None:
        value = shown(report.values.cotangents.get(entry.cotangent))
        if value:
            yield rf"{'' if entry.received else left} &= \text{{{words(value)}}}"


def _gradient(gradient: Gradient) -> list[str]:
    rows = [f"{symbol(gradient.cotangent).latex} &= {gradient.formula.latex}"]
    rows += [
        rf"\text{{where }} {symbol(n).latex} &= {f.latex}" for n, f in gradient.where
    ]
    if gradient.more:
        rows.append(r"& \text{and so on, as told above}")
    head = rf"\texttt{{{words(gradient.name)}}}, {words(gradient.type)}"
    return ["", head, *_equations(rows)]
