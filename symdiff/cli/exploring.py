"""`symdiff explore`: spec, graph and generated code in one page, each line linked.

In: a spec. Out: one HTML file that loads nothing. Invariant: the spec is executed,
nothing else is.
"""

from __future__ import annotations

from pathlib import Path

import click

from symdiff.cli.common import (
    any_path,
    path_or_word,
    reported,
    spec_argument,
    wrt_option,
)
from symdiff.cli.output import give


@click.command("explore", short_help="Make a page that links spec, graph and code.")
@spec_argument
@wrt_option
@click.option(
    "--values",
    type=path_or_word,
    metavar="FILE|random|none",
    default="random",
    show_default=True,
    help="Numbers: at the point of an .npz file of arrays by name, at random, or none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of random values.")
@click.option(
    "-o",
    "--output",
    type=any_path,
    help="FILE.html; by default NAME_explorer.html in the current folder.",
)
@reported
def explore_command(
    spec: Path,
    wrt: tuple[str, ...],
    values: str,
    seed: int,
    output: Path | None,
) -> None:
    """Make one HTML file in which SPEC, its graph and the generated code are linked.

    Point at a line, a name or a node, and everything that it came from and that is
    derived from it lights up. The file loads nothing and works from disk.
    """
    explore(spec, wrt, None if values == "none" else values, seed, output)


def explore(
    spec: Path,
    wrt: tuple[str, ...],
    values: str | None,
    seed: int,
    output: Path | None,
) -> None:
    """Write the explorer of a spec."""
    from symdiff.declare.spec import load_spec
    from symdiff.explain.explorer.exploration import explored
    from symdiff.graph.errors import OutputError

    if output is not None and output.suffix not in (".html", ".htm"):
        raise OutputError(f"{output} must end in .html: the explorer is one page.")
    declared = load_spec(spec)
    path = declared.path.absolute()
    made = explored(
        declared.model,
        wrt=declared.chosen(wrt),
        values=values,
        seed=seed,
        base=str(path.parent),
        main=str(path),
    )
    file = Path(f"{declared.model.name}_explorer.html") if output is None else output
    give(made.html(), file)
