"""The functions of a program as statements: the pass between plans and modules.

In: the planned `Functions` of a program. Out: `LoweredFunctions`: every function that
the modules will hold, printed. Invariant: names are assigned in the order of the
modules, so that a module reads the same whichever others are made beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from symdiff.declare.model import Function, Model
from symdiff.emit.lower.source import Resolver
from symdiff.emit.modules.bodies import Unit, new_unit, style_of
from symdiff.emit.modules.front import front
from symdiff.emit.modules.functions import (
    Written,
    forward_function,
    symbolic_bounds,
)
from symdiff.emit.modules.halves import Halves, halves
from symdiff.emit.modules.planned import PlannedStep, planned_step
from symdiff.emit.modules.results import plain_function
from symdiff.emit.modules.train import TrainingFunctions, training_functions
from symdiff.emit.targets import Target
from symdiff.emit.targets.numpy import NUMPY
from symdiff.plan.functions import Functions
from symdiff.plan.schedule import Style


@dataclass(frozen=True)
class LoweredFunctions:
    """Every function of the modules, and the unit whose names they have.

    ``held`` are the functions with which the self-check keeps values fixed that
    stop_gradient hides; ``plain`` are those of _outputs.py, by name. ``front`` are the
    lines that open backward.py.
    """

    unit: Unit
    forward: Written | None = None
    halves: Halves | None = None
    training: TrainingFunctions | None = None
    planned: PlannedStep | None = None
    held: tuple[LoweredFunctions, ...] = ()
    plain: Mapping[str, Written] = field(default_factory=dict)
    front: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(self.written)
        return f"<LoweredFunctions of {self.unit.program.name}: {names}>"

    @property
    def written(self) -> dict[str, Written]:
        """The functions by name: those of `Functions`, where they are lowered."""
        found = {"forward": self.forward}
        if self.halves is not None:
            found |= {"primal": self.halves.primal, "backward": self.halves.backward}
        if self.training is not None:
            found |= {"metrics": self.training.metrics}
        if self.planned is not None:
            found |= {"grads": self.planned.gradients.written}
        return {name: w for name, w in found.items() if w is not None}

    def __getitem__(self, name: str) -> Written:
        return self.written[name]

    def __str__(self) -> str:
        return "\n\n".join(
            f"def {name}({written.parameters}):\n{written.body}"
            for name, written in self.written.items()
        )


def lower_functions(
    functions: Functions,
    declared: Model | Function,
    modules: Collection[str],
    folder: str,
    level: int,
    *,
    apart: bool = True,
    blocks: bool = True,
    target: Target = NUMPY,
) -> LoweredFunctions:
    """Return the functions of ``modules`` as statements.

    ``folder`` is the one that quoted file names are relative to; ``apart`` says that
    the modules make a package, in which prediction is always written first; ``blocks``
    that what repeats becomes a function.
    """
    resolver, p = Resolver(folder), functions.program
    symbolic_bounds([*p.inputs, *p.targets])  # refuses lengths that no argument has
    if target.kernels:  # complex numbers would have kernels of their own
        p = replace(p, analytic=False)
        functions = replace(functions, program=p)
    unit = new_unit(functions, resolver, style_of(p, resolver, level))
    blocks = blocks and level > 0 and not target.kernels  # each call has a kernel
    unit = replace(unit, target=target, blocks=blocks)
    found = LoweredFunctions(unit)
    always = p.is_model if apart else not p.is_model
    if "forward" in modules or always:
        found = replace(found, forward=forward_function(unit))
    if "backward" in modules and p.gradients:
        found = _differentiated(found, apart)
    if "train" in modules and isinstance(declared, Model):
        found = replace(found, training=training_functions(unit))
        if "grads" in functions.routines:
            found = replace(found, planned=planned_step(unit))
    if apart and found.halves is not None:
        parts = [_part(unit, part, unit.style) for part in functions.held]
        held = tuple(LoweredFunctions(p, forward_function(p)) for p in parts)
        found = replace(found, held=held)
    return replace(found, plain=_plain(unit, functions.plain))


def _differentiated(lowered: LoweredFunctions, apart: bool) -> LoweredFunctions:
    """Return the functions with both halves, and the front of a file of their own."""
    made = halves(lowered.unit)
    lines = front(lowered.unit, made.primal, made.backward) if apart else ()
    return replace(lowered, halves=made, front=lines)


def _plain(unit: Unit, functions: Mapping[str, Functions]) -> dict[str, Written]:
    """Return the functions in which nothing is simplified, by name."""
    found = {}
    for name, part in functions.items():
        bare = style_of(part.program, unit.resolver, 0)
        own = replace(_part(unit, part, bare), target=NUMPY)
        found[name] = (
            forward_function(own) if name == "forward" else plain_function(own, name)
        )
    return found


def _part(unit: Unit, functions: Functions, style: Style) -> Unit:
    """Return the unit of a further function of the same modules."""
    part = new_unit(functions, unit.resolver, style)
    return replace(part, constants=unit.constants, target=unit.target)
