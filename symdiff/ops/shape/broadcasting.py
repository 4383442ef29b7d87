"""Broadcasting, and arrays of one value, which are a scalar that is broadcast.

In: a tensor, and the shape it is stretched to. Out: a `broadcast_to` node. Invariant:
`broadcast_to` and `reduce_sum` are each other's transpose; broadcasting is
differentiated nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.counted import is_counted
from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Shape, TensorType, as_shape, dims_equal, unify
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    constant,
    float_operand,
    is_literal,
)
from symdiff.ops.core.record import primitive
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import shape_text
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.reduce.sums import reduce_sum
from symdiff.ops.shape import places, rows


def _infer_broadcast(t: TensorType, *, shape: Shape) -> TensorType:
    lead = len(shape) - t.ndim
    fits = lead >= 0 and all(
        length == 1 or unify(length, target) is not None
        for length, target in zip(t.shape, shape[lead:], strict=True)
    )
    if not fits:
        raise ShapeError(f"cannot broadcast {t.shape} to {shape}")
    return TensorType(shape, t.dtype)


def _sum_to(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return sum_to_shape(ct, inputs[0].shape)


def _repeated_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    shape = r" \times ".join(map(writer.length, node.shape))
    whole = operands[0].within(tex.PRODUCT)
    return Tex(rf"{whole}\,\mathbf{{1}}_{{{shape}}}", tex.PRODUCT)


BROADCAST_TO = multilinear(
    "broadcast_to",
    _infer_broadcast,
    lambda x, *, shape: np.broadcast_to(x, shape),
    transposes={0: _sum_to},
    text=lambda node: f"np.broadcast_to(_0, {shape_text(node.attrs['shape'])})",
    view=True,
    rule="{0} was broadcast",
    facts=Facts(
        zeros="moved",
        repeats=True,
        rows=rows.broadcast,
        word="repeated",
        axes=places.repeated_axes,
        index=places.in_repeated,
        read_only=True,
    ),
    latex=_repeated_tex,
)


@api("broadcast_to")
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """The tensor stretched to ``shape`` under NumPy's rules.

    Only axes of length 1, written as 1, are stretched.
    """
    tensor, target = float_operand(x), as_shape(shape)
    return (
        tensor if tensor.shape == target else apply(BROADCAST_TO, tensor, shape=target)
    )


def sum_to_shape(x: Tensor, shape: Shape) -> Tensor:
    """Sum over the axes along which ``shape`` would be broadcast to x's shape.

    The transpose of `broadcast_to`: leading axes disappear, stretched axes are 1 long.
    """
    lead = x.ndim - len(shape)
    stretched = [
        lead + i
        for i, d in enumerate(shape)
        if d == 1 and dims_equal(x.shape[lead + i], 1) is not True
    ]
    if stretched:
        x = reduce_sum(x, tuple(stretched), keepdims=True)
    return reduce_sum(x, tuple(range(lead))) if lead else x


# --- filled arrays --------------------------------------------------------------------


@api("full")
def full(shape: Any, value: Any, dtype: Any = None) -> Tensor:
    """An array of one value."""
    tensor = as_tensor(value)
    if is_literal(tensor):
        tensor = constant(np.array(value), dtype)
    elif dtype is not None:
        tensor = cast(tensor, dtype)
    return broadcast_to(tensor, as_shape(shape))


@api("zeros")
def zeros(shape: Any, dtype: Any = float) -> Tensor:
    """An array of zeros."""
    return full(shape, 0, dtype)


@api("ones")
def ones(shape: Any, dtype: Any = float) -> Tensor:
    """An array of ones."""
    return full(shape, 1, dtype)


# Zeros with one row for each step of a while loop: they read a stack of the loop, as
# only its length tells the trip count.
ZEROS_OF = primitive(
    "zeros_of",
    lambda t: t,
    np.zeros_like,
    vjp=None,
    jvp=None,
    text="np.zeros_like(_0)",
)


@api("zeros_like")
def zeros_like(x: Any) -> Tensor:
    """Zeros of the tensor's shape and dtype."""
    tensor = as_tensor(x)
    if any(map(is_counted, tensor.shape)):
        return apply(ZEROS_OF, tensor)
    return full(tensor.shape, 0, tensor.dtype)


@api("ones_like")
def ones_like(x: Any) -> Tensor:
    """Ones of the tensor's shape and dtype."""
    tensor = as_tensor(x)
    return full(tensor.shape, 1, tensor.dtype)


@api("full_like")
def full_like(x: Any, value: Any) -> Tensor:
    """One value in the tensor's shape and dtype."""
    tensor = as_tensor(x)
    return full(tensor.shape, value, tensor.dtype)
