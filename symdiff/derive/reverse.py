"""Reverse mode: one sweep from outputs to inputs, cotangents added at fan-out.

In: output tensors and their cotangents. Out: the cotangent of each tensor asked for, as
ordinary graph. Invariant: each primal node's rule is applied once, after every user of
the node has contributed. None stands for a zero cotangent; the sweep never makes an
array of zeros for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from symdiff.derive.apart import vjp_apart
from symdiff.derive.stability import stabilised
from symdiff.derive.sums import add_all
from symdiff.derive.zeros import selected_vjp
from symdiff.graph.errors import DerivativeError, ShapeError, SymdiffWarning
from symdiff.graph.node import Node
from symdiff.graph.origin import FAN_OUT, Site, mark
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType, dims_equal
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import api, as_tensor, float_operand
from symdiff.ops.core.record import Op, Vjp
from symdiff.ops.core.tuples import ITEM
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.selecting.masks import hides, scalar_mask
from symdiff.ops.selecting.support import Seen
from symdiff.ops.shape.broadcasting import zeros_like


def reverse_sweep(
    outputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    wrt: Sequence[Tensor],
    totals: dict[Node, Tensor] | None = None,
) -> list[Tensor | None]:
    """Return the cotangent of each tensor in ``wrt``; None where nothing reaches it.

    ``totals`` is filled with the cotangent of every node that the sweep passes.
    """
    order = tensor_topological(outputs)
    wanted = {t.node for t in wrt}
    active = active_nodes(order, wanted)
    pending: dict[Node, list[Any]] = {}
    for output, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and output.node in active:
            pending.setdefault(output.node, []).append(ct)
    found: dict[Node, Tensor] = {}
    seen: Seen = {}
    for tensor in reversed(order):
        node = tensor.node
        contributions = pending.pop(node, None)
        if contributions is None:
            continue
        with at_site(_site_of_sum(tensor, contributions)):
            total = summed(node, contributions)
            if isinstance(total, Tensor):
                mark(total, cotangent_of=(*total.cotangent_of, ("d", tensor)))
                if totals is not None:
                    totals[node] = total
            if node in wanted:
                found[node] = total
        if any(i in active for i in node.inputs):
            with at_site(
                Site((), tensor.scope, primal=tensor, rule=node.op.rule_of(node))
            ):
                hand_back(tensor, total, active, pending, seen)
    return [found.get(t.node) for t in wrt]


def active_nodes(order: Sequence[Tensor], wanted: set[Node]) -> set[Node]:
    """Return the nodes whose value depends differentiably on a wanted node."""
    active: set[Node] = set()
    for tensor in order:
        node = tensor.node
        flows = node.op.vjp is not None and _is_float(node)
        if node in wanted or (flows and any(i in active for i in node.inputs)):
            active.add(node)
    return active


def _is_float(node: Node) -> bool:
    if isinstance(node.type, TupleType):
        return any(t.dtype.is_float for t in node.type.items)
    return node.type.dtype.is_float


def _site_of_sum(tensor: Tensor, contributions: list[Any]) -> Site:
    """Return the site of a sum of contributions; for a leaf, that of its first use."""
    last = contributions[-1]
    if (
        tensor.node.op.leaf
        and isinstance(last, Tensor)
        and last.site.primal is not None
    ):
        return last.site
    return Site((), tensor.scope, primal=tensor, rule=FAN_OUT)


def summed(node: Node, contributions: list[Any]) -> Any:
    """Add up contributions, those of first uses first.

    What a loop carries comes before them, so that the sum goes on with it, and then
    what is computed from it. A node with several results gets a list with one sum for
    each, cast to the dtype of the result: a carry must keep its dtype.
    """
    latest = contributions[::-1]
    if not isinstance(node.type, TupleType):
        carries = {t.node for t in latest if t is not None and t.node.op is BOUND}
        if carries:
            latest.sort(key=lambda t: _distance(t, carries))
        return add_all(latest)
    totals = [
        add_all(ct for index, ct in latest if index == i)
        for i in range(len(node.type.items))
    ]
    pairs = zip(totals, node.type.items, strict=True)
    return [None if t is None else cast(t, kind.dtype) for t, kind in pairs]


def _distance(share: Tensor | None, carries: set[Node]) -> int:
    """Return 0 for a carry, 1 for what is computed from one directly, 2 for the rest.

    A product of a carry with something is, its negative as well, and a view of these.
    """
    near = set() if share is None else {share.node}
    for away in (0, 1, 1, 1):
        if near & carries:
            return away
        near = {i for n in near for i in n.inputs}
    return 2


def hand_back(
    tensor: Tensor,
    total: Any,
    active: set[Node],
    pending: dict[Node, list[Any]],
    seen: Seen,
) -> None:
    """Apply the node's rule and add each input's share to ``pending``."""
    node = tensor.node
    if node.op is ITEM:
        (source,) = node.inputs
        pending.setdefault(source, []).append((node.attrs["index"], total))
        return
    needs = [i in active for i in node.inputs]
    mask = scalar_mask(total) if hides(node) else None
    if mask is None:
        shares = vjp_apart(total, tensor, tensor.parents, node.attrs, needs)
        if shares is None:
            each = node.op.is_elementwise
            rule = partial(selected_vjp, seen=seen) if each else _rule(node.op)
            shares = rule(total, tensor, tensor.parents, node.attrs, needs)
    else:  # the rule is linear: a mask of the whole cotangent can be applied after it
        shares = _rule(node.op)(mask.inner, tensor, tensor.parents, node.attrs, needs)
        shares = [None if s is None else mask.around(s) for s in shares]
    for source, share, needed in zip(node.inputs, shares, needs, strict=True):
        if needed and share is not None:
            _check_share(node, source, share)
            pending.setdefault(source, []).append(share)


def _rule(op: Op) -> Vjp:
    """Return an op's reverse rule; a loop or branch gets the sweep for its bodies."""
    assert op.vjp is not None
    return partial(op.vjp, sweep=reverse_sweep) if op.facts.sweeps else op.vjp


