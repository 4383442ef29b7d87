"""Rebuilding a graph: a new tensor for each old one.

In: output tensors, and a function that makes the replacement of a tensor from its new
parents. Out: a `Rebuilding`, a map from any old tensor to the new one. Invariant:
parents come before children, without recursion; a tensor whose parents did not change
stays itself, and a rebuilt one keeps its origin, so that the text generated from it
reads as the user wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symdiff.graph.node import Node
from symdiff.graph.order import open_part
from symdiff.graph.origin import Site, give, mark
from symdiff.graph.tensor import Tensor, in_order, node_of, tensor_topological

# (tensor, new parents) -> its replacement
Remake = Callable[[Tensor, tuple[Tensor, ...]], Tensor]
# (tensor, new parents) -> the tensor to use instead, or None to keep the operation
Replace = Callable[[Tensor, tuple[Tensor, ...]], "Tensor | None"]
# (tensor, its replacement) -> a better replacement, or None
Improve = Callable[[Tensor, Tensor], "Tensor | None"]
# a node's attributes -> its new attributes
Attrs = Callable[[Mapping[str, Any]], Mapping[str, Any]]
# tensors -> their replacements
Became = Callable[[Sequence[Tensor]], list[Tensor]]


class Rebuilding:
    """A map from tensors to their replacements; call it with the tensors.

    A tensor is rebuilt once, when it is first asked for; later calls build on what is
    there. A better replacement that ``improve`` finds is rebuilt in turn, and takes the
    names of the tensor that it replaces where it has none of its own. With ``by_node``
    all tensors of one node become one, the first declared.
    """

    def __init__(
        self, remake: Remake, improve: Improve | None = None, *, by_node: bool = False
    ) -> None:
        self._remake = remake
        self._improve = improve
        self._by_node = by_node
        self._new: dict[Tensor | Node, Tensor] = {}

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        keys = self._keys(tensors)
        if any(k not in self._new for k in keys):
            self._rebuild(tensors)
        return [self._new[k] for k in keys]

    def _keys(self, tensors: Sequence[Tensor]) -> Sequence[Tensor | Node]:
        """Return what tensors are found by: several of them may share one node."""
        return [t.node for t in tensors] if self._by_node else tensors

    def _rebuild(self, tensors: Sequence[Tensor]) -> None:
        order = tensor_topological(tensors) if self._by_node else every_handle(tensors)
        pairs = zip(order, self._keys(order), strict=True)
        fresh = [t for t, key in pairs if key not in self._new]
        for tensor in fresh:
            self._settle(tensor)
        if not self._by_node:
            self._move_provenance(fresh)

    def _settle(self, tensor: Tensor) -> None:
        """Rebuild a tensor, its parents first, until `improve` finds nothing better."""
        new, by_node = self._new, self._by_node
        stack = [tensor]
        improved: dict[Tensor, Tensor] = {}  # waiting for a better one to be rebuilt
        while stack:
            current = stack[-1]
            key = current.node if by_node else current
            keys = current.node.inputs if by_node else current.parents
            if key in new:
                stack.pop()
            elif current in improved:
                better = improved[current]
                made = new[better.node if by_node else better]
                hint = current.node.op.hint or None
                origin = made.origin.or_else(current.origin, hint)
                if origin.was is None and current.node.op.expand is not None:
                    origin = origin._replace(was=current)
                new[key] = give(made, origin)
                stack.pop()
            elif waiting := [
                p for p, k in zip(current.parents, keys, strict=True) if k not in new
            ]:
                stack += waiting
            else:
                made = self._remake(current, tuple([new[k] for k in keys]))
                found = self._improve and self._improve(current, made)
                if found is not None and found.node is not current.node:
                    improved[current] = found
                    stack.append(found)
                    continue
                if by_node:
                    new[made.node] = made
                new[key] = made
                stack.pop()

    def _move_provenance(self, order: Sequence[Tensor]) -> None:
        """Let rebuilt derivatives refer to the rebuilt primals they belong to."""
        new = self._new
        sites: dict[Site, Site] = {}
        for old in order:
            made = new[old]
            if made is old or new.get(made) is made:  # as it was declared
                continue
            if made.cotangent_of:
                primals = [(prefix, new.get(p, p)) for prefix, p in made.cotangent_of]
                mark(made, cotangent_of=tuple(primals))
            site, before = made.site, made.site.primal
            primal = None if before is None else new.get(before, before)
            if primal is before or before is None or primal is None:
                continue
            # Where a leaf replaces the primal (a residual), the site keeps the old one.
            if before.node.op.leaf or not primal.node.op.leaf:
                if site not in sites:
                    sites[site] = Site(site.frames, site.scope, primal, site.rule)
                mark(made, site=sites[site])


def rebuilding(
    choose: Replace, *, keep_order: bool = True, attrs: Attrs | None = None
) -> Rebuilding:
    """Return the `Rebuilding` in which ``choose`` says what replaces some tensors.

    A replacement is used wherever its tensor was; its own parents are not rebuilt. With
    ``keep_order=False`` rebuilt tensors count as declared now. ``attrs`` may change
    attributes, such as bodies; if nothing changes, it returns the same mapping.
    """

    def remake(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor:
        chosen = choose(old, parents)
        if chosen is not None:
            return chosen
        held = old.node.attrs if attrs is None else attrs(old.node.attrs)
        same = all(a is b for a, b in zip(parents, old.parents, strict=True))
        if same and held is old.node.attrs:
            return old
        return remade(old, parents, held, keep_order=keep_order)

    return Rebuilding(remake)


def rebuild(
    outputs: Sequence[Tensor],
    choose: Replace,
    *,
    keep_order: bool = True,
    attrs: Attrs | None = None,
) -> list[Tensor]:
    """Return what `rebuilding` makes of ``outputs``."""
    return rebuilding(choose, keep_order=keep_order, attrs=attrs)(outputs)


def chained(first: Became, then: Became) -> Became:
    """Return the composition: ``first``, and then ``then``."""
    return lambda tensors: then(first(tensors))


@dataclass(frozen=True)
class Steps:
    """The maps from old to new tensors of one pass after another, composed."""

    each: tuple[Became, ...] = ()

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        for step in self.each:
            tensors = step(tensors)
        return list(tensors)

    def then(self, step: Became) -> Steps:
        """Return these steps and a further one."""
        return Steps((*self.each, step))

    def since(self, earlier: Steps) -> Steps:
        """Return the steps that follow those that were made before."""
        return Steps(self.each[len(earlier.each) :])


def every_handle(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return every tensor reachable through parents, in the order of declaration."""
    stack = list(outputs)
    seen = dict.fromkeys(stack)
    while stack:
        for parent in stack.pop().parents:
            if parent not in seen:
                seen[parent] = None
                stack.append(parent)
    return in_order(seen)


def remade(
    old: Tensor,
    parents: tuple[Tensor, ...],
    attrs: Mapping[str, Any],
    *,
    keep_order: bool = True,
) -> Tensor:
    """Return the same declaration over other parents, with all its names.

    It keeps its place in the order of declaration, unless a parent comes later.
    """
    order = old.order
    if not keep_order or any(p.order >= order for p in parents):
        order = open_part().next()
    node = old.node
    if attrs is not node.attrs or tuple(p.node for p in parents) != node.inputs:
        node = node_of(node.op, parents, attrs)
    return Tensor(node, parents, old.origin, order)
