"""What every suite asks of a sample: its graph, its values, its reference's slopes.

In: a `Sample`. Out: leaves, outputs and arrays bound together as a `Problem`, and
numeric derivatives that share no code with the rules. Invariant: a slope comes from the
sample's reference, so a wrong value and a wrong rule cannot hide each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from samples import Sample, draw
from samples.table import SYMMETRIC, A, Given, domain_of

from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, TensorType, dim, dtype
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.core.operands import API

STEP = 1e-3
TINY = 1e-30


@dataclass(frozen=True)
class Problem:
    """A sample as a graph, with its operands.

    ``leaves`` has the tensor of each operand, or the number itself; ``varied`` counts
    the operands that are differentiated.
    """

    sample: Sample
    leaves: list[Any]
    outputs: list[Tensor]
    values: list[Any]
    varied: list[int]

    @property
    def feed(self) -> dict[Node, Any]:
        """The array of each leaf."""
        return feed_of(self.leaves, self.values)

    @property
    def variables(self) -> list[Tensor]:
        """The leaves that are differentiated."""
        return [self.leaves[i] for i in self.varied]

    @property
    def smooth_outputs(self) -> list[int]:
        """The outputs that carry a derivative."""
        return [i for i, o in enumerate(self.outputs) if o.dtype.is_float]


def feed_of(leaves: Sequence[Any], values: Sequence[Any]) -> dict[Node, Any]:
    """Return the array of each leaf among operands."""
    pairs = zip(leaves, values, strict=True)
    return {x.node: a for x, a in pairs if isinstance(x, Tensor)}


def leaf(name: str, shape: Sequence[Any], kind: Any = FLOAT) -> Tensor:
    """Return an input tensor."""
    return apply(INPUT, name=name, shape=tuple(shape), dtype=dtype(kind))


def leaf_like(name: str, array: Any, symbolic: int | None = None) -> Any:
    """Return the input of an array; axes of length ``symbolic`` are the dim N."""
    if not isinstance(array, (np.ndarray, np.generic)):
        return array
    kind = FLOAT if array.dtype.kind == "f" else array.dtype
    shape = [dim("N") if d == symbolic else d for d in array.shape]
    return leaf(name, shape, kind)


def outputs_of(sample: Sample, leaves: Sequence[Any]) -> list[Tensor]:
    """Return the sample's results as a list, whatever container they came in."""
    return as_list(sample.build(leaves))


def as_list(result: Any) -> list[Any]:
    """Return results as a list; NumPy's named tuples and tuples are taken apart."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def problem(sample: Sample, seed: int = 0) -> Problem:
    """Return the sample's graph with concrete lengths, and its operands."""
    values = draw(sample, seed)
    leaves = [leaf_like(f"x{i}", a) for i, a in enumerate(values)]
    return Problem(sample, leaves, outputs_of(sample, leaves), values, varied(values))


def varied(values: Sequence[Any]) -> list[int]:
    """Return which operands are float arrays."""
    return [
        i
        for i, a in enumerate(values)
        if isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind == "f"
    ]


def forward_nodes(p: Problem) -> list[Node]:
    """Return the nodes of a problem's values, leaves included."""
    return topological([o.node for o in p.outputs])


def forward_ops(sample: Sample) -> frozenset[str]:
    """Return the names of the ops that a sample's value is made of."""
    return frozenset(n.op.name for n in forward_nodes(problem(sample)))


def run(tensors: Sequence[Tensor], feed: dict[Node, Any]) -> list[Any]:
    """Return the values of tensors; NumPy's warnings about special values are muted."""
    with np.errstate(all="ignore"):
        values = evaluate([t.node for t in tensors], feed)
    return [values[t.node] for t in tensors]


def refer(sample: Sample, values: Sequence[Any]) -> list[Any]:
    """Return the reference's values as a list of arrays."""
    with np.errstate(all="ignore"):
        found = sample.refer(values)
    return [np.asarray(a) for a in as_list(found)]


# --- directions and slopes --------------------------------------------------------


def direction(p: Problem, rng: np.random.Generator) -> list[np.ndarray]:
    """Return a random tangent for each varied operand, symmetric if its domain is."""
    found = []
    for i in p.varied:
        t = rng.normal(size=np.shape(p.values[i]))
        if domain_of(p.sample, p.sample.args[i]) in SYMMETRIC:
            t = (t + np.swapaxes(t, -1, -2)) / 2
        found.append(t)
    return found


def symmetrised(p: Problem, gradients: Sequence[Any]) -> list[np.ndarray]:
    """Return gradients with the part that symmetric tangents cannot see removed."""
    found = []
    for i, g in zip(p.varied, gradients, strict=True):
        if domain_of(p.sample, p.sample.args[i]) in SYMMETRIC:
            g = (g + np.swapaxes(g, -1, -2)) / 2
        found.append(np.asarray(g))
    return found


