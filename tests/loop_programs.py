"""Programs with loops and branches, each over a namespace that NumPy and JAX have too.

In: a namespace of `loop_systems` and arrays. Out: results in any container. Each
program is a line of the list at the end, with the shapes of its operands.
"""

from __future__ import annotations

from typing import Any

from loop_checks import Loop
from while_programs import (
    affine,
    converging,
    counted,
    never,
    read_outside,
    same_names,
    scan_in_while,
    two_whiles,
    while_in_branch,
    while_in_scan,
    while_in_while,
)


def recurrent(xp: Any, x: Any, h: Any, w: Any, u: Any) -> Any:
    """A recurrent layer that reads two matrices from outside."""

    def step(h: Any, row: Any) -> Any:
        h = xp.tanh(row @ w + h @ u)
        return h, xp.sum(h * h)

    return xp.scan(step, h, x)


def backwards(xp: Any, x: Any, a: Any) -> Any:
    """From the last row to the first, stacking the carry."""
    return xp.scan(lambda c, r: (c * xp.sin(r) + a, c * a), a * a, x, reverse=True)


def last_rows(xp: Any, x: Any, a: Any) -> Any:
    """What is read of stacks of carries is the end of the loop, in either direction."""

    def step(c: Any, row: Any) -> Any:
        c = xp.sin(c) * row + a
        return c, (c, c * row)

    def back(c: Any, row: Any) -> Any:
        c = c * xp.cos(row) + a
        return c, c

    _, (cs, others) = xp.scan(step, a * a, x)
    _, backwards = xp.scan(back, a, x, reverse=True)
    turned = xp.swapaxes(cs, 0, 1)
    return turned[:, -1], turned[1:, -1:], cs[-1:] * others[-1], backwards[0]


def fixed_length(xp: Any, a: Any) -> Any:
    """No sequence at all."""
    return xp.scan(lambda c, _: (xp.cos(c) * a, c * c), a, None, length=4)


def containers(xp: Any, x: Any, y: Any) -> Any:
    """Carries and rows in nested containers."""

    def step(c: Any, row: Any) -> Any:
        (p, q), d = c["pair"], c["deep"]
        r, s = row
        new = {"pair": (p * xp.sin(r), q + p * s), "deep": [d[0] * q + xp.sum(s)]}
        return new, {"a": p + q, "b": (d[0], r * s)}

    start = {"pair": (x[0], y[0]), "deep": [xp.sum(y)]}
    return xp.scan(step, start, (x, y))


def integer_carry(xp: Any, x: Any) -> Any:
    """A counter and a flag beside a float."""

    def step(c: Any, row: Any) -> Any:
        v, n, up = c
        v = xp.where(up, v * row, xp.sin(v) + row)
        return (v, n + 1, v > 0.1), (v, n)

    return xp.scan(step, (x[0] * 2, xp.integer(0), xp.sum(x) > -100.0), x)


def unreached(xp: Any, x: Any, y: Any) -> Any:
    """A carry that no result depends on, and a sequence that nothing reads."""

    def step(c: Any, row: Any) -> Any:
        a, b = c
        return (xp.sin(a) * row[0], b * row[0] + a), a * a

    return xp.scan(step, (x[0], x[1]), (x, y))[1]


def late_carry(xp: Any, x: Any) -> Any:
    """Cotangents that need two steps to reach the first carry."""

    def step(c: Any, row: Any) -> Any:
        a, b, d = c
        return (a * row, b + a * a, xp.sin(b) * d + row), None

    return xp.scan(step, (x[0], x[1], x[2]), x)[0][2]


def shifted(xp: Any, x: Any, a: Any) -> Any:
    """Outputs that are the carry, the row and the constant themselves."""

    def step(c: Any, row: Any) -> Any:
        p, q = c
        return (q, row), (p, row, a, c[1] * a)

    return xp.scan(step, (a, a * 2.0), x)


def literals(xp: Any, x: Any) -> Any:
    """Numbers as carries and as outputs."""
    return xp.scan(lambda c, r: (c * 0.5 + r, (c, r * 2.0)), 1.0, x)


def two_levels(xp: Any, x: Any, a: Any, b: Any) -> Any:
    """An inner body reads both an outer body's variable and a tensor from outside."""

    def outer(c: Any, row: Any) -> Any:
        k = xp.sin(c * a)

        def inner(d: Any, e: Any) -> Any:
            return xp.tanh(d * k + e * b * c), d * e * a

        d, ys = xp.scan(inner, c * b, row)
        return d + xp.sum(ys) * 0.1, xp.sum(ys * ys)

    return xp.scan(outer, a + b, x)


