"""The numbers of pages and reports are those of the arrays, whatever dtype and size."""

from __future__ import annotations

import base64
import json
import math
import random
import warnings
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from explain.explorer_page import Page

import symdiff as sd
from symdiff.explain.explorer.numbers import ROOM, Shelf
from symdiff.explain.ranges import Range
from symdiff.explain.typeset import number as typeset_number
from symdiff.explain.values import shown

INTEGERS = [f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float32", "float64"]


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def drawn(dtype: str, shape: tuple[int, ...], seed: int, finite: bool = False) -> Any:
    """Return random bits: every exponent, nan, infinities, both zeros."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    raw = rng.integers(0, 256, (*shape, kind.itemsize), dtype=np.uint8)
    found = raw.view(kind)[..., 0].copy()
    if kind.kind == "f":
        found[np.isnan(found)] = np.nan  # none that signals
    info = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    special = [info.min, info.max, 0, 1]
    if kind.kind == "f":
        special += [-0.0, np.nan, np.inf, -np.inf, info.tiny, info.smallest_subnormal]
    some = np.array(special, kind)
    found.flat[: some.size] = some[: found.size]
    if finite and kind.kind == "f":
        found[~np.isfinite(found)] = 1.5
    return found


def elements(shelf: Shelf, told: dict[str, Any]) -> np.ndarray:
    """Return the elements as the page's script reads them."""
    kind, text = json.loads(json.dumps(shelf.arrays))[told["data"]]
    array = np.frombuffer(base64.b64decode(text), f"<{kind}")
    return array.reshape(told["shape"])


def same(found: Any, given: Any) -> bool:
    """Whether numbers are equal, nan and signs of zeros too."""
    if isinstance(found, str):
        found = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.get(found, found)
        found = int(found) if isinstance(found, str) else found
    if given != given:
        return bool(found != found)
    sign = math.copysign(1, found) == math.copysign(1, given)
    return bool(found == given) and (given != 0 or sign)


# --- the page's data ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_are_held_to_the_last_bit(dtype: str, seed: int) -> None:
    shelf = Shelf()
    arrays = [drawn(dtype, (9, 13), 100 * seed + k) for k in range(4)]
    arrays += [a[:, :1] for a in arrays] + [arrays[0][:0]]
    for given, told in [(a, shelf.put(a)) for a in arrays]:
        assert told is not None
        found = elements(shelf, told)
        pairs = zip(found.ravel().tolist(), given.ravel().tolist(), strict=True)
        assert all(same(a, b) for a, b in pairs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scalars_and_ranges_are_told_as_they_are(dtype: str) -> None:
    array = drawn(dtype, (40,), 7)
    for one in array:
        told = Shelf().put(one)
        assert told is not None
        assert same(json.loads(json.dumps(told["x"], allow_nan=False)), one.item())
    told = Shelf().put(array)
    assert told is not None
    fine = array[np.isfinite(array)]
    assert same(told["min"], fine.min().item())
    assert same(told["max"], fine.max().item())
    assert told["zeros"] == int((array == 0).sum())
    assert sum(told["bins"]) == fine.size
    assert told.get("nan", 0) == int(np.isnan(array).sum())


def test_an_array_is_held_once_and_what_is_no_longer_held_is_told() -> None:
    shelf = Shelf()
    array = np.random.default_rng(0).normal(size=(100, 100))
    assert shelf.put(array) == shelf.put(array.copy())
    assert len(shelf.arrays) == 1
    for k in range(40):
        shelf.put(array + k)
    assert sum(len(text) for _, text in shelf.arrays) <= ROOM * 4 / 3 + 100
    last = shelf.put(array + 40)
    assert last is not None
    assert "data" not in last
    assert last["mean"] == pytest.approx(40 + array.mean())


# --- statistics -----------------------------------------------------------------------

HARD = {
    "all the largest": np.full(50, 1.7e308),
    "largest of both signs": np.array([1.7e308, -1.7e308, 1.7e308, 1.0] * 5),
    "the smallest": np.array([5e-324, 0.0, 1e-323] * 7),
    "beside large ones": np.array([1e16, 1.0, -1e16] * 6),
    "close together": 1e16 + 2 * np.arange(20.0),
    "close together, negative": -(2.0**40) - 2.0**-12 * np.arange(20.0),
    "float32 near its end": np.full(30, 3e38, np.float32),
    "float32 close together": np.float32(2.0**24) + 2 * np.arange(20, dtype=np.float32),
    "int64 at its ends": np.array([2**63 - 1, -(2**63), 2**53 + 1] * 5),
    "int64 close together": 2**62 + np.arange(20),
    "uint64": np.array([2**64 - 1, 2**64 - 3] * 9, np.uint64),
    "two axes of integers": np.arange(24).reshape(4, 6),
    "bools": np.arange(20) % 3 == 0,
}
for name in DTYPES:
    for number in range(3):
        array = drawn(name, (5, 8), number, finite=True)
        HARD[f"random bits {number} of {name}"] = array


@pytest.mark.parametrize("array", HARD.values(), ids=HARD)
def test_statistics_are_exact(array: np.ndarray) -> None:
    exact = [Fraction(x) for x in array.ravel().tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((x - mean) ** 2 for x in exact) / len(exact)
    norm = sum(x * x for x in exact)
    found = Range(array)
    assert same(found.low, array.min().item())
    assert same(found.high, array.max().item())
    assert close(Fraction(found.mean), mean)
    assert close(Fraction(found.std) ** 2, variance, spare=Fraction(5e-324) ** 2)
    assert close(Fraction(found.norm) ** 2, norm, spare=Fraction(5e-324) ** 2)
    assert sum(found.histogram()) == array.size


def close(found: Fraction, exact: Fraction, spare: Fraction | None = None) -> bool:
    least = Fraction(5e-324) if spare is None else spare
    return abs(found - exact) <= Fraction(1e-13) * abs(exact) + 2 * least


def test_a_norm_beyond_all_floats_is_told_in_decimals() -> None:
    told = Shelf().put(np.full(4, 1.5e308))
    assert told is not None
    assert Decimal(told["norm"]) == pytest.approx(Decimal(3) * 10**308)
    assert isinstance(Range(np.full(4, 1e307)).norm, float)


# --- text -----------------------------------------------------------------------------


@pytest.mark.parametrize("array", HARD.values(), ids=HARD)
def test_ranges_in_words_are_true_of_the_array(array: np.ndarray) -> None:
    text = shown(array)
    if array.dtype == bool:
        assert text == f"{int(array.sum())} of {array.size} true"
        return
    low, high, mean = text.replace(", mean ", " to ").split(" to ")
    assert is_true(low, array.min().item())
    assert is_true(high, array.max().item())
    assert is_true(mean, Range(array).mean)
    assert (low == high) == (array.min() == array.max())


def is_true(text: str, exact: Any, digits: int = 3) -> bool:
    """Whether a text is a number, rounded where the digits that it has end."""
    if isinstance(exact, int):
        return text == str(int(exact))
    if not math.isfinite(exact):
        return text == str(exact)
    told, unit = Decimal(text), Decimal(10) ** int(Decimal(text).as_tuple().exponent)
    error = abs(told - Decimal(exact))
    enough = error * 2 * 10 ** (digits - 1) <= abs(Decimal(exact))
    rounded = enough and error <= unit / 2
    return rounded and math.copysign(1, float(text)) == math.copysign(1, exact)


@pytest.mark.parametrize("seed", range(20))
def test_numbers_of_formulas_keep_their_digits(seed: int) -> None:
    """0.99999999 is not typeset as 1, nor 123456789.5 as 1.23457e8."""
    rng = random.Random(seed)
    for value in (
        rng.gauss(0, 1) * 10.0 ** rng.randint(-300, 300),
        round(rng.gauss(0, 1), rng.randint(0, 12)),
        1 + 10.0 ** -rng.randint(1, 15),
        float(rng.randint(1, 10**15)),
    ):
        tex = typeset_number(value).text
        plain = tex.replace(r" \cdot 10^{", "e").replace("10^{", "1e").replace("}", "")
        assert float(plain) == value, (value, tex)


# --- in the browser -------------------------------------------------------------------


def numbers_page() -> tuple[Any, dict[str, np.ndarray]]:
    """Return the explorer of a function whose leaves hold every dtype's numbers."""
    given = {f"a_{d}": drawn(d, (6, 9), 1) for d in DTYPES}
    x = sd.input("x", ())
    arrays = [sd.input(n, (6, 9), dtype=n.removeprefix("a_")) for n in given]
    outputs = [2.0 * x, *(sd.where(a == a, x, 0.0) for a in arrays)]
    compiled = sd.compile(sd.Function("kinds", [x, *arrays], outputs))
    return compiled.explore(values={"x": 1e45, **given}), given


@pytest.mark.parametrize("page", ["kinds"], indirect=True)
def test_what_the_page_shows_is_true_of_the_arrays(page: Page) -> None:
    _, given = numbers_page()
    for name, array in given.items():
        page.click(page.box(name))
        cells = page.texts("#detail table.arr td")
        assert len(cells) == array.size
        whole = np.isfinite(array).all()
        assert whole or page.texts("#detail .stat")[0].startswith("the others:")
        for text, value in zip(cells, array.ravel().tolist(), strict=True):
            plain = text.replace("−", "-").replace("∞", "inf").replace("NaN", "nan")
            assert is_true(plain, value, 2), (name, text, value)
    page.click(page.box("x"))
    assert page.texts("#detail .big.V") == ["1e45"]
