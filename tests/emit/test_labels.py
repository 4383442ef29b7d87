"""No label or index out of range means another one in silence, plain or computed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd

K = 5
N = sd.dim("N")
RNG = np.random.default_rng(3)
Z = RNG.normal(size=(3, K))
W = RNG.uniform(0.5, 2, size=K)


def compiled(name: str, inputs: list[Any], value: Any) -> Any:
    function = sd.Function(name, inputs, {"out": value})
    module = sd.compile(function, optimize=1).load()
    return importlib.import_module(f"{module.__name__}.backward")


# --- labels that are left out ---------------------------------------------------------


def rows_of(z: Any, y: Any, ignored: int) -> Any:
    """−log softmax(z)[y] of the rows that count, and where they stand."""
    kept = y != ignored
    logs = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -logs[kept][np.arange(kept.sum()), y[kept]], kept


def weighted_mean(z: Any, y: Any, ignored: int) -> Any:
    rows, kept = rows_of(z, y, ignored)
    return np.average(rows, weights=W[y[kept]])


def all_rows(z: Any, y: Any, ignored: int) -> Any:
    rows, kept = rows_of(z, y, ignored)
    found = np.zeros(len(y))
    found[kept] = rows
    return found


ENTROPY = sd.nn.softmax_cross_entropy
LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mean": (ENTROPY, lambda *a: rows_of(*a)[0].mean()),
    "sum": (
        lambda z, y, **i: ENTROPY(z, y, reduction="sum", **i),
        lambda *a: rows_of(*a)[0].sum(),
    ),
    "rows": (lambda z, y, **i: ENTROPY(z, y, reduction="none", **i), all_rows),
    "weights": (lambda z, y, **i: ENTROPY(z, y, class_weights=W, **i), weighted_mean),
    "nll": (
        lambda z, y, **i: sd.nn.nll(sd.log_softmax(z), y, **i),
        lambda *a: rows_of(*a)[0].mean(),
    ),
    "weighted nll": (
        lambda z, y, **i: sd.nn.nll(sd.log_softmax(z), y, class_weights=W, **i),
        weighted_mean,
    ),
    "shifted": (
        lambda z, y, ignore_index: ENTROPY(z, y + 1 - 1, ignore_index=ignore_index),
        lambda *a: rows_of(*a)[0].mean(),
    ),
}
IGNORED = (-100, -1, 2, K, 255)


@pytest.mark.parametrize("ignored", IGNORED)
@pytest.mark.parametrize("name", LOSSES)
def test_one_label_is_left_out_and_every_other_one_out_of_range_is_refused(
    name: str, ignored: int
) -> None:
    loss, reference = LOSSES[name]
    z, y = sd.input("z", (N, K)), sd.input("y", (N,), dtype="int64")
    made = compiled("left_out", [z, y], loss(z, y, ignore_index=ignored))
    labels = np.array([3, ignored, 1])
    found, residuals = made.forward_with_residuals(Z, labels)
    np.testing.assert_allclose(found, reference(Z, labels, ignored), rtol=1e-12)
    d_z = np.asarray(made.backward(residuals, np.ones_like(found)).d_z)
    for i, at in enumerate(np.ndindex(Z.shape)):
        step = np.zeros(Z.size)
        step[i] = 1e-6
        up, down = (Z + s * step.reshape(Z.shape) for s in (1, -1))
        slope = np.sum(
            reference(up, labels, ignored) - reference(down, labels, ignored)
        )
        np.testing.assert_allclose(d_z[at], slope / 2e-6, atol=1e-7)
    for label in {-101, -2, -1, K, K + 1, 12, 254, 255} - {ignored}:
        with pytest.raises(ValueError, match=f"y: expected values .*got {label}$"):
            made.forward_with_residuals(Z, np.array([3, label, 1]))


def test_what_is_left_out_beside_a_declared_range() -> None:
    for low, high, fine, refused in (
        (0, 256, [0, 4, 255], [5, 254, -1]),
        (-1, 5, [0, 4], [-1, 5, 255]),
        (1, 4, [1, 3], [0, 4, 255]),
    ):
        z = sd.input("z", (N, K))
        y = sd.input("y", (N,), dtype="int64", low=low, high=high)
        made = compiled("declared", [z, y], ENTROPY(z, y, ignore_index=255))
        for label in fine:
            made.forward_with_residuals(Z, np.array([1, label, 2]))
        for label in refused:
            with pytest.raises(ValueError, match=f"got {label}$"):
                made.forward_with_residuals(Z, np.array([1, label, 2]))


def test_uses_that_leave_out_different_labels_allow_what_all_allow() -> None:
    z, y = sd.input("z", (N, K)), sd.input("y", (N,), dtype="int64")
    both = ENTROPY(z, y, ignore_index=255) + ENTROPY(z[:, :3], y, ignore_index=4)
    made = compiled("both", [z, y], both)
    made.forward_with_residuals(Z, np.array([0, 1, 4]))
    for label in (3, 255):
        with pytest.raises(ValueError, match=f"y: .*got {label}$"):
            made.forward_with_residuals(Z, np.array([0, 1, label]))


def test_a_training_step_refuses_them_too() -> None:
    x, y = sd.input("x", (N, 3)), sd.input("y", (N,), dtype="int64")
    z = sd.nn.dense(x, K, name="out")
    loss = ENTROPY(z, y, ignore_index=255)
    rate = sd.optim.SGD(0.1)
    model = sd.Model("steps", [x], [y], outputs=z, loss=loss, optimizer=rate)
    train = sd.compile(model).load().train
    state = train.init_state(train.init_params(0))
    x_ = np.ones((3, 3), np.float32)
    train.train_step(state, x_, np.array([1, 255, 2]))
    for label in (-1, 12):
        with pytest.raises(ValueError, match=rf"y: .*\(or 255\), got {label}"):
            train.train_step(state, x_, np.array([1, label, 2]))


# --- computed labels and indices ------------------------------------------------------

TABLE = RNG.normal(size=(K, K))


def at(index: Any) -> Any:
    return TABLE[index]


# How an index i of shape (3,) is read, and what NumPy gives for one in range.
READ: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]] = {
    "x[i]": (lambda x, i: x[i], at),
    "x[:, i]": (lambda x, i: x[:, i], lambda i: TABLE[:, i]),
    "x[i, i]": (lambda x, i: x[i, i], lambda i: TABLE[i, i]),
    "take": (lambda x, i: sd.take(x, i, axis=1), lambda i: TABLE[:, i]),
    "embedding": (lambda x, i: sd.take(x, i, axis=0), at),
    "pick": (lambda x, i: sd.pick(x[:3], i), lambda i: TABLE[range(3), i]),
    "along": (
        lambda x, i: sd.take_along_axis(x[:3], i[:, None], axis=1),
        lambda i: TABLE[range(3), i][:, None],
    ),
    "one_hot": (
        lambda x, i: sd.one_hot(i, K) @ x,
        lambda i: np.eye(K)[i] @ TABLE,
    ),
    "entropy": (
        lambda x, i: ENTROPY(x[:3], i),
        lambda i: rows_of(TABLE[:3], i, -1)[0].mean(),
    ),
    "hinge": (
        lambda x, i: sd.nn.hinge(x[:3], i, delta=0.0),
        lambda i: np.maximum(
            TABLE[:3] - TABLE[range(3), i][:, None], 0
        ).sum() / 3,
    ),
    "set": (lambda x, i: x.at(i).set(0.0), lambda i: np.where(mask(i), 0, TABLE)),
    "add": (lambda x, i: x.at(i).add(1.0), lambda i: TABLE + counts(i)),
    "scan": (lambda x, i: sd.map(lambda j: x[j], i), at),
}  # fmt: skip


def mask(i: Any) -> Any:
    return np.isin(np.arange(K), i)[:, None]


def counts(i: Any) -> Any:
    return np.bincount(i, minlength=K)[:, None]


def square_minus_four(y: Any) -> Any:
    return y * y - 4


# How an index is computed from an argument y, alike in NumPy.
COMPUTED: dict[str, Callable[[Any], Any]] = {
    "y - 1": lambda y: y - 1,
    "y + 2": lambda y: y + 2,
    "y // 2": lambda y: y // 2,
    "-y": lambda y: -y,
    "3 - y": lambda y: 3 - y,
    "2 * y": lambda y: 2 * y,
    "y % 5 - 1": lambda y: y % 5 - 1,
    "y * y - 4": square_minus_four,
    "y[::-1]": lambda y: y[::-1],
    "(y - 1).reshape": lambda y: (y - 1).reshape(3, 1).reshape(3),
    "abs(y) - 1": lambda y: abs(y) - 1,
    "where": lambda y: np.where(y > 2, y, y - 1),
    "maximum": lambda y: np.maximum(y, -1),
}


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("read", READ)
def test_a_computed_index_is_read_where_it_is_in_range_and_refused_elsewhere(
    read: str, computed: str
) -> None:
    """The gradient is tried too: what is added up in the backward pass cannot wrap."""
    (value, reference), index = READ[read], COMPUTED[computed]
    x, y = sd.input("x", (K, K)), sd.input("y", (3,), dtype="int64")
    made = compiled("computed", [x, y], value(x, index(y)))
    fine = [n for n in range(-9, 10) if 0 <= index(np.full(3, n))[0] < K]
    assert fine
    for n in range(-9, 10):
        given = np.array([fine[0], n, fine[-1]])
        if n not in fine:
            with pytest.raises((ValueError, IndexError)) as caught:
                made.forward_with_residuals(TABLE, given)
            negative = index(np.full(3, n))[0] < 0
            assert not negative or "expected values" in str(caught.value)
            continue
        found, residuals = made.forward_with_residuals(TABLE, given)
        np.testing.assert_allclose(found, reference(index(given)), rtol=1e-12)
        assert made.backward(residuals, np.ones_like(found)).d_x.shape == (K, K)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_gradient_alone_refuses_what_its_value_would(level: int) -> None:
    """Nothing but the scatter of the backward pass is left to look at the index."""
    for index in (lambda y: y, lambda y: y * y - 1):
        x, y = sd.input("x", (K, 2)), sd.input("y", (3,), dtype="int64")
        slope = sd.grad(sd.sum(sd.take(x, index(y), axis=0) ** 1.0), x)
        function = sd.Function("slope", [x, y], {"out": slope})
        module = sd.compile(function, optimize=level, only=("forward",)).load()
        with pytest.raises(ValueError, match="expected values"):
            module.forward.forward(
                np.ones((K, 2)), np.array([1, 0, -1 if index(2) == 2 else 0])
            )


def test_an_input_of_a_wider_range_is_held_to_the_axis() -> None:
    x = sd.input("x", (K, 2))
    y = sd.input("y", (3,), dtype="int64", low=-1, high=99)
    made = compiled("wider", [x, y], x[y])
    for label in (-1, K):
        with pytest.raises(ValueError, match=f"y: expected values .*got {label}"):
            made.forward_with_residuals(np.ones((K, 2)), np.array([0, label, 1]))


SAFE: dict[str, Callable[[Any, Any], Any]] = {
    "argmax": lambda x, y: sd.argmax(x, axis=1)[:3],
    "argsort": lambda x, y: sd.argsort(x[:, 0])[:3],
    "mod": lambda x, y: y % K,
    "clip": lambda x, y: sd.clip(y, 0, K - 1),
    "maximum": lambda x, y: sd.minimum(sd.maximum(y, 0), K - 1),
    "where": lambda x, y: sd.where((y >= 0) & (y < K), y, 0),
    "not where": lambda x, y: sd.where((y < 0) | (y >= K), 0, y),
    "booleans": lambda x, y: sd.cast(y > 0, "int64") + 1,
    "from the end": lambda x, y: sd.arange(3) - 1,
}


@pytest.mark.parametrize("name", SAFE)
def test_an_index_that_is_provably_in_range_costs_no_check(name: str) -> None:
    x, y = sd.input("x", (K, 2)), sd.input("y", (3,), dtype="int64")
    made = sd.compile(sd.Function("safe", [x, y], {"out": x[SAFE[name](x, y)]}))
    text = made.files["safe/forward.py"]
    assert "in_range" not in text
    assert '"y": ("int64", (3,), None, None)' in text
    made.load().forward.forward(np.ones((K, 2)), np.array([-7, 0, 99]))


def test_a_counter_of_a_loop_costs_no_check() -> None:
    x = sd.input("x", (N,))

    def step(carry: Any) -> Any:
        i, total = carry
        return i + 1, total + x[i]

    start = sd.constant(0), 0.0 * x[0]
    _, total = sd.while_loop(lambda carry: carry[0] < 3, step, start)
    made = sd.compile(sd.Function("counted", [x], {"out": total}))
    assert "in_range" not in made.files["counted/forward.py"]
    assert made.load().forward.forward(np.array([1.0, 2.0, 4.0, 8.0])) == 7


def test_a_constant_label_that_is_no_class_is_refused_where_it_is_declared() -> None:
    z = sd.input("z", (3, K))
    for labels in ([0, -1, 2], [0, K, 2]):
        for loss in (ENTROPY, sd.nn.nll, sd.nn.hinge, sd.pick):
            with pytest.raises(sd.ShapeError, match="out of range"):
                loss(z, np.array(labels))
        with pytest.raises(sd.ShapeError, match="out of range"):
            sd.one_hot(np.array(labels), K)


def test_interpret_takes_no_label_for_another() -> None:
    z, y = sd.input("z", (3, K)), sd.input("y", 3, dtype="int64")
    for value in (ENTROPY(z, y - 1), sd.one_hot(y - 1, K), sd.pick(z, y - 1)):
        with pytest.raises(sd.ShapeError, match="label -1 is out of range"):
            sd.interpret(value, {z: Z, y: [0, 1, 2]})
