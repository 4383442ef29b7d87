"""Which carries of a loop have a derivative, found as a fixed point over one step.

In: a body, and tangents or cotangents of its leaves or outputs. Out: the derivatives of
one step. Invariant: a carry that starts without a tangent may get one from what the
body reads, and a carry without a cotangent at the end may get one inside the body; both
are included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.closure import Sweep, bound_like, swept_back
from symdiff.ops.shape.broadcasting import zeros_like

# (place of a leaf or output, its bound (co)tangent) -> the (co)tangent that is swept
Masked = Callable[[int, Tensor], Tensor]


def or_zeros(t: Tensor | None, like: Tensor) -> Tensor:
    """Return a tangent or cotangent; zeros where there is none."""
    return zeros_like(like) if t is None else t


class Moved(NamedTuple):
    """The tangents of a body's outputs, and the leaves of the loop that computes them.

    ``fresh`` are the new loop's carries and rows, ``moved`` their tangents;
    ``replaced`` maps the old body's leaves, and their tangents, to leaves of the new.
    """

    outputs: list[Tensor | None]
    fresh: dict[int, Tensor]
    moved: dict[int, Tensor]
    replaced: dict[Node, Tensor]


def moved_forward(
    sweep: Sweep,
    attrs: Mapping[str, Any],
    inputs: Sequence[Tensor],
    tangents: Sequence[Tensor | None],
    masked: Masked = lambda place, moving: moving,
) -> Moved:
    """Return the tangents of one step of a loop with these operands and tangents."""
    body, spec = attrs["body"], LoopSpec.of(attrs)
    leaves = body.params
    given = {i: t for i, t in enumerate(tangents) if t is not None}
    moves = {i: bound_like(leaves[i], "t_") for i in given}
    while True:
        places = sorted(moves)
        derived = sweep(
            body.outputs,
            [leaves[i] for i in places],
            [masked(i, moves[i]) for i in places],
        )
        late = [i for i in spec.carries if derived[i] is not None and i not in moves]
        if not late:
            break
        moves |= {i: bound_like(leaves[i], "t_") for i in late}
    fresh = {i: bound_like(leaves[i]) for i in spec.inner}
    moved = {i: bound_like(moves[i]) for i in places if i in spec.inner}
    replaced = {leaves[i].node: t for i, t in fresh.items()}
    replaced |= {leaves[i].node: inputs[i] for i in spec.consts}
    both = given | moved
    replaced |= {moves[i].node: both[i] for i in places}
    return Moved(derived, fresh, moved, replaced)


def moved_back(
    sweep: Sweep,
    body: Body,
    seeds: dict[int, Tensor],
    smooth: Sequence[int],
    others: Sequence[int],
    masked: Masked = lambda place, moving: moving,
) -> tuple[dict[int, Tensor], dict[int, Tensor | None]]:
    """Return the cotangents of outputs, and those of the leaves.

    ``seeds`` are the cotangents of outputs that are given; those of carries that a
    cotangent reaches inside the body are added. ``smooth`` are the carries that can
    have a cotangent, ``others`` the leaves beside them that need one.
    """
    leaves, wrt = body.params, [*smooth, *others]
    while True:
        derived = swept_back(
            sweep,
            [body.outputs[i] for i in seeds],
            [masked(i, seed) for i, seed in seeds.items()],
            [leaves[i] for i in wrt],
        )
        by_leaf = dict(zip(wrt, derived, strict=True))
        late = [i for i in smooth if by_leaf[i] is not None and i not in seeds]
        if not late:
            return seeds, by_leaf
        seeds = {**seeds, **{i: bound_like(leaves[i], "d_") for i in late}}
