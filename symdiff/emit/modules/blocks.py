"""Blocks that repeat, as functions of their own.

In: the body of a function, and what is computed and returned after it. Out: the body
with a call for each block, and the function that they call. Invariant: a block's
function has the statements of the first block, in the same order; lengths and the float
dtype are those of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdiff.emit.lower.alike import variables
from symdiff.emit.lower.comments import quoting
from symdiff.emit.lower.context import bind_dims, float_source
from symdiff.emit.lower.identifiers import LOCALS, RESERVED, identifier
from symdiff.emit.lower.marks import Computes, Heading
from symdiff.emit.lower.outlining import (
    PARAMS,
    Outline,
    outlined,
    parameter_name,
    prefix_of,
    read_later,
    relative,
)
from symdiff.emit.lower.reading import read_counts, swapped
from symdiff.emit.lower.repeats import (
    Family,
    Repeats,
    Scope,
    Scoped,
    Slot,
    entries_of,
    families,
)
from symdiff.emit.lower.source import primal_site
from symdiff.emit.lower.summed import sums_apart
from symdiff.emit.modules.bodies import FunctionBody, Unit
from symdiff.emit.modules.cutting import DTYPE, Cut, best, closed, number_of, opened
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TensorType
from symdiff.ops.core.helpers import helper

PART = "_inside"  # the function that picks a block's parameters
_MANY = 2  # how often a parameter is read for it to get a name


@helper
def _inside(params, prefix):  # type: ignore[no-untyped-def]
    """Return the parameters whose names begin with a prefix, by the rest of these."""
    at = len(prefix)
    return {n[at:]: value for n, value in params.items() if n.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Beside:
    """A further function that a printed one calls: name, parameters, summary, body."""

    name: str
    parameters: str
    summary: str
    printed: py.Printed
    nodes: Mapping[str, Node]
    decorator: str = ""

    @property
    def text(self) -> str:
        """The function's text."""
        above = f"@{self.decorator}\n" if self.decorator else ""
        head = f'{above}def {self.name}({self.parameters}):\n    """{self.summary}"""\n'
        return f"{head}{self.printed.body}"


def with_blocks(
    unit: Unit, body: FunctionBody, after: Iterable[py.Expr | py.Stmt], form: str
) -> tuple[Beside, ...]:
    """Return the functions of the blocks that repeat in a body, which then calls them.

    ``after`` is what the function computes or returns after the body, ``form`` how
    they are called: "evaluate_{}".
    """
    if not unit.blocks or not families(entries_of(body.computation)):
        return ()
    cut = opened(unit, body, after)
    made: list[Beside] = []
    for (found,) in best(cut):
        name = body.names.claim(name_of(found.family, form))
        summary = f"Return what {told(found.family)} computes."
        made.append(function_of(cut, outline(cut, found), name, summary))
    if made:
        closed(cut)
    return tuple(made)


def told(family: Family) -> str:
    """Return the scopes of a family in words: "block0 or block1"."""
    names = [".".join(s) for s in family.scopes]
    if len(names) > 3:
        return f"each of {names[0]} to {names[-1]}"
    return f"{', '.join(names[:-1])} or {names[-1]}"


