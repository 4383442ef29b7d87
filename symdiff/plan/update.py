"""An optimiser's update equations as graph, for parameters of one shape.

In: an `Optimizer`. Out: its equations as an `Update`, and whether they may be applied
to one flat vector of all parameters. Invariant: equations are those for one parameter;
they are applied to the flat vector only where this gives the same values.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from symdiff.declare.update import Optimizer, hyper_leaves
from symdiff.graph.node import Node, attrs_key, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import FLOAT, Shape, TupleType, dim
from symdiff.ops.core.leaf import INPUT
from symdiff.plan.listed import listed
from symdiff.rewrite.driver import Table, rewrite
from symdiff.rewrite.rules import expansions

FLAT: Shape = (dim("P"),)  # the shape of a vector that holds all parameters


@dataclass(frozen=True, slots=True)
class Update:
    """An optimiser's equations: leaves and results.

    ``whole`` is the gradient of all parameters as one vector; for flat vectors it is
    ``gradient`` itself.
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

    def rewritten(self, rules: Table) -> Update:
        """Return the equations with their results rewritten."""
        new_p, *slots = rewrite([self.new_parameter, *self.new_slots.values()], rules)
        kept = dict(zip(self.new_slots, slots, strict=True))
        return replace(self, new_parameter=new_p, new_slots=kept)


def declared_update(
    optimizer: Optimizer, shape: Shape = FLAT, *, flat: bool = True, bare: bool = False
) -> Update:
    """Return the update equations of an optimiser for parameters of one shape.

    With ``flat`` the vectors hold all parameters at once; with ``bare`` the equations
    are not simplified.
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


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The schedules of hyperparameters: leaves, the step, and the values at it."""

    hyper: dict[str, Tensor]
    step: Tensor
    values: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Equations:
    """The equations by which an optimiser updates a model's parameters.

    ``frozen`` are the names of parameters that are not updated. ``flat`` updates all
    parameters at once, as one vector, if that gives the same values. ``forms`` are the
    equations for parameters of each shape; if these are the same for all shapes, there
    is one form, for a vector.
    """

    optimizer: Optimizer
    frozen: tuple[str, ...]
    shapes: tuple[Shape, ...]
    flat: Update | None
    forms: dict[Shape, Update]
    scheduled: Scheduled | None

    def __str__(self) -> str:
        forms = self.forms if self.flat is None else {FLAT: self.flat}
        return "\n".join(
            f"update of {shape}\n{listed(form.roots)}" for shape, form in forms.items()
        )


def equations(
    optimizer: Optimizer, params: Iterable[Tensor], wrt: Iterable[Tensor]
) -> Equations:
    """Return an optimiser's equations for parameters; those of ``wrt`` have gradients.

    All others, and those that are declared frozen, are not updated.
    """
    varied = {t.node for t in wrt}
    frozen: list[str] = []
    shapes: dict[Shape, None] = {}
    for t in params:
        if t.node not in varied or optimizer.is_frozen(str(t.name)):
            frozen.append(str(t.name))
        else:
            shapes[t.shape] = None
    alike = is_flat(optimizer, shapes)
    uniform = optimizer.is_uniform and not frozen
    return Equations(
        optimizer,
        tuple(frozen),
        tuple(shapes),
        declared_update(optimizer) if uniform and alike else None,
        forms_of(optimizer, [FLAT] if alike else shapes),
        _scheduled(optimizer) if optimizer.schedules else None,
    )


def forms_of(optimizer: Optimizer, shapes: Iterable[Shape]) -> dict[Shape, Update]:
    """Return the equations for parameters of each shape."""
    return {s: declared_update(optimizer, s, flat=False) for s in dict.fromkeys(shapes)}


def _scheduled(optimizer: Optimizer) -> Scheduled:
    hyper, step = hyper_leaves(optimizer)
    values = optimizer.scheduled(hyper, step)
    found = rewrite(list(values.values()), expansions())
    return Scheduled(hyper, step, dict(zip(values, found, strict=True)))


def is_flat(optimizer: Optimizer, shapes: Iterable[Shape]) -> bool:
    """Whether equations give the same values on one vector of all parameters.

    They do if they are elementwise and do not depend on the shape.
    """
    try:
        flat = declared_update(optimizer, flat=False, bare=True)
    except Exception:  # a user's function may require other shapes
        return False
    if not _is_elementwise(flat):
        return False
    told = _told(flat)
    return all(
        _told(declared_update(optimizer, shape, flat=False, bare=True)) == told
        for shape in dict.fromkeys(shapes)
    )


def _is_elementwise(update: Update) -> bool:
    """Whether each element of the results depends only on elements at the same place.

    Values that depend on no parameter may be computed in any way.
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
        stretched = node.op.facts.repeats
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
    """Return a key of equations that does not depend on the parameter's shape."""
    shape = update.parameter.shape
    number: dict[Node, int] = {t.node: i for i, t in enumerate(update.leaves)}
    lines: list[Hashable] = []
    for node in topological([t.node for _, t in update.roots]):
        if node in number:
            continue
        if node.op.facts.repeats and node.shape == shape:
            number[node] = number[node.inputs[0]]
            continue
        number[node] = len(update.leaves) + len(lines)
        places = tuple(number[i] for i in node.inputs)
        lines.append((node.op.name, places, attrs_key(node.attrs)))
    return (*lines, *((name, number[t.node]) for name, t in update.roots))
