"""What the commands share: errors as paragraphs, arguments, compiling a spec.

In: click's commands. Out: the same, with `--traceback` and one clear paragraph where
something is wrong. Invariant: importing this loads neither NumPy nor SymPy.
"""

from __future__ import annotations

import functools
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from symdiff.declare.spec import Spec
    from symdiff.emit.package import Compiled


# --- errors and warnings -------------------------------------------------------------


def reported(*given: Callable[..., None], code: int = 1) -> Any:
    """Give a command `--traceback`, and turn its errors into one paragraph.

    ``code`` is the exit code of errors, for commands whose 1 is an answer.
    """
    if not given:
        return functools.partial(reported, code=code)
    (command,) = given

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
                fail(f"error: {error}", traceback, code)
            except OSError as error:  # a full disk, say, that nobody foresaw
                where = f"{error.filename}: " if error.filename else ""
                fail(f"error: {where}{error.strerror or error}", traceback, code)
            except Exception as error:
                fail(
                    f"error: {type(error).__name__}: {error}\nThis is a fault of "
                    "symdiff, not of your files: please report it, with what "
                    "--traceback shows.",
                    traceback,
                    code,
                )

    return wrapper


def fail(paragraph: str, traceback: bool, code: int = 1) -> None:
    """Say what is wrong, and leave."""
    if traceback:
        from traceback import print_exc

        print_exc()
    click.echo(local(paragraph), err=True)
    raise click.exceptions.Exit(code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    click.echo(local(f"warning: {filename}:{lineno}: {message}"), err=True)


def local(text: str) -> str:
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


# --- compiling a spec ----------------------------------------------------------------


def compiled_spec(spec: Spec, level: int, **options: Any) -> tuple[Compiled, float]:
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
    options["wrt"] = spec.chosen(options.get("wrt"))
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
