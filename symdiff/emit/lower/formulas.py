"""Formulas of graph nodes as NumPy-like text.

In: a node, and expressions for values below it. Out: an expression. Invariant: text
comes from the record that code is generated from, so a formula says what the code does.
A `broadcast_to` that an elementwise op reads is not written: NumPy broadcasts by
itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symdiff.emit.lower import texts
from symdiff.emit.lower.called import call_arguments, has_function
from symdiff.emit.lower.context import constant_name
from symdiff.emit.python import code as py
from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.types import TupleType, broadcast_shapes
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.text import (
    dim_text,
    formula_text,
    index_text,
    shape_text,
)
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.schedule import LITERAL_ELEMENTS

SHOWN = 8  # elements of a constant that is written out

# Plainer than the statements that the generated code has for them.
_BARE = re.compile(r"\b(?:np|math)\.(?=[a-z])")
_DIM = re.compile(r"\b_dim_")  # what a record's text puts before the name of a dim

_EACH = ("reduction", py.Lit("none"))
_COLUMN = (("axis", py.Lit(1)), ("keepdims", py.Lit(True)))  # sums of rows

Known = Callable[[Node], "py.Expr | None"]  # what stands for a value, if anything


def bare(formula: py.Expr) -> str:
    """Return a formula as text; NumPy's functions lose their prefix."""
    return without_prefixes(py.expr_text(formula))


def without_prefixes(text: str) -> str:
    """Return a text in which NumPy's functions have no prefix."""
    return _BARE.sub("", text)


def plain(e: py.Expr) -> py.Expr:
    """Return a formula without factors of 1, and without prefixes of functions."""
    match e:
        case py.Attr(py.Name("np" | "math"), name):
            return py.Name(name)
        case py.Attr(value, name):
            return py.Attr(plain(value), name)
        case py.Binary(op, left, right):
            return _operation(op, plain(left), plain(right))
        case py.Unary("-", operand):
            return _minus(plain(operand))
        case py.Call(py.Name("broadcast_to"), (py.Lit(int() as number), shape)) if (
            number in (0, 1, -1) and not isinstance(number, bool)
        ):
            return _filled(number, plain(shape))
        case py.Call(func, args, kwargs):
            named = tuple((key, plain(value)) for key, value in kwargs)
            return _call(plain(func), tuple(map(plain, args)), named)
        case py.Index(value, items):
            return _part(plain(value), tuple(map(plain, items)))
        case py.Tuple_(items):
            return py.Tuple_(tuple(map(plain, items)))
    return e


def is_code(node: Node) -> bool:
    """Whether Python can read a node's formula, over what is public."""
    text = formula_text(node)
    if text:
        return "_help_" not in text  # a function of the generated file alone
    if not has_function(node) or isinstance(node.type, TupleType):
        return False
    values = [v for _, v in call_arguments(node)]
    return not any(isinstance(v, slice) or _is_tuple_index(v) for v in values)


def _is_tuple_index(value: Any) -> bool:
    return isinstance(value, tuple) and _is_index(value)


def _operation(op: str, left: py.Expr, right: py.Expr) -> py.Expr:
    """Return an operation as people write it: 1*x is x, 1/n*x is x/n, a + -b is a - b.

    None of these changes more than the rounding of a quotient.
    """
    match op, left, right:
        case ("*", py.Lit(1), other) | ("*" | "/", other, py.Lit(1)):
            return other
        case ("*", py.Lit(-1), other) | ("*" | "/", other, py.Lit(-1)):
            return _minus(other)
        case ("*", py.Binary("/", py.Lit(1 | -1 as one), by), other) | (
            "*",
            other,
            py.Binary("/", py.Lit(1 | -1 as one), by),
        ):
            return py.Binary("/", other if one == 1 else _minus(other), by)
        case "+" | "-", _, _ if (positive := _without_sign(right)) is not None:
            return py.Binary("-" if op == "+" else "+", left, positive)
    return py.Binary(op, left, right)


def _call(
    func: py.Expr, args: tuple[py.Expr, ...], kwargs: tuple[tuple[str, py.Expr], ...]
) -> py.Expr:
    """Return a call; the mean of a loss's terms is the loss."""
    match func:
        case py.Attr(py.Call(loss, given, more), "mean") if (
            more == (_EACH,) and not args and not kwargs
        ):
            return py.Call(loss, given)
    return py.Call(func, args, kwargs)


def _filled(number: float, shape: py.Expr) -> py.Expr:
    ones = py.Call(py.Name("ones" if number else "zeros"), (shape,))
    return py.Unary("-", ones) if number < 0 else ones


def _part(value: py.Expr, items: tuple[py.Expr, ...]) -> py.Expr:
    """Return a part; the one column of sums of rows is the sums."""
    first = items == (py.Slice(), py.Lit(0))
    match value:
        case py.Unary("-", operand) if first:
            return _minus(_part(operand, items))
        case py.Call(summed, (), kwargs) if first and kwargs == _COLUMN:
            return py.Call(summed, (), kwargs[:1])
    return py.Index(value, items)


