"""A report as plain text for the terminal.

In: a `Report`. Out: rows of at most 88 columns where formulas allow, each of a kind
that a terminal may give a colour. Invariant: no colours and no characters that a
terminal must draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from symdiff.explain.derivation import Entry, Gradient
from symdiff.explain.report import Block, Report
from symdiff.explain.values import shown

WIDTH = 88

Kind = Literal[
    "", "title", "heading", "note", "equation", "value", "back", "flow", "code", "cost"
]


class Row(NamedTuple):
    """A row of text, and what it tells."""

    kind: Kind
    text: str


def text(report: Report) -> str:
    """Return the report."""
    return "".join(f"{row.text}\n" for row in rows(report))


def rows(report: Report, width: int = WIDTH) -> Iterable[Row]:
    """Return the report's rows, at most ``width`` columns wide where that can be."""
    yield Row("title", report.title)
    yield Row("note", report.convention)
    if report.values is not None:
        yield Row("note", f"Numbers: {report.values.source}.")
    yield Row("", "")
    yield Row("heading", "What it reads")
    yield from _leaves(report, width)
    for block in report.blocks:
        yield from _gap()
        yield from _block(report, block, width)
    if report.derivation.gradients:
        yield from _gap()
        yield Row("heading", "The gradients, each as one formula")
        for gradient in report.derivation.gradients:
            yield Row("", "")
            yield from _gradient(gradient)
    if report.costs is not None:
        yield from _gap()
        yield from (Row("cost", line) for line in report.costs.lines())


def _gap() -> Iterable[Row]:
    yield Row("", "")
    yield Row("", "")


def _leaves(report: Report, width: int) -> Iterable[Row]:
    names = max((len(e.name) for e in report.leaves), default=0)
    types = max((len(e.type) for e in report.leaves), default=0)
    for entry in report.leaves:
        own = entry.tensor.name
        called = f" {own}" if own and own != entry.name else ""
        line = f"  {entry.name:{names}}  {entry.type:{types}}  {entry.role}{called}"
        if report.values is not None:
            line += f"   = {report.values.of(entry.name)}"
        yield Row("equation", line.rstrip())
        yield from _back(report, entry, 4, width)


def _block(report: Report, block: Block, width: int) -> Iterable[Row]:
    title = f"{block.place}   {block.text}".strip() or "without source"
    title = title if len(title) <= width else f"{title[: width - 4]} ..."
    yield Row("heading", title)
    yield Row("note", "-" * len(title))
    for entry in block.entries:
        yield from _entry(report, entry, width)
    for name, lines in (("forward", block.forward), ("backward", block.backward)):
        if lines:
            yield Row("note", f"  generated, {name}:")
            yield from (Row("code", f"    | {line}".rstrip()) for line in lines)


def _entry(report: Report, entry: Entry, width: int) -> Iterable[Row]:
    assert entry.formula is not None
    equation = f"  {entry.name} = {entry.formula.text}"
    yield Row("equation", _aligned(equation, entry.type, width))
    if report.values is not None and report.values.of(entry.name):
        yield Row("value", f"      = {report.values.of(entry.name)}")
    if entry.rule:
        yield Row("note", f"      rule: {entry.rule}")
    for share in entry.hands:
        if share.local is not None:
            left = f"d {entry.name} / d {share.source}"
            yield Row("flow", f"      local: {left} = {share.local.text}")
        yield Row("flow", f"      hands back to {share.source}: {share.formula.text}")
    yield from _back(report, entry, 6, width)


def _back(report: Report, entry: Entry, indent: int, width: int) -> Iterable[Row]:
    """Return the rows of a cotangent: what it is, where it adds, its value."""
    pad = " " * indent
    if entry.cotangent is None:
        return
    if entry.seed and not entry.received:
        yield Row("back", f"{pad}{entry.cotangent}: given (1 for a gradient)")
    elif not entry.fans_out and not entry.seed:
        (share,) = entry.received
        yield Row("back", f"{pad}{entry.cotangent} = {share.formula.text}")
    else:
        count = len(entry.received) + entry.seed
        ways = f"{entry.name} is read {count} times"
        if entry.seed:
            ways = f"{entry.name} is a result, and is read"
        yield Row("back", f"{pad}{entry.cotangent} is a sum: {ways}")
        for i, share in enumerate(entry.received):
            sign = "=" if i == 0 else "+"
            line = f"{pad}  {sign} {share.formula.text}"
            if report.values is not None:
                value = report.values.shares.get((share.source, share.user, i))
                line += f"   = {shown(value)}"
            yield Row("back", _aligned(line, f"from {share.user}", width))
        if entry.seed:
            yield Row("back", f"{pad}  + what is given (1 for a gradient)")
    if report.values is not None and report.values.back(entry.cotangent):
        yield Row("back", f"{pad}  = {report.values.back(entry.cotangent)}")


def _gradient(gradient: Gradient) -> Iterable[Row]:
    head = f"  {gradient.cotangent}  {gradient.type}  of {gradient.name}"
    yield Row("equation", head)
    yield Row("back", f"    = {gradient.formula.text}")
    for i, (name, formula) in enumerate(gradient.where):
        word = "where" if i == 0 else "     "
        yield Row("back", f"    {word} {name} = {formula.text}")
    if gradient.more:
        yield Row("note", "          and so on, as told above")


def _aligned(left: str, right: str, width: int) -> str:
    room = width - len(left) - len(right)
    return f"{left}{' ' * max(room, 3)}{right}"
