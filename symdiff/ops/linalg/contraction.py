"""Sums of products over named axes: `einsum` and `tensordot`.

In: subscripts and tensors. Out: products of two tensors at a time. The order of several
operands is chosen by ``np.einsum_path`` when the graph is built, with 64 standing for
each symbolic dim. Invariant: a product that ``@`` or ``np.tensordot`` can express is
that op, one without summation is a multiplication, and all others are ``np.einsum``;
the transpose of each is again a sum of products.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import Dim, TensorType, normalize_axis, product, promote, unify
from symdiff.ops.core.define import multilinear
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.independent import Axes, of_subscripts
from symdiff.ops.core.operands import api, joint_operands
from symdiff.ops.core.rows import Batch, Part, labelled
from symdiff.ops.core.text import shape_text
from symdiff.ops.core.work import Work
from symdiff.ops.elementwise.casts import cast, dtype_text
from symdiff.ops.linalg.matmul import matmul
from symdiff.ops.linalg.subscripts import (
    interleaved,
    read_subscripts,
    sizes,
    split,
    work_of,
)
from symdiff.ops.reduce.sums import any_, reduce_sum, sum_
from symdiff.ops.shape.views import expand_dims, reshape, squeeze, transpose

_REPRESENTATIVE = 64  # stands for a symbolic dim when the order of products is chosen

# --- the records ----------------------------------------------------------------------


def _infer_einsum(*types: TensorType, subscripts: str) -> TensorType:
    terms, output = split(subscripts)
    lengths = sizes(terms, [t.shape for t in types])
    dtype = types[0].dtype
    for t in types[1:]:
        dtype = promote(dtype, t.dtype)
    return TensorType(tuple(lengths[a] for a in output), dtype)


def _einsum_transpose(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Any, i: int
) -> Tensor:
    terms, output = split(attrs["subscripts"])
    factors, names = list(inputs), list(terms)
    factors[i], names[i] = ct, output
    return einsum(f"{','.join(names)}->{terms[i]}", *factors)


def _einsum_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    terms, output = split(node.attrs["subscripts"])
    return labelled(terms, output, parts)


EINSUM = multilinear(
    "einsum",
    _infer_einsum,
    lambda *xs, subscripts: np.einsum(subscripts, *xs),
    transposes={
        0: lambda ct, inputs, attrs: _einsum_transpose(ct, inputs, attrs, 0),
        1: lambda ct, inputs, attrs: _einsum_transpose(ct, inputs, attrs, 1),
    },
    text=lambda node: f'np.einsum("{node.attrs["subscripts"]}", _0, _1)',
    rule="the same sum of products, over the other subscripts",
    facts=Facts(
        independent=lambda node: of_subscripts(*split(node.attrs["subscripts"])),
        rows=_einsum_rows,
        work=lambda node: work_of(*split(node.attrs["subscripts"]), node.inputs),
    ),
)


def _place_diagonal(ct: Tensor, inputs: Sequence[Tensor], attrs: Any) -> Tensor:
    return apply(PLACE_DIAGONAL, ct, shape=inputs[0].shape, **attrs)


TAKE_DIAGONAL = multilinear(
    "take_diagonal",
    _infer_einsum,
    lambda x, *, subscripts: np.einsum(subscripts, x),
    transposes={0: _place_diagonal},
    text=lambda node: f'np.einsum("{node.attrs["subscripts"]}", _0)',
    view=True,
    rule="the cotangent goes to the diagonal",
    facts=Facts(zeros="moved"),
)


def _evaluate_place(x: Any, *, shape: Any, subscripts: str) -> Any:
    result = np.zeros(shape, dtype=x.dtype)
    np.einsum(subscripts, result)[...] = x  # einsum returns a writable view
    return result


PLACE_DIAGONAL = multilinear(
    "place_diagonal",
    lambda x, *, shape, subscripts: TensorType(shape, x.dtype),
    _evaluate_place,
    transposes={
        0: lambda ct, inputs, attrs: apply(
            TAKE_DIAGONAL, ct, subscripts=attrs["subscripts"]
        )
    },
    text=lambda node: (
        f"_out = np.zeros({shape_text(node.shape)}, {dtype_text(node.dtype)})\n"
        f'np.einsum("{node.attrs["subscripts"]}", _out)[...] = _0'
    ),
    rule="zero off the diagonal",
    facts=Facts(stretches=(0,), zeros="placed apart"),
)


def _infer_tensordot(a: TensorType, b: TensorType, *, axes: Any) -> TensorType:
    left, right = axes
    for i, j in zip(left, right, strict=True):
        agree = may_agree(a.shape[i], b.shape[j])
        if not agree or unify(a.shape[i], b.shape[j]) is None:
            raise ShapeError(
                f"axis {i} of {a.shape} and axis {j} of {b.shape} differ in length"
            )
    free = [d for i, d in enumerate(a.shape) if i not in left]
    free += [d for i, d in enumerate(b.shape) if i not in right]
    return TensorType(tuple(free), promote(a.dtype, b.dtype))


def _tensordot_terms(inputs: Sequence[Any], axes: Any) -> tuple[list[str], str]:
    a, b = inputs
    count = len(a.shape)
    first = string.ascii_letters[:count]
    fresh = iter(string.ascii_letters[count:])
    meets = dict(zip(axes[1], axes[0], strict=True))
    second = "".join(
        first[meets[j]] if j in meets else next(fresh) for j in range(len(b.shape))
    )
    shared = set(first) & set(second)
    return [first, second], "".join(c for c in first + second if c not in shared)


def _tensordot_axes(node: Node) -> Axes:
    return of_subscripts(*_tensordot_terms(node.inputs, node.attrs["axes"]))


def _tensordot_transpose(
    ct: Tensor, inputs: Sequence[Tensor], attrs: Any, i: int
) -> Tensor:
    (first, second), output = _tensordot_terms(inputs, attrs["axes"])
    if i == 0:
        return einsum(f"{output},{second}->{first}", ct, inputs[1])
    return einsum(f"{first},{output}->{second}", inputs[0], ct)


def _tensordot_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    return labelled(*_tensordot_terms(node.inputs, node.attrs["axes"]), parts)


def _tensordot_work(node: Node) -> Work:
    return work_of(*_tensordot_terms(node.inputs, node.attrs["axes"]), node.inputs)


TENSORDOT = multilinear(
    "tensordot",
    _infer_tensordot,
    lambda a, b, *, axes: np.tensordot(a, b, axes=axes),
    transposes={
        0: lambda ct, inputs, attrs: _tensordot_transpose(ct, inputs, attrs, 0),
        1: lambda ct, inputs, attrs: _tensordot_transpose(ct, inputs, attrs, 1),
    },
    text=lambda node: "np.tensordot(_0, _1, axes=({}, {}))".format(
        *map(list, node.attrs["axes"])
    ),
    facts=Facts(
        independent=_tensordot_axes,
        rows=_tensordot_rows,
        work=_tensordot_work,
        summed=lambda n: tuple(n.inputs[0].shape[i] for i in n.attrs["axes"][0]),
    ),
)


# --- one or two factors ---------------------------------------------------------------


def _arrange(x: Tensor, term: str, wanted: str) -> Tensor:
    """Return x with its axes in the order of ``wanted``, a permutation of ``term``."""
    return transpose(x, tuple(term.index(c) for c in wanted)) if term != wanted else x


def _reduced(x: Tensor, term: str, keep: str) -> tuple[Tensor, str]:
    """Return x with repeated subscripts merged, and those not kept summed over."""
    unique = "".join(dict.fromkeys(term))
    if unique != term:
        x = apply(TAKE_DIAGONAL, x, subscripts=f"{term}->{unique}")
    gone = tuple(i for i, c in enumerate(unique) if c not in keep)
    return _added(x, gone), "".join(c for c in unique if c in keep)


def _added(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the sum over axes in the dtype of x, not in the wider one of `sum`."""
    if not axes:
        return x
    if x.dtype.is_bool:
        return any_(x, axes)
    return reduce_sum(x, axes) if x.dtype.is_float else sum_(x, axes, dtype=x.dtype)


