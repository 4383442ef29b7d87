"""Every op's text with ``out=`` against its text without: same bits, same layout.

All nodes of all samples and of their derivatives are computed by their records' texts.
Where a node has an out form, that is run on memory full of NaN, and over each operand
that it may overwrite. Where the layout of a result is claimed to be known, NumPy's is
compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from outform_checks import check
from sample_checks import leaf, problem
from samples import SAMPLES, Sample

import symdiff as sd
from symdiff.ops.core.operands import API
from symdiff.plan.outform import out_form
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import expansions


@pytest.mark.parametrize("width", [np.float64, np.float32])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_out_forms_and_layouts(sample: Sample, width: Any) -> None:
    """The nodes of a sample's values and of its vjp, expanded as they are emitted."""
    p = problem(sample)
    roots = list(p.outputs)
    smooth = [p.outputs[i] for i in p.smooth_outputs]
    feed = {
        n: np.asarray(a, width) if np.asarray(a).dtype.kind == "f" else np.asarray(a)
        for n, a in p.feed.items()
    }
    if smooth and p.variables and sample.differentiable:
        seeds = [leaf(f"d{i}", o.shape) for i, o in enumerate(smooth)]
        rng = np.random.default_rng(3)
        feed |= {s.node: rng.normal(size=s.shape).astype(width) for s in seeds}
        found = API["vjp"](smooth, p.variables, seeds)
        roots += [g for g in found if g is not None]
    with np.errstate(all="ignore"):
        check(rewrite(roots, expansions()), feed, width, sample.id)


def test_special_values_survive_a_mask() -> None:
    """x's bits times 0 or 1: infinities, NaN and -0 come out as `where` has them."""
    x = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45, -1.5, np.nan, -0.0], np.float32)
    t = leaf("x", (8,))
    for keep in (API["greater"](t, 0), API["less"](t, 1), API["isnan"](t)):
        for made in (API["where"](keep, t, 0), API["where"](keep, 0, t)):
            form = out_form(made.node)
            assert form is not None
            assert "_bits" in form.text
            check([made], {t.node: x}, np.float32, "mask")


@pytest.mark.parametrize("width", [np.float64, np.float32])
def test_a_choice_of_one_is_the_larger_of_two(width: Any) -> None:
    """where(c, 1, exp(-|x|)) is no masked copy; of a rising exp, it is one."""
    tiny = np.finfo(width).smallest_subnormal
    x = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e30, -88, 3, -3, tiny, -tiny])
    t = leaf("x", (11,))
    keep = API["greater_equal"](t, 0)
    small = API["exp"](-API["abs"](t))
    for e, fast in ((small, True), (API["exp"](API["abs"](t)), False)):
        for one in (1, 2):
            made = API["where"](keep, one, e)
            form = out_form(made.node)
            assert form is not None
            assert ("np.maximum" in form.text) == (fast and one == 1)
            with np.errstate(all="ignore"):
                check([made], {t.node: x.astype(width)}, width, "one")


@pytest.mark.parametrize("width", [np.float64, np.float32])
@pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0.5, 1, 1.5, 2, 2.0, 3, 4])
def test_powers(exponent: float, width: Any) -> None:
    """x ** c has the bits of what arrays do for that exponent."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=500), [0.0, -0.0, np.inf, -np.inf, np.nan]])
    t = leaf("x", (505,))
    with np.errstate(all="ignore"):
        check([API["power"](t, exponent)], {t.node: x.astype(width)}, width, "power")


def test_layouts_of_transposed_operands() -> None:
    """Elementwise results of transposes, mixed orders, joins, slices and reductions."""
    x, y = leaf("x", (7, 5)), leaf("y", (5, 7))
    w, v = leaf("w", (3, 5, 7)), leaf("v", (7,))
    made = [
        API["tanh"](x.T) * 2,
        API["tanh"](x.T) + y,
        x.T + y.T.T,
        API["exp"](x.T) + v,
        API["tanh"](w.transpose(2, 0, 1)),
        API["tanh"](w.transpose(0, 2, 1)) + x,
        API["tanh"](w.transpose(0, 2, 1)).sum(axis=0),
        API["concatenate"]([x.T, y], axis=0),
        API["tanh"](x[:, ::-1]),
        API["tanh"](x[1:, ::2].T),
        API["matmul"](x.T, x),
        API["reshape"](API["tanh"](x.T), (7, 5)) * 3,
        API["where"](x.T > 0, x.T, 0),
        API["cast"](x.T > 0, "float"),
        API["square"](x.T - API["mean"](x.T, axis=0)),
        API["matmul"](w.transpose(2, 0, 1), w.transpose(2, 1, 0)) * 2,
        API["matmul"](w.transpose(1, 0, 2), w.transpose(1, 2, 0)) + 1,
        API["max_pool2d"](w, 2) * 2,
        API["max_pool1d"](w, 5, 1) * 2,
    ]
    rng = np.random.default_rng(0)
    feed = {t.node: rng.normal(size=t.shape) for t in (x, y, w, v)}
    assert check(made, feed, np.float64, "layouts") > 20


@pytest.mark.parametrize("kinds", [("float32", "float"), ("float",)])
def test_products_of_two_dtypes_are_those_of_the_operator(kinds: Any) -> None:
    """`dot` copies the operand that it casts in an order of its own, and processors
    differ in whether BLAS then gives other bits; of one dtype it is the same call.
    """
    x = sd.input("x", ("N", 3), kinds[0])
    y = sd.input("y", ("N", 4), kinds[-1])
    form = out_form((x.T @ y).node)
    assert form is not None
    assert (".dot(" in form.text) == (len(kinds) == 1)
