"""Evaluation of a graph node by node, through each op's own record.

In: nodes and the arrays of their leaves. Out: NumPy values. Invariant: nothing is
rewritten, planned or printed on the way, which makes this the oracle of code
generation; each node is evaluated once, in topological order, as a gate of the
lecture's circuit is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.arrays import as_declared, require_plain
from symdiff.graph.body import Body, every_node
from symdiff.graph.errors import ShapeError
from symdiff.graph.indexing import require_labels
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import checked_call
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import (
    FLOAT,
    Dim,
    DType,
    TensorType,
)

Feed = Mapping[Any, Any]
NONE: Mapping[Node, tuple[int, int]] = {}


class Environment:
    """Dims and the float dtype that a set of arrays fixes for a run."""

    def __init__(
        self, feed: Mapping[Node, np.ndarray], outer: Environment | None = None
    ) -> None:
        self.dims: dict[sp.Symbol, int] = {} if outer is None else dict(outer.dims)
        floats = [
            n for n, a in feed.items() if n.dtype.is_float and a.dtype.kind == "f"
        ]
        # a leaf with a declared width decides only where no leaf is plain ``float``
        told = [n for n in floats if n.dtype == FLOAT] or floats
        widths = {feed[n].dtype for n in told}
        self.float = np.result_type(*widths) if widths else np.dtype("float64")
        if outer is not None:
            self.float = outer.float
        for node, array in feed.items():
            self._bind(node, array)
        for node, array in feed.items():  # a dim may occur only in formulas
            for dim, length in zip(node.shape, array.shape, strict=True):
                self._solve(dim, length)

    def _solve(self, dim: Any, length: int) -> None:
        """Bind a dim that occurs in a formula only, if it is the one unknown there."""
        if not isinstance(dim, sp.Expr) or dim.free_symbols <= self.dims.keys():
            return
        left = dim.subs(self.dims)
        symbols = left.free_symbols
        if len(symbols) == 1 and left.is_polynomial(*symbols):
            (symbol,) = symbols
            found = sp.Poly(left - length, symbol).ground_roots()
            whole = [int(r) for r in found if r.is_integer and r >= 0]
            if len(whole) == 1:
                self.dims[symbol] = whole[0]

    def _bind(self, node: Node, array: np.ndarray) -> None:
        if len(node.shape) != array.ndim:
            raise ShapeError(
                f"{node.attrs.get('name')}: expected {len(node.shape)} axes, got "
                f"{array.shape}."
            )
        for dim, length in zip(node.shape, array.shape, strict=True):
            known = (
                self.dims.setdefault(dim, length) if isinstance(dim, sp.Symbol) else dim
            )
            if isinstance(known, int) and known != length:
                raise ShapeError(
                    f"{node.attrs.get('name')}: axis of length {length} where {dim} is "
                    f"{known}."
                )

    def resolve(self, value: Any) -> Any:
        """Return an attribute with dims and the float dtype as they are in this run."""
        match value:
            case sp.Expr():
                number = value.subs(self.dims)
                return int(number) if number.is_integer else float(number)
            case DType() if value == FLOAT:
                return DType(self.float.name, "f")
            case tuple():
                return tuple(self.resolve(v) for v in value)
            case Body():
                return Running(value, self)
            case slice():
                return slice(*map(self.resolve, (value.start, value.stop, value.step)))
            case _:
                return value


def evaluate(
    nodes: Iterable[Node],
    feed: Mapping[Node, Any],
    draws: Mapping[Node, tuple[int, int]] = NONE,
) -> dict[Node, Any]:
    """Return the value of every node that ``nodes`` need.

    ``draws`` gives random leaves their key and site.
    """
    values: dict[Node, Any] = {n: np.asarray(a) for n, a in feed.items()}
    _run(nodes, values, Environment(values), draws)
    return values


def _run(
    nodes: Iterable[Node],
    values: dict[Node, Any],
    env: Environment,
    draws: Mapping[Node, tuple[int, int]],
) -> None:
    """Evaluate what is missing from ``values``, in topological order."""
    for node in topological(nodes):
        if node in values:
            continue
        attrs = {k: env.resolve(v) for k, v in node.attrs.items() if k != "steps"}
        if node in draws:
            attrs["key"], attrs["site"] = draws[node]
        steps = node.attrs.get("steps")
        if steps is not None:
            attrs["stacked"] = True
        operands = tuple(values[i] for i in node.inputs)
        require_labels(node, operands, env.resolve)
        found = node.op.evaluate(*operands, **attrs)
        if steps is not None:  # the loop's trip count is known only now
            *found, env.dims[steps] = found
        values[node] = found


@dataclass(frozen=True)
class Running:
    """A body as a function of arrays, in the environment of the node that holds it."""

    body: Body
    env: Environment

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return the outputs for values of the bound leaves."""
        values, inner = self._bound(arrays)
        _run([t.node for t in self.body.outputs], values, inner, NONE)
        return [values[t.node] for t in self.body.outputs]

    def blank(self, *arrays: Any) -> list[Any]:
        """Return zeros of the outputs' types, without running what may not run on them.

        Only lengths that are known when an inner loop has run need a run.
        """
        _, inner = self._bound(arrays)
        if not all(_are_known(t.shape, inner) for t in self.body.outputs):
            return self(*arrays)
        types = [(t.shape, inner.resolve(t.dtype).name) for t in self.body.outputs]
        return [np.zeros(inner.resolve(shape), name) for shape, name in types]

    def _bound(self, arrays: Iterable[Any]) -> tuple[dict[Node, Any], Environment]:
        pairs = zip(self.body.params, arrays, strict=True)
        values = {p.node: np.asarray(a) for p, a in pairs}
        return values, Environment(values, self.env)


