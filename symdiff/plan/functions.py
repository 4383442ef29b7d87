"""The Python functions that a program becomes: what each is given, returns, and how.

In: a program that every rewrite has been through. Out: `Functions`: a `Routine` for
each function, at first without and then with its schedule and its memory plan.
Invariant: a routine reads only what it is given and what it computes itself; what the
backward pass needs of the forward pass is in `Functions.residuals`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.operands import CONSTANT, is_given
from symdiff.plan.buffers import Destination, MemoryPlan
from symdiff.plan.known import known_numbers
from symdiff.plan.memory import plan_memory
from symdiff.plan.numbers import Numbers, numbers_of
from symdiff.plan.partition import Partition, partition
from symdiff.plan.program import Named, Program
from symdiff.plan.schedule import Step, Style, schedule
from symdiff.plan.update import Update


@dataclass(frozen=True)
class Routine:
    """One function: values in, values out, and the steps between them.

    ``given`` are the values at hand when its body begins, ``results`` those that it
    must compute, ``order`` the values between them, operands first. ``steps`` are what
    gets a statement, ``memory`` where a planned function writes. ``before`` has run
    before this does, with its checks of lengths. ``numbers`` are known before anything
    runs and ``same`` equal an operand, because the loss has the cotangent 1; ``forms``
    are which scalars are Python's numbers.
    """

    name: str
    given: tuple[Node, ...]
    results: tuple[Node, ...]
    tensors: Mapping[Node, Tensor] = field(repr=False)
    before: tuple[Node, ...] = ()
    steps: tuple[Step, ...] = ()
    planned: bool = False
    destinations: tuple[Destination, ...] = ()
    kept: tuple[Node, ...] = ()  # read after the planned statements
    numbers: Mapping[Node, float] = field(default_factory=dict)
    same: Mapping[Node, Node] = field(default_factory=dict)
    scalars: tuple[Node, ...] = ()  # of what is given, Python's numbers
    weak: tuple[Node, ...] = ()  # of what is given, floats that no array is widened by
    forms: Numbers = field(default_factory=Numbers)
    late: frozenset[Node] = frozenset()  # what stands in the backward half
    memory: MemoryPlan | None = None
    order: Sequence[Node] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Order what it computes; a copy that a pass makes has the order already."""
        if not self.order:
            order = topological(self.results, set(self.given))
            object.__setattr__(self, "order", tuple(order))

    def __str__(self) -> str:
        """List the values, a line for each scheduled step, or the memory plan."""
        if self.memory is not None:
            return f"function {self.name}: {self.memory}"
        lines = [f"function {self.name}"]
        numbers = {n: i for i, n in enumerate([*self.given, *self.order])}
        listed = [s.tensor.node for s in self.steps] or self.order
        places = {s.tensor.node: s.group for s in self.steps}
        for n in self.given:
            name = n.attrs["name"] if n.op.leaf else n.op.name
            lines.append(f"  %{numbers[n]} = given {name} : {n.type}")
        at_hand = {*self.given, *listed}
        for n in listed:
            line = f"  %{numbers[n]} = {_spelled(n, numbers, at_hand)} : {n.type}"
            lines.append(f"{line}{_placed(places.get(n))}")
        returned = ", ".join(f"%{numbers[n]}" for n in self.results)
        return "\n".join([*lines, f"  return {returned}"])


def _spelled(node: Node, numbers: Mapping[Node, int], at_hand: set[Node]) -> str:
    """Return an operation over the numbers of its operands, those that are written
    into its statement spelled out.
    """
    if is_given(node):
        return str(node.attrs["value"])
    if node.op.leaf:
        return str(node.attrs["name"])
    shown = [
        f"%{numbers[i]}" if i in at_hand else _spelled(i, numbers, at_hand)
        for i in node.inputs
    ]
    return f"{node.op.name}({', '.join(shown)})"


def _placed(group: Hashable) -> str:
    """Return where the user's statement of a step stands, as a comment."""
    match group:
        case (str(file), int(line)):
            return f"  # {file}:{line}"
        case (bool(), inner):
            return _placed(inner)
    return ""


@dataclass(frozen=True)
class Functions:
    """The routines of a program by name, and what its forward pass hands on."""

    program: Program
    routines: Mapping[str, Routine]
    residuals: tuple[Node, ...] = ()
    beside: Mapping[str, Functions] = field(default_factory=dict)
    held: tuple[Functions, ...] = ()
    plain: Functions | None = None

    def __getitem__(self, name: str) -> Routine:
        return self.routines[name]

    def each(self, change: Callable[[Routine], Routine]) -> Functions:
        """Return the functions with every routine changed."""
        return replace(
            self,
            routines={name: change(r) for name, r in self.routines.items()},
            beside={name: f.each(change) for name, f in self.beside.items()},
            held=tuple(f.each(change) for f in self.held),
        )

    def __str__(self) -> str:
        parts = [*self.routines.values(), *self.beside.values(), *self.held]
        return "\n".join(map(str, parts))


# --- split ----------------------------------------------------------------------------


