"""Every attribute of NumPy's arrays works on a tensor, or says what to write."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.graph.tensor import Tensor

VALUE = np.array([[3.0, 1.0], [2.0, 4.0]])
# Arguments of methods that need some; an attribute that is none has no line here.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "__add__": (2.0,), "__and__": (VALUE > 2,), "__array_function__": (),
    "__array_ufunc__": (), "__contains__": (1.0,), "__delitem__": (0,),
    "__divmod__": (2.0,), "__eq__": (2.0,), "__floordiv__": (2.0,),
    "__format__": (".2f",),
    "__ge__": (2.0,), "__getitem__": (0,), "__gt__": (2.0,), "__le__": (2.0,),
    "__lt__": (2.0,), "__matmul__": (VALUE,), "__mod__": (2.0,), "__mul__": (2.0,),
    "__ne__": (2.0,), "__or__": (VALUE > 2,), "__pow__": (2.0,),
    "__setitem__": (0, 1.0),
    "__sub__": (2.0,), "__truediv__": (2.0,), "__xor__": (VALUE > 2,),
    "__lshift__": (1,), "__rshift__": (1,), "__ilshift__": (1,), "__irshift__": (1,),
    "__rlshift__": (1,), "__rrshift__": (1,), "__deepcopy__": ({},),
    "astype": (float,), "clip": (1.5, 3.0), "dot": (VALUE,), "repeat": (2,),
    "reshape": (4,), "searchsorted": (1.0,), "swapaxes": (0, 1), "take": (0,),
}  # fmt: skip
OPERATORS = ("add", "and", "floordiv", "matmul", "mod", "mul", "or", "pow", "sub",
             "truediv", "xor", "divmod")  # fmt: skip
ARGUMENTS |= {
    f"__{kind}{n}__": ARGUMENTS[f"__{n}__"] for kind in ("r", "i") for n in OPERATORS
}
# What Python asks of any object, and what NumPy asks whether something is an array.
QUESTIONS = {
    *dir(object),
    *("__array_finalize__", "__array_interface__", "__array_namespace__"),
    *("__array_priority__", "__array_struct__", "__array_wrap__", "__buffer__"),
    *("__class_getitem__", "__dlpack__", "__dlpack_device__", "__setstate__"),
    *("__array_function__", "__array_ufunc__", "__doc__", "__module__", "__dict__"),
} - {"__eq__", "__ge__", "__gt__", "__le__", "__lt__", "__ne__", "__format__"}
# Of vectors alone here.
VECTORS = {"searchsorted"}
BOOLEANS = {"all", "any", "__and__", "__or__", "__xor__", "__rand__", "__ror__",
            "__rxor__",
            "__iand__", "__ior__", "__ixor__", "__invert__"}  # fmt: skip
# Not what NumPy's do, on purpose: a declared tensor is never changed.
OTHER = {"sort": np.sort(VALUE)}


REMEDY = ("use ", "read ", "ask ", "compile ", "keep ", "leave ", "print ",
          "index with",           "it is", "depends", "real numbers")  # fmt: skip


def names() -> list[str]:
    return [n for n in dir(np.ndarray) if n not in QUESTIONS]


def result_of(value: Any, name: str) -> Any:
    found = getattr(value, name)
    return found(*ARGUMENTS.get(name, ())) if callable(found) else found


def compare(found: Any, expected: Any, x: Tensor, value: Any) -> None:
    if isinstance(found, Tensor):
        np.testing.assert_allclose(sd.interpret(found, {x: value}), expected)
    elif isinstance(found, (tuple, Iterator)) and not name_of_dims(found):
        for f, e in zip(found, expected, strict=True):
            compare(f, e, x, value)
    else:
        assert found == expected


def name_of_dims(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(v, int) for v in value)


@pytest.mark.parametrize("name", names())
def test_every_attribute_works_or_helps(name: str) -> None:
    value = VALUE[0] if name in VECTORS else VALUE > 2 if name in BOOLEANS else VALUE
    x = sd.input("x", value.shape, "bool" if value.dtype == bool else "float")
    try:
        found = result_of(x, name)
    except sd.SymdiffError as error:
        message = str(error)
        assert "test_array_attributes.py" in message, f"no line: {message}"
        assert any(w in message for w in REMEDY), f"no remedy: {message}"
        return
    if found is NotImplemented:  # of a declared tensor: Python then takes x + 2.0
        assert name[:3] == "__i"
        return
    expected = OTHER.get(name)
    if expected is None:
        expected = result_of(value.copy(), name)
    if name == "dtype":
        assert str(found) == "float"
        return
    compare(found, expected, x, value)


def test_a_slip_is_named_and_hasattr_answers() -> None:
    x = sd.input("x", (2, 2))
    with pytest.raises(AttributeError, match=r"did you mean \.sum\?") as refused:
        _ = x.summ
    assert "_ = x.summ" in str(refused.value)
    assert not hasattr(x, "fill")
    assert getattr(x, "toarray", None) is None


@pytest.mark.parametrize("order", ["C", "F"])
def test_orders_of_elements(order: str) -> None:
    x = sd.input("x", (2, 3))
    given = np.arange(6.0).reshape(2, 3)
    for found, expected in [
        (x.ravel(order=order), given.ravel(order=order)),
        (x.flatten(order), given.flatten(order)),
        (np.ravel(x, order=order), given.ravel(order=order)),
        (x.reshape(3, 2, order=order), given.reshape(3, 2, order=order)),
        (np.reshape(x, (-1, 2), order=order), given.reshape((-1, 2), order=order)),
    ]:
        np.testing.assert_array_equal(sd.interpret(found, {x: given}), expected)
    with pytest.raises(sd.ShapeError, match="use 'C' or 'F'"):
        x.ravel(order="K")


def test_copies_are_tensors_of_their_own() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        copies = [copy.copy(y), copy.deepcopy(y), y.copy()]
        y += 1.0
        return [*copies, y]

    made = sd.trace(f, (2,))
    found = sd.interpret(list(made.outputs), {made.inputs[0]: np.array([1.0, 2.0])})
    for values, expected in zip(found, [[2, 4]] * 3 + [[3, 5]], strict=True):
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda x: np.linalg.matrix_rank(x), "svdvals"),
        (lambda x: np.asarray(x), "leave it out"),
        (lambda x: np.array([x[0], x[1]]), "np.stack"),
        (lambda x: f"{x:.2f}", "print"),
        (lambda x: x + np.zeros(x.shape), "np.zeros_like"),
    ],
)
def test_errors_of_a_traced_function_name_line_and_remedy(
    call: Any, remedy: str
) -> None:
    with pytest.raises(sd.TracingError) as refused:
        sd.trace(call, ("N", "N"))
    assert remedy in str(refused.value)
    assert "test_array_attributes.py" in str(refused.value)
    if remedy == "leave it out":
        assert "np.stack" not in str(refused.value)


def test_scipys_functions() -> None:
    special = pytest.importorskip("scipy.special", reason="SciPy's own functions")
    x, given = sd.input("x", (3,)), np.array([0.5, 1.5, 2.5])
    for name in (
        "expit",
        "log_expit",
        "erf",
        "gammaln",
        "loggamma",
        "digamma",
        "xlogy",
    ):
        function = getattr(special, name)
        args = (x, x) if name == "xlogy" else (x,)
        expected = function(*(given for _ in args))
        np.testing.assert_allclose(
            sd.interpret(function(*args), {x: given}), expected, rtol=1e-12
        )
    for name in ("logsumexp", "softmax", "log_softmax"):
        with pytest.raises(sd.TracingError, match=rf"use sd\.{name}") as refused:
            getattr(special, name)(x)
        assert "test_array_attributes.py" in str(refused.value)
    with pytest.raises(sd.TracingError, match=r"scipy\.special\.gamma .*gammaln"):
        special.gamma(x)
