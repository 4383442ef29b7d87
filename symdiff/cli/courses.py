"""`symdiff exercise` and `symdiff grade`: a backward pass to write, and its grading.

In: a spec, and students' files. Out: a package with gaps; verdicts, told or as JSON.
Invariant: students' code runs in processes of its own, never in this one.
"""

from __future__ import annotations

from pathlib import Path

import click

from symdiff.cli.common import (
    any_path,
    compiled_spec,
    local,
    reported,
    spec_argument,
)

# --- exercise -------------------------------------------------------------------------


@click.command("exercise", short_help="Write a package whose backward is left to do.")
@spec_argument
@click.option(
    "-o",
    "--output",
    default="exercise",
    show_default=True,
    type=any_path,
    help="Folder to write the package into.",
)
@click.option(
    "--hints",
    type=click.Choice(["none", "shapes", "rules"]),
    default="shapes",
    show_default=True,
    help="Keep nothing, the statements with names and shapes, or also the rules.",
)
@click.option(
    "-O",
    "level",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="0: a gap for every node; 1: for what is left when formulas are simplified.",
)
@click.option("--force", is_flag=True, help="Write over files that were changed.")
@reported
def exercise_command(
    spec: Path, output: Path, hints: str, level: int, force: bool
) -> None:
    """Write the package of SPEC's model with the body of `backward` left to write.

    Docstrings and the headings that quote the statements stay. The student checks it
    with `python -m NAME verify`, which needs NumPy alone, and you with `symdiff grade`.
    A file that was changed since it was written is never written over without --force.
    """
    from symdiff.declare.spec import load_spec
    from symdiff.grading.exercise import exercise_files, write_exercise
    from symdiff.review.files import command_line

    compiled, _ = compiled_spec(load_spec(spec), level, inline=True)
    files = exercise_files(compiled, hints)
    write_exercise(files, output, force)
    click.echo(f"to be written:  {output / compiled.name / 'backward.py'}")
    there = command_line("cd", output)
    graded = command_line("symdiff", "grade", output / compiled.name, "--spec", spec)
    click.echo(f"checked by:     {there} && python -m {compiled.name} verify")
    click.echo(f"graded by:      {graded}")


# --- grade ----------------------------------------------------------------------------


@click.command("grade", short_help="Compare students' backward with the derived one.")
@click.argument("files", nargs=-1, required=True, type=any_path, metavar="FILE...")
@click.option(
    "--spec", required=True, type=any_path, help="The model that they differentiate."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print everything as a JSON list."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.5),
    default=20.0,
    show_default=True,
    help="Time of computing for each file.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    metavar="MB",
    help="Memory for each file.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of what is drawn.")
@reported(code=2)
def grade_command(
    files: tuple[Path, ...],
    spec: Path,
    as_json: bool,
    seconds: float,
    memory: int,
    seed: int,
) -> None:
    """Compare the backward of each FILE with the one derived from the spec.

    FILE is a module that defines `backward`, or the folder of an exercise. It runs in a
    process of its own, held to time and memory: that guards against accidents, not
    against attacks, so grade strangers' files in a container.

    For each gradient: right or wrong; then the first wrong node, the student's line,
    what it should be, and the cause if playing that mistake on the derived gradient
    gives the student's numbers. Several files give a table.

    Exit code 0: all is right. 1: something is wrong. 2: something cannot be graded.
    """
    import json

    from symdiff.declare.spec import load_spec
    from symdiff.grading.grade import Grader
    from symdiff.grading.sandbox import Limits
    from symdiff.grading.verdict import table

    declared = load_spec(spec)
    compiled, _ = compiled_spec(declared, 1, inline=True)
    plain, _ = compiled_spec(declared, 0, inline=True)
    limits = Limits(seconds, memory)
    grader = Grader(declared.model, compiled, plain, str(spec), limits, seed)
    verdicts = [grader.grade(path) for path in files]
    if as_json:
        click.echo(json.dumps([v.dict() for v in verdicts], indent=2))
    elif len(verdicts) == 1:
        click.echo(local(verdicts[0].text()))
    else:
        click.echo(local(table(verdicts)))
    raise click.exceptions.Exit(max(v.code for v in verdicts))
