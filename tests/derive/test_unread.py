"""What a selection does not read has derivative 0, however infinite its slope is.

The oracle removes the elements that are not read: the gradient of the same function of
the others alone, by closed forms, and zeros elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from unread_tables import READ, ROW, SELECT, STEEP, Steep, mask_of, points

import symdiff as sd

INF, NAN = np.inf, np.nan
rng = np.random.default_rng(3)


LAYOUT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "none": (lambda x: x, lambda y: y),
    "transposed": (lambda x: x.T, lambda y: y.T),
    "flat": (lambda x: sd.reshape(x, (6,)), lambda y: sd.reshape(y, (2, 3))),
    "new axis": (lambda x: x[:, None], lambda y: sd.squeeze(y, 1)),
    "repeated": (
        lambda x: sd.broadcast_to(x, (2, 2, 3)),
        lambda y: y[0] + y[1],
    ),
    "negative": (lambda x: x, lambda y: -y / 2.0),
}


def _check(steep: Steep, build: Callable[[Any], Any], linear: Any, read: Any) -> None:
    """Compare every mode and order with the derivatives of what is read alone.

    ``linear`` is the same selection without the steep function: its gradient w says how
    often each element counts.
    """
    x, s, t = (sd.input(n, (2, 3)) for n in "xst")
    y = sd.sum(build(x))
    w = sd.interpret(sd.grad(sd.sum(linear(x)), x), {x: READ})
    np.testing.assert_array_equal(w != 0, read)
    g = sd.grad(y, x)
    found = {
        "reverse": g,
        "reverse of reverse": sd.grad(sd.sum(g * s), x),
        "forward of reverse": sd.jvp(g, x, s),
    }
    at, s_at = points(steep, read), rng.normal(size=(2, 3))
    with np.errstate(all="ignore"):
        values = sd.interpret(list(found.values()), {x: at, s: s_at, t: s_at})
        first, second = np.zeros((2, 3)), np.zeros((2, 3))
        first[read] = (w * steep.first(at))[read]
        second[read] = (w * steep.second(at) * s_at)[read]
    for (key, _), got in zip(found.items(), values, strict=True):
        right = first if key == "reverse" else second
        np.testing.assert_allclose(got, right, rtol=1e-9, atol=1e-12, err_msg=key)
    with np.errstate(all="ignore"):
        moved = sd.interpret(sd.jvp(y, x, s), {x: at, s: s_at})
    np.testing.assert_allclose(moved, np.sum(first * s_at), rtol=1e-9)


@pytest.mark.parametrize("select", list(SELECT))
@pytest.mark.parametrize("name", list(STEEP))
def test_every_selection(name: str, select: str) -> None:
    pick, read = SELECT[select]
    _check(STEEP[name], lambda x: pick(STEEP[name].call(x)), pick, read)


@pytest.mark.parametrize("layout", list(LAYOUT))
@pytest.mark.parametrize("select", list(SELECT))
def test_every_layout_between(select: str, layout: str) -> None:
    pick, read = SELECT[select]
    there, back = LAYOUT[layout]
    for name in ("sqrt", "reciprocal"):
        call = STEEP[name].call
        _check(
            STEEP[name],
            lambda x, call=call: pick(back(call(there(x)))),
            lambda x: pick(back(there(x))),
            read,
        )


Loop = Callable[[Callable[[Any], Any], Any], Any]
MAPS: dict[str, Loop] = {
    "rows": lambda call, x: sd.map(call, x),
    "elements": lambda call, x: sd.map(lambda r: sd.map(call, r), x),
    "one of two": lambda call, x: sd.map(lambda r: (r, call(r)), x)[1],
    "of two": lambda call, x: sd.map(
        lambda p: call(p[0]) * p[1], (x, np.full((2, 3), 2.0))
    ),
}
BY_ROW = ["one element", "row", "last rows", "step", "backwards", "reads of three",
          "array", "take", "take many", "pick", "diagonal", "stack", "concatenate",
          "split", "pad", "where", "where not", "overwritten", "two masks",
          "row sums"]  # fmt: skip


@pytest.mark.parametrize("loop", list(MAPS))
@pytest.mark.parametrize("select", BY_ROW)
def test_every_selection_of_rows_of_a_map(select: str, loop: str) -> None:
    """Also where the slope is finite, and what is not read is not."""
    pick, read = SELECT[select]
    run = MAPS[loop]
    for name in ("sqrt", "square") if loop == "rows" else ("several",):
        call = STEEP[name].call
        _check(
            STEEP[name],
            lambda x, c=call: pick(run(c, x)),
            lambda x: pick(run(lambda r: r, x)),
            read,
        )


def _added_up(call: Callable[[Any], Any], x: Any, **way: Any) -> Any:
    zero = sd.zeros(3)
    return sd.scan(lambda c, r: (c + call(r), c + call(r)), zero, x, **way)[1]


# Scans whose carry adds up, or has its own way; what each reads of x.
FIRST = ~ROW
SCANS: dict[str, tuple[Loop, Any]] = {
    "beside a carry": (
        lambda f, x: sd.scan(lambda c, r: (c + 1, c * f(r)), np.array(1.0), x)[1][1],
        ROW,
    ),
    "elements beside a carry": (
        lambda f, x: sd.scan(lambda c, r: (c + r, f(r)), sd.zeros(3), x)[1][:, 1],
        mask_of((0, 1), (1, 1)),
    ),
    "first sum": (lambda f, x: _added_up(f, x)[0], FIRST),
    "element of the first sum": (lambda f, x: _added_up(f, x)[:1, 1], mask_of((0, 1))),
    "last sum": (lambda f, x: _added_up(f, x)[1:], FIRST | ROW),
    "first sum backwards": (lambda f, x: _added_up(f, x, reverse=True)[1], ROW),
    "taken": (lambda f, x: sd.take(_added_up(f, x), np.array([0, 0]), 0), FIRST),
    "masked": (
        lambda f, x: sd.where(np.array([[True], [False]]), _added_up(f, x), 0.0),
        FIRST,
    ),
    "with the last carry": (
        lambda f, x: (lambda last, ys: last + ys[1])(
            *sd.scan(lambda c, r: (c + 1.0, f(r)), sd.zeros(3), x)
        ),
        ROW,
    ),
}  # fmt: skip
POLES = ("sqrt", "log", "power", "reciprocal", "several")


@pytest.mark.parametrize("name", list(SCANS))
def test_rows_of_a_scan_that_are_not_read(name: str) -> None:
    run, read = SCANS[name]
    for steep in POLES:
        f = STEEP[steep].call
        _check(
            STEEP[steep],
            lambda x, f=f: run(f, x),
            lambda x: run(lambda r: r, x),
            read,
        )


# Selections by value: f, a point, and the derivative of sum(f) there.
BY_VALUE: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "sort": (lambda x: sd.sort(sd.sqrt(x))[1:], [9, 0, 4], [1 / 6, 0, 1 / 4]),
    "sort by place": (lambda x: sd.sort(sd.sqrt(x))[-1], [9, 0, 4], [1 / 6, 0, 0]),
    "maximum": (lambda x: sd.maximum(sd.sqrt(x), 1.0), [0, 1, 4], [0, 1 / 4, 1 / 4]),
    "minimum": (lambda x: sd.minimum(sd.log(x), 9.0), [INF, 2, 4], [0, 1 / 2, 1 / 4]),
    "maximum of two": (
        lambda x: sd.maximum(sd.sqrt(x), 1 / x), [4, 0.25, INF], [1 / 4, -16, 0]
    ),
    "fmax": (lambda x: sd.fmax(sd.log(x), 0.5), [0, -1, 4], [0, 0, 1 / 4]),
    "relu": (lambda x: sd.relu(sd.log(x)), [0, 0.5, 4], [0, 0, 1 / 4]),
    "relu of a product": (
        lambda x: sd.relu(2 * sd.log(x) - 1), [0, 0.5, 4], [0, 0, 1 / 2]
    ),
    "relu of an exponential": (
        lambda x: sd.relu(5 - sd.exp(x)), [1e4, 1, 0], [0, -np.e, -1]
    ),
    "relu6": (lambda x: sd.nn.relu6(sd.log(x)), [0, INF, 4], [0, 0, 1 / 4]),
    "relu of a row": (
        lambda x: sd.relu(sd.reshape(-(sd.log(x)), (3, 1))), [INF, 0.5, 4], [0, -2, 0]
    ),
    "clip": (lambda x: sd.clip(sd.sqrt(x), 1, 9), [0, INF, 4], [0, 0, 1 / 4]),
    "clip below": (lambda x: sd.clip(sd.log(x), 0, None), [0, 0.5, 4], [0, 0, 1 / 4]),
    "max": (lambda x: sd.max(sd.log(x)), [0, 9, 4], [0, 1 / 9, 0]),
    "min": (lambda x: sd.min(1 / x), [0, 9, 4], [0, -1 / 81, 0]),
    "median": (lambda x: sd.median(sd.sqrt(x)), [0, 9, 4], [0, 0, 1 / 4]),
    "median of two": (
        lambda x: sd.median(sd.log(x[:2])) + sd.log(x[2]),
        [9, 3, 4], [1 / 18, 1 / 6, 1 / 4],
    ),
    "quantile": (
        lambda x: sd.quantile(sd.sqrt(x), 0.75), [0, 9, 4], [0, 1 / 12, 1 / 8]
    ),
    "max pool": (
        lambda x: sd.max_pool1d(sd.reshape(sd.sqrt(x), (1, 1, 3)), 3),
        [0, 9, 4], [0, 1 / 6, 0],
    ),
    "cond": (
        lambda x: sd.cond(x[1] > 0, lambda: sd.sqrt(x)[1], lambda: sd.log(x)[0]),
        [0, 4, -1], [0, 1 / 4, 0],
    ),
    "of cond": (
        lambda x: sd.cond(x[1] > 0, lambda: sd.sqrt(x), lambda: sd.log(x))[1:2],
        [0, 4, 0], [0, 1 / 4, 0],
    ),
    "by mode": (
        lambda x: sd.by_mode(sd.log(x), sd.sqrt(x))[1], [0, 4, 0], [0, 1 / 4, 0]
    ),
    "logsumexp": (sd.logsumexp, [2, INF, 1], [0, 1, 0]),
    "logsumexp of two infinities": (sd.logsumexp, [INF, INF, 1], [0.5, 0.5, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BY_VALUE))
def test_selection_by_value(name: str) -> None:
    call, at, right = BY_VALUE[name]
    x, s = sd.input("x", (3,)), sd.input("s", (3,))
    y = sd.sum(call(x))
    g = sd.grad(y, x)
    found = [g, sd.jvp(y, x, s), sd.jvp(g, x, s), sd.grad(sd.sum(g * s), x)]
    with np.errstate(all="ignore"):
        got, moved, *curved = sd.interpret(found, {x: np.array(at), s: np.ones(3)})
    np.testing.assert_allclose(got, right, rtol=1e-12)
    np.testing.assert_allclose(moved, np.sum(right), rtol=1e-12)
    for c in curved:
        assert np.all(np.isfinite(c)), c


# In forward mode zeros come from placing: what is beside a moving part stands still.
ROOTS: dict[str, Callable[[Any], Any]] = {
    "at once": sd.sqrt,
    "mapped": lambda x: sd.map(sd.sqrt, x),
    "scanned": lambda x: sd.scan(lambda c, r: (c + r, sd.sqrt(r)), np.array(0.0), x)[1],
}
PLACED: dict[str, Callable[[Any], Any]] = {
    "pad": lambda v: sd.pad(v, 1),
    "set": lambda v: sd.zeros(4).at[1:3].set(v),
    "concatenate": lambda v: sd.concatenate([sd.zeros(1), v, sd.zeros(1)]),
    "stack": lambda v: sd.stack([sd.full((), 0.0), v[0], v[1], sd.full((), 0.0)]),
    "add": lambda v: sd.zeros(4).at[np.array([1, 2])].add(v),
}


@pytest.mark.parametrize("root", list(ROOTS))
@pytest.mark.parametrize("name", list(PLACED))
def test_what_stands_still_beside_what_moves(name: str, root: str) -> None:
    v, t = sd.input("v", (2,)), sd.input("t", (2,))
    moved = sd.jvp(ROOTS[root](PLACED[name](v)), v, t)
    with np.errstate(all="ignore"):
        got = sd.interpret(moved, {v: np.array([1.0, 4.0]), t: np.array([2.0, 3.0])})
    np.testing.assert_allclose(got, [0, 1, 0.75, 0], rtol=1e-12)
