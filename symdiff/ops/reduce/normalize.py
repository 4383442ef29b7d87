"""Normalised exponentials: logsumexp, softmax, log_softmax.

Stable forms are ops of their own, so that no later pass can hide what makes them
stable. ``axes`` is a sorted tuple of nonnegative ints.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, normalize_axes, require_nonempty
from symdiff.ops.core import rows, signs
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import api, as_tensor, stretch
from symdiff.ops.core.record import primitive, require_float
from symdiff.ops.elementwise.arithmetic import exp, log
from symdiff.ops.elementwise.comparisons import equal, where
from symdiff.ops.reduce.extremes import max_
from symdiff.ops.reduce.sums import reduced_shape, spread, sum_
from symdiff.ops.shape.views import squeeze


def _stable_parts(
    x: Tensor, axes: Any, guarded: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Return m = max x, e = exp(x - m) and s = sum e, with reduced axes kept.

    If ``guarded``, elements equal to an infinite m have e = 1, and e = 0 where all are
    -inf: the difference inf - inf, which is nan, is never computed.
    """
    m = hinted(max_(x, axes, keepdims=True), "m")
    gap: Any
    if guarded:
        m = hinted(where(equal(m, -math.inf), 0, m), "m")
        top = stretch(m, x.shape)
        gap = where(equal(x, top), 0, x - top)
    else:
        gap = x - stretch(m, x.shape)
    e = hinted(exp(gap), "e")
    s = hinted(sum_(e, axes, keepdims=True), "s")
    return m, e, s


def _drop(x: Tensor, axes: Any, keepdims: bool) -> Tensor:
    return x if keepdims else squeeze(x, axes)


def logsumexp_beside_softmax(x: Tensor, axes: Any) -> tuple[Tensor, Tensor]:
    """Return log(sum(exp(x - m))) and m = max x, as softmax computes them.

    logsumexp is their sum. They are returned apart because a large m would cost the
    first its digits; a term subtracted from logsumexp is subtracted from m.
    """
    m, _, s = _stable_parts(x, axes)
    return _drop(log(s), axes, False), _drop(m, axes, False)


def _expand_logsumexp(x: Tensor, *, axes: Any, keepdims: bool) -> Tensor:
    m, _, s = _stable_parts(x, axes, guarded=True)
    return _drop(log(s), axes, keepdims) + _drop(m, axes, keepdims)


def _expand_softmax(x: Tensor, *, axes: Any, guarded: bool = False) -> Tensor:
    _, e, s = _stable_parts(x, axes, guarded)
    if guarded:
        s = where(equal(s, 0), 1, s)
    return e / stretch(s, x.shape)


def _expand_log_softmax(x: Tensor, *, axes: Any) -> Tensor:
    m, _, s = _stable_parts(x, axes)
    return x - stretch(m, x.shape) - stretch(log(s), x.shape)


def _np_logsumexp(x: Any, *, axes: Any, keepdims: bool) -> Any:
    m = np.max(x, axis=axes, keepdims=True)
    m = np.where(np.isinf(m), 0, m)
    total = np.log(np.sum(np.exp(x - m), axis=axes, keepdims=True)) + m
    return total if keepdims else np.squeeze(total, axes)


def _np_softmax(x: Any, *, axes: Any, guarded: bool = False) -> Any:
    m = np.max(x, axis=axes, keepdims=True)
    if guarded:
        m = np.where(m == -np.inf, 0, m)
        x = np.where(x == m, 0, x - m)
        e = np.exp(x)
    else:
        e = np.exp(x - m)
    s = np.sum(e, axis=axes, keepdims=True)
    return e / (np.where(s == 0, 1, s) if guarded else s)


def _np_log_softmax(x: Any, *, axes: Any) -> Any:
    m = np.max(x, axis=axes, keepdims=True)
    return x - m - np.log(np.sum(np.exp(x - m), axis=axes, keepdims=True))


def _total(x: Tensor, axes: Any) -> Tensor:
    """Return the sum over axes for each element of x; over all of them a number."""
    return stretch(sum_(x, axes, keepdims=len(axes) < x.ndim), x.shape)


def _softmax_push(t: Any, p: Any, axes: Any) -> Tensor:
    """p * (t - sum(p * t)): the Jacobian is symmetric, so it serves both modes."""
    return p * (t - _total(t * p, axes))


