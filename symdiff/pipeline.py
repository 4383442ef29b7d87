"""The passes a model goes through, in order, and ``compile``.

In: a `Model` or `Function`. Out: `Compiled` files. Invariant: every pass is a pure function of
what came before it; `PASSES` is the whole list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from symdiff.derive.reverse import reverse_sweep
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT
from symdiff.ops.leaf import INPUT
from symdiff.ops.shape import zeros_like
from symdiff.plan.program import Program
from symdiff.rewrite.driver import Table, rewrite
from symdiff.rewrite.rules import expansions, simplifications


def seed(name: str, like: Tensor) -> Tensor:
    """Return the cotangent leaf of a result."""
    return apply(
        INPUT,
        name=name,
        shape=like.shape,
        dtype=FLOAT,
        low=None,
        high=None,
        sample=None,
    )


def differentiate(program: Program) -> Program:
    """Derive the cotangents of ``wrt`` from the results' seeds."""
    results = [t for _, t in program.results]
    found = reverse_sweep(results, program.seeds, program.wrt)
    gradients = [
        zeros_like(t) if g is None else g
        for g, t in zip(found, program.wrt, strict=True)
    ]
    from dataclasses import replace

    return replace(program, gradients=tuple(gradients))


def _rewritten(program: Program, rules: Table) -> Program:
    """Rewrite what prediction returns apart from the rest.

    Nodes are shared all the same; apart, each keeps the statements that declared it.
    """
    outputs = [t for _, t in program.outputs]
    rest = program.roots()[len(outputs) :]
    return program.with_roots([*rewrite(outputs, rules), *rewrite(rest, rules)])


def simplify(program: Program) -> Program:
    """Apply the exact rewrites."""
    return _rewritten(program, simplifications())


def expand(program: Program) -> Program:
    """Replace composite ops by the graphs they stand for, simplified."""
    return _rewritten(program, expansions())
