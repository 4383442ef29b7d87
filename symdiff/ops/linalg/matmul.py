"""Products of matrices.

`matmul` follows NumPy: operands of one axis are vectors, leading axes are batches. A
2-D second operand shared by a batch stays 2-D, so its gradient is one product and not a
sum of many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    Dim,
    Shape,
    TensorType,
    broadcast_shapes,
    product,
    promote,
    unify,
)
from symdiff.ops.core import tex
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts, Through
from symdiff.ops.core.independent import of_matmul
from symdiff.ops.core.layouts import cut, filled, reshaped, same, turned
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    is_literal,
    joint_operands,
    stretch,
    strong_operands,
)
from symdiff.ops.core.outforms import OutForm
from symdiff.ops.core.rows import (
    Batch,
    Part,
    labelled,
)
from symdiff.ops.core.tex import Tex, Writer
from symdiff.ops.core.text import op_text
from symdiff.ops.core.work import Work
from symdiff.ops.shape.views import RESHAPE, TRANSPOSE, expand_dims, reshape, swapaxes


def _infer_matmul(a: TensorType, b: TensorType) -> TensorType:
    if unify(a.shape[-1], b.shape[-2 if b.ndim > 1 else 0]) is None:
        raise ShapeError(
            f"inner lengths differ: {a.shape} @ {b.shape} contracts {a.shape[-1]} with "
            f"{b.shape[-2 if b.ndim > 1 else 0]}; transpose an operand or fix its "
            "declaration"
        )
    batch: Shape = a.shape[:-2]
    if b.ndim > 2 and len(batch) == len(b.shape[:-2]):
        for d, e in zip(batch, b.shape[:-2], strict=True):
            if unify(d, e) is None:
                raise ShapeError(f"batch axes differ: {a.shape} @ {b.shape}")
    rows = a.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return TensorType(batch + rows + columns, promote(a.dtype, b.dtype))


def _flat(x: Tensor) -> Tensor:
    """Return a batch of rows as one matrix."""
    # The number of rows is written out: -1 cannot be inferred beside an empty axis.
    return x if x.ndim == 2 else reshape(x, (product(x.shape[:-1]), x.shape[-1]))


def _left(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    a, b = inputs
    if b.ndim == 1:  # rows . vector
        return stretch(expand_dims(ct, ct.ndim), a.shape) * stretch(b, a.shape)
    if a.ndim == 1:
        return matmul(b, ct)
    return matmul(ct, swapaxes(b, -1, -2))


def _right(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    a, b = inputs
    if b.ndim == 1:
        if a.ndim == 1:
            return a * stretch(ct, a.shape)
        return matmul(swapaxes(_flat(a), 0, 1), reshape(ct, (-1,)))
    if a.ndim == 1:
        return stretch(expand_dims(a, 1), b.shape) * stretch(ct, b.shape)
    if b.ndim == 2:
        return matmul(swapaxes(_flat(a), 0, 1), _flat(ct))
    return matmul(swapaxes(a, -1, -2), ct)


def _work(node: Node) -> Work:
    return [((*node.shape, *node.inputs[0].shape[-1:]), 2)]


def _out_form(node: Node) -> OutForm:
    """`dot` for matrices: the same BLAS call as `@`, half a microsecond faster.

    The two call BLAS alike only if both operands have the same dtype. Otherwise `dot`
    copies an operand in another memory order than `@`, and BLAS uses another kernel.
    """
    left, right = node.inputs
    alike = left.dtype == right.dtype and all(map(_is_for_blas, node.inputs))
    return OutForm("_0.dot(_1, out=_out)" if alike else "np.matmul(_0, _1, out=_out)")


def _short(node: Node) -> str:
    """`dot` for vectors, which has less overhead than `@` and runs the same loop."""
    left, right = node.inputs
    vectors = len(left.shape) == len(right.shape) == 1 and left.dtype == right.dtype
    return "_0.dot(_1)" if vectors else op_text(node)


def _is_for_blas(node: Node) -> bool:
    """Whether BLAS accepts a matrix as it lies in memory.

    Any other matrix, such as one that is read backwards, `dot` copies for BLAS, whereas
    `@` computes the sums itself, in another order.
    """
    if node.op.facts.repeats and not node.inputs[0].shape:
        return True  # one number, of which an array is filled
    while node.op.view and node.inputs:
        source, layout = node.inputs[0], node.op.facts.layout
        if layout is reshaped:
            return len(node.shape) == 2 and not source.op.view
        if layout is cut:
            if any(entry.step not in (None, 1) for entry in node.attrs["index"]):
                return False
        elif layout not in (turned, same):
            return False
        node = source
    return len(node.shape) == 2


def _through(node: Node) -> Through | None:
    """The sum over all leading axes of two tensors is their `tensordot`.

    It is the gradient by a matrix that was the same for a batch: NumPy puts the rows
    side by side itself, and calls BLAS alike.
    """
    turned_, right = node.inputs
    left = turned_.inputs[0] if turned_.op is TRANSPOSE else None
    if left is None or not (left.op is right.op is RESHAPE and len(left.shape) == 2):
        return None
    (a,), (b,) = left.inputs, right.inputs
    lead = len(a.shape) - 1
    if lead < 2 or a.shape[:-1] != b.shape[:-1]:
        return None
    flat = left.shape[1:] == a.shape[-1:] and right.shape[1:] == b.shape[-1:]
    if not flat or 1 in node.shape:  # a vector times a matrix is another call of BLAS
        return None
    views = [turned_, left, right]
    axes = [list(range(lead))] * 2
    sources = [a, b]
    for i, source in enumerate((a, b)):
        if source.op is TRANSPOSE and source.attrs["axes"][-1] == lead:
            axes[i], (sources[i],) = list(source.attrs["axes"][:-1]), source.inputs
            views.append(source)
    text = f"np.tensordot(_0, _1, axes=({axes[0]}, {axes[1]}))"
    return Through(text, tuple(sources), tuple(views))


def _summed(node: Node) -> tuple[Dim, ...]:
    """Return the axes of a product of rows that were put side by side."""
    if _through(node) is None:
        return ()
    (turned_, _) = node.inputs
    return turned_.inputs[0].inputs[0].shape[:-1]


def _rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    a, b = (len(i.shape) for i in node.inputs)
    lead = "abcdefghijklmnop"[: max(a, b, 2) - 2]
    first = lead[len(lead) - a + 2 :] + "yz" if a > 1 else "z"
    second = lead[len(lead) - b + 2 :] + "zx" if b > 1 else "z"
    result = lead + "y" * (a > 1) + "x" * (b > 1)
    return labelled([first, second], result, parts)


def _tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    """Matrices stand side by side; two vectors have a dot between them.

    A stack of matrices times a vector is a matrix for the product around it, so it is
    put in parentheses.
    """
    if not node.shape and all(len(i.shape) == 1 for i in node.inputs):
        pair = operands[0].before(), operands[1]
        return tex.infix(r"\cdot", tex.PRODUCT, tex.PRODUCT, tex.BIG)(
            node, pair, writer
        )
    parts = [
        Tex(t.within(tex.ATOM)) if _is_rows_of_products(i) else t
        for i, t in zip(node.inputs, operands, strict=True)
    ]
    parts[0] = parts[0].before()
    return tex.infix(r"\,", tex.PRODUCT, tex.PRODUCT)(node, parts, writer)


def _is_rows_of_products(node: Node) -> bool:
    """Whether a node is a stack of matrices, each times a vector."""
    if node.op is not MATMUL or len(node.shape) < 2:
        return False
    return any(len(i.shape) == 1 for i in node.inputs)


MATMUL = multilinear(
    "matmul",
    _infer_matmul,
    np.matmul,
    transposes={0: _left, 1: _right},
    text="_0 @ _1",
    latex=_tex,
    facts=Facts(
        independent=of_matmul,
        layout=filled,
        work=_work,
        out_form=_out_form,
        short=_short,
        rows=_rows,
        word="product",
        called="{0}_{1}",
        stretches="batch",
        through=_through,
        summed=_summed,
    ),
)


@api("matmul", "linalg.matmul")
def matmul(x: Any, other: Any) -> Tensor:
    """Matrix product with NumPy's rules for vectors and batches."""
    a, b = as_tensor(x), as_tensor(other)
    if is_literal(a) or is_literal(b) or not a.ndim or not b.ndim:
        raise ShapeError(
            f"matmul needs tensors of at least one axis, got {a.type} and {b.type}; "
            "use * for scalars."
        )
    if b.ndim <= 2 and a.ndim >= 1 and not (a.ndim > 2 and b.ndim == 1):
        return apply(MATMUL, a, b)
    if b.ndim == 1:  # batch of matrices times one vector
        return apply(MATMUL, a, b)
    if a.ndim == 1:
        row = matmul(expand_dims(a, 0), b)
        return reshape(row, row.shape[:-2] + row.shape[-1:])
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ShapeError as error:
        raise ShapeError(
            f"matmul({a.type}, {b.type}): batch axes differ: {error}"
        ) from None
    return apply(
        MATMUL, stretch(a, batch + a.shape[-2:]), stretch(b, batch + b.shape[-2:])
    )


@api("dot")
def dot(x: Any, other: Any) -> Tensor:
    """NumPy's dot: a product for scalars, otherwise a sum over the last axis of x."""
    a, b = strong_operands([x, other])
    if is_literal(a) or is_literal(b) or not a.ndim or not b.ndim:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    flat = _flat(swapaxes(b, -1, -2))
    rows = matmul(_flat(a) if a.ndim > 1 else a, swapaxes(flat, 0, 1))
    return reshape(rows, a.shape[:-1] + b.shape[:-2] + b.shape[-1:])


@api("outer")
def outer(x: Any, other: Any) -> Tensor:
    """Every element of the first (flattened) times every element of the second."""
    a, b = (reshape(t, -1) for t in joint_operands([x, other]))
    return expand_dims(a, 1) * b
