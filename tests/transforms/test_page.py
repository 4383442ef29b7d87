"""A page of plain NumPy functions: gradients and Hessian-vector products equal to
JAX's.

The functions are in `numpy_programs`. JAX runs the same text with its own NumPy in
place of NumPy's, and its own loops and gradients in place of ours.
"""

from __future__ import annotations

import inspect
import re
import types
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy_programs
import pytest
from numpy_programs import PROGRAMS

from symdiff.declare.trees import leaf_paths, tree_map
from symdiff.transforms import grad, hvp, value_and_grad

TOLERANCE = 1e-8


# --- the same text under JAX ----------------------------------------------------------


def _stacked(jnp: Any, rows: list[Any]) -> Any:
    if isinstance(rows[0], tuple):
        return tuple(_stacked(jnp, list(column)) for column in zip(*rows, strict=True))
    return None if rows[0] is None else jnp.stack(rows)


class JaxSide:
    """`sd.scan` and `sd.while_loop` as Python loops, which JAX follows eagerly."""

    def __init__(self, jnp: Any) -> None:
        self.jnp = jnp

    def scan(self, body: Any, carry: Any, xs: Any, length: int = 0) -> Any:
        """Carry through the rows, and stack what each step returns."""
        rows = []
        for x in [None] * length if xs is None else xs:
            carry, y = body(carry, x)
            rows.append(y)
        return carry, _stacked(self.jnp, rows)

    def while_loop(self, test: Any, body: Any, carry: Any) -> Any:
        """Repeat while the test of the present values holds."""
        while test(carry):
            carry = body(carry)
        return carry


@cache
def _under_jax() -> Any:
    jax = pytest.importorskip("jax", reason="JAX is not installed (extra [oracles])")
    jax.config.update("jax_enable_x64", True)
    path = Path(numpy_programs.__file__)
    text = path.read_text("utf-8")
    for line in (
        "import numpy as np\n",
        "import symdiff as sd\n",
        "from symdiff.transforms import grad\n",
        "\n_data()\n",
    ):
        assert line in text
        text = text.replace(line, "\n")
    module = types.ModuleType("numpy_programs_under_jax")
    names = {"np": jax.numpy, "sd": JaxSide(jax.numpy), "grad": jax.grad}
    vars(module).update(names)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


def _arrays(value: Any) -> Any:
    return tree_map(lambda _, leaf: _under_jax().np.asarray(leaf), value)


def _directions(value: Any) -> Any:
    rng = np.random.default_rng(1)
    return tree_map(lambda _, leaf: rng.normal(size=np.shape(leaf)), value)


def assert_close(found: Any, expected: Any) -> None:
    """Compare leaf by leaf, relative to the largest of a leaf."""
    by_path = dict(leaf_paths(expected))  # JAX sorts the keys of dicts
    assert set(by_path) == {path for path, _ in leaf_paths(found)}
    for path, leaf in leaf_paths(found):
        ours, theirs = np.asarray(leaf), np.asarray(by_path[path])
        assert ours.shape == theirs.shape, path
        scale = max(np.max(np.abs(theirs), initial=0.0), 1e-30)
        assert np.max(np.abs(ours - theirs), initial=0.0) <= TOLERANCE * scale, path


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_and_hessian_vector_product_are_those_of_jax(name):
    jax = pytest.importorskip("jax", reason="JAX is not installed (extra [oracles])")
    function, count, args = PROGRAMS[name]
    theirs = getattr(_under_jax(), name)
    argnum = tuple(range(count))
    varied, fixed = args[:count], tuple(map(_arrays, args[count:]))
    vectors = _directions(varied)

    def gradient(*varied: Any) -> Any:
        return jax.value_and_grad(theirs, argnum)(*varied, *fixed)

    starts, moves = tuple(map(_arrays, varied)), tuple(map(_arrays, vectors))

    def everything(at: Any, by: Any) -> Any:
        return jax.jvp(gradient, at, by)

    # Where no loop is written out, compiling all at once is quicker than one by one.
    if not re.search(r"\b(for|scan|while_loop)\b", inspect.getsource(function)):
        everything = jax.jit(everything)
    (value, first), (_, second) = everything(starts, moves)
    ours, found = value_and_grad(function, argnum)(*args)
    assert ours == pytest.approx(float(value), rel=1e-10)
    assert_close(found, first)
    assert_close(hvp(function, argnum)(*args, vectors), second)


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_is_that_of_numpy_where_python_can_run_it(name):
    """Without loops and gradients of ours, NumPy runs the functions as they stand."""
    function, _, args = PROGRAMS[name]
    if {"scan", "while_loop", "grad"} & set(function.__code__.co_names):
        pytest.skip("the function has a loop or a gradient of ours")
    value, _ = value_and_grad(function)(*args)
    assert value == pytest.approx(float(function(*args)), rel=1e-12)


def test_single_precision_stays_single():
    function, _, args = PROGRAMS["multinomial"]
    params = {k: v.astype("float32") for k, v in args[0].items()}
    found = grad(function)(params, args[1].astype("float32"), args[2])
    assert {k: v.dtype.name for k, v in found.items()} == dict.fromkeys(
        params, "float32"
    )


@pytest.mark.oracle
def test_functions_written_for_autograd_need_no_change():
    anp = pytest.importorskip(
        "autograd.numpy", reason="autograd is not installed (extra [oracles])"
    )
    import autograd

    def loss(params, x, y):
        for W, b in params:
            x = anp.tanh(anp.dot(x, W) + b)
        return anp.mean((x[:, 0] - y) ** 2) + anp.sum(anp.where(x > 0, x, 0.1 * x))

    rng = np.random.default_rng(3)
    layers = [(rng.normal(size=(3, 4)), rng.normal(size=4)) for _ in range(1)]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=5)
    ours, theirs = grad(loss)(layers, x, y), autograd.grad(loss)(layers, x, y)
    assert_close(ours, theirs)
    flat, vector = layers[0][0], rng.normal(size=(3, 4))

    def of_weights(W):
        return loss([(W, layers[0][1])], x, y)

    expected = autograd.hessian_vector_product(of_weights)(flat, vector)
    assert_close(hvp(of_weights)(flat, vector), expected)
