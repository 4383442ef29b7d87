"""``compile``: from a declaration to files, by way of every pass.

In: a `Model` or `Function`, and options. Out: a `Compilation`. Invariant: the same
declaration and options give the same bytes, whatever was compiled before.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from symdiff.compiler.checking import checked
from symdiff.compiler.compilation import Compilation
from symdiff.compiler.passes import hold, passes
from symdiff.compiler.programs import program_of, with_plain
from symdiff.declare.model import Function, Model
from symdiff.derive.reverse import check_wrt
from symdiff.emit.lower.source import printable
from symdiff.emit.modules.assembly import Options, how_checked
from symdiff.emit.modules.package import package_files
from symdiff.emit.targets.known import TARGETS
from symdiff.graph.cells import name_of
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.provenance import public
from symdiff.graph.tensor import Tensor
from symdiff.plan.program import Program

MODULES = ("forward", "backward", "train")


def chosen(declared: Model | Function, wrt: Any) -> list[Tensor]:
    """Return the variables that ``wrt`` names: by names, leaves, 'params', 'inputs'."""
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
                f"wrt={w!r} is no input or parameter of {declared.name!r}, which are "
                f"{sorted(by_name)}; targets are data."
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
    """Pause Python's garbage collector, which would walk a growing graph repeatedly."""
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
    inline: bool = False,
    planned: str = "fast",
) -> Compilation:
    """Compile a model or function to standalone NumPy modules.

    Parameters
    ----------
    declared : Model or Function
        What to compile.
    target : str
        "numpy", or "numba", whose loops are functions that Numba compiles.
    optimize : int
        0 (a statement per node, with no stable forms: to be read), 1 (simplified), 2
        (also the planned training step).
    wrt : optional
        The variables of differentiation: names, leaves, "params" (a model's default) or
        "inputs" (a function's). Steps leave a model's other parameters as they are;
        with an input among the variables there is no train.py.
    single_file : bool
        Write one module ``<name>.py`` with the same functions instead of a package.
    only : sequence of str, optional
        Which of "forward", "backward" and "train" to generate.
    base : str, optional
        Folder that quoted file names are relative to, by default the declaration's.
    print_after : sequence of str
        Names of passes after which the program is shown.
    show : callable
        Called with the text of the program to show it.
    check : bool
        Run the generated check of the gradients, and say in the headers that it passed.
    inline : bool
        Write scopes that repeat (``block0``, ``block1``, …) out one after the other. By
        default they are one function, which is called for each.
    planned : str
        "fast": the planned training step may sum in another order than the readable
        one, and differs from it by rounding, within a bound that its file states.
        "exact": it computes the readable step's bits.

    Returns
    -------
    Compilation
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
    exact = _is_exact(planned)
    origin = (
        declared.site.frames[0][0].co_filename if declared.site.frames else "<unknown>"
    )
    folder = str(PurePath(origin).parent) if base is None else base
    variables = chosen(declared, wrt)
    modules = modules_of(declared, only, variables)
    if not variables and isinstance(declared, Model) and modules != MODULES[:1]:
        raise DeclarationError(
            f"wrt={wrt!r} names nothing to differentiate by; name parameters or inputs "
            "of floats, or ask for prediction alone, only='forward'."
        )
    # nothing is differentiated for prediction alone
    derived = variables if set(modules) - {"forward"} else []
    value: Any = _with_checks(declared, derived, modules)
    stages: dict[str, Any] = {"declared": value}
    list_of = passes(
        *(declared, level, modules, folder),
        apart=not single_file,
        blocks=not inline,
        target=TARGETS[target],
        exact=exact,
    )
    for name, run in list_of.items():
        value = stages[name] = run(value)
        if name in print_after:
            show(f"--- after {name} ---\n{value}")
    asked = wrt if isinstance(wrt, (list, tuple)) else [wrt] if wrt is not None else []
    shown = tuple(str(w.name) if isinstance(w, Tensor) else str(w) for w in asked)
    default = ("params",) if isinstance(declared, Model) else ("inputs",)
    picked = () if only is None else modules
    options = Options(
        level, shown or default, single_file, picked, inline, target, exact
    )
    source = printable(name_of(origin))
    notes = () if only is not None else _left_out(declared, variables)
    made = package_files(value, options, source, modules, notes)
    compiled = Compilation(
        *(declared.name, made.files, single_file, stages, (declared, wrt, base)),
        notes=notes,
        _listed=made.listed,
    )
    if not check:
        return compiled
    whole = not single_file and "backward" in modules
    package = (
        compiled
        if whole
        else compile_(declared, target, level, wrt, base=base, inline=inline)
    )
    return checked(compiled, package, how_checked(value.unit.program, passed=True))


def _with_checks(
    declared: Model | Function, variables: Sequence[Tensor], modules: Sequence[str]
) -> Program:
    """Return the declared program with the programs that the package's check needs."""
    program = program_of(declared, variables, trains="train" in modules)
    return hold(with_plain(program))


def _level(optimize: Any, target: str) -> int:
    if target not in TARGETS:
        known = ", ".join(map(repr, TARGETS))
        raise DeclarationError(f"target {target!r} is unknown; use {known}.")
    if isinstance(optimize, bool) or optimize not in (0, 1, 2):
        raise DeclarationError(f"optimize must be 0, 1 or 2, got {optimize!r}.")
    return int(optimize)


def _is_exact(planned: Any) -> bool:
    if planned not in ("fast", "exact"):
        raise DeclarationError(f"planned must be 'fast' or 'exact', got {planned!r}.")
    return bool(planned == "exact")


def _untrained(declared: Model | Function, variables: Sequence[Tensor]) -> list[Tensor]:
    """Return the variables that no training step changes: the inputs."""
    leaves = {t.node for t in declared.params.values()}
    return [t for t in variables if t.node not in leaves]


def _left_out(
    declared: Model | Function, variables: Sequence[Tensor]
) -> tuple[str, ...]:
    """Return why there is no train.py although there is an optimiser, if so."""
    if not isinstance(declared, Model) or None in (declared.loss, declared.optimizer):
        return ()
    names = [str(t.name) for t in _untrained(declared, variables)]
    if not names:
        return ()
    kind = "an input" if len(names) == 1 else "inputs"
    why = f"wrt has {', '.join(names)}, {kind}, and a training step changes parameters"
    return (f"no train.py: {why} alone",)


def modules_of(
    declared: Model | Function, only: Sequence[str] | None, variables: Sequence[Tensor]
) -> tuple[str, ...]:
    """Return the modules to generate: those asked for, or all that are possible.

    Raises `DeclarationError` for one that the declaration does not have.
    """
    trains = isinstance(declared, Model) and declared.loss is not None
    steps = trains and declared.optimizer is not None  # type: ignore[union-attr]
    inputs = _untrained(declared, variables)
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
