"""Leaves: inputs, parameters, states, hyperparameters and random sites.

A leaf has identity: declaring the same name twice gives two leaves, which a model refuses. What
a declaration says of valid data (bounds, an initialiser) is in its attributes.
"""

from __future__ import annotations

from typing import Any

from symdiff.graph.types import DType, Shape, TensorType
from symdiff.ops.define import primitive


def _infer(*, name: str, shape: Shape, dtype: DType, **_: Any) -> TensorType:
    return TensorType(shape, dtype)


def _unbound(*, name: str, **_: Any) -> Any:
    raise KeyError(name)


def _leaf(name: str) -> Any:
    return primitive(name, _infer, _unbound, vjp=None, jvp=None, leaf=True, analytic=True)


INPUT = _leaf("input")  # an argument of the generated function
PARAM = _leaf("param")  # what training changes by gradients
STATE = _leaf("state")  # a buffer that the training step updates
HYPER = _leaf("hyper")  # a float read at every step, such as a learning rate
RANDOM = _leaf("random")  # one keyed draw; `kind` is 'uniform' or 'normal'
