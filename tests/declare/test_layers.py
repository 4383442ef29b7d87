"""Layers equal PyTorch's, values and every gradient; parameters have their names."""

import itertools

import numpy as np
import pytest
from layer_checks import WIDTHS, against_torch, declared

import symdiff as sd
from symdiff.declare.init import as_init, outputs_first

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5))
IMAGES = RNG.normal(size=(2, 4, 7, 6))
SIGNAL = RNG.normal(size=(2, 4, 9))


def f(torch):
    return torch.nn.functional


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_dense_equals_torch(width):
    against_torch(
        lambda x: sd.nn.dense(x, 3, "tanh"),
        lambda t, x, dense_W, dense_b: t.tanh(f(t).linear(x, dense_W.T, dense_b)),
        [X],
        {"dense.W": RNG.normal(size=(5, 3)), "dense.b": RNG.normal(size=3)},
        width,
    )


CONVOLUTIONS = {
    "plain": {},
    "stride": {"stride": 2, "padding": 1},
    "dilation": {"dilation": 2},
    "groups": {"groups": 2, "padding": 1},
}


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolutions_equal_torch(options, width):
    inner = 4 // options.get("groups", 1)
    against_torch(
        lambda x: sd.nn.conv2d(x, 6, (3, 2), **options),
        lambda t, x, conv_W, conv_b: f(t).conv2d(x, conv_W, conv_b, **options),
        [IMAGES],
        {"conv.W": RNG.normal(size=(6, inner, 3, 2)), "conv.b": RNG.normal(size=6)},
        width,
    )
    against_torch(
        lambda x: sd.nn.conv1d(x, 6, 3, activation="relu", **options),
        lambda t, x, conv_W, conv_b: t.relu(f(t).conv1d(x, conv_W, conv_b, **options)),
        [SIGNAL],
        {"conv.W": RNG.normal(size=(6, inner, 3)), "conv.b": RNG.normal(size=6)},
        width,
    )


