"""Every op sample as generated text: right values, widths, no aliasing, clean to read.

A sample is compiled three times: at level 0, at level 1, and at level 1 with its
leading length symbolic. Each text is run in float64 and float32 against `evaluate` of
the graph and of its `vjp`; where text and graph have the same ops the bits must agree.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_checks import as_list, close, feed_of, leading, run
from samples import Sample, draw
from samples.table import redraw_shape
from text_cases import BY_ID, VARIANTS, Case, case, narrowed

from symdiff.graph.node import topological
from symdiff.graph.tensor import Tensor

ANOTHER_WAY = {"norm"}  # ops that `evaluate` computes by other steps than the text


def arrays_of(values: Sequence[Any]) -> list[np.ndarray]:
    return [v for v in values if isinstance(v, np.ndarray) and v.size]


def assert_apart(results: Sequence[Any], others: Sequence[Any], what: str) -> None:
    """Fail where writing to a result would change another array."""
    for i, a in enumerate(arrays_of(results)):
        assert a.flags.writeable, f"{what}: result {i} is read-only"
        for b in [*arrays_of(others), *arrays_of(results)[:i]]:
            assert not np.may_share_memory(a, b), f"{what}: result {i} is a view"


def assert_declared(value: Any, tensor: Tensor, width: str, what: str) -> None:
    """Fail where a result's dtype is not the declared one."""
    wanted = width if tensor.dtype.name == "float" else tensor.dtype.name
    assert isinstance(value, (np.ndarray, np.generic)), f"{what}: {type(value)}"
    assert value.dtype == wanted, f"{what}: {value.dtype}, declared {wanted}"


def same(got: Any, wanted: Any, exact: bool, width: str, c: Case, what: str) -> None:
    """Fail where a value differs, in bits or beyond rounding."""
    if exact:
        np.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    looser = 1e-12 if width == "float64" else 2e-4
    with np.errstate(all="ignore"):
        close(got, wanted, max(c.sample.tolerance, looser), what)


def check(c: Case, values: Sequence[Any], width: str, exact: bool) -> None:
    """Run a compiled sample, forward and backward, and compare with its graph."""
    values = [narrowed(a, width) for a in values]
    feed = feed_of(c.leaves, values)
    given = [a for x, a in zip(c.leaves, values, strict=True) if isinstance(x, Tensor)]
    before = [np.array(a) for a in given]
    floats = [np.asarray(a) for a in given if np.asarray(a).dtype.kind == "f"]
    wide = width if floats else "float64"
    if not floats and width == "float32":
        return  # no argument says which width is meant
    what = f"{c.sample.id} {width}"
    wanted = run(c.outputs, feed)
    with np.errstate(all="ignore"):
        got = as_list(c.forward.forward(*given))
    for value, tensor, right in zip(got, c.outputs, wanted, strict=True):
        assert_declared(value, tensor, wide, what)
        assert np.shape(value) == np.shape(right), what
        same(value, right, exact and plain(c.outputs), width, c, what)
    assert_apart(got, given, f"{what} forward")
    if "f/backward.py" in c.compiled.files:
        check_backward(c, given, feed, wide, exact, what)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{what}: an argument changed")


def plain(tensors: Sequence[Tensor]) -> bool:
    """Whether the text of a graph's ops is what `evaluate` runs."""
    ops = {n.op for n in topological([t.node for t in tensors])}
    return all(op.expand is None and op.name not in ANOTHER_WAY for op in ops)


def check_backward(
    c: Case, given: list[Any], feed: Any, width: str, exact: bool, what: str
) -> None:
    """Compare backward with the vjp of the graph, and what it may touch."""
    made = c.backward
    with np.errstate(all="ignore"):
        outputs, residuals = made.forward_with_residuals(*given)
    outputs = as_list(outputs)
    for value, tensor in zip(outputs, c.outputs, strict=True):
        assert_declared(value, tensor, width, what)
    assert_apart(outputs, [*given, *residuals], f"{what} forward_with_residuals")
    rng = np.random.default_rng(3)
    shapes = [np.shape(o) for o, t in zip(outputs, c.outputs, strict=True)]
    floats = [s for s, t in zip(shapes, c.outputs, strict=True) if t.dtype.is_float]
    cts = [np.asarray(rng.normal(size=s)).astype(width) for s in floats]
    seeds, pulled = c.vjp
    wanted = run(pulled, feed | feed_of(seeds, cts))
    kept = [np.array(r) for r in residuals]
    with np.errstate(all="ignore"):
        found = made.backward(residuals, *cts)
        again = made.backward(residuals, *cts)
    for value, twin, right, x in zip(
        found, again, wanted, c.smooth_inputs, strict=True
    ):
        place = f"{what} d_{x.name}"
        assert_declared(value, x, width, place)
        assert np.shape(value) == np.shape(right), place
        same(value, right, exact and plain(pulled), width, c, place)
        np.testing.assert_array_equal(value, twin, err_msg=f"{place}: called twice")
    assert_apart(found, [*residuals, *cts, *given], f"{what} backward")
    for a, b in zip(residuals, kept, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{what}: a residual changed")


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", list(BY_ID))
def test_text_computes_the_graph(name: str, level: int) -> None:
    c = case(name, level, False)
    values = draw(c.sample)
    for width in ("float64", "float32"):
        check(c, values, width, exact=level == 0)


@pytest.mark.parametrize("name", [v[0] for v in VARIANTS if v[2]])
def test_text_with_a_symbolic_length(name: str) -> None:
    """One text serves every length; lengths of 0 and 1 are not special."""
    c = case(name, 1, True)
    old = leading(c.sample)
    assert old is not None
    for length in (old, 1, *([] if c.nonempty else [0])):
        args = [redraw_shape(a, old, length) for a in c.sample.args]
        values = draw(Sample(**{**vars(c.sample), "args": args}))
        for width in ("float64", "float32")[: 2 if length == old else 1]:
            check(c, values, width, exact=False)


PARTS = [pytest.param(i, marks=pytest.mark.slow if i else ()) for i in range(4)]


@pytest.mark.parametrize("part", PARTS)
def test_every_text_is_clean(part: int, tmp_path: Path) -> None:
    """Laid out as ruff leaves it, no lint, 88 columns, Python 3.9's grammar."""
    for i, variant in enumerate(VARIANTS[part::4]):
        for path, text in case(*variant).compiled.files.items():
            if isinstance(text, str):
                ast.parse(text, feature_version=(3, 9))
                name = path.replace("f/", "").replace("__", "")
                (tmp_path / f"m{i}_{name}").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    common = ["--isolated", "--no-cache", "--line-length=88", "--target-version=py39"]
    lint = ["check", "--select=E,F,W,I", "--output-format=concise"]
    for command in (lint, ["format", "--check"]):
        done = subprocess.run(
            [*ruff, *command, *common, str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
