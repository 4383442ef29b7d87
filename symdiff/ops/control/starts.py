"""The first carry of a loop, in dtypes that its body keeps.

In: what a loop starts from, and its body. Out: the starts as tensors, and what the body
made of them. Invariant: the body is called once, but where a plain NumPy function
starts a loop from an integer. That stays one if each step gives one back, and is a
float, for which the body is called again, if not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symdiff.graph.errors import SymdiffError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.closure import bound, flatten
from symdiff.ops.core.operands import constant, float_operand
from symdiff.ops.surface.lenient import mixes

# (form of the carry, its leaves) -> their next values, and what else the body gives
Step = Callable[[Any, Sequence[Tensor]], tuple[list[Tensor], Any]]


class Started(NamedTuple):
    """A loop's body, seen at its first carry."""

    starts: list[Tensor]
    form: Any
    carry: list[Tensor]
    ends: list[Tensor]
    rest: Any


def started(init: Any, names: Callable[[int], Sequence[str]], step: Step) -> Started:
    """Return what a body makes of ``init``, whose leaves are called by ``names``."""
    given: list[Any] = []

    def leaf(value: Any) -> Tensor:
        given.append(value)
        return float_operand(value)

    weak, form = flatten(init, leaf)
    whole = {i for i, value in enumerate(given) if _is_whole(value)}
    while True:
        starts = [number(given[i]) if i in whole else t for i, t in enumerate(weak)]
        named = zip(starts, names(len(starts)), strict=True)
        carry = [bound(t.node.tensor_type, name) for t, name in named]
        try:
            ends, rest = step(form, carry)
        except SymdiffError:
            if not whole:
                raise
            whole = set()
            continue
        floats = {i for i in whole if ends[i].dtype.is_float}
        if not floats:
            return Started(starts, form, carry, ends, rest)
        whole -= floats


def number(value: Any) -> Tensor:
    """Return a value as a tensor, an integer as NumPy would have it in an array."""
    return constant(np.array(value)) if _is_whole(value) else float_operand(value)


def _is_whole(value: Any) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and mixes()
