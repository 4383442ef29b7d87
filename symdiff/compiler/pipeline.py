"""The passes a model goes through, in order, and ``compile``.

In: a `Model` or `Function`. Out: `Compiled` files. Invariant: every pass is a pure
function of the program before it; `passes` is the whole list, and ``print_after`` shows
what any of them leaves behind.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from symdiff.compiler.checking import checked
from symdiff.declare.checks import warn
from symdiff.declare.model import Function, Model
from symdiff.declare.tracing import field_name
from symdiff.derive import stability
from symdiff.derive.reverse import check_wrt, reverse_sweep
from symdiff.emit.lower.source import Resolver, printable
from symdiff.emit.modules.assembly import Options
from symdiff.emit.modules.package import Compiled, function_files, model_files
from symdiff.graph.body import every_node
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TupleType
from symdiff.ops.control.mode import resolve_mode
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.elementwise.arithmetic import cast
from symdiff.ops.shape.views import zeros_like
from symdiff.plan.cost import types_of
from symdiff.plan.holding import held
from symdiff.plan.indices import check_indices
from symdiff.plan.program import Named, Program
from symdiff.rewrite.bodies import merge_loops, number_steps
from symdiff.rewrite.driver import Table, rewrite
from symdiff.rewrite.prune import prune_loops
from symdiff.rewrite.rules import bare_expansions, expansions, simplifications
from symdiff.rewrite.unstable import unstable

Pass = Callable[[Program], Program]
MODULES = ("forward", "backward", "train")


# --- declared -> program --------------------------------------------------------------


def seed(name: str, like: Tensor) -> Tensor:
    """Return the cotangent leaf of a result."""
    return apply(
        INPUT,
        name=name,
        shape=like.shape,
        dtype=like.dtype,
        low=None,
        high=None,
        sample=None,
    )


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

    What takes or gives no floats stays as it is: masks, indices, constants. The ops of
    bodies count as well.
    """
    nodes = every_node(topological([t.node for t in results]))
    return all(n.op.analytic or not _is_smooth(n) for n in nodes)


def _is_smooth(node: Node) -> bool:
    """Whether floats come in and go out of a node."""
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
        seeds=tuple(seed("d_loss", t) for t in results),
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
        seeds=tuple(seed(f"d_{n}", t) for n, t in smooth),
        wrt=tuple(wrt) if smooth else (),
        gradients=(),
        analytic=not function.randoms and is_analytic([t for _, t in smooth]),
    )


# --- passes ---------------------------------------------------------------------------


def stabilise(program: Program) -> Program:
    """Replace raw formulas that overflow or cancel by nodes that do not.

    Warns, at the user's line, of those for which no rewrite is provable.
    """
    roots = stability.stabilise(program.roots())
    for site, message in unstable(roots):
        warn(message, site)
    return program.with_roots(roots)


def differentiate(program: Program) -> Program:
    """Derive the cotangents of ``wrt`` from the results' seeds."""
    results = [t for _, t in program.results if t.dtype.is_float]
    found = reverse_sweep(results, program.seeds, program.wrt)
    gradients = [
        zeros_like(t) if g is None else cast(g, t.dtype)
        for g, t in zip(found, program.wrt, strict=True)
    ]
    return replace(program, gradients=tuple(gradients))


def _is_composite(program: Program) -> bool:
    """Whether a graph has ops that stand for others, or bodies that may hold some."""
    nodes = topological([t.node for t in program.roots()])
    several = (isinstance(n.type, TupleType) for n in nodes)
    return any(several) or any(n.op.expand is not None for n in nodes)


def _rewritten(program: Program, rules: Table) -> Program:
    """Rewrite what prediction returns apart from the rest.

    Nodes are shared all the same; apart, each keeps the statements that declared it.
    """
    roots, first = program.roots(), len(program.outputs)
    read = program.are_read()
    halves = [
        merge_loops(rewrite(part, rules, list(itertools.compress(part, counted))))
        for part, counted in (
            (roots[:first], read[:first]),
            (roots[first:], read[first:]),
        )
    ]
    return program.with_roots(number_steps([*halves[0], *halves[1]]))


