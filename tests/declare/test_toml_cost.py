"""What a TOML spec costs is bounded by its length: operations are counted, not seconds.

Every function that equations may call and that takes a count (how many pieces, which
order, how long) is called with small and with huge counts, and chained as often as a
short file allows: no more operations are made than its characters pay for, and a huge
count is refused before anything is built.
"""

import inspect
import json

import pytest

import symdiff as sd
from symdiff.declare.spec import load_spec
from symdiff.declare.toml import limits as limits
from symdiff.declare.toml.functions import functions
from symdiff.graph import node as nodes

HEAD = """\
[function]
name = "f"
[inputs]
x = { shape = ["N", 4] }
v = { shape = ["N"] }
P = { shape = [4, 4] }
w = { shape = [1000] }
"""
# Functions by what counts in them; `{n}` is the count.
CALLS = {
    "arange": "arange({n})",
    "array_split": "array_split(w, {n})[0]",
    "avg_pool1d": "avg_pool1d(w[None, None], {n})",
    "avg_pool2d": "avg_pool2d(x[None, None], {n})",
    "broadcast_to": "broadcast_to(P, ({n}, 4, 4))",
    "conv1d": "conv1d(w[None, None], {n}, 3)",
    "conv2d": "conv2d(x[None, None], {n}, 3)",
    "dense": "dense(x, {n})",
    "diag": "diag(w, {n})",
    "diff": "diff(v, n={n})",
    "dsplit": "dsplit(w[None, None], {n})[0]",
    "embedding": "embedding(argsort(w), {n}, 3)",
    "eye": "eye({n})",
    "full": "full(({n}, 2), 1.0)",
    "geomspace": "geomspace(1, 2, {n})",
    "group_norm": "group_norm(x, {n})",
    "gru": "gru(x[None], {n})[0]",
    "hsplit": "hsplit(w, {n})[0]",
    "identity": "identity({n})",
    "linalg.matrix_power": "linalg.matrix_power(P, {n})",
    "linspace": "linspace(0, 1, {n})",
    "logspace": "logspace(0, 1, {n})",
    "lstm": "lstm(x[None], {n})[0]",
    "max_pool1d": "max_pool1d(w[None, None], {n})",
    "max_pool2d": "max_pool2d(x[None, None], {n})",
    "maxout": "maxout(x, {n})",
    "multi_head_attention": "multi_head_attention(x[None], 2, {n})",
    "one_hot": "one_hot(argsort(w), {n})",
    "ones": "ones(({n},))",
    "pad": "pad(x, {n})",
    "percentile": "percentile(v, [{list}])",
    "polygamma": "polygamma({n}, x)",
    "polynomial_features": "polynomial_features(x, {n})",
    "polyval": "polyval(w[:{n}], P)",
    "quantile": "quantile(v, [{list}])",
    "random.normal": "random.normal(({n},))",
    "random.uniform": "random.uniform(({n},))",
    "repeat": "repeat(x, {n})",
    "reshape": "reshape(w, ({n}, -1))",
    "rnn": "rnn(x[None], {n})[0]",
    "roll": "roll(x, {n})",
    "rot90": "rot90(P, {n})",
    "sliding_window_view": "sliding_window_view(w, {n})",
    "split": "split(w, {n})[0]",
    "tile": "tile(x, {n})",
    "tri": "tri({n})",
    "unstack": "sum(unstack(w[:{n}])[0])",
    "vsplit": "vsplit(w, {n})[0]",
    "zeros": "zeros(({n},))",
}
COUNTS = frozenset(
    [
        *("columns", "degree", "filters", "groups", "heads", "indices_or_sections"),
        *("n", "num", "pad_width", "pieces", "repeats", "reps", "rows", "units"),
        *("vocabulary", "window_shape"),
    ]
)
PER_CALL = 800  # operations of one call, whatever its count


