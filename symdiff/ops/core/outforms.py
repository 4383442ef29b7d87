"""How an op writes its result into memory that exists already, as facts of ops.

In: a node. Out: an `OutForm`, the text that fills ``_out``, or None where NumPy has no
such form. Invariant: the form computes the very bits that the record's text computes,
and where it may overwrite an operand, it reads each element of that operand before it
writes the element of the same place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.types import DType
from symdiff.ops.core.text import op_text


@dataclass(frozen=True, slots=True)
class Aside:
    """Memory that a form uses while it runs, of an operand's shape or the result's.

    ``holds`` is an operand that the form reads several times. It is copied there first,
    unless it lies in the order of that memory anyway: then its own is used.
    """

    dtype: DType
    like: int | None = None  # the operand; None is the result
    holds: int | None = None


@dataclass(frozen=True, slots=True)
class OutForm:
    """Text over ``_0, _1, ...`` that fills ``_out``: an expression or statements.

    ``over`` maps the position of each operand whose memory may be ``_out`` to the text
    for that case. ``asides`` are the texts' ``_aside_0, _aside_1, ...``.
    """

    text: str
    over: Mapping[int, str] = field(default_factory=dict)
    asides: tuple[Aside, ...] = ()

    @property
    def is_call(self) -> bool:
        """Whether the text is one call that returns ``_out``."""
        return is_call(self.text)


OutRule = Callable[[Node], OutForm | None]


def is_call(text: str) -> bool:
    """Whether a text is one call with ``out=_out``, whose value is ``_out``."""
    return "\n" not in text and text.endswith("out=_out)")


def with_out(node: Node) -> OutForm:
    """The form of a function or method that takes ``out=`` and runs the same loop."""
    text = op_text(node).removesuffix(")")
    return OutForm(f"{text}{'' if text.endswith('(') else ', '}out=_out)")


def joined(node: Node) -> OutForm | None:
    """The form of concatenate and stack, if the text calls NumPy's function."""
    calls = op_text(node).startswith(("np.concatenate(", "np.stack("))
    return with_out(node) if calls else None


def reduced_by(ufunc: str) -> OutRule:
    """The form of a reduction by a ufunc, whose method ``reduce`` has less overhead."""
    return lambda node: OutForm(f"{reduction(node, ufunc)}, out=_out)")


def reduction(node: Node, ufunc: str) -> str:
    """Return ``_0.sum(...)`` or its like as a call of ``reduce``, without the ``)``."""
    text = op_text(node)
    given = text[text.index("(") + 1 : -1]
    axes = "" if "axis=" in given else ", axis=None"
    return f"np.{ufunc}.reduce(_0{axes}{', ' if given else ''}{given}"


@lru_cache(maxsize=4096)
def of_call(text: str, elementwise: bool) -> OutForm | None:
    """Return the form of a call that has ``out=_out``."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        return None
    plain = all(isinstance(a, (ast.Name, ast.Constant)) for a in call.args)
    if not (elementwise and plain and is_ufunc(call)):
        return OutForm(text)
    places = [int(a.id[1:]) for a in call.args if isinstance(a, ast.Name)]
    return OutForm(text, dict.fromkeys(places, text))


def is_ufunc(call: ast.Call) -> bool:
    """Whether a call is of one of NumPy's ufuncs."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return isinstance(getattr(np, name, None), np.ufunc)
    return False
