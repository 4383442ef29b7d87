"""The explorer of a spec, for the commands that make one.

In: what is to be explored. Out: the page, or a file with it. Invariant: importing this
loads neither NumPy nor SymPy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from symdiff.cli.output import give

if TYPE_CHECKING:
    from symdiff.explain.explorer.page import Explorer


@dataclass(frozen=True)
class Explored:
    """What is to be explored: a spec, by which variables, at which point."""

    spec: Path
    wrt: tuple[str, ...]
    values: str | None
    seed: int
    level: int = 2
    against: str | None = None  # another spec, or a level such as "-O0"


def explore(wanted: Explored, output: Path | None) -> None:
    """Write the explorer of a spec."""
    from symdiff.graph.errors import OutputError

    if output is not None and output.suffix not in (".html", ".htm"):
        raise OutputError(f"{output} must end in .html: the explorer is one page.")
    made = made_of(wanted)
    file = Path(f"{made.name}_explorer.html") if output is None else output
    give(made.html(), file)


def made_of(wanted: Explored) -> Explorer:
    """Return the explorer of a spec, beside what it is compared with."""
    found = _alone(wanted)
    if wanted.against is None:
        return found
    before = replace(wanted, against=None, values=None)
    if wanted.against in LEVELS:
        return found.against(_alone(replace(before, level=LEVELS[wanted.against])))
    return found.against(_alone(replace(before, spec=Path(wanted.against))))


LEVELS = {f"-O{level}": level for level in (0, 1, 2)}


def _alone(wanted: Explored) -> Explorer:
    from symdiff.declare.spec import load_spec
    from symdiff.explain.explorer.exploration import explored

    declared = load_spec(wanted.spec)
    path = declared.path.absolute()
    return explored(
        declared.model,
        wrt=declared.chosen(wanted.wrt),
        values=wanted.values,
        seed=wanted.seed,
        base=str(path.parent),
        main=str(path),
        optimize=wanted.level,
    )
