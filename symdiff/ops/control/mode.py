"""`by_mode`: what differs between training and inference, as one node.

In: the training value and the inference value of one quantity. Out: a node linear in
both, so that derivatives keep the choice open, and `resolve_mode`, which settles it.
Invariant: after `resolve_mode` no `by_mode` node is left. `interpret` takes the
inference value of nodes that are not resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.body import rebuilding_within
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, unify
from symdiff.ops.control.updating import UPDATE_STATE
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, broadcast_operands, is_given, is_literal
from symdiff.ops.core.record import primitive
from symdiff.ops.elementwise.comparisons import WHERE
from symdiff.ops.shape.broadcasting import broadcast_to, full, zeros_like


def _infer(train: TensorType, infer: TensorType) -> TensorType:
    same = train.ndim == infer.ndim and all(
        may_agree(a, b) and unify(a, b) is not None
        for a, b in zip(train.shape, infer.shape, strict=True)
    )
    if not same:
        raise ShapeError(
            f"train has shape {train.shape} and infer has shape {infer.shape}"
        )
    if train.dtype != infer.dtype:
        raise DTypeError(
            f"train has dtype {train.dtype} and infer has dtype {infer.dtype}"
        )
    return train


def _vjp(ct: Tensor, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> list[Any]:
    zero = zeros_like(ct)
    return [
        apply(BY_MODE, ct, zero) if needs[0] else None,
        apply(BY_MODE, zero, ct) if needs[1] else None,
    ]


def _jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    train, infer = (zeros_like(output) if t is None else t for t in tangents)
    return apply(BY_MODE, train, infer)


BY_MODE = primitive(
    "by_mode",
    _infer,
    lambda train, infer: infer,
    vjp=_vjp,
    jvp=_jvp,
    analytic=True,
    rule="each mode has its own derivative",
    facts=Facts(zeros="joined", trained=0),  # while training it is operand 0
)


def _depends(condition: Node) -> bool:
    """Whether a condition depends on the mode alone, as in derivatives of a choice."""
    nodes = topological([condition])
    plain = (
        n.op.is_elementwise or n.op.facts.repeats or n.op is BY_MODE for n in nodes
    )
    given = (is_given(n) and np.size(n.attrs["value"]) == 1 for n in nodes)
    known = all(a or b for a, b in zip(plain, given, strict=True))
    return known and any(n.op is BY_MODE for n in nodes)


def _selected(t: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
    """Return the side that a settled condition selects; the other is not computed."""
    values: dict[Node, Any] = {}
    for n in topological([parents[0].node]):
        if is_given(n):
            values[n] = np.asarray(n.attrs["value"]).reshape(())
        elif n.op.facts.repeats:
            values[n] = values[n.inputs[0]]
        else:
            values[n] = n.op.evaluate(*(values[i] for i in n.inputs), **n.attrs)
    side = parents[1 if values[parents[0].node] else 2]
    if is_literal(side):
        return full(t.shape, side.node.attrs["value"], t.dtype)
    return broadcast_to(side, t.shape) if side.dtype == t.dtype else None


@api("by_mode")
def by_mode(train: Any, infer: Any) -> Tensor:
    """``train`` while training and ``infer`` in prediction; shapes and dtypes agree."""
    a, b = broadcast_operands(train, infer)
    if is_literal(a) and is_literal(b):
        a, b = full((), train, "float"), full((), infer, "float")
    elif is_literal(a):
        a = full(b.shape, train, b.dtype)
    elif is_literal(b):
        b = full(a.shape, infer, a.dtype)
    return apply(BY_MODE, a, b)


@api("resolve_mode")
def resolve_mode(tensors: Any, mode: str) -> Any:
    """Return a tensor, or a list of them, with every `by_mode` settled.

    ``mode`` is "train" or "infer". An `update_state` becomes its value, and the update
    is left out.
    """
    if mode not in ("train", "infer"):
        raise DeclarationError(f"mode {mode!r} is neither 'train' nor 'infer'.")
    several = isinstance(tensors, (list, tuple))
    outputs: Sequence[Tensor] = list(tensors) if several else [tensors]
    place = {BY_MODE: 0 if mode == "train" else 1, UPDATE_STATE: 0}

    def settled(t: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if t.node.op is WHERE and _depends(t.parents[0].node):
            return _selected(t, parents)
        return parents[place[t.node.op]] if t.node.op in place else None

    found = rebuilding_within(settled)(outputs)
    return found if several else found[0]