def _pair(
    a: Tensor, first: str, b: Tensor, second: str, output: str
) -> tuple[Tensor, str]:
    """Return the product of two factors whose subscripts are all shared or kept."""
    batch = "".join(c for c in first if c in second and c in output)
    summed = "".join(c for c in first if c in second and c not in output)
    rows = "".join(c for c in first if c not in second)
    columns = "".join(c for c in second if c not in first)
    if not summed:
        x, y = _multiplied(a, first, output), _multiplied(b, second, output)
        return x * y, output
    if not batch:
        if output.startswith(columns) and output.endswith(rows) and rows and columns:
            a, first, rows, b, second, columns = b, second, columns, a, first, rows
        if len(summed) == 1 and len(columns) <= 1 and _rows_first(first, rows, summed):
            x = _arrange(a, first, rows + summed)
            return matmul(x, _arrange(b, second, summed + columns)), rows + columns
        axes = tuple(tuple(t.index(c) for c in summed) for t in (first, second))
        return apply(TENSORDOT, a, b, axes=axes), rows + columns
    if not rows or not columns:
        return apply(EINSUM, a, b, subscripts=f"{first},{second}->{output}"), output
    lengths = sizes([first, second], [a.shape, b.shape])
    x = _grouped(
        _arrange(a, first, batch + rows + summed), lengths, batch, rows, summed
    )
    y = _grouped(
        _arrange(b, second, batch + summed + columns), lengths, batch, summed, columns
    )
    found = matmul(x, y)
    return reshape(found, tuple(lengths[c] for c in batch + rows + columns)), (
        batch + rows + columns
    )


