"""Functions that a target compiles, which are taken out of the one that is lowered.

In: what lowering outlines. Out: `Kernel`, the record of such a function, and `Kernels`,
those of one function of the user. Invariant: a kernel reads its arguments alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symdiff.emit.python import code as py
from symdiff.graph.node import Node


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled function: its name, parameters, summary, statements, named values."""

    name: str
    parameters: tuple[str, ...]
    summary: str
    stmts: tuple[py.Stmt, ...]
    nodes: Mapping[str, Node]


@dataclass(slots=True)
class Kernels:
    """The kernels of a function, in their order; ``form`` names them: "_forward_{}"."""

    form: str
    made: list[Kernel] = field(default_factory=list)
