"""A function's body while the blocks in it are found and taken out.

In: the body of a function, and what is computed and returned after it. Out: a `Cut`:
its statements, which say where parameters, dtypes and draws come from, so that those of
two blocks can be compared. Invariant: `closed` undoes what `opened` did.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from symdiff.emit.lower.aligning import Told, repeats
from symdiff.emit.lower.alike import variables, without_names
from symdiff.emit.lower.outlining import parameter
from symdiff.emit.lower.reading import parts, swapped
from symdiff.emit.lower.repeats import (
    Family,
    Repeats,
    Scoped,
    entries_of,
    families,
    statements_of,
)
from symdiff.emit.modules.bodies import FunctionBody, Unit
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor

SITE, DTYPE = "<site>", "<dtype>"  # no variables: nothing of the user's is called so
WORTH = 6  # statements fewer, for which a function is worth it


@dataclass(slots=True)
class Cut:
    """A function's body that is being cut into blocks.

    ``after`` is what the function computes and returns after its statements.
    """

    unit: Unit
    body: FunctionBody
    entries: tuple[Scoped, ...]
    after: list[py.Expr | py.Stmt]
    fields: dict[py.Expr, Node]  # residuals, as the body reads them
    # statements without names, by identity
    told: dict[int, tuple[py.Stmt, Told]] = field(default_factory=dict)

    @property
    def dims(self) -> dict[str, str]:
        """The lengths by their variables."""
        names = self.body.names
        return {names.dim(d): d for d in self.body.context.dims}

    @property
    def local(self) -> set[str]:
        """The variables of the function."""
        found = {*self.body.names.nodes(), *self.dims, "key", DTYPE}
        return found.union(*(e.effects.sets for e in self.entries))


def opened(
    unit: Unit,
    body: FunctionBody,
    after: Iterable[py.Expr | py.Stmt],
    fields: dict[py.Expr, Node] | None = None,
) -> Cut:
    """Return a body whose statements say where parameters and dtypes come from."""
    new: dict[py.Expr, py.Expr] = {
        _variable(unit, t): parameter(str(t.name))
        for t in (*unit.program.params, *unit.program.states)
    }
    if body.context.float_from is not None:
        told = body.context.target.kind_of(body.context.float_from)
        new = {told: py.Name(DTYPE), **new}
    entries = entries_of(body.computation)
    made = (replace(e, stmt=_sited(swapped(e.stmt, new))) for e in entries)
    return Cut(unit, body, tuple(made), [*after], fields or {})


def closed(cut: Cut) -> None:
    """Give the body its statements back, and forget what only blocks read."""
    body, unit = cut.body, cut.unit
    leaves = (*unit.program.params, *unit.program.states)
    new: dict[py.Expr, py.Expr] = {
        parameter(str(t.name)): _variable(unit, t) for t in leaves
    }
    if body.context.float_from is not None:
        new[py.Name(DTYPE)] = body.context.target.kind_of(body.context.float_from)
    stmts = [swapped(s, new) for s in statements_of(cut.entries)]
    body.computation[:] = [_unsited(s) for s in stmts]
    read = set().union(*(variables(s) for s in (*body.computation, *cut.after)))
    body.context.dims -= {d for name, d in cut.dims.items() if name not in read}
    body.apart = frozenset(t.node for t in leaves if _variable(unit, t).id not in read)


def _variable(unit: Unit, leaf: Tensor) -> py.Name:
    return py.Name(unit.names.of(leaf))


def _sited(at: py.Stmt) -> py.Stmt:
    """Return a statement in which the sites of draws are entries of a table."""

    def site(e: py.Expr) -> py.Expr:
        return py.Index(py.Name(SITE), (e,)) if isinstance(e, py.Lit) else e

    return _draws(at, site)


def _unsited(at: py.Stmt) -> py.Stmt:
    """Return a statement in which the sites of draws are numbers again."""
    return _draws(at, number_of)


def number_of(e: py.Expr) -> py.Expr:
    match e:
        case py.Index(value=py.Name(id=name), items=(py.Lit() as number,)):
            return number if name == SITE else e
    return e


def _draws(stmt: py.Stmt, change: Callable[[py.Expr], py.Expr]) -> py.Stmt:
    """Return a statement with the site of each draw in it changed."""
    waiting: list[object] = [stmt]
    new: dict[py.Expr, py.Expr] = {}
    while waiting:
        at = waiting.pop()
        match at:
            case py.Call(func=func, args=(py.Name(id="key") as key, site, *rest)):
                new[at] = py.Call(func, (key, change(site), *rest), at.kwargs)
        waiting.extend(parts(at))
    return swapped(stmt, new) if new else stmt


# --- finding blocks -------------------------------------------------------------------


def repeated(cut: Cut, family: Family) -> Repeats | None:
    """Return the runs of a family's scopes in a body, if they are alike."""
    local, nodes = cut.local, cut.body.names.nodes()
    p = cut.unit.program
    leaves = {parameter(str(t.name)): t.node for t in (*p.params, *p.states)}

    def name_type(e: py.Expr) -> tuple[bool, Hashable]:
        node = cut.fields.get(e) or leaves.get(e)
        match e:
            case py.Name(id=name) if node is None:
                node = nodes.get(name)
                return name in local, None if node is None else str(node.type)
            case py.Index(value=py.Name(id=name)) if name == SITE:
                return True, None
        return node is not None, None if node is None else str(node.type)

    def bare(stmt: py.Stmt) -> Told:
        if id(stmt) not in cut.told:
            cut.told[id(stmt)] = stmt, without_names(stmt, name_type)
        return cut.told[id(stmt)][1]

    return repeats(family, cut.entries, bare)


def choices(family: Family) -> list[Family]:
    """Return a family, and what it is without its first and last scope."""
    n = len(family.scopes)
    spans = [(0, n), (1, n), (0, n - 1), (1, n - 1)]
    return [replace(family, scopes=family.scopes[a:b]) for a, b in spans if b - a > 1]


def best(*cuts: Cut) -> Iterator[tuple[Repeats, ...]]:
    """Yield the runs of each family that has some in every one of the bodies.

    Bodies may be changed between one and the next.
    """
    for family in families(cuts[0].entries):
        most: tuple[Repeats, ...] = ()
        for some in choices(family):
            found = tuple(r for c in cuts if (r := repeated(c, some)) is not None)
            if len(found) == len(cuts):
                most = max(most, found, key=_saving)
                if all(r.is_whole for r in found):
                    break
        if _saving(most) >= WORTH * len(cuts):
            yield most


def _saving(runs: Iterable[Repeats]) -> int:
    return sum(r.saving for r in runs)