def moved(p: Problem, tangents: Sequence[Any], by: Any) -> list[Any]:
    """Return the operands, moved along tangents."""
    values = list(p.values)
    for i, t in zip(p.varied, tangents, strict=True):
        values[i] = np.asarray(values[i] + by * t)
    return values


def slope(
    function: Callable[[float], list[Any]], step: float = STEP
) -> list[np.ndarray]:
    """Return d function(h) / dh at 0 by central differences of fourth order."""
    near = [function(step), function(-step)]
    far = [function(2 * step), function(-2 * step)]
    return [
        (8 * (a - b) - (c - d)) / (12 * step)
        if np.asarray(a).dtype.kind == "f"
        else 0 * a
        for a, b, c, d in zip(*near, *far, strict=True)
    ]


def reference_slope(p: Problem, tangents: Sequence[Any]) -> list[np.ndarray] | None:
    """Return the directional derivative of the sample's reference; None at a kink."""
    return smooth_slope(lambda h: refer(p.sample, moved(p, tangents, h)))


def smooth_slope(function: Callable[[float], list[Any]]) -> list[np.ndarray] | None:
    """Return d function(h) / dh at 0, or None where two steps disagree: a kink."""
    found, other = slope(function), slope(function, 0.7 * STEP)
    for a, b in zip(found, other, strict=True):
        if np.any(np.abs(a - b) > 1e-4 * (1 + np.max(np.abs(b), initial=0))):
            return None
    return found


def complex_slope(p: Problem, tangents: Sequence[Any]) -> list[np.ndarray] | None:
    """Return the directional derivative by a complex step, or None if not analytic."""
    nodes = forward_nodes(p)
    wanted = p.sample.complex_ok
    if wanted is None:
        wanted = all(n.op.analytic or not n.inputs for n in nodes)
    if not wanted:
        return None
    try:
        found = refer(p.sample, moved(p, tangents, 1j * TINY))
    except TypeError:  # the reference is for real numbers; differences have to do
        return None
    return [np.imag(a) / TINY for a in found]


# --- derivative graphs ------------------------------------------------------------


@dataclass(frozen=True)
class Derivatives:
    """First derivatives of a problem in both modes, and the leaves they take.

    ``cotangents`` holds a leaf per smooth output, ``tangents`` one per varied operand.
    """

    vjp: list[Tensor]
    jvp: list[Tensor]
    cotangents: list[Tensor]
    tangents: list[Tensor]


def derivatives(p: Problem) -> Derivatives:
    """Build both modes of a problem's first derivative."""
    outputs = [p.outputs[i] for i in p.smooth_outputs]
    cts = [leaf(f"g{i}", o.shape) for i, o in enumerate(outputs)]
    ts = [leaf(f"t{i}", x.shape) for i, x in enumerate(p.variables)]
    pulled = API["vjp"](outputs, p.variables, cts)
    pushed = API["jvp"](outputs, p.variables, ts)
    return Derivatives(pulled, pushed, cts, ts)


def dot(left: Sequence[Any], right: Sequence[Any]) -> float:
    """Return the inner product of two lists of arrays."""
    return float(sum(np.sum(a * b) for a, b in zip(left, right, strict=True)))


def close(got: Any, wanted: Any, tolerance: float, what: str = "") -> None:
    """Fail where arrays differ by more than ``tolerance`` of the largest element."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, not {wanted.shape}"
    finite = np.abs(wanted[np.isfinite(wanted)]) if wanted.dtype.kind in "fc" else []
    scale = max(1.0, float(np.max(finite, initial=0.0)))
    np.testing.assert_allclose(
        got, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def numeric_shape(shape: Sequence[Any], length: int) -> tuple[int, ...]:
    """Return a symbolic shape at N = length."""
    return tuple(
        int(d.subs(dim("N"), length)) if isinstance(d, sp.Expr) else d for d in shape
    )


def tensor_type(node: Node) -> TensorType | None:
    """Return a node's type, or None where it has several results."""
    return node.type if isinstance(node.type, TensorType) else None


def is_given(sample: Sample) -> bool:
    """Whether some operand has values of its own, so lengths cannot change."""
    return any(isinstance(a, Given) for a in sample.args)


def leading(sample: Sample) -> int | None:
    """Return the length that can be made symbolic, if any."""
    if not sample.symbolic or is_given(sample) or not sample.args:
        return None
    first = sample.args[0]
    shape = first if isinstance(first, tuple) else getattr(first, "shape", ())
    return shape[0] if shape and shape[0] > 1 else None


def float_args(sample: Sample) -> list[Any]:
    """Return the float operands of a sample."""
    return [a for a in sample.args if isinstance(a, (tuple, A))]
