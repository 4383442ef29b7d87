"""In which order NumPy lays the axes of a result out in memory.

In: a node and the layouts of its operands. Out: a permutation of its axes, outermost
first, or None where that is not known before run time. Invariant: a known layout is the
one that NumPy chooses when it allocates the result itself, so that a buffer of that
layout changes neither the order of a later sum nor the loop that a function runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdiff.graph.node import Node
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL

Layout = tuple[int, ...]

# Ops that are no ufunc and yet give C order from operands in C order.
_KEEPING = frozenset(
    ["concatenate", "stack", "cast", "one_hot", "cumsum", "cumprod"]
    + ["max_pool", "window_argmax", "window_sum"]
)
_REDUCING = frozenset(
    ["sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin"]
)


def c_order(ndim: int) -> Layout:
    """Return the layout of a fresh array: the last axis varies fastest."""
    return tuple(range(ndim))


def layout_of(node: Node, known: Mapping[Node, Layout | None]) -> Layout | None:
    """Return a node's layout; ``known`` holds those of its operands."""
    if isinstance(node.type, TupleType):
        return None
    ndim = len(node.shape)
    c = c_order(ndim)
    if ndim < 2 or not node.inputs or node.op is CONSTANT:
        return c
    operands = [_seen(i, known) for i in node.inputs if i.op is not LITERAL]
    flat = all(o == "any" or o == "C" for o in operands)
    op = node.op
    if op.view:
        return _of_view(node, known.get(node.inputs[0]))
    if op.is_elementwise or op.name == "cast":
        return _of_elementwise(operands, ndim)
    if op.name == "matmul":
        return c  # whatever its operands' layouts, with or without a batch
    if op.text is not None and _makes_zeros(op.name):
        return c
    rows = op.name == "take" and node.attrs["axis"] == 0
    named = op.name in _KEEPING or op.name in _REDUCING or rows
    return c if named and flat else None


def _makes_zeros(name: str) -> bool:
    """Whether an op fills zeros or a copy, whatever its operands' layout."""
    return name in (
        "unslice",
        "unslices",
        "take_add",
        "place",
        "subtract_one_hot",
        "add_columns",
        "add_windows",
        "columns",
        "window_pick",
        "window_place",
        "window_spread",
    )


def _seen(node: Node, known: Mapping[Node, Layout | None]) -> Layout | str | None:
    """Return an operand's layout as NumPy's iterator sees it: "any", "C" or a layout.

    Axes of length 1, and stretched ones, have no say.
    """
    if isinstance(node.type, TupleType):
        return None
    whole = node.shape
    while node.op.name == "broadcast_to":
        node = node.inputs[0]
    if sum(d != 1 for d in node.shape) < 2:
        return "any"
    found = known.get(node)
    if found is None or found == c_order(len(found)):
        return None if found is None else "C"
    # where a stretched axis goes is for the other operands to say
    pairs = zip(reversed(node.shape), reversed(whole), strict=False)
    return None if any(a == 1 != b for a, b in pairs) else found


def _of_elementwise(
    operands: Sequence[Layout | str | None], ndim: int
) -> Layout | None:
    kinds = {o for o in operands if o != "any"}
    if kinds <= {"C"}:
        return c_order(ndim)
    if len(kinds) > 1:
        return None
    (only,) = kinds
    return only if isinstance(only, tuple) and len(only) == ndim else None


def _of_view(node: Node, base: Layout | None) -> Layout | None:
    if base is None:
        return None
    name, c = node.op.name, c_order(len(node.shape))
    in_order = base == c_order(len(base))
    match name:
        case "transpose":
            axes: Sequence[int] = node.attrs["axes"]
            place = {source: at for at, source in enumerate(axes)}
            return tuple(place[source] for source in base)
        case "slice":
            steps = [s.step for s in node.attrs["index"]]
            return base if all(s is None or s > 0 for s in steps) else None
        case "stop_gradient":
            return base
        case "expand_dims" | "squeeze" | "reshape":
            return c if in_order else None
    return None
