"""The numbers of a loop, step by step, as a report shows them.

In: a replay of a loop. Out: the step whose values are shown, and rows of what each step
adds, the largest first. Invariant: what is not listed is added up in the last row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from symdiff.explain.derivation import Opened
from symdiff.explain.indices import apart_from
from symdiff.explain.parts import Section, StepRow
from symdiff.explain.ranges import Range
from symdiff.explain.replay import Replay
from symdiff.explain.values import Values, shown
from symdiff.graph.errors import ArgumentError

LISTED = 6  # steps that are listed, at most


class Shown(NamedTuple):
    """The step of a loop whose values are shown, with words that say which it is."""

    replay: Replay
    step: int
    words: str
    values: Values


def require_step(values: Values | None, step: int) -> None:
    """Raise `ArgumentError` for a step that no loop whose numbers are shown has."""
    if values is None:
        raise ArgumentError(
            "a step is one whose values are shown: give values too, random ones or "
            "those of a file."
        )
    loops = [r for r in values.steps.values() if r is not None and r.opened.index]
    most = max((len(r.turns) for r in loops), default=0)
    if step >= most:
        there = f"the last step is {most - 1}" if most else "none has numbers of steps"
        raise ArgumentError(f"no loop has a step {step}: {there}.")


def at_step(replay: Replay, step: int | None) -> Shown | None:
    """Return a step of a loop, by default the one that adds most."""
    if not replay.turns:
        return None
    asked = step if step in replay.turns else None
    t = asked if asked is not None else by_size(replay)[0]
    turn, opened = replay.turns[t], replay.opened
    why = "" if asked is not None else ", the step that adds most to the gradients"
    words = f"Values at {opened.index} = {t} of 0 to {len(replay.turns) - 1}{why}."
    values = Values("", turn.forward, turn.cotangents, turn.shares)
    return Shown(replay, t, words, values)


def by_size(replay: Replay) -> list[int]:
    """Return the steps, those with the largest contributions first.

    They are taken relative to the sum of all steps, and added up.
    """
    if not replay.opened.index:
        return replay.steps
    found = dict.fromkeys(replay.steps, 0.0)
    for name in _added(replay.opened) or [c.back for c in replay.opened.carries]:
        norms = {t: _norm(replay.turns[t].cotangents.get(name)) for t in found}
        total = sum(n for n in norms.values() if np.isfinite(n)) or 1.0
        for t, norm in norms.items():
            found[t] += norm / total if np.isfinite(norm) else np.inf
    return sorted(found, key=lambda t: (-found[t], t))


def _added(opened: Opened) -> list[str]:
    """Return the cotangents that are added up over the steps."""
    (side,) = opened.sides
    apart = {c.before for c in opened.carries} | {r.name for r in opened.rows}
    gradients = side.derivation.gradients
    return [g.cotangent for g in gradients if g.name not in apart]


def _norm(value: Any) -> float:
    return 0.0 if value is None else float(Range(np.asarray(value, float)).norm)


def tables(replay: Replay) -> Iterator[Section]:
    """Yield what each step adds to each total, and what it hands to the step before."""
    opened = replay.opened
    (side,) = opened.sides
    for gradient in side.derivation.gradients:
        parts = dict(zip(replay.steps, replay.back(gradient.cotangent), strict=True))
        if any(v is None for v in parts.values()) or len(parts) < 2:
            continue
        if gradient.cotangent in _added(opened):
            whole = apart_from(gradient.cotangent)[0]
            title = f"What each step adds to {whole}, largest first"
            rows = _largest(opened.index, parts)
        elif gradient.name in {c.before for c in opened.carries}:
            title = f"{gradient.cotangent}, step by step"
            rows = _ends(opened, parts)
        else:
            continue
        yield Section("steps", title, tuple(rows))


def _largest(index: str, parts: Mapping[int, Any]) -> Iterator[StepRow]:
    norms = {t: _norm(v) for t, v in parts.items()}
    order = sorted(parts, key=lambda t: (-norms[t], t))
    for t in order[:LISTED]:
        yield _row(f"{index} = {t}", parts[t], norms[t])
    if rest := order[LISTED:]:
        total = sum(np.asarray(parts[t], float) for t in rest)
        yield _row(f"{len(rest)} smaller, together", total, _norm(total))


def _ends(opened: Opened, parts: Mapping[int, Any]) -> Iterator[StepRow]:
    """Yield the last step, the largest and the first, in the order of the way back."""
    norms = {t: _norm(v) for t, v in parts.items()}
    most = max(parts, key=lambda t: (norms[t], t))
    order: Sequence[int] = sorted({min(parts), most, max(parts)}, reverse=True)
    for t in order[::-1] if opened.reverse else order:
        largest = ", the largest" if t == most else ""
        yield _row(f"{opened.index} = {t}{largest}", parts[t], norms[t])


def _row(label: str, value: Any, norm: float) -> StepRow:
    array = np.asarray(value)
    told = f"norm {norm:.4g}: " if array.ndim else ""
    return StepRow(label, f"{told}{shown(value)}")
