"""The report on a derivation: a tree, and the formats that it is shown in.

In: a derivation, the listings of what is generated for it, and perhaps values and
costs. Out: a `Report`: a section for each statement of the user, with the nodes that it
declares and the lines generated from it. Invariant: every format says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from symdiff.emit.listing import Listing
from symdiff.emit.python import code as py
from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Derivation, Entry
from symdiff.explain.formats import html, latex, markdown, plain
from symdiff.explain.parts import (
    Code,
    Contribution,
    Cotangent,
    ForwardStep,
    Handed,
    Leaf,
    Part,
    Partial,
    Section,
    Tree,
)
from symdiff.explain.stepwise import at_step
from symdiff.explain.symbols import telling_apart
from symdiff.explain.values import Values
from symdiff.explain.within import bodies, place_of

PRIMALS = ("loss_and_residuals", "forward_with_residuals", "forward")


@dataclass(frozen=True)
class Report:
    """A report on a derivation, with the code, values and costs that it shows."""

    tree: Tree
    derivation: Derivation
    values: Values | None = None
    costs: Costs | None = None

    def text(self) -> str:
        """Return the report for a terminal."""
        return plain.text(self.tree)

    def markdown(self) -> str:
        """Return the report as Markdown, with formulas in LaTeX."""
        with telling_apart(self.derivation.symbols):
            return markdown.markdown(self.tree)

    def latex(self) -> str:
        """Return the report as a LaTeX document that needs amsmath alone."""
        with telling_apart(self.derivation.symbols):
            return latex.document(self.tree)

    def html(self) -> str:
        """Return the report as one HTML page that loads nothing."""
        with telling_apart(self.derivation.symbols):
            return html.page(self.tree)

    def __repr__(self) -> str:
        return f"<Report, {self.tree.title}; str() shows it>"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own; it needs no MathJax."""
        style = "width: 100%; height: 760px; border: 1px solid #8884"
        page = escape(self.html())
        return f'<iframe srcdoc="{page}" style="{style}" title="report"></iframe>'

    def _repr_markdown_(self) -> str:
        return self.markdown()


def report(
    derivation: Derivation,
    listings: Sequence[Listing],
    values: Values | None = None,
    costs: Costs | None = None,
    step: int | None = None,
) -> Report:
    """Return the report; ``listings`` are those of the generated modules.

    ``step`` is the step of loops whose values are shown.
    """
    leaves = [e for e in derivation.entries if e.role]
    parts = tuple(part for e in leaves for part in _parts(derivation, e, values, step))
    sections = [Section("reads", "What it reads", parts)]
    sections += _statements(derivation, listings, values, step)
    if derivation.gradients:
        title = "The gradients, each as one formula"
        sections.append(Section("gradients", title, derivation.gradients))
    if costs is not None:
        sections.append(Section("cost", "Cost", (costs,)))
    title = f"{derivation.name}: how its gradients come about"
    numbers = "" if values is None else values.source
    tree = Tree(title, derivation.results, numbers, tuple(sections))
    return Report(tree, derivation, values, costs)


def _statements(
    derivation: Derivation,
    listings: Sequence[Listing],
    values: Values | None,
    step: int | None,
) -> Iterator[Section]:
    """Yield a section for each statement of the user, in order."""
    functions = {name for x in listings for name in x.functions}
    forward = next((f for f in PRIMALS if f in functions), "")
    under = _under(listings)
    computed = (e for e in derivation.entries if not e.role)
    for place, found in groupby(computed, place_of):
        entries = list(found)
        parts = [part for e in entries for part in _parts(derivation, e, values, step)]
        for name, function in (("forward", forward), ("backward", "backward")):
            if rows := under.get((function, place)):
                parts.append(Code(name, tuple(rows)))
        statement = entries[0].statement
        text = "" if statement is None else statement.text
        yield Section("statement", text, tuple(parts), place)


def _under(listings: Iterable[Listing]) -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the rows below each heading, by function and place; loops with bodies."""
    found: dict[tuple[str, str], list[str]] = {}
    for listing in listings:
        for line in listing.lines:
            if line.depth or not line.place or isinstance(line.stmt, py.Return):
                continue
            rows = found.setdefault((line.function, line.place), [])
            rows += listing.source(line)
    return found


def _parts(
    derivation: Derivation, entry: Entry, values: Values | None, step: int | None
) -> Iterator[Part]:
    """Yield the parts of an entry; those of a loop with its body."""
    yield from _entry(entry, values)
    if entry.name in derivation.opened:
        replay = None if values is None else values.steps.get(entry.name)
        shown = None if replay is None else at_step(replay, step)
        yield from bodies(
            derivation.opened[entry.name],
            lambda v, inner, e: _parts(inner, e, v, step),
            shown,
        )


def _entry(entry: Entry, values: Values | None) -> Iterator[Part]:
    """Yield the parts of an entry: its value, its contributions, its cotangent."""
    value = "" if values is None else values.of(entry.name)
    if entry.role:
        own = str(entry.tensor.name or "")  # a draw or a constant has none
        yield Leaf(entry.name, own, entry.role, entry.type, value, entry.formula)
    else:
        assert entry.formula is not None
        what = (entry.name, entry.op, entry.type, entry.formula)
        yield ForwardStep(*what, value, entry.rule)
    for share in entry.hands:
        if share.local is not None:
            yield Partial(entry.name, share.source, share.local)
        yield Handed(share.source, share.formula)
    if entry.cotangent is not None:
        yield _cotangent(entry, entry.cotangent, values)


def _cotangent(entry: Entry, name: str, values: Values | None) -> Cotangent:
    terms = []
    for i, share in enumerate(entry.received):
        key = share.source, share.user, i
        value = "" if values is None else values.handed(key)
        terms.append(Contribution(share.user, share.formula, value))
    value = "" if values is None else values.back(name)
    return Cotangent(name, entry.name, tuple(terms), entry.given, value)
