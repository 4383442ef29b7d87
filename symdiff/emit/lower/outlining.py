"""A function for what repeats: the statements of equal scopes, written once.

In: the `Repeats` of a function's statements, and what else of it reads their values.
Out: an `Outline`: the function's arguments, statements and results, in which names are
those of the first scope without its prefix, and for each scope what a call is given and
gives. Invariant: the calls compute what the statements computed, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdiff.emit.lower.alike import variables, with_names
from symdiff.emit.lower.comments import INDENT, refitted
from symdiff.emit.lower.identifiers import RESERVED, identifier
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.repeats import Repeats, Scope, Scoped, Slot
from symdiff.emit.lower.uses import phrases
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor

PARAMS = "params"
GIVEN = py.Comment("what the block is given")  # the user's statements differ


@dataclass(frozen=True)
class Outline:
    """The function of a family's runs.

    ``inner`` are the expressions inside it for what stands at each slot; ``given`` are
    the slots that are its arguments, ``results`` those that are returned, in order;
    ``weights`` says whether it reads parameters of its scope.
    """

    repeats: Repeats
    inner: Mapping[Slot, py.Expr]
    given: tuple[Slot, ...]
    results: tuple[Slot, ...]
    weights: bool
    stmts: tuple[py.Stmt, ...] = field(repr=False)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that it is called for."""
        return self.repeats.family.scopes


def prefix_of(scope: Scope) -> str:
    """Return what the names of a scope's parameters begin with."""
    return ".".join(scope) + "."


def parameter(name: str) -> py.Expr:
    """Return the expression of a parameter, by the name that the user gave it."""
    return py.Index(py.Name(PARAMS), (py.Lit(name),))


def parameter_name(e: py.Expr) -> str | None:
    """Return the name of the parameter that an expression looks up, if it does."""
    match e:
        case py.Index(value=py.Name(id=source), items=(py.Lit(value=str(name)),)):
            return name if source == PARAMS else None
    return None


def relative(slot: Slot, scopes: Sequence[Scope]) -> str | None:
    """Return the name that parameters of all scopes have within their scope, if any."""
    found = set()
    for e, scope in zip(slot, scopes, strict=True):
        name, prefix = parameter_name(e), prefix_of(scope)
        if name is None or not name.startswith(prefix):
            return None
        found.add(name.removeprefix(prefix))
    return found.pop() if len(found) == 1 else None


def read_later(repeats: Repeats, after: Iterable[py.Expr | py.Stmt]) -> list[Slot]:
    """Return the slots whose values are read outside their run, in their order.

    ``after`` is what the function computes or returns after its entries.
    """
    end = set().union(*(variables(e) for e in after))
    found: set[Slot] = set()
    for member in range(len(repeats.runs)):
        read = repeats.live(member, end)
        made = {s[member]: s for s in repeats.made}
        found |= {s for e, s in made.items() if isinstance(e, py.Name) and e.id in read}
    return [s for s in repeats.slots if s in found]


def outlined(
    repeats: Repeats,
    results: Sequence[Slot],
    known: Callable[[Slot], py.Expr | None],
    taken: Collection[str],
) -> Outline:
    """Return the function of runs.

    ``known`` gives the expression of slots that are no arguments of their own, and
    ``taken`` are names that no variable of the function may have.
    """
    scopes = repeats.family.scopes
    prefix = f"{identifier('_'.join(scopes[0]))}_"
    used = {*taken}
    inner: dict[Slot, py.Expr] = {}
    weights = False
    begun = _begun_before(repeats)
    given: list[Slot] = []
    for slot in repeats.slots:
        own, first = relative(slot, scopes), slot[0]
        if own is not None:
            weights = True
            inner[slot] = parameter(own)
            continue
        if (told := known(slot)) is not None:
            inner[slot] = told
            continue
        name = first.id if isinstance(first, py.Name) else _called(first)
        inner[slot] = py.Name(_claimed(without_prefix(name, prefix), used))
        if slot not in repeats.made or first in begun:
            given.append(slot)
    words = _words(inner, prefix)
    stmts = _statements(repeats, inner, words, prefix)
    return Outline(
        *(repeats, inner, tuple(given), tuple(results), weights), tuple(stmts)
    )


