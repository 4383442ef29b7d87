"""What a report of a derivation says, before it has a format.

In: a derivation, the listings of what is generated for it, and perhaps values and
costs. Out: a `Report`: blocks, one for each statement of the user, with the nodes that
it declares and the lines generated from it. Invariant: every format says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symdiff.emit.listing import Listing
from symdiff.emit.python import code as py
from symdiff.explain.costs import Costs
from symdiff.explain.derivation import Derivation, Entry
from symdiff.explain.values import Values

PRIMALS = ("loss_and_residuals", "forward_with_residuals", "forward")


@dataclass(frozen=True)
class Block:
    """The nodes of one statement of the user's, and what was generated under it."""

    place: str
    text: str
    entries: tuple[Entry, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A derivation as it is told."""

    derivation: Derivation
    leaves: tuple[Entry, ...]
    blocks: tuple[Block, ...]
    values: Values | None = None
    costs: Costs | None = None

    @property
    def title(self) -> str:
        """The headline."""
        return f"{self.derivation.name}: how its gradients come about"

    @property
    def convention(self) -> str:
        """What a bar, or d_, means."""
        found = self.derivation.results
        of = found[0] if len(found) == 1 else f"the results ({', '.join(found)})"
        return f"d_v stands for the derivative of {of} by v, of v's shape."

    def text(self) -> str:
        """Return the report for a terminal."""
        from symdiff.explain.formats.plain import text

        return text(self)

    def markdown(self) -> str:
        """Return the report as Markdown, with formulas in LaTeX."""
        from symdiff.explain.formats.markdown import markdown

        return markdown(self)

    def latex(self) -> str:
        """Return the report as a LaTeX document that needs amsmath alone."""
        from symdiff.explain.formats.latex import document

        return document(self)

    def html(self) -> str:
        """Return the report as one HTML page that loads nothing."""
        from symdiff.explain.formats.html import page

        return page(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def report(
    derivation: Derivation,
    listings: Sequence[Listing],
    values: Values | None = None,
    costs: Costs | None = None,
) -> Report:
    """Return the report; ``listings`` are those of the generated modules."""
    functions = {name for x in listings for name in x.functions}
    first = next((f for f in PRIMALS if f in functions), "")
    under = _under(listings)
    blocks: list[Block] = []
    leaves: list[Entry] = []
    waiting: list[Entry] = []
    for entry in derivation.entries:
        if entry.role:
            leaves.append(entry)
            continue
        if waiting and _place(waiting[-1]) != _place(entry):
            blocks.append(_block(waiting, under, first))
            waiting = []
        waiting.append(entry)
    if waiting:
        blocks.append(_block(waiting, under, first))
    return Report(derivation, tuple(leaves), tuple(blocks), values, costs)


def _place(entry: Entry) -> str:
    return "" if entry.statement is None else entry.statement.location


Under = Mapping[tuple[str, str], Sequence[str]]  # rows, by function and place


def _block(entries: Sequence[Entry], under: Under, first: str) -> Block:
    place = _place(entries[0])
    statement = entries[0].statement
    return Block(
        place,
        "" if statement is None else statement.text,
        tuple(entries),
        tuple(under.get((first, place), ())),
        tuple(under.get(("backward", place), ())),
    )


def _under(listings: Iterable[Listing]) -> Under:
    """Return the rows that stand under each heading, those of loops as a whole."""
    found: dict[tuple[str, str], list[str]] = {}
    for listing in listings:
        for line in listing.lines:
            if line.depth or not line.place or isinstance(line.stmt, py.Return):
                continue
            rows = found.setdefault((line.function, line.place), [])
            rows += listing.source(line)
    return found
