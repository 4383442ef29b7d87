"""Covariances and correlations of variables: `cov` and `corrcoef`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import (
    api,
    constant,
    float_operand,
    known_values,
)
from symdiff.ops.elementwise.arithmetic import as_float, sqrt
from symdiff.ops.elementwise.selection import clip
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.reduce.statistics import average
from symdiff.ops.reduce.sums import mean
from symdiff.ops.shape.diagonals import diag
from symdiff.ops.shape.joining import concatenate
from symdiff.ops.shape.views import expand_dims, squeeze, transpose


@api("cov")
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Tensor:
    """Covariance matrix of variables, the rows of ``m`` and ``y``, or a number for one.

    With ``rowvar=False`` the columns are the variables. Sums are divided by the number
    of observations minus ``ddof``, by default 1, or 0 with ``bias``. Weights of the
    observations are constants: how often each occurs, and how much it counts. A number
    of variables that is a dim gives a matrix, also where it is 1 at run time.
    """
    if ddof is not None and ddof != int(ddof):
        raise DeclarationError(f"cov needs ddof to be an integer, got {ddof!r}.")
    x = _variables(m, y, rowvar)
    count = x.shape[1]
    often = _weights("fweights", fweights, count)
    much = _weights("aweights", aweights, count)
    less = (0 if bias else 1) if ddof is None else int(ddof)
    weights = often if much is None else much if often is None else often * much
    if weights is None:
        freedom: Any = count - less
        if isinstance(count, int):
            freedom = max(freedom, 0)
        centred: Any = x - expand_dims(mean(x, 1), 1)
        return squeeze(matmul(centred, transpose(centred)) / freedom)
    total = weights.sum()
    freedom = total - less
    if less and much is not None:
        freedom = total - less * (weights * much).sum() / total
    w = constant(weights)
    centred = x - expand_dims(average(x, 1, w), 1)
    return squeeze(matmul(centred, transpose(centred * w)) / float(max(freedom, 0)))


def _variables(m: Any, y: Any, rowvar: bool) -> Tensor:
    """Return observations, one variable in each row."""
    x = _matrix("m", m, turned=not rowvar)
    if y is None:
        return x
    other = _matrix("y", y, turned=not rowvar)
    if not may_agree(x.shape[1], other.shape[1]):
        raise ShapeError(
            f"cov needs as many observations of y as of m, got {other.shape[1]} and "
            f"{x.shape[1]}."
        )
    return concatenate([x, other], 0)


def _matrix(name: str, value: Any, turned: bool) -> Tensor:
    tensor = as_float(float_operand(value))
    if tensor.ndim > 2:
        raise ShapeError(
            f"cov needs {name} to be a vector or a matrix, got shape {tensor.shape}."
        )
    if tensor.ndim < 2:
        return expand_dims(tensor, tuple(range(2 - tensor.ndim)))
    return transpose(tensor) if turned else tensor


def _weights(name: str, value: Any, count: Any) -> np.ndarray | None:
    """Return weights of observations; raise for those that are none."""
    if value is None:
        return None
    known = known_values(value)
    if known is None:
        raise DTypeError(
            f"cov needs {name} to be constants, got a symbolic tensor; weigh the "
            "observations with sd.average."
        )
    weights = known.astype(float)
    if weights.ndim != 1 or not may_agree(weights.shape[0], count):
        raise ShapeError(
            f"cov needs {name} to be a vector of {count} weights, one for each "
            f"observation, got shape {weights.shape}."
        )
    if (weights < 0).any():
        raise DeclarationError(f"cov needs {name} of 0 or more.")
    if name == "fweights" and not (weights == np.around(weights)).all():
        raise DTypeError("cov needs fweights to be integers.")
    return weights


@api("corrcoef")
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Tensor:
    """Correlation coefficients of variables, the rows of ``x`` and ``y``.

    With ``rowvar=False`` the columns are the variables.
    """
    c: Any = cov(x, y, rowvar)
    if not c.ndim:
        return c / c
    spread: Any = sqrt(diag(c))
    return clip(c / expand_dims(spread, 1) / expand_dims(spread, 0), -1, 1)
