"""The tensors a user holds: a node, and the declaration that made it.

In: op records applied to tensors. Out: `Tensor` handles over interned nodes. Invariant:
a tensor's ``parents`` are handles of exactly its node's inputs, so the declaration of a
whole graph can be read back from its outputs, and two declarations of the same
computation share nodes yet keep their own names and lines.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from symdiff.graph.asked import WIDTH, is_theirs
from symdiff.graph.display import Displayed
from symdiff.graph.errors import DTypeError, ShapeError, SymdiffError
from symdiff.graph.node import Node, make_node
from symdiff.graph.order import Order, open_part
from symdiff.graph.origin import Declared, Origin
from symdiff.graph.provenance import origin_here
from symdiff.graph.types import DType, Shape, Type

if TYPE_CHECKING:
    from symdiff.graph.memory import Memory


class Tensor(Declared, Displayed):
    """A symbolic array. Operators and NumPy's methods are attached by `symdiff.ops`."""

    __slots__ = ("__weakref__", "_order", "memory", "node", "parents")

    def __init__(
        self,
        node: Node,
        parents: tuple[Tensor, ...],
        origin: Origin | None = None,
        order: Order | None = None,
    ) -> None:
        self.node = node
        self.parents = parents
        self.origin = origin_here() if origin is None else origin
        self._order = open_part().next() if order is None else order
        self.memory: Memory | None = None  # only while a function is traced

    @property
    def order(self) -> Order:
        """Its place in the order of declaration."""
        return self._order

    @property
    def type(self) -> Type:
        """The tensor's type."""
        return self.node.type

    @property
    def shape(self) -> Shape:
        """Lengths of the axes: ints and symbolic dims."""
        return self.node.shape

    @property
    def dtype(self) -> DType:
        """Element type; NumPy's dtype inside a function that a transform calls."""
        width = WIDTH.get()
        if width is None or not is_theirs(sys._getframe(1).f_code):
            return self.node.dtype
        return self.node.dtype.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.shape)

    @property
    def name(self) -> str | None:
        """The declared name of a leaf, or the name= given to a computed tensor."""
        return self.node.attrs["name"] if self.node.op.leaf else self.label

    def __repr__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        return f"<Tensor {name}{self.node.op.name} {self.node.type}>"

    # Attached by `symdiff.ops.surface.operators`, declared here for type checkers.
    if TYPE_CHECKING:

        def __add__(self, other: Any, /) -> Tensor: ...
        def __radd__(self, other: Any, /) -> Tensor: ...
        def __sub__(self, other: Any, /) -> Tensor: ...
        def __rsub__(self, other: Any, /) -> Tensor: ...
        def __mul__(self, other: Any, /) -> Tensor: ...
        def __rmul__(self, other: Any, /) -> Tensor: ...
        def __truediv__(self, other: Any, /) -> Tensor: ...
        def __rtruediv__(self, other: Any, /) -> Tensor: ...
        def __pow__(self, other: Any, /) -> Tensor: ...
        def __rpow__(self, other: Any, /) -> Tensor: ...
        def __matmul__(self, other: Any, /) -> Tensor: ...
        def __rmatmul__(self, other: Any, /) -> Tensor: ...
        def __and__(self, other: Any, /) -> Tensor: ...
        def __rand__(self, other: Any, /) -> Tensor: ...
        def __or__(self, other: Any, /) -> Tensor: ...
        def __ror__(self, other: Any, /) -> Tensor: ...
        def __xor__(self, other: Any, /) -> Tensor: ...
        def __rxor__(self, other: Any, /) -> Tensor: ...
        def __floordiv__(self, other: Any, /) -> Tensor: ...
        def __rfloordiv__(self, other: Any, /) -> Tensor: ...
        def __mod__(self, other: Any, /) -> Tensor: ...
        def __rmod__(self, other: Any, /) -> Tensor: ...
        def __lt__(self, other: Any, /) -> Tensor: ...
        def __le__(self, other: Any, /) -> Tensor: ...
        def __gt__(self, other: Any, /) -> Tensor: ...
        def __ge__(self, other: Any, /) -> Tensor: ...
        def __eq__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
        def __hash__(self) -> int: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, index: Any, /) -> Tensor: ...
        def __iter__(self) -> Iterator[Tensor]: ...
        def __len__(self) -> int: ...
        def __getattr__(self, name: str) -> Any: ...  # NumPy's methods
        @property
        def T(self) -> Tensor: ...  # noqa: N802 - NumPy's name


def apply(op: Any, *inputs: Tensor, **attrs: Any) -> Tensor:
    """Return the tensor ``op(*inputs, **attrs)``.

    Raises the type rule's error with the op's name and the operand types added.
    """
    return Tensor(node_of(op, inputs, attrs), inputs)


def node_of(op: Any, inputs: Sequence[Tensor], attrs: Mapping[str, Any]) -> Node:
    """Return the node ``op(*inputs, **attrs)``, its errors with the operands' types."""
    try:
        return make_node(op, [t.node for t in inputs], attrs)
    except (ShapeError, DTypeError) as error:
        raise _explain(error, op.name, inputs) from None


def _explain(
    error: SymdiffError, op_name: str, inputs: Sequence[Tensor]
) -> SymdiffError:
    operands = ", ".join(
        f"{t.name}: {t.type}" if t.name else str(t.type) for t in inputs
    )
    shown = op_name.partition("@")[0]  # a user's op, by the name it was given
    return type(error)(f"{shown}({operands}): {error}")


def tensor_topological(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return the declaration of ``outputs``: one tensor per node, parents first.

    Where several tensors stand for one node, the first declared wins. Within what the
    dependencies allow the order is the order of declaration.
    """
    chosen: dict[Node, Tensor] = {}
    stack = list(outputs)
    seen: set[Tensor] = set(stack)
    while stack:
        tensor = stack.pop()
        known = chosen.get(tensor.node)
        if known is None or tensor._order < known._order:
            chosen[tensor.node] = tensor
        for parent in tensor.parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    # Parents are declared before their children: this order is topological.
    return in_order(chosen.values())


def in_order(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return tensors in the order of declaration."""
    return sorted(tensors, key=attrgetter("_order"))
