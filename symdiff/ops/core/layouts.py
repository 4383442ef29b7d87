"""The order in which NumPy lays out the axes of a result in memory, as facts of ops.

In: a node, the layout of its first operand, and all operands as NumPy's iterator sees
them. Out: a permutation of the result's axes, outermost first, or None where that is
not known before run time. Invariant: a known layout is the one that NumPy chooses when
it allocates the result itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.graph.node import Node
from symdiff.graph.types import Dim, Shape, product

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
    """The operand's order, if axes that are joined lie beside each other."""
    if base is None:
        return None
    if base == c_order(len(base)):
        return c_order(len(node.shape))
    old = node.inputs[0].shape
    there = [axis for axis in base if old[axis] != 1]
    order: list[tuple[int, int]] = []
    for joined, made in _groups(old, node.shape):
        several = [axis for axis in joined if old[axis] != 1]
        first = there.index(several[0]) if several else 0
        if there[first : first + len(several)] != several:
            return None
        order += [(first, axis) for axis in made]
    return tuple(axis for _, axis in sorted(order))


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Return axes of a shape beside those of another that hold the same elements.

    What cannot be told apart is one group.
    """
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        ends, other = i + 1, j + 1
        while (a := product(old[i:ends])) != (b := product(new[j:other])):
            if ends < len(old) and _is_smaller(a, b):
                ends += 1
            elif other < len(new) and _is_smaller(b, a):
                other += 1
            else:
                ends, other = len(old), len(new)
                break
        found.append((list(range(i, ends)), list(range(j, other))))
        i, j = ends, other
    if not found:  # one of them is a scalar's
        return [(list(range(len(old))), list(range(len(new))))]
    found[-1][0].extend(range(i, len(old)))  # of length 1
    found[-1][1].extend(range(j, len(new)))
    return found


def _is_smaller(a: Dim, b: Dim) -> bool:
    """Whether a length is surely below another one, or a divisor of it."""
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return bool((b / a).is_Integer or (b / a).is_integer)  # type: ignore[union-attr]


def is_regrouped(node: Node, base: Layout | None) -> bool:
    """Whether a new shape joins axes of an operand that do not lie beside each other.

    NumPy has to copy it then.
    """
    known = base is not None and node.op.facts.layout is reshaped
    return known and reshaped(node, base, ()) is None
