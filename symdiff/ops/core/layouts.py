"""The order in which NumPy lays out the axes of a result in memory, as facts of ops.

In: a node, the layout of its first operand, and all operands as NumPy's iterator sees
them. Out: a permutation of the result's axes, outermost first, or None where that is
not known before run time. Invariant: a known layout is the one that NumPy chooses when
it allocates the result itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.graph.node import Node

Layout = tuple[int, ...]
# The order of an operand: "any", "C", a layout, or None where it is not known.
Seen = Layout | str | None
LayoutRule = Callable[[Node, Layout | None, Sequence[Seen]], Layout | None]


def c_order(ndim: int) -> Layout:
    """Return the layout of a fresh array: the last axis varies fastest."""
    return tuple(range(ndim))


# --- ops that fill memory -------------------------------------------------------------


def filled(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """C order, whatever the operands' layouts."""
    return c_order(len(node.shape))


def kept(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """C order, of operands in C order."""
    return c_order(len(node.shape)) if all(o in ("any", "C") for o in seen) else None


def as_operands(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """The order that all operands share, as ufuncs have it."""
    kinds, ndim = {o for o in seen if o != "any"}, len(node.shape)
    if kinds <= {"C"}:
        return c_order(ndim)
    if len(kinds) > 1:
        return None
    (only,) = kinds
    return only if isinstance(only, tuple) and len(only) == ndim else None


# --- views ----------------------------------------------------------------------------


def same(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """The operand's own order."""
    return base


def turned(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """The operand's order, its axes permuted."""
    place = {source: at for at, source in enumerate(node.attrs["axes"])}
    return None if base is None else tuple(place[source] for source in base)


def cut(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """The operand's order, if no slice runs backwards."""
    steps = [s.step for s in node.attrs["index"]]
    return base if all(s is None or s > 0 for s in steps) else None


def reshaped(node: Node, base: Layout | None, seen: Sequence[Seen]) -> Layout | None:
    """C order, of an operand in C order."""
    if base is None or base != c_order(len(base)):
        return None
    return c_order(len(node.shape))


def is_regrouped(node: Node, base: Layout | None) -> bool:
    """Whether a new shape is given to an operand whose axes are turned.

    NumPy has to copy it, unless the axes that it joins lie beside each other.
    """
    known = base is not None and base != c_order(len(base))
    return known and node.op.facts.layout is reshaped
