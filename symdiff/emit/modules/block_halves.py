"""Blocks that repeat in both halves of a differentiated program.

In: the bodies of both halves, the residuals between them, and the gradients. Out:
`BlockHalves`: `block_forward`, `block_backward`, and the record that the one hands to
the other. Invariant: what a block keeps is read as ``r.block0.h`` outside its
functions, and its gradients are in a dict by the parameters' names within the block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.emit.listing import Record
from symdiff.emit.lower.comments import shape_comment
from symdiff.emit.lower.identifiers import RESERVED, identifier
from symdiff.emit.lower.outlining import parameter, relative
from symdiff.emit.lower.reading import swapped
from symdiff.emit.lower.repeats import Family, Repeats, Slot, entries_of, families
from symdiff.emit.modules.blocks import (
    Beside,
    HandedOut,
    block_name,
    function_of,
    name_of,
    outline,
    told,
)
from symdiff.emit.modules.bodies import FunctionBody, Unit
from symdiff.emit.modules.cutting import Cut, best, closed, opened
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.ops.core.helpers import helper

WHOLE = "_prefixed"  # the function that gives a block's gradients their whole names


@helper
def _prefixed(prefix, found):  # type: ignore[no-untyped-def]
    """Return a dict with a prefix before each name."""
    return {prefix + name: value for name, value in found.items()}


@dataclass(slots=True)
class BlockHalves:
    """The functions of blocks in both halves, and what they hand on.

    ``fields`` are the blocks' records by variable: their class, and the residuals that
    are in them. ``residuals`` maps what the backward half read to what it reads now.
    ``gradients`` are entries of the blocks' dicts by parameter, and ``dicts`` these
    dicts, with the prefix of their block and the parameters in order.
    """

    primal: list[Beside] = field(default_factory=list)
    backward: list[Beside] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    fields: dict[str, tuple[str, frozenset[Node]]] = field(default_factory=dict)
    residuals: dict[py.Expr, py.Expr] = field(default_factory=dict)
    gradients: dict[str, py.Expr] = field(default_factory=dict)
    dicts: list[tuple[str, py.Name, tuple[str, ...]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Half:
    """A half: its body, and what it computes and returns after it."""

    body: FunctionBody
    after: Sequence[py.Expr | py.Stmt]


def block_halves(
    unit: Unit,
    primal: Half,
    backward: Half,
    kept: Mapping[Node, py.Expr],
    whole: py.Name,
    gradients: Mapping[str, py.Expr],
) -> BlockHalves:
    """Return the blocks' functions; the bodies call them then.

    ``kept`` are the residuals as the primal half names them, ``whole`` is the variable
    that the backward half has them in, ``gradients`` its results by parameter.
    """
    made = BlockHalves()
    if not unit.blocks or not families(entries_of(primal.body.computation)):
        return made
    read = {backward.body.context.given[n]: n for n in kept}
    values = [*kept.values()]
    first = opened(unit, primal.body, [*primal.after, *values])
    second = opened(unit, backward.body, [*backward.after, *gradients.values()], read)
    for one, other in best(first, second):
        step = _Step(first, second, one, other, whole, made)
        step.residuals(kept)
        step.gradients(gradients)
    if made.primal:
        closed(first)
        closed(second)
        _reread(second, made.residuals)
    return made


def _reread(cut: Cut, new: Mapping[py.Expr, py.Expr]) -> None:
    """Let a body read residuals from the records that they are in now."""
    context = cut.body.context
    context.given = {n: swapped(e, new) for n, e in context.given.items()}
    context.float_from = swapped(context.float_from, new)
    cut.body.computation[:] = [swapped(s, new) for s in cut.body.computation]


@dataclass(slots=True)
class _Step:
    """One family, whose functions are added to the others."""

    first: Cut
    second: Cut
    one: Repeats
    other: Repeats
    whole: py.Name
    made: BlockHalves
    names: tuple[str, ...] = ()  # of the records, by block
    inside: dict[tuple[int, py.Expr], str] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        return self.one.family

    def residuals(self, kept: Mapping[Node, py.Expr]) -> None:
        """Add the function of the primal half, which returns a record."""
        cut, blocks = self.first, range(len(self.family.scopes))
        read = {n: e for e, n in self.second.fields.items()}
        nodes: dict[py.Expr, list[Node]] = {}  # several may have one value
        for n, e in kept.items():
            nodes.setdefault(e, []).append(n)
        moved = _moved(self.one, nodes)
        gone = {e for s in moved for e in s}
        after = cut.after
        cut.after = [e for e in after if e not in gone]
        taken = {str(e.name) for e in read.values() if isinstance(e, py.Attr)}
        self.names = tuple(
            _free(cut.body.names.claim(block_name(s)), taken)
            for s in self.family.scopes
        )
        o = outline(cut, self.one)
        name = cut.body.names.claim(name_of(self.family, "{}_forward"))
        kind = _class_of(name)
        call = py.call(kind, *(o.inner[s] for s in moved))
        summary = f"Return what {told(self.family)} computes, and what it keeps."
        made = function_of(cut, o, name, summary, HandedOut(call, self.names))
        self.made.primal.append(made)
        cut.after += [py.Name(n) for n in self.names]
        array = cut.unit.target.array
        fields = [
            (_id(o.inner[s]), array, shape_comment(nodes[s[0]][0])) for s in moved
        ]
        doc = f"What {name_of(self.family, '{}_backward')} reads."
        self.made.records.append(Record(kind, doc, tuple(fields)))
        for m in blocks:
            those = {n: _id(o.inner[s]) for s in moved for n in nodes[s[m]]}
            self.made.fields[self.names[m]] = kind, frozenset(those)
            record = py.Attr(self.whole, self.names[m])
            for n, inner in those.items():
                self.made.residuals[read[n]] = py.Attr(record, inner)
                self.inside[m, read[n]] = inner

    def gradients(self, values: Mapping[str, py.Expr]) -> None:
        """Add the function of the backward half, which returns gradients by name."""
        cut, found = self.second, self.other
        names = {e: n for n, e in values.items()}
        own: dict[Slot, str] = {}
        for s in found.slots:
            if s in found.made and all(e in names for e in s):
                params = tuple(parameter(names[e]) for e in s)
                inner = relative(params, self.family.scopes)
                if inner is not None:
                    own[s] = inner
        order = list(values)
        own = dict(sorted(own.items(), key=lambda item: order.index(names[item[0][0]])))
        gone = {e for s in own for e in s}
        cut.after = [e for e in cut.after if e not in gone]
        records = {}
        for s in found.slots:
            inside = {self.inside.get(key) for key in enumerate(s)}
            (only,) = inside if len(inside) == 1 else (None,)
            if only is not None:
                records[s] = py.Attr(self.whole, only)
        o = outline(cut, found, self.whole, records)
        pairs = tuple((py.Lit(n), o.inner[s]) for s, n in own.items())
        source = self.whole if records else None
        targets = tuple(cut.body.names.claim(f"d_{n}") for n in self.names)
        handed = HandedOut(py.Dict_(pairs), targets, source, self.names)
        name = cut.body.names.claim(name_of(self.family, "{}_backward"))
        summary = f"Return what {told(self.family)} hands back, and its gradients."
        self.made.backward.append(function_of(cut, o, name, summary, handed))
        for m, (scope, target) in enumerate(
            zip(self.family.scopes, targets, strict=True)
        ):
            table = py.Name(target)
            cut.after.append(table)
            wholes = tuple(names[s[m]] for s in own)
            self.made.dicts.append((".".join(scope) + ".", table, wholes))
            for s, inner in own.items():
                entry = py.Index(table, (py.Lit(inner),))
                self.made.gradients[names[s[m]]] = entry


def _moved(found: Repeats, kept: Mapping[py.Expr, Sequence[Node]]) -> list[Slot]:
    """Return the slots whose values are residuals of the blocks.

    These are values of the blocks, and what each is given of its own.
    """
    whole = [s for s in found.slots if all(e in kept for e in s)]
    leaves = {e for e, nodes in kept.items() if any(n.op.leaf for n in nodes)}
    own = [s for s in whole if len(set(s)) == len(s) and not leaves.intersection(s)]
    taken: set[py.Expr] = set()
    moved: list[Slot] = []
    for s in sorted(own, key=lambda s: s in found.made):  # what is given comes first
        if not taken.intersection(s):
            moved.append(s)
            taken.update(s)
    return moved


def _class_of(function: str) -> str:
    """Return the class of the record that a function returns."""
    words = function.replace("_forward", "").split("_")
    return identifier(f"{''.join(w.title() for w in words)}Residuals", RESERVED)


def _free(name: str, taken: set[str]) -> str:
    return f"{name}_" if name in taken else name


def _id(e: py.Expr) -> str:
    match e:
        case py.Name(id=name) | py.Attr(name=name):
            return name
    raise TypeError(f"{e} is no variable")
