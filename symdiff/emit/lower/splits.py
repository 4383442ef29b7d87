"""The formula of a value whose parts' cotangents a line joins.

In: a line's tensor, and the context of its body. Out: ``i, f, g, o = np.split(z, 4,
axis=1)``, or the parts as slices. Invariant: the parts are those that the line reads
the cotangents of, and have every element of the value once.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.emit.lower import texts
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.primals import cotangents_of, marks_of, named
from symdiff.emit.lower.uses import MORE
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.plan.sections import axis_of, sections


def split_of(
    tensor: Tensor, read: Sequence[Tensor], context: Context
) -> tuple[str, ...]:
    """Return the split whose parts' cotangents a tensor joins, () if it joins none.

    Parts that nobody named are slices, as in the text that computes them;
    the second form leaves out those between the first and the last.
    """
    wanted = marks_of(cotangents_of(tensor))
    found = {x.node: (x, t) for t in read for x in _parts(t, wanted)}
    parts = {n: t for n, (_, t) in found.items()}
    groups = sections(parts, lambda _: True)
    if len(parts) != len(read) or [len(g) for g in groups] != [len(parts)]:
        return ()
    (group,) = groups
    source = _named_value(tensor, context)
    names = [str(context.names.known(parts[n])) for n in group]
    axis = axis_of(group[0])
    if source is None or axis is None or not all(n.startswith("d_") for n in names):
        return ()
    shown = [n[2:] for n in names]
    if all(context.names.user_name(x) or x.hint for x, _ in found.values()):
        value = context.target.sections(source, len(group), axis)
        return (f"{', '.join(shown)} = {py.expr_text(value)}",)
    slices = [_slice(n, source, context) for n in group]
    ends = (f"{e[0]}, {MORE}, {e[-1]}" for e in (shown, slices))
    return f"{', '.join(shown)} = {', '.join(slices)}", " = ".join(ends)


def _slice(node: Node, source: py.Expr, context: Context) -> str:
    """Return a part of a named value as its text has it: ``z[:, 5:10]``."""

    def substitute(name: str) -> py.Expr | None:
        return source if name == "_0" else texts.as_told(name)

    return py.expr_text(texts.expression(context.target.text(node), substitute))


def _parts(cotangent: Tensor, wanted: set[object]) -> list[Tensor]:
    """Return the slices of a wanted value that something is the cotangent of."""
    values = cotangents_of(cotangent)
    return [
        x
        for x in values
        if axis_of(x.node) is not None and marks_of(x.parents) & wanted
    ]


def _named_value(tensor: Tensor, context: Context) -> py.Expr | None:
    name = context.names.known(tensor) or ""
    if name.startswith("d_"):
        return py.Name(name[2:])
    return next((e for x in cotangents_of(tensor) if (e := named(x, context))), None)
