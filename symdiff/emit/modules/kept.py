"""What a field of Residuals keeps, in the comment beside it.

In: the value that is kept, and the names of all fields. Out: its shape, and of a stack
whose name could be that of two values of a step, which of them it has. Invariant: a
statement is quoted as the user wrote it, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from symdiff.emit.lower.comments import INDENT, WIDTH, shape_comment
from symdiff.emit.lower.primals import STACK
from symdiff.emit.lower.source import quotation
from symdiff.emit.modules.bodies import Unit
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.tuples import ITEM

_BEFORE = f"_prev{STACK}"


def kept_comment(tensor: Tensor, name: str, names: Collection[str], unit: Unit) -> str:
    """Return the comment of the field ``name``, one of ``names``."""
    shape = shape_comment(tensor.node)
    room = WIDTH - INDENT - len(f"{name}: {unit.target.array}  # {shape}   ")
    said = next((w for w in _words(tensor, name, names, unit) if len(w) <= room), "")
    return f"{shape}   {said}" if said else shape


def _words(
    tensor: Tensor, name: str, names: Collection[str], unit: Unit
) -> Iterator[str]:
    """Yield what may be said of a stack, the best first."""
    value = _stacked(tensor)
    if value is None:
        return
    if value.node.op is BOUND and name.endswith(_BEFORE):
        yield f"{name.removesuffix(_BEFORE)} before each step"
        return
    base = name.removesuffix(STACK)
    if f"{base}{_BEFORE}" in names:
        statement = unit.resolver.statement(value)
        said = "" if statement is None else quotation(statement, WIDTH)
        if said.startswith(f"{base} = "):
            yield said
        yield f"{base} within each step"


def _stacked(tensor: Tensor) -> Tensor | None:
    """Return the value of a body that a stack keeps, but no carry that is handed on."""
    node = tensor.node
    if node.op is not ITEM or not node.inputs[0].op.facts.sweeps:
        return None
    attrs, index = node.inputs[0].attrs, node.attrs["index"]
    if "carries" not in attrs:
        return None  # a branch
    carries, outputs = attrs["carries"], attrs["body"].outputs
    if not carries <= index < len(outputs):
        return None
    value: Tensor = outputs[index]
    handed_on = {t.node for t in outputs[:carries]}
    return None if value.node in handed_on else value
