"""Models whose arguments do not share a number of rows: `fit` and `symdiff train`.

The class: arguments with no rows at all (a scalar, a fixed table), with rows of another
kind (edges of a graph), with rows on a later axis, with a shape that all rows decide
together (an adjacency matrix); from arrays and from functions.
"""

import numpy as np
import pytest
from training_runs import train

import symdiff as sd

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
N, E, T = sd.dim("N"), sd.dim("E"), sd.dim("T")
RNG = np.random.default_rng(0)


def compiled(inputs, targets, z, loss):
    model = sd.Model("m", inputs, targets, z, loss, optimizer=sd.optim.SGD(0.1))
    return sd.compile(model).load().train


def fresh(made):
    return made.init_state(made.init_params(0, np.float64))


def graph():
    x, y = sd.input("x", (N, 3)), sd.input("y", N)
    edges = sd.input("edges", (E, 2), "int64")
    sent = sd.take(x, edges[:, 0], axis=0)
    got = (
        sd.segment_sum(sent, edges[:, 1], N)
        if hasattr(sd, "segment_sum")
        else (sd.zeros((N, 3)).at(edges[:, 1]).add(sent))
    )
    z = sd.nn.dense(x + got, 1, name="out")[:, 0]
    data = {
        "x": RNG.normal(size=(6, 3)),
        "edges": np.array([[0, 1], [1, 2], [5, 0], [3, 4]]),
        "y": RNG.normal(size=6),
    }
    return compiled([x, edges], [y], z, sd.nn.mse(z, y)), data


def scalar():
    x, y, heat = sd.input("x", (N, 3)), sd.input("y", N), sd.input("heat", ())
    table = sd.input("table", (3,))
    z = sd.nn.dense(x * table, 1, name="out")[:, 0] / heat
    data = {
        "x": RNG.normal(size=(7, 3)),
        "heat": np.array(2.0),
        "table": RNG.normal(size=3),
        "y": RNG.normal(size=7),
    }
    return compiled([x, heat, table], [y], z, sd.nn.mse(z, y)), data


def later_axis():
    x, y = sd.input("x", (T, N, 3)), sd.input("y", N)
    z = sd.nn.dense(sd.mean(x, axis=0), 1, name="out")[:, 0]
    data = {"x": RNG.normal(size=(4, 7, 3)), "y": RNG.normal(size=7)}
    return compiled([x], [y], z, sd.nn.mse(z, y)), data


def by_hand(made, batches):
    state = fresh(made)
    for batch in batches:
        made.train_step(state, *(batch[name] for name in made.DATA))
    return state.flat_params


@pytest.mark.parametrize("make", [graph, scalar, later_axis])
def test_a_function_may_give_any_batches_that_fit(make):
    made, data = make()
    state = fresh(made)
    history = made.fit(state, lambda epoch: [data, data], epochs=2, validation=data)
    assert np.isfinite([r["val_loss"] for r in history]).all()
    np.testing.assert_array_equal(state.flat_params, by_hand(made, [data] * 4))


@pytest.mark.parametrize("make", [scalar, later_axis])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_arguments_without_rows_pass_whole(make, accumulate):
    made, data = make()
    state = fresh(made)
    settings = {"batch_size": 3, "shuffle": False, "accumulate": accumulate}
    made.fit(state, data, epochs=1, **settings)
    parts = [
        {
            name: a.take(rows, made.ROWS[name]) if name in made.ROWS else a
            for name, a in data.items()
        }
        for rows in ([0, 1, 2], [3, 4, 5], [6])
    ]
    np.testing.assert_allclose(state.flat_params, by_hand(made, parts), rtol=1e-12)


def test_a_graph_is_one_batch_in_its_own_order():
    made, data = graph()
    state = fresh(made)
    made.fit(state, data, epochs=3, batch_size=6)
    np.testing.assert_array_equal(state.flat_params, by_hand(made, [data] * 3))
    with pytest.raises(ValueError, match=r"edges picks rows by number.*batch_size=6"):
        made.fit(state, data, batch_size=4)


def adjacency(z, by):
    return by @ z


def both_halves(z, by):
    return z + by[: z.shape[0]] - by[z.shape[0] :]


