"""The samples as compiled functions, for the suites that run generated text.

In: the sample table. Out: `Case`s, compiled once per process whichever test asks first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any

import numpy as np
from generated import module
from sample_checks import leading, leaf, leaf_like, outputs_of
from samples import SAMPLES, Sample, draw

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import collecting_constraints
from symdiff.ops.core.operands import API

BY_ID = {s.id: s for s in SAMPLES}

VARIANTS = [(s.id, 0, False) for s in SAMPLES]
VARIANTS += [(s.id, 1, False) for s in SAMPLES]
VARIANTS += [(s.id, 1, True) for s in SAMPLES if leading(s) is not None]


@dataclass(frozen=True)
class Case:
    """A compiled sample, beside the graph it was compiled from."""

    sample: Sample
    leaves: list[Any]
    outputs: list[Tensor]
    compiled: Compilation
    nonempty: bool  # whether some length has to be at least 1

    @property
    def inputs(self) -> list[Tensor]:
        """The leaves, without the numbers among the operands."""
        return [x for x in self.leaves if isinstance(x, Tensor)]

    @property
    def smooth_inputs(self) -> list[Tensor]:
        """The variables of the backward function."""
        return [x for x in self.inputs if x.dtype.is_float]

    @cached_property
    def vjp(self) -> tuple[list[Tensor], list[Tensor]]:
        """Cotangents of the float outputs, and what the graph makes of them."""
        smooth = [o for o in self.outputs if o.dtype.is_float]
        seeds = [leaf(f"g{i}", t.shape, t.dtype) for i, t in enumerate(smooth)]
        return seeds, API["vjp"](smooth, self.smooth_inputs, seeds)

    @cached_property
    def forward(self) -> ModuleType:
        """The module of values; every width runs the same one."""
        return module(self.compiled, "forward")

    @cached_property
    def backward(self) -> ModuleType:
        """The module of gradients."""
        return module(self.compiled, "backward")


@cache
def case(name: str, level: int, symbolic: bool) -> Case:
    """Compile a sample."""
    sample = BY_ID[name]
    length = leading(sample) if symbolic else None
    leaves = [leaf_like(f"x{i}", a, length) for i, a in enumerate(draw(sample))]
    with collecting_constraints() as found:
        outputs = outputs_of(sample, leaves)
    inputs = [x for x in leaves if isinstance(x, Tensor)]
    compiled = sd.compile(sd.Function("f", inputs, outputs), optimize=level)
    nonempty = any(c.right is None for c in found)
    return Case(sample, leaves, outputs, compiled, nonempty)


def narrowed(value: Any, width: str) -> Any:
    """Return a float array in a width; anything else as it is."""
    array = np.asarray(value)
    return array.astype(width) if array.dtype.kind == "f" else value
