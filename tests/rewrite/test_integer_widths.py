"""Integers of any widths come out as NumPy has them, whatever is rewritten.

Random programs of integers and booleans of mixed widths, signed and unsigned, at the
ends of what they hold. What is generated at every level, lifted out of a function by
`jit` and in the single file, has the dtype and the bits of NumPy's own expression.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")
FORMS = (
    "{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} + (-{1})", "{0} - (-{1})",
    "{0} + {1} * -3", "{0} - {1} * -1", "-{0}", "-(-{0})", "{0} * -1", "{0} * 2 * 4",
    "({0} * 4) * {1}", "{1} * (2 * {0})", "{0} // 3", "{0} % 5", "abs({0})",
    "np.maximum({0}, {1})", "np.minimum({0}, 7)", "np.where({0} > 3, {1}, {0})",
    "{0} ** 2", "{0} ** 3", "np.square({0})", "np.power({0}, 2)", "np.sum({0})",
    "np.sum({0} > 2) * {1}", "{0} - 0", "{0} * 1", "{0} + {0}", "{0} ** 1",
    "{0}.astype('int64') * -{1}", "{0}[0] * (4 * {1})", "({0}[0] * {1}) * 2",
    "{0} / 4 * 2", "({0} * 0.5) * {1}", "(-{0}) / 3", "{0} / -1",
)  # fmt: skip


def _data(kind: str, rng: Any) -> np.ndarray:
    if kind == "bool":
        return rng.random(4) < 0.5
    ends = np.iinfo(kind)
    return np.array([ends.min, ends.max, *rng.integers(0, 9, 2)], kind)


def _extended(space: dict[str, Any], line: str) -> dict[str, Any] | None:
    """Return what a line makes of values, or None where it is refused."""
    made = dict(space)
    try:
        with np.errstate(all="ignore"):
            exec(line, {"np": np}, made)
    except (TypeError, OverflowError, sd.SymdiffError):
        return None
    return made


def _program(seed: int) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the lines of a program, what they make of arrays, and of tensors."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    kinds = {n: draw.choice(KINDS) for n in "abc"}
    arrays: dict[str, Any] = {n: _data(kind, rng) for n, kind in kinds.items()}
    tensors: dict[str, Any] = {n: sd.input(n, 4, dtype=k) for n, k in kinds.items()}
    lines: list[str] = []
    while len(lines) < 5:
        name = f"v{len(lines)}"
        form = draw.choice(FORMS).format(*draw.choices([*arrays], k=2))
        line = f"{name} = np.zeros(4, 'bool') + ({form})"
        made, told = _extended(arrays, line), _extended(tensors, line)
        if made is None or told is None:
            continue
        if made[name].dtype.name in (*KINDS, "float64"):
            arrays, tensors, lines = made, told, [*lines, line]
    return "\n".join(lines), arrays, tensors


SEEDS = 100


@pytest.mark.parametrize("seed", range(SEEDS))
def test_integers_of_mixed_widths(seed: int) -> None:
    text, arrays, tensors = _program(seed)
    given, expected = [arrays[n] for n in "abc"], arrays["v4"]
    inputs, y = [tensors[n] for n in "abc"], tensors["v4"]
    made = sd.Function("f", inputs, y)

    def plain(a: Any, b: Any, c: Any) -> Any:
        space = _extended({"a": a, "b": b, "c": c}, text)
        assert space is not None
        return space["v4"]

    with np.errstate(all="ignore"):
        found = {
            level: sd.compile(made, optimize=level).load().forward.forward(*given)
            for level in (0, 1, 2)
        }
        single = sd.compile(made, single_file=True).load()
        found["single file"] = single.forward(*given)
        found["jit"] = T.jit(plain)(*given)
        found["interpret"] = sd.interpret(y, dict(zip(inputs, given, strict=True)))
    for name, value in found.items():
        assert value.dtype == expected.dtype, (name, text)
        np.testing.assert_array_equal(value, expected, err_msg=f"{name}\n{text}")
