"""The largest and smallest elements over axes, and where they are.

Each op is one record; elements that tie share a cotangent equally.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, DTypeError
from symdiff.graph.node import Node
from symdiff.graph.origin import hinted
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    INT64,
    TensorType,
    normalize_axes,
    require_nonempty,
)
from symdiff.ops.core import interval, rows, signs, tex
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.interval import OPEN, Interval
from symdiff.ops.core.layouts import kept
from symdiff.ops.core.operands import (
    api,
    as_bool,
    as_tensor,
)
from symdiff.ops.core.outforms import reduced_by, reduction
from symdiff.ops.core.record import Vjp, primitive
from symdiff.ops.core.text import axes_text
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.elementwise.comparisons import (
    equal,
    greater,
    less,
)
from symdiff.ops.elementwise.comparisons import where as select
from symdiff.ops.elementwise.kinks import maximum, minimum
from symdiff.ops.reduce.sums import (
    number_text,
    reduced_shape,
    reduction_text,
    spread,
    start_of,
    sum_,
)
from symdiff.ops.shape.views import ravel


def _infer_extreme(
    t: TensorType, *, axes: Any, keepdims: bool, initial: float | None
) -> TensorType:
    if isinstance(initial, float) and not t.dtype.is_float:
        raise DTypeError(f"initial={initial!r} for a tensor of {t.dtype}; use an int.")
    for a in axes if initial is None else ():
        require_nonempty(t.shape[a], "a maximum or minimum")
    return TensorType(reduced_shape(t.shape, axes, keepdims), t.dtype)


def _count(output: Tensor, x: Tensor, attrs: Any) -> tuple[Tensor, Tensor]:
    """Return the mask of extreme elements, and how many share each extreme.

    The count is NaN where the extreme is NaN, which equals no element.
    """
    axes, keepdims = attrs["axes"], attrs["keepdims"]
    mask = hinted(equal(x, spread(output, x.shape, axes, keepdims)), "winner")
    count: Any = sum_(mask, axes, dtype=x.dtype, keepdims=keepdims)
    if attrs["initial"] is not None:  # counts as one more element
        count = count + cast(equal(output, attrs["initial"]), x.dtype)
    count = hinted(count, "count")
    return mask, select(equal(count, 0), np.nan, count)


def _extreme_vjp(beaten: Any) -> Vjp:
    """Return the rule that masks the elements that ``beaten`` finds not to be extreme.

    Beside a NaN no element is beaten, so the derivative is NaN. A 0 would look valid.
    """

    def vjp(ct: Any, output: Tensor, inputs: Any, attrs: Any, needs: Any) -> Any:
        (x,) = inputs
        axes, keepdims = attrs["axes"], attrs["keepdims"]
        share = spread(ct / _count(output, x, attrs)[1], x.shape, axes, keepdims)
        loser = hinted(beaten(x, spread(output, x.shape, axes, keepdims)), "loser")
        return [select(loser, 0, share)]

    return vjp


def _extreme_jvp(tangents: Any, output: Tensor, inputs: Any, attrs: Any) -> Tensor:
    (x,) = inputs
    mask, count = _count(output, x, attrs)
    keep = attrs["keepdims"]
    moved: Any = sum_(select(mask, tangents[0], 0), attrs["axes"], keepdims=keep)
    return moved / count


def _extreme_interval(node: Node, operands: Sequence[Interval]) -> Interval:
    return OPEN if node.attrs.get("initial") is not None else operands[0]


def _extreme(
    name: str,
    public_names: tuple[str, ...],
    word: str,
    result: str,
    pair: Any,
    beaten: Any,
) -> Any:
    reduction_ = getattr(np, name)
    ufunc = f"{name}imum"

    def text(node: Any) -> str:
        arguments = reduction_text(node)
        if node.attrs["initial"] is not None:
            initial = number_text(node.attrs["initial"])
            arguments += f"{', ' if arguments else ''}initial={initial}"
        return f"_0.{name}({arguments})"

    def value(x: Any, *, axes: Any, keepdims: bool, initial: float | None) -> Any:
        more = {} if initial is None else {"initial": initial}
        return reduction_(x, axis=axes, keepdims=keepdims, **more)

    op = primitive(
        name,
        _infer_extreme,
        value,
        vjp=_extreme_vjp(beaten),
        jvp=_extreme_jvp,
        text=text,
        rule="ties share the cotangent equally",
        facts=Facts(
            independent=beside_axes,
            layout=kept,
            fresh=True,
            reduces=True,
            out_form=reduced_by(ufunc),
            short=lambda node: f"{reduction(node, ufunc)})",
            rows=rows.along,
            word=result,
            interval=_extreme_interval,
            sign=signs.of_operand,
        ),
        latex=tex.over(rf"\{name}"),
    )

    def reduce(
        x: Any,
        axis: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Tensor:
        tensor = as_tensor(x)
        initial = start_of(initial, tensor.dtype)
        if where is not None:
            if initial is None:
                raise DeclarationError(
                    f"{name} with where= needs initial=, as in NumPy."
                )
            tensor = select(as_bool(where), tensor, initial)
        axes = normalize_axes(axis, tensor.ndim)
        if not axes or isinstance(initial, Tensor):
            tensor = reduce(tensor, axes, keepdims=keepdims) if axes else tensor
            return tensor if initial is None else pair(tensor, initial)
        if initial is not None and not isinstance(initial, (int, float, np.number)):
            raise DeclarationError(
                f"{name}: initial= must be a number or a tensor, got "
                f"{type(initial).__name__}."
            )
        start = (
            initial if initial is None or isinstance(initial, int) else float(initial)
        )
        return apply(op, tensor, axes=axes, keepdims=bool(keepdims), initial=start)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = (
        f"{word} over ``axis`` and ``initial``; ties share the gradient equally."
    )
    return op, api(*public_names)(reduce)


MAX, max_ = _extreme("max", ("max", "amax"), "Largest element", "peak", maximum, less)
MIN, min_ = _extreme(
    "min", ("min", "amin"), "Smallest element", "low", minimum, greater
)


def _infer_arg(t: TensorType, *, axis: int, keepdims: bool) -> TensorType:
    require_nonempty(t.shape[axis], "argmax or argmin")
    return TensorType(reduced_shape(t.shape, (axis,), keepdims), INT64)


def _argument(name: str, word: str) -> Any:
    def text(node: Any) -> str:
        ndim = len(node.inputs[0].shape)
        arguments = axes_text((node.attrs["axis"],), ndim, node.attrs["keepdims"])
        return f"_0.{name}({arguments})"

    op = primitive(
        name,
        _infer_arg,
        lambda x, *, axis, keepdims: getattr(np, name)(x, axis=axis, keepdims=keepdims),
        vjp=None,
        jvp=None,
        text=text,
        facts=Facts(layout=kept, rows=rows.along, interval=interval.along_axis),
    )

    def position(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        tensor = as_tensor(x)
        if axis is None:
            tensor, axis = ravel(tensor), 0
        (where_,) = normalize_axes(axis, tensor.ndim)
        return apply(op, tensor, axis=where_, keepdims=bool(keepdims))

    position.__name__ = position.__qualname__ = name
    position.__doc__ = f"Index of the first {word} element along ``axis``, as int64."
    return op, api(name)(position)


ARGMAX, argmax = _argument("argmax", "largest")
ARGMIN, argmin = _argument("argmin", "smallest")
