"""The page of NumPy's names says of every name what it does, and says what is so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_names import functions, modules, page, reasons, takes_tensors
from pages import check_text

NAMES = [(p, n, f) for p, m in modules().items() for n, f in functions(m)]


@pytest.mark.skipif(np.__version__ < "2", reason="the page is made for NumPy 2")
def test_the_page_tells_every_name(pytestconfig: pytest.Config) -> None:
    check_text("docs/reference/numpy.md", page(), pytestconfig)


@pytest.mark.parametrize(
    ("prefix", "name", "theirs"), NAMES, ids=[f"{p}.{n}" for p, n, _ in NAMES]
)
def test_a_name_takes_tensors_or_has_a_reason(prefix, name, theirs) -> None:
    why = reasons().get(name)
    refused = why is not None and why.startswith(
        "no: "
    )  # perhaps with words of its own
    if not refused:
        assert takes_tensors(prefix, name, theirs) == (why is None), why
