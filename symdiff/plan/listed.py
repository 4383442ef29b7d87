"""A graph as lines of text, as programs and equations print it.

In: named roots. Out: a line for each node, operands first, then one for each root.
Invariant: lines depend on the graph alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import DType


def listed(roots: Sequence[tuple[str, Tensor]]) -> str:
    """Return the graph below named roots, and which node each of them is."""
    order = tensor_topological([t for _, t in roots])
    numbers = {t.node: i for i, t in enumerate(order)}
    lines = []
    for t in order:
        given = {k: v for k, v in t.node.attrs.items() if v is not None}
        attrs = ", ".join(f"{k}={_shown(v):.40}" for k, v in given.items())
        operands = ", ".join(f"%{numbers[i]}" for i in t.node.inputs)
        note = f"  # {t.name}" if t.name else ""
        shown = f"{operands}{', ' if operands and attrs else ''}{attrs}"
        lines.append(
            f"  %{numbers[t.node]} = {t.node.op.name}({shown}) : {t.node.type}{note}"
        )
    return "\n".join(lines + [f"  {role} = %{numbers[t.node]}" for role, t in roots])


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, DType) else repr(value)
