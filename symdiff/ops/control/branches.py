"""`cond`: choice by a value.

In: Python functions traced once. Out: a node that holds both bodies. Invariant: closed
under differentiation, a branch's derivatives are branches on the same predicate; only
the chosen side is ever computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symdiff.graph.body import Body, substitute
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.order import Part, part_here
from symdiff.graph.tensor import Tensor, apply, in_order
from symdiff.graph.types import TensorType, TupleType, unify
from symdiff.ops.control.carries import or_zeros
from symdiff.ops.control.rows import branched
from symdiff.ops.control.starts import number
from symdiff.ops.core.closure import (
    Sweep,
    bound_apart,
    bound_like,
    flatten,
    flatten_like,
    swept_back,
    unflatten,
)
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import api, as_tensor, float_operand
from symdiff.ops.core.record import primitive
from symdiff.ops.core.tuples import item
from symdiff.ops.surface.writes import call_back


def condition_of(value: Any, what: str) -> Tensor:
    tensor = as_tensor(value)
    if not tensor.dtype.is_bool or tensor.ndim:
        raise DTypeError(
            f"{what} must be a boolean scalar, got {tensor.type}; compare, and reduce "
            "with "
            "sd.any or sd.all."
        )
    return tensor


def _infer_cond(
    pred: TensorType, *types: TensorType, then: Body, otherwise: Body
) -> TupleType:
    if not pred.dtype.is_bool or pred.shape:
        raise DTypeError(f"the predicate must be a boolean scalar, got {pred}")
    for i, (a, b) in enumerate(zip(then.outputs, otherwise.outputs, strict=True)):
        s, t = a.node.tensor_type, b.node.tensor_type
        same = s.ndim == t.ndim and all(
            unify(x, y) is not None for x, y in zip(s.shape, t.shape, strict=True)
        )
        if not same or s.dtype != t.dtype:
            raise ShapeError(f"result {i} is {s} in one branch and {t} in the other")
    return TupleType(tuple(t.node.tensor_type for t in then.outputs))


def _evaluate_cond(pred: Any, *arrays: Any, then: Any, otherwise: Any) -> list[Any]:
    found: list[Any] = (then if bool(pred) else otherwise)(*arrays)
    return found


def cond_node(
    pred: Tensor, then: Sequence[Tensor], otherwise: Sequence[Tensor], inside: Part
) -> list[Tensor]:
    """Return the results of a branch whose sides may still read tensors from outside.

    Tensors made ``inside`` belong to their side and are computed there only; all others
    become operands.
    """
    frontier: dict[Node, Tensor] = {}
    for side in (then, otherwise):
        for tensor in _outside(side, inside):
            frontier.setdefault(tensor.node, tensor)
    leaves = bound_apart(frontier)
    sides = [substitute(list(side), leaves) for side in (then, otherwise)]
    params = tuple(leaves.values())
    node = apply(
        COND,
        pred,
        *frontier.values(),
        then=Body(params, tuple(sides[0])),
        otherwise=Body(params, tuple(sides[1])),
    )
    return [item(node, i) for i in range(len(then))]


def _outside(outputs: Sequence[Tensor], inside: Part) -> list[Tensor]:
    """Return the tensors that a side reads: leaves, and what was not made inside."""
    found: dict[Node, Tensor] = {}
    seen: set[Tensor] = set()
    stack = list(outputs)
    while stack:
        tensor = stack.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        made = inside.holds(tensor.order) or not tensor.parents
        if tensor.node.op.leaf or not made:
            found.setdefault(tensor.node, tensor)
        else:
            stack.extend(tensor.parents)
    return in_order(found.values())


def _apart(body: Body, operands: Sequence[Tensor]) -> dict[Node, Tensor]:
    return {p.node: t for p, t in zip(body.params, operands, strict=True)}


def _cond_jvp(
    tangents: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    sides = []
    for body in (attrs["then"], attrs["otherwise"]):
        moves = {
            i: bound_like(p, "t_")
            for i, (p, t) in enumerate(zip(body.params, tangents[1:], strict=True))
            if t is not None
        }
        derived = sweep(
            body.outputs, [body.params[i] for i in moves], list(moves.values())
        )
        sides.append((body, moves, derived))
    alive = [
        i for i in range(len(sides[0][2])) if any(d[i] is not None for _, _, d in sides)
    ]
    if not alive:
        return [None] * len(sides[0][2])
    made = []
    with part_here() as inside:
        for body, moves, derived in sides:
            replaced = _apart(body, inputs[1:])
            replaced |= {t.node: tangents[1 + i] for i, t in moves.items()}
            wanted = [or_zeros(derived[i], body.outputs[i]) for i in alive]
            made.append(substitute(wanted, replaced))
    found = cond_node(inputs[0], made[0], made[1], inside)
    result: list[Tensor | None] = [None] * len(sides[0][2])
    for place, i in enumerate(alive):
        result[i] = found[place]
    return result


def _cond_vjp(
    cts: Sequence[Tensor | None],
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
    *,
    sweep: Sweep,
) -> list[Tensor | None]:
    sides = []
    for body in (attrs["then"], attrs["otherwise"]):
        wrt = [i for i in range(len(body.params)) if needs[1 + i]]
        # The cotangents are used as they are, without fresh bound leaves: a zero that
        # comes from selecting is recognised by the form of its graph.
        seeds = {i: ct for i, ct in enumerate(cts) if ct is not None}
        derived = swept_back(
            sweep,
            [body.outputs[i] for i in seeds],
            list(seeds.values()),
            [body.params[i] for i in wrt],
        )
        sides.append((body, dict(zip(wrt, derived, strict=True))))
    alive = [i for i in sides[0][1] if any(d[i] is not None for _, d in sides)]
    result: list[Tensor | None] = [None] * len(inputs)
    if not alive:
        return result
    made = []
    with part_here() as inside:
        for body, shares in sides:
            replaced = _apart(body, inputs[1:])
            wanted = [or_zeros(shares[i], body.params[i]) for i in alive]
            made.append(substitute(wanted, replaced))
    found = cond_node(inputs[0], made[0], made[1], inside)
    for place, i in enumerate(alive):
        result[1 + i] = found[place]
    return result


COND = primitive(
    "cond",
    _infer_cond,
    _evaluate_cond,
    vjp=_cond_vjp,
    jvp=_cond_jvp,
    facts=Facts(
        sweeps=True, rows=branched, chain="the chain rule of the side that was taken"
    ),
)


@api("cond")
def cond(
    pred: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *operands: Any
) -> Any:
    """``then(*operands)`` where ``pred`` holds, else ``otherwise(*operands)``.

    ``pred`` is a boolean scalar; only the chosen side is computed. Both sides are
    called once, with symbolic tensors, and must return the same nested container of
    equal types. They may read any other tensor.
    """
    condition = condition_of(pred, "the predicate of cond")
    with part_here() as inside:
        sides = [call_back(side, *operands) for side in (then, otherwise)]
    _, form = flatten(sides[0])
    first, second = _results(form, *sides)
    if not first:
        raise DeclarationError("the sides of cond return nothing.")
    return unflatten(form, cond_node(condition, first, second, inside))


def _results(form: Any, then: Any, otherwise: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Return both sides' results as tensors, a number as the other side needs it.

    Where a plain NumPy function returns an integer on both sides, that is what it
    stays.
    """

    def made(leaf: Any) -> Any:
        words = "the results of cond"
        return zip(
            flatten_like(form, then, words, leaf),
            flatten_like(form, otherwise, words, leaf),
            strict=True,
        )

    pairs = [
        whole if all(t.dtype.is_integer for t in whole) else plain
        for whole, plain in zip(made(number), made(float_operand), strict=True)
    ]
    return [a for a, _ in pairs], [b for _, b in pairs]
