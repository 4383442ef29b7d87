"""Sections of backward come in the reverse order of the user's statements.

A section is the lines below one heading. Two neighbours stand in the order of the
source only where the second reads what the first computes, or writes what it reads.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from generated import differentiated
from lecturer.rows import ROWS
from loop_checks import built
from loop_models import MODELS
from loop_programs import BY_ID

import symdiff as sd
from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Line
from symdiff.emit.lower.reading import read_names
from symdiff.emit.lower.source import Resolver, primal_site
from symdiff.emit.python import code as py
from symdiff.graph.origin import FAN_OUT, Site
from symdiff.graph.tensor import Tensor
from symdiff.plan.ordering import RuleOf

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = ("digits_mlp", "vae", "gpt", "linear_regression")
LECTURES = {r.by_hand.stem: r for r in ROWS}
NAMES = [*LECTURES, *SPECS, *(f"loop_{n}" for n in MODELS)]
HERE = Path(__file__).parents[1]
RESOLVER = Resolver()


@dataclass
class Section:
    """Neighbouring lines of one statement of the user, in one body."""

    line: int
    writes: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)

    def reads_later(self, line: Line) -> bool:
        later = (x for x in self.lines if x.first > line.first)
        return any(read_names(x.stmt).keys() & {*line.targets} for x in later)

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.writes |= {*line.targets}
        self.reads |= {*read_names(line.stmt)}

    def must_follow(self, other: Section, totals: set[str]) -> bool:
        read = self.reads & other.writes
        changed = self.writes & (other.reads | other.writes)
        return bool((read | changed) - totals)


@functools.cache
def compiled(name: str) -> list[tuple[Compilation, Path]]:
    if name in LECTURES:
        row = LECTURES[name]
        return [(sd.compile(row.model(), optimize=1), row.spec)]
    if name in SPECS:
        path = EXAMPLES / f"{name}.py"
        return [(made, path) for made in differentiated(path, 1)]
    file = HERE / "loop_models.py"
    return [(sd.compile(MODELS[name.removeprefix("loop_")](), optimize=1), file)]


@functools.cache
def program(name: str) -> Compilation:
    b = built(BY_ID[name])
    return sd.compile(sd.Function("f", b.leaves, b.outputs), optimize=1)


def scopes(path: Path) -> dict[int, int]:
    """Return for each line of a spec the line of the function it is in."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(path.read_text())):  # outer ones first
        if isinstance(node, ast.FunctionDef):
            inside = range(node.lineno + 1, (node.end_lineno or 0) + 1)
            found.update(dict.fromkeys(inside, node.lineno))
    return found


def bodies(made: Compilation) -> Iterator[list[Line]]:
    """Yield the lines of the outermost level of backward, and of each of its loops."""
    lines = list(made.listed("backward").functions["backward"].lines)
    yield [x for x in lines if not x.depth]
    for at, x in enumerate(lines):
        if isinstance(x.stmt, py.For | py.While):
            rest = lines[at + 1 :]
            end = next((i for i, y in enumerate(rest) if y.depth <= x.depth), len(rest))
            yield [y for y in rest[:end] if y.depth == x.depth + 1]


def totals_of(lines: list[Line]) -> set[str]:
    """Return the names that lines only add to: their order is free."""
    adding = {n for x in lines if isinstance(x.stmt, py.AugAssign) for n in x.targets}
    plain = (x for x in lines if not isinstance(x.stmt, py.AugAssign))
    return adding - {n for x in plain for n in (*x.targets, *read_names(x.stmt))}


def sections(lines: list[Line], path: Path) -> list[Section]:
    found: list[Section] = []
    for x in lines:
        told = x.statement is not None and path.name.endswith(x.statement.file)
        line = x.statement.line if told and x.statement else 0
        if not found or found[-1].line != line:
            found.append(Section(line))
        found[-1].add(x)
    return [s for s in found if s.line]


def check_order(made: Compilation, path: Path) -> None:
    scope_of = scopes(path)
    for body in bodies(made):
        for a, b in pairwise(sections(body, path)):
            if scope_of.get(a.line) == scope_of.get(b.line):
                follows = b.must_follow(a, totals_of(body))
                assert a.line > b.line or follows, (a, b)


@pytest.mark.parametrize("name", NAMES)
def test_sections_are_in_reverse_order(name: str) -> None:
    for made, path in compiled(name):
        check_order(made, path)


@pytest.mark.parametrize("name", BY_ID)
def test_sections_of_loop_programs_are_in_reverse_order(name: str) -> None:
    check_order(program(name), HERE / "loop_programs.py")


@pytest.mark.parametrize("name", NAMES)
def test_a_sum_stands_under_a_statement_whose_share_it_adds(name: str) -> None:
    for made, _ in compiled(name):
        for x in made.listed("backward").functions["backward"].lines:
            total = x.tensors[0] if x.tensors else None
            if total is None or total.site.rule != FAN_OUT or x.statement is None:
                continue
            if total.node.op.infix in ("+", "-"):
                found = {RESOLVER.quoted(s.frames[0]).line for s in sites(total)}
                assert x.statement.line in found, (x.statement, found)


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_nothing_stands_where_its_statement_reads_it(name: str) -> None:
    """A function that is called twice has two sections for each of its statements."""
    for made, path in compiled(name):
        for lines in bodies(made):
            found = sections(lines, path)
            for at, section in enumerate(found):
                computed = {n for s in found[:at] for n in s.writes}
                for x in section.lines:
                    if x.is_compound or {*read_names(x.stmt)} & computed:
                        continue
                    readers = [s for s in found[at:] if s.reads_later(x)]
                    same = readers and readers[0].line == section.line
                    assert not same or readers[0] is section, x
                    computed |= {*x.targets}


def sites(total: Tensor) -> Iterator[Site]:
    """Yield the sites of the statements that added to a sum."""
    for t in total.parents:
        if t.site.rule == FAN_OUT and t.site.primal is total.site.primal:
            yield from sites(t)
        elif primal_site(t).frames:
            yield primal_site(t)


@pytest.mark.parametrize("name", NAMES)
def test_what_one_rule_makes_stands_together(name: str) -> None:
    """Both gradients of a product, then those of the next one.

    What stands between two lines of one rule is a gradient that is returned, or the
    second line reads it.
    """
    for made, path in compiled(name):
        returned = returned_names(made)
        for lines in bodies(made):
            for section in sections(lines, path):
                check_together(section, returned)


def returned_names(made: Compilation) -> set[str]:
    """Return the names that backward returns."""
    lines = made.listed("backward").functions["backward"].lines
    (last,) = [x for x in lines if isinstance(x.stmt, py.Return)]
    return {*read_names(last.stmt)}


def check_together(section: Section, returned: set[str]) -> None:
    made = [(x, x.tensors[0]) for x in section.lines if x.tensors]
    alone = [(x, t) for x, t in made if t.site.rule != FAN_OUT]  # a sum has several
    rule = RuleOf({t.node: t for _, t in alone})
    seen: dict[object, Line] = {}
    for x, t in alone:
        own = rule(t.node)
        if own is not None and own in seen:
            between = [y for y in section.lines if seen[own].first < y.first < x.first]
            written = {n for y in between for n in y.targets}
            free = written - returned and not written & {*read_names(x.stmt)}
            assert not free, (seen[own], x)
        seen[own] = x
