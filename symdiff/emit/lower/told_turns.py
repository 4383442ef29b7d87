"""What the cotangents that a reversed loop carries are of, in a comment at its top.

In: a loop, and the variables of its carries. Out: comments. Invariant: a value and its
cotangent are those of the same step, which only the loop's ends cannot show: a carry is
what the step hands on when a turn begins, and what the step starts from when it ends.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from symdiff.emit.lower.comments import INDENT, WIDTH
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.primals import STACK, cotangents_of, marks_of
from symdiff.emit.lower.turns import Carry
from symdiff.emit.python import code as py
from symdiff.ops.core.leaf import BOUND
from symdiff.plan.totals import adds_to


def turn_told(
    carries: Sequence[Carry],
    rows: Iterable[tuple[py.Name, py.Expr]],
    counter: py.Name,
    context: Context,
) -> list[py.Stmt]:
    """Return the comments that open the body of a loop, if it carries cotangents.

    ``rows`` are the rows of stacks that a turn reads, with their names.
    """
    told_of = [c for c in carries if c.name.startswith("d_") and _is_carried(c)]
    carried = [c.name for c in told_of]
    values = [name[2:] for name in carried]
    if any(re.fullmatch(r"d_\w+_\d+", c.name) for c in carries):
        return []  # numbers tell nobody which value it is
    if not carried or any(map(context.names.is_open, values)):
        return []  # a value that has no name is not told
    before = [context.names.before(v) for v in values]
    step = "the step" if counter.id == "_" else f"step {counter.id}"
    start = f"{', '.join(before)} that {step} starts from"
    if before == values:
        start = f"{', '.join(values)} before {step}"
    they = "that" if len(carried) == 1 else "those"
    others = [c for c in told_of if _is_of_others(c, context)]
    between = _between(others, rows, all(c in others for c in told_of))
    told = (
        f"A turn begins with {', '.join(carried)} from what follows, by the "
        f"{', '.join(values)} that {step} hands on{between}; it ends with {they} by "
        f"the {start}."
    )
    room = WIDTH - context.depth * INDENT - len("# ")
    return [*map(py.Comment, textwrap.wrap(told, room, break_on_hyphens=False))]


def _between(
    carries: Sequence[Carry], rows: Iterable[tuple[py.Name, py.Expr]], every: bool
) -> str:
    """Return by which values cotangents are that have their carries' variables.

    ``every`` says whether all carries are meant.
    """
    if not carries:
        return ""
    names = [c.name[2:] for c in carries]
    of = {name.id: _stack_of(row) for name, row in rows}
    where = "within the step"
    if all(of.get(n) for n in names):
        where = f"kept in {', '.join(of[n] for n in names)}"
    alone = len(carries) == 1
    those = ("it" if alone else "they") if every else ", ".join(c.name for c in carries)
    verb = "is" if alone else "are"
    return f"; in between {those} {verb} by the {', '.join(names)} {where}"


def _stack_of(row: py.Expr) -> str:
    """Return the name of the stack that a row is of, '' if it is of none."""
    match row:
        case py.Index(py.Attr(name=name) | py.Name(id=name)) if name.endswith(STACK):
            return name
    return ""


def _is_of_others(carry: Carry, context: Context) -> bool:
    """Whether the variable of a carry holds the cotangent of a further value.

    It is one that the step computes under the name of the value that it hands on.
    """
    of = cotangents_of(carry.leaf)
    if all(x.node.op is BOUND for x in of):
        return False  # what the step hands on is not known
    known = marks_of(of)
    return any(
        t.cotangent_of
        and t.node not in (carry.leaf.node, carry.new.node)
        and context.names.known(t) == carry.name
        and not marks_of(cotangents_of(t)) & known
        for t in context.tensors.values()
    )


def _is_carried(carry: Carry) -> bool:
    """Whether a carry is the cotangent of one, not a total of all turns."""
    if not any(prefix == "d" for prefix, _ in carry.leaf.cotangent_of):
        return False
    leaf, new = carry.leaf.node, carry.new.node
    return new is not leaf and not adds_to(new, leaf)
