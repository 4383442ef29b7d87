"""A report as plain text for the terminal.

In: a `Report`. Out: text of at most 88 columns where formulas allow. Invariant: no
colours and no characters that a terminal must draw.
"""

from __future__ import annotations

from collections.abc import Iterable

from symdiff.explain.derivation import Entry, Gradient
from symdiff.explain.report import Block, Report
from symdiff.explain.values import shown

WIDTH = 88


def text(report: Report) -> str:
    """Return the report."""
    lines = [report.title, report.convention]
    if report.values is not None:
        lines.append(f"Numbers: {report.values.source}.")
    lines += ["", "What it reads", *_leaves(report)]
    for block in report.blocks:
        lines += ["", "", *_block(report, block)]
    if report.derivation.gradients:
        lines += ["", "", "The gradients, each as one formula"]
        for gradient in report.derivation.gradients:
            lines += ["", *_gradient(gradient)]
    if report.costs is not None:
        lines += ["", "", *report.costs.lines()]
    return "\n".join(lines) + "\n"


def _leaves(report: Report) -> Iterable[str]:
    width = max((len(e.name) for e in report.leaves), default=0)
    types = max((len(e.type) for e in report.leaves), default=0)
    for entry in report.leaves:
        own = entry.tensor.name
        called = f" {own}" if own and own != entry.name else ""
        line = f"  {entry.name:{width}}  {entry.type:{types}}  {entry.role}{called}"
        if report.values is not None:
            line += f"   = {report.values.of(entry.name)}"
        yield line.rstrip()
        yield from _back(report, entry, 4)


def _block(report: Report, block: Block) -> Iterable[str]:
    title = f"{block.place}   {block.text}".strip() or "without source"
    title = title if len(title) <= WIDTH else f"{title[: WIDTH - 4]} ..."
    yield title
    yield "-" * len(title)
    for entry in block.entries:
        yield from _entry(report, entry)
    for name, rows in (("forward", block.forward), ("backward", block.backward)):
        if rows:
            yield f"  generated, {name}:"
            yield from (f"    | {row}".rstrip() for row in rows)


def _entry(report: Report, entry: Entry) -> Iterable[str]:
    assert entry.formula is not None
    yield _aligned(f"  {entry.name} = {entry.formula.text}", entry.type)
    if report.values is not None and report.values.of(entry.name):
        yield f"      = {report.values.of(entry.name)}"
    if entry.rule:
        yield f"      rule: {entry.rule}"
    for share in entry.hands:
        if share.local is not None:
            yield f"      local: d {entry.name} / d {share.source} = {share.local.text}"
        yield f"      hands back to {share.source}: {share.formula.text}"
    yield from _back(report, entry, 6)


def _back(report: Report, entry: Entry, indent: int) -> Iterable[str]:
    """Return the lines of a cotangent: what it is, where it adds, its value."""
    pad = " " * indent
    if entry.cotangent is None:
        return
    if entry.seed and not entry.received:
        yield f"{pad}{entry.cotangent}: given (1 for a gradient)"
    elif not entry.fans_out and not entry.seed:
        (share,) = entry.received
        yield f"{pad}{entry.cotangent} = {share.formula.text}"
    else:
        count = len(entry.received) + entry.seed
        ways = f"{entry.name} is read {count} times"
        if entry.seed:
            ways = f"{entry.name} is a result, and is read"
        yield f"{pad}{entry.cotangent} is a sum: {ways}"
        for i, share in enumerate(entry.received):
            sign = "=" if i == 0 else "+"
            line = f"{pad}  {sign} {share.formula.text}"
            if report.values is not None:
                value = report.values.shares.get((share.source, share.user, i))
                line += f"   = {shown(value)}"
            yield _aligned(line, f"from {share.user}")
        if entry.seed:
            yield f"{pad}  + what is given (1 for a gradient)"
    if report.values is not None and report.values.back(entry.cotangent):
        yield f"{pad}  = {report.values.back(entry.cotangent)}"


def _gradient(gradient: Gradient) -> Iterable[str]:
    yield f"  {gradient.cotangent}  {gradient.type}  of {gradient.name}"
    yield f"    = {gradient.formula.text}"
    for i, (name, formula) in enumerate(gradient.where):
        yield f"    {'where' if i == 0 else '     '} {name} = {formula.text}"
    if gradient.more:
        yield "          and so on, as told above"


def _aligned(left: str, right: str) -> str:
    room = WIDTH - len(left) - len(right)
    return f"{left}{' ' * max(room, 3)}{right}"
