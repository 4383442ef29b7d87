"""The Python functions that a program becomes: arguments, results, and computation.

In: a program after every rewrite. Out: `Functions`: a `Routine` for each function,
without its schedule and its memory plan, which later passes add.
Invariant: a routine reads only what it is given and what it computes itself; what the
backward pass needs of the forward pass is in `Functions.residuals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.plan.buffers import Destination
from symdiff.plan.known import known_numbers
from symdiff.plan.numbers import numbers_of
from symdiff.plan.partition import Partition, partition
from symdiff.plan.program import Named, Program
from symdiff.plan.routine import Routine
from symdiff.plan.updating import Updating, updating


@dataclass(frozen=True)
class Functions:
    """The routines of a program by name, and the residuals of its forward pass."""

    program: Program
    routines: Mapping[str, Routine]
    residuals: tuple[Node, ...] = ()
    beside: Mapping[str, Functions] = field(default_factory=dict)
    held: tuple[Functions, ...] = ()
    plain: Mapping[str, Functions] = field(default_factory=dict)
    update: Updating | None = None

    def __getitem__(self, name: str) -> Routine:
        return self.routines[name]

    def each(self, change: Callable[[Routine], Routine]) -> Functions:
        """Return the functions with every routine changed."""
        return replace(
            self,
            routines={name: change(r) for name, r in self.routines.items()},
            beside={name: f.each(change) for name, f in self.beside.items()},
            held=tuple(f.each(change) for f in self.held),
            update=None if self.update is None else self.update.each(change),
        )

    def __repr__(self) -> str:
        return f"<Functions of {self.program.name}: {', '.join(self.routines)}>"

    def __str__(self) -> str:
        parts = [*self.routines.values(), *self.beside.values(), *self.held]
        parts += () if self.update is None else self.update.routines
        return "\n".join(map(str, parts))


# --- split ----------------------------------------------------------------------------


def split(
    program: Program, *, backward: bool = True, planned: bool = True
) -> Functions:
    """Return the functions of a program.

    These are the prediction; with ``backward``, and if there are gradients, the forward
    and backward pass of training; with ``planned``, both of these as one function.
    """
    p = program
    given = _nodes(p.inputs, p.params, p.states)
    outputs = p.output_tensors
    routines = [Routine("forward", given, _results(p.outputs), outputs)]
    beside = {name: alone(name, part) for name, part in p.beside}
    update = None
    if p.update is not None:
        free = p.reordered is not None
        update = updating(p.update, planned=planned, reordered=free)
    if not (backward and p.gradients):
        only = {r.name: r for r in routines}
        return Functions(p, only, beside=beside, update=update)
    tensors = p.tensors
    halves = _halves(p, tensors)
    given = _nodes(p.inputs, p.targets, p.params, p.states)
    kept = halves.residuals
    wanted = (*_results(p.results), *kept, *_results(p.updates))
    primal = Routine("primal", given, wanted, tensors)
    # 1 / N is a Python float in the forward pass, and so it is as a residual
    floats = numbers_of(primal.given, primal.order).python
    weak = (
        *(s.node for s in p.seeds if not s.shape),
        *(n for n in kept if n in floats),
    )
    reverse = Routine(
        "backward",
        (*_nodes(p.params, p.states, p.seeds), *kept),
        _nodes(p.gradients),
        tensors,
        before=tuple(primal.order),
        weak=weak,
    )
    routines += [primal, reverse]
    if p.metrics:
        routines.append(Routine("metrics", given, _results(p.metrics), tensors))
    if planned:
        own = p.planned
        late = halves if own is p else _halves(own, own.tensors)
        made = _planned(own, own.tensors, late.backward)
        routines.append(replace(made, reordered=own is not p))
    held = tuple(split(h, backward=False) for h in p.holding)
    named = {r.name: r for r in routines}
    return Functions(p, named, kept, beside, held, update=update)


def alone(name: str, p: Program) -> Functions:
    """Return a program without gradients as one function of all its results."""
    given = _nodes(p.inputs, p.targets, p.params, p.states)
    wanted = _results((*p.outputs, *p.results, *p.metrics, *p.updates))
    tensors = p.output_tensors if p.outputs else p.tensors
    return Functions(p, {name: Routine(name, given, wanted, tensors)})


def _nodes(*groups: Sequence[Tensor]) -> tuple[Node, ...]:
    return tuple(t.node for group in groups for t in group)


def _results(named: Sequence[Named]) -> tuple[Node, ...]:
    return tuple(t.node for _, t in named)


def _halves(p: Program, tensors: Mapping[Node, Tensor]) -> Partition:
    """Return the forward and backward halves, the residuals in a readable order."""
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
