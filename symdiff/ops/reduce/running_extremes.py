"""Running maxima and minima along an axis: `cummax` and `cummin`.

Each is one record. Where elements tie, the first of them is the extreme one: it gets
the cotangents of all the places that show it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import normalize_axis
from symdiff.ops.core import interval, rows, signs
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import api, float_operand, stretch
from symdiff.ops.core.outforms import with_out
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.elementwise.comparisons import greater, less, where
from symdiff.ops.elementwise.nonfinite import isnan
from symdiff.ops.indexing.counting import arange
from symdiff.ops.indexing.gather import gather, scatter_add
from symdiff.ops.indexing.taking import along
from symdiff.ops.reduce.cumulative import delayed
from symdiff.ops.shape.views import ravel, reshape


def _places(x: Tensor, output: Tensor, attrs: Mapping[str, Any], beats: Any) -> Tensor:
    """Return, for each place, where the extreme element up to it stands."""
    axis, lowest = attrs["axis"], -math.inf if beats is greater else math.inf
    numbers = reshape(arange(x.shape[axis]), (-1, *(1,) * (x.ndim - 1 - axis)))
    new = beats(x, delayed(output, axis, lowest))
    own = where(new, stretch(numbers, x.shape), 0)
    return hinted(apply(CUMMAX, own, axis=axis), "place")


def _unless_nan(output: Tensor, t: Any) -> Tensor:
    """Return ``t``, and NaN where the extreme is NaN: no element is one there."""
    return where(isnan(output), math.nan, t)


def _running(name: str, ufunc: str, word: str, beats: Any) -> Any:
    run = getattr(np, ufunc).accumulate

    def vjp(
        ct: Tensor,
        output: Tensor,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any],
        needs: Sequence[bool],
    ) -> Cotangents:
        (x,) = inputs
        place = _places(x, output, attrs, beats)
        share, index = _unless_nan(output, ct), along(attrs["axis"], x.ndim)
        return [scatter_add(share, [place], x.shape, index)]

    def jvp(
        tangents: Cotangents,
        output: Tensor,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any],
    ) -> Tensor:
        (t,) = tangents
        assert t is not None
        place = _places(inputs[0], output, attrs, beats)
        return _unless_nan(output, gather(t, [place], along(attrs["axis"], t.ndim)))

    def text(node: Any) -> str:
        axis = f", axis={node.attrs['axis']}" if len(node.shape) > 1 else ""
        return f"np.{ufunc}.accumulate(_0{axis})"

    op = primitive(
        name,
        lambda t, *, axis: t,
        lambda x, *, axis: run(x, axis=axis),
        vjp=vjp,
        jvp=jvp,
        text=text,
        rule="to the first extreme element up to each place",
        facts=Facts(
            independent=beside_axes,
            out_form=with_out,
            rows=rows.along,
            interval=interval.of_operand,
            sign=signs.of_operand,
        ),
    )

    def accumulate(x: Any, axis: int | None = None) -> Tensor:
        tensor = float_operand(x)
        if axis is None:
            tensor, axis = ravel(tensor), 0
        return apply(op, tensor, axis=normalize_axis(axis, tensor.ndim))

    accumulate.__name__ = accumulate.__qualname__ = name
    accumulate.__doc__ = (
        f"Running {word} along ``axis`` (flattened if None), as "
        f"``np.{ufunc}.accumulate``; of equal elements the first gets the gradient."
    )
    return op, api(name)(accumulate)


CUMMAX, cummax = _running("cummax", "maximum", "maximum", greater)
CUMMIN, cummin = _running("cummin", "minimum", "minimum", less)
