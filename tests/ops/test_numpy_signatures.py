"""A name that NumPy has takes NumPy's arguments: their places, and their defaults.

What is taken by place stands where NumPy has it. What NumPy has behind ``out`` and the
like is taken by name alone, so that a call that NumPy reads otherwise is refused.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.ops.core.operands import API
from symdiff.transforms import jit

# Draws are keyed and take the shape first; the docs say so.
OWN = {"random.normal", "random.uniform", "random.bernoulli"}
# How a sum of products is arranged changes no value but by rounding; NumPy's axis of
# cross is that of axisa, axisb and axisc, which are -1.
OTHER_DEFAULT = {("einsum", "optimize"), ("cross", "axis")}
RENAMED = {"columns": "M"}
UNSAID = (None, False, inspect.Parameter.empty)


def of_numpy(name: str) -> Any:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def signature_of(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # NumPy has no such function, or it is in C
        return None


SHARED = [
    name
    for name in sorted(API)
    if name not in OWN
    and not isinstance(of_numpy(name), np.ufunc)
    and signature_of(of_numpy(name)) is not None
]


def places(signature: inspect.Signature) -> dict[str, int]:
    """Return the arguments that may be given by place."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = [p.name for p in signature.parameters.values() if p.kind in kinds]
    return {name: place for place, name in enumerate(found)}


def optional(signature: inspect.Signature) -> dict[str, Any]:
    parameters = signature.parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@pytest.mark.parametrize("name", SHARED)
def test_places_are_numpys(name: str) -> None:
    ours, theirs = signature_of(API[name]), signature_of(of_numpy(name))
    assert ours is not None
    assert theirs is not None
    at, wanted = places(ours), places(theirs)
    for argument in optional(ours):
        numpys = RENAMED.get(argument, argument)
        if argument not in at:
            continue
        assert numpys in theirs.parameters, f"{argument} is no argument of NumPy's"
        if numpys in wanted:
            assert at[argument] == wanted[numpys], argument


@pytest.mark.parametrize("name", SHARED)
def test_defaults_are_numpys(name: str) -> None:
    ours, theirs = signature_of(API[name]), signature_of(of_numpy(name))
    assert ours is not None
    assert theirs is not None
    wanted = optional(theirs)
    for argument, default in optional(ours).items():
        if argument not in wanted or (name, argument) in OTHER_DEFAULT:
            continue
        asked = wanted[argument]
        if argument == "dtype":  # float64 is what the creating functions mean by None
            assert str(default) in ("None", "float", str(float)), default
        elif asked is np._NoValue:
            assert default in UNSAID, argument
        else:
            assert default == asked, argument


# --- methods --------------------------------------------------------------------------

MASK = np.array([[True, False, True, True]] * 2 + [[False, True, True, True]])
VALUE = -np.arange(1.0, 13).reshape(3, 4)
# Every argument of a method by its place in ndarray's documentation.
BY_PLACE: dict[str, tuple[tuple[Any, ...], ...]] = {
    "all": ((0, None, True),),
    "any": ((0, None, True),),
    "argmax": ((0, None),),
    "argmin": ((0, None),),
    "argsort": ((0, "stable", None),),
    "astype": (("float64", "K", "unsafe", True, True),),
    "clip": ((-7.0, -3.0, None), (None, -3.0, None)),
    "copy": (("C",),),
    "cumprod": ((0, None, None), (0, "float64", None)),
    "cumsum": ((0, None, None), (1, "float64", None)),
    "diagonal": ((1, 1, 0),),
    "dot": ((np.arange(8.0).reshape(4, 2), None),),
    "fill": ((3.0,),),
    "flatten": (("F",),),
    "max": ((0, None, True, -6.5, MASK),),
    "mean": ((0, None, None, True), (0, "float64", None, True)),
    "min": ((0, None, True, -6.5, MASK),),
    "prod": ((0, None, None, True, 2.0, MASK), (0, "float64", None, True, 2.0)),
    "put": (([0, 5], 2.0),),
    "ptp": ((0, None, True),),
    "ravel": (("F",),),
    "repeat": ((2, 1),),
    "reshape": ((4, 3), ((4, 3),)),
    "round": ((-1, None),),
    "searchsorted": ((np.array([-3.0, -8.5]), "right", None),),
    "sort": ((0, "stable", None),),
    "squeeze": ((None,),),
    "std": ((0, None, None, 1, True), (0, "float64", None, 1, True)),
    "sum": ((0, None, None, True, 2.0, MASK), (0, "float64", None, True, 2.0)),
    "swapaxes": ((0, 1),),
    "take": ((np.array([0, 2]), 1, None, "raise"),),
    "trace": ((1, 1, 0, None, None), (1, 1, 0, "float64", None)),
    "transpose": ((1, 0), ((1, 0),)),
    "var": ((0, None, None, 1, True), (0, "float64", None, 1, True)),
}
CALLS = [
    (name, args[:count])
    for name, lists in BY_PLACE.items()
    if hasattr(np.ndarray, name)
    for args in lists
    for count in range(len(args) + 1)
]


def _called(name: str, args: tuple[Any, ...]) -> Any:
    def program(a: Any) -> Any:
        a = a * 1.0
        result = getattr(a, name)(*args)
        return a if name in ("fill", "put", "sort") else result

    return program


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_methods_take_their_arguments_by_numpys_places(
    name: str, args: tuple[Any, ...]
) -> None:
    value = np.sort(VALUE[0]) if name == "searchsorted" else VALUE
    program = _called(name, args)
    try:
        expected = program(value)
    except (TypeError, ValueError):  # too few
        if name in ("all", "any"):  # whose out=None is refused where it has a place
            return
        with pytest.raises((sd.SymdiffError, TypeError)):
            jit(program)(value)
        return
    found = jit(program)(value)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected)


def test_every_method_with_arguments_is_tried() -> None:
    other = {"item", "tolist", "conj", "conjugate"}  # refused, or without arguments
    names = [n for n in dir(sd.Tensor) if not n.startswith("_") and n not in other]
    methods = {n for n in names if callable(getattr(np.ndarray, n, None))}
    assert methods <= set(BY_PLACE), methods - set(BY_PLACE)


@pytest.mark.parametrize("name", BY_PLACE)
def test_an_array_to_write_into_is_refused_by_place(name: str) -> None:
    for args in BY_PLACE[name]:
        unused = [place for place, given in enumerate(args) if given is None]
        if unused and name != "squeeze":
            with pytest.raises(sd.SymdiffError):
                jit(_called(name, (*args[: unused[-1]], np.zeros(4))))(VALUE)
