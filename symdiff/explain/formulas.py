"""Formulas of graph nodes, as NumPy-like text, as LaTeX and as MathML.

In: a tensor, and names of values below it. Out: a `Formula`. Invariant: text comes from
the record that code is generated from, so a formula says what the code does. A
`broadcast_to` that an elementwise op reads is not written: NumPy broadcasts by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdiff.emit.lower.formulas import Known, bare, operands_of, text_of, text_over
from symdiff.emit.python import code as py
from symdiff.explain.symbols import Typeset, symbol
from symdiff.explain.typeset import typeset
from symdiff.graph.node import Node
from symdiff.ops.core.tex import Tex


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
    return Term(text_of(node, _texts(terms)), _latex(node, terms))


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
    return Formula(bare(found.text), found.tex.text)


def over_operands(node: Node, terms: Terms) -> Formula:
    """Return the formula of a node in terms of its operands, even if it has a name."""
    return shown(Term(text_over(node, _texts(terms)), _tex_over(node, terms)))


def _texts(terms: Terms) -> Known:
    def known(node: Node) -> py.Expr | None:
        found = terms.get(node)
        return None if found is None else found.text

    return known


def _latex(node: Node, terms: Terms) -> Tex:
    known = terms.get(node)
    return _tex_over(node, terms) if known is None else known.tex


def _tex_over(node: Node, terms: Terms) -> Tex:
    return typeset(node, [_latex(i, terms) for i in operands_of(node)])
