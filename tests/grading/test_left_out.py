"""A mean's 1/N that is left out is blamed on the line that lacks it, however it is laid
out: what stands before is right so far, though it has the same numbers where the
cotangent of the loss is 1.
"""

from __future__ import annotations

import pytest

BODIES = {
    "logistic": """\
def backward(params, residuals, d_loss=1.0):
    x, z, e, t = residuals
    w = params["w"]
    n = len(z)
    prob = 1 / (1 + np.exp(-np.clip(z, -700, 700)))
{lines}
    dw = x.T @ dz + 0.02 * d_loss * w
    db = dz.sum()
    return {{"w": dw, "b": db}}
""",
    "pooled": """\
def backward(params, residuals, d_loss=1.0):
    x, h, m, difference = residuals
    n = len(x)
    prob, t = 2 * difference, 0.0 * difference
{lines}
    dV = m.T @ dz
    dm = dz @ params["V"].T
    best = h == m[:, None, :]
    dh = best * (dm / best.sum(axis=1))[:, None, :]
    dW = np.einsum("nti,ntj->ij", x, dh * (h > 0))
    return {{"W": dW, "V": dV}}
""",
}
# The line that lacks the factor is marked; so are right ones that follow it.
WAYS = {
    "in one": "dz = d_loss * (prob - t)  # here",
    "in two": "gap = prob - t\ndz = d_loss * gap  # here",
    "set again": "dz = prob - t\ndz = dz * d_loss  # here",
    "in place": "dz = prob - t\ndz *= d_loss  # here",
    "from a copy": "dz = prob.copy()\ndz -= t\ndz *= d_loss  # here",
    "then seen otherwise": "dz = prob - t\ndz *= d_loss  # here\ndz = np.asarray(dz)",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", BODIES)
def test_the_line_that_lacks_it_is_blamed(grade, model, way):
    lines = "\n".join(f"    {line}" for line in WAYS[way].split("\n"))
    verdict = grade(model, BODIES[model].format(lines=lines))
    first = verdict.findings[0]
    assert (first.cause, first.node) in [("missing mean", n) for n in ("d_z", "d_y")]
    assert first.source.endswith("# here"), verdict.text()


def test_another_mistake_is_blamed_on_the_line_where_it_is_made(grade):
    """Not on one that multiplies what is wrong already."""
    lines = "    dz = t - prob\n    dz *= d_loss / n"
    verdict = grade("logistic", BODIES["logistic"].format(lines=lines))
    assert verdict.findings[0].cause == "sign"