def _begun_before(repeats: Repeats) -> set[py.Expr]:
    """Return the variables that the first run reads before it sets them.

    Such is a carry whose start is set in a row with that of another loop.
    """
    found: set[str] = set()
    sure: set[str] = set()
    for entry in repeats.of(0):
        found |= entry.effects.reads - sure
        sure |= entry.effects.sure
    return {py.Name(name) for name in found}


def _called(e: py.Expr) -> str:
    """Return the name of what is looked up in a record or dict."""
    match e:
        case py.Attr(_, name):
            return name
        case py.Index(items=(py.Lit(value=str(name)),)):
            return identifier(name)
        case py.Index(value=py.Name(id=table)):
            return table.strip("<>")
    return "value"


def without_prefix(name: str, prefix: str) -> str:
    """Return a name without a scope's prefix, which may follow another part: d_."""
    short = re.sub(rf"(^|_){re.escape(prefix)}", r"\1", name, count=1)
    return short if short.isidentifier() and short not in RESERVED else name


def _claimed(name: str, used: set[str]) -> str:
    unique, count = name, 1
    while unique in used:
        count += 1
        unique = f"{name}_{count}"
    used.add(unique)
    return unique


# --- statements -----------------------------------------------------------------------


def _statements(
    repeats: Repeats,
    inner: Mapping[Slot, py.Expr],
    words: Mapping[str, str],
    prefix: str,
) -> list[py.Stmt]:
    """Return the first run, in the names of the function, under its headings."""
    runs = [repeats.of(m) for m in range(len(repeats.runs))]
    made: list[py.Stmt] = []
    current: py.Stmt | None = None
    for line, entries in zip(repeats.lines, zip(*runs, strict=True), strict=True):
        first = entries[0]
        heading = first.heading if _agree(entries) else GIVEN
        if heading != current:
            made += [py.Blank()] if made else []
            made += [heading] if heading is not None else []
        current = heading
        old, new = tuple(s[0] for s in line), [inner[s] for s in line]
        stmt = _merged(with_names(first.stmt, old, new), entries)
        made.append(_told(stmt, words, prefix, INDENT))
    return made


def _agree(entries: Sequence[Scoped]) -> bool:
    """Whether entries stand under one heading."""
    return len({e.heading for e in entries}) == 1


def _merged(stmt: py.Stmt, entries: Sequence[Scoped]) -> py.Stmt:
    """Return a statement that computes the values of all entries."""
    marks = [e.stmt.mark for e in entries]
    told = [m for m in marks if isinstance(m, Computes)]
    if len(told) < len(marks):
        return stmt
    tensors: tuple[Tensor, ...] = tuple(t for m in told for t in m.tensors)
    return replace(stmt, mark=replace(told[0], tensors=tensors))


def _words(inner: Mapping[Slot, py.Expr], prefix: str) -> dict[str, str]:
    """Return what becomes of words in comments."""
    found: dict[str, str] = {}
    for (old, *_), new in inner.items():
        name = _called(old) if not isinstance(old, py.Name) else old.id
        match new:
            case py.Name(id=said) | py.Attr(name=said):
                found[name] = said
            case py.Index():
                found[name] = without_prefix(name, prefix)
    return found


def _told(stmt: py.Stmt, words: Mapping[str, str], prefix: str, indent: int) -> py.Stmt:
    """Return a statement whose comments have the names of the function."""

    def said(text: str) -> str:
        def word(found: re.Match[str]) -> str:
            old = found.group()
            return words.get(old) or without_prefix(old, prefix)

        return re.sub(r"[^\W\d]\w*", word, text)

    new: dict[str, object] = {}
    if isinstance(stmt, py.Assign | py.AugAssign | py.ExprStmt) and stmt.comment:
        new["comment"] = said(stmt.comment)
    mark = stmt.mark
    if isinstance(mark, Computes) and mark.rule:
        terms = tuple(tuple(u.renamed(said) for u in part) for part in mark.terms)
        uses = tuple(u.renamed(said) for u in mark.uses)
        new["mark"] = replace(mark, rule=said(mark.rule), terms=terms, uses=uses)
    for inside in ("body", "orelse", "handler"):
        nested: tuple[py.Stmt, ...] = getattr(stmt, inside, ())
        if nested:
            further = indent + INDENT
            new[inside] = tuple(_told(s, words, prefix, further) for s in nested)
    made = replace(stmt, **new) if new else stmt  # type: ignore[arg-type]
    own = isinstance(mark, Computes) and mark.rule in phrases(mark.uses)
    return refitted(made, indent) if own and isinstance(made, py.Assign) else made
