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


def test_a_whole_number_has_no_point_beside_a_float():
    x, k = sd.input("x", (3,)), sd.input("k", (3,), dtype="int64")
    outputs = {"a": (x - 4.0) / 2.0, "b": sd.sum(x) * 3.0, "c": x * 0.5 + 1e300}
    outputs["d"] = sd.cast(k, "float") * 2.0
    text = sd.compile(sd.Function("f", [x, k], outputs), optimize=1)["forward"]
    body = text.split("def forward")[1].split("\n\n\n")[0]
    for shown in ("(x - 4) / 2", "* 3", "x * 0.5 + 1e300", "* 2"):
        assert shown in body
    values = (
        sd.compile(sd.Function("f", [x, k], outputs))
        .load()
        .forward(np.float32([1, 2, 4]), np.arange(3))
    )
    assert {np.asarray(v).dtype.name for v in values} == {"float32"}
    np.testing.assert_array_equal(values.a, np.float32([-1.5, -1, 0]))
