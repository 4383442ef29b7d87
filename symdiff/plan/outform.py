"""How an op writes its result into memory that exists already.

In: a node, and its record's text. Out: an `OutForm`, the text that fills ``_out``, or
None where NumPy has no such form. Invariant: the form computes the very bits that the
record's text computes, and where it may overwrite an operand, it reads each element of
that operand before it writes the element of the same place.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from symdiff.graph.node import Node
from symdiff.graph.types import TupleType, product
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.text import dim_text, is_statements, op_text

# Methods whose `out=` runs the loop that the method runs without it.
_METHODS = frozenset(["mean", "prod", "any", "all", "cumsum", "cumprod"])
# Reductions that are a method of a ufunc: the ufunc's own is called with less ado.
_REDUCTIONS = {"sum": "add", "max": "maximum", "min": "minimum"}
_JOINS = frozenset(["concatenate", "stack", "matmul"])
# What an array does for `x ** c` instead of calling power, bit for bit.
_POWERS = {1: "positive", -1: "reciprocal", 2: "square", 0.5: "sqrt"}


@dataclass(frozen=True, slots=True)
class OutForm:
    """Text over ``_0, _1, ...`` that fills ``_out``: an expression or statements.

    ``over`` gives, for each operand whose memory may be ``_out``, the text for that
    case.
    """

    text: str
    over: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_call(self) -> bool:
        """Whether the text is one call that returns ``_out``."""
        return is_call(self.text)


def is_call(text: str) -> bool:
    """Whether a text is one call with ``out=_out``, whose value is ``_out``."""
    return "\n" not in text and text.endswith("out=_out)")


def out_form(node: Node) -> OutForm | None:
    """Return how a node fills memory given to it, or None."""
    op = node.op
    if isinstance(node.type, TupleType) or op.leaf or op.view or op.text is None:
        return None
    if op.name == "power":
        return _power(node)
    if op.name == "matmul" and _is_for_dot(node):
        return _PRODUCT
    if op.out is not None:
        return _of_call(op.out, op.is_elementwise)
    text = op_text(node)
    if is_statements(text):
        return _of_statements(text)
    if op.name == "where":
        return _masked(node) or _WHERE
    return _of_expression(text, op.is_elementwise)


# The same BLAS call as `a @ b` for matrices, with half a microsecond less around it.
_PRODUCT = OutForm("_0.dot(_1, out=_out)")


def _is_for_dot(node: Node) -> bool:
    """Whether `dot` hands BLAS what `@` does.

    Of two dtypes, `dot` copies one operand in another order than `@`, and BLAS has a
    kernel for each.
    """
    left, right = node.inputs
    return left.dtype == right.dtype and all(map(_is_for_blas, node.inputs))


def _is_for_blas(node: Node) -> bool:
    """Whether BLAS takes a matrix as it lies in memory.

    Of others, such as one that is read backwards, `dot` makes a copy for BLAS, where
    `@` adds up by itself, in another order.
    """
    while node.op.view and node.inputs:
        source, name = node.inputs[0], node.op.name
        if name in ("reshape", "expand_dims", "squeeze"):
            return len(node.shape) == 2 and not source.op.view
        if name == "slice":
            if any(entry.step not in (None, 1) for entry in node.attrs["index"]):
                return False
        elif name not in ("transpose", "stop_gradient"):
            return False
        node = source
    return len(node.shape) == 2


def _power(node: Node) -> OutForm | None:
    """x ** c for the exponents that arrays treat apart, else np.power."""
    if not node.dtype.is_float:
        return None
    raised = node.inputs[1]
    while raised.op.view and raised.inputs:
        raised = raised.inputs[0]
    if raised.shape:
        return _of_call("np.power(_0, _1, out=_out)", True)
    exponent = raised.attrs["value"] if raised.op is LITERAL else 0
    if not isinstance(exponent, (int, float)) or exponent == 0:
        return None
    known = _POWERS.get(exponent)
    call = f"np.{known}(_0, out=_out)" if known else "np.power(_0, _1, out=_out)"
    return _of_call(call, True)


@lru_cache(maxsize=4096)
def _of_call(text: str, elementwise: bool) -> OutForm | None:
    """Return the form of a call that has ``out=_out``."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        return None
    plain = all(isinstance(a, (ast.Name, ast.Constant)) for a in call.args)
    if not (elementwise and plain and _ufunc(call)):
        return OutForm(text)
    places = [int(a.id[1:]) for a in call.args if isinstance(a, ast.Name)]
    return OutForm(text, dict.fromkeys(places, text))