def simplify(program: Program) -> Program:
    """Apply the exact rewrites."""
    return _rewritten(program, simplifications())


def expand(program: Program) -> Program:
    """Replace composite ops by the graphs they stand for, simplified."""
    return _rewritten(program, expansions()) if _is_composite(program) else program


def prune(program: Program) -> Program:
    """Take out of loops what no result of theirs needs."""
    roots, first = program.roots(), len(program.outputs)
    return program.with_roots(
        [*prune_loops(roots[:first]), *prune_loops(roots[first:])]
    )


def expand_only(program: Program) -> Program:
    """Replace composite ops by the graphs they stand for, and simplify nothing."""
    return _rewritten(program, bare_expansions()) if _is_composite(program) else program


def passes(level: int) -> dict[str, Pass]:
    """Return the passes of an optimisation level by name, in order."""
    if level == 0:
        bare = {"derive": differentiate, "expand": expand_only, "prune": prune}
        return {"indices": check_indices, **bare}
    return {
        "indices": check_indices,
        "stabilise": stabilise,
        "derive": differentiate,
        "rewrite": simplify,
        "expand": expand,
        "prune": prune,
    }


def _whole(program: Program, level: int) -> Program:
    """Return what a program is after the passes; it has nothing to derive."""
    for run in passes(level).values():
        program = run(program)
    return program


# --- compile --------------------------------------------------------------------------


def chosen(declared: Model | Function, wrt: Any) -> list[Tensor]:
    """Return the tensors to differentiate by: names, leaves, 'params' or 'inputs'."""
    smooth_inputs = [t for t in declared.inputs if t.dtype.is_float]
    groups = {"params": [*declared.params.values()], "inputs": smooth_inputs}
    by_name = {str(t.name): t for t in declared.inputs} | dict(declared.params)
    if wrt is None:
        return groups["params" if isinstance(declared, Model) else "inputs"]
    found: list[Tensor] = []
    alone: set[Node] = set()
    for w in wrt if isinstance(wrt, (list, tuple)) else [wrt]:
        if isinstance(w, str) and w in groups:
            found.extend(groups[w])
            continue
        leaf = w if isinstance(w, Tensor) else by_name.get(w)
        if leaf is None:
            raise DeclarationError(
                f"wrt={w!r} is no leaf of {declared.name!r}: {sorted(by_name)}."
            )
        if leaf.node in alone:
            raise DeclarationError(f"wrt names {leaf.name!r} twice; once is enough.")
        alone.add(leaf.node)
        found.append(leaf)
    known = {t.node for t in by_name.values()}
    for t in check_wrt(found):
        if t.node not in known:
            raise DeclarationError(f"wrt holds {t!r}, which is no input or parameter.")
    return list({t.node: t for t in found}.values())


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Keep Python's collector from walking a growing graph again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@public
@collecting_later()
def compile_(
    declared: Model | Function,
    target: str = "numpy",
    optimize: int = 2,
    wrt: Any = None,
    single_file: bool = False,
    only: Sequence[str] | None = None,
    base: str | None = None,
    print_after: Sequence[str] = (),
    show: Callable[[str], Any] = print,
    check: bool = False,
) -> Compiled:
    """Compile a model or function to standalone NumPy modules.

    Parameters
    ----------
    declared : Model or Function
        What to compile.
    target : str
        "numpy".
    optimize : int
        0 (a statement per node, with no stable forms: to be read), 1 (simplified), 2
        (also the planned training step).
    wrt : optional
        What to differentiate by: names, leaves, "params" (a model's default) or
        "inputs" (a function's). Steps leave a model's other parameters as they are.
    single_file : bool
        Write one module ``<name>.py`` with the same functions instead of a package.
    only : sequence of str, optional
        Which of "forward", "backward" and "train" to generate.
    base : str, optional
        Folder that quoted file names are relative to; by default that of the
        declaration.
    print_after : sequence of str
        Names of passes after which the program is shown.
    show : callable
        What shows it.
    check : bool
        Run the generated check of the gradients, and say in the headers that it passed.

    Returns
    -------
    Compiled
        The files, which can be written, loaded and explained.

    Raises
    ------
    DeclarationError
        For options that make no sense.
    DerivativeError
        Where the check fails.
    """
    if not isinstance(declared, (Model, Function)):
        raise DeclarationError(
            f"compile needs a Model or a Function, got {type(declared).__name__}."
        )
    level = _level(optimize, target)
    origin = (
        declared.site.frames[0][0].co_filename if declared.site.frames else "<unknown>"
    )
    folder = str(PurePath(origin).parent) if base is None else base
    variables = chosen(declared, wrt)
    modules = modules_of(declared, only, variables)
    if isinstance(declared, Model):
        program = model_program(declared, variables)
    else:
        program = function_program(declared, variables)
    program = held(program) if program.wrt else program
    for name, run in passes(level).items():
        program = run(program)
        if name in print_after:
            show(f"--- after {name} ---\n{program}")
    program = replace(program, holding=tuple(_whole(h, level) for h in program.holding))
    asked = wrt if isinstance(wrt, (list, tuple)) else [wrt] if wrt is not None else []
    shown = tuple(str(w.name) if isinstance(w, Tensor) else str(w) for w in asked)
    default = ("params",) if isinstance(declared, Model) else ("inputs",)
    picked = () if only is None else modules
    options = Options(level, shown or default, single_file, picked)
    where = (folder, printable(PurePath(origin).name), modules)
    if isinstance(declared, Model):
        made = model_files(declared, program, options, *where)
    else:
        made = function_files(declared, program, options, *where)
    source = (declared, wrt, base)
    compiled = Compiled(
        declared.name, made.files, single_file, source, _listed=made.listed
    )
    if not check:
        return compiled
    whole = not single_file and "backward" in modules
    package = compiled if whole else compile_(declared, target, level, wrt, base=base)
    return checked(compiled, package)