def _check_share(node: Node, source: Node, share: Tensor) -> None:
    """Raise `DerivativeError` where a cotangent does not have its primal's shape."""
    fits = len(share.shape) == len(source.shape) and all(
        dims_equal(a, b) is not False
        for a, b in zip(share.shape, source.shape, strict=True)
    )
    if not fits:
        raise DerivativeError(
            f"the rule of {node.op.name} gave a cotangent of shape {share.shape} for "
            "an operand "
            f"of shape {source.shape}."
        )


def check_wrt(wrt: Any) -> list[Tensor]:
    """Return ``wrt`` as a list of float tensors; raise `DerivativeError` otherwise."""
    tensors = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for t in tensors:
        if not isinstance(t, Tensor):
            raise DerivativeError(
                f"wrt must be tensors, got {type(t).__name__} {t!r:.60}."
            )
        if not t.dtype.is_float:
            raise DerivativeError(
                f"cannot differentiate with respect to {t.name or t!r} of dtype "
                f"{t.dtype}; "
                "only float tensors have derivatives."
            )
    return tensors


def require_variables(outputs: Sequence[Tensor], wrt: Sequence[Tensor]) -> None:
    """Raise `DerivativeError` where a slope is expressed by a variable of ``wrt``.

    The slope of ``a = exp(x)`` is ``a`` itself. A second derivative by ``a`` would have
    to hold the slope fixed, but cannot distinguish it from other uses of ``a``.
    """
    computed = {t.node: t for t in wrt if t.node.inputs}
    if not computed:
        return
    for tensor in tensor_topological(outputs):
        for node in tensor.node.inputs:
            if node in computed and _is_slope(tensor, node):
                name = computed[node].name or "a computed tensor"
                raise DerivativeError(
                    f"a further derivative by {name!r} cannot be taken: it is "
                    "computed, and its own slope is written with its value. Add an "
                    "input of zeros to it where it is declared, and differentiate by "
                    "that input."
                )