# --- a function of its own ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What a block's function returns after its values, and how a call takes it.

    ``value`` is made of the slots' expressions inside; ``targets`` are the variables
    that the calls give it, by block. ``source`` is the variable of the residuals in
    which a block has those of its name, ``of``.
    """

    value: py.Expr
    targets: tuple[str, ...]
    source: py.Name | None = None
    of: tuple[str, ...] = ()


def name_of(family: Family, form: str = "{}") -> str:
    """Return the name of the function of a family: `block_forward` for "{}_forward"."""
    outer = family.scopes[0][:-1]
    stem = identifier("_".join((*outer, family.stem)), frozenset())
    return identifier(form.format(stem), RESERVED | LOCALS)


def outline(
    cut: Cut,
    found: Repeats,
    source: py.Name | None = None,
    records: Mapping[Slot, py.Expr] | None = None,
) -> Outline:
    """Return the function of runs.

    ``records`` are the residuals of the blocks, as the function reads them from
    ``source``.
    """
    later = read_later(found, cut.after)
    dims = cut.dims

    def known(slot: Slot) -> py.Expr | None:
        first = slot[0]
        if records and slot in records:
            return records[slot]
        if len(set(slot)) > 1 or not isinstance(first, py.Name):
            return None
        return first if first.id in dims or first.id in (DTYPE, "key") else None

    taken = {PARAMS, "key", "dtype", *dims}
    taken |= set() if source is None else {source.id}
    return outlined(found, later, known, taken)


def function_of(
    cut: Cut,
    made: Outline,
    name: str,
    summary: str,
    handed: HandedOut | None = None,
) -> Beside:
    """Return the function, and put its calls into the body."""
    body = cut.body
    stmts, named = _with_parameters(made)
    arrays = _arrays(cut, made)
    read = set().union(*(variables(s) for s in stmts))
    lengths = {d: v for v, d in cut.dims.items() if v in read}
    told = {str(d) for _, n in arrays for d in n.shape if isinstance(d, sp.Symbol)}
    plain = {v: py.Name(v) for d, v in sorted(lengths.items()) if d not in told}
    head = bind_dims({d for d in lengths if d in told}, arrays, body.context)
    typed = float_source(n for _, n in arrays)
    if DTYPE in read:
        dtype: py.Expr = py.Name("dtype")
        if typed is None:
            plain["dtype"] = py.Name(DTYPE)
        else:
            array = next(e for e, n in arrays if n is typed)
            dtype = body.context.target.kind_of(array)
        stmts = [swapped(s, {py.Name(DTYPE): dtype}) for s in stmts]
    if "key" in read:
        plain["key"] = py.Name("key")
    values = [made.inner[s] for s in made.results]
    values += [handed.value] if handed is not None else []
    ending = py.Return(values[0] if len(values) == 1 else py.Tuple_(tuple(values)))
    head += named
    stmts = sums_apart(stmts, indent=4)
    whole = [*head, *([py.Blank()] if head else []), *stmts, ending]
    parameters = [PARAMS] if made.weights else []
    source = None if handed is None else handed.source
    parameters += [source.id] if source is not None else []
    parameters += [str(made.inner[s].id) for s in made.given]  # type: ignore[attr-defined]
    parameters += plain
    _call(cut, made, name, handed, list(plain.values()))
    nodes = _nodes(cut, made)
    return Beside(name, ", ".join(parameters), summary, py.printed(whole), nodes)


def _with_parameters(made: Outline) -> tuple[list[py.Stmt], list[py.Stmt]]:
    """Return the statements, and those that name parameters which are read often."""
    stmts, named = list(made.stmts), list[py.Stmt]()
    taken = set().union(*(variables(s) for s in stmts))
    own = {e: relative(slot, made.scopes) for slot, e in made.inner.items()}
    counts = read_counts(tuple(stmts), {e for e, name in own.items() if name})
    new: dict[py.Expr, py.Expr] = {}
    for e, wish in own.items():
        if wish is not None and counts[e] >= _MANY:
            new[e] = name = py.Name(identifier(wish, RESERVED | taken | {PARAMS}))
            taken.add(name.id)
            named.append(py.Assign((name,), e))
    return [swapped(s, new) for s in stmts] if new else stmts, named


def _arrays(cut: Cut, made: Outline) -> list[tuple[py.Expr, Node]]:
    """Return the arrays that the function is given, with what they are."""
    nodes = cut.body.names.nodes()
    p = cut.unit.program
    leaves = {str(t.name): t.node for t in (*p.params, *p.states)}
    found: list[tuple[py.Expr, Node]] = []
    later: list[tuple[py.Expr, Node]] = []
    for slot, e in made.inner.items():
        if slot in made.repeats.made:
            continue
        first = slot[0]
        node = cut.fields.get(first)
        if node is None and isinstance(first, py.Name):
            node = nodes.get(first.id)
        name = parameter_name(first)
        if name is not None and relative(slot, made.scopes) is not None:
            later.append((e, leaves[name]))
        elif node is not None and isinstance(node.type, TensorType):
            found.append((e, node))
    return [*found, *later]


def _nodes(cut: Cut, made: Outline) -> dict[str, Node]:
    """Return the values of the function's names: those of the first block."""
    known = cut.body.names.nodes()
    found = {}
    for slot, e in made.inner.items():
        first = slot[0]
        node = cut.fields.get(first)
        if node is None and isinstance(first, py.Name):
            node = known.get(first.id)
        if node is not None and isinstance(e, py.Name | py.Attr):
            found[e.id if isinstance(e, py.Name) else e.name] = node
    return found


# --- calls ----------------------------------------------------------------------------


def _call(
    cut: Cut,
    made: Outline,
    name: str,
    handed: HandedOut | None,
    plain: Sequence[py.Expr],
) -> None:
    """Put a call in the place of each run."""
    found = made.repeats
    entries = list(found.entries)
    calls: dict[int, Scoped] = {}
    for member, run in enumerate(found.runs):
        given: list[py.Expr] = []
        scope = made.scopes[member]
        if made.weights:
            given.append(py.call(PART, py.Name(PARAMS), py.Lit(prefix_of(scope))))
        if handed is not None and handed.source is not None:
            given.append(py.Attr(handed.source, handed.of[member]))
        given += [slot[member] for slot in made.given]
        targets: list[py.Expr] = [slot[member] for slot in made.results]
        targets += [py.Name(handed.targets[member])] if handed is not None else []
        call = py.Call(py.Name(name), tuple(number_of(e) for e in (*given, *plain)))
        mark = Computes(_computed(found.of(member), targets))
        stmt = py.Assign(tuple(targets), call, mark=mark)
        heading = _heading(cut, found.of(member), scope)
        calls[run.start] = Scoped(stmt, (), heading, ())
    inside = {i for run in found.runs for i in run}
    cut.entries = tuple(
        calls.get(i, e) for i, e in enumerate(entries) if i not in inside or i in calls
    )


def block_name(scope: Scope) -> str:
    """Return the variable of what a block keeps."""
    return identifier("_".join(scope))


def _computed(
    entries: Sequence[Scoped], targets: Sequence[py.Expr]
) -> tuple[Tensor, ...]:
    """Return the values that a call gives, of those that a run computes."""
    names = {t.id for t in targets if isinstance(t, py.Name)}
    found: dict[Tensor, None] = {}
    for e in entries:
        if e.effects.sets & names and isinstance(e.stmt.mark, Computes):
            found.update(dict.fromkeys(e.stmt.mark.tensors))
    return tuple(found)


def _heading(cut: Cut, entries: Sequence[Scoped], scope: Scope) -> py.Stmt | None:
    """Return the comment above a call: the user's call in which all was declared."""
    inside = [e.stmt.mark for e in entries if e.within(scope)]
    sites = [
        primal_site(m.tensors[0]).frames for m in inside if isinstance(m, Computes)
    ]
    common = [p for p in sites[0] if all(p in frames for frames in sites)]
    if common:
        return quoting(cut.unit.resolver.quoted(common[0]), 1)
    first = next((e.heading for e in entries if e.heading is not None), None)
    if first is None or not isinstance(first.mark, Heading):
        return None
    return Heading(first.mark.statement, ".".join(scope)).comment()
