"""`update_state`: a value that brings a state's next value with it.

In: a value, a state leaf, and what the state is to become when a training step computes
the value. Out: the value, unchanged. Invariant: the update is an operand, so whoever
holds a tensor can find every update below it; no rule differentiates by it, and
`resolve_mode` leaves the value alone, so generated code never sees this op.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symdiff.graph.body import bodies_of, every_node
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.provenance import locate
from symdiff.graph.tensor import Tensor, apply, in_order
from symdiff.graph.types import TensorType, unify
from symdiff.ops.core.leaf import STATE
from symdiff.ops.core.operands import api, as_tensor, stretch
from symdiff.ops.core.record import primitive


def _infer(value: TensorType, state: TensorType, new: TensorType) -> TensorType:
    same = state.ndim == new.ndim and all(
        unify(a, b) is not None for a, b in zip(state.shape, new.shape, strict=True)
    )
    if not same:
        raise ShapeError(f"a state of shape {state.shape} cannot become {new.shape}")
    if state.dtype != new.dtype:
        raise DTypeError(f"a state of dtype {state.dtype} cannot become {new.dtype}")
    return value


UPDATE_STATE = primitive(
    "update_state",
    _infer,
    lambda value, state, new: value,
    vjp=lambda ct, output, inputs, attrs, needs: [ct, None, None],
    jvp=lambda tangents, output, inputs, attrs: tangents[0],
    analytic=True,
    rule="the state's next value is no part of the value",
)


@api("update_state")
def update_state(value: Any, state: Any, new: Any) -> Tensor:
    """``value``; a training step that computes it sets ``state`` to ``new``.

    So a layer keeps running statistics by itself: `Model` finds what its loss and
    outputs hold as they are while training, and a step does all updates at its end. No
    gradient flows to ``new``.

    Raises
    ------
    DeclarationError
        Where ``state`` is not from `sd.state`.
    """
    leaf = as_tensor(state)
    if leaf.node.op is not STATE:
        raise DeclarationError(f"update_state: {leaf!r} is not declared by sd.state.")
    return apply(
        UPDATE_STATE, as_tensor(value), leaf, stretch(as_tensor(new), leaf.shape)
    )


def collect_updates(tensors: Iterable[Tensor]) -> dict[Tensor, Tensor]:
    """Return each state that ``tensors`` update while training, with its next value.

    Raises `DeclarationError` where one state has two next values, and for an update in
    the body of a loop or branch.
    """
    found: dict[Node, tuple[Tensor, Tensor]] = {}
    for t in _trained(tensors):
        inner = [n for body in bodies_of(t.node.attrs) for n in every_node(body.nodes)]
        if any(n.op is UPDATE_STATE for n in inner):
            raise locate(
                DeclarationError(
                    "a state cannot be updated in the body of a loop or branch; "
                    "carry its value along, and update it after the loop."
                ),
                t.site,
            )
        if t.node.op is not UPDATE_STATE:
            continue
        _, state, new = t.parents
        before = found.setdefault(state.node, (state, new))
        if before[1].node is not new.node:
            raise locate(
                DeclarationError(
                    f"state {state.name!r} gets two next values, at "
                    f"{before[1].site.location} and {t.site.location}."
                ),
                t.site,
            )
    return dict(found.values())


def _trained(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return what a training step computes for ``tensors``, in order of declaration.

    Of a node that differs between the two modes it computes one operand only, the one
    that the op's record names in ``trained``.
    """
    first: dict[Node, Tensor] = {}
    seen: set[Tensor] = set()
    waiting = list(tensors)
    while waiting:
        t = waiting.pop()
        if t in seen:
            continue
        seen.add(t)
        known = first.setdefault(t.node, t)
        if t.order < known.order:
            first[t.node] = t
        operand = t.node.op.facts.trained
        waiting.extend(t.parents if operand is None else [t.parents[operand]])
    return in_order(first.values())
