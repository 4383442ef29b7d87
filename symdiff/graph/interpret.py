"""Evaluation of a graph node by node, through each op's own record.

In: nodes and the arrays of their leaves. Out: NumPy values. Invariant: nothing is rewritten,
planned or printed on the way, which makes this the oracle of code generation; each node is
evaluated once, in topological order, as a gate of the lecture's circuit is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT, DType

Feed = Mapping[Any, Any]


class Environment:
    """Dims and the float dtype that a set of arrays fixes for a run."""

    def __init__(self, feed: Mapping[Node, np.ndarray]) -> None:
        self.dims: dict[sp.Symbol, int] = {}
        widths = {
            a.dtype for n, a in feed.items() if n.dtype.is_float and a.dtype.kind == "f"
        }
        self.float = np.result_type(*widths) if widths else np.dtype("float64")
        for node, array in feed.items():
            self._bind(node, array)

    def _bind(self, node: Node, array: np.ndarray) -> None:
        if len(node.shape) != array.ndim:
            raise ShapeError(
                f"{node.attrs.get('name')}: expected {len(node.shape)} axes, got {array.shape}."
            )
        for dim, length in zip(node.shape, array.shape, strict=True):
            known = (
                self.dims.setdefault(dim, length) if isinstance(dim, sp.Symbol) else dim
            )
            if isinstance(known, int) and known != length:
                raise ShapeError(
                    f"{node.attrs.get('name')}: axis of length {length} where {dim} is {known}."
                )

    def resolve(self, value: Any) -> Any:
        """Return an attribute with dims and the float dtype replaced by their run's values."""
        match value:
            case sp.Expr():
                number = value.subs(self.dims)
                return int(number) if number.is_integer else float(number)
            case DType() if value == FLOAT:
                return DType(self.float.name, "f")
            case tuple():
                return tuple(self.resolve(v) for v in value)
            case slice():
                return slice(*map(self.resolve, (value.start, value.stop, value.step)))
            case _:
                return value


def evaluate(nodes: Iterable[Node], feed: Mapping[Node, Any]) -> dict[Node, Any]:
    """Return the value of every node that ``nodes`` need."""
    values: dict[Node, Any] = {n: np.asarray(a) for n, a in feed.items()}
    env = Environment(values)
    for node in topological(nodes):
        if node in values:
            continue
        attrs = {k: env.resolve(v) for k, v in node.attrs.items()}
        values[node] = node.op.evaluate(*(values[i] for i in node.inputs), **attrs)
    return values


def interpret(outputs: Any, feed: Feed) -> Any:
    """Return the NumPy value of a tensor, or of a list of tensors.

    ``feed`` gives each leaf its array, by tensor or by name. Raises `KeyError` naming a leaf
    without a value, and `ShapeError` where an array does not fit its leaf.
    """
    several = isinstance(outputs, (list, tuple))
    tensors: list[Tensor] = list(outputs) if several else [outputs]
    nodes = [t.node for t in tensors]
    leaves = {n.attrs["name"]: n for n in topological(nodes) if n.op.leaf}
    given: dict[Node, Any] = {}
    for key, value in feed.items():
        node = key.node if isinstance(key, Tensor) else leaves.get(key)
        if node is not None:
            given[node] = np.asarray(value)
    missing = [
        name for name, n in leaves.items() if n not in given and n.op.name != "random"
    ]
    if missing:
        raise KeyError(f"interpret needs a value for {', '.join(missing)}")
    values = evaluate(nodes, given)
    found = [values[n] for n in nodes]
    return found if several else found[0]
