"""Which of a student's names mean which derived cotangent.

In: names. Out: whether they mean the same. Invariant: only the usual ways of writing a
gradient count: d_z, dz, dZ, grad_z, dL_dz, z_grad, delta_z.
"""

from __future__ import annotations

import re


def same_name(mine: str, derived: str) -> bool:
    """Whether two names mean the same cotangent: d_z, dz, dZ, grad_z, dL_dz, z_grad."""
    return _bare(mine) == _bare(derived)


def _bare(name: str) -> str:
    low = name.lower()
    for pattern in (
        r"^(?:d_?loss_?d|dl_?d|d_l_d|grad_?|gradient_?|delta_?|d_|d(?=[a-z]))_?",
        r"_?(?:grad|bar|cotangent)$",
    ):
        shorter = re.sub(pattern, "", low, count=1)
        if shorter and shorter != low:
            return "d:" + shorter.replace("_", "")
    return low.replace("_", "")