def _level(optimize: Any, target: str) -> int:
    if target != "numpy":
        raise DeclarationError(f"target {target!r} is unknown; use 'numpy'.")
    if isinstance(optimize, bool) or optimize not in (0, 1, 2):
        raise DeclarationError(f"optimize must be 0, 1 or 2, got {optimize!r}.")
    return int(optimize)


def modules_of(
    declared: Model | Function, only: Sequence[str] | None, variables: Sequence[Tensor]
) -> tuple[str, ...]:
    """Return the modules that are generated, all that there can be or those asked for.

    Raises `DeclarationError` for one that the declaration does not have.
    """
    trains = isinstance(declared, Model) and declared.loss is not None
    steps = trains and declared.optimizer is not None  # type: ignore[union-attr]
    leaves = {t.node for t in declared.params.values()}
    inputs = [t for t in variables if t.node not in leaves]  # no step changes them
    possible: tuple[str, ...] = MODULES if steps and not inputs else MODULES[:2]
    if isinstance(declared, Model) and not trains:
        possible = MODULES[:1]
    if only is None:
        return possible
    asked = [only] if isinstance(only, str) else list(only)
    for name in asked:
        if name not in MODULES:
            raise DeclarationError(f"only={name!r}: choose among {', '.join(MODULES)}.")
        if name not in possible:
            what = "an optimizer" if name == "train" and trains else "a loss"
            lacks = f"without {what}"
            if steps and inputs:
                lacks = f"for wrt={inputs[0].name!r}, an input"
            raise DeclarationError(
                f"only={name!r}: {declared.name!r} has no {name} {lacks}."
            )
    if "train" in asked and "backward" not in asked:
        asked.append("backward")
    return tuple(m for m in possible if m in asked)
