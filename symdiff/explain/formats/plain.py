"""A report as plain text for the terminal.

In: the tree of a report. Out: rows of at most 88 columns where formulas allow, each of
a kind that a terminal may colour. Invariant: no colours and no box-drawing characters.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, assert_never

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

WIDTH = 88
DEEPER = 4  # the indent of a body

Kind = Literal[
    "", "title", "heading", "note", "equation", "value", "back", "flow", "code", "cost"
]


class ReportRow(NamedTuple):
    """A row of text, and its kind."""

    kind: Kind
    text: str


def text(tree: Tree) -> str:
    """Return the report."""
    return "".join(f"{line}\n" for row in rows(tree) for line in _folded(row))


def _folded(row: ReportRow) -> Iterable[str]:
    """Return a row, on lines that fit; code stays as it is."""
    if len(row.text) <= WIDTH or row.kind in ("code", "cost"):
        return [row.text]
    indent = " " * (len(row.text) - len(row.text.lstrip()) + DEEPER)
    return textwrap.wrap(
        row.text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def rows(tree: Tree, width: int = WIDTH) -> Iterable[ReportRow]:
    """Return the report's rows, at most ``width`` columns wide where that can be."""
    yield ReportRow("title", tree.title)
    yield ReportRow("note", tree.convention)
    if tree.numbers:
        yield ReportRow("note", f"Numbers: {tree.numbers}.")
    for section in tree.sections:
        yield ReportRow("", "")
        if section.kind != "reads":
            yield ReportRow("", "")
        yield from _section(section, bool(tree.numbers), width)


def _section(section: Section, valued: bool, width: int) -> Iterable[ReportRow]:
    if section.kind == "statement":
        title = f"{section.place}   {section.title}".strip() or "without source"
        title = title if len(title) <= width else f"{title[: width - 4]} ..."
        yield ReportRow("heading", title)
        yield ReportRow("note", "-" * len(title))
    elif section.kind != "cost":  # which has a title of its own
        yield ReportRow("heading", section.title)
    indent = 6 if section.kind == "statement" else 4
    yield from _parts(section.parts, indent, valued, width)


def _parts(
    parts: Sequence[Part], indent: int, valued: bool, width: int
) -> Iterable[ReportRow]:
    leaves = [p for p in parts if isinstance(p, Leaf)]
    names = max((len(leaf.name) for leaf in leaves), default=0)
    types = max((len(leaf.type) for leaf in leaves), default=0)
    labels = max((len(p.label) for p in parts if isinstance(p, StepRow)), default=0)
    for part in parts:
        match part:
            case Leaf():
                own = f" {part.own}" if part.own not in ("", part.name) else ""
                own += "" if part.formula is None else f" {part.formula.text}"
                line = f"  {part.name:{names}}  {part.type:{types}}  {part.role}{own}"
                line += f"   = {part.value}" if valued else ""
                yield ReportRow("equation", line.rstrip())
            case ForwardStep():
                yield from _step(part, width)
            case Partial(name, by, formula):
                yield ReportRow(
                    "flow", f"      local: d {name} / d {by} = {formula.text}"
                )
            case Handed(to, formula):
                yield ReportRow("flow", f"      hands back to {to}: {formula.text}")
            case Cotangent():
                yield from _cotangent(part, valued, " " * indent, width)
            case Code():
                yield ReportRow("note", f"  generated, {part.function}:")
                yield from (
                    ReportRow("code", f"    | {row}".rstrip()) for row in part.rows
                )
            case Gradient():
                yield ReportRow("", "")
                yield from _gradient(part)
            case Costs():
                yield from (ReportRow("cost", line) for line in part.lines())
            case Stated():
                yield from _line(part, width)
            case StepRow():
                yield ReportRow("back", f"      {part.label:<{labels}}  {part.value}")
            case Inside():
                yield from _inside(part, valued, width)
            case _:
                assert_never(part)


def _inside(part: Inside, valued: bool, width: int) -> Iterable[ReportRow]:
    """Return the rows of a body, with an indent."""
    yield ReportRow("note", f"    {part.title}")
    for row in _within(part, valued, width - DEEPER):
        yield ReportRow(row.kind, f"{' ' * DEEPER}{row.text}" if row.text else "")


def _within(part: Inside, valued: bool, width: int) -> Iterable[ReportRow]:
    if part.numbers:
        yield ReportRow("note", f"  {part.numbers}")
    for line in part.lines:
        yield from _line(line, width)
    for section in part.sections:
        yield ReportRow("", "")
        title = section.title or "without source"
        place = f"     [{section.place}]" if section.place else ""
        yield ReportRow("heading", f"  # {title}{place}")
        yield from _parts(section.parts, 6, valued, width)


def _line(line: Stated, width: int) -> Iterable[ReportRow]:
    equation = f"  {line.name} = {line.formula.text}"
    yield ReportRow("equation", _aligned(equation, line.words, width).rstrip())


def _step(step: ForwardStep, width: int) -> Iterable[ReportRow]:
    equation = f"  {step.name} = {step.formula.text}"
    yield ReportRow("equation", _aligned(equation, step.type, width))
    if step.value:
        yield ReportRow("value", f"      = {step.value}")
    if step.rule:
        yield ReportRow("note", f"      rule: {step.rule}")


def _cotangent(
    part: Cotangent, valued: bool, pad: str, width: int
) -> Iterable[ReportRow]:
    """Return the rows of a cotangent: what it is, where it adds, its value."""
    if part.seed and not part.terms:
        yield ReportRow("back", f"{pad}{part.name}: {part.given}")
    elif not part.is_sum and not part.seed:
        (term,) = part.terms
        yield ReportRow("back", f"{pad}{part.name} = {term.formula.text}")
    else:
        ways = f"{part.of} is read {len(part.terms)} times"
        if part.seed:
            ways = f"{part.of} is a result, and is read"
        yield ReportRow("back", f"{pad}{part.name} is a sum: {ways}")
        for i, term in enumerate(part.terms):
            line = f"{pad}  {'+' if i else '='} {term.formula.text}"
            line += f"   = {term.value}" if valued and term.value else ""
            yield ReportRow("back", _aligned(line, f"from {term.source}", width))
        if part.seed:
            yield ReportRow("back", f"{pad}  + what is given (1 for a gradient)")
    if part.value:
        yield ReportRow("back", f"{pad}  = {part.value}")


def _gradient(gradient: Gradient) -> Iterable[ReportRow]:
    head = f"  {gradient.cotangent}  {gradient.type}  of {gradient.name}"
    yield ReportRow("equation", head)
    yield ReportRow("back", f"    = {gradient.formula.text}")
    for i, (name, formula) in enumerate(gradient.where):
        word = "where" if i == 0 else "     "
        yield ReportRow("back", f"    {word} {name} = {formula.text}")
    if gradient.more:
        yield ReportRow("note", "          and so on, as told above")


def _aligned(left: str, right: str, width: int) -> str:
    room = width - len(left) - len(right)
    return f"{left}{' ' * max(room, 3)}{right}"
