"""What attention hides has no share, however low the scores of what is visible.

Each is held against attention that hides nothing: every query by itself, over the keys
that it sees.
"""

import numpy as np
import pytest

import symdiff as sd

STEPS = 4
CAUSAL = np.tri(STEPS, dtype=bool)
EVERY = np.ones_like(CAUSAL)
# The last query sees no key of the scattered mask, the first none of the late one.
PADDED = np.array([True, True, False, False])
LATE = np.array([False, True, True, True])
SCATTERED = np.array([[1, 0, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1], [0, 0, 0, 0]], bool)
CASES = [
    *((True, None), (False, PADDED), (False, SCATTERED)),
    *((True, LATE), (True, SCATTERED)),
]
LOW = 2.0**17  # scores are near -LOW**2 / 2


def row_by_row(q, k, v, causal, mask):
    """Return attention in which nothing is hidden, since nothing else is taken."""
    steps = CAUSAL if causal else EVERY
    both = steps if mask is None else steps & mask
    rows = []
    for t in range(STEPS):
        some = both[t].any()
        keys = np.flatnonzero(both[t] if some else steps[t])
        scores = k[keys] @ q[t] / 2
        rows.append(sd.softmax(scores if some else 0 * scores) @ v[keys])
    return sd.stack(rows)


def to_second_order(name, inputs, y, weights):
    """Return a function that gives y, its gradients, and those of their squares."""
    floats = [x for x in inputs if x.dtype.is_float]
    first = sd.grad(sd.sum(y * weights), floats)
    second = sd.grad(sum(sd.sum(d * d) for d in first), floats)
    outputs = {"y": y, **{f"d{i}": d for i, d in enumerate((*first, *second))}}
    return sd.compile(sd.Function(name, inputs, outputs)).load().forward


@pytest.mark.parametrize(("causal", "mask"), CASES)
def test_low_scores_give_nothing_to_what_is_hidden(causal, mask):
    rng = np.random.default_rng(0)
    inputs = [sd.input(n, (STEPS, 4)) for n in "qkv"]
    there = None if mask is None else sd.input("there", mask.shape, "bool")
    weights = sd.constant(rng.normal(size=(STEPS, 4)))
    y = sd.nn.attention(*inputs, causal=causal, mask=there)
    given = inputs if mask is None else [*inputs, there]
    whole = to_second_order("whole", given, y, weights)
    y = row_by_row(*inputs, causal, mask)
    apart = to_second_order("apart", inputs, y, weights)
    masks = [] if mask is None else [mask]
    for width, apart_by, close in (("float32", 2.0**13, 1e-5), ("float64", 0.25, 1e-9)):
        q = np.c_[np.full(STEPS, LOW), rng.integers(1, 4, (STEPS, 3))]
        k = np.c_[np.full(STEPS, -LOW), apart_by * rng.permutation(12).reshape(4, 3)]
        at = [a.astype(width) for a in (q, k, rng.normal(size=(STEPS, 4)))]
        wanted = apart(*(a.astype(float) for a in at))
        for a, b in zip(whole(*at, *masks), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=close * (1 + np.abs(b).max()))


@pytest.mark.parametrize("width", ["float32", "float64"])
@pytest.mark.parametrize("causal", [True, False])
def test_heads_see_neither_what_comes_later_nor_padding(causal, width):
    x = sd.input("x", (3, STEPS, 4))
    there = sd.input("there", (3, STEPS), "bool")
    y = sd.nn.multi_head_attention(x, 2, causal=causal, mask=there)
    weights = sd.params(y)
    rng = np.random.default_rng(1)
    at = {p: rng.normal(size=p.shape).astype(width) for p in weights}
    for p in weights:  # the bias of queries against that of keys: scores near -1e10
        if p.name in ("attention.q.b", "attention.k.b"):
            at[p] += 1e5 if p.name == "attention.q.b" else -1e5
    at[there] = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    before = rng.normal(size=x.shape).astype(width)
    after = before.copy()
    after[~at[there]] = 7
    after[2] = before[2]  # all of its keys are padding
    outputs = [y, *sd.grad(sd.sum(y**2), [x, *weights])]
    found = [sd.interpret(outputs, {**at, x: v}) for v in (before, after)]
    seen = at[there] | (np.arange(3) == 2)[:, None]
    np.testing.assert_array_equal(found[0][0][seen], found[1][0][seen])
    assert all(np.isfinite(v).all() for v in found[0])
    if causal:
        later = before.copy()
        later[:, 2:] = 7
        again = sd.interpret(y, {**at, x: later})
        np.testing.assert_array_equal(found[0][0][:, :2], again[:, :2])
