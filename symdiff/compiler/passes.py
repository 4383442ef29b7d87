"""The passes that a program goes through, in order: the whole list.

In: a `Program` as it is declared. Out: the value that each pass returns: programs up to
``prune``, from ``split`` on the `Functions` that the program becomes, then their
statements. Invariant: every pass is a pure function, and its value prints itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from operator import is_
from typing import Any

from symdiff.declare.checks import warn
from symdiff.declare.model import Function, Model
from symdiff.declare.update import Optimizer
from symdiff.derive import stability
from symdiff.derive.reverse import reverse_sweep
from symdiff.emit.lower.source import Resolver
from symdiff.emit.modules.bodies import style_of
from symdiff.emit.modules.lowering import LoweredFunctions, lower_functions
from symdiff.emit.targets import Target
from symdiff.emit.targets.numpy import NUMPY
from symdiff.graph.node import Node
from symdiff.graph.origin import Site
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.elementwise.casts import cast
from symdiff.ops.shape.broadcasting import zeros_like
from symdiff.plan.functions import Functions, alone, split
from symdiff.plan.holding import held
from symdiff.plan.indices import check_indices
from symdiff.plan.program import Program
from symdiff.plan.routine import Routine, scheduled, with_memory
from symdiff.plan.update import equations
from symdiff.plan.widths import trains_apart
from symdiff.rewrite.afterwards import summing_afterwards
from symdiff.rewrite.ahead import computing_ahead
from symdiff.rewrite.driver import Table, rewriting
from symdiff.rewrite.finals import reading_ends
from symdiff.rewrite.loops import numbering, rewritten
from symdiff.rewrite.prune import pruning
from symdiff.rewrite.reordering import reorderings
from symdiff.rewrite.rules import bare_expansions, expansions, simplifications
from symdiff.rewrite.unstable import unstable

Pass = Callable[[Any], Any]
ProgramPass = Callable[[Program], Program]

# --- from program to program ----------------------------------------------------------


def everywhere(run: ProgramPass, program: Program) -> Program:
    """Run a pass on a program and on those that it holds."""
    made = run(program)
    holding = tuple(run(p) for p in program.holding)
    beside = tuple((name, run(p)) for name, p in program.beside)
    return replace(made, holding=holding, beside=beside)


def _has_loops(program: Program) -> bool:
    """Whether a graph has loops or branches."""
    return any(n.op.facts.sweeps for n in program.nodes)


def stabilise(program: Program) -> Program:
    """Replace raw formulas that overflow or cancel by nodes that do not.

    Warns, at the user's line, about those for which no rewrite is provable. What is
    read of a loop's last step is read at its end.
    """

    def settled(part: Program) -> Program:
        ends = reading_ends() if _has_loops(part) else list
        stable = part.rebuilt(ends).rebuilt(stability.stabilising())
        found.extend(unstable(stable.roots()))
        return stable

    found: list[tuple[Site, str]] = []
    made = everywhere(settled, program)
    for site, message in dict.fromkeys(found):
        warn(message, site)
    return made


def differentiate(program: Program) -> Program:
    """Derive the cotangents of ``wrt`` from the results' seeds."""
    results = [t for _, t in program.results if t.dtype.is_float]
    totals: dict[Node, Tensor] = {}
    found = reverse_sweep(results, program.seeds, program.wrt, totals)
    gradients = [
        zeros_like(t) if g is None else cast(g, t.dtype)
        for g, t in zip(found, program.wrt, strict=True)
    ]
    return replace(
        program, gradients=tuple(gradients), cotangents=tuple(totals.items())
    )


def _is_composite(program: Program) -> bool:
    """Whether a graph has composite ops, or bodies that may hold some."""
    several = (isinstance(n.type, TupleType) for n in program.nodes)
    return any(several) or any(n.op.expand is not None for n in program.nodes)


def _rewritten(program: Program, rules: Table) -> Program:
    """Rewrite the outputs of prediction separately from the rest.

    The two still share nodes, but each keeps the tensors, and so the user's statements,
    that declared it. A function that is not differentiated has nothing but its outputs.
    """
    roots, first = program.roots(), len(program.outputs)
    outputs, rest = roots[:first], roots[first:]
    alone = len(outputs) == len(rest) and all(map(is_, outputs, rest))
    predicted = rewritten(outputs, rules)
    trained = predicted if alone else rewritten(rest, rules)
    program = program.rebuilt(predicted, trained)
    return program.rebuilt(numbering(program.nodes))


def simplify(program: Program) -> Program:
    """Apply the exact rewrites."""
    return _rewritten(program, simplifications())


def expand(program: Program) -> Program:
    """Replace composite ops by the graphs they stand for, simplified."""
    return _expanded(program, expansions())


def prune(program: Program) -> Program:
    """Remove dead code from loops and branches."""
    if not _has_loops(program):
        return program
    roots, first = program.roots(), len(program.outputs)
    return program.rebuilt(pruning(roots[:first]), pruning(roots[first:]))


def sum_afterwards(program: Program) -> Program:
    """Prune, after products have taken the place of totals that loops add up."""
    return prune(program.rebuilt(summing_afterwards(program.nodes)))


