"""Samples of symdiff/ops/indexing: gather, expressions and updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from samples.table import B, Given, I, Sample

TWICE = Given(np.array([1, 3, 1]))
MASK = np.array([[True, False, True], [False, False, True]])


def read(label: str, fn: Callable[..., Any], *args: Any, **more: Any) -> Sample:
    """A sample of ``x[...]``; NumPy evaluates the same expression."""
    return Sample(fn, args, label=label, **more)


def _updated(kind: str, x: Any, index: Any, value: Any) -> Any:
    found = x.copy()
    if kind == "set":
        found[index] = value
    else:
        ufunc = {"max": np.maximum, "min": np.minimum}.get(kind) or getattr(np, kind)
        ufunc.at(found, index, value)
    return found


def update(
    kind: str, label: str, place: Callable[..., Any], *args: Any, **more: Any
) -> Sample:
    """A sample of ``x.at[place(*indices)].kind(value)`` for args x, value, *indices."""
    return Sample(
        lambda x, value, *indices: getattr(x.at(place(*indices)), kind)(value),
        args,
        reference=lambda x, v, *indices: _updated(kind, x, place(*indices), v),
        label=f"x.at[{label}].{kind}",
        **more,
    )


SAMPLES = [
    read("x[i,1:]", lambda x, i: x[i, 1:], (5, 3), I((4,), 5), symbolic=False),
    read("x[:,i,::-2]", lambda x, i: x[:, i, ::-2], (3, 4, 5), I((2, 2), 4)),
    read(
        "x[i,:,j]",
        lambda x, i, j: x[i, :, j],
        (3, 2, 4),
        I((5, 1), 3),
        I((6,), 4),
        symbolic=False,
    ),
    read(
        "x[i,j]",
        lambda x, i, j: x[i, j],
        (3, 4, 2),
        I((5,), 3),
        I((5,), 4),
        symbolic=False,
    ),
    read("x[:,0,i]", lambda x, i: x[:, 0, i], (3, 2, 4), I((6,), 4)),
    read("x[0,:,i]", lambda x, i: x[0, :, i], (3, 2, 4), I((6,), 4), symbolic=False),
    read("x[...,i]", lambda x, i: x[..., i, None], (3, 2, 4), I((6,), 4)),
    read(
        "x[:,i,...,j]",
        lambda x, i, j: x[:, i, ..., j],
        (3, 2, 4),
        I((6,), 2),
        I((6,), 4),
    ),
    read("x[:,-3::-2]", lambda x: x[:, -3::-2], (4, 2)),
    read("x[[-1,0]]", lambda x: x[[-1, 0]], (3, 2), symbolic=False),
    read("x[:,[2,2,-1]]", lambda x: x[:, [2, 2, -1], None], (3, 4)),
    read("x[mask]", lambda x: x[MASK], (2, 3, 4), symbolic=False),
    read("x[:,mask]", lambda x: x[:, MASK], (5, 2, 3)),
    read("x[:,mask,1]", lambda x: x[1:, MASK[1], 1], (5, 3, 2), symbolic=False),
    *(
        sample
        for kind in ("set", "add", "multiply")
        for sample in (
            update(kind, "1:3", lambda: slice(1, 3), (5, 2), (2, 2), symbolic=False),
            update(
                kind,
                "::-2,None,1",
                lambda: (slice(None, None, -2), None, 1),
                (5, 2),
                (3, 1),
                symbolic=False,
            ),
            update(kind, "-1", lambda: -1, (3, 4), (4,), symbolic=False),
            update(kind, "i", lambda i: i, (5, 2), (3, 2), TWICE),
            update(
                kind,
                ":,i",
                lambda i: (slice(None), i),
                (2, 5),
                (2, 3),
                TWICE,
            ),
            update(
                kind,
                "i,:,j",
                lambda i, j: (i, slice(None), j),
                (4, 2, 3),
                (3, 2),
                TWICE,
                Given(np.array([2, 0, 2])),
            ),
            update(
                kind,
                "[2,0],1:",
                lambda: ([2, 0], slice(1, None)),
                (4, 3),
                (2, 2),
                symbolic=False,
            ),
            update(
                kind,
                "[2,0,2]",
                lambda: [2, 0, 2],
                (4, 3),
                (3, 3),
                symbolic=False,
            ),
        )
    ),
    *(
        update(kind, "i", lambda i: i, (5, 2), (3, 2), TWICE, domain="distinct")
        for kind in ("max", "min")
    ),
    *(
        update(
            kind,
            "1:3",
            lambda: slice(1, 3),
            (5,),
            (2,),
            domain="distinct",
            symbolic=False,
        )
        for kind in ("max", "min")
    ),
    update("set", "...", lambda: Ellipsis, (3, 4), ()),
    Sample(
        lambda x, m: x.at(m).set(2.0),
        [(3, 4), B((3, 4))],
        reference=lambda x, m: np.where(m, 2.0, x),
        label="x.at[mask].set",
    ),
    Sample(
        lambda x, m, v: x.at(m).add(v),
        [(3, 4), B((3,)), (4,)],
        reference=lambda x, m, v: x + m[:, None] * v,
        label="x.at[mask].add",
    ),
    Sample(
        lambda x: x.at[1].subtract(1.5).at[0].divide(2.0).at[1:].get(),
        [(3, 4)],
        reference=lambda x: np.concatenate([x[1:2] - 1.5, x[2:]]),
        label="x.at.get",
        symbolic=False,
    ),
]
