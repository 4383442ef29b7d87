"""The texts that ops have in kernels: NumPy's values, whatever the operands are.

All texts of one arity and type are compiled as one function, which is called with every
combination of special values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import samples  # noqa: F401 - fills the table of ops
from numba_runs import needs_numba

import symdiff as sd
from symdiff.emit.targets.numba.texts import text_in_kernel
from symdiff.graph.node import Node
from symdiff.graph.tensor import apply
from symdiff.ops.core.record import OPS, Op
from symdiff.ops.core.text import operand_uses

numba = needs_numba()

FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.25, 0.49999999, 88.0, -104.0, 710.0),
    *(np.inf, -np.inf, np.nan, 1e-40, 1e-310, 1e30, -1e300, 2.0**53 + 2),
)
WHOLE = (0, 1, -1, 2, -2, 7, -7, 2**62, -(2**63), 2**63 - 1)
VALUES: dict[str, Sequence[Any]] = {
    "float": FLOATS,
    "int64": WHOLE,
    "bool": (False, True),
}
TIES = {"maximum", "minimum", "fmax", "fmin", "relu", "clip", "clip_low", "clip_high"}
ROUNDINGS = 4  # between two libraries of functions
# expm1, tanh and the like are right to a few units, the logistic function less where
# it is below the least normal number
LEAST = {"sigmoid": 4.0, "logaddexp": 8.0, "logaddexp2": 8.0}


def nodes(kinds: tuple[str, ...]) -> Iterator[Node]:
    """Yield an application to leaves of these types of every elementwise op."""
    leaves = [sd.input(f"x{i}", (), dtype=k) for i, k in enumerate(kinds)]
    for op in OPS.values():
        if op.is_elementwise and not op.is_own and (node := _applied(op, leaves)):
            yield node


def _applied(op: Op, leaves: Sequence[sd.Tensor]) -> Node | None:
    text = op.text
    if not isinstance(text, str) or len(operand_uses(text)) != len(leaves):
        return None
    try:
        found = apply(op, *leaves).node
    except sd.SymdiffError:
        return None  # it does not take such types
    return found if text_in_kernel(found) else None


def source(found: Sequence[Node], count: int) -> str:
    """Return a function that computes every one of the nodes."""
    given = ", ".join(f"_{i}" for i in range(count))
    texts = [str(text_in_kernel(n)).replace("_real(", "real(") for n in found]
    body = ", ".join(f"({t})" for t in texts)
    return f"def f(dtype, {given}):\n    real = dtype.type\n    return ({body},)\n"


CASES = [("float",), ("int64",), ("bool",), ("float",) * 2, ("int64",) * 2]
CASES += [("bool",) * 2, ("bool", "float", "float"), ("bool", "int64", "int64")]
CASES += [("bool",) * 3]


@pytest.mark.parametrize("kinds", CASES, ids="-".join)
@pytest.mark.parametrize("width", ["float64", "float32"])
def test_a_text_gives_numpys_values(kinds: tuple[str, ...], width: str) -> None:
    if width == "float32" and "float" not in kinds:
        pytest.skip("no float among the operands")
    found = list(nodes(kinds))
    assert found
    space: dict[str, Any] = {"np": np}
    exec(source(found, len(kinds)), space)
    f = numba.njit(error_model="numpy")(space["f"])
    grid = itertools.product(*(VALUES[k] for k in kinds))
    with np.errstate(all="ignore"):
        types = [np.dtype(width if k == "float" else k).type for k in kinds]
        points = [[t(v) for t, v in zip(types, p, strict=True)] for p in grid]
        rows = [f(np.dtype(width), *p) for p in points]
        returned = f.nopython_signatures[0].return_type
        for i, node in enumerate(found):
            operands = [np.array(c) for c in zip(*points, strict=True)]
            wanted = node.op.evaluate(*operands, **node.attrs)
            kind = str(returned[i])
            assert kind == np.dtype(wanted.dtype).name, f"{node.op.name}: {kind}"
            got = np.array([r[i] for r in rows], wanted.dtype)
            check(node.op.name, got, wanted, points)


def check(name: str, got: Any, wanted: Any, points: Sequence[Any]) -> None:
    """Fail where a value differs by more than rounding, or in the sign of 0."""
    if wanted.dtype.kind != "f":
        wrong = got != wanted
    else:
        step = np.spacing(np.abs(wanted)) * LEAST.get(name, 1.0) * ROUNDINGS
        least = np.finfo(wanted.dtype).tiny if name in LEAST else 0
        off = np.abs(got - wanted) > np.maximum(step, least)
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        wrong = (
            off | (~same & ~np.isfinite(wanted)) | (np.isnan(got) ^ np.isnan(wanted))
        )
        if name not in TIES:  # of 0 and -0, NumPy too takes either
            wrong |= (wanted == 0) & (np.signbit(got) != np.signbit(wanted))
    shown = [(points[i], got[i], wanted[i]) for i in np.flatnonzero(wrong)[:5]]
    assert not shown, f"{name}: {shown}"


def test_division_by_what_kernels_do_not_divide_by() -> None:
    x, n = sd.input("x", ()), sd.input("n", (), dtype="int64")
    assert text_in_kernel((x % 3).node)
    assert text_in_kernel((n % 3).node)
    assert text_in_kernel((n // 3).node)
    others = [x % x, x % -3.0, n % n, n // n, n % -1, x // 2.0]
    assert not any(text_in_kernel(t.node) for t in others)


@pytest.mark.parametrize("by", [1, 3, 10])
def test_remainders(by: int) -> None:
    x, n = sd.input("x", (sd.dim("N"),)), sd.input("n", (sd.dim("M"),), dtype="int64")
    xs = sd.scan(lambda s, r: (s, (r % float(by), s)), sd.constant(0.5), x)[1][0]
    ns = sd.scan(lambda s, r: (s, (r % by, r // by)), sd.constant(0), n)[1]
    f = sd.Function("f", [x, n], {"x": xs, "mod": ns[0], "div": ns[1]})
    values = np.array(FLOATS), np.array(WHOLE)
    with np.errstate(all="ignore"):
        a, b = (sd.compile(f, t).load().forward.forward(*values) for t in TARGETS)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


TARGETS = ("numpy", "numba")
