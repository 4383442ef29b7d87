"""A right line is never called wrong: blame rests on values that were looked at.

The derived backward, in which the right side of one line is another expression of the
same shape, is graded as a student's. Where a node is called wrong, it is that line's,
or the cotangent that the line is a part of.
"""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from students.solutions import SOLUTIONS
from students.specs import SPECS

from symdiff.compiler.compile import compile_
from symdiff.declare.spec import load_spec
from symdiff.grading import hypotheses
from symdiff.grading.cases import cases
from symdiff.grading.faults import names_in
from symdiff.grading.reference import Reference

MANGLED = (
    "np.cos({})",
    "np.roll({}, 1)",
    "({})[::-1]",
    "({}) ** 2 + 0.1",
    "np.exp(-({}))",
    "np.abs({}) - 0.3",
    "2 * ({})",
)


def _changed(reference: Reference, shapes: dict[str, tuple[int, ...]], seed: int):
    """A body with one line changed, and the nodes that may be blamed for it."""
    rng = np.random.default_rng([7, seed])
    lines = [
        s
        for s in reference.statements
        if isinstance(s.node, ast.Assign) and isinstance(s.node.targets[0], ast.Name)
    ]
    lines = [s for s in lines if s.target in shapes]
    s = lines[rng.integers(len(lines))]
    shape = shapes[s.target]
    others = [n for n, k in shapes.items() if k == shape and n != s.target]
    before = {t.target for t in reference.statements if t.order < s.order}
    set_here = {t.target for t in reference.statements}
    others = [n for n in others if n in before or n not in set_here]
    ways = [*(MANGLED if shape else MANGLED[:1] + MANGLED[3:]), *others]
    way = ways[rng.integers(len(ways))]
    body = _body(reference, s.node, way.format(ast.unparse(s.node.value)))
    told = {s.target, *s.also, *_whole(reference, s)}
    return body, f"{s.source} made {way}", told


def _whole(reference, s):
    """The cotangent that a line is a part of."""
    names = {s.target}
    for t in reference.statements:
        if s.target.startswith("d_") or t.order < s.order:
            continue
        if names & names_in(t.node):
            if t.target.startswith("d_"):
                return [t.target]
            names.add(t.target)
    return []


def _body(reference, node, text):
    """The derived backward with the right side of one statement replaced."""
    returned = reference._returned
    pair, held = returned.value, node.value
    returned.value, node.value = pair.elts[0], ast.parse(text, mode="eval").body
    try:
        return ast.unparse(reference.function)
    finally:
        returned.value, node.value = pair, held


@pytest.fixture(scope="module")
def derived(tmp_path_factory):
    """The reference of each model, and the shapes of its values."""
    made = {}

    def of(model):
        if model not in made:
            path = tmp_path_factory.mktemp("specs") / f"{model}.py"
            path.write_text(SPECS[model], "utf-8")
            declared = load_spec(path).model
            reference = Reference(compile_(declared, optimize=1))
            values = cases(reference, declared, 0)[0].locals
            shapes = {
                n: v.shape
                for n, v in values.items()
                if isinstance(v, np.ndarray) and v.dtype.kind == "f"
            }
            made[model] = reference, shapes
        return made[model]

    return of


SEEDS = [pytest.param(i, marks=() if i == 8 else pytest.mark.slow) for i in range(12)]


def _renamed(body):
    """The same under names that tell nothing of what they are."""
    names = sorted({n for n in re.findall(r"\bd_\w+", body) if n != "d_loss"})
    for i, name in enumerate(names):
        body = re.sub(rf"\b{name}\b", f"value{i}", body)
    return body


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model", SPECS)
def test_only_a_line_that_was_changed_is_blamed(
    grade, derived, monkeypatch, model, seed
):
    monkeypatch.setattr(hypotheses, "BUDGET", 2.0)
    body, what, blamed = _changed(*derived(model), seed)
    verdict = grade(model, body)
    for f in verdict.findings:
        assert f.node in blamed | {""}, f"{what}:\n{verdict.text()}"
    verdict = grade(model, _renamed(body))
    for f in verdict.findings:
        # A known mistake that gives all the numbers may be another line's: where names
        # tell nothing, both are the same.
        right = f.certain or f.node in blamed | {""}
        assert right, f"{what}:\n{verdict.text()}"


def test_gradients_that_are_swapped_are_told(grade):
    body = SOLUTIONS["residual"]
    body = body.replace('"first.b": db1', '"first.b": db2').replace(
        '"middle.b": db2', '"middle.b": db1'
    )
    verdict = grade("residual", body)
    (finding,) = verdict.findings
    assert finding.node == ""
    assert finding.gradients == ("first.b", "middle.b")
    assert "is the gradient of" in finding.words


def test_where_it_begins_is_told_where_values_show_it(grade):
    body = SOLUTIONS["residual"].replace("dr * s * (1 - s)", "np.cos(dr)")
    verdict = grade("residual", body)
    (finding,) = verdict.findings
    assert not finding.certain
    assert finding.node in ("", "d_middle_z")
    assert "dh" not in finding.source