def three_levels(xp: Any, x: Any) -> Any:
    """Loops in loops in loops."""

    def outer(c: Any, plane: Any) -> Any:
        def middle(d: Any, row: Any) -> Any:
            e, ys = xp.scan(lambda e, z: (xp.sin(e * z + c), e * d), d, row)
            return e * c, xp.sum(ys)

        d, ys = xp.scan(middle, c, plane)
        return d, ys

    return xp.scan(outer, xp.sum(x) * 0.3 + 0.5, x)


def gradient_inside(xp: Any, x: Any, t: Any) -> Any:
    """Descent with momentum: the body takes a gradient."""

    def f(c: Any) -> Any:
        return xp.sum((xp.sin(c) * c - t) ** 2)

    def step(c: Any, _: Any) -> Any:
        p, m = c
        m = 0.8 * m + xp.gradient(f, p)
        return (p - 0.05 * m, m), f(p)

    return xp.scan(step, (x, x * 0.1), None, length=3)


def gradient_of_inner_loop(xp: Any, x: Any, a: Any) -> Any:
    """The body takes a gradient of a loop."""

    def f(c: Any) -> Any:
        d, ys = xp.scan(lambda d, e: (xp.sin(d) * e + c, d * c), c * a, x)
        return d * d + xp.sum(ys)

    def step(c: Any, row: Any) -> Any:
        return c - 0.1 * xp.gradient(f, c) * row, f(c)

    return xp.scan(step, a, x)


def branch_in_scan(xp: Any, x: Any, a: Any) -> Any:
    """Every step chooses."""

    def step(c: Any, r: Any) -> Any:
        def up() -> Any:
            return c * a, xp.sin(r) * c

        def down() -> Any:
            return xp.cos(c) + r, a * r

        return xp.cond(r > 0.0, up, down)

    return xp.scan(step, a, x)


def loop_in_branch_in_scan(xp: Any, x: Any, a: Any, b: Any) -> Any:
    """A loop inside a branch inside a loop."""

    def step(c: Any, row: Any) -> Any:
        def long() -> Any:
            d, ys = xp.scan(lambda d, e: (xp.sin(d + e) * a, d * c), c, row)
            return d + xp.sum(ys)

        def short() -> Any:
            return xp.sum(row) * c * b

        c = xp.cond(xp.sum(row) > 0.0, long, short)
        return c, c * c

    return xp.scan(step, a * b, x)


def branch_of_scans(xp: Any, x: Any, a: Any) -> Any:
    """A loop on either side of a branch."""
    return xp.cond(
        xp.sum(a) > 0.0,
        lambda: xp.scan(lambda c, r: (c * xp.sin(r), c), a, x),
        lambda: xp.scan(lambda c, r: (xp.cos(c) + r, r * a), a * a, x, reverse=True),
    )


def nested_branches(xp: Any, x: Any, y: Any) -> Any:
    """A branch in a branch; sides that return an operand or nothing new."""

    def inner(p: Any, q: Any) -> Any:
        return xp.cond(p[0] > q[0], lambda: p * q, lambda: q)

    return xp.cond(
        xp.sum(x) > 0.0, lambda p, q: inner(p, xp.sin(q)), lambda p, q: p, x, y
    )


def twice(xp: Any, x: Any, y: Any, a: Any) -> Any:
    """Two loops share a body function; one runs on the other's result."""

    def step(c: Any, r: Any) -> Any:
        return xp.sin(c * a) + r, c * r

    c, ys = xp.scan(step, a, x)
    d, zs = xp.scan(step, c, y)
    e, _ = xp.scan(step, d, ys)
    return c, d * e, zs


def mapped(xp: Any, x: Any, w: Any) -> Any:
    """`map` of rows, and of a loop over each row."""

    def each(row: Any) -> Any:
        return xp.scan(lambda c, e: (xp.tanh(c * e + row[0]), c), row[1] * w, row)

    return xp.map(each, x), xp.map(lambda row: row * w + 1.0, x)


def barrier(xp: Any, x: Any, a: Any) -> Any:
    """`stop_gradient` in a body cuts one way and not the other."""

    def step(c: Any, r: Any) -> Any:
        return xp.stop_gradient(xp.sin(c)) * r + c * a, xp.stop_gradient(c * r) * a

    return xp.scan(step, a, x)


