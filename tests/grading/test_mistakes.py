"""Students' mistakes are named: the cause, the node where it first shows, the line."""

from __future__ import annotations

import re

import pytest
from students.alternatives import ALTERNATIVES
from students.mistakes import MISTAKES
from students.solutions import SOLUTIONS

# One of each four runs by default; the rest is slow.
BANK = [
    pytest.param(m, id=m.label, marks=() if i % 4 == 0 else pytest.mark.slow)
    for i, m in enumerate(MISTAKES)
]
LINES = {"missing mean", "sign", "mask", "fan-out", "regulariser", "factor 2"}


def test_the_bank_is_large():
    assert len(MISTAKES) >= 100
    assert len({c for m in MISTAKES for c in m.causes}) >= 20
    assert len({m.model for m in MISTAKES}) >= 10


@pytest.mark.parametrize("mistake", BANK)
def test_a_mistake_is_named(grade, mistake):
    solution = SOLUTIONS[mistake.model]
    assert mistake.old in solution
    body = solution.replace(mistake.old, mistake.new, 1)
    verdict = grade(mistake.model, body)
    assert verdict.code == 1
    shows_differences(verdict)
    first = verdict.findings[0]
    assert first.cause in mistake.causes, verdict.text()
    assert first.node in mistake.nodes, verdict.text()
    told = first.certain and first.line and first.cause in LINES
    if told and mistake.new.strip():
        # A value that is wrong may be finished a few statements further down; a line
        # that multiplies by 1 made no new value.
        rows = [row.strip() for row in body.splitlines()]
        before = [row.strip() for row in solution.splitlines()]
        pairs = zip(rows, before, strict=False)
        changed = next(i for i, (now, then) in enumerate(pairs) if now != then)
        assert changed - 1 <= rows.index(first.source) <= changed + 4, verdict.text()


def shows_differences(verdict):
    """An example of a wrong value is not the value that is expected."""
    for found in verdict.findings:
        told = re.search(r"is (\S+), expected (\S+)$", found.example)
        assert told is None or told[1] != told[2], verdict.text()


@pytest.mark.parametrize("model", sorted(SOLUTIONS)[:6])
def test_a_cotangent_that_is_left_out_shows_elsewhere_than_at_one(grade, model):
    body = SOLUTIONS[model]
    head = re.search(r"(?m)^def backward\(.*?(d_\w+)(=1\.0)?\):\n( +\"\"\".*\n)?", body)
    verdict = grade(model, f"{head[0]}    {head[1]} = 1.0\n{body[head.end() :]}")
    assert verdict.code == 1
    assert verdict.findings
    shows_differences(verdict)


@pytest.mark.parametrize("model", SOLUTIONS)
def test_a_solution_in_own_words_is_right(grade, model):
    verdict = grade(model, SOLUTIONS[model])
    assert verdict.code == 0, verdict.text()
    assert verdict.points == verdict.total == len(verdict.marks) + 1
    assert not verdict.findings


@pytest.mark.parametrize(("model", "body"), ALTERNATIVES)
def test_other_ways_are_right(grade, model, body):
    verdict = grade(model, body)
    assert verdict.code == 0, verdict.text()


TWO = [
    (
        "digits_mlp",
        {"/ n * d_loss": "* d_loss", "+ 2e-4 * d_loss * W1": ""},
        [("missing mean", "d_z"), ("regulariser", "d_hidden_W")],
    ),
    (
        "digits_mlp",
        {"dz1 = dh * (h > 0)": "dz1 = dh", "db2 = dz.sum(axis=0)": "db2 = dz"},
        [("not summed", "d_out_b"), ("mask", "d_hidden_z")],
    ),
    (
        "residual",
        {"2 * difference": "difference", "dh = dr + da2 @": "dh = da2 @"},
        [("factor 2", "d_y"), ("fan-out", "d_h")],
    ),
    (
        "normal",
        {"dhat - mean1 - normalized * mean2": "dhat"},
        [("fan-out", "d_norm_centred"), ("fan-out", "d_a")],
    ),
]


@pytest.mark.parametrize(("model", "changes", "wanted"), TWO)
def test_two_mistakes_are_both_named(grade, model, changes, wanted):
    body = SOLUTIONS[model]
    for old, new in changes.items():
        assert old in body
        body = body.replace(old, new, 1)
    verdict = grade(model, body)
    found = [(f.cause, f.node) for f in verdict.findings]
    assert found == wanted, verdict.text()


def test_what_nothing_explains_is_described_not_guessed(grade):
    body = SOLUTIONS["residual"].replace("(1 - h**2)", "(1.1 - h**3)")
    verdict = grade("residual", body)
    (finding,) = verdict.findings
    assert finding.cause == "unknown"
    assert not finding.certain
    assert finding.node == "d_first_z"
    assert "no single mistake that is known" in finding.words
    assert "expected" in finding.example


def test_a_convention_at_a_kink_is_no_mistake(grade):
    body = SOLUTIONS["linear_svm"].replace("margins > 0", "margins + (margins == 0)")
    assert grade("linear_svm", body).code == 1  # that is another thing
    body = SOLUTIONS["digits_mlp"].replace(
        "x, h, p, y = residuals",
        "x, h, p, y = residuals\n    z1 = x @ params['hidden.W'] + params['hidden.b']",
    )
    verdict = grade("digits_mlp", body.replace("(h > 0)", "(z1 >= 0)"))
    assert verdict.code == 0, verdict.text()
    assert any("at a kink" in note for note in verdict.notes)


def test_an_overflow_for_large_values_is_named(grade):
    body = SOLUTIONS["digits_mlp"].replace(
        "    n = x.shape[0]\n",
        "    n = x.shape[0]\n"
        "    z = h @ W2 + params['out.b']\n"
        "    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)\n",
    )
    verdict = grade("digits_mlp", body)
    assert verdict.findings[0].cause == "overflow", verdict.text()
