"""Which floats of a program have a declared width.

In: a program. Out: facts about its leaves and its values. Invariant: for a program
without such floats all answers are no, so its text fits either width.
"""

from __future__ import annotations

from symdiff.graph.body import every_node
from symdiff.graph.types import TensorType
from symdiff.graph.widths import any_declared
from symdiff.plan.program import Program


def declares_widths(program: Program) -> bool:
    """Whether an argument, a parameter or a state is declared float32 or float64."""
    leaves = (*program.inputs, *program.targets, *program.params, *program.states)
    return any_declared(leaves)


def trains_apart(program: Program) -> bool:
    """Whether parameters differ in width, so that no one vector holds them."""
    return len({t.dtype for t in program.params}) > 1


def computes_widths(program: Program) -> bool:
    """Whether any value, also in the body of a loop, is float32 or float64 always."""
    nodes = every_node([*program.nodes, *(t.node for t in program.leaves)])
    return any_declared(n for n in nodes if isinstance(n.type, TensorType))
