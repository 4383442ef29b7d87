"""Every function of every pair of dtypes: value and dtype as NumPy's, in both fronts.

What differs on purpose is written here as rules: results that are floats have the width
of the run (NumPy widens float32 beside integers, and has float16 for booleans and small
integers), logical functions take booleans alone, and the declared language converts
nothing to a float by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms

DTYPES = ("bool", "int32", "int64", "uint8", "float")
PAIRS = tuple(itertools.product(DTYPES, DTYPES))

BINARY = (
    *("add", "subtract", "multiply", "divide", "floor_divide", "mod", "fmod"),
    *("remainder", "power", "float_power", "maximum", "minimum", "fmax", "fmin"),
    *("greater", "less", "equal", "not_equal", "less_equal", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor", "hypot", "arctan2", "copysign"),
    *("bitwise_and", "bitwise_or", "bitwise_xor"),
    *("heaviside", "logaddexp", "matmul", "dot", "inner", "outer", "vdot", "kron"),
    *("convolve", "append", "correlate", "logaddexp2", "polyval"),
    *("searchsorted", "true_divide", "vecdot", "full_like"),
)
UNARY = (
    *("negative", "positive", "abs", "absolute", "fabs", "sign", "square", "sqrt"),
    *("exp", "log1p", "tanh", "exp2", "cbrt", "degrees", "reciprocal", "logical_not"),
    *("invert", "floor", "ceil", "trunc", "rint", "fix", "round", "isnan", "isfinite"),
    *("signbit", "sum", "prod", "mean", "max", "min", "ptp", "std", "var", "median"),
    *("any", "all", "cumsum", "cumprod", "sort", "argmax", "argmin", "count_nonzero"),
    *("nan_to_num", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar"),
    *("diff", "average", "copy", "flip", "amax", "amin", "argsort", "atleast_2d"),
    *("diag", "diagflat", "ravel", "squeeze", "transpose", "zeros_like"),
    *("ones_like", "isinf", "isneginf", "isposinf", "rad2deg", "deg2rad", "radians"),
    *("sin", "cos", "tan", "arctan", "arcsinh", "sinh", "cosh", "expm1"),
    *("nanstd", "trapezoid", "atleast_1d", "atleast_3d"),
)
Form = Callable[[Any, Any, Any], Any]
FORMS: dict[str, Form] = {
    "a + b": lambda np, a, b: a + b,
    "a - b": lambda np, a, b: a - b,
    "a * b": lambda np, a, b: a * b,
    "a / b": lambda np, a, b: a / b,
    "a // b": lambda np, a, b: a // b,
    "a % b": lambda np, a, b: a % b,
    "a ** b": lambda np, a, b: a**b,
    "a @ b": lambda np, a, b: a @ b,
    "a & b": lambda np, a, b: a & b,
    "a | b": lambda np, a, b: a | b,
    "a ^ b": lambda np, a, b: a ^ b,
    "divmod": lambda np, a, b: np.divmod(a, b)[1],
    "a[:, None] @ b[None]": lambda np, a, b: a[:, None] @ b[None],
    "einsum i,i->i": lambda np, a, b: np.einsum("i,i->i", a, b),
    "einsum i,i->": lambda np, a, b: np.einsum("i,i->", a, b),
    "einsum i,j->i": lambda np, a, b: np.einsum("i,j->i", a, b),
    "einsum ij,jk->": lambda np, a, b: np.einsum("ij,jk->", a[None], b[:, None]),
    "tensordot": lambda np, a, b: np.tensordot(a, b, 1),
    "where": lambda np, a, b: np.where(a > 0, a, b),
    "clip": lambda np, a, b: np.clip(a, b, b),
    "concatenate": lambda np, a, b: np.concatenate([a, b]),
    "stack": lambda np, a, b: np.stack([a, b]),
    "hstack": lambda np, a, b: np.hstack([a, b]),
    "vstack": lambda np, a, b: np.vstack([a, b]),
    "dstack": lambda np, a, b: np.dstack([a, b]),
    "column_stack": lambda np, a, b: np.column_stack([a, b]),
    "cross": lambda np, a, b: np.cross(a[:3], b[:3]),
    "take along": lambda np, a, b: np.take_along_axis(a, np.argsort(b), 0),
    "count and scale": lambda np, a, b: ((a > 0) + (b > 2)) * b,
}
ALONE: dict[str, Form] = {
    "a + 1": lambda np, a, b: a + 1,
    "a + 1.5": lambda np, a, b: a + 1.5,
    "1 - a": lambda np, a, b: 1 - a,
    "a + True": lambda np, a, b: a + True,
    "a - True": lambda np, a, b: a - True,
    "a * True": lambda np, a, b: a * True,
    "a ** 2": lambda np, a, b: a**2,
    "2 ** a": lambda np, a, b: 2 ** (a % 3),
    "a ** 0.5": lambda np, a, b: a**0.5,
    "a / 2": lambda np, a, b: a / 2,
    "a // 2": lambda np, a, b: a // 2,
    "a % 2": lambda np, a, b: a % 2,
    "-a": lambda np, a, b: -a,
    "+a": lambda np, a, b: +a,
    "~a": lambda np, a, b: ~a,
    "abs": lambda np, a, b: abs(a),
    "maximum 1": lambda np, a, b: np.maximum(a, 1),
    "minimum True": lambda np, a, b: np.minimum(a, True),
    "clip 0..1": lambda np, a, b: np.clip(a, 0, 1),
    "einsum i->": lambda np, a, b: np.einsum("i->", a),
    "sum of none": lambda np, a, b: np.sum(a, axis=()),
    "max of none": lambda np, a, b: np.max(a, axis=()),
    "prod of none": lambda np, a, b: np.prod(a, axis=()),
    "mean of none": lambda np, a, b: np.mean(a, axis=()),
    "any of none": lambda np, a, b: np.any(a, axis=()),
    "all of none": lambda np, a, b: np.all(a, axis=()),
    "any of one": lambda np, a, b: np.any(a[1]),
    "all of one": lambda np, a, b: np.all(a[1]),
    "sum of one": lambda np, a, b: np.sum(a[1]),
    "copy method": lambda np, a, b: a.copy(),
    "repeat": lambda np, a, b: np.repeat(a, 2),
    "tile": lambda np, a, b: np.tile(a, 2),
    "roll": lambda np, a, b: np.roll(a, 1),
    "rot90": lambda np, a, b: np.rot90(a[None]),
    "take": lambda np, a, b: np.take(a, [1, 0]),
    "trace": lambda np, a, b: np.trace(a[None] * a[:, None]),
    "tril": lambda np, a, b: np.tril(a[None] * a[:, None]),
    "triu": lambda np, a, b: np.triu(a[None] * a[:, None], 1),
    "modf 0": lambda np, a, b: np.modf(a)[0],
    "modf 1": lambda np, a, b: np.modf(a)[1],
    "full_like 2": lambda np, a, b: np.full_like(a, 2),
    "diff append": lambda np, a, b: np.diff(a, append=1),
    "max initial": lambda np, a, b: np.max(a, initial=1),
    "sum initial": lambda np, a, b: np.sum(a, initial=1),
    "sum where": lambda np, a, b: np.sum(a, where=b > 2),
    "cumsum int8": lambda np, a, b: np.cumsum(a, dtype="int8"),
    "trunc": lambda np, a, b: np.trunc(a),
    "round 1": lambda np, a, b: np.round(a, 1),
    "round -1": lambda np, a, b: np.round(a * 5, -1),
    "round -2": lambda np, a, b: np.around(a * 25, -2),
    "round -4": lambda np, a, b: np.round(a * 25, -4),
    "matrix_power 0": lambda np, a, b: _matrix_power(np, a, 0),
    "matrix_power 1": lambda np, a, b: _matrix_power(np, a, 1),
    "matrix_power 5": lambda np, a, b: _matrix_power(np, a, 5),
    "pad": lambda np, a, b: np.pad(a, (1, 2)),
    "pad constant": lambda np, a, b: np.pad(a, (1, 2), constant_values=1),
    "pad edge": lambda np, a, b: np.pad(a, (1, 2), "edge"),
    "pad reflect": lambda np, a, b: np.pad(a, (1, 2), "reflect"),
    "pad maximum": lambda np, a, b: np.pad(a, (1, 2), "maximum"),
    "pad minimum": lambda np, a, b: np.pad(a, (1, 2), "minimum"),
    "pad mean": lambda np, a, b: np.pad(a, (1, 2), "mean"),
    "pad mean of 2": lambda np, a, b: np.pad(a, 2, "mean", stat_length=2),
    "pad median": lambda np, a, b: np.pad(a, (1, 2), "median"),
    "pad ramp": lambda np, a, b: np.pad(a, 3, "linear_ramp"),
    "pad ramp to 9": lambda np, a, b: np.pad(a, 3, "linear_ramp", end_values=9),
}


def _matrix_power(np: Any, a: Any, n: int) -> Any:
    space = np if hasattr(np, "matrix_power") else np.linalg
    return space.matrix_power(a[None] * a[:, None], n)


def _named(name: str) -> Form:
    return lambda np, a, b: getattr(np, name)(a, b)


def _of_one(name: str) -> Form:
    return lambda np, a, b: getattr(np, name)(a)


TWO = {n: _named(n) for n in BINARY} | FORMS
ONE = {n: _of_one(n) for n in UNARY} | ALONE
CASES = {n: (f, PAIRS) for n, f in TWO.items()}
CASES |= {n: (f, tuple((d, "int64") for d in DTYPES)) for n, f in ONE.items()}
ON_BOOLEANS = ("logical", "bitwise", "invert", "~", "a & b", "a | b", "a ^ b")


def _values(dtype: str, width: str) -> dict[str, np.ndarray]:
    first = np.array([1, 1, 0, 0]) if dtype == "bool" else np.array([3, 1, 2, 5])
    kind = width if dtype == "float" else dtype
    signed = first * [1, 1, 1 if kind == "uint8" else -1, 1]
    return {
        f"a_{dtype}": signed.astype(kind),
        f"b_{dtype}": np.roll(first, 1).astype(kind),  # powers of integers: not below 0
    }


def _arguments(width: str) -> dict[str, np.ndarray]:
    return {k: v for d in DTYPES for k, v in _values(d, width).items()}


def _outcome(form: Form, space: Any, a: Any, b: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return form(space, a, b)
    except AttributeError:
        return None
    except (TypeError, ValueError) as error:  # both NumPy's and ours
        return error


def _numpy(form: Form, a: np.ndarray, b: np.ndarray) -> Any:
    """Return NumPy's outcome; where that is float16, computed in float64."""
    found = _outcome(form, np, a, b)
    if getattr(found, "dtype", None) == np.float16:
        wide = [x.astype(float) if x.dtype.kind in "bu" else x for x in (a, b)]
        found = _outcome(form, np, *wide)
    return found


