"""The checks of derivatives, as functions that suites and the mutation run share.

In: a `Sample`. Out: nothing, or an assertion that says which identity failed.
Invariant: every check ends at a number that no rule produced.
"""

from __future__ import annotations

import numpy as np
from sample_checks import (
    Problem,
    close,
    complex_slope,
    derivatives,
    direction,
    dot,
    feed_of,
    leaf,
    moved,
    problem,
    reference_slope,
    run,
    smooth_slope,
    symmetrised,
)
from samples import Sample

from symdiff.ops.core.operands import API


def check_first_order(sample: Sample, seed: int = 0) -> None:
    """<g, jvp(t)> = <vjp(g), t>, and jvp(t) is the slope of the reference."""
    p = problem(sample, seed)
    rng = np.random.default_rng(seed)
    d = derivatives(p)
    cts = [rng.normal(size=c.shape) for c in d.cotangents]
    ts = direction(p, rng)
    feed = p.feed | feed_of([*d.cotangents, *d.tangents], [*cts, *ts])
    found = run([*d.vjp, *d.jvp], feed)
    pulled, pushed = found[: len(d.vjp)], found[len(d.vjp) :]
    left, right = dot(cts, pushed), dot(pulled, ts)
    close(left, right, 1e-10, f"{sample.id}: <g, jvp(t)> = <vjp(g), t>")
    wanted = reference_slope(p, ts)
    if wanted is None:
        check_first_order(sample, _redrawn(sample, seed))
        return
    for got, k in zip(pushed, p.smooth_outputs, strict=True):
        close(
            got, wanted[k], sample.slope_tolerance, f"{sample.id}: finite differences"
        )
    exact = complex_slope(p, ts)
    if exact is not None:
        for got, k in zip(pushed, p.smooth_outputs, strict=True):
            close(
                got,
                exact[k],
                max(1e-12, sample.tolerance),
                f"{sample.id}: complex step",
            )


def check_single_operand(sample: Sample, seed: int = 0) -> None:
    """The cotangent of one operand does not depend on which others are asked for."""
    p = problem(sample, seed)
    rng = np.random.default_rng(seed)
    d = derivatives(p)
    outputs = [p.outputs[i] for i in p.smooth_outputs]
    alone, pushed = [], []
    for x, t in zip(p.variables, d.tangents, strict=True):
        alone += API["vjp"](outputs, [x], d.cotangents)
        pushed.append(API["jvp"](outputs, [x], [t]))
    values = [rng.normal(size=x.shape) for x in (*d.cotangents, *d.tangents)]
    feed = p.feed | feed_of([*d.cotangents, *d.tangents], values)
    for a, b in zip(run(alone, feed), run(d.vjp, feed), strict=True):
        close(a, b, 1e-12, f"{sample.id}: vjp of one operand")
    parts = [run(list(ts), feed) for ts in pushed]
    for k, whole in enumerate(run(d.jvp, feed)):
        close(sum(part[k] for part in parts), whole, 1e-11, f"{sample.id}: jvp adds up")


def check_second_order(sample: Sample, seed: int = 0) -> None:
    """Hessian-vector products of <g, f> in three ways, and the gradient's slope."""
    p = problem(sample, seed)
    rng = np.random.default_rng(seed)
    d = derivatives(p)
    directions = [leaf(f"c{i}", x.shape) for i, x in enumerate(p.variables)]
    reverse = API["vjp"](d.vjp, p.variables, directions)
    forward = API["jvp"](d.vjp, p.variables, directions)
    twice = API["jvp"](d.jvp, p.variables, directions)
    cts = [rng.normal(size=c.shape) for c in d.cotangents]
    cs, ts = direction(p, rng), direction(p, rng)
    feed = feed_of(
        [*p.leaves, *d.cotangents, *directions, *d.tangents],
        [*p.values, *cts, *cs, *ts],
    )
    found = run([*reverse, *forward, *twice], feed)
    n = len(p.varied)
    over_reverse = symmetrised(p, found[:n])
    over_forward = symmetrised(p, found[n : 2 * n])
    for a, b in zip(over_reverse, over_forward, strict=True):
        close(a, b, 1e-9, f"{sample.id}: reverse and forward over reverse")
    quadratic = dot(cts, found[2 * n :])
    close(quadratic, dot(ts, over_forward), 1e-9, f"{sample.id}: forward over forward")
    wanted = _gradient_slope(p, d.vjp, feed, cs)
    if wanted is None:
        check_second_order(sample, _redrawn(sample, seed))
        return
    for a, b in zip(over_forward, symmetrised(p, wanted), strict=True):
        close(a, b, 10 * sample.slope_tolerance, f"{sample.id}: slope of the gradient")


def check_third_order(sample: Sample, seed: int = 0) -> None:
    """Third derivatives of <g, f> in three ways, and slopes of the Hessian product."""
    p = problem(sample, seed)
    rng = np.random.default_rng(seed)
    d = derivatives(p)
    a = [leaf(f"a{i}", x.shape) for i, x in enumerate(p.variables)]
    b = [leaf(f"b{i}", x.shape) for i, x in enumerate(p.variables)]
    product = API["jvp"](d.vjp, p.variables, a)
    forward = API["jvp"](product, p.variables, b)
    reverse = API["vjp"](product, p.variables, b)
    thrice = API["vjp"](API["vjp"](d.vjp, p.variables, a), p.variables, b)
    cts = [rng.normal(size=c.shape) for c in d.cotangents]
    first, second = direction(p, rng), direction(p, rng)
    feed = feed_of(
        [*p.leaves, *d.cotangents, *a, *b], [*p.values, *cts, *first, *second]
    )
    found = run([*forward, *reverse, *thrice], feed)
    n = len(p.varied)
    parts = [symmetrised(p, found[i : i + n]) for i in (0, n, 2 * n)]
    for x, y, z in zip(*parts, strict=True):
        close(y, x, 1e-8, f"{sample.id}: reverse and forward over the product")
        close(z, x, 1e-8, f"{sample.id}: reverse over reverse over reverse")
    wanted = _gradient_slope(p, product, feed, second)
    if wanted is None:
        check_third_order(sample, _redrawn(sample, seed))
        return
    for x, y in zip(parts[0], symmetrised(p, wanted), strict=True):
        close(x, y, 100 * sample.slope_tolerance, f"{sample.id}: slope of the product")


def _redrawn(sample: Sample, seed: int) -> int:
    """Return the seed to draw operands by, after some that lay beside a kink."""
    assert seed < 1000, f"{sample.id}: no smooth point in ten draws; choose a domain"
    return seed + 100


def _gradient_slope(
    p: Problem, gradient: list, feed: dict, cs: list
) -> list[np.ndarray] | None:
    """Return the gradient's directional derivative by differences; None at a kink."""
    return smooth_slope(
        lambda h: run(gradient, feed | feed_of(p.leaves, moved(p, cs, h)))
    )
