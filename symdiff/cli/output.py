"""Where a command puts its result: on the screen or in a file, never over the spec.

In: a text, and a path or None. Out: characters on standard output or in the file.
Invariant: a file that cannot be written is an `OutputError` that names it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def give(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file and say so."""
    if output is None:
        click.echo(text, nl=False)
        return
    written(output, text)
    click.echo(f"wrote {output}")


def written(output: Path, text: Any) -> None:
    """Write a file; raise `OutputError` where that fails, or it would be the spec."""
    from symdiff.graph.errors import OutputError

    spec = click.get_current_context().params.get("spec")
    if spec is not None and output.exists() and output.samefile(spec):
        raise OutputError(f"{output} is the spec itself; give another file.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}.") from error
