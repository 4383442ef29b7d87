"""The derivation of a model or function: the entry points of this room.

In: a `Model` or `Function`. Out: a `Derivation` or a `Report`. Invariant: the program
that is explained is the one that is compiled, before anything is simplified.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.compiler.compile import chosen, compile_
from symdiff.compiler.points import Points, arrays_of
from symdiff.compiler.programs import program_of
from symdiff.declare.model import Function, Model
from symdiff.explain.computed import computed
from symdiff.explain.costs import costs
from symdiff.explain.derivation import Derivation
from symdiff.explain.deriving import derive
from symdiff.explain.report import Report, report
from symdiff.explain.stepwise import require_step
from symdiff.explain.values import Values, evaluated
from symdiff.graph.errors import DerivativeError
from symdiff.graph.provenance import at_site


def derivation_of(
    declared: Model | Function, wrt: Any = None, base: str | None = None
) -> Derivation:
    """Return how the gradients of a model or function by ``wrt`` come about."""
    with at_site(declared.site):
        program = program_of(declared, chosen(declared, wrt))
        return derive(program, folder_of(declared) if base is None else base)


def forward_of(declared: Model | Function, base: str | None = None) -> Derivation:
    """Return the forward graph of a model or function, not differentiated."""
    with at_site(declared.site):
        program = program_of(declared, chosen(declared, None))
        folder = folder_of(declared) if base is None else base
        return derive(program, folder, backward=False)


def folder_of(declared: Model | Function) -> str:
    """Return the folder that a declaration's file names are relative to."""
    frames = declared.site.frames
    return str(PurePath(frames[0][0].co_filename).parent) if frames else ""


def explained(
    declared: Model | Function,
    wrt: Any = None,
    values: Any = None,
    cost: bool = False,
    lengths: Mapping[str, int] | None = None,
    seed: int = 0,
    base: str | None = None,
    step: int | None = None,
) -> Report:
    """Return the report on a model or function.

    Parameters
    ----------
    declared : Model or Function
        What to explain.
    wrt : optional
        What to differentiate by, as for ``compile``.
    values : optional
        "random", the path of an ``.npz`` file, or a mapping of arrays by name;
        parameters that it leaves out are drawn.
    cost : bool
        Whether to count operations and memory of each step.
    lengths : dict, optional
        Length of each dim that costs are shown at.
    seed : int
        Of random values.
    base : str, optional
        Folder that quoted file names are relative to.
    step : int, optional
        The step of loops whose values are shown; by default the one that adds most to
        the gradients.

    Raises
    ------
    DerivativeError
        Where there is nothing to differentiate, or values do not fit.
    ArgumentError
        For a step that no loop has.
    """
    derivation = derivation_of(declared, wrt, base)
    require_gradients(declared, derivation)
    with at_site(declared.site):
        compiled = compile_(declared, optimize=1, wrt=wrt, base=base, inline=True)
    names = ("forward", "backward")
    listings = [
        compiled.listed(n) for n in names if f"{declared.name}/{n}.py" in compiled.files
    ]
    found = None if values is None else values_at(derivation, compiled, values, seed)
    counted = costs(derivation, lengths) if cost else None
    if step is not None:
        require_step(found, step)
    return report(derivation, listings, found, counted, step)


def values_of(
    declared: Model | Function,
    derivation: Derivation,
    values: Any,
    wrt: Any = None,
    seed: int = 0,
    base: str | None = None,
) -> Values:
    """Return the values of a derivation at a point, as `explained` takes them."""
    require_gradients(declared, derivation)
    with at_site(declared.site):
        compiled = compile_(declared, optimize=1, wrt=wrt, base=base, inline=True)
    return values_at(derivation, compiled, values, seed)


def require_gradients(declared: Model | Function, derivation: Derivation) -> None:
    """Raise `DerivativeError` where there is nothing to differentiate."""
    if not derivation.gradients:
        raise DerivativeError(
            f"{declared.name!r} has no gradient to explain: it has no loss, or nothing "
            "that its results could be differentiated by."
        )


def _left_out(params: Iterable[str], arrays: Iterable[str], seed: int) -> str:
    """Return words for the parameters that are drawn, since no array is given."""
    given = {name.removeprefix("params/") for name in arrays}
    drawn = [name for name in params if name not in given]
    if not drawn:
        return ""
    which = ", ".join(drawn) if len(drawn) < 4 else f"{len(drawn)} parameters"
    return f"; {which} drawn at random, seed {seed}"


def values_at(
    derivation: Derivation, compiled: Compilation, values: Any, seed: int
) -> Values:
    """Return the values that a compilation computes at a point.

    The point is given, or drawn as the generated check draws it.
    """
    package = compiled.load()
    module = importlib.import_module(f"{package.__name__}.backward")
    check = importlib.import_module(f"{package.__name__}.__main__")
    points = Points(module, check)
    rng = np.random.default_rng(seed)
    if isinstance(values, str) and values == "random":
        point, source = points.drawn("", {}, rng), f"a random point, seed {seed}"
    else:
        label, source = "values", "the values given"
        if isinstance(values, Mapping):
            arrays = {str(k): np.asarray(a) for k, a in values.items()}
        else:
            label, source = str(Path(values)), PurePath(values).name
            arrays = arrays_of(Path(values))
        point = points.of(label, arrays, {}, rng)
        source += _left_out(points.params, arrays, seed)
    points.hold(point)
    unit = derivation.unit
    leaves = {unit.names.of(t): t for t in unit.program.leaves}
    known = {**point.arguments, **point.params}
    arrays = {n: known[str(t.name)] for n, t in leaves.items() if str(t.name) in known}
    return evaluated(derivation, computed(derivation, compiled), arrays, source)
