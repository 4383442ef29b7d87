"""Frequencies in order: `fft.fftshift` and its inverse, which only roll elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.graph.errors import ShapeError
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import normalize_axis
from symdiff.ops.core.operands import api, float_operand
from symdiff.ops.shape.rearrange import roll


@api("fft.fftshift")
def fftshift(x: Any, axes: Any = None) -> Tensor:
    """Elements rolled along ``axes`` so that frequency 0 comes to the middle."""
    return _rolled_by_half(x, axes, 1)


@api("fft.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Tensor:
    """Elements rolled along ``axes`` so that frequency 0 comes to the front."""
    return _rolled_by_half(x, axes, -1)


def _rolled_by_half(x: Any, axes: Any, sign: int) -> Tensor:
    tensor = float_operand(x)
    given = range(tensor.ndim) if axes is None else axes
    chosen: list[Any] = [given] if np.ndim(given) == 0 else list(given)
    moved = [normalize_axis(a, tensor.ndim) for a in chosen]
    lengths = [tensor.shape[a] for a in moved]
    if not all(isinstance(n, int) for n in lengths):
        raise ShapeError(
            f"fftshift and ifftshift need axes of written length, got {tensor.shape}."
        )
    shifts = [sign * (int(n) // 2) for n in lengths]
    return roll(tensor, shifts, moved) if moved else tensor
