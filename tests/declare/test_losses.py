"""Losses equal PyTorch's, with every option; the rest equal their formulas."""

import numpy as np
import pytest
from layer_checks import WIDTHS, against_torch, declared

import symdiff as sd

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 3
Y = np.array([0, 4, 2, 2, 1, 3])
IGNORED = np.array([0, -100, 2, -100, 1, 3])
T = RNG.uniform(0.05, 0.95, size=(6, 5))
P = T / T.sum(-1, keepdims=True)
A, B, C = RNG.normal(size=(3, 6, 5))
COUNTS = RNG.integers(0, 5, size=(6, 5)).astype(float)
V = RNG.uniform(0.5, 2, size=(6, 5))
W = np.array([1.0, 0.5, 2.0, 3.0, 0.1])
S = RNG.uniform(0.1, 2, size=6)
SIGNS = np.array([1, -1, 1, 1, -1, -1])


def f(torch):
    return torch.nn.functional


def cross_entropy(**options):
    """Return the case of softmax_cross_entropy with torch's names for the options."""
    renamed = {"weight": "class_weights"}
    mine = {renamed.get(k, k): v for k, v in options.items()}

    def reference(torch, z, y):
        given = dict(options)
        if "weight" in given:
            given["weight"] = torch.tensor(given["weight"], dtype=z.dtype)
        return f(torch).cross_entropy(z, y, **given)

    return lambda z, y: sd.nn.softmax_cross_entropy(z, y, **mine), reference


