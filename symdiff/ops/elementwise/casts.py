"""Ops that change a dtype or stop derivatives, and compute nothing.

In: a tensor. Out: its values in another dtype (`cast`), or unchanged and without a
derivative (`stop_gradient`). Invariant: a cotangent is cast back to the operand's
dtype; none flows to integers and booleans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import BOOL, DType, TensorType
from symdiff.ops.core import rows, signs
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.interval import OPEN, Interval
from symdiff.ops.core.layouts import as_operands, same
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    cast_dtype,
    constant,
    is_literal,
    literal_value,
)
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.record import primitive
from symdiff.ops.core.rows import (
    Batch,
    Part,
    same_rows,
)
from symdiff.ops.core.tex import Tex, Writer


def _infer_cast(t: TensorType, *, dtype: DType) -> TensorType:
    return TensorType(t.shape, dtype)


def _cast_back(t: Tensor, inputs: Any) -> Tensor | None:
    source = inputs[0].dtype
    return cast(t, source) if source.is_float else None


def _cast_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """A sum over rows stays one, unless values are rounded or compared with 0."""
    (x,) = node.inputs
    linear = node.dtype.is_float or not x.dtype.is_float
    return parts[0] if linear and not node.dtype.is_bool else same_rows(parts)


def _cast_interval(node: Node, operands: Sequence[Interval]) -> Interval:
    source, found = node.inputs[0].dtype, operands[0].hull()
    if source.is_float:
        return OPEN
    if source.weak or np.can_cast(source.name, node.dtype.name):
        return operands[0]
    room = np.iinfo(node.dtype.name)
    return found if found.within(Interval(int(room.min), int(room.max))) else OPEN


def _tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    """Only a cast that may change numbers is written."""
    source, target = node.inputs[0].dtype, node.dtype
    if target.is_float or source.is_bool:
        return operands[0]
    return Tex(rf"\mathrm{{{target.name}}}\left({operands[0].text}\right)")


CAST = primitive(
    "cast",
    _infer_cast,
    lambda x, *, dtype: np.asarray(x).astype(dtype.name)[()],
    vjp=lambda ct, out, inputs, attrs, needs: [_cast_back(ct, inputs)],
    jvp=lambda tangents, out, inputs, attrs: (
        cast(tangents[0], attrs["dtype"]) if attrs["dtype"].is_float else None
    ),
    text=lambda node: f"_0.astype({dtype_text(node.attrs['dtype'])})",
    analytic=False,  # a real dtype drops the imaginary part of a complex step
    facts=Facts(
        layout=as_operands,
        out_form=lambda node: OutForm('np.copyto(_out, _0, casting="unsafe")'),
        rows=_cast_rows,
        interval=_cast_interval,
        scales=(0,),
    ),
    latex=_tex,
)


def dtype_text(d: DType) -> str:
    """Return the text of a dtype: the shared float type, Python's bool, or NumPy's."""
    if d == BOOL:
        return "bool"
    return "_float" if d.name == "float" else f"np.{d.name}"


@api("cast", "astype")
def cast(x: Any, dtype: Any) -> Tensor:
    """The tensor in another dtype; gradients flow between float types only."""
    tensor, target = as_tensor(x), cast_dtype(dtype)
    if is_literal(tensor):
        return constant(np.array(literal_value(tensor)), target)
    return tensor if tensor.dtype == target else apply(CAST, tensor, dtype=target)


STOP_GRADIENT = primitive(
    "stop_gradient",
    lambda t: t,
    lambda x: x,
    vjp=None,
    jvp=None,
    text="_0",
    view=True,
    facts=Facts(hides=True, layout=same, rows=rows.unchanged, sign=signs.of_operand),
)


@api("stop_gradient")
def stop_gradient(x: Any) -> Tensor:
    """The tensor's value, treated as a constant by differentiation."""
    tensor = as_tensor(x)
    return tensor if is_literal(tensor) else apply(STOP_GRADIENT, tensor)