def _minus(e: py.Expr) -> py.Expr:
    positive = _without_sign(e)
    return py.Unary("-", e) if positive is None else positive


def _without_sign(e: py.Expr) -> py.Expr | None:
    """Return what an expression is the negative of, if it begins with a minus."""
    match e:
        case py.Unary("-", operand):
            return operand
        case py.Binary("*" | "/" as op, left, right):
            first = _without_sign(left)
            return None if first is None else py.Binary(op, first, right)
        case py.Call(py.Attr(value, "sum" | "mean" as name), args, kwargs):
            inner = _without_sign(value)
            summed = None if inner is None else py.Attr(inner, name)
            return None if summed is None else py.Call(summed, args, kwargs)
    return None


def text_of(node: Node, known: Known) -> py.Expr:
    """Return what stands for a node, or its formula."""
    found = known(node)
    return text_over(node, known) if found is None else found


def text_over(node: Node, known: Known) -> py.Expr:
    """Return the formula of a node over what stands for its operands."""
    if node.op is LITERAL:
        return number(node.attrs["value"])
    if node.op is CONSTANT:
        return _constant(node)
    if node.op.facts.repeats:
        shape = texts.expression(shape_text(node.shape), _quiet([]))
        return py.Call(py.Name("broadcast_to"), (text_of(node.inputs[0], known), shape))
    operands = [text_of(i, known) for i in operands_of(node)]
    if node.op is ITEM:
        return py.Index(operands[0], (py.Lit(node.attrs["index"]),))
    text = formula_text(node)
    if not text:
        along = tuple((name, entry(v)) for name, v in call_arguments(node))
        return py.Call(py.Name(node.op.name), tuple(operands), along)
    return texts.expression(text, _quiet(operands))


def operands_of(node: Node) -> list[Node]:
    """Return a node's operands; those of an elementwise node before broadcasting.

    They stay broadcast if NumPy would not give the node's shape otherwise.
    """
    if not node.op.is_elementwise:
        return list(node.inputs)
    found = [i.inputs[0] if i.op.facts.repeats else i for i in node.inputs]
    shapes = [i.shape for i in found if i.op is not LITERAL]
    try:
        fits = broadcast_shapes(*shapes) == node.shape
    except ShapeError:
        fits = False
    return found if fits else list(node.inputs)


def _quiet(operands: list[py.Expr]) -> texts.Substitute:
    """Return the expressions in place of the placeholders in a record's text."""

    def substitute(name: str) -> py.Expr | None:
        if name in ("_key", "_site"):
            return py.Name(name[1:])
        if name[0] == "_" and name[1:].isdigit():
            return operands[int(name[1:])]
        return texts.as_told(name)

    return substitute


def number(value: Any) -> py.Expr:
    """Return a number as people write it: 2 rather than 2.0."""
    if isinstance(value, sp.Expr):
        return dim_of(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return py.Lit(int(value)) if whole and str(value) != "-0.0" else py.Lit(value)


def dim_of(value: Any) -> py.Expr:
    return texts.expression(dim_text(value), _quiet([]))


def digest_of(value: np.ndarray) -> tuple[str, str]:
    """Return the dtype and shape of an array, and a digest of its elements."""
    shape = ", ".join(map(str, value.shape))
    return f"{value.dtype.name}[{shape}]", constant_name(value)[1:9]


def _constant(node: Node) -> py.Expr:
    value = node.attrs["value"]
    if value.size == 1 and value.ndim == 0:
        return number(value.item())
    if not value.size:
        shape = py.Tuple_(tuple(map(py.Lit, value.shape)))
        return py.Call(py.Name("zeros"), (shape,))
    if value.size <= min(SHOWN, LITERAL_ELEMENTS):
        return _display(value.tolist())
    return py.Call(py.Name("array"), tuple(map(py.Name, digest_of(value))))


def _display(value: Any) -> py.Expr:
    if isinstance(value, list):
        return py.List_(tuple(_display(v) for v in value))
    return py.Lit(value)


def entry(value: Any) -> py.Expr:
    """Return the value of an attribute; an index is written as NumPy's brackets are."""
    match value:
        case tuple() if _is_index(value):
            return py.Name(f"[{', '.join(map(_index_entry, value))}]")
        case tuple():
            return py.Tuple_(tuple(map(entry, value)))
        case slice():
            return py.Name(_index_entry(value))
        case sp.Expr():
            return dim_of(value)
    return py.Lit(value)


def _is_index(value: tuple[Any, ...]) -> bool:
    """Whether a tuple is an index: slices, or words where an array stands."""
    return any(isinstance(v, (slice, str)) for v in value)


def _index_entry(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _DIM.sub("", index_text([value]))
