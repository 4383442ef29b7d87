"""What the cotangents that a reversed loop carries are of, in a comment at its top.

In: a loop, and the variables of its carries. Out: comments. Invariant: a value and its
cotangent are those of the same step, which only the loop's ends cannot show: a carry is
what the step hands on when a turn begins, and what the step starts from when it ends.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from symdiff.emit.lower.comments import INDENT, WIDTH
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.turns import Carry
from symdiff.emit.python import code as py


def turn_told(
    carries: Sequence[Carry], counter: py.Name, context: Context
) -> list[py.Stmt]:
    """Return the comments that open the body of a loop, if it carries cotangents."""
    carried = [c.name for c in carries if c.name.startswith("d_") and _is_carried(c)]
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
    told = (
        f"A turn begins with {', '.join(carried)} by the {', '.join(values)} that "
        f"{step} hands on; it ends with {they} by the {start}."
    )
    room = WIDTH - context.depth * INDENT - len("# ")
    return [*map(py.Comment, textwrap.wrap(told, room, break_on_hyphens=False))]


def _is_carried(carry: Carry) -> bool:
    """Whether a carry is the cotangent of one, not a total of all turns."""
    if not any(prefix == "d" for prefix, _ in carry.leaf.cotangent_of):
        return False
    leaf, new = carry.leaf.node, carry.new.node
    return new is not leaf and not (
        new.op.infix in ("+", "-") and leaf in new.inputs[:1]
    )
