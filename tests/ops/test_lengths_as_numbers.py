"""A length where a number must be written is refused by name, in every function.

The class: each argument that decides how much a function moves, cuts or repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import symdiff as sd
from symdiff.graph.arguments import misfit

N, K = sd.dim("N"), sd.dim("K")
x, v = sd.input("x", (N, N)), sd.input("v", (N,))
CALLS: dict[str, Callable[[], Any]] = {
    "roll": lambda: sd.roll(x, K, 0),
    "roll of all": lambda: sd.roll(x, K),
    "roll of two": lambda: sd.roll(x, (K, 1), (0, 1)),
    "roll along": lambda: sd.roll(x, 1, K),
    "tril": lambda: sd.tril(x, K),
    "triu": lambda: sd.triu(x, K),
    "tri": lambda: sd.tri(N, k=K),
    "eye": lambda: sd.eye(N, k=K),
    "diag": lambda: sd.diag(v, K),
    "diagonal": lambda: sd.diagonal(x, K),
    "trace": lambda: sd.trace(x, K),
    "rot90": lambda: sd.rot90(x, K),
    "step": lambda: x[::K],
    "step of a part": lambda: x[1:N:K],
    "step of columns": lambda: x[:, ::K],
    "step back": lambda: x[::-K],
    "diff": lambda: sd.diff(x, K),
    "round": lambda: sd.round(x, K),
    "split": lambda: sd.split(x, K),
    "array_split": lambda: sd.array_split(x, K),
    "split at": lambda: sd.split(x, [K]),
    "sum": lambda: sd.sum(x, K),
    "var": lambda: sd.var(x, ddof=K),
    "arange": lambda: sd.arange(0, N, K),
    "linspace": lambda: sd.linspace(v, 1, K),
    "max_pool2d": lambda: sd.max_pool2d(x[None, None], K),
    "avg_pool2d": lambda: sd.avg_pool2d(x[None, None], 2, K),
    "sliding_window_view": lambda: sd.sliding_window_view(v, K),
    "tensordot": lambda: sd.tensordot(x, x, K),
    "moveaxis": lambda: sd.moveaxis(x, K, 0),
    "swapaxes": lambda: sd.swapaxes(x, 0, K),
    "expand_dims": lambda: sd.expand_dims(x, K),
    "flip": lambda: sd.flip(x, K),
    "argmax": lambda: sd.argmax(x, K),
    "cumsum": lambda: sd.cumsum(x, K),
    "sort": lambda: sd.sort(x, K),
    "stack": lambda: sd.stack([x, x], K),
    "concatenate": lambda: sd.concatenate([x, x], K),
    "quantile": lambda: sd.quantile(x, K),
    "transpose": lambda: sd.transpose(x, (K, 0)),
    "pad": lambda: sd.pad(x, K),
    "repeat": lambda: sd.repeat(x, K, 0),
    "tile": lambda: sd.tile(x, K),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_length_for_a_number_works_or_is_refused_by_name(name: str) -> None:
    said = _said(CALLS[name])
    assert said is None or ("K" in said and __file__ in said)


def _said(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except sd.SymdiffError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["roll", "tril", "step", "eye", "sum", "diag"])
def test_it_is_said_what_to_do_instead(name: str) -> None:
    with pytest.raises(TypeError, match=r"known only .*sd\.arange\(N\)"):
        CALLS[name]()


def test_a_type_error_of_one_s_own_function_stays() -> None:
    assert misfit(lambda f, n: None, (len, N), {}) is None
    assert misfit(lambda f, n: None, (2.5, N), {}) is not None
