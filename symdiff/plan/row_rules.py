"""How each op hands rows on, for `symdiff.plan.rows`.

In: a node and its operands' classes. Out: the node's class, or None where the op mixes
rows. Invariant: an op that is not listed mixes them; the table of samples holds every
rule to what the op computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import product
from symdiff.ops.indexing.scatter import ARRAY
from symdiff.ops.linalg.subscripts import split as split_subscripts
from symdiff.ops.windows.views import geometry, window_counts
from symdiff.plan.row_loops import cond_rule, item_rule, scan_rule
from symdiff.plan.rows import (
    WHOLE,
    Mixed,
    Part,
    Parts,
    Rows,
    Sums,
    Whole,
    by_data_alone,
    moved,
    same_rows,
)

Rule = Callable[[Any, Node, Sequence[Any]], "Parts | None"]
FULL = slice(None)


def elementwise(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rows stay where they are."""
    return same_rows(parts)


# --- sums and their combinations ------------------------------------------------------


def _literal(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    return Sums() if s.is_count(node) else None


def _added(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = parts
    if isinstance(a, Sums) and isinstance(b, Sums):
        if a.by is not b.by:
            return Mixed(node, "it adds means over rows that divide by different sums")
        return Sums(a.by, a.more or b.more)
    if {type(a), type(b)} == {Sums, Whole}:
        return Sums(a.by if isinstance(a, Sums) else b.by, more=True)
    return same_rows(parts)


def _multiplied(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    if {type(p) for p in parts} == {Sums, Whole}:
        found: Sums = next(p for p in parts if isinstance(p, Sums))
        return found
    return same_rows(parts)


def _divided(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = parts
    if isinstance(a, Sums) and b == WHOLE:
        return a
    if a != Sums() or b != Sums():
        return same_rows(parts)
    by = node.inputs[1]
    if s.is_count(by):
        return Sums(s.count)
    by = by.inputs[2] if by.op.name == "where" else by  # without its guard
    return None if by.shape or not by_data_alone(by) else Sums(by)


def _selected(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """``where(total == 0, 1, total)`` guards what a mean divides by."""
    test, guard, total = node.inputs
    is_guard = test.op.name == "equal" and total in test.inputs
    if is_guard and parts[1] == WHOLE and parts[2] == Sums() and not guard.inputs:
        return Sums()
    return same_rows(parts)


def _unchanged(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    found: Part = parts[0]
    return found


def _cast(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """Rounding to integers is not linear."""
    (x,) = node.inputs
    linear = node.dtype.is_float or not x.dtype.is_float
    return parts[0] if linear and not node.dtype.is_bool else same_rows(parts)


# --- axes -----------------------------------------------------------------------------


def _named_axes(node: Node) -> tuple[int, ...]:
    if "axes" in node.attrs:
        axes = node.attrs["axes"]
        return axes if isinstance(axes, tuple) else (axes,)
    axis = node.attrs["axis"]
    return tuple(range(len(node.inputs[0].shape))) if axis is None else (axis,)


def _dropped(rows: Rows, node: Node) -> Rows:
    """Return rows after a reduction over other axes."""
    if len(node.shape) == len(node.inputs[0].shape):
        return rows
    gone = sum(a < rows.axis for a in _named_axes(node))
    return moved(rows, rows.axis - gone)


def along(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """An op that acts along the axes it names leaves rows along others alone."""
    rows = same_rows(parts)
    if rows is None or rows.axis in _named_axes(node):
        return None
    return _dropped(rows, node)


def _sum(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    if rows is None:
        return None
    return Sums() if rows.axis in _named_axes(node) else _dropped(rows, node)


def _mean(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    if rows is None:
        return None
    return Sums(s.count) if rows.axis in _named_axes(node) else _dropped(rows, node)


def _matrices(s: Any, node: Node, parts: Sequence[Any]) -> Parts | None:
    """An op on the matrices of the last two axes."""
    rows = same_rows(parts)
    if rows is None or any(rows.axis >= len(i.shape) - 2 for i in node.inputs):
        return None
    several = getattr(node.type, "items", None)
    return rows if several is None else (rows,) * len(several)


# --- shapes ---------------------------------------------------------------------------


def _broadcast(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,), (x,) = parts, node.inputs
    if isinstance(part, Rows):
        rows = moved(part, part.axis + len(node.shape) - len(x.shape))
        others = [d for i, d in enumerate(node.shape) if i != rows.axis]
        return None if s.has_rows(others) else rows
    if part == WHOLE:
        at = [i for i, d in enumerate(node.shape) if s.has_rows(d)]
        if len(at) == 1:
            before, after = product(node.shape[: at[0]]), product(node.shape[at[0] :])
            return s.place(node.shape, before, sp.cancel(after / s.rows))
    return None


def _reshape(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,), (x,) = parts, node.inputs
    if not isinstance(part, Rows):
        return None
    before = product(x.shape[: part.axis]) * part.outer
    after = part.inner * product(x.shape[part.axis + 1 :])
    return s.place(node.shape, before, after)


def _transpose(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    if not isinstance(part, Rows):
        return None
    return moved(part, tuple(node.attrs["axes"]).index(part.axis))


def _slice(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    if not isinstance(part, Rows) or node.attrs["index"][part.axis] != FULL:
        return None
    return part


def _unslice(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    kept = isinstance(part, Rows) and s.has_rows(node.shape[part.axis])
    return _slice(s, node, parts) if kept else None


def _set_at(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """What is written to slices that are whole along the rows."""
    index, rows = node.attrs["index"], same_rows(parts)
    x, value, *arrays = node.inputs
    if arrays or rows is None or not isinstance(parts[0], Rows):
        return None
    alike = len(value.shape) in (0, len(x.shape))
    plain = len(index) == len(x.shape) and all(isinstance(e, slice) for e in index)
    return rows if alike and plain and index[rows.axis] == FULL else None


def _stack(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    if rows is None or not all(isinstance(p, Rows) for p in parts):
        return None
    return moved(rows, rows.axis + (node.attrs["axis"] <= rows.axis))


def _concatenate(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    return None if rows is None or rows.axis == node.attrs["axis"] else rows


def _columns(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """Windows of images whose batch is the last axis."""
    (part,), (x,) = parts, node.inputs
    if part != Rows(len(x.shape) - 1):
        return None
    counts = window_counts(x.shape, geometry(node.attrs))
    return Rows(1, product(counts), 1)


# --- products -------------------------------------------------------------------------


def _matmul(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = (len(i.shape) for i in node.inputs)
    lead = "abcdefghijklmnop"[: max(a, b, 2) - 2]
    first = lead[len(lead) - a + 2 :] + "yz" if a > 1 else "z"
    second = lead[len(lead) - b + 2 :] + "zx" if b > 1 else "z"
    result = lead + "y" * (a > 1) + "x" * (b > 1)
    return _labelled([first, second], result, parts)


def _einsum(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    terms, output = split_subscripts(node.attrs["subscripts"])
    return _labelled(terms, output, parts)


def _tensordot(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    letters = [chr(97 + i) for i in range(26)]
    a, b = (len(i.shape) for i in node.inputs)
    first, second = letters[:a], letters[a : a + b]
    left, right = node.attrs["axes"]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    kept = [c for i, c in enumerate(first) if i not in left]
    kept += [c for j, c in enumerate(second) if j not in right]
    return _labelled(["".join(first), "".join(second)], "".join(kept), parts)


def _labelled(terms: Sequence[str], output: str, parts: Sequence[Any]) -> Part | None:
    """Return the class of a sum of products over labelled axes."""
    rows = [p for p in parts if isinstance(p, Rows)]
    if not rows or not all(isinstance(p, Rows | Whole) for p in parts):
        return None
    labels = {
        (term[p.axis], p.outer, p.inner)
        for term, p in zip(terms, parts, strict=True)
        if isinstance(p, Rows)
    }
    if len(labels) != 1 or any(t.count(c) > 1 for t in terms for c in t):
        return None
    ((label, outer, inner),) = labels
    if label in output:
        return Rows(output.index(label), outer, inner)
    return Sums()


# --- indices --------------------------------------------------------------------------


def _take(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    (x, index), axis = parts, node.attrs["axis"]
    if x == WHOLE and isinstance(index, Rows):
        return moved(index, axis + index.axis)
    if isinstance(x, Rows) and index == WHOLE and x.axis != axis:
        more = len(node.inputs[1].shape) - 1
        return moved(x, x.axis + (more if axis < x.axis else 0))
    return None


def _leading(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """An op on the last axis of x, with something for each of its vectors."""
    rows = same_rows(parts)
    if rows is None or s.has_rows(max((i.shape for i in node.inputs), key=len)[-1]):
        return None
    return rows


def _one_hot(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = same_rows(parts)
    return None if rows is None or s.has_rows(node.attrs["length"]) else rows


def _gather(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """``x[arange(N), y]``: a row's own elements, in order."""
    arrays, index = node.inputs[1:], node.attrs["index"]
    kinds = [i for i, entry in enumerate(index) if entry == ARRAY]
    plain = kinds == list(range(len(kinds)))
    plain = plain and all(e == FULL for e in index[len(kinds) :])
    if parts[0] != Rows(0) or not plain or not kinds:
        return None
    first = arrays[0]
    counted = first.op.name == "arange" and first.attrs["length"] == s.rows
    shapes = {a.shape for a in arrays}
    others = all(p == Rows(0) for p in parts[2:])
    return Rows(0) if counted and others and len(shapes) == 1 else None


def _arange(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    return Mixed(node, "it numbers the rows of a batch")


def _looked_up(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    """Each row's value is looked up in tables that no row enters."""
    at = {"searchsorted": 1, "interp": 0}[node.op.name]
    others = [p for i, p in enumerate(parts) if i != at]
    found = parts[at]
    known = isinstance(found, Rows) and all(p == WHOLE for p in others)
    return found if known else None


def _cross_entropy(s: Any, node: Node, parts: Sequence[Any]) -> Part | None:
    rows = _leading(s, node, parts)
    by = {"mean": Sums(s.count), "sum": Sums(), "none": rows}
    return None if rows is None else by[node.attrs["reduction"]]


ALONG = (
    "max min prod any all argmax argmin softmax logsumexp log_softmax cumsum cumprod "
    "argsort sort norm quantile var std roll linear_recurrence cross take_along_axis "
    "max_pool window_sum window_pick windows"
)
MATRICES = (
    "inv cholesky det slogdet cofactors tril triu diagonal qr eigh eigvalsh svd "
    "svdvals pinv solve"
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(ALONG.split(), along),
    **dict.fromkeys(MATRICES.split(), _matrices),
    "literal": _literal,
    "add": _added,
    "subtract": _added,
    "multiply": _multiplied,
    "divide": _divided,
    "negative": _unchanged,
    "stop_gradient": _unchanged,
    "where": _selected,
    "cast": _cast,
    "nan_to_num": elementwise,
    "polygamma": elementwise,
    "sinc_derivative": elementwise,
    "sum": _sum,
    "mean": _mean,
    "broadcast_to": _broadcast,
    "reshape": _reshape,
    "expand_dims": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "unslice": _unslice,
    "set_at": _set_at,
    "stack": _stack,
    "concatenate": _concatenate,
    "columns": _columns,
    "matmul": _matmul,
    "einsum": _einsum,
    "tensordot": _tensordot,
    "take": _take,
    "pick": _leading,
    "one_hot": _one_hot,
    "gather": _gather,
    "arange": _arange,
    "searchsorted": _looked_up,
    "interp": _looked_up,
    "softmax_cross_entropy": _cross_entropy,
    "item": item_rule,
    "scan": scan_rule,
    "cond": cond_rule,
}
