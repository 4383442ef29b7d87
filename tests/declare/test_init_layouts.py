"""What is named after a fan reads a dense weight, or a kernel where it is told so."""

from __future__ import annotations

from typing import Any

import pytest

import symdiff as sd

KERNEL = (16, 3, 5, 5)  # (out, in, height, width)
FANS = {"lecun_normal": 75, "he_normal": 75, "glorot_normal": 75 + 400}


@pytest.mark.parametrize("name", FANS)
def test_a_kernel_is_read_outputs_first_on_request(name: str) -> None:
    drawn = sd.init.outputs_first(name).draw_text(KERNEL)
    assert f"/ {FANS[name]})" in drawn
    assert sd.init.outputs_first(getattr(sd.init, name)).draw_text(KERNEL) == drawn
    turned = (*KERNEL[2:], *KERNEL[1::-1])  # as a dense weight: (..., in, out)
    assert f"/ {FANS[name]})" in getattr(sd.init, name).draw_text(turned)


def test_what_has_no_fans_stays() -> None:
    assert sd.init.outputs_first(sd.init.zeros) is sd.init.zeros


@pytest.mark.parametrize("wrong", [3, None, "he", [1.0]])
def test_what_is_no_init_is_refused(wrong: Any) -> None:
    with pytest.raises(sd.DeclarationError):
        sd.init.outputs_first(wrong)
