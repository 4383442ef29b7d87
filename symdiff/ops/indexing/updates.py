"""Functional updates such as ``x.at(index).set(v)``, which change a copy.

In: a tensor, any index that ``x[index]`` accepts or a boolean tensor, and values that
broadcast to ``x[index]``. Out: a new tensor. Where an index names an element more than
once, ``add``, ``multiply``, ``max`` and ``min`` apply every value; ``set`` keeps the
last one, as NumPy's assignment does, and only that value gets a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Shape, product
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    API,
    CONSTANT,
    api,
    as_tensor,
    constant,
    is_literal,
    stretch,
)
from symdiff.ops.core.record import Cotangents, primitive
from symdiff.ops.elementwise.comparisons import equal, logical_and, where
from symdiff.ops.elementwise.kinks import maximum, minimum
from symdiff.ops.indexing.counting import arange
from symdiff.ops.indexing.expressions import entries_of, getitem, is_advanced, parse
from symdiff.ops.indexing.gather import (
    SET_AT,
    gather,
    infer_update,
    own_written_rows,
    scatter_add,
)
from symdiff.ops.indexing.index import (
    Index,
    filled,
    index_lengths,
    never_repeats,
    place_tuple_text,
)
from symdiff.ops.indexing.slices import place_slice
from symdiff.ops.shape.views import expand_dims, ravel, squeeze

# --- extremes -------------------------------------------------------------------------


def _extreme_shares(
    output: Tensor, inputs: Sequence[Tensor], index: Index
) -> tuple[Tensor, Tensor, Tensor]:
    """Return which elements attain each extreme (in x, in the values) and how many."""
    x, value, *arrays = inputs
    kept = equal(x, output)
    won = equal(value, gather(output, arrays, index))
    one = constant(np.array(1.0), x.dtype)
    zero = constant(np.array(0.0), x.dtype)
    count = where(kept, one, zero) + scatter_add(
        where(won, one, zero), arrays, x.shape, index
    )
    return kept, won, count


def _extreme_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    _, _, *arrays = inputs
    index = attrs["index"]
    kept, won, count = _extreme_shares(output, inputs, index)
    share = ct / count
    return [
        where(kept, share, 0) if needs[0] else None,
        where(won, gather(share, arrays, index), 0) if needs[1] else None,
        *(None for _ in arrays),
    ]


def _extreme_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    x, _, *arrays = inputs
    index = attrs["index"]
    kept, won, count = _extreme_shares(output, inputs, index)
    total: Any = None
    if tangents[0] is not None:
        total = where(kept, tangents[0], 0)
    if tangents[1] is not None:
        moved = scatter_add(where(won, tangents[1], 0), arrays, x.shape, index)
        total = moved if total is None else total + moved
    return total / count


def _update_op(name: str, ufunc: np.ufunc, vjp: Any, jvp: Any, rule: str = "") -> Any:
    """Define an op that applies a ufunc to a copy, once for every value."""

    def evaluate(x: Any, value: Any, *arrays: Any, index: Index) -> Any:
        result = np.array(x)
        ufunc.at(result, filled(index, result.shape, arrays), value)
        return result

    def text(node: Node) -> str:
        place = place_tuple_text(node, 2)
        return f"_out = _0.copy()\nnp.{ufunc.__name__}.at(_out, {place}, _1)"

    return primitive(
        name,
        infer_update,
        evaluate,
        vjp=vjp,
        jvp=jvp,
        text=text,
        rule=rule,
        facts=Facts(
            indices=index_lengths(lambda node: node.shape, 2),
            stretches=(1,),
            rows=own_written_rows,
        ),
    )


_TIES = "ties share the cotangent equally"
MAX_AT = _update_op("max_at", np.maximum, _extreme_vjp, _extreme_jvp, _TIES)
MIN_AT = _update_op("min_at", np.minimum, _extreme_vjp, _extreme_jvp, _TIES)

# --- products -------------------------------------------------------------------------


def _others(
    value: Tensor, arrays: Sequence[Tensor], shape: Shape, index: Index
) -> Tensor:
    """Return, for each value, the product of the other values at its element.

    Places are compared pair by pair, without a division: the products are exact where
    values are 0, and so are higher derivatives. Memory grows with the square of the
    number of values.
    """
    count = product(value.shape)
    places = arange(product(shape)).reshape(shape)
    target = ravel(gather(places, arrays, index))
    order = arange(count)
    same = equal(expand_dims(target, 1), target)
    other = logical_and(same, API["not_equal"](expand_dims(order, 1), order))
    factors = where(other, ravel(value), 1)
    return API["prod"](factors, axis=1).reshape(value.shape)


def _multiply_vjp(
    ct: Tensor,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
    needs: Sequence[bool],
) -> Cotangents:
    x, value, *arrays = inputs
    index = attrs["index"]
    scaled = apply(MULTIPLY_AT, ct, value, *arrays, index=index) if needs[0] else None
    share = None
    if needs[1]:
        others = _others(value, arrays, x.shape, index)
        share = gather(ct * x, arrays, index) * others
    return [scaled, share, *(None for _ in arrays)]


def _multiply_jvp(
    tangents: Cotangents,
    output: Tensor,
    inputs: Sequence[Tensor],
    attrs: Mapping[str, Any],
) -> Tensor:
    x, value, *arrays = inputs
    index = attrs["index"]
    total: Any = None
    if tangents[0] is not None:
        total = apply(MULTIPLY_AT, tangents[0], value, *arrays, index=index)
    if tangents[1] is not None:
        others = _others(value, arrays, x.shape, index)
        moved = tangents[1] * others
        moved = x * scatter_add(moved, arrays, x.shape, index)
        total = moved if total is None else total + moved
    return total


MULTIPLY_AT = _update_op("multiply_at", np.multiply, _multiply_vjp, _multiply_jvp)

# --- the public form ------------------------------------------------------------------


class At:
    """The elements ``x[index]``, to be read or replaced in a copy of ``x``.

    ``x.at(index)`` and ``x.at[index]`` are the same. A method returns a new tensor of
    x's shape and dtype; its argument broadcasts to ``x[index]``.
    """

    __slots__ = ("_index", "_tensor")

    def __init__(self, tensor: Tensor, index: Any = None) -> None:
        self._tensor = tensor
        self._index = index

    def __call__(self, *index: Any) -> At:
        return At(self._tensor, index[0] if len(index) == 1 else index)

    def __getitem__(self, index: Any) -> At:
        return At(self._tensor, index)

    @public
    def get(self) -> Tensor:
        """Return ``x[index]``."""
        return getitem(self._tensor, self._index)

    @public
    def set(self, values: Any) -> Tensor:
        """Return x with ``values`` at the index; of repeated elements the last wins."""
        return self._update("set", values)

    @public
    def add(self, values: Any) -> Tensor:
        """Return x with ``values`` added at the index; repeats add up."""
        return self._update("add", values)

    @public
    def subtract(self, values: Any) -> Tensor:
        """Return x with ``values`` subtracted at the index; repeats add up."""
        return self._update("add", -as_tensor(values))

    @public
    def multiply(self, values: Any) -> Tensor:
        """Return x with elements multiplied by ``values``, repeats by every one."""
        return self._update("multiply", values)

    @public
    def divide(self, values: Any) -> Tensor:
        """Return x with elements divided by ``values``, repeats by every one."""
        return self._update("multiply", 1 / as_tensor(values))

    @public
    def max(self, values: Any) -> Tensor:
        """Return x with elements raised to ``values``; ties share the gradient."""
        return self._update("max", values)

    @public
    def min(self, values: Any) -> Tensor:
        """Return x with elements lowered to ``values``; ties share the gradient."""
        return self._update("min", values)

    def _update(self, kind: str, values: Any) -> Tensor:
        x, value = self._tensor, as_tensor(values)
        mask = _only_mask(self._index)
        if mask is not None and (not value.ndim or mask.node.op is not CONSTANT):
            return _update_masked(kind, x, mask, value)
        entries = entries_of(self._index, x.ndim)
        if not is_advanced(entries):
            return _update_slice(kind, x, self._index, value)
        index, arrays = parse(entries, x.shape)
        target = gather(x, arrays, index)
        value = _fit(value, target, x)
        if kind == "add":
            return x + scatter_add(_array(value, target), arrays, x.shape, index)
        if kind != "set":
            if not never_repeats(index, [a.node for a in arrays]):
                return apply(
                    _REPEATED[kind], x, _array(value, target), *arrays, index=index
                )
            value = _COMBINE[kind](target, value)
        return apply(SET_AT, x, value, *arrays, index=index)


_REPEATED = {"max": MAX_AT, "min": MIN_AT, "multiply": MULTIPLY_AT}
_COMBINE: dict[str, Any] = {
    "add": lambda x, value: x + value,
    "multiply": lambda x, value: x * value,
    "max": maximum,
    "min": minimum,
    "sum": lambda x, value: x + value,
    "set": lambda x, value: value,
}


def _fit(value: Tensor, target: Tensor, x: Tensor) -> Tensor:
    """Return values stretched to the elements they replace; numbers stay numbers."""
    if is_literal(value):
        if value.dtype.is_float and not x.dtype.is_float:
            raise DTypeError(f"a float value does not fit into a {x.dtype} tensor.")
        return value
    try:
        return stretch(value, target.shape)
    except ShapeError:
        raise ShapeError(
            f"values of shape {value.shape} do not broadcast to the {target.shape} "
            "elements of the index."
        ) from None


def _array(value: Tensor, target: Tensor) -> Tensor:
    """Return values as an array of the target's shape, also if they are one number."""
    if not is_literal(value):
        return value
    number = constant(np.array(value.node.attrs["value"]), target.dtype)
    return stretch(number, target.shape)


