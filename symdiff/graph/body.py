"""Bodies of loops and branches: closed graphs with bound variables.

In: bound leaves and the tensors computed from them. Out: a `Body`, compared by
structure. Invariant: a body reads its own bound leaves and nothing else, and every body
that is made has fresh ones, so no variable can be captured however deep bodies nest or
are differentiated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, attrs_key, topological
from symdiff.graph.rebuild import Replace, rebuild
from symdiff.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Body:
    """A closed graph: ``outputs`` as functions of the bound leaves ``params``.

    Raises `DeclarationError` where an output reads a leaf that is not bound here.
    """

    params: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", _structure(self))

    def __repr__(self) -> str:
        return f"<Body {len(self.params)} -> {len(self.outputs)} {self.key[:8]}>"

    @property
    def nodes(self) -> list[Node]:
        """The nodes below the outputs, inputs first."""
        return topological([t.node for t in self.outputs])


def _structure(body: Body) -> str:
    """Return a digest equal for bodies that differ in the choice of bound leaves
    only.
    """
    numbers: dict[Node, int] = {}
    digest = hashlib.sha256()
    for i, p in enumerate(body.params):
        numbers[p.node] = i
        digest.update(f"{i}:{p.type};".encode())
    for node in topological([t.node for t in body.outputs]):
        if node in numbers:
            continue
        if node.op.leaf:
            raise DeclarationError(f"a body reads {node!r}, which is not bound in it")
        numbers[node] = len(numbers)
        reads = [numbers[i] for i in node.inputs]
        digest.update(f"{node.op.name}{reads}{attrs_key(node.attrs)};".encode())
    digest.update(str([numbers[t.node] for t in body.outputs]).encode())
    return digest.hexdigest()


def bodies_of(attrs: Mapping[str, Any]) -> list[Body]:
    """Return the bodies among a node's attributes."""
    return [v for v in attrs.values() if isinstance(v, Body)]


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes, and those of the bodies they hold, however deep."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        for body in bodies_of(node.attrs):
            waiting.extend(body.nodes)


def rebuild_within(outputs: Sequence[Tensor], replace: Replace) -> list[Tensor]:
    """Return ``outputs`` rebuilt by a rule that holds inside bodies as well."""
    done: dict[str, Body] = {}

    def held(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        changed: dict[str, Any] = {}
        for name, value in attrs.items():
            if not isinstance(value, Body):
                continue
            key = f"{id(value.params)} {value.key}"
            if key not in done:
                outputs = tuple(rebuild(value.outputs, replace, attrs=held))
                same = all(a is b for a, b in zip(outputs, value.outputs, strict=True))
                done[key] = value if same else Body(value.params, outputs)
            if done[key] is not value:
                changed[name] = done[key]
        return {**attrs, **changed} if changed else attrs

    return rebuild(outputs, replace, attrs=held)


def substitute(
    outputs: Sequence[Tensor], replacements: dict[Node, Tensor]
) -> list[Tensor]:
    """Return ``outputs`` with nodes replaced; what does not depend on them stays."""

    def replace(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        return replacements.get(old.node)

    return rebuild(outputs, replace, keep_age=False)
