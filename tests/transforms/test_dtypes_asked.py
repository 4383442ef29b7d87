"""A plain function that asks for dtypes is told what NumPy tells it, or nothing.

Every way of asking is crossed with arguments of every dtype. In a transform the answer
must be NumPy's; for a declared input it must be NumPy's where the dtype was declared,
and a `TracingError` with the user's line where the width of a float is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

SCALARS = (np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_)
OTHERS = (
    *SCALARS, bool, int, float, "float32", "f8", "int64", ">f8", "bool",
    np.dtype("f4"), np.dtype("f8"), np.dtype("i8"), np.float16, complex,
)  # fmt: skip

# Questions that a function asks, by what they say of two dtypes.
COMPARING: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda d, o: d == o,
    "!=": lambda d, o: d != o,
    "reflected ==": lambda d, o: o == d,
    "reflected !=": lambda d, o: o != d,
    "in a tuple": lambda d, o: d in (o,),
    "in a list": lambda d, o: d not in [o],
}
# Of a float of either width these miss by its hash, or raise an error of NumPy's own.
HASHING: dict[str, Callable[[Any], Any]] = {
    "in a set": lambda d: d in {np.dtype("f4"), np.dtype("i8"), np.dtype(bool)},
    "a dict": lambda d: {np.dtype(s): k for k, s in enumerate(SCALARS)}[d],
    "get": lambda d: {np.dtype("f4"): 1}.get(d, 2),
    "can cast": lambda d: bool(np.can_cast(d, np.float32)),
}
ASKING: dict[str, Callable[[Any], Any]] = {
    "kind": lambda d: d.kind,
    "itemsize": lambda d: d.itemsize,
    "type": lambda d: d.type,
    "char": lambda d: d.char,
    "np.dtype": lambda d: np.dtype(d),
    "floating": lambda d: bool(np.issubdtype(d, np.floating)),
    "double": lambda d: bool(np.issubdtype(d, np.float64)),
    "integer": lambda d: bool(np.issubdtype(d, np.integer)),
    "zeros": lambda d: np.zeros(3, dtype=d).dtype,
    "of its type": lambda d: d.type(1).dtype,
    "promoted": lambda d: np.promote_types(d, np.float32),
    "limits": lambda d: (
        (np.finfo if d.kind == "f" else np.iinfo)(d).max if d.kind in "fiu" else None
    ),
}
NAMED = {
    "name": lambda d: d.name,
    "str": lambda d: str(d),
    "f-string": lambda d: f"{d}",
}
ANSWERED: dict[str, Any] = {
    **{
        f"{how} {other}": (lambda d, how=how, other=other: COMPARING[how](d, other))
        for how in COMPARING
        for other in OTHERS
    },
    **ASKING,
}
KNOWN = {**ANSWERED, **HASHING}


@pytest.mark.parametrize("question", [*KNOWN, *NAMED])
def test_a_transform_answers_as_numpy(question: str) -> None:
    ask = {**KNOWN, **NAMED}[question]
    told: list[Any] = []

    def f(x: Any) -> Any:
        told.append(ask(x.dtype))
        return x

    compiled = T.jit(f)
    for scalar in SCALARS:
        x = np.ones(3, scalar)
        told.clear()
        f(x)
        compiled(x) if scalar is not np.bool_ else T.jit(f)(x)
        assert len(told) == 2
        assert told[0] == told[-1], (scalar, told)


@pytest.mark.parametrize("question", KNOWN)
def test_a_declared_dtype_answers_as_numpy(question: str) -> None:
    ask = KNOWN[question]
    for scalar in SCALARS:
        declared = sd.input("x", (3,), dtype=np.dtype(scalar).name)
        assert ask(declared.dtype) == ask(np.dtype(scalar)), scalar


@pytest.mark.parametrize("question", ANSWERED)
def test_a_float_of_either_width_is_not_guessed(question: str) -> None:
    """Where both widths have one answer it may be given; else the question raises."""
    ask = ANSWERED[question]
    truths = [ask(np.dtype("f4")), ask(np.dtype("f8"))]
    told: list[Any] = []
    lines: list[str] = []

    def f(x: Any) -> Any:
        try:
            told.append(ask(x.dtype))
        except sd.TracingError as error:
            lines.append(str(error))
        return x

    for mixed in (lambda: sd.trace(f, (3,)), lambda: T.jit(lambda x, y: f(x))(*MIXED)):
        told.clear(), lines.clear()
        try:
            mixed()
        except sd.TracingError as error:  # where NumPy hid it behind one of its own
            lines.append(str(error))
        if told:
            assert [told[-1]] * 2 == truths
        else:
            assert "float32 or float64" in lines[-1]


MIXED = (np.ones(3), np.ones(3, np.float32))


def width(x: Any) -> Any:
    return x * (2.0 if x.dtype == np.float32 else 3.0)


def test_the_error_has_the_line_and_the_remedy() -> None:
    with pytest.raises(
        sd.TracingError, match=r"jit with arrays(.|\n)*x\.dtype == np\."
    ):
        sd.trace(width, (3,))
    with pytest.raises(sd.TracingError, match="declare dtype="):
        width(sd.input("x", (3,)))
    with pytest.raises(sd.TracingError, match=r"np\.zeros_like(.|\n)*np\.zeros\(3"):
        sd.trace(lambda x: x + np.zeros(3, dtype=x.dtype), (3,))


USES: dict[str, Callable[[Any], Any]] = {
    "a branch": width,
    "epsilon": lambda x: x / (abs(x) + np.finfo(x.dtype).eps * 1e3),
    "zeros": lambda x: x + np.full(3, 0.1, dtype=x.dtype),
    "converted": lambda x: x + np.arange(3).astype(x.dtype),
    "a traced value converted": lambda x: (x > 1).astype(x.dtype) * x,
    "its type": lambda x: x * x.dtype.type(0.1),
    "a table": lambda x: x * {np.dtype("f4"): 2.0, np.dtype("f8"): 3.0}[x.dtype],
    "of a result": lambda x: x if (x * 2).sum().dtype == "float64" else -x,
    "in a helper of a helper": lambda x: T.grad(lambda y: np.sum(width(y) ** 2))(x),
}


@pytest.mark.parametrize("use", USES)
def test_each_width_has_its_own_answer(use: str) -> None:
    function = USES[use]
    compiled = T.jit(function)
    expected = function if "grad" not in function.__code__.co_names else None
    for kind in (np.float32, np.float64, np.float32):
        x = np.array([0.5, 1.5, 2.5], kind)
        found = compiled(x)
        factor = 2 * (4 if kind is np.float32 else 9)
        np.testing.assert_allclose(
            found, expected(x) if expected else factor * x, rtol=1e-6
        )
        assert found.dtype == kind


def test_the_compiler_keeps_its_own_equality() -> None:
    """Neutral and narrow floats are types of their own, and hash as they compare."""
    from symdiff.graph import types

    kinds = [types.dtype(n) for n in ("float", "float32", "float64", "int64", "bool")]
    kinds += [types.WEAK_FLOAT, types.WEAK_INT]
    for i, a in enumerate(kinds):
        assert [a == b for b in kinds] == [i == j for j in range(len(kinds))]
    assert len(set(kinds)) == len(kinds)
    assert types.FLOAT != None  # noqa: E711
    assert types.FLOAT != 3
