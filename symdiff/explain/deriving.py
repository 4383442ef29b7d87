"""How a program's gradients come about: the chain rule, a node at a time.

In: a program before it is simplified. Out: a `Derivation`: every node of the forward
graph with its formula, local derivatives and cotangent, and each gradient as one
composed formula; loops and branches are opened.
"""

from __future__ import annotations

from collections.abc import Mapping

from symdiff.emit.modules.bodies import bare_unit
from symdiff.explain.derivation import Derivation
from symdiff.explain.formulas import named
from symdiff.explain.opening import opened
from symdiff.explain.sweeping import Graph, Seed, Sweep, is_silent, readers_of
from symdiff.explain.symbols import apart, telling_apart
from symdiff.graph.node import Node
from symdiff.graph.tensor import tensor_topological
from symdiff.plan.program import Program


def derive(program: Program, base: str, backward: bool = True) -> Derivation:
    """Return the derivation of a program that is not differentiated yet.

    ``base`` is the folder that quoted file names are relative to. Without ``backward``
    the derivation has the forward graph alone.
    """
    symbols: dict[str, str] = {}
    with telling_apart(symbols):
        graph = _graph(program, base, symbols)
        sweep = Sweep(graph, opened)
        results = [graph.names[s.result.node] for s in graph.seeds]
        if not backward:
            return sweep.derivation(results, ())
        sweep.back()
        variables = [
            (
                v,
                str(v.name),
                graph.backs.get(v.node) or f"d_{graph.unit.names.of(v)}",
            )
            for v in program.wrt
        ]
        return sweep.derivation(results, list(sweep.composed(variables, True)))


def _graph(program: Program, base: str, symbols: dict[str, str]) -> Graph:
    """Return the graph of a program; ``symbols`` gets the TeX of names alike."""
    unit = bare_unit(program, base, 0)
    results = [t for _, t in program.results]
    roots = [*results, *(t for _, t in program.outputs)]
    order = tensor_topological(roots)
    readers = readers_of(order)
    kept = {t.node for t in roots}
    shown = [t for t in order if t.node in kept or not is_silent(t.node, readers)]
    unit.names.reserve(order)
    names = {t.node: unit.names.of(t) for t in shown}
    backs = _cotangents(names)
    of = {back: names[n] for n, back in backs.items()}
    symbols.update(apart(names.values(), of))
    smooth = [t for t in results if t.dtype.is_float]
    return Graph(
        program.name,
        order,
        [Seed(t, s) for t, s in zip(smooth, program.seeds, strict=True)],
        program.wrt,
        names,
        backs,
        {n: named(name) for n, name in names.items()},
        _roles(program),
        unit,
        symbols,
    )


def _cotangents(names: Mapping[Node, str]) -> dict[Node, str]:
    """Return names for the cotangents of values, none of which a value has."""
    taken = set(names.values())
    found = {}
    for node, name in names.items():
        count, back = 1, f"d_{name}"
        while back in taken:
            count += 1
            back = f"d_{name}_{count}"
        taken.add(back)
        found[node] = back
    return found


def _roles(program: Program) -> dict[Node, str]:
    groups = {
        "input": program.inputs,
        "target": program.targets,
        "parameter": program.params,
        "state": program.states,
        "draw": program.randoms,
    }
    return {t.node: role for role, group in groups.items() for t in group}
