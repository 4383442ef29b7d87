"""Formulas of graph nodes, as NumPy-like text, as LaTeX and as MathML.

In: a tensor, and names of values below it. Out: a `Formula`. Invariant: text comes from
the record that code is generated from, so a formula says what the code does. A
`broadcast_to` that an elementwise op reads is not written: NumPy broadcasts by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.emit.lower import texts
from symdiff.emit.python import code as py
from symdiff.explain.called import call_arguments
from symdiff.explain.symbols import Typeset, symbol
from symdiff.explain.typeset import SHOWN, digest_of, typeset
from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.types import broadcast_shapes
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.tex import Tex
from symdiff.ops.core.text import (
    dim_text,
    index_text,
    is_statements,
    op_text,
    shape_text,
)
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.schedule import LITERAL_ELEMENTS

# Plainer than the statements that the generated code has for them.
_BARE = re.compile(r"\b(?:np|math)\.(?=[a-z])")
_DIM = re.compile(r"\b_dim_")  # what a record's text puts before the name of a dim


@dataclass(frozen=True)
class Formula(Typeset):
    """An expression as text and as TeX."""

    text: str
    tex: str


@dataclass(frozen=True)
class Term:
    """The name of a value, or the expression that is written in its place."""

    text: py.Expr
    tex: Tex


Terms = Mapping[Node, Term]


def named(name: str) -> Term:
    """Return the term of a variable."""
    return Term(py.Name(name), Tex(symbol(name).tex))


def term(node: Node, terms: Terms) -> Term:
    """Return the expression of a node in the given terms."""
    return Term(_text(node, terms), _latex(node, terms))


def formula(node: Node, terms: Terms) -> Formula:
    """Return the formula of a node in the given terms."""
    return shown(term(node, terms))


def listed(formulas: Sequence[Formula], count: int) -> Formula:
    """Return a sum of ``count`` formulas, of which the first are given."""
    rest = count - len(formulas)
    text = " + ".join(f.text for f in formulas)
    tex = " + ".join(f.tex for f in formulas)
    if rest:
        text += f" + ... ({rest} more)"
        tex += rf" + \ldots \text{{ ({rest} more)}}"
    return Formula(text, tex)


def shown(found: Term) -> Formula:
    """Return a term as a formula; NumPy's functions lose their prefix."""
    return Formula(_BARE.sub("", py.expr_text(found.text)), found.tex.text)


def over_operands(node: Node, terms: Terms) -> Formula:
    """Return the formula of a node in terms of its operands, even if it has a name."""
    return shown(Term(_text_over(node, terms), _tex_over(node, terms)))


# --- text -----------------------------------------------------------------------------


def _text(node: Node, terms: Terms) -> py.Expr:
    known = terms.get(node)
    return _text_over(node, terms) if known is None else known.text


def _text_over(node: Node, terms: Terms) -> py.Expr:
    if node.op is LITERAL:
        return _number(node.attrs["value"])
    if node.op is CONSTANT:
        return _constant(node)
    if node.op.facts.repeats:
        shape = texts.expression(shape_text(node.shape), _quiet([]))
        return py.Call(py.Name("broadcast_to"), (_text(node.inputs[0], terms), shape))
    operands = [_text(i, terms) for i in operands_of(node)]
    if node.op is ITEM:
        return py.Index(operands[0], (py.Lit(node.attrs["index"]),))
    text = node.op.facts.formula or ("" if node.op.text is None else op_text(node))
    if not text or is_statements(text):
        along = tuple((name, _entry(v)) for name, v in call_arguments(node))
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


def _number(value: Any) -> py.Expr:
    """Return a number as people write it: 2 rather than 2.0."""
    if isinstance(value, sp.Expr):
        return _dim(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return py.Lit(int(value)) if whole and str(value) != "-0.0" else py.Lit(value)


def _dim(value: Any) -> py.Expr:
    return texts.expression(dim_text(value), _quiet([]))


def _constant(node: Node) -> py.Expr:
    value = node.attrs["value"]
    if value.size == 1 and value.ndim == 0:
        return _number(value.item())
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


def _entry(value: Any) -> py.Expr:
    """Return the value of an attribute; an index is written as NumPy's brackets are."""
    match value:
        case tuple() if _is_index(value):
            return py.Name(f"[{', '.join(map(_index_entry, value))}]")
        case tuple():
            return py.Tuple_(tuple(map(_entry, value)))
        case slice():
            return py.Name(_index_entry(value))
        case sp.Expr():
            return _dim(value)
    return py.Lit(value)


def _is_index(value: tuple[Any, ...]) -> bool:
    """Whether a tuple is an index: slices, or words where an array stands."""
    return any(isinstance(v, (slice, str)) for v in value)


def _index_entry(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _DIM.sub("", index_text([value]))


# --- LaTeX ----------------------------------------------------------------------------


def _latex(node: Node, terms: Terms) -> Tex:
    known = terms.get(node)
    return _tex_over(node, terms) if known is None else known.tex


def _tex_over(node: Node, terms: Terms) -> Tex:
    return typeset(node, [_latex(i, terms) for i in operands_of(node)])
