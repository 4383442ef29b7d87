"""A report as Markdown, with its formulas in LaTeX between dollars.

In: a `Report`. Out: Markdown as GitHub and Jupyter show it. Invariant: text of the
user's stands in code spans and fences, which nothing in it can close.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from symdiff.explain.derivation import Entry, Gradient
from symdiff.explain.report import Block, Report
from symdiff.explain.symbols import symbol
from symdiff.explain.values import shown


def markdown(report: Report) -> str:
    """Return the report."""
    lines = [f"# {report.title}", "", _convention(report)]
    if report.values is not None:
        lines += ["", f"Numbers: {code(report.values.source)}."]
    lines += ["", "## What it reads", "", *_leaves(report)]
    for block in report.blocks:
        lines += ["", *_block(report, block)]
    if report.derivation.gradients:
        lines += ["", "## The gradients, each as one formula"]
        for gradient in report.derivation.gradients:
            lines += ["", *_gradient(gradient)]
    if report.costs is not None:
        lines += ["", "## Cost", "", *fence("\n".join(report.costs.lines()), "text")]
    return "\n".join(lines) + "\n"


def _convention(report: Report) -> str:
    results = ", ".join(f"${symbol(r).latex}$" for r in report.derivation.results)
    return rf"$\bar{{v}}$ stands for the derivative of {results} by $v$, of its shape."


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


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _leaves(report: Report) -> Iterable[str]:
    values = report.values
    yield f"| | | shape |{' value |' if values is not None else ''}"
    yield f"|---|---|---|{'---|' if values is not None else ''}"
    for entry in report.leaves:
        row = f"| ${symbol(entry.name).latex}$ | {entry.role} "
        row += f"{_cell(code(str(entry.tensor.name)))} | {_cell(code(entry.type))} |"
        if values is not None:
            row += f" {_cell(values.of(entry.name))} |"
        yield row
    for entry in report.leaves:
        yield from _back(report, entry)


def _block(report: Report, block: Block) -> Iterable[str]:
    yield f"## {code(block.text) if block.text else 'Without source'}"
    if block.place:
        yield ""
        yield code(block.place)
    for entry in block.entries:
        yield ""
        yield from _entry(report, entry)
    rows = [*block.forward]
    if block.forward and block.backward:
        rows.append("")
    rows += block.backward
    if rows:
        yield ""
        yield from fence("\n".join(rows), "python")


def _entry(report: Report, entry: Entry) -> Iterable[str]:
    assert entry.formula is not None
    name = symbol(entry.name).latex
    rule = f", {entry.rule}" if entry.rule else ""
    value = ""
    if report.values is not None and report.values.of(entry.name):
        value = f" = {report.values.of(entry.name)}"
    yield f"**{code(entry.name)}** {code(entry.type)}, {code(entry.op)}{rule}{value}"
    yield ""
    yield f"$${name} = {entry.formula.latex}$$"
    for share in entry.hands:
        if share.local is None:
            continue
        by = symbol(share.source).latex
        yield ""
        yield rf"$$\frac{{\partial {name}}}{{\partial {by}}} = {share.local.latex}$$"
    yield from _back(report, entry)


def _back(report: Report, entry: Entry) -> Iterable[str]:
    if entry.cotangent is None or not entry.received:
        return
    left = symbol(entry.cotangent).latex
    terms = " + ".join(
        rf"\underbrace{{{s.formula.latex}}}_{{\text{{from }} {symbol(s.user).latex}}}"
        if entry.fans_out
        else s.formula.latex
        for s in entry.received
    )
    if entry.seed:
        terms += r" + \text{what is given}"
    yield ""
    yield f"$${left} = {terms}$$"
    if report.values is not None:
        value = shown(report.values.cotangents.get(entry.cotangent))
        if value:
            yield ""
            yield f"${left}$ = {value}"


def _gradient(gradient: Gradient) -> Iterable[str]:
    yield f"{code(gradient.name)}, {code(gradient.type)}:"
    yield ""
    yield f"$${symbol(gradient.cotangent).latex} = {gradient.formula.latex}$$"
    for name, formula in gradient.where:
        yield ""
        yield rf"$$\text{{where }} {symbol(name).latex} = {formula.latex}$$"
    if gradient.more:
        yield "\nand so on, as told above."