def split(
    program: Program, *, backward: bool = True, planned: bool = True
) -> Functions:
    """Return the functions of a program: of prediction, those of the ``backward`` pass
    where it is wanted and there are gradients, and one for ``planned`` training.
    """
    p = program
    given = _nodes(p.inputs, p.params, p.states)
    outputs = p.output_tensors
    routines = [Routine("forward", given, _results(p.outputs), outputs)]
    beside = {name: _alone(name, part) for name, part in p.beside}
    if not (backward and p.gradients):
        return Functions(p, {r.name: r for r in routines}, beside=beside)
    tensors = p.tensors
    halves = _halves(p, tensors)
    given = _nodes(p.inputs, p.targets, p.params, p.states)
    kept = halves.residuals
    wanted = (*_results(p.results), *kept, *_results(p.updates))
    primal = Routine("primal", given, wanted, tensors)
    reverse = Routine(
        "backward",
        (*_nodes(p.params, p.states, p.seeds), *kept),
        _nodes(p.gradients),
        tensors,
        before=tuple(primal.order),
        weak=tuple(s.node for s in p.seeds if not s.shape),
    )
    routines += [primal, reverse]
    if p.metrics:
        routines.append(Routine("metrics", given, _results(p.metrics), tensors))
    if planned:
        routines.append(_planned(p, tensors, halves.backward))
        if p.update is not None and p.update.flat is not None:
            routines.append(_updating(p.update.flat))
    held = tuple(split(h, backward=False) for h in p.holding)
    return Functions(p, {r.name: r for r in routines}, kept, beside, held)


def _alone(name: str, p: Program) -> Functions:
    """Return the one function of a program that is no more than its outputs."""
    given = _nodes(p.inputs, p.targets, p.params, p.states)
    routine = Routine(name, given, _results(p.outputs), p.output_tensors)
    return Functions(p, {name: routine})


def _nodes(*groups: Sequence[Tensor]) -> tuple[Node, ...]:
    return tuple(t.node for group in groups for t in group)


def _results(named: Sequence[Named]) -> tuple[Node, ...]:
    return tuple(t.node for _, t in named)


def _halves(p: Program, tensors: Mapping[Node, Tensor]) -> Partition:
    """Return the forward and backward halves, residuals in reading order."""
    found = partition(
        _results(p.results),
        _nodes(p.gradients),
        _nodes(p.seeds),
        _nodes(p.params, p.states),
    )
    inputs, targets = _nodes(p.inputs, p.targets), set(_nodes(p.targets))

    def place(node: Node) -> tuple[int, Any]:
        if node in inputs:
            return (2 if node in targets else 0, inputs.index(node))
        return (1, tensors[node].order)

    return replace(found, residuals=tuple(sorted(found.residuals, key=place)))


def _planned(
    p: Program, tensors: Mapping[Node, Tensor], backward: Sequence[Node]
) -> Routine:
    """Return the function that computes loss, metrics and gradients in one body."""
    given = _nodes(p.inputs, p.targets, p.params, p.states)
    named = _results([*p.results, *p.metrics])
    goals = [
        Destination(f"grads:{v.name}", g.node)
        for v, g in zip(p.wrt, p.gradients, strict=True)
    ]
    states = {str(t.name): t.node for t in p.states}
    goals += [Destination(f"params:{k}", t.node, states[k]) for k, t in p.updates]
    results = (*named, *(d.value for d in goals))
    seeds = {s.node: 1.0 for s in p.seeds}
    numbers, same = known_numbers(topological(results, {*given, *seeds}), seeds)
    late = set(backward) - set(topological(_results(p.metrics)))
    return Routine(
        "grads",
        given,
        results,
        tensors,
        planned=True,
        destinations=tuple(goals),
        kept=named,
        numbers=numbers,
        same=same,
        late=frozenset(late),
    )


def _updating(update: Update) -> Routine:
    """Return the function that applies an optimiser's equations to flat vectors.

    Destinations are the slots, then the parameters; a slot may be called "p" as well.
    """
    goals = [
        Destination(f"slots:{name}", t.node, update.slots[name].node)
        for name, t in update.new_slots.items()
    ]
    goals.append(Destination("p", update.new_parameter.node, update.parameter.node))
    tensors = tensor_topological([*(t for _, t in update.roots), *update.leaves])
    return Routine(
        "update",
        _nodes(update.leaves),
        tuple(d.value for d in goals),
        {t.node: t for t in tensors},
        planned=True,
        destinations=tuple(goals),
        scalars=_nodes([*update.hyper.values(), update.step]),
    )


# --- schedule and memory --------------------------------------------------------------


def scheduled(routine: Routine, style: Style) -> Routine:
    """Return a function with the order of its statements.

    A planned function has a statement for each operation, its backward half last.
    """
    at_hand = {*routine.given, *routine.numbers}
    weak = (*routine.weak, *routine.numbers)
    forms = numbers_of(at_hand, routine.order, routine.before, weak)
    routine = replace(routine, forms=forms)
    if not routine.planned:
        found = schedule(
            *(routine.results, at_hand, routine.tensors, style),
            order=None if routine.numbers else routine.order,
        )
        return replace(routine, steps=tuple(found))

    def group(tensor: Tensor) -> Hashable:
        usual = style.group(tensor)
        return (tensor.node in routine.late, usual) if routine.late else usual

    apart = replace(style, level=0, group=group, loops=style)
    found = schedule(routine.results, at_hand, routine.tensors, apart)
    kept = (s for s in found if s.tensor.node.op is not CONSTANT)
    return replace(routine, steps=tuple(kept))


def with_memory(routine: Routine) -> Routine:
    """Return a function with its memory plan, where it is one that has memory."""
    if not routine.planned:
        return routine
    order = [s.tensor.node for s in routine.steps]
    numbers = (*routine.numbers, *routine.scalars)
    plan = plan_memory(order, routine.destinations, routine.kept, routine.same, numbers)
    return replace(routine, memory=plan)
