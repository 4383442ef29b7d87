"""What `symdiff.numpy` refuses, and where plain NumPy's errors name it."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import symdiff as sd
import symdiff.numpy as np
from symdiff import transforms as T  # noqa: N812 - as autograd's users would


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (lambda x: np.array([x, [x, x]]), sd.ShapeError, "different shapes"),
        (lambda x: np.random.normal() * x, sd.TracingError, "[Dd]raw"),
        (lambda x: np.random.default_rng().normal() * x, sd.TracingError, "[Dd]raw"),
        (lambda x: np.arange(x), sd.DeclarationError, "arange"),
        (lambda x: np.r_[0:x], sd.DeclarationError, "depends on values"),
        (lambda x: np.r_["r", x], sd.DeclarationError, "directive"),
        (lambda x: np.fft.fft(np.array([x, x])), sd.DTypeError, "complex"),
        (lambda x: np.unique([x, x]), sd.ShapeError, "depends on values"),
        (lambda x: np.add.at([x], 0, x), sd.TracingError, "np.add.at"),
        (lambda x: np.arange(3.0).__setitem__(0, x), sd.TracingError, "np.zeros"),
        (lambda x: np.copyto(numpy.zeros(1), x), sd.TracingError, "np.zeros"),
    ],
)
def test_what_is_refused_names_the_line(bad: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words) as refused:
        T.jit(bad)(2.0)
    assert "test_numpy_refusals.py" in str(refused.value)


def test_plain_numpy_names_this_import_where_its_protocols_end() -> None:
    for ends in (
        lambda x: numpy.array([x, x]),
        lambda x: numpy.asarray(x),
        lambda x: numpy.mean([x, 1.0]),
        lambda x: numpy.eye(3)[x.astype(int)],
        lambda x: numpy.r_[x, x],
    ):
        with pytest.raises(sd.TracingError, match=r"import symdiff\.numpy as np"):
            T.jit(ends)(2.0)


def adds_to(made: Any, x: Any) -> Any:
    made += np.sin(x)
    return made


@pytest.mark.parametrize("make", [lambda: numpy.zeros(2), lambda: np.arange(2.0)])
def test_a_sum_into_an_array_of_numbers_says_how_to_make_it(make: Any) -> None:
    with pytest.raises(sd.TracingError, match=r"y = y \+ x.*np\.zeros") as refused:
        T.jit(lambda x: adds_to(make(), x))(2.0)
    assert "made += np.sin(x)" in str(refused.value)
