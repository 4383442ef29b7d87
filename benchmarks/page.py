"""docs/performance.md and its picture, from one run's JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import chart, table

DOCS = Path(__file__).parents[1] / "docs"
PICTURE = "images/performance.svg"

INTRO = """\
# Performance

<!-- made by `python -m benchmarks --write-docs RUN.json` -->

One training step of each workload: loss, gradients, update. "Best" is a NumPy step that
was tuned by hand with what a generator could emit, "plain" is NumPy as people write it.
Contenders start from the same parameters; their losses, gradients and five updates are
compared with symdiff's before any is timed. They take turns in one process, and a ratio
is taken within each round of turns. `NAME/symdiff` above 1 means: symdiff is faster.

`python -m benchmarks` (`pip install -e '.[bench]'`, from a checkout) measures anew.
"""

ALLOCATED = (
    "`allocated` is the most memory that is new at once during a step of a loop."
)

WRONG = """\
## When symdiff is the wrong choice

- **You have a GPU, or a model that needs one.** Generated code is NumPy: it runs on the
  CPU.
- **The model is being searched for.** PyTorch runs what you type; symdiff compiles
  first, which pays when one model is trained often, or runs elsewhere.
- **Nearly all of the time is in large products of matrices.** Everybody calls a BLAS
  there, and the best that NumPy can do is to be level.
- **Long chains of cheap functions over large arrays.** Every function is a pass over
  memory in NumPy, where a compiler to machine code fuses them.
"""


def write(run: dict[str, Any], docs: Path = DOCS) -> list[Path]:
    """Write the page and its picture; return their paths."""
    page, picture = docs / "performance.md", docs / PICTURE
    picture.parent.mkdir(exist_ok=True)
    page.write_text(text(run), encoding="utf-8")
    picture.write_text(chart.svg(run), encoding="utf-8")
    return [page, picture]


def text(run: dict[str, Any]) -> str:
    """Return the page."""
    workloads = [f"- **{row['name']}**: {row['title']}" for row in run["rows"]]
    notes = [
        textwrap.fill(f"{line[0].upper()}{line[1:]}.", 100, break_on_hyphens=False)
        for line in table.footnotes(run)
    ]
    parts = [
        INTRO,
        table.markdown(run),
        "\n".join(workloads),
        f"![Every contender's time over the hand-tuned step's]({PICTURE})",
        "\n\n".join(notes),
        ALLOCATED,
        WRONG.rstrip(),
        "\n".join(behind(run)),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def behind(run: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each row in which somebody else's library is faster."""
    timed, lines = table.clock(run), []
    for row in run["rows"]:
        faster = [
            f"{pair.split('/')[0]} {1 / ratio[timed]:.2f} times"
            for pair, ratio in row["ratios"].items()
            if pair.endswith("/symdiff")
            and pair.split("/")[0] not in ("plain", "readable")
            and ratio[timed] < 1
        ]
        if faster:
            lines.append(f"- {row['name']}: {', '.join(faster)}")
    if lines:
        yield "In this run somebody is faster than symdiff on these rows:"
        yield ""
        yield from lines