def _only_mask(index: Any) -> Tensor | None:
    """Return an index that is one boolean array or tensor, as a tensor."""
    if isinstance(index, list):
        index = np.asarray(index)
    if isinstance(index, np.ndarray) and index.dtype == bool:
        return constant(index)
    return index if isinstance(index, Tensor) and index.dtype.is_bool else None


def _update_masked(kind: str, x: Tensor, mask: Tensor, value: Tensor) -> Tensor:
    """Change the elements where a mask over the leading axes is true.

    The number of elements is not known, so one value (or one for every trailing axis
    that the mask leaves free) goes to all of them.
    """
    free = x.ndim - mask.ndim
    if free < 0:
        raise ShapeError(
            f"a mask of shape {mask.shape} has too many axes for {x.shape}."
        )
    if not is_literal(value) and value.ndim > free:
        raise ShapeError(
            f"values of shape {value.shape} cannot be matched to a mask's elements, "
            "whose number is not known; give one value, or use "
            "sd.where(mask, values, x)."
        )
    over = stretch(expand_dims(mask, tuple(range(mask.ndim, x.ndim))), x.shape)
    _fit(value, x, x)
    return where(over, _COMBINE[kind](x, value), x)


def _update_slice(kind: str, x: Tensor, index: Any, value: Tensor) -> Tensor:
    """Change the elements of a basic index, in which nothing repeats."""
    target = getitem(x, index)
    value = _fit(value, target, x)
    if not x.ndim:
        return _COMBINE[kind](x, _array(value, target))
    if kind == "add" and any(isinstance(d, sp.Expr) for d in x.shape):
        kind = "sum"  # reads the elements, which checks the bounds
    if kind not in ("set", "add"):
        value = _COMBINE[kind](target, value)
    cuts, _ = parse(
        [
            e
            for e in entries_of(index, x.ndim)
            if e is not None and not isinstance(e, str)
        ],
        x.shape,
    )
    slices = tuple(e if isinstance(e, slice) else slice(e, e + 1) for e in cuts)
    slices += (slice(None),) * (x.ndim - len(slices))
    if kind == "add":
        value = _array(value, target)
    if not is_literal(value):
        value = _as_cut(value, index, x.ndim)
    if kind == "add":
        return x + place_slice(value, x.shape, slices)
    return apply(SET_AT, x, value, index=slices)


def _as_cut(value: Tensor, index: Any, ndim: int) -> Tensor:
    """Return values of shape ``x[index]`` with one axis for every axis of x."""
    entries = [e for e in entries_of(index, ndim) if not isinstance(e, str)]
    new = [i for i, e in enumerate(e for e in entries if _is_kept(e)) if e is None]
    value = squeeze(value, tuple(new)) if new else value
    own = [e for e in entries if e is not None]
    gone = [i for i, e in enumerate(own) if not isinstance(e, slice)]
    return expand_dims(value, tuple(gone)) if gone else value


def _is_kept(entry: Any) -> bool:
    return entry is None or isinstance(entry, slice)


@api("at")
def at(x: Any, index: Any) -> At:
    """The elements ``x[index]``, for a functional update: ``at(x, i).set(v)``."""
    return At(as_tensor(x), index)
