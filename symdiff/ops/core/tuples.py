"""Taking one result out of a node with several.

In: a node whose type is a `TupleType`, and an index. Out: an `item` node. Invariant:
both sweeps handle `item` themselves. The cotangents of all items are gathered by index
and handed to the op's vjp as a list; the tangent of an item is taken from the list that
the op's jvp returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.core import tex
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rows import (
    Batch,
    Mixed,
    Part,
)
from symdiff.ops.core.tex import Tex, Writer


def _infer_item(t: TupleType, *, index: int) -> TensorType:
    return t.items[index]


def _not_called(*_: Any) -> Any:
    """Stand in for both rules, which are never called."""
    raise NotImplementedError("item is differentiated by the sweeps")


def _rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    (part,) = parts
    if not isinstance(part, tuple):
        return part if isinstance(part, Mixed) else None
    found: Part = part[node.attrs["index"]]
    return found


def _tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    whole = operands[0].within(tex.ATOM)
    return Tex(f"{{{whole}}}_{{[{node.attrs['index']}]}}", tex.POWER)


ITEM = primitive(
    "item",
    _infer_item,
    lambda x, *, index: x[index],
    vjp=_not_called,
    jvp=_not_called,
    text=lambda node: f"_0[{node.attrs['index']}]",
    analytic=True,
    facts=Facts(rows=_rows),
    latex=_tex,
)


def item(x: Tensor, index: int) -> Tensor:
    """Return result ``index`` of a tensor whose node has several results."""
    return apply(ITEM, x, index=index)


def items(x: Tensor) -> tuple[Tensor, ...]:
    """Return all results of a tensor whose node has several results."""
    assert isinstance(x.type, TupleType), x
    return tuple(item(x, i) for i in range(len(x.type.items)))
