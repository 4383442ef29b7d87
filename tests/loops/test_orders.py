"""Loops and branches to third order, in every combination of modes."""

from __future__ import annotations

import pytest
from loop_checks import check_orders
from loop_programs import BY_ID


@pytest.mark.parametrize("name", list(BY_ID))
def test_every_order(name: str) -> None:
    check_orders(BY_ID[name])


@pytest.mark.parametrize("name", [n for n, p in BY_ID.items() if p.symbolic])
def test_with_a_symbolic_length(name: str) -> None:
    check_orders(BY_ID[name], symbolic=True)
