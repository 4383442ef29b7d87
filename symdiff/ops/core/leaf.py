"""Leaves: inputs, parameters, states, hyperparameters, random sites, bound variables.

In: a name, a shape, a dtype, and what the declaration says about valid data (bounds, an
initialiser), as attributes. Out: a node without inputs. Invariant: a leaf has identity.
Declaring the same name twice gives two leaves, which a model refuses.
"""

from __future__ import annotations

from typing import Any

from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import DType, Shape, TensorType
from symdiff.ops.core.draws import DRAWS
from symdiff.ops.core.facts import UNKNOWN, Facts
from symdiff.ops.core.record import Op, primitive
from symdiff.ops.core.text import shape_text


def _infer(*, name: str, shape: Shape, dtype: DType, **_: Any) -> TensorType:
    return TensorType(shape, dtype)


def _unbound(*, name: str, **_: Any) -> Any:
    raise KeyError(name)


def _leaf(name: str, facts: Facts = UNKNOWN, **drawn: Any) -> Op:
    given = {"evaluate": _unbound, **drawn}
    return primitive(
        name, _infer, vjp=None, jvp=None, leaf=True, analytic=True, facts=facts, **given
    )


def _draw(
    *, name: str, shape: Any, dtype: DType, kind: str, key: int, site: int
) -> Any:
    return DRAWS[kind](key, site, shape, dtype.name)


def _draw_text(node: Node) -> str:
    return f"_help_{node.attrs['kind']}(_key, _site, {shape_text(node.shape)}, _float)"


INPUT = _leaf("input")  # an argument of the generated function
PARAM = _leaf("param")  # changed in training by its gradient
STATE = _leaf("state")  # a buffer that the training step updates
HYPER = _leaf("hyper")  # a float read at every step, such as a learning rate
# One keyed draw; `kind` is 'uniform' or 'normal', the helper that draws it.
RANDOM = _leaf("random", Facts(draws=True), text=_draw_text, evaluate=_draw)
BOUND = _leaf("bound")  # a variable of a loop's or branch's body


def input_like(name: str, like: Tensor) -> Tensor:
    """Return an input of a tensor's type; nothing is known of its values."""
    free = {"low": None, "high": None, "sample": None}
    return apply(INPUT, name=name, shape=like.shape, dtype=like.dtype, **free)


def by_data_alone(node: Node) -> bool:
    """Whether a value needs neither parameters nor draws."""
    return all(n.op not in (PARAM, RANDOM, BOUND) for n in topological([node]))
