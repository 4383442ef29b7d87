"""Further products of vectors and matrices: `inner`, `kron`, `cross`, `convolve`.

`cross` and `convolve` are bilinear records whose transposes are cross products and
convolutions; the others are compositions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import (
    TensorType,
    as_dim,
    dims_equal,
    normalize_axis,
    promote,
    require_nonempty,
    unify,
)
from symdiff.ops.core import rows
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import beside_axes
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    broadcast_operands,
    float_operand,
    joint_operands,
    strong_operands,
)
from symdiff.ops.core.record import result_dtype
from symdiff.ops.indexing.slices import slice_axis
from symdiff.ops.linalg.contraction import einsum, tensordot
from symdiff.ops.linalg.matmul import matmul, outer
from symdiff.ops.shape.views import expand_dims, moveaxis, ravel, reshape


@api("inner")
def inner(a: Any, b: Any) -> Tensor:
    """Sum of products over the last axis of both tensors; a product for scalars."""
    x, y = strong_operands([a, b])
    if not x.ndim or not y.ndim:
        return x * y
    return tensordot(x, y, axes=(-1, -1))


@api("vdot")
def vdot(a: Any, b: Any) -> Tensor:
    """Sum of the products of all elements, in C order; shapes need not agree."""
    x, y = joint_operands([a, b])
    return matmul(ravel(x), ravel(y))


@api("vecdot", "linalg.vecdot")
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """Dot products of the vectors along ``axis``; the other axes broadcast."""
    x, y = as_tensor(x1), as_tensor(x2)
    if axis != -1:
        x, y = _last(x, axis), _last(y, axis)
    if x.ndim and y.ndim and not may_agree(x.shape[-1], y.shape[-1]):
        raise ShapeError(f"vecdot of vectors of lengths {x.shape[-1]}, {y.shape[-1]}.")
    return einsum("...i,...i->...", x, y)


def _last(x: Tensor, axis: int) -> Tensor:
    return moveaxis(x, axis, -1)


@api("matvec")
def matvec(x1: Any, x2: Any) -> Tensor:
    """Products of the matrices ``x1`` with the vectors ``x2``; lead axes broadcast."""
    x, y = as_tensor(x1), as_tensor(x2)
    _require_core("matvec", x, y, (2, 1), x.shape[-1:], y.shape[-1:])
    return einsum("...ij,...j->...i", x, y)


@api("vecmat")
def vecmat(x1: Any, x2: Any) -> Tensor:
    """Products of the vectors ``x1`` with the matrices ``x2``; lead axes broadcast."""
    x, y = as_tensor(x1), as_tensor(x2)
    _require_core("vecmat", x, y, (1, 2), x.shape[-1:], y.shape[-2:-1])
    return einsum("...i,...ij->...j", x, y)


def _require_core(
    name: str, x: Tensor, y: Tensor, axes: tuple[int, int], inner: Any, other: Any
) -> None:
    """Raise `ShapeError` for operands of too few axes or whose inner lengths differ."""
    if x.ndim < axes[0] or y.ndim < axes[1] or not may_agree(*inner, *other):
        first, second = (("a vector", "a matrix")[n - 1] for n in axes)
        raise ShapeError(
            f"{name} needs {first} and {second} of one inner length, or stacks of "
            f"them; got shapes {x.shape} and {y.shape}."
        )


@api("linalg.outer")
def outer_(x1: Any, x2: Any) -> Tensor:
    """Every element of one vector times every element of another."""
    x, y = as_tensor(x1), as_tensor(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            f"linalg.outer needs two vectors, got shapes {x.shape} and {y.shape}; "
            "sd.outer flattens its operands."
        )
    return outer(x, y)


@api("kron")
def kron(a: Any, b: Any) -> Tensor:
    """Kronecker product: blocks of ``b`` scaled by the elements of ``a``."""
    x, y = joint_operands([a, b])
    ndim = max(x.ndim, y.ndim)
    x = reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    y = reshape(y, (1,) * (ndim - y.ndim) + y.shape)
    shape = tuple(as_dim(d * e) for d, e in zip(x.shape, y.shape, strict=True))
    x = expand_dims(x, tuple(range(1, 2 * ndim, 2)))
    y = expand_dims(y, tuple(range(0, 2 * ndim, 2)))
    return reshape(x * y, shape)


# --- vectors in space -----------------------------------------------------------------


def _infer_cross(a: TensorType, b: TensorType, *, axis: int) -> TensorType:
    for t in (a, b):
        if dims_equal(t.shape[axis], 3) is False:
            raise ShapeError(
                f"cross needs vectors of 3 elements along axis {axis}, got {t.shape}"
            )
    shape = tuple(unify(d, e) for d, e in zip(a.shape, b.shape, strict=True))
    if None in shape:
        raise ShapeError(f"operands have different shapes {a.shape} and {b.shape}")
    return TensorType(shape, result_dtype("number", (a.dtype, b.dtype)))


def _cross_text(node: Any) -> str:
    axis = node.attrs["axis"]
    last = axis == len(node.shape) - 1
    return "np.cross(_0, _1)" if last else f"np.cross(_0, _1, axis={axis})"


def _cross_left(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    """<ct, a x b> = <a, b x ct>."""
    return apply(CROSS, inputs[1], ct, **attrs)


def _cross_right(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    """<ct, a x b> = <b, ct x a>."""
    return apply(CROSS, ct, inputs[0], **attrs)


CROSS = multilinear(
    "cross",
    _infer_cross,
    lambda a, b, *, axis: np.cross(a, b, axis=axis),
    transposes={0: _cross_left, 1: _cross_right},
    text=_cross_text,
    latex=r"{0} \times {1}",
    facts=Facts(independent=beside_axes, rows=rows.along),
)


@api("cross", "linalg.cross")
def cross(a: Any, b: Any, *, axis: int = -1) -> Tensor:
    """Cross product of 3-vectors along ``axis``; the other axes broadcast."""
    x, y = broadcast_operands(float_operand(a), float_operand(b))
    if not x.ndim:
        raise ShapeError("cross needs vectors.")
    for t, name in ((as_tensor(a), "first"), (as_tensor(b), "second")):
        where = normalize_axis(axis, t.ndim)
        if dims_equal(t.shape[where], 3) is False:
            raise ShapeError(
                f"cross needs 3 elements along axis {axis}, the {name} operand has "
                f"{t.shape[where]}; for plane vectors write "
                "a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]."
            )
    return apply(CROSS, x, y, axis=normalize_axis(axis, x.ndim))


# --- convolution of sequences ---------------------------------------------------------


def _infer_convolve(
    a: TensorType, v: TensorType, *, mode: str, longer: bool = False
) -> TensorType:
    n, m = a.shape[0], v.shape[0]
    for length in (n, m):
        require_nonempty(length, "convolve")
    count = as_dim(n + m - 1) if mode == "full" else n - m + 1
    if mode == "valid":
        if isinstance(count, int) and count < 1:
            raise ShapeError(f"a valid convolution of {n} by {m} elements is empty")
        require_nonempty(as_dim(count), "a valid convolution")
    if longer:  # the part cut out is as long as the first operand
        require_nonempty(as_dim(n - m + 1), "a convolution of mode 'same'")
    return TensorType((as_dim(count),), promote(a.dtype, v.dtype))


def _convolve(
    a: np.ndarray, v: np.ndarray, *, mode: str, longer: bool = False
) -> np.ndarray:
    if longer and a.size < v.size:
        raise ShapeError(f"mode 'same' needs {v.size} elements or more, got {a.size}.")
    return np.convolve(a, v, mode=mode)  # type: ignore[call-overload]


def _convolve_left(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    back = "valid" if attrs["mode"] == "full" else "full"
    return apply(CONVOLVE, ct, _reversed(inputs[1]), mode=back)


def _convolve_right(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> Tensor:
    a, _ = inputs
    if attrs["mode"] == "full":
        return apply(CONVOLVE, ct, _reversed(a), mode="valid")
    return _reversed(apply(CONVOLVE, a, _reversed(ct), mode="valid"))


def _reversed(x: Tensor) -> Tensor:
    return x[::-1]


# In mode "valid" the first operand is the longer one.
CONVOLVE = multilinear(
    "convolve",
    _infer_convolve,
    _convolve,
    transposes={0: _convolve_left, 1: _convolve_right},
    text=lambda node: (
        "np.convolve(_0, _1)"
        if node.attrs["mode"] == "full"
        else f'np.convolve(_0, _1, mode="{node.attrs["mode"]}")'
    ),
    rule="convolved with the other operand reversed",
    facts=Facts(work=lambda node: [(tuple(i.shape[0] for i in node.inputs), 2)]),
)


@api("convolve")
def convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    """Discrete convolution of two vectors; ``mode`` is 'full', 'same' or 'valid'.

    Of lengths n and m: n + m - 1, max(n, m), or max(n, m) - min(n, m) + 1 elements.
    With symbolic lengths 'same' and 'valid' need the first operand to be as long as the
    second, which is checked when they are known.
    """
    return _convolved(a, v, mode, lambda n, m: (min(n, m) - 1) // 2)


@api("correlate")
def correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    """Cross-correlation of two vectors: convolution with ``v`` reversed."""
    v = float_operand(v)
    return _convolved(
        a, _reversed(v), mode, lambda n, m: (m - 1) // 2 if n >= m else n // 2
    )


def _convolved(a: Any, v: Any, mode: str, start: Any) -> Tensor:
    x, y = float_operand(a), float_operand(v)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            f"a convolution needs two vectors, got {x.shape} and {y.shape}."
        )
    if mode not in ("full", "same", "valid"):
        raise DeclarationError(f"mode must be 'full', 'same' or 'valid', got {mode!r}.")
    n, m = x.shape[0], y.shape[0]
    swapped = isinstance(n, int) and isinstance(m, int) and n < m
    if mode == "valid":
        x, y = (y, x) if swapped else (x, y)
        return apply(CONVOLVE, x, y, mode="valid")
    if mode == "full":
        return apply(CONVOLVE, x, y, mode="full")
    if not isinstance(m, int):
        raise ShapeError(
            f"mode 'same' needs a second operand of known length, got {y.shape}."
        )
    asked = {} if isinstance(n, int) else {"longer": True}
    full = apply(CONVOLVE, x, y, mode="full", **asked)
    longest = m if swapped else n
    first = start(n, m) if isinstance(n, int) else start(m, m)
    return slice_axis(full, 0, first, as_dim(first + longest))


# --- chains of matrices ---------------------------------------------------------------


@api("linalg.multi_dot")
def multi_dot(arrays: Sequence[Any]) -> Tensor:
    """Product of matrices in the cheapest order; the ends may be vectors."""
    tensors = [float_operand(a) for a in arrays]
    if len(tensors) < 2:
        raise ShapeError("multi_dot needs at least two tensors.")
    letters = "abcdefghijklmnopqrstuvwxyz"
    if len(tensors) > len(letters) - 1:
        raise ShapeError(f"multi_dot takes up to {len(letters) - 1} tensors.")
    terms = [letters[i : i + 2] for i in range(len(tensors))]
    if tensors[0].ndim == 1:
        terms[0] = terms[0][1]
    if tensors[-1].ndim == 1:
        terms[-1] = terms[-1][0]
    for term, t in zip(terms, tensors, strict=True):
        if t.ndim != len(term):
            raise ShapeError(
                f"multi_dot needs matrices between its ends, got {t.shape}."
            )
    output = (terms[0][0] if len(terms[0]) == 2 else "") + (
        terms[-1][1] if len(terms[-1]) == 2 else ""
    )
    return einsum(f"{','.join(terms)}->{output}", *tensors)
