"""The parts of a memory plan: buffers, destinations, and how each node is computed.

In: the decisions of `symdiff.plan.memory`. Out: a `MemoryPlan` that prints itself, with
the scratch memory as an expression in the dims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.graph.node import Node
from symdiff.graph.types import DType, Shape, product
from symdiff.ops.core.facts import Part
from symdiff.ops.core.layouts import Layout, c_order
from symdiff.plan.gathering import Gathered

FLOAT_BYTES = sp.Symbol("float_bytes", positive=True)


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory for values of one type: scratch allocated once, or a destination."""

    name: str
    shape: Shape
    dtype: DType
    layout: Layout
    scratch: bool = True
    part: Part | None = None  # of the destination of that name

    @property
    def kind(self) -> tuple[Shape, DType, Layout]:
        """What two values must have in common to use the same buffer in turn."""
        return (self.shape, self.dtype, self.layout)

    @property
    def size(self) -> Any:
        """Bytes, as an expression in the dims and in the width of a float."""
        return product(self.shape) * _width(self.dtype)

    def __str__(self) -> str:
        lengths = ", ".join(map(str, self.shape))
        turned = (
            ""
            if self.layout == c_order(len(self.shape))
            else f" laid out {self.layout}"
        )
        return f"{self.dtype}[{lengths}]{turned}"


def _width(dtype: DType) -> Any:
    if dtype.name == "float":
        return FLOAT_BYTES
    return (
        1 if dtype.is_bool else int("".join(c for c in dtype.name if c.isdigit())) // 8
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """Memory that must hold ``value`` in the end; at first it holds ``leaf``."""

    name: str
    value: Node
    leaf: Node | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """How one node is computed.

    ``kind`` is "buffer" (written into ``buffer`` by ``form``, over operand ``over``),
    "plain" (NumPy allocates), "inline" (views and small scalars, written where they
    are read), or "loop". ``asides`` are free again when the form has run.
    """

    node: Node
    kind: str
    buffer: Buffer | None = None
    form: str = ""
    over: int | None = None
    asides: tuple[Buffer, ...] = ()
    loop: LoopPlan | None = None


@dataclass(frozen=True, slots=True)
class Seats:
    """Where a loop's carries and results lie, by their index among the results.

    A stack of what a carry is before each turn has a row more, and is the memory of
    that carry: ``rows`` maps it to the carry. A carry whose new value is stacked is the
    last row of that stack: ``last`` maps it to the stack. ``again`` maps a stack to an
    earlier one of the same value. Numbers are ``plain`` variables. All others have
    memory of their own: the carries of ``own``, the results of ``stacks``.
    """

    own: tuple[int, ...]
    stacks: tuple[int, ...]
    rows: Mapping[int, int]
    last: Mapping[int, int]
    again: Mapping[int, int]
    plain: tuple[int, ...]

    @property
    def live(self) -> list[int]:
        """The carries that the loop has."""
        return sorted({*self.own, *self.rows.values(), *self.last, *self.plain})


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """The memory of a loop: of its stacks and carries by index, and of each turn."""

    seats: Seats
    held: Mapping[int, Buffer]
    turn: MemoryPlan


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Places in order of computation, scratch buffers, and the copies that end a body.

    A copy is (destination, node, aside); ``aside`` says whether the node must be copied
    to a temporary before the other copies are made.
    """

    places: tuple[Allocation, ...]
    buffers: tuple[Buffer, ...]
    copies: tuple[tuple[Buffer, Node, bool], ...]
    region: Gathered | None = None  # what is computed part by part

    @property
    def peak(self) -> Any:
        """Bytes of all scratch, as an expression in the dims."""
        return sp.Add(*(b.size for b in self.buffers))

    def __str__(self) -> str:
        """List the statements with their memory, then the buffers and the sum."""
        numbers = {p.node: i for i, p in enumerate(self.places)}
        lines = ["memory plan"]
        for i, p in enumerate(self.places):
            operands = ", ".join(
                f"%{numbers[n]}" if n in numbers else _shown(n) for n in p.node.inputs
            )
            where = p.buffer.name if p.buffer else p.kind
            if p.loop is not None:
                where = f"loop over {', '.join(b.name for b in p.loop.held.values())}"
            over = "" if p.over is None else f", over operand {p.over}"
            lines.append(f"  %{i} = {p.node.op.name}({operands}) -> {where}{over}")
        for target, node, aside in self.copies:
            source = f"%{numbers[node]}" if node in numbers else _shown(node)
            lines.append(
                f"  {target.name} <- {source}{' (copied aside)' if aside else ''}"
            )
        for b in self.buffers:
            held = [f"%{i}" for i, p in enumerate(self.places) if p.buffer == b]
            lines.append(
                f"  buffer {b.name}: {b}, {b.size} bytes, holds {', '.join(held)}"
            )
        lines.append(f"  scratch: {self.peak} bytes")
        return "\n".join(lines)


def _shown(node: Node) -> str:
    return str(node.attrs.get("name") or node.attrs.get("value", node.op.name))
