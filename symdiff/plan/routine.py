"""One Python function of a compilation: arguments, results, and their computation.

In: nodes of a program. Out: a `Routine`, to which `scheduled` and `with_memory` add the
schedule and the memory plan. Invariant: a routine reads only the values that it is
given and those that it computes itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import CONSTANT, is_given
from symdiff.plan.buffers import Destination, MemoryPlan
from symdiff.plan.gathering import gathered, postponed
from symdiff.plan.items import items_by_source
from symdiff.plan.memory import plan_memory
from symdiff.plan.numbers import Numbers, numbers_of
from symdiff.plan.schedule import Step, Style, schedule
from symdiff.plan.turns import TurnedLoop, can_be_planned


@dataclass(frozen=True)
class Routine:
    """One function: values in, values out, and the steps between them.

    ``given`` are the values at hand when its body begins, ``results`` those that it
    must compute, ``order`` the values between them, operands first. ``steps`` are the
    values that get a statement, ``memory`` is the memory plan of a planned function.
    The nodes of ``before`` have been computed earlier, and their lengths checked.
    Because the cotangent of the loss is 1, the values in ``numbers`` are known before
    anything runs, and those in ``same`` equal an operand. ``forms`` says which scalars
    are Python's numbers.
    """

    name: str
    given: tuple[Node, ...]
    results: tuple[Node, ...]
    tensors: Mapping[Node, Tensor] = field(repr=False)
    before: tuple[Node, ...] = ()
    steps: tuple[Step, ...] = ()
    planned: bool = False
    reordered: bool = False  # it need not have the bits of the readable functions
    destinations: tuple[Destination, ...] = ()
    kept: tuple[Node, ...] = ()  # read after the planned statements
    numbers: Mapping[Node, float] = field(default_factory=dict)
    same: Mapping[Node, Node] = field(default_factory=dict)
    scalars: tuple[Node, ...] = ()  # given as Python's numbers
    weak: tuple[Node, ...] = ()  # given as floats that widen no array
    forms: Numbers = field(default_factory=Numbers)

    def __repr__(self) -> str:
        return f"<Routine {self.name}: {len(self.steps)} steps>"

    late: frozenset[Node] = frozenset()  # nodes of the backward half
    memory: MemoryPlan | None = None
    level: int | None = None  # if it differs from that of the modules
    order: Sequence[Node] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Compute the order; a copy that a pass makes has it already."""
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
    """Return an operation over the numbers of its operands; inlined ones in full."""
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
    """Return the ``file:line`` of a step's statement, as a comment."""
    match group:
        case (str(file), int(line), str()):
            return f"  # {file}:{line}"
        case (bool(), inner):
            return _placed(inner)
    return ""


# --- schedule and memory --------------------------------------------------------------


def scheduled(routine: Routine, style: Style) -> Routine:
    """Return a function with the order of its statements.

    A planned function has a statement for each operation, its backward half last.
    """
    if routine.level is not None:
        style = replace(style, level=routine.level)
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

    inner = replace(style, splits=False)
    flat = replace(style, level=0, group=group, loops=inner, apart=can_be_planned)
    found = schedule(routine.results, at_hand, routine.tensors, flat)
    kept = (s for s in found if s.tensor.node.op is not CONSTANT)
    return replace(routine, steps=tuple(kept))


def computed(steps: Sequence[Step]) -> tuple[Node, ...]:
    """Return the values of the steps of a planned body; constants are made before."""
    return tuple(s.tensor.node for s in steps if s.tensor.node.op is not CONSTANT)


def with_memory(routine: Routine) -> Routine:
    """Return a planned function with its memory plan; others as they are."""
    if not routine.planned:
        return routine
    steps, region = routine.steps, None
    if routine.reordered:
        found, region = gathered(postponed(steps, routine.results), routine.same)
        steps = tuple(found)
    order = [s.tensor.node for s in steps]
    numbers = (*routine.numbers, *routine.scalars)
    items, loops = items_by_source(routine.tensors), dict[Node, TurnedLoop]()
    for s in routine.steps:
        if can_be_planned(s.tensor.node):
            read = tuple(items.get(s.tensor.node, ()))
            loops[s.tensor.node] = TurnedLoop(computed(s.bodies[0]), read)
    plan = plan_memory(
        *(order, routine.destinations, routine.kept, routine.same, numbers, loops),
        any_layout=routine.reordered,
        region=region,
    )
    return replace(routine, steps=steps, memory=plan)
