"""docs/conformance.md: which check of the suites covers which public function.

In: the sample table and the table of public functions. Out: the page's text. Invariant:
a tick means that a suite, named at the head of its column, runs over every sample of
the function that the column applies to; what a suite leaves out is left out here by the
same predicate. Nothing is measured, so the text depends on the tables alone.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from conformance_words import (
    CONDITIONS,
    CONSTANTS,
    ELSEWHERE,
    GAPS,
    INTRODUCTION,
    OUTSIDE,
    REFUSALS,
    REFUSED,
    SECTIONS,
)
from sample_checks import Problem, complex_slope, direction, leading, problem
from samples import SAMPLES, Sample

from symdiff.graph.node import topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import API
from symdiff.ops.elementwise.arithmetic import CONVENTIONS
from symdiff.plan.outform import out_form
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions

# --- which functions a sample shows -----------------------------------------------


@contextmanager
def recording(found: list[Any]) -> Iterator[None]:
    """Note the public functions that are called from outside of any other."""
    depth = 0
    original = dict(API)

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            if not depth:
                found.append(function)
            depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                depth -= 1

        return call

    API.update({name: watched(function) for name, function in original.items()})
    try:
        yield
    finally:
        API.update(original)


@dataclass(frozen=True)
class Row:
    """A function, its other names, and the samples that call it."""

    names: tuple[str, ...]
    section: str
    samples: tuple[Sample, ...]


def names_of() -> dict[Any, list[str]]:
    """Return the public functions with their names, as declared."""
    found: dict[Any, list[str]] = {}
    for name, function in API.items():
        found.setdefault(function, []).append(name)
    return found


def section_of(function: Any) -> str:
    """Return the heading that a function stands under."""
    module = inspect.unwrap(function).__module__.removeprefix("symdiff.ops.")
    return next((s for s, modules in SECTIONS.items() if module in modules), "Others")


def shown_by(sample: Sample, named: set[Any]) -> set[Any]:
    """Return the public functions that a sample is about.

    Of an expression: the function its label names, else those it calls that no other
    sample names.
    """
    if isinstance(sample.fn, str):
        return {API[sample.fn]}
    label = sample.label or getattr(sample.fn, "__name__", "")
    (word,) = re.findall(r"^\w*", label)
    if sample.label.startswith("x.at"):
        word = "at"
    for name in (word, f"linalg.{word}"):
        if name in API:
            return {API[name]}
    found: list[Any] = []
    with recording(found):
        problem(sample)
    return set(found) - named


def rows() -> list[Row]:
    """Return every public function that is not refused, with its samples."""
    samples: dict[Any, list[Sample]] = {f: [] for f in API.values()}
    named = {API[s.fn] for s in SAMPLES if isinstance(s.fn, str)}
    for sample in SAMPLES:
        for function in shown_by(sample, named):
            samples[function].append(sample)
    return [
        Row(tuple(names), section_of(f), tuple(samples[f]))
        for f, names in names_of().items()
        if not (f.__doc__ or "").startswith(REFUSED)
    ]


def refused() -> dict[str, list[str]]:
    """Return the functions that raise an error, by what their docstring says."""
    found: dict[str, list[str]] = {}
    for name, function in API.items():
        line = (function.__doc__ or "").partition("\n")[0]
        if line.startswith(REFUSED):
            found.setdefault(line.rstrip("."), []).append(name)
    return found


# --- columns ----------------------------------------------------------------------


def _smooth(p: Problem) -> bool:
    return p.sample.differentiable and bool(p.varied and p.smooth_outputs)


def _is_long(p: Problem) -> bool:
    shapes = [np.shape(a) for a in p.values if not isinstance(a, (int, float))]
    return any(n > 1 for shape in shapes for n in shape)


def _complex(p: Problem) -> bool:
    return complex_slope(p, direction(p, np.random.default_rng(0))) is not None


def _fills(p: Problem) -> bool:
    """Whether all arrays of the emitted value can be written into given memory."""
    emitted = rewrite(p.outputs, expansions())
    for node in topological([t.node for t in emitted]):
        given = node.op.leaf or node.op.view or node.op.name in ("constant", "item")
        if given or isinstance(node.type, TupleType) or not node.shape:
            continue
        if out_form(node) is None:
            return False
    return True


@dataclass(frozen=True)
class Column:
    """A check: which samples it makes sense for, and which of them it runs over."""

    head: str
    held_by: str
    applies: Callable[[Problem], bool]
    covers: Callable[[Problem], bool]


def _always(p: Problem) -> bool:
    return True


_ORDERS = "ops/test_derivatives.py"
_SECOND = "Hessian of ⟨g, f⟩: {}, against each other and slopes of the gradient; "
COLUMNS = [
    Column("value", "against NumPy or SciPy; `ops/test_values.py`", _always, _always),
    Column(
        "rev",
        f"vjp, by ⟨g, jvp(t)⟩ = ⟨vjp(g), t⟩; `{_ORDERS}`",
        _smooth,
        _always,
    ),
    Column(
        "fwd",
        f"jvp, by differences of the reference (not of the graph); `{_ORDERS}`",
        _smooth,
        _always,
    ),
    Column(
        "rev∘rev",
        _SECOND.format("reverse over reverse") + f"`{_ORDERS}`",
        _smooth,
        lambda p: p.sample.second,
    ),
    Column(
        "fwd∘rev",
        _SECOND.format("forward over reverse, and forward over forward")
        + f"`{_ORDERS}`",
        _smooth,
        lambda p: p.sample.second,
    ),
    Column(
        "3rd",
        "reverse³, forward∘forward∘reverse and slopes of the Hessian product; "
        f"`{_ORDERS}`, slow",
        _smooth,
        lambda p: p.sample.second,
    ),
    Column(
        "float32",
        "float32 in, float32 out and in between; `ops/test_values.py`",
        lambda p: bool(p.varied),
        _always,
    ),
    Column(
        "N",
        "a leading length that is a symbol, at run time L, 1 and 0; "
        "`ops/test_values.py`, `emit/test_text_suite.py`",
        _is_long,
        lambda p: leading(p.sample) is not None,
    ),
    Column(
        "O0",
        "text, a statement per node, forward and backward; `emit/test_text_suite.py`",
        _always,
        _always,
    ),
    Column("O1", "text, simplified; as O0", _always, _always),
    Column(
        "out=",
        "every array of the value can be written into memory that is there; "
        "`plan/test_outform.py`",
        lambda p: any(o.shape for o in p.outputs),
        _fills,
    ),
    Column(
        "complex",
        f"a complex step through the reference, to 1e-12; `{_ORDERS}`",
        _smooth,
        _complex,
    ),
]


def cells(row: Row, facts: dict[str, list[str]]) -> list[str]:
    """Return what a row shows in each column: ✓, k/n, 0 or –."""
    found = []
    constant = row.names[0] in CONSTANTS
    for i in range(len(COLUMNS)):
        seen = [facts[s.id][i] for s in row.samples if facts[s.id][i] != "–"]
        ticks = seen.count("✓")
        derived = COLUMNS[i].applies is _smooth
        if not seen or (derived and constant):
            found.append("–")
        elif set(seen) == {"0"}:
            found.append("0")
        else:
            whole = len(seen) - seen.count("0")
            found.append("✓" if ticks == whole else f"{ticks}/{whole}")
    return found


def facts_of(p: Problem) -> list[str]:
    """Return what holds of a sample in each column: ✓, · (left out), 0 or –."""
    zero = not p.sample.differentiable and p.varied and p.smooth_outputs
    found = []
    for column in COLUMNS:
        if not column.applies(p):
            derived = column.applies is _smooth and column.head in ("rev", "fwd")
            found.append("0" if zero and derived else "–")
        else:
            found.append("✓" if column.covers(p) else "·")
    return found


# --- the page ---------------------------------------------------------------------


def notes() -> dict[str, str]:
    """Return remarks by function: conventions at kinks, and conditions."""
    found: dict[str, list[str]] = {}
    for names, text in CONVENTIONS.items():
        for name in names.split(", "):
            public = "linalg.norm" if name == "norm" else name
            found.setdefault(public, []).append(text)
    for name, text in CONDITIONS.items():
        found.setdefault(name, []).append(text)
    return {name: "; ".join(texts) for name, texts in found.items()}


def without_sample() -> list[str]:
    """Return the functions that no sample shows and nothing else is said of."""
    bare = (r.names[0] for r in rows() if not r.samples)
    return [name for name in bare if name not in ELSEWHERE]


def _line(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _table(some: Sequence[Row], facts: dict[str, list[str]]) -> Iterator[str]:
    heads = [c.head for c in COLUMNS]
    yield _line(["function", "samples", *heads, "remarks"])
    yield _line(["---", "--:", *(":-:" for _ in heads), "---"])
    remarks = notes()
    for row in sorted(some, key=lambda r: r.names[0].lower()):
        shown = ", ".join(f"`{n}`" for n in row.names)
        remark = remarks.get(row.names[0], "")
        count = str(len(row.samples))
        yield _line([shown, count, *cells(row, facts), remark])


def headings(text: str) -> set[str]:
    """Return the functions that a page has a line for."""
    found = re.findall(r"^\| ((?:`[\w.]+`,? )+)\|", text, re.M)
    items = re.findall(r"^- ((?:`[\w.]+`,?\s+)*`[\w.]+`): ", text, re.M)
    return {name for names in found + items for name in names.split("`")[1::2]}


def _item(text: str) -> str:
    """Return an item of a list, wrapped."""
    lines = textwrap.wrap(text, 86, break_long_words=False, break_on_hyphens=False)
    return "- " + "\n  ".join(lines) + "\n"


def page() -> str:
    """Return the text of docs/conformance.md."""
    every = rows()
    facts = {s.id: facts_of(problem(s)) for s in SAMPLES}
    sampled = [r for r in every if r.samples]
    parts = [INTRODUCTION]
    parts += [_item(f"**{c.head}**: {c.held_by}") for c in COLUMNS]
    parts.append(GAPS)
    for section in [*SECTIONS, "Others"]:
        some = [r for r in sampled if r.section == section]
        if some:
            parts.append(f"\n## {section}\n\n")
            parts.append("\n".join(_table(some, facts)) + "\n")
    parts.append(OUTSIDE)
    for row in every:
        if not row.samples:
            bare = ", ".join(f"`{n}`" for n in row.names)
            why = ELSEWHERE[row.names[0]]
            parts.append(_item(f"{bare}: {why}"))
    parts.append(REFUSALS)
    for why, names in refused().items():
        listed = ", ".join(f"`{n}`" for n in names)
        parts.append(_item(f"{listed}: {why[0].lower()}{why[1:]}"))
    return "".join(parts)
