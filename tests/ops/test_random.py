"""Draws depend on key and site alone, and are the same bits on every NumPy."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.core import draws
from symdiff.ops.core.random import draw

OLD_NUMPY = os.environ.get("SYMDIFF_NUMPY1", "")
KNOWN = [3406002, 11948973, 9727567, 1182904]  # of key 42 at site 3
KEYS = [0, 1, -1, 2**64 + 1, 10**30, -(2**70)]


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (5,), (4, 3)], ids=str)
def test_a_draw_has_its_shape_and_dtype(kind, shape):
    for dtype in (np.float32, np.float64):
        value = draw(kind, 7, 0, shape, np.dtype(dtype))
        assert value.shape == shape
        assert value.dtype == dtype


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_both_widths_hold_the_same_numbers(kind):
    wide = draw(kind, 3, 1, (1000,), np.float64)
    np.testing.assert_array_equal(draw(kind, 3, 1, (1000,), np.float32), wide)


def test_known_bits():
    """Philox 4x64-10 of Salmon et al., SC 2011, as NumPy seeds it: never to change."""
    u = draw("uniform", 42, 3, (4,), np.float64)
    assert (u * 2**24).astype(int).tolist() == KNOWN
    raw = np.random.Philox(key=np.array([42, 3], np.uint64)).random_raw(2)
    words = [int(r) >> shift & 0xFFFFFFFF for r in raw for shift in (0, 32)]
    assert [w >> 8 for w in words] == KNOWN


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_keys_and_sites_give_unrelated_draws(kind):
    drawn = [draw(kind, k, s, (500,), np.float64) for k in (0, 1, -1) for s in (0, 1)]
    correlation = np.corrcoef(drawn) - np.eye(len(drawn))
    assert np.abs(correlation).max() < 0.2
    np.testing.assert_array_equal(drawn[0], draw(kind, 2**64, 0, (500,), np.float64))


def test_uniform_is_uniform():
    u = draw("uniform", 5, 0, (200_000,), np.float64)
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.histogram(u, bins=64, range=(0, 1))[0]
    chi2 = ((counts - u.size / 64) ** 2 / (u.size / 64)).sum()
    assert 30 < chi2 < 110  # 63 degrees of freedom, five sigma
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01


def test_normal_is_normal():
    from scipy import stats

    z = draw("normal", 5, 0, (200_001,), np.float64)
    n = z.size
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs(stats.skew(z)) < 5 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(z)) < 5 * np.sqrt(24 / n)
    assert stats.kstest(z[:20_000], "norm").pvalue > 1e-3
    half = n // 2 + 1  # cosines first, then the sines of the same pairs
    assert abs(np.corrcoef(z[: half - 1], z[half : 2 * half - 1])[0, 1]) < 0.02


PRINT = f"""
import hashlib
for key in {KEYS}:
    for site in (0, 9):
        for name in (_uniform, _normal):
            for dtype in (np.float32, np.float64):
                value = name(key, site, (101, 3), np.dtype(dtype))
                print(hashlib.sha256(value.tobytes()).hexdigest())