def _rows_first(term: str, rows: str, summed: str) -> bool:
    """Whether ``@`` can take a term: as it stands, or as one transposed matrix."""
    return term == rows + summed or len(rows) <= 1


def _multiplied(x: Tensor, term: str, output: str) -> Tensor:
    """Return x with its axes where ``output`` has them, length 1 where it has none."""
    x = _arrange(x, term, "".join(c for c in output if c in term))
    while output and output[0] not in term:
        output = output[1:]  # leading axes appear by themselves
    missing = tuple(i for i, c in enumerate(output) if c not in term)
    return expand_dims(x, missing) if missing else x


def _grouped(x: Tensor, lengths: Mapping[str, Dim], batch: str, *groups: str) -> Tensor:
    """Return x with each group of axes flattened to one."""
    grouped = [product([lengths[c] for c in g]) for g in groups]
    return reshape(x, (*(lengths[c] for c in batch), *grouped))


# --- public functions -----------------------------------------------------------------


@api("einsum")
def einsum(*operands: Any, optimize: Any = True) -> Tensor:
    """Einstein's summation, with NumPy's subscripts: repeated, implicit and ``...``.

    ``einsum("ij,jk->ik", a, b)`` or ``einsum(a, [0, 1], b, [1, 2], [0, 2])``. Products
    of several operands are taken in an order chosen now (left to right if ``optimize``
    is False).
    """
    if operands and isinstance(operands[0], str):
        subscripts, values = operands[0], list(operands[1:])
    else:
        subscripts, values = interleaved(operands)
    if not values:
        raise ShapeError("einsum needs subscripts and at least one operand.")
    tensors = _of_one_dtype(joint_operands(values))
    terms, output = read_subscripts(subscripts, tensors)
    return _contract(terms, tensors, output, optimize)


