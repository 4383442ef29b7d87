"""`while_loop`: repetition for as long as a test holds.

In: Python functions traced once. Out: a node that holds both bodies. Invariant: closed
under differentiation. A while loop's tangent is a while loop; its transpose is a scan
over the carries that a stacking run of the same loop has kept.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.body import Body, substitute
from symdiff.graph.counted import counted_dim
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.provenance import Unpacked
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, TupleType
from symdiff.ops.control.branches import condition_of
from symdiff.ops.control.carries import moved_back, moved_forward, or_zeros
from symdiff.ops.control.scan import scan_node
from symdiff.ops.control.starts import started
from symdiff.ops.core.closure import (
    Sweep,
    argument_names,
    bound_like,
    check_carry,
    close,
    flatten_like,
    in_body,
    spread_names,
    unflatten,
)
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api
from symdiff.ops.core.record import primitive
from symdiff.ops.core.tuples import item
from symdiff.ops.shape.broadcasting import zeros_like
from symdiff.ops.surface.writes import call_back


def _infer_while(
    *types: TensorType, test: Body, body: Body, carries: int, steps: sp.Symbol | None
) -> TupleType:
    for i in range(carries):
        check_carry(i, types[i], body.outputs[i].node.tensor_type)
    ends = types[:carries]
    if steps is None:
        return TupleType(ends)
    return TupleType((*ends, *(TensorType((steps, *t.shape), t.dtype) for t in ends)))


def _evaluate_while(
    *arrays: Any, test: Any, body: Any, carries: int, stacked: bool = False
) -> list[Any]:
    """Run the loop; a stacking run adds the stacks and the number of steps."""
    state, rest = list(arrays[:carries]), arrays[carries:]
    kept: list[list[Any]] = []
    while bool(test(*state, *rest)[0]):
        if stacked:
            kept.append(state)
        state = body(*state, *rest)
    if not stacked:
        return state
    stacks = [
        np.stack([np.asarray(s[i]) for s in kept])
        if kept
        else np.zeros((0, *np.shape(state[i])), np.asarray(state[i]).dtype)
        for i in range(carries)
    ]
    return [*state, *stacks, len(kept)]


def while_node(
    carry: Sequence[Tensor],
    test: Tensor,
    outputs: Sequence[Tensor],
    init: Sequence[Tensor],
    steps: sp.Symbol | None = None,
) -> list[Tensor]:
    """Return the results of a while loop whose bodies may still read from outside.

    With ``steps``, the symbol of its trip count, the stacked carries follow.
    """
    closed, leaves, operands = close(carry, [test, *outputs])
    params = (*carry, *leaves)
    node = apply(
        WHILE,
        *init,
        *operands,
        test=Body(params, (closed[0],)),
        body=Body(params, tuple(closed[1:])),
        carries=len(init),
        steps=steps,
    )
    return [item(node, i) for i in range(len(init) * (1 if steps is None else 2))]


def _while_jvp(
    tangents: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    test, body = attrs["test"], attrs["body"]
    n = attrs["carries"]
    derived, fresh, moved, replaced = moved_forward(sweep, attrs, inputs, tangents)
    moving = list(moved)
    new = [or_zeros(derived[i], body.outputs[i]) for i in moving]
    ended = substitute([test.outputs[0]], _onto(test, body.params, replaced))[0]
    made = substitute([*body.outputs, *new], replaced)
    starts = [or_zeros(tangents[i], inputs[i]) for i in moving]
    found = while_node(
        [*fresh.values(), *moved.values()],
        ended,
        made,
        [*inputs[:n], *starts],
        attrs["steps"],
    )
    stacked = attrs["steps"] is not None
    result: list[Tensor | None] = [None] * (2 * n if stacked else n)
    for place, i in enumerate(moving):
        result[i] = found[n + place]
        if stacked:
            result[n + i] = found[n + len(moving) + n + place]
    return result


def _onto(
    test: Body, leaves: Sequence[Tensor], replaced: Mapping[Node, Tensor]
) -> dict[Node, Tensor]:
    """Return the replacements for the test's own leaves, which match the body's."""
    return {
        p.node: replaced.get(leaf.node, leaf)
        for p, leaf in zip(test.params, leaves, strict=True)
    }


def _while_vjp(
    cts: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    """Scan the transposed body backwards over the stacked carries of the loop.

    With its steps counted, a while loop is a scan, and is transposed like one.
    """
    body, spec = attrs["body"], LoopSpec.of(attrs)
    leaves, outputs = list(body.params), list(body.outputs)
    n = len(spec.carries)
    stacks, steps = stacked_carries(output, inputs, attrs)
    stack_cts = {i: cts[n + i] for i in range(len(cts) - n) if cts[n + i] is not None}
    smooth = [i for i in spec.carries if leaves[i].dtype.is_float]
    consts = [i for i in spec.consts if needs[i]]
    alive = [i for i in spec.carries if cts[i] is not None or i in stack_cts]
    seeds = {i: bound_like(outputs[i], "d_") for i in alive}
    seeds, by_leaf = moved_back(sweep, body, seeds, smooth, consts)
    turning = [i for i in smooth if i in seeds]
    consts_out = [i for i in consts if by_leaf[i] is not None]
    rows = [bound_like(p) for p in leaves[:n]]
    more = {i: bound_like(leaves[i], "d_") for i in stack_cts}
    fresh_seeds = {i: bound_like(seeds[i]) for i in turning}
    totals = {i: bound_like(leaves[i], "d_") for i in consts_out}
    replaced = {leaves[i].node: rows[i] for i in spec.carries}
    replaced |= {leaves[i].node: inputs[i] for i in spec.consts}
    replaced |= {seeds[i].node: t for i, t in fresh_seeds.items()}
    wanted = [or_zeros(by_leaf[i], leaves[i]) for i in (*turning, *consts_out)]
    made = dict(zip((*turning, *consts_out), substitute(wanted, replaced), strict=True))
    for i, row in more.items():
        made[i] = made[i] + row
    found = scan_node(
        [*fresh_seeds.values(), *totals.values()],
        [*rows, *more.values()],
        [*(made[i] for i in turning), *(totals[i] + made[i] for i in consts_out)],
        [
            *(or_zeros(cts[i], inputs[i]) for i in turning),
            *(zeros_like(inputs[i]) for i in consts_out),
        ],
        [*stacks, *(t for t in stack_cts.values() if t is not None)],
        steps,
        True,
    )
    result: list[Tensor | None] = [None] * len(inputs)
    for place, i in enumerate((*turning, *consts_out)):
        result[i] = found[place]
    return result


def stacked_carries(
    output: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> tuple[list[Tensor], sp.Symbol]:
    """Return the stacks of every carry before each step, and the trip count."""
    n = attrs["carries"]
    if attrs["steps"] is not None:
        return [item(output, n + i) for i in range(n)], attrs["steps"]
    steps = _steps_of(output.node)
    node = apply(WHILE, *inputs, **{**attrs, "steps": steps})
    return [item(node, n + i) for i in range(n)], steps


_counted: weakref.WeakKeyDictionary[Node, sp.Symbol] = weakref.WeakKeyDictionary()
_marks = itertools.count(1)


def _steps_of(node: Node) -> sp.Symbol:
    """Return the symbol of a loop's trip count, one for each node.

    Two loops of the same structure need two symbols, because their operands may be
    substituted later. The compiler numbers the symbols by place.
    """
    if node not in _counted:
        _counted[node] = counted_dim(f"made_{next(_marks)}")
    return _counted[node]


WHILE = primitive(
    "while_loop",
    _infer_while,
    _evaluate_while,
    vjp=_while_vjp,
    jvp=_while_jvp,
    analytic=False,
    facts=Facts(
        sweeps=True,
        chain="as often as it ran, from the last turn, the chain rule of its body",
    ),
)


@api("while_loop")
def while_loop(test: Callable[..., Any], body: Callable[..., Any], init: Any) -> Any:
    """Repeat ``carry = body(carry)`` while ``test(carry)`` holds.

    Both functions are called once, with symbolic tensors; ``test`` returns a boolean
    scalar. The carry is a tensor or a nested tuple, list or dict, and keeps its types
    (Python's numbers as in `scan`).
    Reverse mode keeps the carries of all steps in memory; forward mode keeps none.
    """
    name = argument_names(body, 1, "carry")[0]

    def step(form: Any, carry: Sequence[Tensor]) -> tuple[list[Tensor], Any]:
        with in_body():
            given = unflatten(form, carry, Unpacked)
            going, found = (call_back(f, given) for f in (test, body))
        condition = condition_of(going, "the test of while_loop")
        return flatten_like(form, found, "the carry of while_loop"), condition

    seen = started(init, lambda n: spread_names(name, n), step)
    return unflatten(
        seen.form, while_node(seen.carry, seen.rest, seen.ends, seen.starts)
    )
