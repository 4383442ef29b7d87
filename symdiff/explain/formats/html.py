"""A report as one HTML page that loads nothing: no script, no font, no network.

Formulas are MathML, which browsers typeset by themselves.

In: a `Report`. Out: the page. Invariant: everything of the user's is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Entry, Gradient
from symdiff.explain.mathml import equations, mathml
from symdiff.explain.report import Block, Report
from symdiff.explain.symbols import symbol
from symdiff.explain.values import shown

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
article > div { padding-left: 1.5rem; overflow: auto hidden; }
math { font-size: 1.08em; } math[display=block] { margin: .3rem 0; width: max-content; }
mtd { padding: .18em .25em; } .line { display: flex; gap: 2rem; align-items: center;
  justify-content: space-between; padding-left: 0; }
.flow { border-left: 2px solid var(--back); }
.fore { color: var(--fore); } .back { color: var(--back); }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem; text-align: left; }
td { border-top: 1px solid var(--soft); }
.cost td, .cost th { text-align: right; font-variant-numeric: tabular-nums; }
.cost td:first-child, .cost th:first-child, .cost .live { text-align: left; }
.live { width: 16rem; } .bar { display: block; height: .8rem; background: var(--fore);
  min-width: 1px; opacity: .6; } .bar.back { background: var(--back); }
@media print { body { max-width: none; } article { break-inside: avoid; } }
"""


def page(report: Report) -> str:
    """Return the page."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(report.title)}</h1><p>{escape(report.convention)}</p>",
    ]
    if report.values is not None:
        parts.append(f"<p>Numbers: {escape(report.values.source)}.</p>")
    parts += ["<section><h2>What it reads</h2>", *_leaves(report), "</section>"]
    for block in report.blocks:
        parts += ["<section>", *_block(report, block), "</section>"]
    if report.derivation.gradients:
        parts.append("<section><h2>The gradients, each as one formula</h2>")
        for gradient in report.derivation.gradients:
            parts += _gradient(gradient)
        parts.append("</section>")
    if report.costs is not None:
        parts += ["<section><h2>Cost</h2>", *_costs(report.costs), "</section>"]
    return "\n".join([*parts, "</body></html>", ""])


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


def _leaves(report: Report) -> Iterable[str]:
    yield "<table><tr><th>name</th><th>shape</th><th></th><th>value</th></tr>"
    for e in report.leaves:
        value = "" if report.values is None else report.values.of(e.name)
        own = f"{e.role} {_code(str(e.tensor.name))}"
        cells = [symbol(e.name).mathml, _code(e.type), own]
        row = "</td><td>".join([*cells, _code(value, "fore") if value else ""])
        yield f"<tr><td>{row}</td></tr>"
    yield "</table>"
    for entry in report.leaves:
        back = list(_back(report, entry))
        if back:
            yield f"<article>{''.join(back)}</article>"


def _block(report: Report, block: Block) -> Iterable[str]:
    yield f"<h2>{_code(block.text or 'without source')}</h2>"
    if block.place:
        yield f'<p class="place">{_code(block.place)}</p>'
    for entry in block.entries:
        yield f'<article id="{escape(entry.name)}">'
        yield from _entry(report, entry)
        yield "</article>"
    for name, rows in (("forward", block.forward), ("backward", block.backward)):
        if rows:
            shown_rows = escape("\n".join(rows))
            yield f"<p>Generated, {name}:</p><pre>{shown_rows}</pre>"


def _entry(report: Report, entry: Entry) -> Iterable[str]:
    assert entry.formula is not None
    name = symbol(entry.name).tex
    equation = mathml(f"{name} = {entry.formula.tex}", display=True)
    yield f'<div class="line">{equation} <span class="type">{escape(entry.type)}'
    yield "</span></div>"
    value = "" if report.values is None else report.values.of(entry.name)
    if value:
        yield f"<div>= {_code(value, 'fore')}</div>"
    if entry.rule:
        yield f'<div class="rule">{escape(entry.rule)}</div>'
    rows = []
    for share in entry.hands:
        if share.local is not None:
            by = symbol(share.source).tex
            left = rf"\frac{{\partial {name}}}{{\partial {by}}}"
            rows.append((left, f"= {share.local.tex}"))
    if rows:
        yield f"<div>{equations(rows)}</div>"
    yield from _back(report, entry)


def _back(report: Report, entry: Entry) -> Iterable[str]:
    if entry.cotangent is None:
        return
    left = symbol(entry.cotangent).tex
    rows = []
    for i, share in enumerate(entry.received):
        right = f"{'+' if i else '='} {share.formula.tex}"
        if entry.fans_out:
            right += rf" \quad \text{{from }} {symbol(share.user).tex}"
        rows.append(("" if i else left, right))
    if entry.seed:
        given = r"+ \mathrm{what is given}" if rows else r"= \mathrm{given}"
        rows.append(("" if rows else left, given))
    if rows:
        yield f'<div class="flow">{equations(rows)}</div>'
    if report.values is not None:
        value = shown(report.values.cotangents.get(entry.cotangent))
        if value:
            name = symbol(entry.cotangent).mathml
            yield f"<div>{name} = {_code(value, 'back')}</div>"


def _gradient(gradient: Gradient) -> Iterable[str]:
    head = f"{_code(gradient.name)} {escape(gradient.type)}"
    yield f"<article>{head}"
    rows = [(symbol(gradient.cotangent).tex, f"= {gradient.formula.tex}")]
    for i, (name, formula) in enumerate(gradient.where):
        word = "" if i else r"\text{where }"
        rows.append((f"{word} {symbol(name).tex}", f"= {formula.tex}"))
    yield f"<div>{equations(rows)}</div>"
    if gradient.more:
        yield "<div>and so on, as told above</div>"
    yield "</article>"
