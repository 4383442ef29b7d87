"""Bodies of loops, as trees: what is stored, indexed and added to in which line."""

from __future__ import annotations

import pytest

from symdiff.emit.lower.texts import expression, statements
from symdiff.emit.lower.tidied import tidied
from symdiff.emit.python import code as py


def read(text: str) -> py.Expr:
    return expression(text, lambda name: None)


def body_of(
    rows: str, stmts: str, stores: str = "", ends: str = "", carry: str = "h"
) -> list[str]:
    """Return the tidied lines of a body; ``v -> a`` stores v in a[t]."""
    named = [pair.split(" = ") for pair in rows.split("; ") if pair]
    kept = [pair.split(" -> ") for pair in stores.split("; ") if pair]
    found = tidied(
        [(py.Name(n), read(row)) for n, row in named],
        [],
        statements(stmts, lambda name: None),
        [py.Assign((read(f"{array}[t]"),), read(value)) for value, array in kept],
        statements(ends, lambda name: None),
        [py.Name(carry)],
        8,
    )
    return py.print_stmts(found, 0).splitlines()


CASES = {
    "a row read twice": (
        ("x = xs[t]", "a = x * b\nc = a + x"),
        ["a = xs[t] * b", "c = a + xs[t]"],
    ),
    "a row read three times": (
        ("x = xs[t]", "a = x * x * x"),
        ["x = xs[t]", "a = x * x * x"],
    ),
    "a row of an inner loop": (
        ("x = xs[t]", "for k in range(3):\n    a = a * x"),
        ["x = xs[t]", "for k in range(3):", "    a = a * x"],
    ),
    "a store where it is computed": (
        ("", "a = b * c\nd = a + 1", "a -> stack"),
        ["a = stack[t] = b * c", "d = a + 1"],
    ),
    "a store of what nothing else reads": (
        ("", "a = b * c", "a -> stack"),
        ["stack[t] = b * c"],
    ),
    "a store of a carry that no turn reads": (
        ("", "h = b * c", "h -> stack"),
        ["h = stack[t] = b * c"],
    ),
    "a total of a carry that is computed in its variable": (
        ("", "h = b * c", "", "total += h"),
        ["h = b * c", "total += h"],
    ),
    "a value in two stores": (
        ("", "a = b * c", "a -> one; a -> two"),
        ["a = one[t] = two[t] = b * c"],
    ),
    "a store after the last change": (
        ("", "a = b.copy()\na *= c\nd = a + 1", "a -> stack"),
        ["a = b.copy()", "a *= c", "stack[t] = a", "d = a + 1"],
    ),
    "a store after writes into it": (
        ("", "a = f(b)\na[0] = c\nd = e", "a -> stack"),
        ["a = f(b)", "a[0] = c", "stack[t] = a", "d = e"],
    ),
    "a store after what a loop changes": (
        ("", "a = b\nfor k in range(2):\n    a = a * b", "a -> stack"),
        ["a = b", "for k in range(2):", "    a = a * b", "stack[t] = a"],
    ),
    "carries before they change": (
        ("", "a = h * c", "h -> hs; c -> cs", "h = a\nc = a"),
        ["hs[t], cs[t] = h, c", "a = h * c", "h = a", "c = a"],
    ),
    "an expression that is stored": (
        ("", "a = h * c", "a[0] -> firsts", "h = a"),
        ["a = h * c", "firsts[t] = a[0]", "h = a"],
    ),
    "a total": (
        ("", "a = b * c\nd = a + 1\ne = d * 2", "", "total += d\nh = e"),
        ["a = b * c", "d = a + 1", "total += d", "e = d * 2", "h = e"],
    ),
    "a total of what nothing else reads": (
        ("", "a = b * c\nd = e * 2", "", "total += a\nnumber = number + d"),
        ["total += b * c", "number = number + e * 2"],
    ),
    "a total of what is stored": (
        ("", "a = b * c", "a -> stack", "total += a"),
        ["a = stack[t] = b * c", "total += a"],
    ),
    "a total that the body reads": (
        ("", "a = b * c\nd = total + a", "", "total += a\nh = d"),
        ["a = b * c", "d = total + a", "total += a", "h = d"],
    ),
    "a total of a carry": (
        ("", "a = b * h", "", "total += h\nh = a"),
        ["a = b * h", "total += h", "h = a"],
    ),
    "a total of terms from several lines": (
        ("", "a = b * c\nd = a + 1\ne = d * 2", "", "total += d - e + a"),
        ["a = b * c", "total += a", "d = a + 1", "total += d", "total -= d * 2"],
    ),
    "what is taken from a total": (
        ("", "a = b * c\nd = a + 1", "", "total = total - (d - a)"),
        ["a = b * c", "total = total + a", "total = total - (a + 1)"],
    ),
    "a total of terms of which one is none of the body's": (
        ("", "a = b * c", "", "total += a + g"),
        ["a = b * c", "total += a + g"],
    ),
    "a difference of sums": (
        ("", "a = b - c", "", "number = number + a"),
        ["number = number + (b - c)"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_body(case: str) -> None:
    given, wanted = CASES[case]
    assert body_of(*given) == wanted
