"""A report as Markdown, with its formulas in LaTeX between dollars.

In: the tree of a report. Out: Markdown as GitHub and Jupyter show it. Invariant: text
of the user's stands in code spans and fences, which nothing in it can close.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

UNDER = 30.0  # em of the widest formula with a brace and words under it


def markdown(tree: Tree) -> str:
    """Return the report."""
    lines = [f"# {tree.title}", "", _convention(tree)]
    if tree.numbers:
        lines += ["", f"Numbers: {code(tree.numbers)}."]
    for section in tree.sections:
        lines += ["", *_section(section, bool(tree.numbers))]
    return "\n".join(lines) + "\n"


def _convention(tree: Tree) -> str:
    results = ", ".join(f"${symbol(r).latex}$" for r in tree.results)
    return rf"$\bar{{v}}$ stands for the derivative of {results} by $v$, of its shape."


def escaped(text: str) -> str:
    """Return words in which names keep their underscores and brackets."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


def code(text: str) -> str:
    """Return a code span that its text cannot close."""
    runs = [len(r) for r in re.findall(r"`+", text)]
    mark = "`" * (max(runs, default=0) + 1)
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{mark}{pad}{text}{pad}{mark}"


def fence(text: str, language: str) -> list[str]:
    """Return a fenced block that its text cannot close."""
    runs = [len(r) for r in re.findall(r"`{3,}", text)]
    mark = "`" * max([3, *(n + 1 for n in runs)])
    return [f"{mark}{language}", text, mark]


def _formula(tex: str) -> str:
    """Return a formula; one that is wider than a page is broken."""
    found = lines(tex, PAGE, PAGE - 2)
    if len(found) == 1:
        return f"$${tex}$$"
    rows = r" \\ &\quad ".join(found)
    return rf"$$\begin{{aligned}} & {rows} \end{{aligned}}$$"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(section: Section, valued: bool) -> Iterable[str]:
    title = section.title
    if section.kind == "statement":
        title = code(title) if title else "Without source"
    yield f"## {title}"
    if section.place:
        yield from ("", code(section.place))
    if section.kind == "reads":
        yield from ("", *_leaves(section.leaves, valued))
    for part in section.told:
        yield from _part(part)
    if section.code:
        rows = "\n\n".join("\n".join(c.rows) for c in section.code)
        yield from ("", *fence(rows, "python"))


def _leaves(leaves: Sequence[Leaf], valued: bool) -> Iterable[str]:
    yield f"| | | shape |{' value |' if valued else ''}"
    yield f"|---|---|---|{'---|' if valued else ''}"
    for leaf in leaves:
        own = f" {_cell(code(leaf.own))}" if leaf.own else ""
        own += "" if leaf.formula is None else f" ${leaf.formula.latex}$"
        row = f"| ${symbol(leaf.name).latex}$ | {leaf.role}{own} "
        row += f"| {_cell(code(leaf.type))} |"
        yield f"{row} {_cell(leaf.value)} |" if valued else row


def _part(part: Part) -> Iterable[str]:
    """Return the lines of a part, and the empty ones before them."""
    match part:
        case ForwardStep():
            rule = f", {part.rule}" if part.rule else ""
            value = f" = {part.value}" if part.value else ""
            head = f"**{code(part.name)}** {code(part.type)}, {code(part.op)}"
            yield from ("", f"{head}{rule}{value}")
            yield from (
                "",
                _formula(f"{symbol(part.name).latex} = {part.formula.latex}"),
            )
        case Partial(name, by, formula):
            above, below = symbol(name).latex, symbol(by).latex
            slope = rf"\frac{{\partial {above}}}{{\partial {below}}}"
            yield from ("", _formula(f"{slope} = {formula.latex}"))
        case Handed(to, formula):
            left = rf"\text{{hands back to }} {symbol(to).latex}\text{{: }}"
            yield from ("", _formula(f"{left} {formula.latex}"))
        case Cotangent():
            yield from _cotangent(part)
        case Gradient():
            yield from _gradient(part)
        case Costs():
            yield from ("", *fence("\n".join(part.lines()), "text"))
        case Stated():
            yield from _line(part)
        case StepRow():
            yield f"- {escaped(part.label)}: {escaped(part.value)}"
        case Inside():
            yield from _inside(part)
        case Leaf() | Code():
            pass  # in the table, and in the fence at the end
        case _:
            assert_never(part)


def _inside(part: Inside) -> Iterable[str]:
    """Return a body, as a quotation."""
    lines = ["", f"**{code(part.title)}**"]
    lines += ["", part.numbers] if part.numbers else []
    for line in part.lines:
        lines += _line(line)
    for section in part.sections:
        place = f" {code(section.place)}" if section.place else ""
        title = section.title or "without source"
        title = code(title) if section.kind == "statement" else escaped(title)
        lines += ["", f"{title}{place}"]
        lines += [""] * (section.kind == "steps")
        for inner in section.parts:
            lines += _part(inner)
    yield ""
    yield from (f"> {line}".rstrip() for line in lines[1:])


def _line(line: Stated) -> Iterable[str]:
    words = rf" \quad \text{{{line.words}}}" if line.words else ""
    yield from (
        "",
        _formula(f"{symbol(line.name).latex} = {line.formula.latex}{words}"),
    )


def _cotangent(part: Cotangent) -> Iterable[str]:
    left = symbol(part.name).latex
    if part.told and not part.terms:
        yield from ("", f"${left}$: {escaped(part.told)}")
        return
    terms = []
    for term, value in part.numbers():
        label = rf"\text{{from }} {symbol(term.source).latex}" if part.is_sum else ""
        label += rf"\text{{: {value}}}" if value else ""
        made = term.formula.latex
        wide = rf"{made} \quad {label}"
        under = rf"\underbrace{{{made}}}_{{{label}}}"
        told = under if width(under) < UNDER else wide
        terms.append(told if label else made)
    if part.seed:
        terms.append(r"\text{what is given}" if terms else r"\text{given}")
    yield from ("", _formula(f"{left} = {' + '.join(terms)}"))
    if part.value:
        yield from ("", f"${left}$ = {part.value}")


def _gradient(gradient: Gradient) -> Iterable[str]:
    yield from ("", f"{code(gradient.name)}, {code(gradient.type)}:")
    left = symbol(gradient.cotangent).latex
    yield from ("", _formula(f"{left} = {gradient.formula.latex}"))
    for name, formula in gradient.where:
        where = rf"\text{{where }} {symbol(name).latex}"
        yield from ("", _formula(f"{where} = {formula.latex}"))
    if gradient.more:
        yield from ("", "and so on, as told above.")
