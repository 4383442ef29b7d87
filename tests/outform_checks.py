"""Checks of texts with ``out=`` against those without, node by node of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from sample_checks import leaf

from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.text import is_statements, op_text
from symdiff.plan.layout import layout_of
from symdiff.plan.outform import out_form, short_text


def _names(operands: list[Any], width: Any) -> dict[str, Any]:
    names = {f"_{i}": a for i, a in enumerate(operands)}
    helpers = {f"_help_{name}": f for name, f in HELPERS.items()}
    bits = np.dtype(f"i{np.dtype(width).itemsize}")
    return {"np": np, "_float": np.dtype(width), "_bits": bits, **helpers, **names}


def _made(text: str, operands: list[Any], width: Any) -> Any:
    """Return the value of an expression, or of ``_out`` after statements."""
    names = _names(operands, width)
    if not is_statements(text):
        return eval(text, names)
    exec(text, names)
    return names["_out"]


def _written(
    form: OutForm, text: str, operands: list[Any], width: Any, out: np.ndarray
) -> np.ndarray:
    """Run an out form into ``out``, with memory aside."""
    asides: dict[str, np.ndarray] = {}
    for i, aside in enumerate(form.asides):
        like = out if aside.like is None else operands[aside.like]
        dtype = width if aside.dtype.is_float else aside.dtype.name
        asides[f"_aside_{i}"] = memory = _memory(np.empty_like(like, dtype))
        if aside.holds is not None:
            np.copyto(memory, operands[aside.holds])
    exec(text, _names(operands, width) | {"_out": out} | asides)
    return out


def _same_bits(a: np.ndarray, b: Any) -> bool:
    b = np.asarray(b)
    zeros = a.dtype.kind != "f" or np.array_equal(np.signbit(a), np.signbit(b))
    plain = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return plain and (zeros or bool(np.isnan(a).any()))


def _memory(like: Any) -> np.ndarray:
    out = np.empty_like(like)
    out.fill(np.nan if out.dtype.kind == "f" else 1)
    return out


def check_node(
    node: Node, operands: list[Any], value: Any, width: Any, what: str
) -> None:
    """Compare a node's out form, over each operand it allows, with its value."""
    short = short_text(node)
    if short != op_text(node):
        assert _same_bits(np.asarray(_made(short, operands, width)), value), (
            what,
            short,
        )
    form = out_form(node)
    if form is None or not node.shape:
        return
    found = _written(form, form.text, operands, width, _memory(value))
    assert _same_bits(found, value), (what, form.text)
    for i, text in form.over.items():
        operand = operands[i]
        if not isinstance(operand, np.ndarray) or operand.shape != value.shape:
            continue
        if operand.dtype != value.dtype:
            continue
        out = np.array(operand)
        replaced = [out if a is operand else a for a in operands]
        found = _written(form, text, replaced, width, out)
        assert _same_bits(found, value), (what, "over", i, text)


def check_layout(node: Node, value: Any, known: dict[Node, Any], what: str) -> None:
    """Compare the order of the strides with the layout that is claimed."""
    known[node] = layout_of(node, known)
    if known[node] is None or not isinstance(value, np.ndarray) or value.ndim < 2:
        return
    if node.op.name == "broadcast_to" or 0 in value.shape:
        return
    steps = [abs(value.strides[a]) for a in known[node] if value.shape[a] > 1]
    assert steps == sorted(steps, reverse=True), (what, value.strides, known[node])


def check(outputs: list[Any], feed: dict[Node, Any], width: Any, what: str) -> int:
    """Walk a graph; return how many nodes have an out form."""
    values: dict[Node, Any] = dict(feed)
    known: dict[Node, Any] = {n: tuple(range(np.ndim(a))) for n, a in feed.items()}
    count = 0
    for node in topological([t.node for t in outputs]):
        if node in values:
            continue
        operands = [values[i] for i in node.inputs]
        if node.op is LITERAL:
            values[node], known[node] = node.attrs["value"], ()
            continue
        named = isinstance(node.type, TupleType) or node.op.text is None
        if named or node.op is CONSTANT:
            wide = {leaf("width", ()).node: np.zeros((), width)}
            values[node] = evaluate([node], {**feed, **wide})[node]
            known[node] = None
            continue
        value = values[node] = _made(op_text(node), operands, width)
        label = f"{what}: {node.op.name}"
        check_layout(node, value, known, label)
        check_node(node, operands, value, width, label)
        count += out_form(node) is not None
    return count
