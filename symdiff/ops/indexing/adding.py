"""Adding to some elements of a copy: ``d[np.arange(N), y] += v``.

In: a tensor, what is added, and the index arrays. Out: the sum. Invariant: elements
that are named more than once get each of their summands. It has no public function:
the rewrite of ``x + scatter_add(v)`` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.layouts import filled as c_order
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.indexing.gather import (
    gather,
    infer_update,
    own_written_rows,
    scatter_add,
)
from symdiff.ops.indexing.index import (
    Index,
    along_axis,
    filled,
    index_lengths,
    never_repeats,
    place_text,
    place_tuple_text,
    takes_labels,
)


def _infer(x: Any, value: Any, *arrays: Any, index: Index, minus: bool) -> Any:
    return infer_update(x, value, *arrays, index=index)


def _evaluate(x: Any, value: Any, *arrays: Any, index: Index, minus: bool) -> Any:
    result = np.array(x)
    change = np.subtract if minus else np.add
    change.at(result, filled(index, result.shape, arrays), value)
    return result


def _text(node: Node) -> str:
    minus = node.attrs["minus"]
    if never_repeats(node.attrs["index"], node.inputs[2:]):
        change = f"_out[{place_text(node, 2)}] {'-' if minus else '+'}= _1"
    else:
        name = "subtract" if minus else "add"
        change = f"np.{name}.at(_out, {place_tuple_text(node, 2)}, _1)"
    return f"_out = _0.copy()\n{change}"


def _vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    _, _, *arrays = inputs
    read: Any = gather(ct, arrays, attrs["index"]) if needs[1] else None
    if read is not None and attrs["minus"]:
        read = -read
    return [ct, read, *(None for _ in arrays)]


def _jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    first: Any = tangents[0]
    if tangents[1] is None:
        return first
    placed: Any = scatter_add(tangents[1], inputs[2:], output.shape, attrs["index"])
    if first is None:
        return -placed if attrs["minus"] else placed
    return first - placed if attrs["minus"] else first + placed


ADD_AT = primitive(
    "add_at",
    _infer,
    _evaluate,
    vjp=_vjp,
    jvp=_jvp,
    text=_text,
    analytic=True,
    rule="each summand is read where it was added",
    facts=Facts(
        indices=index_lengths(lambda node: node.shape, 2),
        labels=takes_labels,
        stretches=(1,),
        layout=c_order,
        rows=own_written_rows,
    ),
)


def adds_plainly(scattered: Node) -> bool:
    """Whether a `scatter_add` is written as an index that NumPy adds to."""
    arrays = scattered.inputs[1:]
    return along_axis(scattered.attrs["index"], len(arrays[0].shape)) is None


def add_at(x: Tensor, scattered: Tensor, value: Tensor, minus: bool) -> Tensor:
    """Return ``x ± scattered``, a `scatter_add`, without an array for the latter."""
    _, *arrays = scattered.parents
    index = scattered.node.attrs["index"]
    return apply(ADD_AT, x, value, *arrays, index=index, minus=minus)