def matrices(xp: Any, a: Any, x: Any) -> Any:
    """Products and reductions of the rows, and of matrix carries."""

    def step(c: Any, r: Any) -> Any:
        c = xp.tanh(c @ a + xp.outer(r, r))
        return c, c @ r

    return xp.scan(step, a, x)


def runge_kutta(xp: Any, y: Any, k: Any) -> Any:
    """The classical method on a pendulum with friction."""

    def f(y: Any) -> Any:
        return xp.stack([y[1], -k * xp.sin(y[0]) - 0.2 * y[1]])

    def step(y: Any, _: Any) -> Any:
        k1 = f(y)
        k2 = f(y + 0.05 * k1)
        k3 = f(y + 0.05 * k2)
        k4 = f(y + 0.1 * k3)
        y = y + (0.1 / 6) * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y[0]

    return xp.scan(step, y, None, length=6)


def hmm(xp: Any, start: Any, move: Any, obs: Any) -> Any:
    """Forward algorithm in logarithms."""

    def lse(z: Any, axis: int) -> Any:
        return xp.log(xp.sum(xp.exp(z), axis=axis))

    def step(alpha: Any, o: Any) -> Any:
        alpha = lse(xp.reshape(alpha, (2, 1)) + move, 0) + o
        return alpha, None

    return lse(xp.scan(step, start, obs)[0], 0)


PROGRAMS = [
    Loop(recurrent, [(3, 2), (2,), (2, 2), (2, 2)], symbolic=3),
    Loop(recurrent, [(4, 3, 2), (3, 2), (2, 2), (2, 2)], symbolic=4, orders=2),
    Loop(recurrent, [(1, 2), (2,), (2, 2), (2, 2)], symbolic=1),
    Loop(backwards, [(4,), ()], symbolic=4),
    Loop(backwards, [(3, 2), (2,)], symbolic=3),
    Loop(last_rows, [(3, 2), (2,)], symbolic=3, empty=False),
    Loop(fixed_length, [(2,)]),
    Loop(fixed_length, [()]),
    Loop(containers, [(3,), (3,)], symbolic=3, empty=False),
    Loop(integer_carry, [(4,)], symbolic=4, empty=False),
    Loop(unreached, [(3, 2), (3, 2)]),
    Loop(late_carry, [(5,)]),
    Loop(shifted, [(3,), ()], symbolic=3),
    Loop(shifted, [(4, 2), (2,)], symbolic=4),
    Loop(literals, [(3,)], symbolic=3),
    Loop(two_levels, [(3, 2), (), ()], symbolic=3),
    Loop(three_levels, [(2, 3, 2)], symbolic=3, orders=2),
    Loop(gradient_inside, [(2,), (2,)], differences=False),
    Loop(gradient_of_inner_loop, [(3,), ()], differences=False, orders=2),
    Loop(branch_in_scan, [(4,), ()], symbolic=4),
    Loop(loop_in_branch_in_scan, [(4, 2), (), ()], symbolic=4),
    Loop(branch_of_scans, [(3,), ()]),
    Loop(branch_of_scans, [(3,), ()], positive=True),
    Loop(nested_branches, [(3,), (3,)]),
    Loop(nested_branches, [(3,), (3,)], positive=True),
    Loop(twice, [(3,), (2,), ()]),
    Loop(mapped, [(3, 2), ()], symbolic=3),
    Loop(counted, [(3,), ()], jax=False),
    Loop(converging, [(2,), ()], jax=False),
    Loop(never, [(2,), (2,)], jax=False),
    Loop(read_outside, [(2,), (2,)], jax=False),
    Loop(affine, [(3,), ()], jax=False),
    Loop(while_in_scan, [(4,), ()], jax=False, symbolic=4),
    Loop(while_in_while, [(), ()], jax=False),
    Loop(scan_in_while, [(3,), ()], jax=False),
    Loop(while_in_branch, [(3,), ()], jax=False),
    Loop(two_whiles, [(2,), ()], jax=False, orders=2),
    Loop(same_names, [(3,), ()], jax=False, orders=2),
    Loop(barrier, [(3,), ()], differences=False, orders=0),
    Loop(matrices, [(2, 2), (3, 2)], orders=2, symbolic=3),
    Loop(runge_kutta, [(2,), ()]),
    Loop(hmm, [(2,), (2, 2), (3, 2)]),
]
BY_ID = {f"{i}:{p.id}": p for i, p in enumerate(PROGRAMS)}
