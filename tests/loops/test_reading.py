"""The gradients of loops read as a person would write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

import pytest
from loop_checks import built
from loop_models import MODELS
from loop_programs import BY_ID
from true_names import false_names

import symdiff as sd

# Programs whose statements cannot be kept together, and why.
APART = {
    "runge_kutta": "a function of the user's is called four times",
    "while_in_while": "a loop runs once more, and then in reverse",
    "two_whiles": "a loop runs once more, and then in reverse",
    "gradient_of_inner_loop": "a loop runs there and back, and that in reverse",
}
FOR = re.compile(r" *(for|while) ")
ROW = re.compile(r" +(\w+) = [\w.]+\[t(?:_\d+)?\]$")  # a name for a row
TOTAL = re.compile(r" +(\w+) (?:\+=|= \1 \+) ([a-z]\w*)$")  # a named part is added
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


def code_of(rows: list[str]) -> str:
    """Return rows without their comments."""
    return "\n".join(row.split("  # ")[0] for row in rows if not re.match(r" *#", row))


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


def joined(rows: list[str]) -> list[str]:
    """Return statements, those of several rows in one."""
    found = [""]
    for row in rows:
        found[-1] += row
        if found[-1].count("(") <= found[-1].count(")"):
            found.append("")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_row_gets_a_name_where_it_is_read_often(name: str) -> None:
    """`x[t]` stands where it is read once or twice, if that leaves the line whole."""
    for rows in loops_in(backward_of(name)):
        if not any(FOR.match(row) for row in rows):  # an inner loop reads it each time
            for row in takewhile(bool, map(ROW.match, rows)):
                reads = re.findall(rf"\b{row[1]}\b", code_of(rows))
                long = any(len(r) > 70 and row[1] in r for r in joined(rows))
                assert len(reads) > 3 or long, row[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_total_is_added_to_in_the_line_that_computes(name: str) -> None:
    """`d_W += x.T @ d_a`, not a name for the product and a line that adds it."""
    for rows in loops_in(backward_of(name)):
        for total in filter(None, map(TOTAL.match, rows)):
            reads = re.findall(rf"\b{total[2]}\b", code_of(rows))
            made_here = re.search(
                rf"^ +{total[1]} = (?!{total[1]} )", code_of(rows), re.M
            )
            assert made_here or len(reads) != 2, total[0]


@pytest.mark.parametrize("name", MODELS)
def test_a_residual_is_written_few_times(name: str) -> None:
    """In Residuals, where it is made, stored, handed over and read: no more lists."""
    text = backward_of(name)
    (fields,) = re.findall(r"class Residuals\(NamedTuple\):\n(.*?)\n\n\n", text, re.S)
    for field in re.findall(r"^    (\w+): ", fields, re.M):
        if field.endswith("_steps"):
            count = len(re.findall(rf"\b{field}\b", code_of(text.splitlines())))
            assert count <= 6, (field, count)


def test_many_residuals_are_read_from_the_tuple() -> None:
    """A list that is too long for a line is `r`; a short one is unpacked in a line."""
    backward = backward_of("kalman").split("def backward")[1]
    assert "    r = residuals\n" in backward
    assert "r.S_steps[t" in backward
    backward = backward_of("crf").split("def backward")[1]
    assert re.search(r"^    x, .* = residuals$", backward, re.M)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_added_to_a_total_stands_under_its_statement(name: str) -> None:
    """`d_C += ...` is under a statement of the user that reads C."""
    for rows in loops_in(backward_of(name)):
        quoted = ""
        for row in rows:
            quoted = row if HEADING.match(row) else quoted
            total = re.match(r" +d_(\w+) [+-]= ", row)
            if total and "return" not in quoted:
                assert re.search(rf"\b{total[1]}\b", quoted), (quoted, row)


def test_a_carry_goes_on_in_its_variable() -> None:
    """Where what came from the next step ends in this step's sum, it has one name."""
    A, B = sd.param("A", (3, 3)), sd.param("B", (3, 3))
    rows = sd.input("rows", (sd.dim("T"), 3))

    def step(P: sd.Tensor, row: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
        P = A @ P
        seen = sd.sum(sd.sin(P @ row))
        return P - B @ P, seen

    P, seen = sd.scan(step, sd.eye(3), rows)
    made = sd.compile(sd.Model("m", [rows], outputs=P, loss=sd.sum(seen) + sd.sum(P)))
    backward = made["backward"].split("def backward")[1]
    assert "d_P = d_P - B.T @ d_P + " in backward
    assert "d_A += d_P @ " in backward
    assert "d_B -= d_P @ " in backward
    assert "d_P = A.T @ d_P" in backward
    assert "d_P_t" not in backward
    assert false_names(made) == []


@pytest.mark.parametrize("case", ["last", "first", "named"])
def test_a_row_of_a_named_stack_says_which_it_is(case: str) -> None:
    x, U = sd.input("x", (sd.dim("T"), 3)), sd.param("U", (3, 3))

    def step(h: sd.Tensor, row: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
        h = sd.tanh(row + h @ U)
        return h, h

    end, h = sd.scan(step, sd.zeros(3), x, reverse=case == "first")
    seen = h[0] if case == "first" else h[-1]
    total = end if case == "named" else 0
    loss = sd.sum((seen @ U) ** 2) + sd.sum(total)
    made = sd.compile(sd.Model("m", [x], outputs=seen, loss=loss))
    backward = made["backward"].split("def backward")[1]
    name = "end" if case == "named" else f"h_{case}"
    assert f"d_{name} = " in backward
    assert re.search(rf"\b{name}[,\[]", backward)
    assert false_names(made) == []