def _is_slope(tensor: Tensor, node: Node) -> bool:
    """Whether a tensor was built by the rule of a node, or derived from such a one."""
    site = tensor.site
    while site.primal is not None:
        if site.primal.node is node and site.rule != FAN_OUT:
            return True
        site = site.primal.site
    return False


def fit_cotangent(ct: Any, output: Tensor) -> Tensor:
    """Return a cotangent as a tensor of the output's shape."""
    return _fitted(ct, output, "cotangent", "a result")


def fit_tangent(tangent: Any, variable: Tensor) -> Tensor:
    """Return a tangent as a tensor of the variable's shape."""
    return _fitted(tangent, variable, "tangent", "a variable")


def _fitted(given: Any, like: Tensor, what: str, whose: str) -> Tensor:
    """Return ``given`` as a tensor of the shape of ``like``; raise if it has another.

    It is not broadcast: one number for many elements is no direction.
    """
    tensor = float_operand(given)
    if tensor.shape == like.shape:
        return tensor
    owner = f"{like.name!r}" if like.name else whose
    remedy = f"give the {what} that shape"
    if not tensor.ndim:
        remedy += "; for the same number everywhere multiply it by sd.ones_like or "
        remedy += "np.ones_like"
    raise ShapeError(
        f"a {what} of shape {tensor.shape} for {owner} of shape {like.shape}; {remedy}."
    )


@api("vjp")
def vjp(y: Any, wrt: Any, cotangent: Any) -> Any:
    """Vector-Jacobian product: the cotangent of ``wrt`` given that of ``y``.

    Parameters
    ----------
    y : Tensor or list of Tensor
        The results.
    wrt : Tensor or list of Tensor
        The result has the same form. A tensor that ``y`` does not depend on gets zeros.
    cotangent : Tensor or list of Tensor
        Of the form and shapes of ``y``.
    """
    outputs = [as_tensor(t) for t in (y if isinstance(y, (list, tuple)) else [y])]
    given = list(cotangent) if isinstance(cotangent, (list, tuple)) else [cotangent]
    if len(given) != len(outputs):
        raise DerivativeError(
            f"{len(outputs)} outputs need as many cotangents, got {len(given)}."
        )
    cts = [fit_cotangent(c, o) for c, o in zip(given, outputs, strict=True)]
    variables = check_wrt(wrt)
    require_variables(outputs, variables)
    stable, places = stabilised(outputs, variables)
    found = reverse_sweep(stable, cts, places)
    result = [
        zeros_like(t) if g is None else g for g, t in zip(found, variables, strict=True)
    ]
    return result if isinstance(wrt, (list, tuple)) else result[0]


@api("grad")
def grad(y: Any, wrt: Any) -> Any:
    """Gradient of the scalar ``y`` with respect to ``wrt``.

    Parameters
    ----------
    y : Tensor
        A float scalar.
    wrt : Tensor or list of Tensor
        The result has the same form. A tensor that ``y`` does not depend on gets zeros,
        with a warning. Computed tensors and constants with the same formula are one
        variable: of ``a = x * 2`` and ``b = x * 2``, both vary. Every input and
        parameter is a variable of its own.

    Raises
    ------
    DerivativeError
        Where ``y`` is not a scalar.
    """
    output = as_tensor(y)
    if output.shape != ():
        raise DerivativeError(
            f"grad needs a scalar, got shape {output.shape}; reduce it with sd.sum or "
            "sd.mean, or use sd.vjp or sd.jacobian."
        )
    variables = check_wrt(wrt)
    require_variables([output], variables)
    stable, places = stabilised([output], variables)
    found = reverse_sweep(stable, [float_operand(1.0)], places)
    for g, t in zip(found, variables, strict=True):
        if g is None:
            warnings.warn(
                f"{t.name or t!r} does not influence the differentiated value; its "
                "gradient is 0.",
                SymdiffWarning,
                stacklevel=3,
            )
    result = [
        zeros_like(t) if g is None else g for g, t in zip(found, variables, strict=True)
    ]
    return result if isinstance(wrt, (list, tuple)) else result[0]
