"""Layers, activations, losses and penalties against PyTorch and their formulas."""

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.node import topological

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 3
Y = np.array([0, 4, 2, 2, 1, 3])
T = RNG.uniform(size=(6, 5))


def torch_grad(function, *arrays):
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    leaf = torch.tensor(arrays[0], requires_grad=True)
    value = function(torch, leaf, *map(torch.tensor, arrays[1:]))
    value.sum().backward()
    return value.detach().numpy(), leaf.grad.numpy()


def ours(function, *arrays):
    n = sd.dim("N")
    leaves = [
        sd.input(
            f"a{i}", (n, *a.shape[1:]), str(a.dtype) if a.dtype.kind == "i" else float
        )
        for i, a in enumerate(arrays)
    ]
    value = function(*leaves)
    gradient = sd.grad(sd.sum(value), leaves[0])
    return sd.interpret([value, gradient], dict(zip(leaves, arrays, strict=True)))


LOSSES = {
    "softmax_cross_entropy": (
        sd.nn.softmax_cross_entropy,
        lambda torch, z, y: torch.nn.functional.cross_entropy(z, y),
        (Z, Y),
    ),
    "softmax_cross_entropy, rows": (
        lambda z, y: sd.nn.softmax_cross_entropy(z, y, reduction="none"),
        lambda torch, z, y: torch.nn.functional.cross_entropy(z, y, reduction="none"),
        (Z, Y),
    ),
    "softmax_cross_entropy, weights": (
        sd.nn.softmax_cross_entropy,
        lambda torch, z, t: torch.nn.functional.cross_entropy(z, t),
        (Z, T),
    ),
    "sigmoid_cross_entropy": (
        sd.nn.sigmoid_cross_entropy,
        lambda torch, z, t: torch.nn.functional.binary_cross_entropy_with_logits(z, t),
        (Z, T),
    ),
    "mse": (sd.nn.mse, lambda torch, z, t: torch.nn.functional.mse_loss(z, t), (Z, T)),
    "mae": (sd.nn.mae, lambda torch, z, t: torch.nn.functional.l1_loss(z, t), (Z, T)),
    "hinge": (
        sd.nn.hinge,
        # PyTorch divides the sum by the number of classes as well.
        lambda torch, z, y: torch.nn.functional.multi_margin_loss(z, y) * 5,
        (Z, Y),
    ),
    "hinge, sum": (
        lambda z, y: sd.nn.hinge(z, y, delta=2.0, reduction="sum"),
        lambda torch, z, y: (
            torch.nn.functional.multi_margin_loss(z, y, margin=2.0, reduction="sum") * 5
        ),
        (Z, Y),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", LOSSES.values(), ids=LOSSES)
def test_a_loss_and_its_gradient_equal_torch(case):
    function, reference, arrays = case
    for mine, theirs in zip(
        ours(function, *arrays), torch_grad(reference, *arrays), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


ACTIVATIONS = {
    "relu": lambda torch, z: torch.relu(z),
    "sigmoid": lambda torch, z: torch.sigmoid(z),
    "tanh": lambda torch, z: torch.tanh(z),
    "softplus": lambda torch, z: torch.nn.functional.softplus(z, threshold=1000),
    "leaky_relu": lambda torch, z: torch.nn.functional.leaky_relu(z),
    "elu": lambda torch, z: torch.nn.functional.elu(z),
    "gelu": lambda torch, z: torch.nn.functional.gelu(z, approximate="tanh"),
    "silu": lambda torch, z: torch.nn.functional.silu(z),
    "softmax": lambda torch, z: torch.softmax(z, -1),
    "log_softmax": lambda torch, z: torch.log_softmax(z, -1),
    "log_sigmoid": lambda torch, z: torch.nn.functional.logsigmoid(z),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_and_its_gradient_equal_torch(name):
    function = getattr(sd.nn, name)
    # A weighted sum, because softmax's rows sum to 1 whatever the logits.
    mine = ours(lambda z, t: function(z) * t, Z, T)
    theirs = torch_grad(lambda torch, z, t: ACTIVATIONS[name](torch, z) * t, Z, T)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.oracle
def test_exact_gelu_equals_torch():
    mine = ours(lambda z: sd.nn.gelu(z, approximate=False), Z)
    theirs = torch_grad(lambda torch, z: torch.nn.functional.gelu(z), Z)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_the_gradient_of_cross_entropy_is_written_as_people_write_it():
    """(softmax(z) − onehot(y)) first, and only then the share d/N of each row."""
    n = sd.dim("N")
    z, y = sd.input("z", (n, 3)), sd.input("y", n, "int64")
    gradient = sd.grad(sd.nn.softmax_cross_entropy(z, y), z)
    assert gradient.node.op.name == "multiply"
    difference, share = gradient.node.inputs
    assert difference.op.name == "subtract"
    assert [i.op.name for i in difference.inputs] == ["softmax", "one_hot"]
    assert [i.op.name for i in topological([share])][-1] == "broadcast_to"


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_cross_entropies_are_finite_at_extreme_logits(scale):
    z32 = np.array([[scale, 0, -scale]], np.float32)
    for function, label in (
        (sd.nn.softmax_cross_entropy, np.array([2])),
        (sd.nn.sigmoid_cross_entropy, np.array([[0.0, 1.0, 1.0]], np.float32)),
    ):
        value, gradient = ours(function, z32, label)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":  # 0-d stays narrow there
            assert gradient.dtype == np.float32


def test_dense_declares_its_parameters_and_acts_on_the_last_axis():
    n = sd.dim("N")
    x = sd.input("x", (n, 7, 4))
    with sd.scope("net"):
        h = sd.nn.dense(x, 3, activation="tanh", name="hidden")
    assert h.shape == (n, 7, 3)
    w, b = sd.params(h)
    assert (w.name, b.name) == ("net.hidden.W", "net.hidden.b")
    assert w.node.attrs["init"].name == "glorot_uniform"
    assert b.node.attrs["init"].name == "zeros"
    assert h.parents[0].hint == "z"
    xs, ws, bs = RNG.normal(size=(2, 7, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
    value = sd.interpret(h, {x: xs, w: ws, b: bs})
    np.testing.assert_allclose(value, np.tanh(xs @ ws + bs), rtol=1e-14)
    plain = sd.nn.dense(x, 3, activation=sd.nn.relu, use_bias=False)
    assert [p.node.attrs["init"].name for p in sd.params(plain)] == ["he_uniform"]
    given = sd.params(sd.nn.dense(x, 3, init=ws, bias_init=1.0))
    assert [p.node.attrs["init"].draw(None, p.shape).mean() for p in given] == [
        ws.mean(),
        1,
    ]


BAD = {
    "units": lambda x: sd.nn.dense(x, 0),
    "activation": lambda x: sd.nn.dense(x, 2, "rleu"),
    "scalar": lambda x: sd.nn.dense(sd.sum(x), 2),
    "integers": lambda x: sd.nn.dense(sd.cast(x, "int64"), 2),
    "symbolic features": lambda x: sd.nn.dense(x.T, 2),
    "rate 1": lambda x: sd.nn.dropout(x, 1.0),
    "rate nan": lambda x: sd.nn.dropout(x, float("nan")),
    "mse of (N,) and (N, 1)": lambda x: sd.nn.mse(x[:, 0], x[:, :1]),
    "labels of another rank": lambda x: sd.nn.softmax_cross_entropy(
        x, sd.input("y", (sd.dim("N"), 1), int)
    ),
    "labels as floats of another shape": lambda x: sd.nn.softmax_cross_entropy(
        x, x[:, 0]
    ),
    "reduction": lambda x: sd.nn.mse(x, x, reduction="average"),
    "hinge reduction": lambda x: sd.nn.hinge(
        x, sd.input("y", sd.dim("N"), int), reduction="avg"
    ),
    "empty l2": lambda x: sd.nn.l2([]),
    "l2 of a number": lambda x: sd.nn.l2(3.0),
    "float labels": lambda x: sd.nn.accuracy(x, x[:, 0]),
    "accuracy of another shape": lambda x: sd.nn.accuracy(
        x, sd.input("y", (sd.dim("N"), 1), int)
    ),
    "batch of no rows": lambda x: sd.nn.softmax_cross_entropy(
        sd.input("z", (0, 3)), sd.input("y", 0, int)
    ),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(sd.input("x", (sd.dim("N"), 4)))
    assert __file__ in str(caught.value)


def test_dropout_is_a_mask_in_training_and_nothing_in_prediction():
    x = sd.input("x", (sd.dim("N"), 4))
    out = sd.nn.dropout(x, 0.25)
    assert sd.resolve_mode(out, "infer") is x
    train = sd.resolve_mode(out, "train")
    gradient = sd.grad(sd.sum(train), x)
    (site,) = [n for n in topological([gradient.node]) if n.op.name == "random"]
    assert [n for n in topological([train.node]) if n.op.name == "random"] == [site]
    assert any(n.op.name == "by_mode" for n in topological([out.node]))
    assert sd.nn.dropout(x, 0) is x


def test_two_dropouts_never_share_a_mask():
    x = sd.input("x", (3,))
    both = sd.nn.dropout(x, 0.5) + sd.nn.dropout(x, 0.5)
    sites = [n for n in topological([both.node]) if n.op.name == "random"]
    assert len(sites) == 2


def test_the_choice_of_mode_stays_open_under_differentiation():
    x = sd.input("x", (3,))
    out = sd.sum(sd.by_mode(train=x**2, infer=x**3))
    gradient = sd.grad(out, x)
    tangent = sd.jvp(out, x, sd.ones(3))
    at = {x: np.array([1.0, 2.0, 3.0])}
    for mode, power in (("train", 2), ("infer", 3)):
        g, t = sd.interpret(sd.resolve_mode([gradient, tangent], mode), at)
        np.testing.assert_allclose(g, power * at[x] ** (power - 1))
        np.testing.assert_allclose(t, g.sum())


def test_penalties_and_accuracy():
    a, b = sd.input("a", (2,)), sd.input("b", (2, 2))
    at = {a: np.array([1.0, -2]), b: np.array([[3.0, 0], [0, -1]])}
    assert sd.interpret(sd.nn.l1([a, b]), at) == 7
    assert sd.interpret(sd.nn.l2((a, b)), at) == 15
    assert sd.interpret(sd.nn.l2(b), at) == 10
    z, y = sd.input("z", (3, 2)), sd.input("y", (3,), "int32")
    share = sd.interpret(
        sd.nn.accuracy(z, y),
        {z: np.float32([[1, 0], [0, 1], [1, 0]]), y: np.int32([0, 1, 1])},
    )
    assert share == pytest.approx(2 / 3)
    assert share.dtype == np.float32
