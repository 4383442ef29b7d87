"""A formula tells along which axis a function goes, as text and typeset.

The class: every function of the language that takes ``axis=`` and one array. What is
told for the first axis and for the second must differ.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import symdiff as sd
from symdiff.explain.formulas import formula, named

SPACES = (sd, sd.nn, sd.linalg)


Z = sd.input("z", (4, 3))


def _taking_an_axis() -> dict[str, Any]:
    found = {}
    for space in SPACES:
        for name in dir(space):
            function = getattr(space, name)
            if name.startswith("_") or not callable(function):
                continue
            try:
                takes = "axis" in inspect.signature(function).parameters
                made = [function(Z, axis=axis) for axis in (0, 1)] if takes else []
            except (TypeError, ValueError, sd.SymdiffError):
                continue  # it takes more than an array and an axis
            if made and isinstance(made[0], sd.Tensor):  # of several, none has its own
                found[name] = made
    return found


TAKING = _taking_an_axis()


def test_the_table_holds_what_it_should() -> None:
    assert len(TAKING) > 20
    assert {"softmax", "logsumexp", "sum", "cumsum", "sort", "var"} <= TAKING.keys()


# What changes no value, but its shape, is not typeset.
SHAPING = {"stack", "expand_dims", "prelu"}


@pytest.mark.parametrize("name", TAKING)
def test_axes_are_told_apart(name: str) -> None:
    told = [formula(t.node, {Z.node: named("z")}) for t in TAKING[name]]
    assert told[0].text != told[1].text
    assert told[0].tex != told[1].tex or name in SHAPING
    assert "<" in told[0].mathml
