"""The functions of a program as statements: the pass between plans and modules.

In: the planned `Functions` of a program. Out: `LoweredFunctions`: every function that
the modules will hold, printed. Invariant: names are assigned in the order of the
modules, so that a module reads the same whichever others are made beside it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from symdiff.declare.model import Function, Model
from symdiff.emit.lower.source import Resolver
from symdiff.emit.modules.bodies import Unit, new_unit, style_of
from symdiff.emit.modules.functions import (
    Written,
    forward_function,
    symbolic_bounds,
)
from symdiff.emit.modules.halves import Halves, halves
from symdiff.emit.modules.planned import PlannedStep, planned_step
from symdiff.emit.modules.train import TrainingFunctions, training_functions
from symdiff.emit.targets import Target
from symdiff.emit.targets.numpy import NUMPY
from symdiff.plan.functions import Functions
from symdiff.plan.schedule import Style


@dataclass(frozen=True)
class LoweredFunctions:
    """Every function of the modules, and the unit whose names they have.

    ``held`` are the functions with which the self-check keeps values fixed that
    stop_gradient hides; ``plain`` is the one with which it compares prediction.
    """

    unit: Unit
    forward: Written | None = None
    halves: Halves | None = None
    training: TrainingFunctions | None = None
    planned: PlannedStep | None = None
    held: tuple[LoweredFunctions, ...] = ()
    plain: LoweredFunctions | None = None

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
    target: Target = NUMPY,
) -> LoweredFunctions:
    """Return the functions of ``modules`` as statements.

    ``folder`` is the one that quoted file names are relative to; ``apart`` says that
    the modules make a package, in which prediction is always written first.
    """
    resolver, p = Resolver(folder), functions.program
    symbolic_bounds([*p.inputs, *p.targets])  # refuses lengths that no argument has
    unit = new_unit(functions, resolver, style_of(p, resolver, level))
    unit = replace(unit, target=target)
    found = LoweredFunctions(unit)
    always = p.is_model if apart else not p.is_model
    if "forward" in modules or always:
        found = replace(found, forward=forward_function(unit))
    if "backward" in modules and p.gradients:
        found = replace(found, halves=halves(unit))
    if "train" in modules and isinstance(declared, Model):
        found = replace(found, training=training_functions(unit))
        if "grads" in functions.routines:
            found = replace(found, planned=planned_step(unit))
    if apart and found.halves is not None:
        held = tuple(_part(unit, part, unit.style) for part in functions.held)
        found = replace(found, held=held)
    if functions.plain is not None:
        bare = style_of(functions.plain.program, resolver, 0)
        found = replace(found, plain=_part(unit, functions.plain, bare))
    return found


def _part(unit: Unit, functions: Functions, style: Style) -> LoweredFunctions:
    """Return a further function of the same modules."""
    part = new_unit(functions, unit.resolver, style)
    part = replace(part, constants=unit.constants, target=unit.target)
    return LoweredFunctions(part, forward_function(part))
