"""A symbolic length where a number is wanted: one error, with line and remedy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

WAYS: dict[str, Callable[[Any], Any]] = {
    "arange": lambda x: x * np.arange(x.shape[0]),
    "arange, from 1": lambda x: x * np.arange(1, x.shape[0] + 1),
    "linspace": lambda x: x * np.linspace(0, 1, x.shape[0]),
    "full": lambda x: x + np.full(x.shape[0], 2.0),
    "zeros": lambda x: x + np.zeros(x.shape),
    "eye": lambda x: x * np.eye(x.shape[0])[0],
    "float": lambda x: x * float(x.shape[0]),
    "int": lambda x: x * int(x.shape[0]),
    "float64": lambda x: x / np.float64(x.shape[0]),
    "sqrt": lambda x: x / np.sqrt(x.shape[0]),
    "sqrt of twice": lambda x: x / np.sqrt(2 * x.shape[0]),
    "sqrt of one less": lambda x: x / np.sqrt(x.shape[0] - 1),
    "log": lambda x: x * np.log(x.shape[0]),
    "math.sqrt": lambda x: x / math.sqrt(x.shape[0]),
    "range": lambda x: sum(x[i] for i in range(x.shape[0])),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_length_has_no_value_yet(way: str) -> None:
    with pytest.raises(sd.TracingError, match="has no value yet") as caught:
        sd.trace(WAYS[way], ("N",))
    said = str(caught.value)
    assert "test_lengths_wanted.py" in said
    assert "sd.arange" in said


def test_a_known_length_is_a_number() -> None:
    for way in WAYS.values():
        sd.trace(way, (4,))
