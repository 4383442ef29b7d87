"""`symdiff bench`: how long a model's generated functions take on this machine.

In: a spec and lengths of its dims. Out: a table. Invariant: nothing is written but to
the file that is asked for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symdiff.cli.common import (
    any_path,
    compiled_spec,
    level_option,
    reported,
    spec_argument,
)
from symdiff.cli.output import written

if TYPE_CHECKING:
    from symdiff.review.bench import Bench


@click.command("bench", short_help="Time a model's generated functions.")
@spec_argument
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=LENGTH",
    help="Length of a symbolic dim, as in N=256; 64 unless given.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="Of floats that are declared without a width.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=9, show_default=True, help="Turns."
)
@click.option("--json", "file", type=any_path, metavar="FILE", help="Write the times.")
@level_option
@reported
def bench_command(
    spec: Path,
    dims: tuple[str, ...],
    dtype: str,
    rounds: int,
    file: Path | None,
    level: int,
) -> None:
    """Compile the model that SPEC declares, and time its functions in turn.

    Arguments are random within what the spec declares. The planned training step is
    first compared with the readable one, within the bound that its file states.
    """
    from symdiff.declare.spec import load_spec
    from symdiff.review.bench import bench

    compiled = compiled_spec(load_spec(spec), level)[0]
    found = bench(compiled.load(), dict(map(_length, dims)), dtype, rounds)
    click.echo(_table(compiled.name, found))
    if file is not None:
        written(file, json.dumps(_record(compiled.name, found), indent=2) + "\n")


def _length(text: str) -> tuple[str, int]:
    name, _, length = text.partition("=")
    if not name.isidentifier() or not length.isdecimal():
        raise click.BadParameter(
            f"{text!r} is not NAME=LENGTH, such as N=256.", param_hint="'--dim'"
        )
    return name, int(length)


def _table(name: str, found: Bench) -> str:
    at = ", ".join([*(f"{d}={n}" for d, n in found.dims.items()), found.dtype])
    width = max(len(t.name) for t in found.timings)
    rounds = len(found.timings[0].seconds)
    lines = [f"{name} at {at}; microseconds a call over {rounds} rounds in turn"]
    lines.append(f"{'':{width}}  {'best':>10}  {'median':>10}")
    lines += [
        f"{t.name:{width}}  {t.best * 1e6:10.1f}  {t.median * 1e6:10.1f}"
        for t in found.timings
    ]
    return "\n".join(lines)


def _record(name: str, found: Bench) -> dict[str, Any]:
    times = {t.name: list(t.seconds) for t in found.timings}
    return {"model": name, "dims": found.dims, "dtype": found.dtype, "seconds": times}
