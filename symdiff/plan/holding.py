"""Programs in which values hidden from the gradient are constants, to check it.

In: a program. Out: the same, with two more programs: one returns the values that
``stop_gradient`` and ops without a derivative hide, the other takes these values and
returns the program's results. Invariant: at any point the second, given what the first
returns there, gives the results, and its numerical slope is the derivative that the
chain rule gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdiff.graph.body import every_node, substitute
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.leaf import input_like
from symdiff.plan.program import Program

IN_A_BODY = "stop_gradient in a loop or branch cannot be held fixed"


def hides(node: Node) -> bool:
    """Whether the slope of a node's value is deliberately not its derivative."""
    return node.op.facts.hides


def held(program: Program) -> Program:
    """Return a program with `Program.holding`, or with the reason why there is none.

    A program whose results depend on no hidden value is returned as it is.
    """
    if not any(hides(n) for n in every_node(program.nodes)):
        return program
    results = [t for _, t in program.results if t.dtype.is_float]
    order = topological([t.node for t in results])
    moved = _moved(order, program.wrt)
    hidden = [
        t
        for t in tensor_topological(results)
        if hides(t.node) and t.node in moved and t.dtype.is_float
    ]
    names = {str(t.name) for t in program.leaves}
    leaves = {t: _leaf(t, i, names) for i, t in enumerate(hidden)}
    freed = substitute(
        [t for _, t in program.results], {t.node: leaf for t, leaf in leaves.items()}
    )
    read = topological([t.node for t in freed if t.dtype.is_float])
    if _hidden_inside(read, program.wrt):
        return replace(program, stopped=IN_A_BODY)
    kept = {t: leaf for t, leaf in leaves.items() if leaf.node in set(read)}
    if not kept:
        return program
    values = [(str(leaf.name), t) for t, leaf in kept.items()]
    plain = replace(
        program.over_leaves(values),
        inputs=(*program.inputs, *program.targets),
        targets=(),
        beside=(),
        batches=None,
    )
    pairs = zip(program.results, freed, strict=True)
    outputs = tuple((name, t) for (name, _), t in pairs)
    second = replace(plain, inputs=(*plain.inputs, *kept.values()), outputs=outputs)
    return replace(program, analytic=False, holding=(plain, second))


def _moved(order: Sequence[Node], wrt: Sequence[Tensor]) -> set[Node]:
    """Return the nodes that change with ``wrt``."""
    moved = {t.node for t in wrt}
    for node in order:
        if any(i in moved for i in node.inputs):
            moved.add(node)
    return moved


def _hidden_inside(order: Sequence[Node], wrt: Sequence[Tensor]) -> bool:
    """Whether a loop or branch that changes with ``wrt`` hides a value in its body."""
    moved = _moved(order, wrt)
    within = set(every_node([n for n in order if n in moved])) - set(order)
    return any(hides(n) for n in within)


def _leaf(hidden: Tensor, number: int, taken: set[str]) -> Tensor:
    """Return an input that stands for a hidden value, under a name of its own."""
    name = f"held_{number}"
    while name in taken:
        name += "_"
    return input_like(name, hidden)
