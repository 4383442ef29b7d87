"""Samples of symdiff/ops/indexing: slices, taking, one_hot and their transposes."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import I, Sample, raw


def _scatter_axis(x: Any, at: Any, shape: Any, index: Any, unique: bool) -> Any:
    found, axis = np.zeros(shape, x.dtype), index.index("@")
    for i, row in zip(at, np.moveaxis(x, axis, 0), strict=True):
        np.moveaxis(found, axis, 0)[i] += row
    return found


def _pick(x: Any, index: Any) -> Any:
    rows = x.reshape(-1, x.shape[-1])
    return np.array([r[i] for r, i in zip(rows, index.ravel(), strict=True)]).reshape(
        index.shape
    )


def _place(x: Any, at: Any, shape: Any, index: Any, unique: bool) -> Any:
    return x[..., None] * np.eye(shape[-1])[at]


def _add_at(x: Any, value: Any, at: Any, index: Any, minus: bool) -> Any:
    found = np.array(x)
    for row, (i, v) in enumerate(zip(at, value, strict=True)):
        found[(row, i) if index[0] == "row" else i] += -v if minus else v
    return found


ODD = (slice(None), slice(4, 0, -2))

PARTS = (
    (slice(0, 2), slice(1, None)),
    (2, slice(None)),
    (slice(None, None, 2), 1),
    (slice(None), slice(None, None, -1)),
)


def _unslice(*parts: Any, shape: Any, indices: Any) -> Any:
    found = np.zeros((len(parts), *shape), np.result_type(*parts))
    for one, part, index in zip(found, parts, indices, strict=True):
        one[index] = part
    return found.sum(axis=0)


SAMPLES = [
    Sample(lambda x: x[1:, None], [(3, 4)], label="x[1:,None]", symbolic=False),
    Sample(lambda x: x[:, 1:3], [(3, 4)], label="x[:,1:3]"),
    Sample(lambda x: x[..., ::-1], [(3, 4)], label="x[...,::-1]"),
    Sample(lambda x: x[:, -3::2], [(3, 4)], label="x[:,-3::2]"),
    Sample(lambda x: x[:, 3:0:-2], [(3, 4)], label="x[:,3:0:-2]"),
    Sample(lambda x: x[::-1], [(3, 4)], label="x[::-1]"),
    Sample(lambda x: x[-1, 2], [(3, 4)], label="x[-1,2]", symbolic=False),
    Sample(lambda x: x[2:1], [(3, 4)], label="x[2:1]", symbolic=False),
    Sample(
        raw("unslice"),
        [(3, 2)],
        {"shape": (3, 6), "indices": (ODD,)},
        _unslice,
        symbolic=False,
    ),
    Sample(
        raw("unslice"),
        [(2, 3), (4,), (2,), (3, 4)],
        {"shape": (3, 4), "indices": PARTS},
        _unslice,
        symbolic=False,
    ),
    Sample("take", [(3, 4), I((5,), 3)], {"axis": 0}, symbolic=False),
    Sample("take", [(3, 4), I((2, 2), 4)], {"axis": -1}),
    Sample("take", [(3, 4), I((5,), 12)], symbolic=False),
    Sample(lambda x, i: x[:, i], [(3, 4), I((5,), 4)], label="x[:,i]"),
    Sample(
        raw("scatter_add"),
        [(5, 2), I((5,), 3)],
        {"shape": (3, 2), "index": ("@",), "unique": False},
        _scatter_axis,
        symbolic=False,
    ),
    Sample(
        raw("scatter_add"),
        [(2, 5), I((5,), 3)],
        {"shape": (2, 3), "index": (slice(None), "@"), "unique": False},
        _scatter_axis,
        symbolic=False,
    ),
    Sample("pick", [(3, 4), I((3,), 4)], reference=_pick),
    Sample("pick", [(3, 2, 4), I((3, 2), 4)], reference=_pick),
    Sample("pick", [(4,), I((), 4)], reference=_pick, symbolic=False),
    Sample(
        raw("scatter_add"),
        [(3,), I((3,), 4)],
        {"shape": (3, 4), "index": ("row", "label"), "unique": True},
        _place,
        symbolic=False,
    ),
    Sample(
        raw("scatter_add"),
        [(3, 2), I((3, 2), 4)],
        {"shape": (3, 2, 4), "index": ("row", "row", "label"), "unique": True},
        _place,
        symbolic=False,
    ),
    Sample(
        raw("add_at"),
        [(3, 4), (3,), I((3,), 4)],
        {"index": ("row", "label"), "minus": False},
        _add_at,
    ),
    Sample(
        raw("add_at"),
        [(3, 4), (5, 4), I((5,), 3)],
        {"index": ("@",), "minus": True},
        _add_at,
        symbolic=False,
    ),
    Sample(
        raw("in_range"),
        [I((3,), 4)],
        {"length": 4, "name": "i"},
        lambda i, **_: i,
        differentiable=False,
    ),
    Sample(
        "one_hot",
        [I((3,), 4)],
        {"length": 4},
        lambda i, length: np.eye(length)[i],
        differentiable=False,
    ),
    Sample(
        raw("subtract_one_hot"), [(3, 4), I((3,), 4)], {}, lambda x, i: x - np.eye(4)[i]
    ),
    Sample(
        lambda: raw("arange")(length=5),
        [],
        reference=lambda: np.arange(5),
        differentiable=False,
        symbolic=False,
        label="arange",
    ),
]
