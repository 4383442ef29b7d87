"""The containers that a loop carries and the sides of a branch return.

Dicts are matched by their keys, as the user reads them, whatever order they were
written in; other containers, other keys and other named tuples are refused.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.0, 2.0, 3.0])
KEYS = ("p", "q", "r")


def ordered(order: Any, **values: Any) -> dict[str, Any]:
    return {key: values[key] for key in order}


def by_scan(order: Any) -> Any:
    def body(c: Any, v: Any) -> Any:
        return ordered(order, p=c["p"] * v, q=c["q"] + 1.0, r=c["r"] - v), None

    return lambda x: sd.scan(body, {"p": 1.0, "q": 0.0, "r": x[0]}, x)[0]


def by_while(order: Any) -> Any:
    def body(c: Any) -> Any:
        return ordered(order, p=c["p"] * 2.0, q=c["q"] + 1.0, r=c["r"] * c["p"])

    start = {"p": 0.0, "q": 0.0, "r": 1.0}
    return lambda x: sd.while_loop(
        lambda c: c["q"] < 3.0, body, start | {"p": x[0], "r": x[1]}
    )


def by_cond(order: Any) -> Any:
    def then(x: Any) -> Any:
        return {"p": x[0], "q": x[1] * 2.0, "r": x[2] ** 2}

    def otherwise(x: Any) -> Any:
        return ordered(order, p=x[2], q=x[0] * x[1], r=x[1])

    return lambda x: sd.cond(x[0] > 1.5, then, otherwise, x)


@pytest.mark.parametrize("order", list(itertools.permutations(KEYS)))
@pytest.mark.parametrize("make", [by_scan, by_while, by_cond])
def test_dicts_are_matched_by_key(make: Any, order: Any) -> None:
    expected, found = make(KEYS), make(order)
    for transform in (
        T.jit, lambda f: T.jacobian(lambda x: [f(x)[k] for k in KEYS])
    ):  # fmt: skip
        a, b = transform(expected)(X), transform(found)(X)
        pairs = zip(KEYS, a, b, strict=True) if isinstance(a, list) else (
            (k, a[k], b[k]) for k in KEYS
        )  # fmt: skip
        for key, left, right in pairs:
            np.testing.assert_array_equal(left, right, err_msg=key)


class Pair(NamedTuple):
    a: Any
    b: Any


class Other(NamedTuple):
    b: Any
    a: Any


GIVEN = {"p": 1.0, "q": (2.0, 3.0)}
REFUSED: dict[str, Any] = {
    "other keys": {"p": 1.0, "r": (2.0, 3.0)},
    "a key less": {"p": 1.0},
    "a key more": {**GIVEN, "r": 1.0},
    "a list": [1.0, (2.0, 3.0)],
    "a tensor": 1.0,
    "nothing": None,
    "longer inside": {"p": 1.0, "q": (2.0, 3.0, 4.0)},
    "a list inside": {"p": 1.0, "q": [2.0, 3.0]},
    "a named tuple inside": {"p": 1.0, "q": Pair(2.0, 3.0)},
    "a container for a tensor": {"p": (1.0,), "q": (2.0, 3.0)},
    "nothing for a tensor": {"p": None, "q": (2.0, 3.0)},
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_containers_are_refused(case: str) -> None:
    wrong = REFUSED[case]
    calls = (
        lambda x: sd.cond(x[0] > 0, lambda: GIVEN, lambda: wrong),
        lambda x: sd.scan(lambda c, v: (wrong, None), GIVEN, x),
        lambda x: sd.while_loop(lambda c: c["p"] < 3.0, lambda c: wrong, GIVEN),
    )
    for call in calls:
        with pytest.raises(sd.DeclarationError, match="structure"):
            T.jit(call)(X)


def test_another_named_tuple_is_refused() -> None:
    with pytest.raises(sd.DeclarationError, match=r"Pair.*Other"):
        T.jit(lambda x: sd.scan(lambda c, v: (Other(*c), v), Pair(x[0], x[1]), x))(X)
