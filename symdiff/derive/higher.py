"""Jacobians, Hessians and their products, from the two sweeps.

In: tensors. Out: derivatives as graph. Invariant: a Jacobian is built row by row or
column by column, whichever are fewer, by one sweep inside a loop; the primal is
computed once, outside the loop. For independent rows no dense Jacobian is formed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.derive.forward import forward_sweep, jvp
from symdiff.derive.reverse import (
    check_wrt,
    grad,
    require_variables,
    reverse_sweep,
    vjp,
)
from symdiff.derive.stability import stabilised
from symdiff.graph.errors import DerivativeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, Shape, product
from symdiff.ops.control.repeat import map_
from symdiff.ops.core.operands import api, as_tensor, constant, stretch
from symdiff.ops.indexing.counting import arange
from symdiff.ops.indexing.one_hot import one_hot
from symdiff.ops.shape.broadcasting import zeros
from symdiff.ops.shape.joining import stack
from symdiff.ops.shape.views import moveaxis, reshape

UNROLL = 4  # up to this many rows or columns are written out instead of looped over


@api("jacobian")
def jacobian(y: Any, wrt: Any, batch_dims: int = 0, mode: str | None = None) -> Any:
    """Jacobian of ``y`` with respect to ``wrt``.

    Parameters
    ----------
    y : Tensor
        The result.
    wrt : Tensor or list of Tensor
        A list gives a list of Jacobians.
    batch_dims : int
        How many leading axes of ``y`` and of each ``wrt`` are independent rows: y[b]
        depends on wrt[b] alone. The result has shape batch + y's rest + wrt's rest, and
        holds the diagonal blocks only.
    mode : str, optional
        "forward" or "reverse"; by default the one that takes fewer sweeps, or reverse
        where symbolic shapes leave this open.

    Returns
    -------
    Tensor or list of Tensor
        Of shape ``y.shape + wrt.shape`` if there are no batch axes.

    Notes
    -----
    Independence is not checked; if rows depend on each other, the blocks are sums over
    the batch.
    """
    output = as_tensor(y)
    if not output.dtype.is_float:
        raise DerivativeError(f"cannot differentiate a result of dtype {output.dtype}.")
    variables = check_wrt(wrt)
    require_variables([output], variables)
    (output,), variables = stabilised([output], variables)
    found = [_jacobian(output, v, batch_dims, mode) for v in variables]
    return found if isinstance(wrt, (list, tuple)) else found[0]


def _jacobian(y: Tensor, x: Tensor, batch_dims: int, mode: str | None) -> Tensor:
    if mode not in (None, "forward", "reverse"):
        raise DerivativeError(f"mode must be 'forward' or 'reverse', got {mode!r}.")
    batch = _batch(y, x, batch_dims)
    rows, columns = y.shape[batch_dims:], x.shape[batch_dims:]
    m, n = product(rows), product(columns)
    forward = mode == "forward" or (mode is None and _fewer(n, m))
    if forward:
        if n == 1:
            return reshape(_column(y, x, batch, 0), (*batch, *rows, *columns))
        parts = _columns(y, x, batch, n)  # (n, batch..., rows...)
        parts = moveaxis(parts, 0, -1)
        return reshape(parts, (*batch, *rows, *columns))
    if m == 1:
        return reshape(_row(y, x, batch, 0), (*batch, *rows, *columns))
    parts = _rows(y, x, batch, m)  # (m, batch..., columns...)
    parts = moveaxis(parts, 0, len(batch))
    return reshape(parts, (*batch, *rows, *columns))


def _batch(y: Tensor, x: Tensor, count: int) -> Shape:
    """Return the shared batch axes; raise `ShapeError` where they differ."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ShapeError(f"batch_dims must be a number of axes, got {count!r}.")
    if count > min(y.ndim, x.ndim):
        raise ShapeError(
            f"batch_dims={count} exceeds the axes of {y.shape} or {x.shape}."
        )
    pairs = zip(y.shape[:count], x.shape[:count], strict=True)
    if not all(may_agree(a, b) for a, b in pairs):
        raise ShapeError(
            f"batch axes differ: {y.shape[:count]} and {x.shape[:count]} for "
            f"batch_dims={count}."
        )
    return y.shape[:count]


def _fewer(n: Dim, m: Dim) -> bool:
    """Whether forward mode takes fewer sweeps, as far as the shapes tell."""
    if isinstance(n, int) and isinstance(m, int):
        return n < m
    return isinstance(n, int) and not isinstance(m, int)


def _basis(i: Tensor | int, shape: Shape, batch: Shape) -> Tensor:
    """Return the i-th unit vector of a shape, repeated over the batch."""
    size = product(shape)
    if isinstance(i, int) and isinstance(size, int):
        values = np.zeros(size)
        values[i] = 1.0
        unit = constant(values.reshape(shape))
    else:
        place = as_tensor([i]) if isinstance(i, int) else i
        unit = reshape(one_hot(place, size), shape)
    return stretch(unit, (*batch, *shape)) if batch else unit


def _row(y: Tensor, x: Tensor, batch: Shape, i: Any) -> Tensor:
    """Return row i of the Jacobian, of every block of the batch."""
    ct = _basis(i, y.shape[len(batch) :], batch)
    (found,) = reverse_sweep([y], [ct], [x])
    return zeros(x.shape) if found is None else found


def _column(y: Tensor, x: Tensor, batch: Shape, i: Any) -> Tensor:
    """Return column i of the Jacobian, of every block of the batch."""
    t = _basis(i, x.shape[len(batch) :], batch)
    (found,) = forward_sweep([y], [x], [t])
    return zeros(y.shape) if found is None else found


def _rows(y: Tensor, x: Tensor, batch: Shape, m: Dim) -> Tensor:
    return _each(lambda i: _row(y, x, batch, i), m, x.shape)


def _columns(y: Tensor, x: Tensor, batch: Shape, n: Dim) -> Tensor:
    return _each(lambda i: _column(y, x, batch, i), n, y.shape)


def _each(part: Any, count: Dim, shape: Shape) -> Tensor:
    """Return the parts stacked: written out if they are few, else made in a loop."""
    if isinstance(count, int) and count <= UNROLL:
        if count == 0:
            return zeros((0, *shape))
        return stack([part(i) for i in range(count)])
    found: Tensor = map_(part, arange(count))
    return found


@api("hessian")
def hessian(y: Any, wrt: Any) -> Any:
    """Hessian of the scalar ``y``: the Jacobian of its gradient.

    For a list of tensors the result is a list of lists, block (i, j) of shape
    ``wrt[i].shape + wrt[j].shape``.
    """
    variables = check_wrt(wrt)
    blocks = [jacobian(g, variables) for g in grad(y, variables)]
    return blocks if isinstance(wrt, (list, tuple)) else blocks[0][0]


@api("hvp")
def hvp(y: Any, wrt: Any, vectors: Any) -> Any:
    """Hessian-vector product of the scalar ``y``, by forward over reverse mode.

    ``vectors`` has the form and shapes of ``wrt``, and so has the result.
    """
    return jvp(grad(y, wrt), wrt, vectors)


@api("gnvp")
def gnvp(residual: Any, wrt: Any, vectors: Any) -> Any:
    """Gauss-Newton product Jᵀ J v of a residual, whose loss is half its sum of squares.

    Nocedal & Wright, Numerical Optimization, section 10.3. ``vectors`` and the result
    have the form of ``wrt``.
    """
    return vjp(residual, wrt, jvp(residual, wrt, vectors))
