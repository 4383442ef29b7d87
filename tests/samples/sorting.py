"""Samples of symdiff/ops/indexing/sorting.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import A, Given, I, Sample, raw, sd

TIES = Given(np.array([[2.0, 1.0, 2.0], [1.0, 1.0, 0.0]]))


def _stable(x: Any, axis: int | None = -1) -> Any:
    return np.argsort(x, axis=axis, kind="stable")


def _add_along(x: Any, at: Any, shape: Any, index: Any, unique: bool) -> Any:
    axis = index.index("@")
    x, at = np.moveaxis(x, axis, -1), np.moveaxis(at, axis, -1)
    return np.moveaxis((x[..., None] * np.eye(shape[axis])[at]).sum(-2), -1, axis)


SAMPLES = [
    *(
        Sample("sort", [(3, 4)], {"axis": axis}, domain="distinct")
        for axis in (-1, 0, None)
    ),
    Sample("sort", [I((3, 4), 5)], differentiable=False),
    *(
        Sample(
            "argsort",
            [(3, 4)],
            {"axis": axis},
            _stable,
            domain="distinct",
            differentiable=False,
        )
        for axis in (-1, 0, None)
    ),
    Sample("argsort", [TIES], reference=_stable, differentiable=False),
    Sample("searchsorted", [Given(np.arange(4.0)), (2, 3)], differentiable=False),
    Sample(
        "searchsorted",
        [Given(np.arange(4)), I((3,), 5)],
        {"side": "right"},
        differentiable=False,
    ),
    Sample(
        "searchsorted",
        [Given(np.array([2.0, 0.0, 1.0])), (3,)],
        {"sorter": [1, 2, 0]},
        differentiable=False,
    ),
    Sample("take_along_axis", [(3, 4), I((3, 6), 4)], {"axis": 1}),
    Sample("take_along_axis", [(3, 4), I((6, 4), 3)], {"axis": 0}, symbolic=False),
    Sample("take_along_axis", [(2, 3, 4), I((2, 5, 1), 3)], {"axis": 1}),
    Sample("take_along_axis", [(3, 4), I((5,), 12)], {"axis": None}, symbolic=False),
    Sample("take_along_axis", [(5,), I((3,), 5)], {"axis": 0}, symbolic=False),
    *(
        Sample(
            raw("scatter_add"),
            [A((3, 4, 2)), I((3, 4, 2), 5)],
            {
                "shape": tuple(5 if i == axis else d for i, d in enumerate((3, 4, 2))),
                "index": tuple("@" if i == axis else "row" for i in range(3)),
                "unique": False,
            },
            _add_along,
            symbolic=False,
        )
        for axis in (0, 1, 2)
    ),
    *(
        Sample(
            lambda x, name=name, kept=kept, more=more: sd.__getattr__(name)(
                kept, x, **more
            ),
            [shape],
            reference=lambda x, name=name, kept=kept, more=more: getattr(np, name)(
                kept, x, **more
            ),
            label=f"{name}{sorted(more.items()) or ''}",
            symbolic=False,  # a mask is of one length
        )
        for name, kept, shape, more in (
            ("compress", [True, False, True], (3, 4), {"axis": 0}),
            ("compress", [0, 2], (3, 4), {"axis": 1}),
            ("compress", [False, True, True, False, True], (3, 4), {}),
            ("extract", [[True, False], [True, True]], (2, 2), {}),
        )
    ),
]