def differences(z, by):
    return z + by[1:] - by[:-1]


OF_ALL = {"square": adjacency, "twice": both_halves, "one more": differences}


def of_all_rows(kind, n):
    """Return a model of n rows with an argument that belongs to all of them."""
    shapes = {"square": (n, n), "twice": (2 * n,), "one more": (n + 1,)}
    x, y, by = sd.input("x", (n, 3)), sd.input("y", n), sd.input("by", shapes[kind])
    z = OF_ALL[kind](sd.nn.dense(x, 1, name="out")[:, 0], by)
    long = {"square": (6, 6), "twice": 12, "one more": 7}[kind]
    data = {"x": RNG.normal(size=(6, 3)), "by": RNG.normal(size=long)}
    data["y"] = RNG.normal(size=6)
    return compiled([x, by], [y], z, sd.nn.mse(z, y)), data


@pytest.mark.parametrize("kind", OF_ALL)
@pytest.mark.parametrize("n", [N, 6])
def test_what_belongs_to_all_rows_keeps_them_in_their_order(kind, n):
    made, data = of_all_rows(kind, n)
    state = fresh(made)
    made.fit(state, data, epochs=3, batch_size=6)
    np.testing.assert_array_equal(state.flat_params, by_hand(made, [data] * 3))


@pytest.mark.parametrize("kind", OF_ALL)
def test_rows_that_belong_together_are_not_cut(kind):
    made, data = of_all_rows(kind, N)
    with pytest.raises(ValueError, match=r"by .*all rows.* take batch_size=6"):
        made.fit(fresh(made), data, batch_size=4)


def test_a_metric_that_picks_rows_keeps_them_too():
    x, y, i = sd.input("x", (N, 3)), sd.input("y", N), sd.input("i", 2, "int64")
    z = sd.nn.dense(x, 1, name="out")[:, 0]
    metrics = {"picked": sd.sum(y[i])}
    optimizer = sd.optim.SGD(0.1)
    model = sd.Model("m", [x], [y, i], z, sd.nn.mse(z, y), metrics, optimizer)
    made = sd.compile(model).load().train
    data = {"x": RNG.normal(size=(6, 3)), "y": np.arange(6.0), "i": np.array([0, 5])}
    (record,) = made.fit(fresh(made), data, epochs=1)
    assert record["picked"] == 5


def test_a_model_without_rows_takes_its_data_whole():
    p, y = sd.input("p", ()), sd.input("y", (3,))
    z = p * sd.param("w", 3, init="ones")
    made = compiled([p], [y], z, sd.nn.mse(z, y))
    data = {"p": np.array(0.5), "y": np.arange(3.0)}
    state = fresh(made)
    made.fit(state, data, epochs=2)
    assert state.step == 2
    np.testing.assert_array_equal(state.flat_params, by_hand(made, [data] * 2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.ones(5)}, "one number of rows"),
        ({"x": np.array(1.0)}, "x must have a row an example"),
        ({"heat": np.ones(7)}, "heat"),
        ({"table": np.ones(4)}, "table"),
    ],
)
def test_what_does_not_fit_is_told(change, said):
    made, data = scalar()
    with pytest.raises(ValueError, match=said):
        made.fit(fresh(made), {**data, **change})


SPEC = """\
import numpy as np
import symdiff as sd
N = sd.dim("N")
x, y, heat = sd.input("x", (N, 3)), sd.input("y", N), sd.input("heat", ())
z = sd.nn.dense(x, 1, name="out")[:, 0] / heat
model = sd.Model("m", [x, heat], [y], z, sd.nn.mse(z, y), optimizer=sd.optim.SGD(0.1))
def data():
    rng = np.random.default_rng(0)
    rows = {"x": rng.normal(size=(20, 3)), "heat": np.array(2.0)}
    rows["y"] = rng.normal(size=20)
    return {"train": rows}
"""


def test_the_command_line_trains_such_models():
    said = train("--epochs", 2, "--validation-split", 0.25, text=SPEC)
    assert "examples: train 15, validation 5" in said
    batches = SPEC.replace('"train": rows', '"train": lambda epoch: [rows]')
    assert "in batches" in train("--epochs", 2, text=batches)
