"""`symdiff compile` and `symdiff train`.

In: a spec file and options. Out: generated files, weights, and lines that say where
they are. Invariant: a command imports what it needs when it runs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symdiff.cli.common import (
    any_path,
    compiled_spec,
    level_option,
    output_option,
    path_or_word,
    reported,
    spec_argument,
)

if TYPE_CHECKING:
    from symdiff.compiler.compilation import Compilation
    from symdiff.emit.listing import Listing

MODULES = ("forward", "backward", "train")
SHOWN = 60  # lines of backward.py, at most, that `train` prints


# --- compile -------------------------------------------------------------------------


@click.command("compile")
@spec_argument
@output_option
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(MODULES),
    help="Generate this module and what it needs; may be given several times.",
)
@click.option("--single-file", is_flag=True, help="Write one module, no package.")
@click.option(
    "--inline", is_flag=True, help="Write out blocks that repeat, not as functions."
)
@click.option(
    "--target",
    type=click.Choice(("numpy", "numba")),
    default="numpy",
    help="The library to write for; loops for numba are compiled.",
)
@click.option(
    "--planned",
    type=click.Choice(("fast", "exact")),
    default="fast",
    show_default=True,
    help="Planned step: fast, or with the very bits of the readable one.",
)
@level_option
@click.option(
    "--wrt",
    multiple=True,
    metavar="NAME",
    help="Differentiate by this input or parameter, by all 'params' or all 'inputs'.",
)
@click.option(
    "--print-after",
    multiple=True,
    metavar="PASS",
    help="Print what this pass leaves: derive, rewrite, schedule, memory, …",
)
@reported
def compile_command(
    spec: Path,
    output: Path,
    only: tuple[str, ...],
    single_file: bool,
    inline: bool,
    target: str,
    planned: str,
    level: int,
    wrt: tuple[str, ...],
    print_after: tuple[str, ...],
) -> None:
    """Compile the model that SPEC declares.

    SPEC is a Python file with an attribute `model`, an sd.Model or an sd.Function. It
    is executed, so compile only what you would run. Or it is a TOML file with a [model]
    or a [function], which is read and never executed.
    """
    from symdiff.declare.spec import load_spec

    declared = load_spec(spec)
    compiled, seconds = compiled_spec(
        declared,
        level,
        only=only or None,
        single_file=single_file,
        inline=inline,
        target=target,
        planned=planned,
        wrt=list(wrt) or None,
        print_after=print_after,
    )
    compiled.write(output)
    click.echo(f"{spec} compiled in {seconds:.2f} s:")
    for name, content in compiled.files.items():
        lines = f"{content.count(chr(10))} lines" if isinstance(content, str) else ""
        click.echo(f"  {output / name}  {lines}".rstrip())
    for note in compiled.notes:
        click.echo(f"note: {note}", err=True)
    _say_stale(compiled, output)
    if f"{compiled.name}/__main__.py" in compiled.files:
        _say_how_to_check(compiled.name, output)


def _say_how_to_check(name: str, output: Path) -> None:
    from symdiff.review.files import command_line

    click.echo(f"check its gradients: {command_line('cd', output)} && python -m {name}")


def _say_stale(compiled: Compilation, output: Path) -> None:
    """Name modules that an earlier compilation left, and this one did not write."""
    from symdiff.emit.modules.writing import MARK

    folder = output / compiled.name
    if compiled.single_file or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.py")):
        if f"{compiled.name}/{path.name}" in compiled.files:
            continue
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            if file.readline().startswith(MARK):
                said = (
                    f"note: {path} is left from an earlier compilation, and cannot be "
                    "imported beside this one; remove it."
                )
                click.echo(said, err=True)


# --- train ---------------------------------------------------------------------------


@click.command("train", short_help="Compile a model and train it on the spec's data().")
@spec_argument
@output_option
@click.option("--epochs", type=click.IntRange(min=0), help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Of weights and shuffling.")
@click.option(
    "--accumulate", type=click.IntRange(min=1), help="Parts to work a batch through in."
)
@click.option(
    "--data",
    multiple=True,
    type=path_or_word,
    metavar="FILE",
    help="Train on an .npz, a .csv, or [NAME=]FILE.npy for every argument.",
)
@click.option(
    "--validation-split", type=float, metavar="SHARE", help="Hold out rows, as in 0.1."
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    help="Stop after so many epochs without improvement; keep the best weights.",
)
@click.option("--monitor", metavar="NAME", help="What improves: val_loss unless given.")
@click.option("--mode", type=click.Choice(["min", "max"]), help="Which is better.")
@click.option(
    "--weights", type=any_path, metavar="FILE", help="Where to: .npz or .safetensors."
)
@click.option(
    "--checkpoint", type=any_path, metavar="FILE", help="Write it after every epoch."
)
@click.option(
    "--resume", is_flag=True, help="Go on from the checkpoint, if there is one."
)
@click.option("--history", type=any_path, metavar="FILE", help="Write a .csv or .json.")
@click.option("--plot", type=any_path, metavar="FILE", help="Draw the losses: .svg.")
@click.option(
    "--averaged", is_flag=True, help="Save the running averages that ema= keeps."
)
@click.option(
    "--debug-nans", is_flag=True, help="Name the first line that is not finite."
)
@level_option
@reported
def train_command(spec: Path, output: Path, level: int, **options: Any) -> None:
    """Compile the model that SPEC declares, and train it on what its data() returns.

    The generated package does the training, with NumPy alone. Options override the
    spec's `training`. Ctrl-C stops after a whole step and saves the weights, the best
    by validation where rows are held out for it.
    """
    from symdiff.declare.spec import load_spec
    from symdiff.training.beside import older_weights_named
    from symdiff.training.request import requested
    from symdiff.training.run import run

    declared = load_spec(spec)
    request = requested(declared, output, options)
    # --debug-nans follows a value from line to line, within one function
    inline = request.debug_nans
    compiled, seconds = compiled_spec(declared, level, inline=inline)
    package = compiled.write(output)
    click.echo(f"{spec} compiled to {package}/ in {seconds:.2f} s")
    _say_stale(compiled, output)
    with older_weights_named(request.weights):
        outcome = run(declared, request, compiled, package)

    click.echo(f"\nweights:   {outcome.weights}")
    click.echo(f"generated: {package}/")
    for name in compiled.files:
        click.echo(f"             {Path(name).name}")
    _say_how_to_check(compiled.name, output)
    if outcome.interrupted:
        raise click.exceptions.Exit(130)
    lines = lines_that_matter(compiled.listed("backward"))
    if lines.count("\n") < SHOWN:  # more would scroll the results away
        click.echo(f"\nThe lines of {package / 'backward.py'} that matter:\n")
        click.echo(lines)


def lines_that_matter(backward: Listing) -> str:
    """Return the body of ``backward``, from its first heading to its return."""
    region = backward.functions["backward"]
    first = next((row for row, _ in region.headings), region.first + 1)
    rows = backward.rows[first - 1 : region.last]
    return "\n".join(row.removeprefix("    ") for row in rows)
