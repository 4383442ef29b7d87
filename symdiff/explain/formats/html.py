"""A report as one HTML page that loads nothing: no script, no font, no network.

In: the tree of a report. Out: the page, with formulas in MathML, which browsers typeset
by themselves. Invariant: everything of the user's is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import assert_never

from symdiff.explain.breaking import lines, width
from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Gradient
from symdiff.explain.mathml import equations, mathml
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

WIDE = 44.0  # em of a line of formulas on a screen
LEFT = 16.0  # em of the widest left side that others are aligned with
TYPE = 8.0  # em beside a formula, for its type

STYLE = """
:root { color-scheme: light dark; --soft: #8882; --back: #b3261e; --fore: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --back: #ff8a80; --fore: #7bd88f; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
code, pre { font: 14px/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; }
section { border-top: 1px solid var(--soft); margin-top: 2rem; }
h2 code { font-size: 1.05rem; }
.place, .type, .rule, .from { color: #777; }
article { margin: 1rem 0 1rem 1rem; }
article > div, .inside > div { padding-left: 1.5rem; overflow: auto hidden; }
math { font-size: 1.08em; } math[display=block] { margin: .3rem 0; width: max-content; }
mtd { padding: .18em .25em; } .line { display: flex; gap: 2rem; align-items: center;
  justify-content: space-between; padding-left: 0; }
.flow { border-left: 2px solid var(--back); }
.fore { color: var(--fore); } .back { color: var(--back); }
.inside { border-left: 3px solid var(--soft); margin: .6rem 0 .6rem 1rem;
  padding-left: 1rem !important; overflow: visible !important; }
.inside h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
h1, h2, h3, code { overflow-wrap: anywhere; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
td, th { padding: .15rem .8rem; text-align: left; }
td { border-top: 1px solid var(--soft); }
.cost td, .cost th { text-align: right; font-variant-numeric: tabular-nums; }
.cost td:first-child, .cost th:first-child, .cost .live { text-align: left; }
.live { width: 16rem; } .bar { display: block; height: .8rem; background: var(--fore);
  min-width: 1px; opacity: .6; } .bar.back { background: var(--back); }
@media print { body { max-width: none; } article { break-inside: avoid; } }
"""


def page(tree: Tree) -> str:
    """Return the page."""
    title = escape(tree.title)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{escape(tree.convention)}</p>",
    ]
    if tree.numbers:
        parts.append(f"<p>Numbers: {escape(tree.numbers)}.</p>")
    for section in tree.sections:
        parts += _section(section)
    return "\n".join([*parts, "</body></html>", ""])


def _section(section: Section) -> Iterable[str]:
    match section.kind:
        case "statement":
            yield "<section>"
            yield f"<h2>{_code(section.title or 'without source')}</h2>"
        case "reads" | "gradients" | "cost" | "recursion" | "steps":
            yield f"<section><h2>{section.title}</h2>"
    if section.place:
        yield f'<p class="place">{_code(section.place)}</p>'
    if section.kind == "reads":
        yield from _leaves(section.leaves)
    yield from _told(section)
    for code in section.code:
        rows = escape("\n".join(code.rows))
        yield f"<p>Generated, {code.function}:</p><pre>{rows}</pre>"
    yield "</section>"


def _costs(costs: Costs) -> Iterable[str]:
    """Return the table of costs; the live memory is drawn as well."""
    yield f'<p>{escape(costs.title)}</p><table class="cost">'
    yield "<tr><th>step</th><th>flops</th><th>bytes</th><th>live bytes</th></tr>"
    phase = ""
    for step in costs.steps:
        if step.phase != phase:
            phase = step.phase
            yield f'<tr><td colspan="5" class="place">{phase}</td></tr>'
        numbers = (costs.at(f) for f in (step.flops, step.bytes, step.live))
        cells = "".join(f"<td>{n:,}</td>" for n in numbers)
        kind = "bar" if phase == "forward" else "bar back"
        bar = f'<i class="{kind}" style="width: {100 * costs.share(step):.1f}%"></i>'
        row = f'<td>{_code(step.name)}</td>{cells}<td class="live">{bar}</td>'
        yield f"<tr>{row}</tr>"
    yield "</table>"
    yield from (f"<p>{escape(line)}</p>" for line in costs.sums())


def _code(text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<code{attribute}>{escape(text)}</code>"


def _leaves(leaves: Sequence[Leaf]) -> Iterable[str]:
    yield "<table><tr><th>name</th><th>shape</th><th></th><th>value</th></tr>"
    for leaf in leaves:
        cells = [symbol(leaf.name).mathml, _code(leaf.type)]
        own = f" {_code(leaf.own)}" if leaf.own else ""
        own += "" if leaf.formula is None else f" {leaf.formula.mathml}"
        cells += [leaf.role + own]
        cells += [_code(leaf.value, "fore") if leaf.value else ""]
        yield f"<tr><td>{'</td><td>'.join(cells)}</td></tr>"
    yield "</table>"


def _told(section: Section) -> Iterable[str]:
    match section.kind:
        case "reads":
            for part in section.told:
                yield f"<article>{''.join(_parts([part]))}</article>"
        case "statement":
            for step, *rest in section.groups():
                assert isinstance(step, ForwardStep)
                yield f'<article id="{escape(step.name)}">'
                yield from _parts([step, *rest])
                yield "</article>"
        case _:
            yield from _parts(section.told)


def _parts(parts: Iterable[Part]) -> Iterable[str]:
    """Return parts as elements; the equations after a step form one table."""
    rows: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, Partial | Handed | Stated):
            rows += _flow(part)
            continue
        if rows:
            yield f"<div>{_aligned(rows)}</div>"
            rows = []
        match part:
            case ForwardStep():
                yield from _step(part)
            case Cotangent():
                yield from _cotangent(part)
            case Gradient():
                yield from _gradient(part)
            case Costs():
                yield from _costs(part)
            case StepRow(label, value):
                yield f"<div>{escape(label)}: {_code(value, 'back')}</div>"
            case Inside():
                yield from _inside(part)
            case Leaf() | Code():
                pass  # in the table, and at the end of the section
            case _:
                assert_never(part)
    if rows:
        yield f"<div>{_aligned(rows)}</div>"


def _inside(part: Inside) -> Iterable[str]:
    """Return a body, behind a line at its left."""
    yield f'<div class="inside"><p>{_code(part.title)}</p>'
    if part.numbers:
        yield f'<p class="rule">{escape(part.numbers)}</p>'
    yield from _parts(part.lines)
    for section in part.sections:
        title = section.title or "without source"
        place = f' <span class="place">{_code(section.place)}</span>'
        title = _code(title) if section.kind == "statement" else escape(title)
        yield f"<h3>{title}{place if section.place else ''}</h3>"
        yield from _parts(section.parts)
    yield "</div>"


def _aligned(rows: Sequence[tuple[str, str]]) -> str:
    """Return equations, of which those that are wider than the page go on below."""
    lefts = [width(left) for left, _ in rows]
    column = max((w for w in lefts if w <= LEFT), default=0.0)
    made: list[tuple[str, str]] = []
    for (left, right), size in zip(rows, lefts, strict=True):
        room = WIDE - max(size, column)
        first, *more = lines(right, max(room, WIDE / 3), WIDE - column - 2)
        made += [(left, first), *(("", rf"\quad {line}") for line in more)]
    return equations(made)


def _flow(part: Partial | Handed | Stated) -> Iterable[tuple[str, str]]:
    match part:
        case Partial(name, by, formula):
            above, below = symbol(name).tex, symbol(by).tex
            left = rf"\frac{{\partial {above}}}{{\partial {below}}}"
            yield left, f"= {formula.tex}"
        case Handed(to, formula):
            yield rf"\text{{hands back to }} {symbol(to).tex}\text{{: }}", formula.tex
        case Stated(name, formula, words):
            note = rf" \quad \text{{{words}}}" if words else ""
            yield symbol(name).tex, f"= {formula.tex}{note}"


def _step(step: ForwardStep) -> Iterable[str]:
    name, formula = symbol(step.name).tex, step.formula.tex
    equation = mathml(f"{name} = {formula}", display=True)
    if width(f"{name} = {formula}") > WIDE - TYPE:
        equation = _aligned([(name, f"= {formula}")])
    yield f'<div class="line">{equation} <span class="type">{escape(step.type)}'
    yield "</span></div>"
    if step.value:
        yield f"<div>= {_code(step.value, 'fore')}</div>"
    if step.rule:
        yield f'<div class="rule">{escape(step.rule)}</div>'


def _cotangent(part: Cotangent) -> Iterable[str]:
    left = symbol(part.name).tex
    if part.told and not part.terms:
        told = f'<span class="rule">{escape(part.told)}</span>'
        yield f'<div class="flow">{symbol(part.name).mathml}: {told}</div>'
        return
    rows: list[tuple[str, str]] = []
    for i, (term, value) in enumerate(part.numbers()):
        right = f"{'+' if i else '='} {term.formula.tex}"
        if part.is_sum:
            right += rf" \quad \text{{from }} {symbol(term.source).tex}"
        right += rf" \text{{: {value}}}" if value else ""
        rows.append(("" if i else left, right))
    if part.seed:
        given = r"+ \mathrm{what is given}" if rows else r"= \mathrm{given}"
        rows.append(("" if rows else left, given))
    if rows:
        yield f'<div class="flow">{_aligned(rows)}</div>'
    if part.value:
        value = _code(part.value, "back")
        yield f"<div>{symbol(part.name).mathml} = {value}</div>"


def _gradient(gradient: Gradient) -> Iterable[str]:
    head = f"{_code(gradient.name)} {escape(gradient.type)}"
    yield f"<article>{head}"
    rows = [(symbol(gradient.cotangent).tex, f"= {gradient.formula.tex}")]
    for i, (name, formula) in enumerate(gradient.where):
        word = "" if i else r"\text{where }"
        rows.append((f"{word} {symbol(name).tex}", f"= {formula.tex}"))
    yield f"<div>{_aligned(rows)}</div>"
    if gradient.more:
        yield "<div>and so on, as told above</div>"
    yield "</article>"
