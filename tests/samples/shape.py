"""Samples of symdiff/ops/shape/views.py."""

from __future__ import annotations

import numpy as np

from samples.table import Sample, raw, sd


def _rows(*scalars: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(scalars).reshape(shape)


SAMPLES = [
    Sample("broadcast_to", [(3, 1)], {"shape": (2, 3, 4)}, symbolic=False),
    Sample("broadcast_to", [()], {"shape": (2, 3)}, symbolic=False),
    Sample("broadcast_to", [(1, 3)], {"shape": (0, 3)}, symbolic=False),
    Sample(lambda x: x.reshape(6, 2), [(3, 4)], label="reshape(6,2)", symbolic=False),
    Sample(lambda x: x.reshape(-1, 2), [(3, 4)], label="reshape", symbolic=False),
    Sample(lambda x: x.reshape(()), [(1, 1)], label="reshape", symbolic=False),
    Sample("ravel", [(3, 4)]),
    Sample("expand_dims", [(3, 4)], {"axis": 1}),
    Sample("expand_dims", [(3, 4)], {"axis": (0, -1)}),
    Sample("squeeze", [(3, 1, 4, 1)], symbolic=False),  # NumPy drops N = 1 as well
    Sample("squeeze", [(3, 1, 4, 1)], {"axis": -1}),
    Sample("transpose", [(3, 4)]),
    Sample(lambda x: x.transpose(1, 2, 0), [(3, 4, 2)], label="transpose"),
    Sample(raw("packed"), [(3, 4)], reference=np.copy),
    Sample("swapaxes", [(3, 4, 2)], {"axis1": 0, "axis2": -1}),
    Sample("moveaxis", [(3, 4, 2)], {"source": (0, 1), "destination": (-1, 0)}),
    Sample("concatenate", [(3, 4), (2, 4)], label="concatenate"),
    Sample("concatenate", [(3, 4), (3, 2), (3, 1)], {"axis": 1}),
    Sample("concatenate", [(3, 4), (2,)], {"axis": None}),
    Sample("stack", [(3, 4), (3, 4)], {"axis": -1}),
    Sample("stack", [(), (), ()]),
    Sample(raw("table"), [()] * 6, {"shape": (2, 3)}, _rows, symbolic=False),
    Sample(lambda x: x * np.ones((3, 1)), [(3, 4)], label="constant", symbolic=False),
    Sample(
        lambda x: x - sd.full((2, 1), 3.0),
        [(2, 4)],
        label="full",
        symbolic=False,
        reference=lambda x: x - np.full((2, 1), 3.0),
    ),
    Sample(
        lambda x: x + sd.zeros((2, 1)),
        [(2, 4)],
        label="zeros",
        symbolic=False,
        reference=lambda x: x + np.zeros((2, 1)),
    ),
    *(
        Sample(
            lambda x, name=name: x * getattr(sd, name)(x),
            [(3, 4)],
            reference=lambda x, name=name: x * getattr(np, name)(x),
            label=name,
        )
        for name in ("zeros_like", "ones_like")
    ),
    Sample(
        lambda x: x * sd.full_like(x, 2.5),
        [(3, 4)],
        label="full_like",
        reference=lambda x: x * np.full_like(x, 2.5),
    ),
    Sample("rollaxis", [(3, 4, 2)], {"axis": 2, "start": 1}),
    Sample("rollaxis", [(3, 4, 2)], {"axis": 0, "start": -1}),
    Sample("matrix_transpose", [(3, 4, 2)], reference=lambda x: np.swapaxes(x, -1, -2)),
]


def _joined(sample: Sample) -> Sample:
    """Call functions of a sequence with one: np.stack takes a list of arrays."""
    if sample.fn not in ("concatenate", "stack"):
        return sample
    name, attrs = sample.fn, sample.attrs
    return Sample(
        lambda *xs: getattr(sd, name)(list(xs), **attrs),
        sample.args,
        reference=lambda *xs: getattr(np, name)(xs, **attrs),
        label=f"{name}{dict(attrs) or ''}",
    )


SAMPLES = [_joined(s) for s in SAMPLES]
