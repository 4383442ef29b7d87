"""Rewriting inside loops and branches, and merging loops that compute the same.

In: tensors whose graph holds bodies. Out: the same with every body rewritten, and a
loop that only stacks more than another standing for both. Invariant: a body keeps its
bound leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sympy as sp

from symdiff.graph.body import Body, every_node, with_dims
from symdiff.graph.counted import counted_dim
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import mark
from symdiff.graph.rebuild import rebuild, remade
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType

Rewriter = Callable[[Sequence[Tensor]], list[Tensor]]


def with_bodies(
    attrs: Any, rewriter: Rewriter, done: dict[str, Body]
) -> dict[str, Any]:
    """Return a node's attributes with each body rewritten, once."""
    found: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, Body):
            identity = f"{id(value.params)} {value.key}"
            if identity not in done:
                done[identity] = Body(value.params, tuple(rewriter(value.outputs)))
            value = done[identity]
        found[name] = value
    return found


def merge_loops(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return ``outputs`` with each loop replaced by one that begins with all its
    results.

    Reverse mode asks for a second run of a loop that stacks what the transpose reads;
    that run then serves both. Where both have kept their steps, one symbol says how
    many there were.
    """
    groups: dict[Hashable, list[Tensor]] = {}
    for tensor in tensor_topological(outputs):
        if tensor.node.op.name in ("scan", "while_loop"):
            groups.setdefault(_same_run(tensor.node), []).append(tensor)
    chosen: dict[Node, Tensor] = {}
    same: dict[sp.Symbol, sp.Symbol] = {}
    for group in groups.values():
        longest = max(group, key=lambda t: len(_results(t)))
        for t in group:
            if t.node is not longest.node and _begins_with(longest.node, t.node):
                chosen[t.node] = longest
                steps, own = longest.node.attrs.get("steps"), t.node.attrs.get("steps")
                if own is not None and own != steps:
                    same[own] = steps
    if not chosen:
        return list(outputs)

    def replace(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node.op.name != "item" or old.parents[0].node not in chosen:
            return None
        longer = moved.setdefault(old.parents[0].node, chosen[old.parents[0].node])
        made = remade(old, (longer,), False, old.node.attrs)
        return mark(made, bound_to=None)

    moved: dict[Node, Tensor] = {}
    merged = rebuild(outputs, replace, keep_age=False)
    return merge_loops(with_dims(merged, same)) if same else merged


def number_steps(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return ``outputs`` with the numbers of steps of while loops named by place.

    Derivatives take a new symbol for each loop; a program has its own.
    """
    found: dict[sp.Symbol, sp.Symbol] = {}
    nodes = topological([t.node for t in outputs])
    for node in every_node(nodes[::-1]):  # which takes the last first
        steps = node.attrs.get("steps")
        if steps is not None and steps not in found:
            found[steps] = counted_dim(str(len(found) + 1))
    return with_dims(outputs, found) if found else list(outputs)


def _results(tensor: Tensor) -> tuple[Any, ...]:
    assert isinstance(tensor.node.type, TupleType)
    return tensor.node.type.items


def _same_run(node: Node) -> Hashable:
    """Return what two runs of one loop agree in."""
    body: Body = node.attrs["body"]
    test = node.attrs["test"].key if "test" in node.attrs else ""
    leaves = tuple(id(p.node) for p in body.params)
    return (
        node.op.name,
        tuple(id(i) for i in node.inputs),
        leaves,
        test,
        str(node.attrs.get("length")),
        node.attrs.get("reverse"),
        node.attrs["carries"],
    )


def _begins_with(longer: Node, shorter: Node) -> bool:
    """Whether a loop computes all that another does, in the same places."""
    a = [t.node for t in longer.attrs["body"].outputs]
    b = [t.node for t in shorter.attrs["body"].outputs]
    if longer.op.name == "while_loop":
        return a == b and longer.attrs["steps"] is not None
    return a[: len(b)] == b
