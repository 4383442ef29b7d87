"""What predicts alone derives nothing, and reads as it does in the whole package."""

from __future__ import annotations

import pytest

import symdiff as sd
from symdiff.emit.modules.assembly import body_of

N = sd.dim("N")


def _declared(kind: str) -> sd.Model | sd.Function:
    x, y = sd.input("x", (N, 3)), sd.input("y", (N, 2))
    h = sd.nn.dense(sd.nn.dropout(sd.nn.batch_norm(x), 0.3), 2, "tanh", name="out")
    if kind == "function":
        return sd.Function("f", [x], sd.tanh(sd.stop_gradient(x) * x))
    return sd.Model("m", [x], [y], h, sd.mean((h - y) ** 2), optimizer=sd.optim.SGD(1))


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("kind", ["function", "model"])
def test_prediction_alone_derives_nothing(kind: str, level: int) -> None:
    declared = _declared(kind)
    alone = sd.compile(declared, optimize=level, only=("forward",))
    whole = sd.compile(declared, optimize=level)
    assert whole.stages["derive"].gradients
    assert not alone.stages["derive"].gradients
    assert not alone.stages["derive"].cotangents
    one, other = (body_of(c["forward"]) for c in (alone, whole))
    assert _without_build(one) == _without_build(other)


def _without_build(text: str) -> list[str]:
    return [row for row in text.splitlines() if not row.startswith("BUILD = ")]