def expand_only(program: Program) -> Program:
    """Replace composite ops by the graphs they stand for, and simplify nothing."""
    made = _expanded(program, bare_expansions())
    # formulas of gradients are simplified at every level
    return replace(made, composed=simplify(program)) if program.gradients else made


def _expanded(program: Program, rules: Table) -> Program:
    if not _is_composite(program):
        return program
    return replace(_rewritten(program, rules), composed=program)


def hold(program: Program) -> Program:
    """Add the programs with which the check keeps values that stop_gradient hides."""
    return held(program) if program.wrt else program


def join_update(program: Program, optimizer: Optimizer | None) -> Program:
    """Add an optimiser's equations for the parameters to the program."""
    if optimizer is None:
        return program
    found = equations(optimizer, program.params, program.wrt)
    return replace(program, update=found)


def reorder(program: Program) -> Program:
    """Add what the planned step computes: the same, with sums in another order."""
    roots, first = program.roots(), len(program.outputs)
    if not program.gradients:
        return program
    ahead = computing_ahead(roots[first:])(roots[first:])
    made = rewriting(ahead, reorderings(), bodies=False)(ahead)
    own = replace(program, reordered=None).with_roots([*roots[:first], *made])
    update = program.update
    if update is not None and update.flat is not None:
        update = replace(update, flat=update.flat.rewritten(reorderings()))
    return replace(program, reordered=own, update=update)


def program_passes(level: int) -> dict[str, Pass]:
    """Return the passes from program to program of an optimisation level, in order.

    ``update``, which is added where a model is trained, is not among them.
    """
    found: dict[str, ProgramPass] = {"indices": check_indices, "derive": differentiate}
    if level == 0:
        found |= {"expand": expand_only, "prune": prune}
    else:
        found |= {"rewrite": simplify, "expand": expand, "prune": sum_afterwards}
    made: dict[str, Pass] = {
        name: partial(everywhere, run) for name, run in found.items()
    }
    if level == 0:
        return made
    return {"indices": made.pop("indices"), "stabilise": stabilise, **made}


# --- from program to functions --------------------------------------------------------


def plain_functions(name: str, program: Program, base: str, level: int) -> Functions:
    """Return a program as one function with a statement for each node, scheduled.

    Nothing is simplified; from level 1 on, raw formulas are replaced by stable nodes.
    """
    if level:
        program = program.rebuilt(stability.stabilising())
    for run in (check_indices, expand_only, prune):
        program = run(program)
    return schedule_functions(alone(name, program), base, 0)


def schedule_functions(functions: Functions, base: str, level: int) -> Functions:
    """Order every function's statements; files are quoted relative to ``base``."""
    style = style_of(functions.program, Resolver(base), level)

    def order(routine: Routine) -> Routine:
        return scheduled(routine, style)

    found = functions.each(order)
    if found.update is None:
        return found
    return replace(found, update=found.update.fitting(order))


def plan_functions(functions: Functions) -> Functions:
    """Plan the memory of planned functions."""
    return functions.each(with_memory)


def pass_names(level: int) -> list[str]:
    """Return the names of all passes of an optimisation level, in order."""
    names = list(program_passes(level))
    names.insert(names.index("derive") + 1, "update")
    reordered = ["reorder"] if level == 2 else []
    return [*names, *reordered, "split", "schedule", "memory", "lower"]


def passes(
    declared: Model | Function,
    level: int,
    modules: Collection[str],
    base: str,
    *,
    apart: bool = True,
    blocks: bool = True,
    target: Target = NUMPY,
    exact: bool = False,
) -> dict[str, Pass]:
    """Return every pass of a compilation by name, in order.

    ``modules`` are those to generate, ``base`` is the folder that quoted files are
    relative to; ``apart`` says that the modules make a package, ``blocks`` that what
    repeats becomes a function; ``target`` is the library that they are written for;
    ``exact`` that the planned step computes the readable one's bits.
    """
    written = min(level, 1)  # the level of readable functions
    planned = level == 2 and apart and "train" in modules

    optimizer = None
    if isinstance(declared, Model) and "train" in modules:
        optimizer = declared.optimizer

    def split_functions(program: Program) -> Functions:
        step = planned and not trains_apart(program)
        found = split(program, backward="backward" in modules, planned=step)
        if not apart or "backward" not in modules:
            return found
        plain = {
            name: plain_functions(name, part, base, level)
            for name, part in program.plain
            if name != "forward" or "forward" in modules
        }
        return replace(found, plain=plain)

    def reordered(program: Program) -> Program:
        fast = planned and not exact and not trains_apart(program)
        return reorder(program) if fast else program

    def lower(functions: Functions) -> LoweredFunctions:
        return lower_functions(
            *(functions, declared, modules, base, written),
            apart=apart,
            blocks=blocks,
            target=target,
        )

    found: dict[str, Pass] = {
        **program_passes(level),
        "update": partial(join_update, optimizer=optimizer),
        "reorder": reordered,
        "split": split_functions,
        "schedule": partial(schedule_functions, base=base, level=written),
        "memory": plan_functions,
        "lower": lower,
    }
    return {name: found[name] for name in pass_names(level)}