@pytest.fixture
def cost(tmp_path, monkeypatch):
    """A function that reads equations, and gives the operations that were made."""

    def counted(equations):
        lines = [f"e{i} = {json.dumps(e)}" for i, e in enumerate(equations)]
        text = "\n".join([f"{HEAD}[equations]", *lines, "[outputs]", 'y = "x"', ""])
        path = tmp_path / "spec.toml"
        path.write_text(text, "utf-8")
        made = 0
        check = limits.check_node

        def watch(node):
            nonlocal made
            made += node.op.facts.weight
            check(node)

        monkeypatch.setattr(limits, "check_node", watch)
        try:
            load_spec(path)
        except sd.SymdiffError as error:
            return made, len(text), str(error)
        finally:
            monkeypatch.setattr(limits, "check_node", check)
        return made, len(text), ""

    return counted


def call(name, count, number=0):
    """A call with a count; ``number`` makes it another one."""
    listed = ", ".join(f"0.{i + 1}{number}" for i in range(min(count, 60)))
    made = CALLS[name].replace("{n}", str(count)).replace("{list}", listed)
    return made.replace("(x", f"(x * {number + 2}", 1).replace(
        "(v", f"(v * {number + 2}"
    )


@pytest.mark.parametrize("count", [2, 7, 31, 500, 10**6, 10**12])
@pytest.mark.parametrize("name", CALLS)
def test_one_call_is_cheap_whatever_it_counts(name, count, cost):
    made, _, _ = cost([call(name, count)])
    if name in ("percentile", "quantile"):
        assert made <= 40 * min(count, 60) + 20  # as many as are written out
    elif name in ("polyval", "unstack", "array_split", "split", "hsplit"):
        assert made <= 6_000  # as many as there are elements, and no more
    else:
        assert made <= PER_CALL


@pytest.mark.parametrize("count", [2, 12, 30])
@pytest.mark.parametrize("name", CALLS)
def test_a_spec_makes_what_its_characters_pay_for(name, count, cost):
    """Whatever is chained, what is built stays below the limit of so long a file."""
    equations = [call(name, count, i) for i in range(120)]
    made, characters, said = cost(equations)
    most = limits.FEW_NODES + limits.NODES_A_CHARACTER * characters
    assert made <= min(most, limits.MAX_NODES)
    if not said:
        assert made <= most


def test_every_function_that_takes_a_count_is_here():
    found = {
        name
        for name, function in functions().items()
        if COUNTS & set(inspect.signature(function).parameters)
    }
    assert found - set(CALLS) <= {"global_avg_pool"}


LONG = {
    "differences": [f"diff({'v' if not i else f'e{i - 1}'}, n=999)" for i in range(10)],
    "allowed differences": [
        f"diff({'v' if not i else f'e{i - 1}'}, n=32)" for i in range(100)
    ],
    "percentiles": [
        f"percentile(v, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, {12 + i / 7:.3f}])"
        for i in range(300)
    ],
}


@pytest.mark.parametrize("name", LONG)
def test_what_took_long_is_refused_before_it_is_built(name, cost):
    made, characters, said = cost(LONG[name])
    assert "limit of TOML specs" in said or "an order of at most 32" in said
    assert made <= limits.FEW_NODES + limits.NODES_A_CHARACTER * characters
    if name == "differences":
        assert made < 20


COMPILED = ["percentile(v, 5)", "quantile(v, [0.1, 0.2])", "median(x, axis=0)"]


@pytest.mark.parametrize("equation", [*COMPILED, "diff(v, n=9)", "sum(x * x)"])
def test_what_is_compiled_is_in_proportion_to_what_was_counted(
    equation, cost, tmp_path
):
    made, _, said = cost([equation])
    assert not said
    text = f"{HEAD}[outputs]\ny = {json.dumps(equation)}\n"
    path = tmp_path / "compiled.toml"
    path.write_text(text, "utf-8")
    model = load_spec(path).model
    asked = 0

    def watch(_):
        nonlocal asked
        asked += 1

    token = nodes.WATCH.set(watch)
    try:
        sd.compile(model, optimize=1)
    finally:
        nodes.WATCH.reset(token)
    assert asked <= 8 * made + 60
