"""The command line; every command is a function in a module beside this one.

In: a spec file and options. Out: generated files, weights, reports, and lines that say
where they are. Invariant: what is wrong with the user's files is one paragraph on the
error output and a nonzero exit code (`--traceback` shows the rest), and `--help` loads
neither NumPy nor SymPy: a command imports what it needs when it runs.
"""

from __future__ import annotations

import io
import sys

import click

from symdiff._version import __version__
from symdiff.cli.benching import bench_command
from symdiff.cli.building import compile_command, train_command
from symdiff.cli.courses import exercise_command, grade_command
from symdiff.cli.explaining import explain_command, graph_command
from symdiff.cli.exploring import explore_command
from symdiff.cli.review import check_command, diff_command, verify_command
from symdiff.cli.starting import new_command, schema_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symdiff", message="%(prog)s %(version)s")
def main() -> None:
    """Compile symbolic models to plain, readable NumPy modules."""
    for stream in (sys.stdout, sys.stderr):  # quoted lines may hold any character
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


for command in (
    new_command,
    compile_command,
    train_command,
    explain_command,
    graph_command,
    explore_command,
    check_command,
    verify_command,
    diff_command,
    bench_command,
    exercise_command,
    grade_command,
    schema_command,
):
    main.add_command(command)
