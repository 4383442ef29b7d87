"""Compare a training step with other systems: `python -m benchmarks`.

Each workload is checked first: every contender has the same loss, gradients and
parameters after five updates. Then they are timed in turn on one core with one thread.
`python -m benchmarks lines`, `compile`, `scaling`, `legibility`, `lessons` run files of
those names, with what follows as their arguments.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from pathlib import Path
from typing import Any

from benchmarks import threads

SCRIPTS = ("lines", "compile", "scaling", "legibility", "lessons")


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; return the exit status."""
    if arguments and arguments[0] in SCRIPTS:
        name = arguments[0]
        sys.argv = [f"benchmarks {name}", *arguments[1:]]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
        return 0
    options = parsed(arguments)
    if options.write_docs:
        return write_docs(options.write_docs)
    threads.pin(options.all_cores)
    return compare(options)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", default="", help='workloads or cases: W1,W4 or "W3 Adam"'
    )
    parser.add_argument("--quick", action="store_true", help="about a minute in all")
    parser.add_argument(
        "--all-cores", action="store_true", help="threads as each library likes"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the results")
    parser.add_argument(
        "--write-docs",
        type=Path,
        metavar="FROM",
        help="write docs/performance.md from an earlier run's JSON, and run nothing",
    )
    return parser.parse_args(arguments)


def compare(options: argparse.Namespace) -> int:
    """Run the workloads and write what was asked for."""
    from benchmarks import agree, chart, suite, table, workloads

    only = [word for word in options.only.split(",") if word.strip()]
    effort = suite.QUICK if options.quick else suite.FULL
    try:
        run: dict[str, Any] = suite.run(
            workloads.chosen(only), effort, options.all_cores, _progress
        )
    except (ValueError, agree.DisagreementError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(table.text(run))
    if options.json:
        text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
        options.json.write_text(text, encoding="utf-8")
    if options.svg:
        options.svg.write_text(chart.svg(run), encoding="utf-8")
    return 0


def write_docs(source: Path) -> int:
    """Write the page of the docs from a run that was kept."""
    from benchmarks import page, suite

    try:
        run = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        print(f"{source}: {problem}", file=sys.stderr)
        return 2
    if not isinstance(run, dict) or run.get("format") != suite.FORMAT:
        print(f"{source}: not a run of this version's --json", file=sys.stderr)
        return 2
    for path in page.write(run):
        print(f"wrote {path}")
    return 0


def _progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
