"""The routines of an optimiser: its equations on one parameter, or on flat vectors.

In: `Equations`. Out: routines that are scheduled and planned as all others are.
Invariant: values that depend on no parameter are computed once, before the loop over
parameters; equations for a vector serve all shapes only where they read no length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import Shape
from symdiff.plan.buffers import Destination
from symdiff.plan.routine import Routine
from symdiff.plan.update import FLAT, Equations, Update, forms_of

LEVEL = 1  # the level of the equations, whatever that of the model
Change = Callable[[Routine], Routine]


@dataclass(frozen=True, slots=True)
class UpdateRoutines:
    """The equations for parameters of one shape, as functions.

    ``before`` computes the values that depend on no parameter, and ``after`` the rest
    from these; ``whole`` computes all of it.
    """

    update: Update
    before: Routine
    after: Routine
    whole: Routine

    @property
    def routines(self) -> tuple[Routine, ...]:
        """The functions themselves."""
        return (self.before, self.after, self.whole)

    def each(self, change: Change) -> UpdateRoutines:
        """Return the functions changed."""
        before, after, whole = map(change, self.routines)
        return UpdateRoutines(self.update, before, after, whole)


@dataclass(frozen=True, slots=True)
class Updating:
    """The routines that update parameters, by shape, and those of schedules.

    ``flat`` updates all parameters at once, with a memory plan.
    """

    equations: Equations
    forms: Mapping[Shape, UpdateRoutines]
    schedules: Mapping[str, Routine] = field(default_factory=dict)
    flat: Routine | None = None

    @property
    def routines(self) -> tuple[Routine, ...]:
        """Every function."""
        own = tuple(r for form in self.forms.values() for r in form.routines)
        flat = () if self.flat is None else (self.flat,)
        return (*own, *self.schedules.values(), *flat)

    def each(self, change: Change) -> Updating:
        """Return every function changed."""
        return Updating(
            self.equations,
            {shape: form.each(change) for shape, form in self.forms.items()},
            {name: change(r) for name, r in self.schedules.items()},
            None if self.flat is None else change(self.flat),
        )

    def fitting(self, change: Change) -> Updating:
        """Return the same, with separate equations for each shape where needed.

        They are needed where the equations for a vector read its length, which is no
        length of a parameter. ``change`` is applied to them.
        """
        if FLAT not in self.forms or not _reads_lengths(self.forms[FLAT]):
            return self
        forms = forms_of(self.equations.optimizer, self.equations.shapes)
        made = {shape: _routines(form).each(change) for shape, form in forms.items()}
        return replace(self, forms=made)


def updating(found: Equations, *, planned: bool, reordered: bool = False) -> Updating:
    """Return the functions that update parameters; if ``planned``, also a flat one.

    That one is ``reordered`` if it need not have the bits of the others.
    """
    flat = None
    if planned and found.flat is not None:
        flat = replace(_flat(found.flat), reordered=reordered)
    forms = {shape: _routines(form) for shape, form in found.forms.items()}
    return Updating(found, forms, _schedules(found), flat)


def _routines(update: Update) -> UpdateRoutines:
    roots = tuple(t.node for _, t in update.roots)
    given = tuple(t.node for t in update.leaves)
    tensors = _tensors([*(t for _, t in update.roots), *update.leaves])
    shared = tuple(_shared(update, roots))

    def routine(name: str, given: Sequence[Node], results: Sequence[Node]) -> Routine:
        return Routine(name, tuple(given), tuple(results), tensors, level=LEVEL)

    return UpdateRoutines(
        update,
        routine("before", given, shared),
        routine("update", (*given, *shared), roots),
        routine("update", given, roots),
    )


def _tensors(roots: Sequence[Tensor]) -> dict[Node, Tensor]:
    return {t.node: t for t in tensor_topological(roots)}


def _shared(update: Update, roots: Sequence[Node]) -> list[Node]:
    """Return the scalars that depend on no parameter and are worth a statement."""
    varying = {t.node for t in update.arrays}
    order = topological(roots)
    size: dict[Node, int] = {}
    for node in order:
        if any(i in varying for i in node.inputs):
            varying.add(node)
        size[node] = 1 + sum(size[i] for i in node.inputs if not i.op.leaf)
    found: dict[Node, None] = {}
    for node in order:
        for i in node.inputs if node in varying else ():
            while i.op.facts.repeats:
                i = i.inputs[0]
            costly = size[i] > 4 or update.whole.node in topological([i])
            if i not in varying and not i.op.leaf and not i.shape and costly:
                found[i] = None
    return list(found)


def _reads_lengths(form: UpdateRoutines) -> bool:
    """Whether a statement or result broadcasts a value to the vector's length."""
    made = [
        node
        for routine in form.routines
        for node in (*(s.tensor.node for s in routine.steps), *routine.results)
    ]
    return any(node.op.facts.repeats for node in made)


def _schedules(found: Equations) -> dict[str, Routine]:
    """Return the routines of scheduled hyperparameters and of the decay of averages."""
    scheduled = found.scheduled
    if scheduled is None:
        return {}
    leaves = (*scheduled.hyper.values(), scheduled.step)
    made = {}
    wanted = {"hyper": list(scheduled.values)}
    if "ema" in scheduled.values:
        wanted["decay"] = ["ema"]
    for name, values in wanted.items():
        roots = [scheduled.values[v] for v in values]
        used = {n for n in topological([r.node for r in roots]) if n.op.leaf}
        given = tuple(leaf.node for leaf in leaves if leaf.node in used)
        tensors = _tensors([*roots, *leaves])
        results = tuple(r.node for r in roots)
        made[name] = Routine(name, given, results, tensors, level=LEVEL)
    return made


def _flat(update: Update) -> Routine:
    """Return the function that applies an optimiser's equations to flat vectors.

    Destinations are the slots, then the parameters; a slot may be called "p" as well.
    """
    goals = [
        Destination(f"slots:{name}", t.node, update.slots[name].node)
        for name, t in update.new_slots.items()
    ]
    goals.append(Destination("p", update.new_parameter.node, update.parameter.node))
    return Routine(
        "update",
        tuple(t.node for t in update.leaves),
        tuple(d.value for d in goals),
        _tensors([*(t for _, t in update.roots), *update.leaves]),
        planned=True,
        destinations=tuple(goals),
        scalars=tuple(t.node for t in (*update.hyper.values(), update.step)),
    )
