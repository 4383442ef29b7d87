"""Programs with loops that run while something holds, alone and in other loops.

In: a namespace of `loop_systems` and arrays. Out: results in any container.
"""

from __future__ import annotations

from typing import Any


def counted(xp: Any, x: Any, a: Any) -> Any:
    """A while loop that counts."""
    return xp.while_loop(
        lambda c: c[1] < 4,
        lambda c: (xp.sin(c[0]) * x + a, c[1] + 1),
        (x * a, xp.integer(0)),
    )[0]


def converging(xp: Any, a: Any, b: Any) -> Any:
    """Newton's iteration for the square root of a sum."""
    goal = xp.sum(a * a) + b * b + 1.0
    return xp.while_loop(
        lambda c: abs(c * c - goal) > 1e-13 * goal, lambda c: (c + goal / c) / 2, goal
    )


def never(xp: Any, a: Any, b: Any) -> Any:
    """A while loop that does not run."""
    return xp.while_loop(lambda c: xp.sum(c) > 1e6, lambda c: c * b, a * b)


def affine(xp: Any, a: Any, b: Any) -> Any:
    """A while loop whose derivative reads no value of any turn, only how many."""
    return xp.while_loop(lambda c: xp.sum(c) < 10.0, lambda c: c * 1.5 + 1.0, a * b)


def read_outside(xp: Any, a: Any, b: Any) -> Any:
    """Test and body read tensors from outside."""
    limit = xp.sum(b * b) + 6.0
    return xp.while_loop(
        lambda c: xp.sum(c[0] * c[0]) < limit,
        lambda c: (c[0] * 1.3 + xp.sin(a), c[1] * xp.mean(c[0])),
        (a * a + 0.5, b),
    )


def while_in_scan(xp: Any, x: Any, a: Any) -> Any:
    """Each step repeats as often as its row says."""

    def step(c: Any, r: Any) -> Any:
        d, n = xp.while_loop(
            lambda s: s[1] < 9.0 * r * r,
            lambda s: (xp.sin(s[0]) * a + c * r, s[1] + 1.0),
            (c * r, 0.0),
        )
        return xp.tanh(d) + 0.1 * n, d * c

    return xp.scan(step, a, x)


def while_in_while(xp: Any, a: Any, b: Any) -> Any:
    """A while loop in a while loop, of different lengths at each turn."""

    def outer(c: Any) -> Any:
        v, n = c
        w, _ = xp.while_loop(
            lambda s: s[1] < n,
            lambda s: (xp.sin(s[0]) + v * b, s[1] + 1),
            (v * a, n * 0),
        )
        return xp.tanh(w) * b, n + 1

    return xp.while_loop(lambda c: c[1] < 3, outer, (a, xp.integer(0)))[0]


def scan_in_while(xp: Any, x: Any, a: Any) -> Any:
    """A loop over rows in every turn of a while loop."""

    def turn(c: Any) -> Any:
        v, n = c
        d, ys = xp.scan(lambda d, r: (xp.sin(d) * r + v, d * a), v, x)
        return d + xp.sum(ys) * 0.2, n + 1

    return xp.while_loop(lambda c: c[1] < 3, turn, (a, xp.integer(0)))[0]


def while_in_branch(xp: Any, x: Any, a: Any) -> Any:
    """A while loop in one side of a branch, inside a loop."""

    def step(c: Any, r: Any) -> Any:
        def repeat() -> Any:
            return xp.while_loop(
                lambda s: s[1] < 3,
                lambda s: (xp.sin(s[0] * r) + c, s[1] + 1),
                (a, xp.integer(0)),
            )[0]

        c = xp.cond(r > 0.0, repeat, lambda: c * r)
        return c, c * a

    return xp.scan(step, a, x)


def two_whiles(xp: Any, x: Any, a: Any) -> Any:
    """Two while loops of one form in a body, over variables of one name."""

    def outer(c: Any, r: Any) -> Any:
        def inner(d: Any, c: Any) -> Any:
            def again(c: Any, n: Any) -> Any:
                return xp.while_loop(
                    lambda s: s[1] < n,
                    lambda s: (xp.sin(s[0]) + c, s[1] + 1),
                    (c, n * 0),
                )[0]

            return again(d, xp.integer(2)) * again(c, xp.integer(4)), d * c

        d, ys = xp.scan(inner, c, x)
        return d * r, xp.sum(ys)

    return xp.scan(outer, a, x)


def same_names(xp: Any, x: Any, a: Any) -> Any:
    """Two while loops of one form over two variables of one name, swapped."""

    def again(p: Any, q: Any) -> Any:
        return xp.while_loop(
            lambda s: s[1] < 2.0 + 9.0 * p * p,
            lambda s: (xp.sin(s[0]) + q, s[1] + 1.0),
            (p * q, 0.0),
        )[0]

    def outer(c: Any, r: Any) -> Any:
        above = c

        def inner(c: Any, r: Any) -> Any:
            return xp.tanh(again(c, above) * again(above, c)) + r, c

        c, ys = xp.scan(inner, c * 0.3 + r, x)
        return c * r, xp.sum(ys)

    return xp.scan(outer, a, x)
