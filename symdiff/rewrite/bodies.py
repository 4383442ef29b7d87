"""Rewriting inside loops and branches, and merging loops that compute the same.

In: tensors whose graph holds bodies. Out: the same with every body rewritten, and a
loop that only stacks more than another standing for both. Invariant: a body keeps its
bound leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from symdiff.graph.body import Body
from symdiff.graph.node import Node
from symdiff.graph.rebuild import rebuild
from symdiff.graph.tensor import Tensor, apply, tensor_topological
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
    that run then serves both.
    """
    groups: dict[Hashable, list[Tensor]] = {}
    for tensor in tensor_topological(outputs):
        if tensor.node.op.name in ("scan", "while_loop"):
            groups.setdefault(_same_run(tensor.node), []).append(tensor)
    chosen: dict[Node, Tensor] = {}
    for group in groups.values():
        longest = max(group, key=lambda t: len(_results(t)))
        for t in group:
            if t.node is not longest.node and _begins_with(longest.node, t.node):
                chosen[t.node] = longest
    if not chosen:
        return list(outputs)

    def replace(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node.op.name != "item" or old.parents[0].node not in chosen:
            return None
        longer = moved.setdefault(old.parents[0].node, chosen[old.parents[0].node])
        made = apply(old.node.op, longer, **old.node.attrs)
        made.label, made.hint, made.result = old.label, old.hint, old.result
        made.site, made.scope = old.site, old.scope
        made.cotangent_of = list(old.cotangent_of)
        return made

    moved: dict[Node, Tensor] = {}
    return rebuild(outputs, replace, keep_age=False)


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
