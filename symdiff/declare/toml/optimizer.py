"""The optimiser that a TOML spec declares.

In: the table [optimizer]. Out: an `Optimizer`, as ``sd.optim`` makes it. Invariant: a
hyperparameter is a number, or a string that calls a schedule.
"""

from __future__ import annotations

import re
from typing import Any

from symdiff.declare.schedules import Schedule
from symdiff.declare.toml.evaluate import Evaluator
from symdiff.declare.toml.fields import OPTIMIZERS, optimizer_fields
from symdiff.declare.toml.functions import SCHEDULES, nearest
from symdiff.declare.toml.names import Scope, kind, sentence
from symdiff.declare.toml.parse import formula
from symdiff.declare.toml.read import Reader, kind_of
from symdiff.declare.toml.source import Statements
from symdiff.declare.toml.text import Document, Path_
from symdiff.graph.errors import SymdiffError
from symdiff.graph.provenance import at_site

_PATH: Path_ = ("optimizer",)


def read_optimizer(reader: Reader, statements: Statements) -> Any:
    """Return the optimiser of [optimizer], or None; raise `SpecError` for others."""
    document = reader.document
    given = document.values.get("optimizer")
    if given is None:
        return None
    which = given.get("kind")
    if not isinstance(which, str) or which.lower() not in OPTIMIZERS:
        what = "`kind` is missing here" if which is None else "there is no such kind"
        hint = nearest(str(which).lower(), OPTIMIZERS) if which is not None else ""
        raise document.at_value(
            (*_PATH, "kind"), f"{what}{hint}; kinds are {', '.join(OPTIMIZERS)}."
        )
    given["kind"] = which.lower()
    found = reader.table(_PATH, optimizer_fields(which.lower()))
    found.pop("kind")
    for key, value in found.items():
        if isinstance(value, str) and key != "frozen":
            found[key] = _schedule(document, (*_PATH, key), value)
    for key in ("groups", "max_norm", "frozen"):
        _check_patterns(document, (*_PATH, key), found.get(key))
    line = document.line(document.place((*_PATH, "kind")).key[0])
    site = statements.site(line, "", f"optimizer({which!r})")
    try:
        with at_site(site):
            return OPTIMIZERS[which.lower()](**found)
    except SymdiffError as error:
        message = sentence(error)
        keys = [k for k in found if re.search(rf"\b{re.escape(k)}\b", message)]
        path = (*_PATH, *keys[:1]) if keys else _PATH
        raise document.at_value(path, message) from error


def _check_patterns(document: Document, path: Path_, value: Any) -> None:
    """Raise `SpecError` for patterns that would take long, and for other tables."""
    if isinstance(value, str | list):
        value = dict.fromkeys([value] if isinstance(value, str) else value, 0)
    if not isinstance(value, dict):
        return
    for pattern, inner in value.items():
        here = (*path, pattern)
        if len(pattern) > 100 or pattern.count("*") > 4:
            raise document.at_key(here, "this pattern is too long.")
        numbers = inner.values() if isinstance(inner, dict) else [inner]
        if path[-1] == "groups" and not isinstance(inner, dict):
            raise document.at_value(here, "a table is needed here.")
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise document.at_value(
                    here, f"a number is needed, not {kind_of(number)}."
                )


def _schedule(document: Document, path: Path_, text: str) -> Schedule:
    made = formula(document, path, text)
    names = Scope(calls=SCHEDULES.get, callable_names=tuple(SCHEDULES))
    found = Evaluator(made, names).value()
    if not isinstance(found, Schedule):
        raise made.error(
            made.tree,
            f"a number or a schedule is needed, not {kind(found)}; schedules are "
            f"{', '.join(SCHEDULES)}.",
        )
    return found