def _check_lengths(nodes: list[Node], env: Environment) -> None:
    """Raise `ShapeError` where lengths differ that type rules assumed to be equal.

    NumPy would broadcast an axis that happens to have length 1.
    """
    if not env.dims:
        return
    every = every_node(topological(nodes))
    for c in (c for node in every for c in node.constraints):
        if c.right is None or not _are_known((c.left, c.right), env):
            continue
        if env.resolve(c.left) != env.resolve(c.right):
            raise ShapeError(f"lengths must agree: {c.left} != {c.right}.")


def _check_shapes(nodes: list[Node], values: list[Any], env: Environment) -> None:
    """Raise `ShapeError` where NumPy cut a result short: a slice beyond an axis."""
    for node, value in zip(nodes, values, strict=True):
        if not isinstance(node.type, TensorType) or not _are_known(node.shape, env):
            continue
        expected = env.resolve(node.shape)
        if np.shape(value) != expected:
            raise ShapeError(
                f"the result has shape {np.shape(value)} instead of {node.shape}, "
                f"which is {expected}."
            )


def _are_known(lengths: Iterable[Dim], env: Environment) -> bool:
    """Whether the arrays determine these lengths; they leave trip counts open."""
    symbols = [d.free_symbols for d in lengths if isinstance(d, sp.Expr)]
    return all(found <= env.dims.keys() for found in symbols)


@checked_call
def interpret(outputs: Any, feed: Feed, key: int | None = None) -> Any:
    """Return the NumPy value of a tensor, or of a list of tensors.

    Parameters
    ----------
    outputs : Tensor or list of Tensor
        What to evaluate.
    feed : dict
        The array of each leaf, by tensor or by name. Integers are taken in the dtype
        that their leaf is declared in.
    key : int, optional
        The key for random leaves that ``feed`` does not give; their sites are numbered
        in the order of declaration, among the leaves that ``outputs`` need.

    Raises
    ------
    KeyError
        Naming a leaf without a value.
    ShapeError
        Where an array does not fit its leaf, or a label is no class.
    DTypeError
        Where an array is of another kind, or holds an integer that the declared dtype
        does not.
    """
    several = isinstance(outputs, (list, tuple))
    tensors: list[Tensor] = list(outputs) if several else [outputs]
    for leaf, value in feed.items():
        require_plain(f"the value of {leaf!r}", value)
    nodes = [t.node for t in tensors]
    found_leaves = [n for n in topological(nodes) if n.op.leaf]
    leaves = {n.attrs["name"]: n for n in found_leaves if not n.op.facts.draws}
    given: dict[Node, Any] = {}
    for name, value in feed.items():
        node = name.node if isinstance(name, Tensor) else leaves.get(name)
        if node is not None:
            given[node] = as_declared(f"the value of {name!r}", value, node.dtype)
    missing = [name for name, n in leaves.items() if n not in given]
    if missing:
        raise KeyError(f"interpret needs a value for {', '.join(missing)}")
    randoms = [n for n in found_leaves if n.op.facts.draws]
    if key is None and any(n not in given for n in randoms):
        raise KeyError(
            "the graph draws random numbers: pass key=0, or a value for each draw"
        )
    draws: dict[Node, tuple[int, int]] = {}
    if randoms and key is not None:
        declared = [
            t.node for t in tensor_topological(tensors) if t.node.op.facts.draws
        ]
        draws = {n: (key, site) for site, n in enumerate(declared) if n not in given}
    env = Environment(given)
    _check_lengths(nodes, env)
    values = evaluate(nodes, given, draws)
    found = [values[n] for n in nodes]
    _check_shapes(nodes, found, env)
    return found if several else found[0]