def _along(node: Node) -> str:
    """Return the axes of a sum in words: ``, axis=1``."""
    axes = node.attrs["axes"]
    if len(axes) == len(node.shape):
        return ""
    return f", axis={axes[0] if len(axes) == 1 else axes}"


def _over(node: Node) -> str:
    """Return the axes along which a row is one vector, in words: `` along axis 1``."""
    axes = node.attrs["axes"]
    if len(axes) == len(node.shape):
        return ""
    return f" along axis {axes[0]}" if len(axes) == 1 else f" along axes {axes}"


SOFTMAX = primitive(
    "softmax",
    lambda t, *, axes, guarded=False: _infer_normalized(t, axes),
    _np_softmax,
    vjp=lambda ct, p, inputs, attrs, needs: [_softmax_push(ct, p, attrs["axes"])],
    jvp=lambda tangents, p, inputs, attrs: _softmax_push(tangents[0], p, attrs["axes"]),
    expand=_expand_softmax,
    analytic=True,
    hint="p",
    rule=lambda node: f"(diag(p) - p p.T) d_p{_over(node)}",
    facts=Facts(
        independent=beside_axes,
        rows=rows.along,
        sign=signs.never_negative,
        bounded=True,
        untold=("guarded",),
    ),
)


def _infer_normalized(t: TensorType, axes: Any) -> TensorType:
    require_float(t, "softmax")
    for a in axes:
        require_nonempty(t.shape[a], "softmax")
    return t


def _shares(x: Tensor, axes: Any) -> Any:
    """Return the partials of logsumexp: softmax, but 0 where all elements are -inf.

    There the value stays -inf if one of them changes. A nan instead of 0 would spread
    to all earlier gradients, even from a sum in which the value has no weight.
    """
    return apply(SOFTMAX, x, axes=axes, guarded=True)


def _logsumexp_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Tensor]:
    (x,) = inputs
    spread_ct: Any = spread(ct, x.shape, attrs["axes"], attrs["keepdims"])
    return [spread_ct * _shares(x, attrs["axes"])]


def _logsumexp_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    p = _shares(inputs[0], attrs["axes"])
    return sum_(p * tangents[0], attrs["axes"], keepdims=attrs["keepdims"])


LOGSUMEXP = primitive(
    "logsumexp",
    lambda t, *, axes, keepdims: TensorType(
        reduced_shape(_infer_normalized(t, axes).shape, axes, keepdims), t.dtype
    ),
    _np_logsumexp,
    vjp=_logsumexp_vjp,
    jvp=_logsumexp_jvp,
    expand=_expand_logsumexp,
    analytic=True,
    rule="softmax times the cotangent",
    facts=Facts(independent=beside_axes, rows=rows.along),
)


def _log_softmax_vjp(
    ct: Tensor, out: Tensor, inputs: Any, attrs: Any, needs: Any
) -> list[Tensor]:
    axes = attrs["axes"]
    return [ct - softmax(inputs[0], axes) * _total(ct, axes)]


def _log_softmax_jvp(tangents: Any, out: Tensor, inputs: Any, attrs: Any) -> Tensor:
    axes, t = attrs["axes"], tangents[0]
    p = softmax(inputs[0], axes)
    return t - _total(p * t, axes)


LOG_SOFTMAX = primitive(
    "log_softmax",
    lambda t, *, axes: _infer_normalized(t, axes),
    _np_log_softmax,
    vjp=_log_softmax_vjp,
    jvp=_log_softmax_jvp,
    expand=_expand_log_softmax,
    analytic=True,
    rule=lambda node: f"d - softmax * sum(d{_along(node)})",
    facts=Facts(independent=beside_axes, rows=rows.along, bounded=True),
)


@api("logsumexp")
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``axis``, computed without overflow; -inf if all x are."""
    tensor = as_tensor(x)
    axes = normalize_axes(axis, tensor.ndim)
    return (
        apply(LOGSUMEXP, tensor, axes=axes, keepdims=bool(keepdims)) if axes else tensor
    )


@api("softmax")
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) over ``axis``, computed without overflow."""
    tensor = as_tensor(x)
    return apply(SOFTMAX, tensor, axes=normalize_axes(axis, tensor.ndim))


@api("log_softmax")
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """log(softmax(x)) over ``axis``, computed without underflow."""
    tensor = as_tensor(x)
    return apply(LOG_SOFTMAX, tensor, axes=normalize_axes(axis, tensor.ndim))