def _of_one_dtype(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return factors in the dtype of their product, in which NumPy adds it up.

    Raises `DTypeError` for integers beside floats, as every product does.
    """
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = promote(dtype, t.dtype)
    return [t if t.dtype.is_float else cast(t, dtype) for t in tensors]


def _contract(
    terms: list[str], tensors: list[Tensor], output: str, optimize: Any = True
) -> Tensor:
    terms, tensors = _without_ones(terms, tensors)
    terms, tensors = list(terms), list(tensors)
    for places in _path(terms, tensors, output, optimize):
        group = [(tensors[i], terms[i]) for i in places]
        for i in sorted(places, reverse=True):
            del tensors[i], terms[i]
        elsewhere = "".join(terms) + output
        x, term = group[0]
        for k, (y, other) in enumerate(group[1:], 1):
            keep = elsewhere + "".join(t for _, t in group[k + 1 :])
            x, term = _reduced(x, term, keep + other)
            y, other = _reduced(y, other, keep + term)
            wanted = "".join(dict.fromkeys(c for c in term + other if c in keep))
            if set(wanted) == set(output) and not terms and k == len(group) - 1:
                wanted = output
            x, term = _pair(x, term, y, other, wanted)
        tensors.append(x)
        terms.append(term)
    x, term = _reduced(tensors[0], terms[0], output)
    return _arrange(x, term, output)


def _without_ones(
    terms: Sequence[str], tensors: Sequence[Tensor]
) -> tuple[list[str], list[Tensor]]:
    """Drop axes of length 1 whose letter is longer elsewhere: they broadcast."""
    longer = {
        c
        for term, t in zip(terms, tensors, strict=True)
        for c, d in zip(term, t.shape, strict=True)
        if d != 1
    }
    names, found = [], []
    for term, t in zip(terms, tensors, strict=True):
        gone = [i for i, c in enumerate(term) if t.shape[i] == 1 and c in longer]
        found.append(squeeze(t, tuple(gone)) if gone else t)
        names.append("".join(c for i, c in enumerate(term) if i not in gone))
    sizes(names, [t.shape for t in found])
    return names, found


def _path(
    terms: Sequence[str], tensors: Sequence[Tensor], output: str, optimize: Any
) -> Sequence[tuple[int, ...]]:
    """Return which operands meet at each step; a result goes to the end of the list."""
    count = len(terms)
    if count < 3:
        return [tuple(range(count))]
    if optimize is False:
        return [(0, 1)] + [(0, count - k) for k in range(2, count)]
    stand_ins = [
        np.broadcast_to(np.empty(()), tuple(map(_typical, t.shape))) for t in tensors
    ]
    method = "optimal" if count <= 5 else "greedy"
    subscripts = f"{','.join(terms)}->{output}"
    path, _ = np.einsum_path(subscripts, *stand_ins, optimize=method)
    return list(path[1:])


def _typical(length: Dim) -> int:
    if isinstance(length, int):
        return length
    return max(1, int(length.subs(dict.fromkeys(length.free_symbols, _REPRESENTATIVE))))


@api("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """Sum of products over ``axes``: a number of them, or a pair of sequences."""
    x, y = joint_operands([a, b])
    left: Sequence[int]
    right: Sequence[int]
    if isinstance(axes, (int, np.integer)):
        left, right = range(-int(axes), 0), range(int(axes))
    else:
        left, right = (
            [int(side)] if isinstance(side, (int, np.integer)) else list(side)
            for side in axes
        )
    pairs = (
        tuple(normalize_axis(i, x.ndim) for i in left),
        tuple(normalize_axis(j, y.ndim) for j in right),
    )
    if len(pairs[0]) != len(pairs[1]):
        raise ShapeError(
            f"tensordot axes {axes} pair {len(left)} with {len(right)} axes."
        )
    _infer_tensordot(x.node.tensor_type, y.node.tensor_type, axes=pairs)
    terms, output = _tensordot_terms([x, y], pairs)
    return _contract(terms, _of_one_dtype([x, y]), output)
