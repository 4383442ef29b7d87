"""What methods of named tuples and of other containers read is read anew."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from transforms.captured_places import (
    Box,
    X,
    apply,
)

from symdiff import transforms as T  # noqa: N812 - as autograd's users would

BEHIND: list[Box] = [Box(1.0)]


class Named(NamedTuple):
    size: float

    def loss(self, x: Any) -> Any:
        return self.size * apply(x, BEHIND[0].k)


class OfTuple(tuple):
    def loss(self, x: Any) -> Any:
        return self[0] * apply(x, BEHIND[0].k)


class OfList(list):
    def loss(self, x: Any) -> Any:
        return self[0] * apply(x, BEHIND[0].k)


class OfDict(dict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


class OfOrdered(OrderedDict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


class OfUserDict(UserDict):
    def loss(self, x: Any) -> Any:
        return self["size"] * apply(x, BEHIND[0].k)


MADE: dict[str, Callable[[], Any]] = {
    "named tuple": lambda: Named(2.0),
    "tuple": lambda: OfTuple([2.0]),
    "list": lambda: OfList([2.0]),
    "dict": lambda: OfDict(size=2.0),
    "ordered": lambda: OfOrdered(size=2.0),
    "user dict": lambda: OfUserDict(size=2.0),
}


WAYS = ("closed over", "argument", "in a list", "keyword")
# Others become plain ones as arguments, without methods, or are refused.
ARGUMENTS = ("named tuple", "dict", "ordered")


@pytest.mark.parametrize(
    ("made", "given"),
    [(m, g) for m in MADE for g in WAYS if g == "closed over" or m in ARGUMENTS],
)
def test_what_methods_of_containers_read_is_read_anew(made: str, given: str) -> None:
    held = MADE[made]()
    loss = T.grad(lambda x: held.loss(x))
    of_argument = T.grad(lambda x, p: p.loss(x))
    compiled = {
        "closed over": loss,
        "argument": lambda x: of_argument(x, held),
        "in a list": lambda x: T.grad(lambda x, p: p[0].loss(x))(x, [held]),
        "keyword": lambda x: of_argument(x, p=held),
    }[given]
    for k in (1.0, 3.0, np.arange(3.0), 1.0):
        BEHIND[0].k = k
        np.testing.assert_allclose(compiled(X), 2.0 * k * np.ones(3))
