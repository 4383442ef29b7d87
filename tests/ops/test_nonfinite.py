"""Infinite numbers, NaN and zeros of both signs have NumPy's values in every function.

The functions are found, not listed: every ufunc of NumPy's of one or two operands, and
`modf` and `divmod`, that symdiff has by its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdiff import transforms as T  # noqa: N812 - as autograd's users would
from symdiff.ops.core.operands import API

SPECIAL = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.5, -1.5, 2.0, -2.0])
PAIRS = [a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL)]


def _found() -> list[str]:
    ufuncs = [n for n in dir(np) if isinstance(getattr(np, n), np.ufunc) and n in API]
    kept = []
    truths = {n for n in ufuncs if n.startswith("logical_")}  # of floats: refused
    for name in sorted({*ufuncs, "modf", "divmod"} - truths):
        ufunc = getattr(np, name)
        try:
            with np.errstate(all="ignore"):
                ufunc(*PAIRS[: ufunc.nin])
        except (TypeError, ValueError):  # not of floats, or of matrices alone
            continue
        kept.append(name)
    return kept


NAMES = _found()


def test_the_functions_are_found() -> None:
    assert {"modf", "divmod", "exp", "hypot", "fmod", "rint"} <= set(NAMES)
    assert len(NAMES) > 50


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NAMES)
def test_values_are_numpys(name: str) -> None:
    ufunc = getattr(np, name)
    operands = PAIRS[: ufunc.nin]

    def f(*values: Any) -> Any:
        return ufunc(*values)

    found, expected = T.jit(f)(*operands), ufunc(*operands)
    pairs = zip(found, expected, strict=True) if ufunc.nout > 1 else [(found, expected)]
    for mine, numpys in pairs:
        np.testing.assert_allclose(mine, numpys, rtol=1e-12, atol=1e-300)
        if numpys.dtype.kind == "f":  # NaN has a sign that means nothing
            told = ~np.isnan(numpys)
            signs = np.signbit(mine)[told] == np.signbit(numpys)[told]
            assert signs.all(), [a[told][~signs] for a in operands]
