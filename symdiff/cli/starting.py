"""`symdiff new` and `symdiff schema`: a spec to begin with, and help for editors.

In: a name. Out: files, and what to do with them next. Invariant: nothing is
overwritten by `new`.
"""

from __future__ import annotations

from pathlib import Path

import click

from symdiff.cli.common import any_path, reported
from symdiff.cli.output import give

TEMPLATES = ("mlp", "cnn", "lstm", "regression")


@click.command("new", short_help="Write a spec to begin with.")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    default="mlp",
    show_default=True,
    help="What the model is.",
)
@click.option("--toml", is_flag=True, help="In TOML, with data in files beside it.")
@click.option(
    "-o",
    "--output",
    type=any_path,
    default=".",
    help="Folder to write into; the current one by default.",
)
@reported
def new_command(name: str, template: str, toml: bool, output: Path) -> None:
    """Write NAME.py, or NAME.toml: a model that compiles, trains and verifies at once.

    Its data is made up and marked as such, for yours to take its place. No file is
    overwritten.
    """
    from symdiff.cli.scaffold import new
    from symdiff.review.files import command_line

    paths = new(name, template, toml, output)
    for path in paths:
        click.echo(f"wrote {path}")
    trained = command_line("symdiff", "train", paths[0])
    click.echo(f"next: {trained} && symdiff verify build/{name}")


@click.command("schema", short_help="Print the JSON Schema of specs in TOML.")
@click.option(
    "-o", "--output", type=any_path, help="File to write; printed by default."
)
@reported
def schema_command(output: Path | None) -> None:
    """Print the JSON Schema of specs in TOML, or write it to a file.

    An editor with Taplo (Even Better TOML in VS Code) completes and checks a spec whose
    first line is "#:schema FILE".
    """
    from symdiff.declare.toml.schema import schema_text

    give(schema_text(), output)
