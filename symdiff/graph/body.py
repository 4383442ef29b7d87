"""Bodies of loops and branches: closed graphs with bound variables.

In: bound leaves and the tensors computed from them. Out: a `Body`, compared by
structure. Invariant: a body reads its own bound leaves and nothing else, and every body
that is made has fresh ones, so no variable can be captured however deep bodies nest or
are differentiated.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdiff.graph.counted import counted_dim
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, attrs_key, topological
from symdiff.graph.rebuild import (
    Became,
    Rebuilding,
    Replace,
    rebuild,
    rebuilding,
    remade,
)
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
    """Return a digest of a body's structure.

    Bodies that differ only in their bound leaves, and in the symbols for the trip
    counts of their while loops, have the same digest.
    """
    numbers: dict[Node, int] = {}
    counted: dict[sp.Symbol, sp.Symbol] = {}  # trip counts, named by place
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
        attrs = node.attrs
        if attrs.get("steps") is not None:
            counted[attrs["steps"]] = counted_dim(f"at_{numbers[node]}")
        if counted:
            attrs = {k: renamed(v, counted) for k, v in attrs.items()}
        digest.update(f"{node.op.name}{reads}{attrs_key(attrs)};".encode())
    digest.update(str([numbers[t.node] for t in body.outputs]).encode())
    return digest.hexdigest()


def renamed(value: Any, dims: Mapping[sp.Symbol, sp.Symbol]) -> Any:
    """Return an attribute with its length symbols replaced, itself where none is."""
    match value:
        case sp.Expr() if value.free_symbols & dims.keys():
            return value.xreplace(dims)
        case tuple() if any(isinstance(v, (sp.Expr, slice, tuple)) for v in value):
            parts = tuple(renamed(v, dims) for v in value)
            return value if all(map(operator.is_, parts, value)) else parts
        case slice():
            ends = (value.start, value.stop, value.step)
            parts = tuple(renamed(v, dims) for v in ends)
            return value if all(map(operator.is_, parts, ends)) else slice(*parts)
    return value


def bodies_of(attrs: Mapping[str, Any]) -> list[Body]:
    """Return the bodies among a node's attributes."""
    return [v for v in attrs.values() if isinstance(v, Body)]


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes, and those of the bodies they hold, however deep."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if node.attrs:
            for body in bodies_of(node.attrs):
                waiting.extend(body.nodes)


def with_bodies(
    attrs: Mapping[str, Any],
    rebuilt: Became,
    done: dict[str, Body],
    leaf: Callable[[Tensor], Tensor] | None = None,
) -> Mapping[str, Any]:
    """Return a node's attributes with each body rebuilt.

    ``done`` keeps the bodies that were rebuilt, so that each is rebuilt once. Where no
    body changes, the same mapping is returned. ``leaf`` maps the bound leaves.
    """
    changed: dict[str, Body] = {}
    for name, body in attrs.items():
        if not isinstance(body, Body):
            continue
        key = f"{id(body.params)} {body.key}"
        if key not in done:
            outputs = tuple(rebuilt(body.outputs))
            params = body.params if leaf is None else tuple(map(leaf, body.params))
            pairs = zip((*outputs, *params), (*body.outputs, *body.params), strict=True)
            same = all(a is b for a, b in pairs)
            done[key] = body if same else Body(params, outputs)
        if done[key] is not body:
            changed[name] = done[key]
    return {**attrs, **changed} if changed else attrs


def rebuilding_within(choose: Replace) -> Rebuilding:
    """Return the `Rebuilding` that applies ``choose`` inside bodies as well."""
    done: dict[str, Body] = {}

    def held(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        return with_bodies(attrs, rebuilding(choose, attrs=held), done)

    return rebuilding(choose, attrs=held)


def rebuilding_dims(dims: Mapping[sp.Symbol, sp.Symbol]) -> Rebuilding:
    """Return the `Rebuilding` that renames symbols of lengths, also inside bodies."""
    leaves: dict[Node, Tensor] = {}
    done: dict[str, Body] = {}

    def leaf(old: Tensor) -> Tensor:
        if old.node not in leaves:
            attrs = held(old.node.attrs)
            same = attrs is old.node.attrs
            leaves[old.node] = old if same else remade(old, (), attrs)
        return leaves[old.node]

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        return leaf(old) if old.node.op.leaf else None

    def held(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        inner = with_bodies(attrs, rebuilding(choose, attrs=held), done, leaf)
        changed = {k: renamed(v, dims) for k, v in inner.items()}
        same = all(changed[k] is v for k, v in attrs.items())
        return attrs if same else changed

    return rebuilding(choose, attrs=held)


def substitute(
    outputs: Sequence[Tensor], replacements: dict[Node, Tensor]
) -> list[Tensor]:
    """Return ``outputs`` with nodes replaced; what does not depend on them stays."""

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        return replacements.get(old.node)

    return rebuild(outputs, choose, keep_order=False)
