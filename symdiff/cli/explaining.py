"""`symdiff explain` and `symdiff graph`: how gradients come about, told and drawn.

In: a spec. Out: a report or a picture, printed or written to a file. Invariant: a spec
in Python is executed, nothing else is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdiff.cli.common import (
    any_path,
    path_or_word,
    reported,
    seed_of,
    seed_option,
    spec_argument,
    wrt_option,
)
from symdiff.cli.output import give
from symdiff.cli.pages import Explored, explore

if TYPE_CHECKING:
    from symdiff.explain.report import Report

FORMATS = {"text": "text", "md": "markdown", "latex": "latex", "html": "html"}
ENDINGS = {".txt": "text", ".md": "md", ".tex": "latex", ".html": "html"}


@click.command("explain", short_help="Tell how a model's gradients come about.")
@spec_argument
@wrt_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(FORMATS)),
    help="By default what the output's name ends with, else text.",
)
@click.option(
    "--values",
    type=path_or_word,
    metavar="FILE|random",
    help="Show numbers: at the point of an .npz file of arrays by name, or at random.",
)
@click.option("--cost", is_flag=True, help="Add operations and memory of each step.")
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=LENGTH",
    help="A length that costs are shown at; 32 by default.",
)
@click.option(
    "--step",
    type=click.IntRange(min=0),
    help="The step of loops whose values are shown; by default that which adds most.",
)
@seed_option
@click.option(
    "-o", "--output", type=any_path, help="File to write; printed by default."
)
@reported
def explain_command(
    spec: Path,
    wrt: tuple[str, ...],
    kind: str | None,
    values: str | None,
    cost: bool,
    dims: tuple[str, ...],
    step: int | None,
    seed: int | None,
    output: Path | None,
) -> None:
    """Tell, node by node, how the gradients of SPEC's model come about.

    For each node of the forward graph: your line, formula, shape, local derivative,
    rule, the cotangent's formula, where fan-out adds, and the generated lines; then
    each gradient as one formula. Loops are opened: the body's statements with the index
    of the step, and the recursion of the cotangents.
    """
    from symdiff.declare.spec import load_spec
    from symdiff.explain.explanation import explained

    lengths, drawn = _lengths(dims), seed_of(seed, values)
    form = kind or _form(output)
    declared = load_spec(spec)
    told: Report = explained(
        declared.model,
        wrt=declared.chosen(wrt),
        values=values,
        cost=cost or bool(lengths),
        lengths=lengths,
        seed=drawn,
        step=step,
        base=str(declared.path.absolute().parent),
    )
    if form == "text" and output is None and sys.stdout.isatty():
        from symdiff.explain.formats.terminal import coloured

        shown = coloured(told.tree)
        if shown is not None:
            click.echo(shown, nl=False)
            return
    give(getattr(told, FORMATS[form])(), output)


def _form(output: Path | None) -> str:
    """Return the format that a file's ending stands for."""
    ending = "" if output is None else output.suffix
    if ending and ending not in ENDINGS:
        raise click.BadParameter(
            f"{output} does not end with one of {', '.join(ENDINGS)}; rename it, or "
            "say what it is to be with --format.",
            param_hint="'--output'",
        )
    return ENDINGS.get(ending, "text")


def _lengths(dims: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in dims:
        name, _, length = text.partition("=")
        if not length.isdigit():
            raise click.BadParameter(
                f"{text!r} is not of the form N=64.", param_hint="'--dim'"
            )
        found[name] = int(length)
    return found


# --- graph ---------------------------------------------------------------------------

PICTURES = (".svg", ".mmd", ".dot", ".html")


@click.command("graph", short_help="Draw a model's graph.")
@spec_argument
@wrt_option
@click.option(
    "--values",
    type=path_or_word,
    metavar="FILE|random",
    help="Show numbers: at the point of an .npz file of arrays by name, or at random.",
)
@seed_option
@click.option(
    "--unfold",
    is_flag=True,
    help="Draw every node; by default scopes are folded where there are more than 60.",
)
@click.option(
    "-o",
    "--output",
    type=any_path,
    help="FILE.svg, FILE.mmd (Mermaid), FILE.dot, or FILE.html (the explorer); "
    "Mermaid is printed by default.",
)
@reported
def graph_command(
    spec: Path,
    wrt: tuple[str, ...],
    values: str | None,
    seed: int | None,
    unfold: bool,
    output: Path | None,
) -> None:
    """Draw the forward graph of SPEC's model: inputs above, the loss below.

    With --values, each node has its value in green, and below it the derivative of the
    loss by it in red. A graph of more than 60 nodes is folded, equal scopes into one
    box, and drawn in columns.
    """
    ending = ".mmd" if output is None else output.suffix
    if ending not in PICTURES:
        raise click.BadParameter(
            f"{output} must end with one of {', '.join(PICTURES)}.",
            param_hint="'--output'",
        )
    drawn = seed_of(seed, values)
    if ending == ".html":
        if unfold:
            raise click.UsageError(
                "--unfold is of pictures; a page unfolds at a click."
            )
        explore(Explored(spec, wrt, values, drawn), output)
        return
    from symdiff.declare.spec import load_spec
    from symdiff.explain.explanation import derivation_of, values_of
    from symdiff.explain.picture import dot, mermaid
    from symdiff.explain.svg import svg

    declared = load_spec(spec)
    base = str(declared.path.absolute().parent)
    by = declared.chosen(wrt)
    derivation = derivation_of(declared.model, by, base)
    found = None
    if values is not None:
        found = values_of(declared.model, derivation, values, by, drawn, base)
    draw = {".svg": svg, ".mmd": mermaid, ".dot": dot}[ending]
    give(draw(derivation, found, unfold), output)
