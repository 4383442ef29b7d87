"""Rewriting a declaration: new tensors for old, names and lines kept.

In: output tensors and a rule that may replace any tensor. Out: the outputs rebuilt.
Invariant: a tensor whose parents did not change is itself, and a rebuilt one keeps its
site, names and order, so that what is generated from it reads as the user wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from symdiff.graph.node import make_node
from symdiff.graph.order import open_part
from symdiff.graph.origin import Origin, Site, mark
from symdiff.graph.tensor import Tensor

# (tensor, new parents) -> the tensor to use instead, or None to keep the operation
Replace = Callable[[Tensor, tuple[Tensor, ...]], "Tensor | None"]
# a node's attributes -> what they are now
Attrs = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def rebuild(
    outputs: Sequence[Tensor],
    choose: Replace,
    *,
    keep_age: bool = True,
    attrs: Attrs | None = None,
) -> list[Tensor]:
    """Return ``outputs`` with every tensor they need replaced where ``choose`` says
    so.

    Parents come before children, without recursion. A replacement stands for its tensor
    everywhere; its own parents are taken as they are. With ``keep_age=False`` rebuilt
    tensors count as declared now. ``attrs`` may change attributes, such as bodies; it
    returns the same mapping where nothing changes.
    """
    new = rebuilt_tensors(outputs, choose, keep_age=keep_age, attrs=attrs)
    return [new[t] for t in outputs]


def rebuilt_tensors(
    outputs: Iterable[Tensor],
    choose: Replace,
    *,
    keep_age: bool = True,
    attrs: Attrs | None = None,
) -> dict[Tensor, Tensor]:
    """Return, for every tensor that ``outputs`` need, the tensor that stands for it
    now.
    """
    order = every_handle(outputs)
    new: dict[Tensor, Tensor] = {}
    for old in order:
        parents = tuple(new[p] for p in old.parents)
        chosen = choose(old, parents)
        if chosen is None:
            held = old.node.attrs if attrs is None else attrs(old.node.attrs)
            same = all(a is b for a, b in zip(parents, old.parents, strict=True))
            same = same and held is old.node.attrs
            chosen = old if same else remade(old, parents, keep_age, held)
        new[old] = chosen
    _move_provenance(order, new)
    return new


def every_handle(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return every tensor reachable through parents, oldest first (so parents
    first).
    """
    stack = list(outputs)
    seen = dict.fromkeys(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent not in seen:
                seen[parent] = None
                stack.append(parent)
    return sorted(seen, key=lambda t: t.order)


def remade(
    old: Tensor,
    parents: tuple[Tensor, ...],
    keep_age: bool,
    attrs: Mapping[str, Any],
) -> Tensor:
    """Return the same declaration over other parents, with all its names."""
    node = make_node(old.node.op, [p.node for p in parents], attrs)
    return Tensor(node, parents, moved_origin(old, parents, keep_age))


def moved_origin(old: Tensor, parents: Sequence[Tensor], keep_age: bool) -> Origin:
    """Return the origin of what stands for a tensor over other parents."""
    if keep_age and all(p.order < old.order for p in parents):
        return old.origin  # its place is what orders a declaration
    return replace(old.origin, order=open_part().next())


def _move_provenance(order: Sequence[Tensor], new: dict[Tensor, Tensor]) -> None:
    """Let rebuilt derivatives name the rebuilt primals they belong to."""
    sites: dict[Site, Site] = {}
    for old in order:
        made = new[old]
        if made is old:
            continue
        if made.cotangent_of:
            primals = tuple((prefix, new.get(p, p)) for prefix, p in made.cotangent_of)
            mark(made, cotangent_of=primals)
        site, before = made.site, made.site.primal
        primal = None if before is None else new.get(before, before)
        if primal is before or before is None or primal is None:
            continue
        # What is kept rather than computed again has its rule still.
        if before.node.op.leaf or not primal.node.op.leaf:
            if site not in sites:
                sites[site] = replace(site, primal=primal)
            mark(made, site=sites[site])
