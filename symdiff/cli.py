"""The command line: `symdiff compile`, `symdiff train`.

In: a spec file and options. Out: generated files, weights, and lines that say where
they are. Invariant: what is wrong with the user's files is one paragraph on the error
output and exit code 1 (2 for wrong usage; `--traceback` shows the rest), and `--help`
loads neither NumPy nor SymPy: a command imports what it needs when it runs.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from symdiff._version import __version__

if TYPE_CHECKING:
    from symdiff.declare.spec import Spec
    from symdiff.emit.package import Compiled

MODULES = ("forward", "backward", "train")
SHOWN = 60  # lines of backward.py that `train` prints


# --- errors and warnings -------------------------------------------------------------


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--traceback`, and turn its errors into one paragraph."""

    @click.option("--traceback", is_flag=True, help="Show where an error was raised.")
    @functools.wraps(command)
    def wrapper(*args: Any, traceback: bool, **options: Any) -> None:
        from symdiff.graph.errors import SymdiffError

        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                command(*args, **options)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except BrokenPipeError:
                raise  # click ends quietly
            except SymdiffError as error:
                _fail(f"error: {error}", traceback)
            except Exception as error:
                _fail(
                    f"error: {type(error).__name__}: {error}\nThis is a fault of "
                    "symdiff, not of your files: please report it, with what "
                    "--traceback shows.",
                    traceback,
                )

    return wrapper


def _fail(paragraph: str, traceback: bool) -> None:
    if traceback:
        from traceback import print_exc

        print_exc()
    click.echo(_local(paragraph), err=True)
    raise click.exceptions.Exit(1)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    click.echo(_local(f"warning: {filename}:{lineno}: {message}"), err=True)


def _local(text: str) -> str:
    """Return the text with paths below the current folder made relative."""
    try:
        return text.replace(f"{Path.cwd()}{os.sep}", "")
    except OSError:  # the current folder is gone
        return text


# --- options -------------------------------------------------------------------------

# What cannot be read is told by whoever reads it, with the reason.
any_path = click.Path(readable=False, path_type=Path)
spec_argument = click.argument("spec", type=any_path)
output_option = click.option(
    "-o",
    "--output",
    default="build",
    show_default=True,
    type=any_path,
    help="Folder to write the generated package into.",
)
level_option = click.option(
    "-O",
    "level",
    type=click.IntRange(0, 2),
    default=2,
    show_default=True,
    help="0: a statement per node; 1: simplified; 2: also a memory-planned step.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symdiff", message="%(prog)s %(version)s")
def main() -> None:
    """Compile symbolic models to plain, readable NumPy modules."""
    for stream in (sys.stdout, sys.stderr):  # quoted lines may hold any character
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


# --- compile -------------------------------------------------------------------------


@main.command("compile")
@spec_argument
@output_option
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(MODULES),
    help="Generate this module and what it needs; may be given several times.",
)
@click.option("--single-file", is_flag=True, help="Write one module, no package.")
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
    help="Print the program after this pass: derive, rewrite or expand.",
)
@reported
def compile_command(
    spec: Path,
    output: Path,
    only: tuple[str, ...],
    single_file: bool,
    level: int,
    wrt: tuple[str, ...],
    print_after: tuple[str, ...],
) -> None:
    """Compile the model that SPEC declares.

    SPEC is a Python file with an attribute `model`, an sd.Model or an sd.Function. It
    is executed, so compile only what you would run.
    """
    from symdiff.declare.spec import load_spec

    declared = load_spec(spec)
    compiled, seconds = _compiled(
        declared,
        level,
        only=only or None,
        single_file=single_file,
        wrt=list(wrt) or None,
        print_after=print_after,
    )
    compiled.write(output)
    click.echo(f"{spec} compiled in {seconds:.2f} s:")
    for name, content in compiled.files.items():
        lines = f"{content.count(chr(10))} lines" if isinstance(content, str) else ""
        click.echo(f"  {output / name}  {lines}".rstrip())
    _say_stale(compiled, output)
    if f"{compiled.name}/__main__.py" in compiled.files:
        click.echo(
            f"check its gradients: cd {output} && python -m {compiled.name}",
        )


def _compiled(spec: Spec, level: int, **options: Any) -> tuple[Compiled, float]:
    """Return the compiled model, and how long that took."""
    from symdiff.graph.errors import SymdiffError
    from symdiff.graph.provenance import at_site, locate
    from symdiff.pipeline import compile_, passes

    known = list(passes(level))
    for name in options.get("print_after", ()):
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is no pass of -O{level}; they are {', '.join(known)}.",
                param_hint="'--print-after'",
            )
    start = time.perf_counter()
    base = str(spec.path.absolute().parent)
    site = spec.model.site
    try:
        # What compiling finds wrong belongs to the model's line, not to the console's.
        with at_site(site):
            compiled = compile_(
                spec.model, optimize=level, base=base, show=click.echo, **options
            )
    except SymdiffError as error:
        raise locate(error, site) from error.__cause__
    return compiled, time.perf_counter() - start


def _say_stale(compiled: Compiled, output: Path) -> None:
    """Name modules of an earlier compilation that this one did not write again."""
    from symdiff.emit.package import MARK

    folder = output / compiled.name
    if compiled.single_file or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.py")):
        if f"{compiled.name}/{path.name}" in compiled.files:
            continue
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            if file.readline().startswith(MARK):
                said = f"note: {path} is left from an earlier compilation."
                click.echo(said, err=True)


# --- train ---------------------------------------------------------------------------


@main.command("train", short_help="Compile a model and train it on the spec's data().")
@spec_argument
@output_option
@click.option("--epochs", type=click.IntRange(min=0), help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Of weights and shuffling.")
@level_option
@reported
def train_command(
    spec: Path,
    output: Path,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    level: int,
) -> None:
    """Compile the model that SPEC declares, and train it on what its data() returns.

    The generated package does the training, with NumPy alone. Options override the
    spec's `training`.
    """
    from dataclasses import replace

    from symdiff.declare.spec import load_spec
    from symdiff.training import prepare, run

    declared = load_spec(spec)
    asked = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    given: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    training = replace(declared.training, **given)
    prepare(declared, output)
    compiled, seconds = _compiled(declared, level)
    package = compiled.write(output)
    click.echo(f"{spec} compiled to {package}/ in {seconds:.2f} s")
    _say_stale(compiled, output)
    outcome = run(declared, training, package)

    click.echo(f"\nweights:   {outcome.weights}")
    click.echo(f"generated: {package}/")
    for name in compiled.files:
        click.echo(f"             {Path(name).name}")
    click.echo(f"check its gradients: cd {output} && python -m {compiled.name}")
    click.echo(f"\nThe lines of {package / 'backward.py'} that matter:\n")
    click.echo(lines_that_matter(compiled["backward"]))
    if outcome.interrupted:
        raise click.exceptions.Exit(130)


def lines_that_matter(backward: str) -> str:
    """Return the body of ``backward``, from its first heading to its return."""
    start = backward.index("def backward(")
    lines = backward[start:].split("\n\n\n", 1)[0].splitlines()
    headings = [i for i, line in enumerate(lines) if line.startswith("    # ")]
    body = [
        line.removeprefix("    ") for line in lines[headings[0] if headings else 1 :]
    ]
    if len(body) > SHOWN:
        body = [*body[:SHOWN], "", f"... and {len(body) - SHOWN} lines more"]
    return "\n".join(body)


if __name__ == "__main__":
    sys.exit(main())