def _ufunc(call: ast.Call) -> bool:
    """Whether a call is of one of NumPy's ufuncs."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return isinstance(getattr(np, name, None), np.ufunc)
    return False


@lru_cache(maxsize=4096)
def _of_expression(text: str, elementwise: bool) -> OutForm | None:
    """Return the form of an expression, if it is one call that takes ``out=``."""
    call = ast.parse(text, mode="eval").body
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="np"), attr=name),
            args=args,
            keywords=keywords,
        ):
            if _ufunc(call) or name in _JOINS:
                shown = ", ".join(ast.unparse(a) for a in [*args, *keywords])
                return _of_call(f"np.{name}({shown}, out=_out)", elementwise)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="_0"), attr=name),
            args=[],
            keywords=keywords,
        ):
            given = [f"{ast.unparse(k)}, " for k in keywords]
            if name in _METHODS:
                return OutForm(f"_0.{name}({''.join(given)}out=_out)")
            if name in _REDUCTIONS:
                if not any(k.arg == "axis" for k in keywords):
                    given.insert(0, "axis=None, ")
                call_text = (
                    f"np.{_REDUCTIONS[name]}.reduce(_0, {''.join(given)}out=_out)"
                )
                return OutForm(call_text)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="_0"), attr="astype"), args=[_]
        ):
            return OutForm('np.copyto(_out, _0, casting="unsafe")')
    return None


def _masked(node: Node) -> OutForm | None:
    """where(c, x, 0) and where(c, 0, x): x's bits times 1 or 0, as integers.

    Exact for every x, infinite and NaN too, and several times quicker than a masked
    copy. ``_bits`` is the integer type of a float's width.
    """
    for kept, dropped in ((1, 2), (2, 1)):
        x = node.inputs[kept]
        if not _is_zero(node.inputs[dropped]) or node.dtype.name != "float":
            continue
        if x.op is LITERAL or x.op.name == "broadcast_to" or x.dtype != node.dtype:
            return None
        mask = "_0" if kept == 1 else "np.logical_not(_0)"
        bits = f"np.multiply(_{kept}.view(_bits), {mask}, out=_out.view(_bits))"
        return OutForm(bits, {kept: bits})
    return None


def _is_zero(node: Node) -> bool:
    """Whether a node is the literal 0 whose bits are all 0."""
    value = node.attrs["value"] if node.op is LITERAL else None
    if not isinstance(value, (int, float)):
        return False
    return value == 0 and math.copysign(1, value) > 0


# The result takes the place of either branch, or is laid over the second.
_WHERE = OutForm(
    "np.copyto(_out, _2)\nnp.copyto(_out, _1, where=_0)",
    {
        1: "np.copyto(_out, _2, where=np.logical_not(_0))",
        2: "np.copyto(_out, _1, where=_0)",
    },
)


@lru_cache(maxsize=4096)
def _of_statements(text: str) -> OutForm | None:
    """Return the form of statements that make ``_out`` first and then change it."""
    first, *rest = ast.parse(text).body
    made = {id(t) for s in [first] for t in getattr(s, "targets", [])}
    rebinds = any(
        isinstance(n, ast.Name) and n.id == "_out" and isinstance(n.ctx, ast.Store)
        for s in [first, *rest]
        for n in ast.walk(s)
        if id(n) not in made
    )
    if rebinds or not isinstance(first, ast.Assign) or len(first.targets) != 1:
        return None
    match first.targets[0], first.value:
        case ast.Name(id="_out"), ast.Call(func=func, args=args, keywords=keywords):
            source = ast.unparse(func)
        case _:
            return None
    tail = [ast.unparse(s) for s in rest]
    if source == "_0.copy" and not args and not keywords:
        again = any(
            isinstance(n, ast.Name) and n.id == "_0" for s in rest for n in ast.walk(s)
        )
        over = {} if again or not tail else {0: "\n".join(tail)}
        return OutForm("\n".join(["np.copyto(_out, _0)", *tail]), over)
    if source == "np.empty":  # the rest writes every element
        return OutForm("\n".join(tail))
    start = {"np.zeros": "_out.fill(0)", "np.ones": "_out.fill(1)"}.get(source)
    return OutForm("\n".join([start, *tail])) if start else None


def short_text(node: Node) -> str:
    """Return the text of a node NumPy allocates, by a quicker way to the same bits.

    A mean is the sum divided by the count, as NumPy's own is, up to 2**24 elements.
    """
    text = op_text(node)
    if node.shape or node.op.name not in ("sum", "mean", "max", "min"):
        return text
    source = node.inputs[0]
    if node.op.name != "mean":
        given = text[text.index("(") + 1 : -1]
        given = f", {given}" if given else ""
        axes = "" if "axis=" in given else ", axis=None"
        return f"np.{_REDUCTIONS[node.op.name]}.reduce(_0{axes}{given})"
    if node.dtype.name != "float" or not source.shape:
        return text
    count = dim_text(product(source.shape))
    return f"_float.type(np.add.reduce(_0, axis=None) / ({count}))"