CASES = {
    "smoothing": (*cross_entropy(label_smoothing=0.1), (Z, Y)),
    "class weights": (*cross_entropy(weight=W), (Z, Y)),
    "class weights, sum": (*cross_entropy(weight=W, reduction="sum"), (Z, Y)),
    "class weights, rows": (*cross_entropy(weight=W, reduction="none"), (Z, Y)),
    "ignored": (*cross_entropy(ignore_index=-100), (Z, IGNORED)),
    "ignored rows": (*cross_entropy(ignore_index=2, reduction="none"), (Z, Y)),
    "all options": (
        *cross_entropy(weight=W, label_smoothing=0.2, ignore_index=-100),
        (Z, IGNORED),
    ),
    "all options, sum": (
        *cross_entropy(
            weight=W, label_smoothing=0.2, ignore_index=-100, reduction="sum"
        ),
        (Z, IGNORED),
    ),
    "soft labels, smoothed": (*cross_entropy(label_smoothing=0.1), (Z, P)),
    "soft labels, weights": (*cross_entropy(weight=W), (Z, P)),
    "nll": (
        lambda z, y: sd.nn.nll(sd.nn.log_softmax(z), y),
        lambda t, z, y: f(t).nll_loss(f(t).log_softmax(z, -1), y),
        (Z, Y),
    ),
    "nll, options": (
        lambda z, y: sd.nn.nll(z, y, class_weights=W, ignore_index=-100),
        lambda t, z, y: f(t).nll_loss(z, y, weight=t.tensor(W, dtype=z.dtype)),
        (Z, IGNORED),
    ),
    "sigmoid, positive weight": (
        lambda z, y: sd.nn.sigmoid_cross_entropy(z, y, positive_weight=W),
        lambda t, z, y: f(t).binary_cross_entropy_with_logits(
            z, y, pos_weight=t.tensor(W, dtype=z.dtype)
        ),
        (Z, T),
    ),
    "sigmoid, smoothing": (
        lambda z, y: sd.nn.sigmoid_cross_entropy(z, y, label_smoothing=0.2),
        lambda t, z, y: f(t).binary_cross_entropy_with_logits(z, y * 0.8 + 0.1),
        (Z, T),
    ),
    "binary": (
        sd.nn.binary_cross_entropy,
        lambda t, p, y: f(t).binary_cross_entropy(p, y),
        (T, P),
    ),
    "mse": (sd.nn.mse, lambda t, a, b: f(t).mse_loss(a, b), (A, B)),
    "mae": (sd.nn.mae, lambda t, a, b: f(t).l1_loss(a, b), (A, B)),
    "huber": (sd.nn.huber, lambda t, a, b: f(t).huber_loss(a, b), (A, B)),
    "huber, delta": (
        lambda a, b: sd.nn.huber(a, b, delta=0.3, reduction="sum"),
        lambda t, a, b: f(t).huber_loss(a, b, delta=0.3, reduction="sum"),
        (A, B),
    ),
    "hinge": (
        sd.nn.hinge,
        # PyTorch divides the sum by the number of classes as well.
        lambda t, z, y: f(t).multi_margin_loss(z, y) * 5,
        (Z, Y),
    ),
    "hinge, squared": (
        lambda z, y: sd.nn.hinge(z, y, delta=2.0, squared=True),
        lambda t, z, y: f(t).multi_margin_loss(z, y, p=2, margin=2.0) * 5,
        (Z, Y),
    ),
    "kl": (
        lambda q, p: sd.nn.kl(sd.nn.log_softmax(q), p),
        lambda t, q, p: f(t).kl_div(f(t).log_softmax(q, -1), p, reduction="batchmean"),
        (Z, P),
    ),
    "poisson": (
        sd.nn.poisson,
        lambda t, z, y: f(t).poisson_nll_loss(z, y),
        (A, COUNTS),
    ),
    "poisson, rates": (
        lambda z, y: sd.nn.poisson(z, y, log_input=False),
        lambda t, z, y: f(t).poisson_nll_loss(z, y, log_input=False),
        (V, COUNTS),
    ),
    "gaussian": (
        sd.nn.gaussian_nll,
        lambda t, m, y, v: f(t).gaussian_nll_loss(m, y, v),
        (A, B, V),
    ),
    "gaussian, full": (
        lambda m, y, v: sd.nn.gaussian_nll(m, y, v, full=True),
        lambda t, m, y, v: f(t).gaussian_nll_loss(m, y, v, full=True),
        (A, B, V),
    ),
    "cosine similarity": (
        sd.nn.cosine_similarity,
        lambda t, a, b: f(t).cosine_similarity(a, b, dim=-1),
        (A, B),
    ),
    "cosine embedding": (
        lambda a, b, y: sd.nn.cosine_embedding(a, b, y, margin=0.1),
        lambda t, a, b, y: f(t).cosine_embedding_loss(a, b, y, margin=0.1),
        (A, B, SIGNS),
    ),
    "triplet": (
        sd.nn.triplet,
        lambda t, a, p, n: f(t).triplet_margin_loss(a, p, n),
        (A, B, C),
    ),
    "binary hinge": (
        sd.nn.binary_hinge,
        lambda t, a, b: t.clamp(1 - a * b, min=0).mean(),
        (A, B),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_loss_equals_torch(case, width):
    mine, theirs, arrays = case
    against_torch(mine, theirs, arrays, width=width)


WEIGHTED = {
    "softmax": (sd.nn.softmax_cross_entropy, (Z, Y)),
    "sigmoid": (sd.nn.sigmoid_cross_entropy, (Z, T)),
    "binary": (sd.nn.binary_cross_entropy, (T, P)),
    "hinge": (sd.nn.hinge, (Z, Y)),
    "mse": (sd.nn.mse, (A, B)),
    "mae": (sd.nn.mae, (A, B)),
    "huber": (sd.nn.huber, (A, B)),
    "kl": (sd.nn.kl, (Z, P)),
    "poisson": (sd.nn.poisson, (A, COUNTS)),
    "cosine": (sd.nn.cosine, (A, B)),
    "nll": (sd.nn.nll, (Z, Y)),
}


def value(function, *arrays, **options):
    inputs = declared(arrays)
    result = function(*inputs, **options)
    return sd.interpret(result, dict(zip(inputs, arrays, strict=True)))


@pytest.mark.parametrize("name", WEIGHTED)
def test_sample_weights_average_as_numpy_does(name):
    function, arrays = WEIGHTED[name]
    rows = value(function, *arrays, reduction="none")
    rows = rows.reshape(6, -1).mean(axis=1)
    inputs = declared([*arrays, S])
    weighted = function(*inputs[:-1], sample_weights=inputs[-1])
    found = sd.interpret(weighted, dict(zip(inputs, [*arrays, S], strict=True)))
    np.testing.assert_allclose(found, np.average(rows, weights=S), rtol=1e-12)


def test_sample_and_class_weights_and_ignored_rows_together():
    inputs = declared([Z, IGNORED, S])
    z, y, s = inputs
    loss = sd.nn.softmax_cross_entropy(
        z, y, class_weights=W, sample_weights=s, ignore_index=-100
    )
    found = sd.interpret(loss, dict(zip(inputs, [Z, IGNORED, S], strict=True)))
    kept = IGNORED >= 0
    rows = value(sd.nn.softmax_cross_entropy, Z[kept], IGNORED[kept], reduction="none")
    expected = np.average(rows, weights=S[kept] * W[IGNORED[kept]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_batch_that_is_all_ignored_has_loss_and_gradient_zero():
    nowhere = np.full(6, -100)
    for options in ({}, {"class_weights": W}, {"label_smoothing": 0.1}):
        inputs = declared([Z, nowhere])
        loss = sd.nn.softmax_cross_entropy(*inputs, ignore_index=-100, **options)
        feed = dict(zip(inputs, [Z, nowhere], strict=True))
        found = sd.interpret([loss, sd.grad(loss, inputs[0])], feed)
        assert found[0] == 0
        assert not found[1].any()


def test_a_label_that_is_ignored_is_never_read_as_another_class():
    """NumPy would take −100 from the end; 255 is what segmentations use."""
    for index in (-100, -1, 255):
        y = np.array([0, index, 4, 2])
        inputs = declared([Z[:4], y])
        loss = sd.nn.softmax_cross_entropy(
            *inputs, ignore_index=index, reduction="none"
        )
        found = sd.interpret(loss, dict(zip(inputs, [Z[:4], y], strict=True)))
        assert (found == 0).tolist() == [False, True, False, False]


def test_labels_are_checked_where_an_ignored_one_is_a_class():
    n = sd.dim("N")
    z, y = sd.input("z", (n, 5)), sd.input("y", n, int)
    loss = sd.nn.softmax_cross_entropy(z, y, ignore_index=0)
    made = sd.compile(sd.Function("f", [z, y], loss)).load()
    with pytest.raises(ValueError, match="y: expected values >= 0"):
        made.forward.forward(Z, Y - 1)


def test_no_option_leaves_the_plain_losses_as_they_are():
    z, y = declared([Z, Y])
    plain = sd.nn.softmax_cross_entropy(z, y)
    assert plain.node is sd.softmax_cross_entropy(z, y).node
    a, b = declared([A, B])
    plain = sd.nn.sigmoid_cross_entropy(a, b)
    assert plain.node is sd.sigmoid_cross_entropy(a, b).node


def test_kl_of_normals_equals_its_integral():
    mean, log_variance = A[:1, :1], B[:1, :1]
    u = np.linspace(-15, 15, 20001)
    s = np.exp(log_variance / 2)
    density = np.exp(-(((u - mean) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi))
    logs = -(((u - mean) / s) ** 2) / 2 - np.log(s) + u**2 / 2
    expected = (density * logs).sum() * (u[1] - u[0])
    found = value(sd.nn.kl_normal, mean, log_variance)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_kl_of_a_class_without_probability_is_finite():
    q, p = np.log([[0.5, 0.5]]), np.array([[0.0, 1.0]])
    inputs = declared([q, p])
    loss = sd.nn.kl(*inputs)
    feed = dict(zip(inputs, [q, p], strict=True))
    found = sd.interpret([loss, sd.grad(loss, inputs[0])], feed)
    np.testing.assert_allclose(found[0], np.log(2))
    np.testing.assert_allclose(found[1], [[0, -1]])


def test_binary_cross_entropy_is_finite_at_certainty():
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    inputs = declared([p, y])
    loss = sd.nn.binary_cross_entropy(*inputs, reduction="none")
    feed = dict(zip(inputs, [p, y], strict=True))
    found = sd.interpret([loss, sd.grad(sd.sum(loss), inputs[0])], feed)
    np.testing.assert_array_equal(found[0], [0, 0, 100, 100])
    assert np.isfinite(found[1]).all()


def test_cosine_of_a_zero_vector_has_a_finite_gradient():
    a, b = np.zeros((1, 3)), np.ones((1, 3))
    inputs = declared([a, b])
    loss = sd.nn.cosine(*inputs)
    feed = dict(zip(inputs, [a, b], strict=True))
    found = sd.interpret([loss, *sd.grad(loss, inputs)], feed)
    assert all(np.isfinite(f).all() for f in found)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_options_keep_extreme_logits_finite(scale):
    z, y = np.array([[scale, 0, -scale]], np.float32), np.array([2])
    inputs = declared([z, y])
    loss = sd.nn.softmax_cross_entropy(
        *inputs, label_smoothing=0.1, class_weights=[1, 2.0, 3], ignore_index=5
    )
    feed = dict(zip(inputs, [z, y], strict=True))
    assert all(
        np.isfinite(v).all()
        for v in sd.interpret([loss, sd.grad(loss, inputs[0])], feed)
    )


BAD = {
    "smoothing": lambda x, y: sd.nn.softmax_cross_entropy(x, y, label_smoothing=1.0),
    "weights": lambda x, y: sd.nn.softmax_cross_entropy(x, y, class_weights=[1.0]),
    "sample weights": lambda x, y: sd.nn.mse(x, x, sample_weights=x[:, :1]),
    "ignored floats": lambda x, y: sd.nn.softmax_cross_entropy(x, x, ignore_index=1),
    "float labels": lambda x, y: sd.nn.nll(x, x[:, 0]),
    "delta": lambda x, y: sd.nn.huber(x, x, delta=0),
    "reduction": lambda x, y: sd.nn.kl(x, x, reduction="batchmean"),
    "shapes": lambda x, y: sd.nn.triplet(x, x, x[:, :2]),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_options_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(*declared([Z, Y]))
    assert __file__ in str(caught.value)
