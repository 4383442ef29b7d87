"""Points are for what is right: one mistake of a kind costs what it makes wrong."""

import pytest
from students.solutions import SOLUTIONS


def changed(model, *pairs):
    body = SOLUTIONS[model]
    for old, new in pairs:
        assert old in body
        body = body.replace(old, new)
    return body


def first(verdict):
    found = verdict.findings[0]
    return found.cause, found.node, found.source


def test_a_forgotten_d_loss_costs_one_point(grade):
    verdict = grade("residual", changed("residual", (" * d_loss", "")))
    assert first(verdict)[:2] == ("d_loss", "d_y"), verdict.text()
    assert (verdict.points, verdict.total, verdict.code) == (6, 7, 1)
    assert all(mark.right for mark in verdict.marks)
    assert "times d_loss: WRONG" in verdict.text()
    assert verdict.dict()["scaled"] is False


def test_a_d_loss_that_some_gradients_lack_costs_one_point(grade):
    verdict = grade("digits_mlp", changed("digits_mlp", ("2e-4 * d_loss", "2e-4")))
    assert {f.cause for f in verdict.findings} == {"d_loss"}, verdict.text()
    assert (verdict.points, verdict.total, verdict.code) == (4, 5, 1)


def test_another_mistake_beside_it_costs_its_own(grade):
    body = changed("residual", (" * d_loss", ""), ("dy.sum(axis=0)", "-dy.sum(axis=0)"))
    verdict = grade("residual", body)
    assert verdict.points < 6, verdict.text()
    assert "last.b" in {mark.name for mark in verdict.marks if not mark.right}


TANH = {
    "in one": "(1 - np.tanh(h)**2)",
    "in a line of its own": "(1 - again**2)",
}


@pytest.mark.parametrize("way", TANH)
def test_an_activation_taken_of_its_own_result_is_named(grade, way):
    pairs = [("(1 - h**2)", TANH[way])]
    if "again" in TANH[way]:
        pairs.append(("    dh = dr", "    again = np.tanh(h)\n    dh = dr"))
    verdict = grade("residual", changed("residual", *pairs))
    cause, node, source = first(verdict)
    assert (cause, node) == ("applied twice", "d_first_z"), verdict.text()
    assert "da1 = " in source
    assert verdict.points == 5


@pytest.mark.parametrize("mask", ["(h < 0)", "(h <= 0)"])
def test_a_mask_by_the_wrong_sign_is_named(grade, mask):
    verdict = grade("digits_mlp", changed("digits_mlp", ("(h > 0)", mask)))
    cause, node, source = first(verdict)
    assert (cause, node) == ("inverted mask", "d_hidden_z"), verdict.text()
    assert "dz1 = " in source
    assert verdict.points == 3


ERRORS = {
    "shapes": ("x.T @ da1", "x @ da1", 4),
    "a name": ("da1.sum", "da3.sum", 5),
    "amid": ("h.T @ da2", "h @ da2", 2),
    "the first line": ("2 * difference", "2 * differences", 0),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_exception_keeps_the_points_of_what_is_right_before_it(grade, kind):
    old, new, right = ERRORS[kind]
    verdict = grade("residual", changed("residual", (old, new)))
    assert verdict.findings[0].cause != "unknown"
    assert new.split()[0] in verdict.findings[0].source
    assert (verdict.points, verdict.code) == (right, 1), verdict.text()


def test_what_is_wrong_before_an_exception_has_no_point(grade):
    body = changed("residual", ("r.T @ dy", "-r.T @ dy"), ("x.T @ da1", "x @ da1"))
    verdict = grade("residual", body)
    assert verdict.points == 3, verdict.text()
