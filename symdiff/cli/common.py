"""What the commands share: errors as paragraphs, arguments, compiling a spec.

In: click's commands. Out: the same, with `--traceback` and one clear paragraph where
something is wrong. Invariant: importing this loads neither NumPy nor SymPy.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from symdiff.compiler.compilation import Compilation
    from symdiff.declare.spec import SpecFile


# --- errors and warnings -------------------------------------------------------------


def reported(*given: Callable[..., None], code: int = 1) -> Any:
    """Give a command `--traceback`, and turn its errors into one paragraph.

    ``code`` is the exit code for errors, for commands where 1 is an answer.
    """
    if not given:
        return functools.partial(reported, code=code)
    (command,) = given

    @click.option("--traceback", is_flag=True, help="Show where an error was raised.")
    @functools.wraps(command)
    def wrapper(*args: Any, traceback: bool, **options: Any) -> None:
        from symdiff.graph.errors import SymdiffError

        if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be any bytes
            sys.stdout.reconfigure(errors="backslashreplace")
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                command(*args, **options)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except BrokenPipeError:
                raise  # click exits without a message
            except SymdiffError as error:
                fail(f"error: {error}", traceback, code)
            except OSError as error:  # not caught elsewhere, such as a full disk
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
    """Print an error, and exit."""
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
    """Return the text with paths below the current folder made relative.

    Control characters, as in the name of a file, are escaped.
    """
    with suppress(OSError):  # the current folder may be gone
        text = text.replace(f"{Path.cwd()}{os.sep}", "")
    return "".join(
        ascii(c)[1:-1] if _controls(c) and c not in "\n\t" else c for c in text
    )


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


class _AnyPath(click.Path):
    """A path, which need not exist, be readable, or be UTF-8."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        refuse_control(str(value))
        return super().convert(value, param, ctx)


def refuse_control(path: str) -> None:
    """Raise where a path has characters that would move a terminal's cursor."""
    if any(map(_controls, path)):
        raise click.BadParameter(
            f"{path!a} holds a control character, with which messages could not "
            "name it; rename the file."
        )


# --- options -------------------------------------------------------------------------

# Click does not check that paths are readable: the code that reads them says why not.
any_path = _AnyPath(readable=False, path_type=Path)
path_or_word = _AnyPath(readable=False)
wrt_option = click.option(
    "--wrt",
    multiple=True,
    metavar="NAME",
    help="Differentiate by this input or parameter, by all 'params' or all 'inputs'.",
)
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


seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Of random values; 0 unless given.",
)


def seed_of(seed: int | None, values: str | None) -> int:
    """Return the seed of what is drawn; one without values to draw is an error."""
    if seed is not None and values is None:
        raise click.UsageError("--seed is that of random values; give --values too.")
    return seed or 0


# --- compiling a spec ----------------------------------------------------------------


def compiled_spec(
    spec: SpecFile, level: int, **options: Any
) -> tuple[Compilation, float]:
    """Return the compiled model, and how long that took."""
    from symdiff.compiler.compile import compile_
    from symdiff.compiler.passes import pass_names
    from symdiff.graph.errors import SymdiffError
    from symdiff.graph.provenance import at_site, locate

    known = pass_names(level)
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
        # Errors of compiling name the model's line, not that of the console script.
        with at_site(site):
            compiled = compile_(
                spec.model, optimize=level, base=base, show=click.echo, **options
            )
    except SymdiffError as error:
        raise locate(error, site) from error.__cause__
    return compiled, time.perf_counter() - start
