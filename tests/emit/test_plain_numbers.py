"""Lines of plain numbers tell their shape alone; a large constant's sign is unknown."""

import numpy as np

import symdiff as sd
from symdiff.ops.selecting import finiteness
from symdiff.ops.selecting.finiteness import has_steep


def test_a_number_has_no_rule():
    x = sd.input("x", (3,))
    table = sd.constant(np.arange(1.0, 4.0))
    f = sd.Function("f", [x], sd.sum(table / x + x**2.5))
    text = sd.compile(f, optimize=0)["backward"]
    for row in text.splitlines():
        code, _, comment = row.partition("  # ")
        right = code.partition(" = ")[2].strip()
        if right.startswith("np.array(") or right.replace(".", "").isdigit():
            assert "   " not in comment, row


def test_a_large_constant_is_not_looked_through(monkeypatch):
    looked = []
    least = np.min

    def counted(value, *args, **kwargs):
        looked.append(np.size(value))
        return least(value, *args, **kwargs)

    monkeypatch.setattr(finiteness.np, "min", counted)
    x = sd.input("x", (1,))
    small, large = np.full(100, 2.0), np.full(100_001, 2.0)
    assert not has_steep([sd.sum(x * sd.sqrt(sd.constant(small)))])
    has_steep([sd.sum(x / sd.constant(large))])
    assert max(looked, default=0) <= finiteness.MOST_LOOKED_AT
