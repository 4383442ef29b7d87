"""The explorer of a model or function: spec, graph and generated code, linked.

In: a `Model` or `Function`. Out: an `Explorer`, which is one HTML file. Invariant: the
code that is shown is what `compile` writes, byte for byte.
"""

from __future__ import annotations

from typing import Any

from symdiff.compiler.compilation import Compilation
from symdiff.compiler.compile import collecting_later, compile_
from symdiff.declare.model import Function, Model
from symdiff.explain.derivation import Derivation
from symdiff.explain.explanation import (
    derivation_of,
    folder_of,
    require_gradients,
    values_at,
)
from symdiff.explain.explorer.data import data
from symdiff.explain.explorer.linked import Linked, linked
from symdiff.explain.explorer.owners import Owners
from symdiff.explain.explorer.page import Explorer
from symdiff.explain.explorer.sources import sources
from symdiff.explain.values import Values
from symdiff.graph.provenance import at_site
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.plan.program import Program


@collecting_later()
def explored(
    declared: Model | Function,
    wrt: Any = None,
    values: Any = None,
    seed: int = 0,
    base: str | None = None,
    main: str | None = None,
    optimize: int = 2,
) -> Explorer:
    """Return the explorer of a model or function.

    Parameters
    ----------
    wrt : what to differentiate by, as for ``compile``
    values : "random", the path of an ``.npz`` file, or a mapping of arrays by name;
        parameters that it leaves out are drawn
    main : the path of the file that is shown first
    optimize : the level of the code, as for ``compile``

    Raises `DerivativeError` if there is nothing to differentiate, or values do not fit.
    """
    folder = folder_of(declared) if base is None else base
    derivation = derivation_of(declared, wrt, base)
    if values is not None:
        require_gradients(declared, derivation)
    with at_site(declared.site):
        compiled = compile_(
            declared, optimize=optimize, wrt=wrt, base=folder, inline=True
        )
        forms = _followed(compiled, derivation)
    found: Values | None = None
    if values is not None:
        found = values_at(derivation, compiled, values, seed)
    program = compiled.stages["lower"].unit.program
    modules = _linked(compiled, Owners(derivation, program, forms))
    frames = declared.site.frames
    first = frames[0][0].co_filename if main is None and frames else main
    shown = sources(derivation, folder, first)
    file = shown.files[0].name if shown.files else declared.name
    label = f"{file}  -O{optimize}"
    told = data(derivation, shown, found)
    return Explorer(declared.name, label, told, shown, modules)


Forms = list[dict[int, Tensor]]


def _followed(compiled: Compilation, derivation: Derivation) -> Forms:
    """Return the values' tensors after each pass, in training and in prediction."""
    entries = enumerate(derivation.entries)
    kept = [(i, e) for i, e in entries if not isinstance(e.tensor.type, TupleType)]
    programs = [p for p in compiled.stages.values() if isinstance(p, Program)]
    trained = [p.became.trained for p in programs]
    found: Forms = []
    for became in (*trained, *(p.became.predicted for p in programs)):
        forms = became([e.tensor for _, e in kept])
        found.append({i: t for (i, _), t in zip(kept, forms, strict=True)})
    return found


def _linked(compiled: Compilation, owners: Owners) -> dict[str, tuple[str, Linked]]:
    """Return the modules that people read, and the items that their lines belong to."""
    found: dict[str, tuple[str, Linked]] = {}
    for name in ("forward.py", "backward.py", "train.py"):
        if listing := compiled.listing.get(f"{compiled.name}/{name}"):
            found[name] = listing.text, linked(listing, owners)
    _complete(owners.derivation, [links for _, links in found.values()])
    return found


def _complete(derivation: Derivation, links: list[Linked]) -> None:
    """Link items without a line of their own to the lines that contain them.

    A cotangent that was simplified away is linked to the lines of the cotangents to
    which it contributes, and a value to those of its readers: as "G3" and "V3".
    """
    number = {e.name: i for i, e in enumerate(derivation.entries)}
    places: Places = {}
    for x in links:
        for line in x.statements:
            for item in x.lines[line]:
                places.setdefault(item, []).append((x, line))
    for i, entry in enumerate(derivation.entries):
        if entry.cotangent is not None and not entry.role:
            _lend(places, f"g{i}", [f"g{number[s.source]}" for s in entry.hands])
    for i, entry in reversed(list(enumerate(derivation.entries))):
        if not entry.role:
            _lend(places, f"v{i}", [f"v{number[r]}" for r in entry.readers])


Places = dict[str, list[tuple[Linked, int]]]


def _lend(places: Places, item: str, near: list[str]) -> None:
    if item not in places:
        found = {
            (id(x), line): (x, line) for n in near for x, line in places.get(n, ())
        }
        places[item] = list(found.values())
        for x, line in places[item]:
            x.add(line, [item.upper()])