"""


def test_the_source_stands_alone_and_gives_the_same_bits_on_numpy_1(tmp_path):
    carried = (draws._whole_key, draws._uniform, draws._normal)
    functions = [inspect.getsource(f) for f in carried]
    source = "\n\n".join(["import numpy as np\n", *functions, PRINT])
    script = tmp_path / "script.py"
    script.write_text(source, "utf-8")
    here = _hashes(script, {})
    assert len(set(here)) > 20
    if not OLD_NUMPY or not Path(OLD_NUMPY, "numpy").is_dir():
        pytest.skip("SYMDIFF_NUMPY1 names no folder with NumPy 1.26")
    assert _hashes(script, {"PYTHONPATH": OLD_NUMPY}) == here


def _hashes(script, environment):
    result = subprocess.run(
        [sys.executable, script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout.split()


def test_public_functions_declare_leaves():
    n = sd.dim("N")
    u = sd.random.uniform((n, 3))
    z = sd.random.normal((n,), mean=1.0, std=2.0)
    b = sd.random.bernoulli(0.3, (n, 2))
    assert (u.node.op.name, u.node.attrs["kind"], u.dtype.name) == (
        "random",
        "uniform",
        "float",
    )
    assert b.dtype.name == "bool"
    assert z.shape == (n,)
    assert sd.random.uniform(3).node is not sd.random.uniform(3).node
    drawn = draw("uniform", 0, 0, (2, 3), np.float64)
    wide = sd.random.uniform((2, 3), -1.0, 3.0)
    (leaf,) = [
        p for t in wide.parents for p in (t, *t.parents) if p.node.op.name == "random"
    ]
    np.testing.assert_allclose(sd.interpret(wide, {leaf: drawn}), 4 * drawn - 1)
    for bad in (
        lambda: sd.random.uniform(2, 1, 1),
        lambda: sd.random.bernoulli(1.5, 2),
    ):
        with pytest.raises(sd.DeclarationError):
            bad()


def test_a_model_numbers_its_random_sites_in_order():
    x = sd.input("x", (sd.dim("N"), 4))
    h = sd.nn.dropout(sd.nn.dense(x, 3, name="a"), 0.5)
    z = sd.nn.dropout(sd.nn.dense(h, 2, name="b"), 0.5)
    model = sd.Model("net", x, outputs=z, loss=sd.sum(z))
    assert [t.shape[1] for t in model.randoms] == [3, 2]
    assert (
        draws._uniform(1, 0, (3,), np.float32).tolist()
        != draws._uniform(1, 1, (3,), np.float32).tolist()
    )


def test_interpret_draws_from_a_key():
    x = sd.input("x", (sd.dim("N"), 3))
    first, second = sd.random.uniform(x.shape), sd.random.normal(x.shape)
    out = [second * x, first]
    at = {x: np.ones((2, 3), np.float32)}
    with pytest.raises(KeyError, match="pass key"):
        sd.interpret(out, at)
    z, u = sd.interpret(out, at, key=5)
    np.testing.assert_array_equal(u, draw("uniform", 5, 0, (2, 3), np.float32))
    np.testing.assert_array_equal(z, draw("normal", 5, 1, (2, 3), np.float32))
    assert z.dtype == u.dtype == np.float32
    given = np.full((2, 3), 0.5, np.float32)
    z, u = sd.interpret(out, {**at, first: given}, key=5)
    np.testing.assert_array_equal(u, given)
    np.testing.assert_array_equal(z, draw("normal", 5, 1, (2, 3), np.float32))


BAD_KEYS = [0.2, 3.0, "3", None, True, np.array(3), np.float64(1), [1]]


@pytest.mark.parametrize("single", [False, True])
def test_a_key_is_a_whole_number_wherever_one_is_taken(single: bool) -> None:
    """A fraction was cut: every key below 1 gave the draws of 0."""
    x, w = sd.input("x", (sd.dim("N"), 4)), sd.param("w", (4,))
    out = sd.nn.dropout(x * w, 0.5) + sd.random.normal((4,))
    model = sd.Model("m", [x], [], out, sd.mean(out**2))
    module = sd.compile(model, single_file=single).load()
    params, rows = {"w": np.ones(4)}, np.ones((3, 4))
    takers = [module.loss_and_residuals, module.value_and_grad] if single else [
        module.backward.loss_and_residuals, module.backward.value_and_grad,
    ]  # fmt: skip
    drawn = sd.random.uniform((3,))
    function = sd.compile(sd.Function("f", [], drawn)).load().forward.forward
    for key in BAD_KEYS:
        for taker in takers:
            with pytest.raises(TypeError, match="key: expected a whole number"):
                taker(params, rows, key=key)
        with pytest.raises(TypeError, match="key: expected a whole number"):
            function(key=key)
        if key is not None:  # which asks for values of the draws
            with pytest.raises(TypeError, match="key: expected a whole number"):
                sd.interpret(drawn, {}, key=key)
    for key in (0, -1, 2**70, np.int32(5), np.uint64(2**63)):
        assert np.isfinite(takers[1](params, rows, key=key)[0])
        assert np.array_equal(function(key=key), function(key=int(key)))