POOLS = {
    "max": (lambda x: sd.nn.max_pool2d(x, 2), lambda t, x: f(t).max_pool2d(x, 2)),
    "max, stride": (
        lambda x: sd.nn.max_pool2d(x, 3, 2, 1),
        lambda t, x: f(t).max_pool2d(x, 3, 2, 1),
    ),
    "mean": (lambda x: sd.nn.avg_pool2d(x, 2), lambda t, x: f(t).avg_pool2d(x, 2)),
    "global": (sd.nn.global_avg_pool, lambda t, x: x.mean((2, 3))),
    "flatten": (sd.nn.flatten, lambda t, x: x.flatten(1)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", POOLS.values(), ids=POOLS)
def test_pools_equal_torch(case, width):
    against_torch(*case, [IMAGES], width=width)


def test_convolutions_start_with_the_fans_of_their_weights():
    """(out, in, rows, columns): an input reaches out·rows·columns, not in·out·rows."""
    rng = np.random.default_rng(0)
    shape = (16, 8, 5, 3)
    for name, size in (("he_normal", 8 * 15), ("lecun_normal", 8 * 15 * 2)):
        drawn = outputs_first(as_init(name, shape)).draw(rng, shape)
        assert drawn.shape == shape
        np.testing.assert_allclose(drawn.var(), 2 / size, rtol=0.1)
    drawn = outputs_first(as_init("glorot_uniform", shape)).draw(rng, shape)
    np.testing.assert_allclose(drawn.var(), 2 / (24 * 15), rtol=0.1)
    drawn = outputs_first(as_init("orthogonal", shape)).draw(rng, shape)
    flat = drawn.reshape(16, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(16), atol=1e-12)
    (x,) = declared([IMAGES])
    (w, _) = sd.params(sd.nn.conv2d(x, 6, 3, activation="relu"))
    drawn = w.node.attrs["init"].draw_text((6, 4, 3, 3))
    assert "/ 36)" in drawn
    given = sd.params(sd.nn.conv2d(x, 6, 1, init=np.ones((6, 4, 1, 1))))[0]
    assert given.node.attrs["init"].draw(rng, (6, 4, 1, 1)).sum() == 24


def monomials(x, degree, choose):
    columns = []
    for k in range(1, degree + 1):
        chosen = choose(range(x.shape[1]), k)
        columns += [np.prod(x[:, picked], axis=1) for picked in chosen]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_polynomial_features_are_every_monomial_in_order(degree):
    x = X[:, :3]
    (t,) = declared([x])
    every = sd.interpret(sd.nn.polynomial_features(t, degree), {t: x})
    expected = monomials(x, degree, itertools.combinations_with_replacement)
    np.testing.assert_allclose(every, expected, rtol=1e-12)
    mixed = sd.nn.polynomial_features(t, degree, True, include_bias=True)
    expected = monomials(x, min(degree, 3), itertools.combinations)
    found = sd.interpret(mixed, {t: x})
    np.testing.assert_allclose(found, np.hstack([np.ones((4, 1)), expected]))


def test_feature_maps_stand_side_by_side():
    (t,) = declared([X])
    made = sd.nn.feature_map(t, lambda x: x, sd.sin, lambda x: x[:, :1] ** 2)
    expected = np.hstack([X, np.sin(X), X[:, :1] ** 2])
    np.testing.assert_allclose(sd.interpret(made, {t: X}), expected)


def test_a_residual_adds_its_input():
    (x,) = declared([X])
    y = sd.nn.residual(x, lambda h: sd.nn.dense(h, 5, "relu"))
    w, b = sd.params(y)
    at = {x: X, w: RNG.normal(size=(5, 5)), b: RNG.normal(size=5)}
    expected = X + np.maximum(X @ at[w] + at[b], 0)
    np.testing.assert_allclose(sd.interpret(y, at), expected)


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_a_parameter_that_is_used_twice_is_tied(width):
    """An embedding's table as the output's weights: one parameter, one gradient."""
    ids = np.array([[0, 2, 2], [1, 0, 3]])

    def declare(i):
        table = sd.param("table", (4, 5))
        h = sd.nn.embedding(i, 4, 5, weight=table)
        return sd.nn.dense(h, 4, use_bias=False, weight=table.T)

    against_torch(
        declare,
        lambda t, i, table: f(t).embedding(i, table) @ table.T,
        [ids],
        {"table": RNG.normal(size=(4, 5))},
        width,
    )


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
def test_embedding_equals_torch(width):
    ids = np.array([[0, 2, 2], [1, 0, 3]])
    against_torch(
        lambda i: sd.nn.embedding(i, 4, 5),
        lambda t, i, embedding_W: f(t).embedding(i, embedding_W),
        [ids],
        {"embedding.W": RNG.normal(size=(4, 5))},
        width,
    )


def test_dropout_in_the_lectures_form_scales_at_test_time():
    """E over masks of the training output is the prediction, in both forms."""
    (x,) = declared([X])
    wide = np.ones((20000, 5))
    for inverted, kept in ((True, 1.0), (False, 0.7)):
        y = sd.nn.dropout(x, 0.3, inverted=inverted)
        infer = sd.interpret(sd.resolve_mode(y, "infer"), {x: X})
        np.testing.assert_allclose(infer, kept * X)
        train = sd.interpret(sd.resolve_mode(y, "train"), {x: wide}, key=1)
        np.testing.assert_allclose(np.unique(train), [0, kept / 0.7])
        np.testing.assert_allclose(train.mean(), kept, rtol=0.01)


def test_parameters_are_chosen_by_name():
    (x,) = declared([X])
    z = sd.nn.dense(sd.nn.dense(x, 3, name="hidden"), 2, name="out")
    assert [p.name for p in sd.params(z, "*.W")] == ["hidden.W", "out.W"]
    found = [p.name for p in sd.params(z, "out.*", "*.b")]
    assert found == ["hidden.b", "out.W", "out.b"]
    with pytest.raises(sd.DeclarationError, match=r"no parameter.*\*.V.*hidden.W"):
        sd.params(z, "*.V")


def test_penalties():
    a, b = sd.input("a", (2,)), sd.input("b", (2, 2))
    at = {a: np.array([1.0, -2]), b: np.array([[3.0, 0], [0, -1]])}
    penalty = sd.nn.elastic_net([a, b], l1=0.5, l2=0.1)
    value, gradient = sd.interpret([penalty, sd.grad(penalty, a)], at)
    assert value == pytest.approx(0.5 * 7 + 0.1 * 15)
    np.testing.assert_allclose(gradient, [0.5 + 0.2, -0.5 - 0.4])


BAD = {
    "filters": lambda x: sd.nn.conv2d(x, 0, 3),
    "groups": lambda x: sd.nn.conv2d(x, 4, 3, groups=3),
    "axes": lambda x: sd.nn.conv1d(x, 4, 3),
    "window": lambda x: sd.nn.conv2d(x, 4, (3, 3, 3)),
    "weight": lambda x: sd.nn.conv2d(x, 4, 3, weight=x),
    "flatten": lambda x: sd.nn.flatten(x[:, 0, 0, 0]),
    "residual": lambda x: sd.nn.residual(x, lambda h: h[:, :1]),
    "degree": lambda x: sd.nn.polynomial_features(x, 0),
    "no map": lambda x: sd.nn.feature_map(x),
    "float ids": lambda x: sd.nn.embedding(x, 3, 4),
    "tied badly": lambda x: sd.nn.dense(x, 3, weight=sd.param("w", (3, 6))),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(*declared([IMAGES]))
    assert __file__ in str(caught.value)
