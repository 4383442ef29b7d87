"""Where one term of a sum is wrong, it is not said of the whole sum."""

from __future__ import annotations

from typing import Any

import pytest
from students.solutions import SOLUTIONS

SUM = 'dr + da2 @ params["middle.W"].T'
TERM = 'da2 @ params["middle.W"].T'
CHANGES = {"twice": "2 * {}", "factor 2": "0.5 * {}", "sign": "-1 * {}"}


@pytest.mark.parametrize("cause", CHANGES)
@pytest.mark.parametrize("part", [SUM, TERM], ids=["whole", "term"])
def test_a_factor_is_told_of_what_it_is_a_factor_of(
    grade: Any, cause: str, part: str
) -> None:
    body = SOLUTIONS["residual"]
    assert body.count(SUM) == 1
    wrong = body.replace(SUM, SUM.replace(part, CHANGES[cause].format(f"({part})")))
    found = grade("residual", wrong).findings[0]
    assert (found.node, found.cause) == ("d_h", cause)
    assert found.words.startswith("in one of its terms, ") == (part == TERM)
