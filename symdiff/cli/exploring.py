"""`symdiff explore`: spec, graph and generated code in one page, each line linked.

In: a spec. Out: one HTML file that loads nothing, or with `--watch` a page that follows
the spec. Invariant: the spec is executed, nothing else is.
"""

from __future__ import annotations

from pathlib import Path

import click

from symdiff.cli.common import (
    any_path,
    level_option,
    path_or_word,
    reported,
    seed_of,
    seed_option,
    spec_argument,
    wrt_option,
)
from symdiff.cli.pages import Explored, explore


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
@seed_option
@click.option(
    "-o",
    "--output",
    type=any_path,
    help="FILE.html; by default NAME_explorer.html in the current folder.",
)
@level_option
@click.option(
    "--against",
    type=path_or_word,
    metavar="SPEC|-O0|-O1|-O2",
    help="Show beside it what another spec, or this one at another level, is compiled "
    "to: what was added, removed and changed since.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Write no file: serve the page on this machine alone, and make it anew "
    "whenever the spec or a file that it reads is saved.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="With --watch: where the page is served; by default a port that is free.",
)
@reported
def explore_command(
    spec: Path,
    wrt: tuple[str, ...],
    values: str,
    seed: int | None,
    output: Path | None,
    level: int,
    against: str | None,
    watch: bool,
    port: int | None,
) -> None:
    """Make one HTML file in which SPEC, its graph and the generated code are linked.

    Point at a line, a name or a node, and everything that it came from and that is
    derived from it lights up. The file loads nothing and works from disk.
    """
    point = None if values == "none" else values
    wanted = Explored(spec, wrt, point, seed_of(seed, point), level, against)
    if not watch:
        if port is not None:
            raise click.UsageError("--port is where --watch serves; give both.")
        explore(wanted, output)
        return
    if output is not None:
        raise click.UsageError("--watch serves and writes no file: leave -o out.")
    from symdiff.cli.watching import watch as follow

    follow(wanted, port)