def _may_refuse(name: str, a: str, b: str, want: np.ndarray, front: str) -> bool:
    kinds = {a, b} if name in TWO else {a}
    if name.startswith(ON_BOOLEANS):
        return kinds != {"bool"}
    floats = want.dtype.kind == "f" and kinds != {"float"}
    mixed = "float" in kinds and not kinds <= {"bool", "float"}
    return front == "declared" and (floats or mixed)


@pytest.mark.parametrize("front", ["traced", "declared"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_dtype_are_those_of_numpy(name, front):
    form, pairs = CASES[name]
    refused, answered = {}, []

    def program(arrays, space):
        results = []
        for x, y in pairs:
            found = _outcome(form, space, arrays[f"a_{x}"], arrays[f"b_{y}"])
            if isinstance(found, Exception):
                refused[x, y] = found
            elif found is not None:
                results.append(found)
                answered.append((x, y))
        return results

    example = _arguments("float64")
    inputs = {k: sd.input(k, v.shape, k[2:]) for k, v in example.items()}
    if front == "traced":
        function = sd.trace(lambda arrays: program(arrays, np), dict(example))
    else:
        if not hasattr(sd, name) and name in (*BINARY, *UNARY):
            return  # NumPy's name has none of ours
        outputs = program(inputs, sd) or [inputs["a_float"]]
        function = sd.Function("f", list(inputs.values()), outputs)
    for pair, error in refused.items():
        want = _numpy(form, example[f"a_{pair[0]}"], example[f"b_{pair[1]}"])
        may = isinstance(want, Exception) or _may_refuse(name, *pair, want, front)
        assert may, (pair, want.dtype, error)
    if not answered:
        return
    module = sd.compile(function, single_file=True).load()
    for width in ("float32", "float64"):
        arrays = _arguments(width)
        with np.errstate(all="ignore"):
            found = module.forward(*arrays.values())
        many = found if len(answered) > 1 else [found]
        for (x, y), got in zip(answered, many, strict=True):
            want = _numpy(form, arrays[f"a_{x}"], arrays[f"b_{y}"])
            assert not isinstance(want, Exception), (x, y, want, got)
            kind = np.dtype(width) if want.dtype.kind == "f" else want.dtype
            assert (np.shape(got), got.dtype) == (want.shape, kind), (x, y)
            close = 1e-5 if width == "float32" else 1e-13
            np.testing.assert_allclose(got, want, rtol=close, err_msg=f"{x} {y}")


SMOOTH = [
    *("add", "subtract", "multiply", "divide", "power", "float_power", "maximum"),
    *("minimum", "fmax", "fmin", "fmod", "mod", "hypot", "arctan2", "copysign"),
    *("logaddexp", "einsum i,j->i", "einsum i,i->", "tensordot", "where", "clip"),
    *("matmul", "outer"),
]


@pytest.mark.parametrize("other", ["bool", "int64", "uint8"])
@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_beside_another_dtype(name, other):
    form = TWO[name]
    x = np.array([3.3, 1.2, 2.6, 5.4])
    for place in (0, 1):
        mate = _values(other, "float64")["ab"[1 - place] + f"_{other}"]
        mate = np.where(mate == 0, 1, mate).astype(other) if place == 0 else mate
        if place == 1 and name in ("power", "float_power"):
            mate = np.maximum(mate, 1).astype(other)

        def total(v, mate=mate, place=place):
            return np.sum(form(np, *((v, mate) if place == 0 else (mate, v))))

        step, found = 1e-6, transforms.grad(total)(x)
        for i, unit in enumerate(np.eye(4)):
            slope = (total(x + step * unit) - total(x - step * unit)) / (2 * step)
            assert found[i] == pytest.approx(slope, rel=1e-6, abs=1e-7), (place, i)


def test_masks_add_up_as_in_numpy():
    def f(x):
        return np.sum(((x > 1) + (x > 2.5)) * x)

    x = np.array([3.0, 5.0, 2.0])
    assert transforms.value_and_grad(f)(x)[0] == f(x) == 10
    np.testing.assert_array_equal(transforms.grad(f)(x), [1, 1, 1])
    for refused in (lambda m: m - m, lambda m: -m, lambda m: +m, np.sign, np.ptp):
        with pytest.raises(TypeError):
            refused(x > 1)
        with pytest.raises(sd.DTypeError, match=r"sd\.cast"):
            transforms.grad(lambda v, r=refused: np.sum(r(v > 1) * v))(x)


def test_questions_that_reduce_nothing_are_booleans():
    for f, want in (
        (lambda x: x * np.any(x), (0.4, 1.0)),
        (lambda x: x * np.all(x), (0.4, 1.0)),
        (lambda x: x * np.any(x, axis=()), (0.4, 1.0)),
        (lambda x: x * np.all(np.where(x > 1, x, 0.0)), (0.0, 0.0)),
    ):
        assert transforms.value_and_grad(f)(0.4) == want
    x = sd.input("x", (3,))
    outputs = [sd.all(0.4), sd.any(0.0), sd.any(x, axis=()), sd.all(x)]
    module = sd.compile(sd.Function("f", [x], outputs), single_file=True).load()
    found = module.forward(np.array([0.0, np.nan, 2.0]))
    assert [np.asarray(r).tolist() for r in found] == [
        *(True, False),
        [False, True, True],
        False,
    ]
    assert {np.asarray(r).dtype for r in found} == {np.dtype(bool)}


INTEGERS = ("bool", "int8", "uint8", "int32", "int64")
BESIDE: dict[str, Form] = {
    "x * s": lambda np, x, s: x * s,
    "s + x": lambda np, x, s: s + x,
    "x - s": lambda np, x, s: np.subtract(x, s),
    "x // s": lambda np, x, s: x // s,
    "x ** s": lambda np, x, s: x**s,
    "maximum": lambda np, x, s: np.maximum(x, s),
    "clip": lambda np, x, s: np.clip(x, s, s + s),
    "where": lambda np, x, s: np.where(x > 1, x, s),
    "x > s": lambda np, x, s: x > s,
}


@pytest.mark.parametrize("name", BESIDE)
def test_numbers_of_numpy_have_a_dtype(name):
    """A NumPy integer is as wide as it says, unlike Python's; beside floats all fit."""
    for array, number in itertools.product(INTEGERS, INTEGERS[1:]):
        x, s = np.array([1, 0, 1, 100]).astype(array), np.dtype(number).type(100)
        if array == "bool" and name in ("x - s", "x ** s", "x // s"):
            continue  # int8 against bool has rules of its own, tested above
        with np.errstate(all="ignore"):
            right = BESIDE[name](np, x, s)
            found = transforms.jit(lambda x, s: BESIDE[name](np, x, s))(x, s)
        np.testing.assert_array_equal(found, right)
        assert found.dtype == right.dtype, (array, number)
    x = np.ones(3, np.float32)
    assert transforms.jit(lambda x: x * np.int64(2))(x).dtype == np.float32


def test_a_number_that_an_unsigned_dtype_lacks_raises():
    """-1 times an unsigned array is no negation: NumPy 2 raises, and never wraps."""
    x = np.array([200, 100], np.uint8)
    for f in (lambda x: x * -1, lambda x: -1 * x, lambda x: x + -1):
        with pytest.raises(OverflowError):
            transforms.jit(f)(x)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "prod", "sum"])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "bool", "float64", None])
def test_a_reduction_has_the_dtype_that_is_asked_for(name: str, dtype: Any) -> None:
    """Narrow integers wrap as NumPy's do, and booleans are any and all."""
    function = getattr(np, name)
    for values in ([100, 100, -7, 5], [2, 0, 3], []):
        x = np.array(values, np.int8)
        expected = np.asarray(function(x, dtype=dtype))
        found = np.asarray(transforms.jit(lambda x: function(x, dtype=dtype))(x))
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("num", [1, 2, 4, 5])
@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("dtype", [int, "int32", "int64", "bool", "float64"])
@pytest.mark.parametrize("ends", [(7.3, 21.9), (-7, 5), (5.25, -7.5)])
def test_evenly_spaced_integers_are_rounded_down(
    num: int, endpoint: bool, dtype: Any, ends: Any
) -> None:
    def spaced(a: Any, b: Any) -> Any:
        return np.linspace(a[0], b[0], num, endpoint=endpoint, dtype=dtype)

    given = np.array(ends[:1]), np.array(ends[1:])
    found, expected = transforms.jit(spaced)(*given), spaced(*given)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-14)
