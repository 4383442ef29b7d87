"""`symdiff exercise` and `symdiff grade`: a backward pass to write, and its grading.

In: a spec, and students' files. Out: a package with gaps; verdicts, told or as JSON.
Invariant: students' code runs in processes of its own, never in this one.
"""

from __future__ import annotations

from pathlib import Path

import click

from symdiff.cli.common import any_path, compiled_spec, reported, spec_argument

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

    compiled, _ = compiled_spec(load_spec(spec), level)
    files = exercise_files(compiled, hints)
    write_exercise(files, output, force)
    click.echo(f"to be written:  {output / compiled.name / 'backward.py'}")
    click.echo(f"checked by:     cd {output} && python -m {compiled.name} verify")
    click.echo(f"graded by:      symdiff grade {output / compiled.name} --spec {spec}")
