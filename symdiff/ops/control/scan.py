"""The op `scan`: a body repeated along the first axis of its sequences.

In: a body, a carry and sequences. Out: one node that holds the body. Invariant: closed
under differentiation. The tangent of a scan is a scan over primal and tangent together;
its transpose is a scan in the other direction over the transposed body, which reads
what the first pass stacked. Both are ordinary scans.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.body import Body, substitute
from symdiff.graph.counted import is_counted
from symdiff.graph.errors import ShapeError
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, TensorType, TupleType, unify
from symdiff.ops.control.carries import moved_back, moved_forward, or_zeros
from symdiff.ops.control.residuals import body_residuals
from symdiff.ops.control.row_masks import row_masks
from symdiff.ops.control.rows import scanned
from symdiff.ops.core.closure import (
    Sweep,
    bound_like,
    check_carry,
    close,
)
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.record import primitive
from symdiff.ops.core.tuples import item
from symdiff.ops.shape.broadcasting import zeros_like


def _infer(
    *types: TensorType,
    body: Body,
    carries: int,
    sequences: int,
    length: Dim,
    reverse: bool,
) -> TupleType:
    spec = LoopSpec.counted(carries, sequences, len(types))
    starts, rows, _ = spec.split(types)
    ends, ys = spec.ends(body.outputs)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        check_carry(i, start, end.node.tensor_type)
    for i, t in enumerate(rows):
        if not t.shape or unify(t.shape[0], length) is None:
            raise ShapeError(
                f"sequence {i} has shape {t.shape}; its first axis must have length "
                f"{length}"
            )
    return TupleType((*starts, *(TensorType((length, *t.shape), t.dtype) for t in ys)))


def _evaluate(
    *arrays: Any,
    body: Callable[..., list[Any]],
    carries: int,
    sequences: int,
    length: int,
    reverse: bool,
) -> list[Any]:
    spec = LoopSpec.counted(carries, sequences, len(arrays))
    state, rows, rest = spec.split(arrays)
    order = range(length)[::-1] if reverse else range(length)
    kept: dict[int, Sequence[Any]] = {}
    for t in order:
        found = body(*state, *(r[t] for r in rows), *rest)
        state, kept[t] = spec.ends(found)
    if not length:
        return [*state, *_empty_stacks(body, arrays, spec)]
    columns = zip(*(kept[t] for t in range(length)), strict=True)
    return [*state, *(np.stack([np.asarray(v) for v in c]) for c in columns)]


def _empty_stacks(body: Any, arrays: Sequence[Any], spec: LoopSpec) -> list[Any]:
    """Return stacks of no steps, shaped as one step of zeros would shape them."""
    state, sequences, rest = spec.split(arrays)
    rows = [np.zeros(r.shape[1:], r.dtype) for r in sequences]
    with np.errstate(all="ignore"):
        _, stacked = spec.ends(getattr(body, "blank", body)(*state, *rows, *rest))
    made = [np.asarray(v) for v in stacked]
    return [np.zeros((0, *v.shape), v.dtype) for v in made]


def _inputs_of(outputs: Sequence[Tensor]) -> set[Node]:
    """Return every node that is read below ``outputs``."""
    return {i for n in topological([t.node for t in outputs]) for i in n.inputs}


def scan_node(
    carry: Sequence[Tensor],
    rows: Sequence[Tensor],
    outputs: Sequence[Tensor],
    init: Sequence[Tensor],
    sequences: Sequence[Tensor],
    length: Dim,
    reverse: bool,
) -> list[Tensor]:
    """Return the results of a scan whose body may still read tensors from outside."""
    closed, leaves, operands = close([*carry, *rows], outputs)
    read = {t.node for t in closed} | _inputs_of(closed)
    used = [i for i, r in enumerate(rows) if r.node in read]
    if not used and sequences and is_counted(length):
        used = [0]  # read a stack of the loop: only its length tells the trip count
    body = Body((*carry, *(rows[i] for i in used), *leaves), tuple(closed))
    node = apply(
        SCAN,
        *init,
        *(sequences[i] for i in used),
        *operands,
        body=body,
        carries=len(init),
        sequences=len(used),
        length=length,
        reverse=reverse,
    )
    return [item(node, i) for i in range(len(outputs))]


# --- forward mode ---------------------------------------------------------------------


def _jvp(
    tangents: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    body, spec = attrs["body"], LoopSpec.of(attrs)
    n = len(spec.carries)
    masks = row_masks(body.outputs, tangents, spec.rows, attrs["reverse"])
    derived, fresh, moved, replaced = moved_forward(
        sweep, attrs, inputs, tangents, masks.over
    )
    moving = [i for i in spec.carries if i in moved]
    shifted = [i for i in spec.rows if i in moved]
    stacked = [i for i in range(n, len(body.outputs)) if derived[i] is not None]
    outputs = [
        *body.outputs[:n],
        *(or_zeros(derived[i], body.outputs[i]) for i in moving),
        *body.outputs[n:],
        *(t for t in derived[n:] if t is not None),
    ]
    found = scan_node(
        [*(fresh[i] for i in spec.carries), *(moved[i] for i in moving)],
        [
            *(fresh[i] for i in spec.rows),
            *(moved[i] for i in shifted),
            *masks.leaves(),
        ],
        substitute(outputs, replaced),
        [*inputs[:n], *(or_zeros(tangents[i], inputs[i]) for i in moving)],
        [
            *(inputs[i] for i in spec.rows),
            *(masks.rows[i] for i in shifted),
            *masks.sequences(),
        ],
        attrs["length"],
        attrs["reverse"],
    )
    result: list[Tensor | None] = [None] * len(body.outputs)
    for place, i in enumerate(moving):
        result[i] = found[n + place]
    first = len(moving) + len(body.outputs)
    for place, i in enumerate(stacked):
        result[i] = found[first + place]
    return result


# --- reverse mode ---------------------------------------------------------------------


def _vjp(
    cts: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    body, spec = attrs["body"], LoopSpec.of(attrs)
    leaves, outputs = list(body.params), list(body.outputs)
    n = len(spec.carries)
    consts = [i for i in spec.consts if needs[i]]
    rows = [i for i in spec.rows if needs[i]]
    smooth = [i for i in spec.carries if leaves[i].dtype.is_float]
    seeds = {
        i: bound_like(o, "d_")
        for i, (o, ct) in enumerate(zip(outputs, cts, strict=True))
        if ct is not None
    }
    masks = row_masks(outputs, cts, range(n, len(outputs)), not attrs["reverse"])
    seeds, by_leaf = moved_back(
        sweep, body, seeds, smooth, [*rows, *consts], masks.over
    )
    turning = [i for i in smooth if i in seeds]
    kept = body_residuals(
        body, [d for d in by_leaf.values() if d is not None], list(seeds.values()), n
    )
    stacks = _with_stacks(output, inputs, attrs, kept)
    fresh_rows = {leaves[i].node: bound_like(leaves[i]) for i in spec.rows}
    fresh_kept = {t.node: bound_like(t) for t in kept}
    fresh_seeds = {i: bound_like(s) for i, s in seeds.items()}
    consts_out = [i for i in consts if by_leaf[i] is not None]
    totals = {i: bound_like(leaves[i], "d_") for i in consts_out}
    replaced = (
        fresh_rows | fresh_kept | {seeds[i].node: t for i, t in fresh_seeds.items()}
    )
    replaced |= {leaves[i].node: inputs[i] for i in spec.consts}
    wanted: list[Tensor | None] = [or_zeros(by_leaf[i], leaves[i]) for i in turning]
    wanted += [by_leaf[i] for i in consts_out]
    rows_out = [i for i in rows if by_leaf[i] is not None]
    wanted += [by_leaf[i] for i in rows_out]
    made = substitute([t for t in wanted if t is not None], replaced)
    added = [
        totals[i] + made[len(turning) + place] for place, i in enumerate(consts_out)
    ]
    shares = made[len(turning) + len(consts_out) :]
    ys = [i for i in seeds if i >= n]
    found = scan_node(
        [*(fresh_seeds[i] for i in turning), *totals.values()],
        [
            *fresh_rows.values(),
            *fresh_kept.values(),
            *(fresh_seeds[i] for i in ys),
            *masks.leaves(),
        ],
        [*made[: len(turning)], *added, *shares],
        [
            *(or_zeros(cts[i], inputs[i]) for i in turning),
            *(zeros_like(inputs[i]) for i in consts_out),
        ],
        [
            *(inputs[i] for i in spec.rows),
            *stacks,
            *(masks.rows[i] for i in ys),
            *masks.sequences(),
        ],
        attrs["length"],
        not attrs["reverse"],
    )
    result: list[Tensor | None] = [None] * len(inputs)
    for place, i in enumerate((*turning, *consts_out, *rows_out)):
        result[i] = found[place]
    return result


def _with_stacks(
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    kept: Sequence[Tensor],
) -> list[Tensor]:
    """Return the values of ``kept`` at every step, from a scan that stacks them too.

    Its body has the same bound leaves and begins with the same outputs, by which a
    later pass recognises that it computes everything the plain scan does.
    """
    if not kept:
        return []
    body = attrs["body"]
    longer = Body(body.params, (*body.outputs, *kept))
    node = apply(output.node.op, *inputs, **{**attrs, "body": longer})
    return [item(node, len(body.outputs) + i) for i in range(len(kept))]


SCAN = primitive(
    "scan",
    _infer,
    _evaluate,
    vjp=_vjp,
    jvp=_jvp,
    analytic=True,
    facts=Facts(
        sweeps=True,
        rows=scanned,
        chain="from the last turn to the first, the chain rule of its body",
    ),
)
