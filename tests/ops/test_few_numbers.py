"""Statistics of the numbers that a mask or NaN leaves, down to none, are NumPy's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from symdiff.transforms import grad, jit

nan = np.nan
VALUE = np.array(
    [[1.0, 2.0, 4.0, -1.0], [3.0, nan, nan, nan], [nan] * 4, [0.5, nan, 2.0, 0.5]]
)
AXES = [None, 0, 1, (0, 1), ()]
FREEDOMS = [0, 1, 2, 4, 5, 20, 0.5, -1]
SPREADS = ["nanvar", "nanstd", "var", "std"]


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():  # of NumPy's, of too few numbers
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def spread(name: str, axis: Any, ddof: float, keepdims: bool) -> Callable[[Any], Any]:
    """Return a function that leaves NaN out, by its own means or by a mask."""
    function, options = getattr(np, name), {"ddof": ddof, "keepdims": keepdims}
    if not name.startswith("nan"):
        options["where"] = ~np.isnan(VALUE)
        return lambda a: function(np.where(np.isnan(a), 0, a), axis, **options)
    return lambda a: function(a, axis, **options)


@pytest.mark.parametrize("ddof", FREEDOMS)
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", SPREADS)
def test_spreads_of_few_numbers(name: str, axis: Any, ddof: float) -> None:
    for keepdims in (False, True):
        program = spread(name, axis, ddof, keepdims)
        with quiet():
            np.testing.assert_allclose(jit(program)(VALUE), program(VALUE))


@pytest.mark.parametrize("ddof", FREEDOMS)
@pytest.mark.parametrize("name", SPREADS)
def test_what_has_no_value_has_no_slope(name: str, ddof: float) -> None:
    program = spread(name, 1, ddof, keepdims=False)
    with quiet():
        values = program(VALUE)
        slopes = grad(lambda a: jit(program)(a).sum())(VALUE)
    for row, value, slope in zip(VALUE, values, slopes, strict=True):
        kept = row[~np.isnan(row)]
        found = slope[~np.isnan(row)]
        if not np.isfinite(value):
            assert not np.isfinite(found).any()
            continue
        away = 2 * (kept - kept.mean()) / (len(kept) - ddof)
        if name.endswith("std"):
            away = away / (2 * value) if value else 0 * away
        np.testing.assert_allclose(found, away, atol=1e-14)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanmax", "nanmin"])
def test_what_is_left_of_rows_of_nan(name: str, axis: Any) -> None:
    function = getattr(np, name)
    with quiet():
        expected = function(VALUE, axis)
        np.testing.assert_allclose(jit(lambda a: function(a, axis))(VALUE), expected)
