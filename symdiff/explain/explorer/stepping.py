"""The loops of a page: what is inside, and the numbers of each step.

In: a loop or branch from inside, perhaps its replay. Out: dicts for JSON. Invariant: of
a loop with many steps those that add most are kept, and the first and the last; what
the others add is one sum, so that all that is listed adds up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symdiff.explain.derivation import BodySide, Entry, Opened
from symdiff.explain.explorer.numbers import Shelf
from symdiff.explain.formulas import Formula
from symdiff.explain.mathml import mathml
from symdiff.explain.replay import Replay
from symdiff.explain.stepwise import by_size
from symdiff.explain.symbols import symbol
from symdiff.explain.within import recursion, starts
from symdiff.graph.loops import LoopSpec

ARRAYS = 2_000  # of all steps of a loop together, at most
LEFT_OUT = ("bins", "zeros")  # of the description of an array of a step


def formula_data(f: Formula) -> dict[str, str]:
    """Return a formula as text and as MathML."""
    return {"t": f.text, "m": mathml(f.tex)}


def loop_data(opened: Opened, replay: Replay | None, shelf: Shelf) -> dict[str, Any]:
    """Return what the page shows inside of a loop or branch."""
    found: dict[str, Any] = {
        "index": opened.index,
        "starts": [_stated(s.name, s.formula, s.words) for s in starts(opened)],
    }
    kept: list[int] = []
    if replay is not None and replay.turns:
        kept = _kept(replay)
        found |= {"kept": kept, "count": len(replay.turns), "most": by_size(replay)[0]}
    sides = []
    for side in opened.sides:
        told: dict[str, Any] = {"title": side.title or opened.steps}
        turns = [replay.turns[t] for t in kept] if replay is not None else []
        mine = bool(turns) and turns[0].side is side
        if turns and not opened.index:
            told["taken"] = mine
        told["entries"] = [
            {
                **_entry(e),
                **(_numbers(e, replay, kept, shelf) if replay and mine else {}),
            }
            for e in side.derivation.entries
            if not e.role
        ]
        told["back"] = list(_back(opened, side))
        sides.append(told)
    return {**found, "sides": sides}


def _kept(replay: Replay) -> list[int]:
    """Return the steps whose values are kept: all, or those that add most."""
    entries = len(replay.turns[replay.steps[0]].side.derivation.entries)
    room = max(ARRAYS // (2 * max(entries, 1)), 3)
    ends = [replay.steps[0], replay.steps[-1]]
    most = [t for t in by_size(replay) if t not in ends]
    return sorted({*ends, *most[: room - 2]})


def _stated(name: str, formula: Formula, words: str) -> dict[str, Any]:
    return {"m": mathml(symbol(name).tex), "f": formula_data(formula), "w": words}


def _back(opened: Opened, side: BodySide) -> Iterator[dict[str, Any]]:
    for line in recursion(opened, side.derivation):
        yield _stated(line.name, line.formula, line.words)


def _entry(e: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"n": e.name, "m": mathml(symbol(e.name).tex), "t": e.type}
    if e.formula is not None:
        found["f"] = formula_data(e.formula)
    if e.statement is not None:
        found |= {"at": e.statement.location, "text": e.statement.text}
    if e.cotangent is not None:
        found["cm"] = mathml(symbol(e.cotangent).tex)
        found["recv"] = [
            {"u": s.user, "f": formula_data(s.formula)} for s in e.received
        ]
        if e.given:
            found["given"] = e.given
    return found


def _numbers(e: Entry, replay: Replay, kept: list[int], shelf: Shelf) -> dict[str, Any]:
    """Return the values of a value, and of its cotangent, at the steps kept."""
    turns = [replay.turns[t] for t in kept]
    found = {"v": [_put(shelf, t.forward.get(e.name)) for t in turns]}
    if e.cotangent is not None:
        found["g"] = [_put(shelf, t.cotangents.get(e.cotangent)) for t in turns]
    return found


def _put(shelf: Shelf, value: Any) -> dict[str, Any] | None:
    found = shelf.put(value)
    return found and {k: v for k, v in found.items() if k not in LEFT_OUT}


def added(replay: Replay, place: int, shelf: Shelf) -> dict[str, Any] | None:
    """Return what each step adds to an operand's cotangent, and what the others do.

    There is nothing for the start of a carry, for a sequence and for a branch.
    """
    opened = replay.opened
    if not opened.index or place not in LoopSpec.of(opened.tensor.node.attrs).consts:
        return None
    kept = _kept(replay) if replay.turns else []
    parts = {t: replay.turns[t].handed(place) for t in replay.steps}
    if not kept or any(v is None for v in parts.values()):
        return None
    found: dict[str, Any] = {
        "at": kept,
        "index": opened.index,
        "v": [_put(shelf, parts[t]) for t in kept],
    }
    others = [np.asarray(parts[t], float) for t in parts if t not in kept]
    if others:
        found |= {"rest": _put(shelf, sum(others)), "others": len(others)}
    return found
