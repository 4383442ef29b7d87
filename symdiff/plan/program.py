"""A differentiated program: everything the generated modules compute, as one graph.

In: what was declared, with its derivatives. Out: a `Program` that later passes rewrite
as a whole, so that primal and derivative share every common value. Invariant: all
tensors of a program are handles over one set of nodes; leaves are the same before and
after a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import is_
from typing import NamedTuple

from symdiff.graph.node import Node, topological
from symdiff.graph.rebuild import Became, Steps
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.plan.listed import listed
from symdiff.plan.update import Equations
from symdiff.plan.weighing import Batches
from symdiff.rewrite.index_ranges import Allowed

Named = tuple[str, Tensor]


class StepsByHalf(NamedTuple):
    """The maps from old to new tensors, for prediction and for the training half.

    The halves share nodes. They are rebuilt separately, so that each keeps the tensors
    with the statements that declared them.
    """

    predicted: Steps = Steps()
    trained: Steps = Steps()


AS_DECLARED = StepsByHalf()
_OF_ROOTS = (
    "nodes",
    "tensors",
    "output_tensors",
)  # what follows from a program's roots


@dataclass(frozen=True)
class Program:
    """Leaves and results of a model or a function.

    ``outputs`` are the values that prediction returns; ``results`` those that are
    differentiated (a model's loss, a function's outputs); ``seeds`` their cotangent
    leaves; ``gradients`` the cotangents of ``wrt``, in its order; ``updates`` the new
    values of states.
    """

    name: str
    is_model: bool
    params: tuple[Tensor, ...]
    states: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    randoms: tuple[Tensor, ...]
    outputs: tuple[Named, ...]
    results: tuple[Named, ...]
    metrics: tuple[Named, ...]
    updates: tuple[Named, ...]
    seeds: tuple[Tensor, ...]
    wrt: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    analytic: bool = False  # every op of the results holds for complex numbers too
    stopped: str = ""  # why slopes of the results cannot tell the gradient
    # Two programs on the same leaves: the values that stop_gradient hides, and the
    # results given these. The second has one more leaf for each hidden value.
    holding: tuple[Program, ...] = ()
    # prediction, and what training computes besides gradients, which no pass simplifies
    plain: tuple[tuple[str, Program], ...] = ()
    # further functions of a model's training on the same leaves, by name
    beside: tuple[tuple[str, Program], ...] = ()
    batches: Batches | None = None  # how results of parts of a batch are combined
    update: Equations | None = None  # what the optimiser does with the gradients
    # the values of inputs that their uses as labels or indices allow
    indexing: tuple[tuple[Node, Allowed], ...] = ()
    became: StepsByHalf = AS_DECLARED  # the maps of all passes so far
    # the cotangent of each node below the results, as it was derived
    cotangents: tuple[tuple[Node, Tensor], ...] = ()
    # the same with sums in another order, which the planned step computes
    reordered: Program | None = None
    composed: Program | None = None  # as it was before composites were written out

    @property
    def planned(self) -> Program:
        """The program that the planned step computes."""
        return self if self.reordered is None else self.reordered

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """Every leaf, arguments first: the order in which names are given."""
        return (*self.inputs, *self.targets, *self.seeds, *self.params, *self.states)

    def roots(self) -> list[Tensor]:
        """Return every tensor the program computes."""
        named = (*self.outputs, *self.results, *self.metrics, *self.updates)
        return [*(t for _, t in named), *self.gradients]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node that the program computes, operands first."""
        return tuple(topological([t.node for t in self.roots()]))

    def with_roots(self, roots: Sequence[Tensor]) -> Program:
        """Return the program with its roots replaced, in the order of `roots`."""
        waiting = iter(roots)

        def renewed(named: tuple[Named, ...]) -> tuple[Named, ...]:
            return tuple((name, next(waiting)) for name, _ in named)

        outputs, results = renewed(self.outputs), renewed(self.results)
        metrics, updates = renewed(self.metrics), renewed(self.updates)
        return replace(
            self,
            outputs=outputs,
            results=results,
            metrics=metrics,
            updates=updates,
            gradients=tuple(waiting),
        )

    def over_leaves(self, outputs: Iterable[Named]) -> Program:
        """Return a program over the same leaves that has only these outputs."""
        return replace(
            self,
            outputs=tuple(outputs),
            results=(),
            metrics=(),
            updates=(),
            seeds=(),
            wrt=(),
            gradients=(),
        )

    def rebuilt(self, predicted: Became, trained: Became | None = None) -> Program:
        """Return the program rebuilt by a pass, as a whole or in separate halves."""
        if predicted is list and trained in (None, list):  # what changes nothing
            return self
        roots, first = self.roots(), len(self.outputs)
        if trained is None:
            trained, found = predicted, predicted(roots)
        else:
            found = [*predicted(roots[:first]), *trained(roots[first:])]
        before = self.became
        became = StepsByHalf(
            before.predicted.then(predicted), before.trained.then(trained)
        )
        made = replace(self.with_roots(found), became=became)
        if all(map(is_, found, roots)):  # so it has the same nodes
            vars(made).update({k: v for k, v in vars(self).items() if k in _OF_ROOTS})
        return made

    @cached_property
    def tensors(self) -> Mapping[Node, Tensor]:
        """The tensor that stands for each node of the training half."""
        trained = self.roots()[len(self.outputs) :]
        return {t.node: t for t in tensor_topological([*trained, *self.leaves])}

    @cached_property
    def output_tensors(self) -> Mapping[Node, Tensor]:
        """The tensor that stands for each node of prediction."""
        predicted = [t for _, t in self.outputs]
        return {t.node: t for t in tensor_topological([*predicted, *self.leaves])}

    def __repr__(self) -> str:
        return f"<Program {self.name}: {len(self.tensors)} nodes; str() lists them>"

    def __str__(self) -> str:
        """List the graph, a node a line, with the roles of its results."""
        roots = [
            (f"{role[:-1]} {name}", t)
            for role in ("outputs", "results", "metrics", "updates")
            for name, t in getattr(self, role)
        ]
        # Before gradients are derived there are none.
        for variable, g in zip(self.wrt, self.gradients, strict=False):
            roots.append((f"gradient of {variable.name}", g))
        for name, beside in self.beside:
            roots += [(f"{name} {result}", t) for result, t in beside.outputs]
        parts = [f"program {self.name}", listed(roots)]
        return "\n".join([*parts, *([] if self.update is None else [str(self.update)])])
