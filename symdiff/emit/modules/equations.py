"""An optimiser's update equations as graph, for parameters of one shape.

In: an `Optimizer`. Out: its equations as an `Update`, and whether they may be applied
to all parameters laid end to end. Invariant: equations say what they say of each
parameter by itself; they are applied to a flat vector only where that is the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from symdiff.declare.update import Optimizer, hyper_leaves
from symdiff.emit.modules.bodies import Unit
from symdiff.graph.node import Node, attrs_key, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Shape, TupleType, dim
from symdiff.ops.core.leaf import INPUT
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions

FLAT: Shape = (dim("P"),)  # of a vector that holds all parameters


@dataclass(frozen=True, slots=True)
class Update:
    """An optimiser's equations: leaves and results.

    ``whole`` is the gradient of all parameters together: where the vectors are flat,
    the gradient itself.
    """

    parameter: Tensor
    gradient: Tensor
    whole: Tensor
    slots: dict[str, Tensor]
    hyper: dict[str, Tensor]
    step: Tensor
    new_parameter: Tensor
    new_slots: dict[str, Tensor]

    @property
    def leaves(self) -> list[Tensor]:
        """Every leaf, in the order in which names are given."""
        whole = [] if self.whole is self.gradient else [self.whole]
        return [*self.arrays, *whole, *self.hyper.values(), self.step]

    @property
    def arrays(self) -> list[Tensor]:
        """The parameter, its gradient and its slots."""
        return [self.parameter, self.gradient, *self.slots.values()]

    @property
    def roots(self) -> tuple[tuple[str, Tensor], ...]:
        """Return the new slots and the new parameter, by name."""
        return (*self.new_slots.items(), ("p", self.new_parameter))


def declared_update(
    optimizer: Optimizer, shape: Shape = FLAT, *, flat: bool = True, bare: bool = False
) -> Update:
    """Return the update equations of an optimiser for parameters of one shape.

    ``flat`` says that the vectors hold all parameters at once, ``bare`` leaves the
    equations as they are declared.
    """

    def array(name: str, shape: Shape = shape) -> Tensor:
        return apply(
            INPUT,
            name=name,
            shape=shape,
            dtype=FLOAT,
            low=None,
            high=None,
            sample=None,
        )

    p, g = array("p"), array("g")
    whole = g if flat else array("flat_grads", (dim("Q"),))
    slots = {name: array(name) for name in optimizer.all_slots}
    hyper, t = hyper_leaves(optimizer)
    new_p, new_slots = optimizer.step(p, g, slots, hyper, t, whole)
    roots = [new_p, *new_slots.values()]
    if not bare:
        roots = rewrite(roots, expansions())
    kept = dict(zip(new_slots, roots[1:], strict=True))
    return Update(p, g, whole, slots, hyper, t, roots[0], kept)


def frozen_names(unit: Unit, optimizer: Optimizer) -> list[str]:
    """Return the parameters that steps leave as they are: those that are declared so,
    and those that the loss is not differentiated by.
    """
    wrt = {t.node for t in unit.program.wrt}
    params = [(str(t.name), t.node) for t in unit.program.params]
    return [n for n, node in params if node not in wrt or optimizer.is_frozen(n)]


def trained_shapes(unit: Unit, optimizer: Optimizer) -> list[Shape]:
    """Return the shapes of the parameters that steps change, each once."""
    frozen = set(frozen_names(unit, optimizer))
    shapes = [t.shape for t in unit.program.params if str(t.name) not in frozen]
    return list(dict.fromkeys(shapes))


def updates_flat(unit: Unit, optimizer: Optimizer) -> bool:
    """Whether one call on the flat vectors updates every parameter."""
    uniform = optimizer.is_uniform and not frozen_names(unit, optimizer)
    return uniform and is_flat(optimizer, trained_shapes(unit, optimizer))


def is_flat(optimizer: Optimizer, shapes: Iterable[Shape]) -> bool:
    """Whether equations on all parameters laid end to end do what they do on each.

    They do if they are elementwise, and the same ones whatever the shape.
    """
    try:
        flat = declared_update(optimizer, flat=False, bare=True)
    except Exception:  # a user's function that is written for other shapes
        return False
    if not _is_elementwise(flat):
        return False
    told = _told(flat)
    return all(
        _told(declared_update(optimizer, shape, flat=False, bare=True)) == told
        for shape in dict.fromkeys(shapes)
    )


def _is_elementwise(update: Update) -> bool:
    """Whether each element of the results follows from the elements of its own place.

    Numbers that no parameter enters may be made in any way.
    """
    shape = update.parameter.shape
    (length,) = shape
    done = {t.node for t in update.arrays}
    for node in topological([t.node for _, t in update.roots]):
        if node in done:
            continue
        if isinstance(node.type, TupleType) or node.shape != shape:
            mentioned = any(length in _symbols(v) for v in node.attrs.values())
            if mentioned or any(i in done for i in node.inputs):
                return False
            continue
        stretched = node.op.name == "broadcast_to"
        if not stretched and not node.op.is_elementwise:
            return False
        if any(i not in done and i.shape for i in node.inputs):
            return False
        done.add(node)
    return True


def _symbols(value: object) -> frozenset[object]:
    if isinstance(value, tuple | list):
        return frozenset().union(*map(_symbols, value))
    return frozenset(getattr(value, "free_symbols", ()))


def _told(update: Update) -> Hashable:
    """Return what tells equations apart, whatever the shape of the parameter."""
    shape = update.parameter.shape
    number: dict[Node, int] = {t.node: i for i, t in enumerate(update.leaves)}
    lines: list[Hashable] = []
    for node in topological([t.node for _, t in update.roots]):
        if node in number:
            continue
        if node.op.name == "broadcast_to" and node.shape == shape:
            number[node] = number[node.inputs[0]]
            continue
        number[node] = len(update.leaves) + len(lines)
        places = tuple(number[i] for i in node.inputs)
        lines.append((node.op.name, places, attrs_key(node.attrs)))
    return (*lines, *((name, number[t.node]) for name, t in update.roots))
