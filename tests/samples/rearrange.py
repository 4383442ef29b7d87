"""Samples of symdiff/ops/shape/rearrange.py."""

from __future__ import annotations

import numpy as np

from samples.table import I, Sample, sd

MATRIX = [(3, 4)]


def _list(name, args, symbolic=True, **attrs):  # type: ignore[no-untyped-def]
    """A function of a list of tensors."""
    return Sample(
        lambda *xs: getattr(sd, name)(list(xs), **attrs),
        args,
        reference=lambda *xs: getattr(np, name)(list(xs), **attrs),
        label=f"{name}{attrs or ''}",
        symbolic=symbolic,
    )


SAMPLES = [
    *(
        Sample("tile", [shape], {"reps": reps})
        for shape, reps in (
            ((3,), 2),
            ((3, 4), 2),
            ((3, 4), (2, 1)),
            ((3, 4), (2, 1, 3)),
            ((3, 2, 2), (2, 3)),
            ((), 3),
            ((3, 4), (1, 0)),
        )
    ),
    *(
        Sample("repeat", MATRIX, attrs)
        for attrs in (
            {"repeats": 2},
            {"repeats": 3, "axis": 0},
            {"repeats": 2, "axis": -1},
        )
    ),
    Sample("repeat", MATRIX, {"repeats": (2, 0, 1), "axis": 0}, symbolic=False),
    *(Sample("flip", [(3, 4, 2)], {"axis": axis}) for axis in (None, 1, (0, -1))),
    Sample("fliplr", MATRIX),
    Sample("flipud", MATRIX),
    *(Sample("rot90", MATRIX, {"k": k}) for k in (0, 1, 2, 3, -1)),
    Sample("rot90", [(3, 4, 2)], {"axes": (2, 1)}),
    *(
        Sample("roll", [(3, 4)], {"shift": shift, "axis": axis})
        for shift, axis in (
            (1, None),
            (-2, 0),
            (5, 1),
            (-1, 1),
            (1, 0),
            (4, 1),
            (-7, 0),
            ((1, 2), (0, 1)),
            (1, (0, 1)),
            ((1, 2), 0),
        )
    ),
    Sample("roll", [(3,)], {"shift": 2}),
    Sample("roll", [(2, 3, 4)], {"shift": -1, "axis": 2}),
    Sample("roll", [(1, 3)], {"shift": 1, "axis": 0}),
    Sample("roll", [I((5,), 9)], {"shift": 2}, differentiable=False),
    Sample("split", [(6, 4)], {"indices_or_sections": 3}, symbolic=False),
    Sample("split", [(6, 4)], {"indices_or_sections": 2, "axis": 1}),
    Sample("split", [(6, 4)], {"indices_or_sections": (2, 3, 5)}, symbolic=False),
    Sample("array_split", [(7, 2)], {"indices_or_sections": 3}, symbolic=False),
    Sample("array_split", [(7,)], {"indices_or_sections": (2, -1)}, symbolic=False),
    Sample("hsplit", [(3, 4)], {"indices_or_sections": 2}),
    Sample("vsplit", [(4, 3)], {"indices_or_sections": 2}, symbolic=False),
    Sample("dsplit", [(3, 2, 4)], {"indices_or_sections": 2}),
    Sample(
        lambda x: sd.unstack(x, 1),
        MATRIX,
        label="unstack",
        reference=lambda x: tuple(np.moveaxis(x, 1, 0)),
    ),
    *(
        Sample(f"atleast_{n}d", [shape])
        for n in (1, 2, 3)
        for shape in ((), (3,), (3, 4))
    ),
    _list("vstack", [(3, 4), (4,), (2, 4)]),
    _list("hstack", [(3, 4), (3, 2)]),
    _list("hstack", [(3,), (4,), ()]),
    _list("dstack", [(3, 4), (3, 4)]),
    _list("column_stack", [(3,), (3, 2)]),
    Sample("append", [(3, 4), (2,)]),
    Sample("append", [(3, 4), (2, 4)], {"axis": 0}),
    Sample(
        lambda a, b, c, d: sd.block([[a, b], [c, d]]),
        [(3, 4), (3, 1), (2, 4), (2, 1)],
        reference=lambda a, b, c, d: np.block([[a, b], [c, d]]),
        label="block",
    ),
    Sample("broadcast_arrays", [(3, 1), (4,)]),
    *(
        Sample("meshgrid", [(3,), (4,), (2,)], {"indexing": how, "sparse": sparse})
        for how in ("xy", "ij")
        for sparse in (False, True)
    ),
    Sample("meshgrid", [(3,)]),
]
