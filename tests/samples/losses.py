"""Samples of symdiff/ops/reduce/losses.py and symdiff/ops/control/mode.py."""

from __future__ import annotations

import numpy as np
from scipy import special

from samples.table import I, Sample, sd


def _softmax_cross_entropy(z, y, reduction="mean"):  # type: ignore[no-untyped-def]
    rows = -np.take_along_axis(special.log_softmax(z, -1), y[..., None], -1)[..., 0]
    return {"mean": np.mean, "sum": np.sum, "none": np.array}[reduction](rows)


def _sigmoid_cross_entropy(z, y, reduction="mean"):  # type: ignore[no-untyped-def]
    rows = y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
    return {"mean": np.mean, "sum": np.sum, "none": np.array}[reduction](rows)


SAMPLES = [
    *(
        Sample(
            "softmax_cross_entropy",
            [(*rows, 5), I(rows, 5)],
            {"reduction": reduction},
            reference=_softmax_cross_entropy,
        )
        for rows in ((3,), (3, 2))
        for reduction in ("mean", "sum", "none")
    ),
    *(
        Sample(
            "sigmoid_cross_entropy",
            [(3, 4), (3, 4)],
            {"reduction": reduction},
            reference=_sigmoid_cross_entropy,
            specials=False,  # at infinite logits the reference is nan elsewhere
        )
        for reduction in ("mean", "sum", "none")
    ),
    Sample("by_mode", [(3, 4), (3, 4)], reference=lambda train, infer: infer),
    Sample(
        lambda x, y: sd.resolve_mode(sd.by_mode(x * y, y), "train"),
        [(3, 4), (3, 4)],
        reference=np.multiply,
        label="by_mode train",
    ),
]
