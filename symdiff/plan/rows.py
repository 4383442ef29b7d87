"""The dim that counts the rows of a batch.

In: the arguments of a model, and its loss. Out: the dim that counts their rows, and the
axis of rows of each argument. Invariant: shapes decide, and that what a loop goes along
is no row while there is another dim; `symdiff.plan.parts` then derives op by op what
becomes of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import sympy as sp

from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim
from symdiff.ops.elementwise.arithmetic import ADD


def row_dim(arguments: Sequence[Tensor], loss: Tensor | None = None) -> Dim | None:
    """Return the dim that counts rows, None where there is none.

    It is a symbol that is the first length of some argument; of several, the one that
    most arguments have. If the loss goes along it step by step, as along time in a
    sequence of batches, it is the next symbol instead that all matrices with these
    steps have. Where no length is symbolic, it is the first length of all arguments, if
    they share it.
    """
    have = Counter(d for t in arguments for d in _symbols(t))
    leading = [t.shape[0] if t.ndim else None for t in arguments]
    symbols = [d for d in leading if isinstance(d, sp.Symbol)]
    if symbols:
        found = max(symbols, key=lambda d: have[d])  # the first of equals
        steps = set() if loss is None else steps_of(loss)
        if found not in steps:
            return found
        beside = [_symbols(t) for t in arguments if t.ndim > 1 and found in t.shape]
        others = [d for d in have if d not in steps and all(d in b for b in beside)]
        return max(others, key=lambda d: have[d]) if beside and others else found
    if have or not leading or len({*leading}) != 1:
        return None
    return leading[0]


def _symbols(t: Tensor) -> list[sp.Symbol]:
    """Return the symbols among a tensor's lengths, once each, in order."""
    return list(dict.fromkeys(d for d in t.shape if isinstance(d, sp.Symbol)))


def steps_of(loss: Tensor) -> set[sp.Symbol]:
    """Return the dims along which a loop hands on what a next step depends on."""
    lengths = [n.attrs["length"] for n in _loops(topological([loss.node]))]
    return {d for n in lengths if isinstance(n, sp.Expr) for d in n.free_symbols}


def _loops(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield the counted loops whose order matters, among nodes and in their bodies."""
    for node in nodes:
        bodies = [v for v in node.attrs.values() if isinstance(v, Body)]
        if bodies and "length" in node.attrs and not _only_adds(node):
            yield node
        for body in bodies:
            yield from _loops(body.nodes)


def _only_adds(loop: Node) -> bool:
    """Whether steps hand on nothing but sums of what each has for itself."""
    body, spec = loop.attrs["body"], LoopSpec.of(loop.attrs)
    carries = [body.params[i].node for i in spec.carries]
    ends, stacked = spec.ends([t.node for t in body.outputs])
    own = list(stacked)
    for before, after in zip(carries, ends, strict=True):
        if after.op is ADD and before in after.inputs:
            own += [i for i in after.inputs if i is not before]
        elif after is not before:
            return False
    return not {*topological(own)} & {*carries}


def row_axes(arguments: Sequence[Tensor], rows: Dim | None) -> dict[Node, int]:
    """Return the axis of rows of each argument that has rows."""
    if rows is None:
        return {}
    if isinstance(rows, int):
        return {t.node: 0 for t in arguments}
    return {
        t.node: t.shape.index(rows)
        for t in arguments
        if [d for d in t.shape if rows in sp.sympify(d).free_symbols] == [rows]
    }
