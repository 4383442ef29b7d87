"""`symdiff check`, `symdiff verify` and `symdiff diff`: generated code under review.

In: generated files and specs. Out: what is stale, edited, wrong or changed, and an exit
code that tells it to a script. Invariant: nothing is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from symdiff.cli.common import any_path, compiled_spec, level_option, local, reported

if TYPE_CHECKING:
    from symdiff.compiler.compilation import Compilation
    from symdiff.declare.spec import SpecFile
    from symdiff.emit.modules.headers import Header
    from symdiff.review.check import PackageReport
    from symdiff.review.diff import Side
    from symdiff.review.verify import Verdict


# --- check ---------------------------------------------------------------------------


@click.command(
    "check", short_help="Tell generated files that are stale or edited by hand."
)
@click.argument("paths", nargs=-1, type=any_path, metavar="[PATH]...")
@click.option(
    "--spec",
    type=any_path,
    help="The spec they were generated from, where it is not found by its name.",
)
@click.option("--diff", is_flag=True, help="Show the lines that differ.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
@reported(code=2)
def check_command(
    paths: tuple[Path, ...], spec: Path | None, diff: bool, quiet: bool
) -> None:
    """Compile again in memory, and compare with the generated files at each PATH.

    PATH is a generated file or a folder with some below it; the current folder by
    default. Specs are found by the name in the files' headers, around them and below
    the current folder; those in Python are executed.

    Exit code 0: every file is what its spec compiles to. 1: some are stale (the spec or
    symdiff has moved on) or were edited by hand; each is named, with the command that
    writes it anew. 2: it cannot be told, for want of a spec that compiles.
    """
    from symdiff.review.check import Checker, exit_code
    from symdiff.review.files import packages

    checker = Checker(_again, spec)
    reports = [checker.check(p) for p in packages(paths or (Path(),))]
    for report in reports:
        _say(report, diff, quiet)
    raise click.exceptions.Exit(exit_code(reports))


def _again(spec: SpecFile, header: Header, single: bool) -> Compilation:
    """Compile a spec with the options in a header."""
    level = 2 if header.level is None else header.level
    return compiled_spec(
        spec,
        level,
        only=header.only or None,
        single_file=single,
        inline=header.inline,
        **({"target": header.target} if header.target else {}),
        planned="exact" if header.exact else "fast",
        wrt=spec.beyond(header.wrt) or None,
    )[0]


def _say(report: PackageReport, diff: bool, quiet: bool) -> None:
    count = len(report.findings)
    if not report.wrong:
        if not quiet:
            files = "1 file is" if count == 1 else f"{count} files are"
            click.echo(f"{report.shown}: {files} what {report.spec} compiles to")
        return
    unknown = [f for f in report.wrong if f.state == "unknown"]
    for found in report.wrong:
        if found.state != "unknown":
            state = "" if found.reason.startswith(found.state) else f"{found.state}: "
            click.echo(local(f"{found.path}: {state}{found.reason}"))
        if diff and found.difference:
            click.echo("\n".join(f"    {line}" for line in found.difference))
    if unknown:
        click.echo(local(f"{report.shown}: cannot be checked: {unknown[0].reason}"))
    if report.command and len(report.wrong) > len(unknown):
        click.echo(f"    regenerate: {report.command}")
        left = [str(f.path) for f in report.wrong if f.state == "left over"]
        if left:
            click.echo(f"    and remove {', '.join(left)}")


# --- verify --------------------------------------------------------------------------


@click.command(
    "verify", short_help="Check generated gradients against measured slopes."
)
@click.argument("path", type=any_path)
@click.option(
    "--points",
    multiple=True,
    type=any_path,
    metavar="FILE",
    help=".npz with the arguments, by name, of a point to look at; may be repeated.",
)
@click.option(
    "--params", type=any_path, metavar="FILE", help=".npz with parameters, by name."
)
@click.option(
    "--random",
    "count",
    type=click.IntRange(min=0),
    show_default="3, or 1 for many gradients",
    help="Random points to look at.",
)
@click.option(
    "--directions",
    type=click.IntRange(min=1),
    show_default="3, or 1 for many gradients",
    help="Directions at each point, for arrays of more than 32 elements.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of what is drawn.")
@click.option(
    "--method",
    type=click.Choice(["auto", "complex", "differences"]),
    default="auto",
    show_default=True,
    help="Complex steps, where every operation allows them, or central differences.",
)
@reported(code=2)
def verify_command(
    path: Path,
    points: tuple[Path, ...],
    params: Path | None,
    count: int | None,
    directions: int | None,
    seed: int,
    method: str,
) -> None:
    """Check the gradients of the generated package or module at PATH, in float64.

    The code on disk is run; nothing is derived again. Small arrays are checked element
    by element, others along random directions. What else a package computes is compared
    with its _outputs.py, in which nothing is simplified.

    Exit code 0: gradients agree with measured slopes, and the rest with _outputs.py. 1:
    something does not. 2: it cannot be told, and why.
    """
    from symdiff.review.verify import verify

    verdict = verify(path, points, params, count, directions, seed, method)
    _say_verdict(verdict)
    raise click.exceptions.Exit(verdict.code)


def _say_verdict(verdict: Verdict) -> None:
    click.echo(f"{verdict.shown}: {verdict.method} in float64 at")
    click.echo(f"  {', '.join(verdict.points) or 'no point'}")
    width = max((len(w.name) for w in verdict.worst), default=0)
    shapes = max((len(str(list(w.shape))) for w in verdict.worst), default=0)
    for found in verdict.worst:
        shown = f"{found.name:{width}}  {list(found.shape)!s:{shapes}}"
        if not found.compared:
            click.echo(f"{shown}  not compared")
            continue
        line = f"{shown}  relative error {found.error:.1e}"
        if found.wrong:
            where = " ".join(p for p in (found.label, found.place) if p)
            pair = f"derived {found.derived:.9g}, measured {found.measured:.9g}"
            line += f"  WRONG at {where}: {pair}"
        click.echo(line)
    for note in verdict.notes:
        click.echo(f"note: {note}")
    for problem in verdict.problems:
        click.echo(f"not checkable: {problem}")
    errors = [w.error for w in verdict.worst if w.compared]
    if verdict.code == 1 and not any(w.wrong for w in verdict.worst):
        agree = "gradients agree, and " if errors else ""
        click.echo(f"{agree}the modules DISAGREE, as noted")
    elif verdict.code == 1:
        click.echo(f"gradients DISAGREE (tolerance {verdict.tolerance:g})")
    elif verdict.code == 2:
        click.echo("not everything could be checked")
    else:
        worst = f"{max(errors, default=0.0):.1e}"
        click.echo(f"gradients agree, worst {worst} (tolerance {verdict.tolerance:g})")


# --- diff ----------------------------------------------------------------------------


@click.command("diff", short_help="Tell what changed between two models or modules.")
@click.argument("old", type=any_path)
@click.argument("new", type=any_path)
@level_option
@reported(code=2)
def diff_command(old: Path, new: Path, level: int) -> None:
    """Tell which declared facts, nodes, rules, shapes, statements and costs differ.

    OLD and NEW are specs, generated modules, or folders of generated packages.
    Headings, hashes and places of lines count for nothing; whatever else differs in the
    generated files is told, or at least named. Specs are compiled, those in Python by
    executing them; nodes and settings of training can be compared between two specs
    alone.

    Exit code 0: nothing differs. 1: something does. 2: it cannot be told.
    """
    from symdiff.review.diff import compare

    given = click.get_current_context().get_parameter_source("level")
    if given is ParameterSource.COMMANDLINE and _is_made(old) and _is_made(new):
        raise click.UsageError(
            "-O is the level at which specs are compiled, and neither OLD nor NEW is "
            "a spec."
        )
    found = compare(_side(old, level), _side(new, level))
    click.echo(local(str(found)))
    raise click.exceptions.Exit(0 if found.same else 1)


def _is_made(path: Path) -> bool:
    """Whether a side is generated files."""
    from symdiff.review.files import is_generated

    return path.is_dir() or is_generated(path)


def _side(path: Path, level: int) -> Side:
    """Return a side to compare: generated files, or what a spec compiles to."""
    from symdiff.review.diff import SHOWN, Side, generated_side, ordered

    if _is_made(path):
        return generated_side(path)
    from symdiff.declare.spec import load_spec
    from symdiff.emit.modules.headers import read_header
    from symdiff.explain.explanation import derivation_of
    from symdiff.review.declared import declared_facts

    spec = load_spec(path)
    compiled = compiled_spec(spec, level)[0]
    names = [Path(f).stem for f in compiled.files if f.endswith(".py")]
    texts = {n: compiled[n] for n in ordered(names)}
    last = [n for n in texts if n in SHOWN][-1]
    base = str(path.absolute().parent)
    derivation = derivation_of(spec.model, spec.chosen(None), base)
    return Side(
        str(path), texts, read_header(texts[last]), derivation, declared_facts(spec)
    )
