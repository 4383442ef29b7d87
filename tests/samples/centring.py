"""Samples of symdiff/ops/shape/centring.py."""

from __future__ import annotations

from samples.table import Sample

SAMPLES = [
    *(
        Sample(f"fft.{name}", [(3, 4)], attrs, symbolic=False)
        for name in ("fftshift", "ifftshift")
        for attrs in ({}, {"axes": 0}, {"axes": (-1,)})
    ),
    Sample("fft.fftshift", [(3, 4)], {"axes": 1}),
]
