"""From a declaration to a program: the first value of a compilation.

In: a `Model` or `Function`, and the variables of differentiation. Out: a `Program`
without gradients. Invariant: outputs of prediction are resolved for inference, all
other results for training.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from symdiff.declare.model import Function, Model
from symdiff.declare.tracing import field_name
from symdiff.emit.lower.source import Resolver
from symdiff.graph.body import every_node
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.mode import resolve_mode
from symdiff.ops.core.leaf import input_like
from symdiff.ops.core.work import types_of
from symdiff.plan.division import division
from symdiff.plan.program import Named, Program
from symdiff.plan.weighing import Batches, step_divisors, weighing


def program_of(
    declared: Model | Function, wrt: Sequence[Tensor], *, trains: bool = False
) -> Program:
    """Return a declaration as a program, to be differentiated by ``wrt``.

    With ``trains`` it includes what a training module computes beside the gradients.
    """
    if isinstance(declared, Function):
        return function_program(declared, wrt)
    program = model_program(declared, wrt)
    return _with_training(program, declared) if trains else program


def _with_training(program: Program, model: Model) -> Program:
    """Return a program with evaluation, and the divisors of means."""
    assert model.loss is not None
    named = {"loss": model.loss, **model.metrics}
    arguments = (*program.inputs, *program.targets)
    divided = division(arguments, named, program.updates)
    steps = step_divisors(arguments, named)
    batches = Batches(divided, steps, weighing(arguments, named))
    resolved = resolve_mode(list(named.values()), "infer")
    beside = {"evaluate": dict(zip(named, resolved, strict=True)), **batches.divisors}
    programs = ((n, program.over_leaves(r.items())) for n, r in beside.items())
    return replace(program, beside=tuple(programs), batches=batches)


def with_plain(program: Program) -> Program:
    """Return a model's program with further copies of what it computes, as declared.

    The package's check compares prediction, the loss, new values of states, metrics and
    evaluation with these copies. Where evaluation computes what training does, there is
    one copy of both. A function needs none: its results are computed by forward.py and
    by backward.py.
    """
    if not (program.is_model and program.wrt):
        return program
    trained = replace(program, outputs=(), seeds=(), wrt=())
    if program.batches is None:
        trained = replace(trained, metrics=())
    parts = {"forward": program.over_leaves(program.outputs), "training": trained}
    for name, part in program.beside:
        floats = (*trained.results, *trained.metrics)
        if name == "evaluate" and _nodes(part.outputs) != _nodes(floats):
            parts[name] = part
    plain = ((n, replace(p, beside=(), batches=None)) for n, p in parts.items())
    return replace(program, plain=tuple(plain))


def _nodes(named: Sequence[Named]) -> dict[str, Node]:
    return {name: t.node for name, t in named}


def output_names(declared: Model | Function) -> list[str]:
    """Return a name for each output: given, assigned, or by position; each once."""
    resolver = Resolver()
    names: list[str] = []
    for i, (tensor, name) in enumerate(
        zip(declared.outputs, declared.output_names, strict=True)
    ):
        found = name or tensor.name or resolver.target(tensor)
        found = found or ("out" if len(declared.outputs) == 1 else f"out{i}")
        found = field_name(unicodedata.normalize("NFKC", found))  # as Python reads it
        while found in names:
            found = f"{found}_{i}"
        names.append(found)
    return names


def _named(names: Sequence[str], tensors: Sequence[Tensor]) -> tuple[Named, ...]:
    return tuple(zip(names, tensors, strict=True))


def is_analytic(results: Sequence[Tensor]) -> bool:
    """Whether the formulas of all results hold for complex arguments.

    Ops without float operands or float results do not count: masks, indices, constants.
    The ops of bodies do.
    """
    nodes = every_node(topological([t.node for t in results]))
    return all(n.op.analytic or not _is_smooth(n) for n in nodes)


def _is_smooth(node: Node) -> bool:
    """Whether a node has float operands and float results."""
    kinds = [types_of(i) for i in node.inputs]
    comes = any(t.dtype.is_float for types in kinds for t in types)
    return comes and any(t.dtype.is_float for t in types_of(node))


def model_program(model: Model, wrt: Sequence[Tensor]) -> Program:
    """Return a model as a program: outputs for inference, the rest for training."""
    names = output_names(model)
    outputs = resolve_mode(list(model.outputs), "infer")
    loss = [] if model.loss is None else [model.loss]
    trained = resolve_mode(
        [*loss, *model.metrics.values(), *model.updates.values()], "train"
    )
    results = trained[: len(loss)]
    metrics = trained[len(loss) : len(loss) + len(model.metrics)]
    updates = trained[len(loss) + len(model.metrics) :]
    return Program(
        name=model.name,
        is_model=True,
        params=tuple(model.params.values()),
        states=tuple(model.states.values()),
        inputs=model.inputs,
        targets=model.targets,
        randoms=model.randoms,
        outputs=_named(names, outputs),
        results=_named(["loss"], results) if results else (),
        metrics=_named(list(model.metrics), metrics),
        updates=_named([str(t.name) for t in model.updates], updates),
        seeds=tuple(input_like("d_loss", t) for t in results),
        wrt=tuple(wrt) if results else (),
        gradients=(),
        analytic=not model.randoms and is_analytic(results),
    )


def function_program(function: Function, wrt: Sequence[Tensor]) -> Program:
    """Return a function as a program: its float outputs are what is differentiated."""
    names = output_names(function)
    outputs = resolve_mode(list(function.outputs), "infer")
    named = _named(names, outputs)
    smooth = [(n, t) for n, t in named if t.dtype.is_float]
    return Program(
        name=function.name,
        is_model=False,
        params=(),
        states=(),
        inputs=function.inputs,
        targets=(),
        randoms=function.randoms,
        outputs=named,
        results=named,
        metrics=(),
        updates=(),
        seeds=tuple(input_like(f"d_{n}", t) for n, t in smooth),
        wrt=tuple(wrt) if smooth else (),
        gradients=(),
        analytic=not function.randoms and is_analytic([t for _, t in smooth]),
    )
