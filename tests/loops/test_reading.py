"""The gradients of loops read as a person would write them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from loop_checks import built
from loop_models import MODELS
from loop_programs import BY_ID

import symdiff as sd

# Programs whose statements cannot be kept together, and why.
APART = {
    "runge_kutta": "a function of the user's is called four times",
    "while_in_while": "a loop runs once more, and then in reverse",
    "two_whiles": "a loop runs once more, and then in reverse",
}
HEADING = re.compile(r"( *)# .*\[(\S+:\d+)\]$")


def texts_of(name: str) -> dict[str, str]:
    """Return the files of a model, or of a program with its gradient."""
    if name in MODELS:
        return sd.compile(MODELS[name]()).files
    b = built(BY_ID[name])
    return sd.compile(sd.Function("f", b.leaves, b.outputs)).files


def backward_of(name: str) -> str:
    (text,) = [t for path, t in texts_of(name).items() if path.endswith("backward.py")]
    return text


def loops_in(text: str) -> Iterator[list[str]]:
    """Yield the rows of every loop, those of loops inside it too."""
    rows = text.splitlines()
    for at, row in enumerate(rows):
        if not re.match(r" *(for|while) ", row):
            continue
        depth = len(row) - len(row.lstrip())
        end = at + 1
        inside = " " * (depth + 4)
        while end < len(rows) and (not rows[end] or rows[end].startswith(inside)):
            end += 1
        yield rows[at + 1 : end]


NAMES = [*BY_ID, *MODELS]
TOGETHER = [n for n in NAMES if n.split(":")[-1].split("[")[0] not in APART]


@pytest.mark.parametrize("name", TOGETHER)
def test_a_statement_heads_its_lines_once(name: str) -> None:
    """The lines of one statement stand together, under one heading."""
    for rows in loops_in(backward_of(name)):
        found = [HEADING.match(row) for row in rows]
        depth = min((len(m[1]) for m in found if m), default=0)
        places = [m[2] for m in found if m and len(m[1]) == depth]
        assert len(places) == len(set(places)), "\n".join(rows)
