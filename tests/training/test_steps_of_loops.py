"""The steps of a loop are no examples: `fit` neither shuffles nor cuts them.

The class: how a model may go along a sequence whose first axis is time (forward,
backward, from the second step on, in a nested loop; a target for each step or for the
sequence, a mask), with a batch beside it and without one. Each is trained like its twin
that has the batch first. Loops whose order does not matter have rows like any others.
"""

import numpy as np
import pytest

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
RNG = np.random.default_rng(0)
STEPS, ROWS = 5, 12


def _walk(x, reverse=False):
    """A recurrence along the first axis of x, (T, N, 3)."""
    w, u = sd.param("w", 3, init=0.3), sd.param("u", (), init=0.5)
    start = sd.sum(x[0], axis=-1) * 0

    def body(h, row):
        h = sd.tanh(u * h + row @ w)
        return h, h

    return sd.scan(body, start, x, reverse=reverse)


def each_step(x, y):
    h = _walk(x)[1]
    return h, sd.mean((h - y) ** 2)


def backwards(x, y):
    h = _walk(x, reverse=True)[1]
    return h, sd.mean((h - y) ** 2)


def from_the_second(x, y):
    h = _walk(x[1:] - x[:-1])[1]
    return h, sd.mean((h - y[1:]) ** 2)


def nested(x, y):
    halves = sd.stack([x, 2 * x])
    h = sd.scan(lambda c, part: (c + 1.0, _walk(part)[1]), sd.constant(0.0), halves)[1]
    return h[0], sd.mean((h - y) ** 2)


SEQUENCES = [each_step, backwards, from_the_second, nested]


def compiled(inputs, targets, z, loss):
    model = sd.Model("m", inputs, targets, z, loss, optimizer=sd.optim.SGD(0.1))
    return sd.compile(model).load()


def trained(made, data, **options):
    state = made.init_state(made.init_params(0, np.float64))
    history = made.fit(state, data, **{"epochs": 2, "batch_size": 4, **options})
    return history, state.params


def time_first(sequence, batch=True):
    x = sd.input("x", (T, N, 3) if batch else (T, 3))
    y = sd.input("y", (T, N) if batch else T)
    return compiled([x], [y], *sequence(x, y))


def batch_first(sequence):
    x, y = sd.input("x", (N, T, 3)), sd.input("y", (N, T))
    z, loss = sequence(sd.swapaxes(x, 0, 1), sd.swapaxes(y, 0, 1))
    return compiled([x], [y], z, loss)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_batch_beside_the_steps_is_what_is_shuffled_and_cut(sequence):
    x, y = RNG.normal(size=(STEPS, ROWS, 3)), RNG.normal(size=(STEPS, ROWS))
    twin = {"x": x.swapaxes(0, 1), "y": y.swapaxes(0, 1)}
    found = trained(time_first(sequence), {"x": x, "y": y}, validation={"x": x, "y": y})
    wanted = trained(batch_first(sequence), twin, validation=twin)
    for a, b in zip(found[0], wanted[0], strict=True):
        assert a == pytest.approx(b)
    for name, value in wanted[1].items():
        np.testing.assert_allclose(found[1][name], value, atol=1e-12)


def test_what_has_steps_alone_or_rows_alone_stands_beside():
    x, y = sd.input("x", (T, N, 3)), sd.input("y", (T, N))
    weight, group = sd.input("weight", T), sd.input("group", N)
    h = _walk(x)[1] * group
    loss = sd.mean(weight[:, None] * (h - y) ** 2)
    made = compiled([x, weight, group], [y], h, loss)
    assert made.train.ROWS == {"x": 1, "group": 0, "y": 1}


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_one_sequence_is_one_batch(sequence):
    made = time_first(sequence, batch=False)
    data = {"x": RNG.normal(size=(ROWS, 3)), "y": RNG.normal(size=ROWS)}
    found = trained(made, data, batch_size=ROWS)
    parts = trained(made, lambda epoch: [data])
    assert found[0] == parts[0]
    for name, value in parts[1].items():
        np.testing.assert_array_equal(found[1][name], value)
    with pytest.raises(ValueError, match=r"a loop goes along .*take batch_size=12"):
        trained(made, data)


def mapped(x, w):
    return sd.map(lambda row: sd.tanh(row @ w), x)


def added_up(x, w):
    """The loop hands on a sum, whose order does not matter."""
    z = sd.scan(lambda c, row: (c + row @ w, sd.tanh(row @ w)), sd.constant(0.0), x)
    return z[1] + 0 * z[0]


def with_a_slope(x, w):
    """The slope by w is added up by a loop."""
    return mapped(x, w) + sd.sum(sd.grad(sd.sum(mapped(x, w)), w))


@pytest.mark.parametrize("make", [mapped, added_up, with_a_slope])
def test_loops_whose_order_does_not_matter_have_rows(make):
    x, y, w = sd.input("x", (T, 3)), sd.input("y", T), sd.param("w", 3, init=0.1)
    z = make(x, w)
    made = compiled([x], [y], z, sd.mean((z - y) ** 2))
    data = {"x": RNG.normal(size=(ROWS, 3)), "y": RNG.normal(size=ROWS)}
    steps = []
    trained(made, data, callback=lambda *told: steps.append(told[2]))
    assert steps[-1] == 3
    assert not hasattr(made.train, "NUMBERED")


def test_a_matrix_whose_columns_are_no_rows_is_one_sequence():
    """x has T and no N, so N is no dim of examples."""
    x, y = sd.input("x", (T, 3)), sd.input("y", (T, N))
    h = _walk(x)[1]
    made = compiled([x], [y], h, sd.mean((h[:, None] - y) ** 2))
    assert made.train.ROWS == {"x": 0, "y": 0}
