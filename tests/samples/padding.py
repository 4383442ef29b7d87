"""Samples of symdiff/ops/shape/padding.py."""

from __future__ import annotations

import numpy as np

from samples.table import I, Sample, sd

GRID = [(5, 4)]


def _pad(shape, width, mode, **options):  # type: ignore[no-untyped-def]
    attrs = {"pad_width": width, "mode": mode, **options}
    short = mode in ("constant", "edge", "linear_ramp")  # right at length 1 too
    return Sample(
        "pad",
        [shape],
        attrs,
        domain="distinct",
        complex_ok=False,
        symbolic=short or (mode in ("maximum", "minimum") and not options),
    )


SAMPLES = [
    Sample("pad", [(5, 3)], {"pad_width": 1}),
    Sample("pad", GRID, {"pad_width": ((0, 2), (1, 0))}),
    Sample("pad", [(5,)], {"pad_width": (2, 0)}),
    Sample("pad", GRID, {"pad_width": 0}),
    _pad((5, 4), 1, "constant", constant_values=2.5),
    _pad((5, 4), (1, 2), "constant", constant_values=((1.0, 2.0), (3.0, 0.0))),
    Sample("pad", [I((5, 4), 9)], {"pad_width": 1}, differentiable=False),
    *(
        _pad(shape, width, mode)
        for mode in (
            *("edge", "reflect", "symmetric", "wrap", "linear_ramp"),
            *("maximum", "minimum", "mean", "median"),
        )
        for shape, width in (((7, 4), ((1, 2), (0, 3))), ((6,), (0, 1)))
    ),
    _pad((5, 4), (2, 3), "linear_ramp", end_values=((1.0, -1.0), (0.5, 2.0))),
    *(
        _pad((7, 4), ((1, 0), (2, 1)), mode, stat_length=((2, 1), (1, 2)))
        for mode in ("maximum", "minimum", "mean", "median")
    ),
    *(
        _pad((5, 4), (1, 2), mode, reflect_type="odd")
        for mode in ("reflect", "symmetric")
    ),
    *(
        _pad((3, 1), ((7, 8), (2, 1)), mode)
        for mode in ("reflect", "symmetric", "wrap")
    ),
    *(
        Sample(
            lambda x, mode=mode: sd.pad(
                sd.concatenate([x, x + 1]), ((1, 2), (0, 3)), mode
            ),
            [(3, 4)],
            reference=lambda x, mode=mode: np.pad(
                np.concatenate([x, x + 1]), ((1, 2), (0, 3)), mode
            ),
            label=f"pad {mode} of 2 N",
            symbolic=False,
        )
        for mode in ("reflect", "symmetric", "wrap")
    ),
]
