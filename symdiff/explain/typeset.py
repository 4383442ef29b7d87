"""LaTeX of one operation over the LaTeX of its operands.

In: a node and its operands as `Tex`. Out: `Tex`, which knows how tightly it binds.
Invariant: braces and \\left..\\right are balanced; an operation without a form of its
own is written as a function of its name, so every graph can be written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.emit.lower.called import call_arguments
from symdiff.emit.lower.formulas import SHOWN, digest_of
from symdiff.explain.symbols import escaped, symbol
from symdiff.graph.node import Node
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.core.tex import (
    ATOM,
    POWER,
    PREFIX,
    PRODUCT,
    SUM,
    Tex,
    Writer,
    entry,
    told_as,
)


def number(value: Any) -> Tex:
    """Return a number; very large and small ones with a power of ten."""
    text = _digits(value, ".6g") if isinstance(value, float) else repr(value)
    if isinstance(value, sp.Expr):
        return Tex(_length(value), ATOM if value.is_Atom else SUM)
    found = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", text)
    if found is None and isinstance(value, float) and 0 < abs(value) < 1e-2:
        found = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", _digits(value, ".5e"))
    if found is not None:
        factor, power = found[1], int(found[2])
        factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
        ten = f"10^{{{power}}}"
        if factor == "1":
            return Tex(ten, POWER)
        return Tex(f"{factor} \\cdot {ten}", PRODUCT)
    if text in ("inf", "-inf"):
        return Tex(text.replace("inf", r"\infty"), PREFIX)
    if isinstance(value, bool) or not re.fullmatch(r"-?[\d.]+", text):
        return Tex(rf"\mathrm{{{escaped(text)}}}")
    return Tex(text.removesuffix(".0"), PREFIX if text[0] == "-" else ATOM)


def _digits(value: float, form: str) -> str:
    """Return a float in six digits if they are exact, else in as many as it needs."""
    text = format(value, form)
    if float(text) == value or value != value:
        return text
    exact = repr(value)
    return np.format_float_scientific(value) if form[-1] == "e" else exact


def typeset(node: Node, operands: Sequence[Tex]) -> Tex:
    """Return the LaTeX of a node."""
    if node.op is LITERAL:
        return number(node.attrs["value"])
    if node.op is CONSTANT:
        return _constant(node.attrs["value"])
    if callable(node.op.latex):
        return node.op.latex(node, operands, WRITER)
    along = [told_as(name, value, WRITER) for name, value in call_arguments(node)]
    if isinstance(node.op.latex, str):
        found = _template(node.op.latex, operands)
        below = ", ".join(along)
        return Tex(f"{found.text}_{{{below}}}", found.binds) if along else found
    if node.op.expression is not None and all(o.binds == ATOM for o in operands):
        return _expression(node.op.expression, operands)
    return _call(node.op.name, [*(o.text for o in operands), *along])


def _constant(value: np.ndarray) -> Tex:
    """Return an array: a number, a few nested rows, or its dtype, shape and digest."""
    if value.ndim == 0:
        return number(value.item())
    if not value.size:
        return _call("zeros", [entry(value.shape, WRITER)])
    if value.size > SHOWN:
        kind, digest = digest_of(value)
        below = rf"\mathrm{{{escaped(kind)}}},\, \mathtt{{{digest}}}"
        return Tex(rf"\mathrm{{array}}_{{{below}}}")
    return Tex(rf"\left[{', '.join(_constant(v).text for v in value)}\right]")


def _length(dim: Any) -> str:
    """Return a length, which may be a formula in named dims."""
    known = {s: symbol(str(s)).tex for s in sp.sympify(dim).free_symbols}
    return str(sp.latex(dim, symbol_names=known))


def _call(name: str, arguments: Sequence[str]) -> Tex:
    inside = r",\, ".join(arguments)
    return Tex(rf"\operatorname{{{escaped(name)}}}\left({inside}\right)")


def _template(template: str, operands: Sequence[Tex]) -> Tex:
    """Return a record's own LaTeX; its operands get parentheses unless it has them."""
    enclosed = any(
        mark in template for mark in ("({0}", " {0})", "{{{0}}}", "| {0}", "|{0}|")
    )
    shown = [o.text if enclosed else o.within(ATOM) for o in operands]
    return Tex(template.format(*shown), ATOM if enclosed else PREFIX)


def _expression(expression: sp.Expr, operands: Sequence[Tex]) -> Tex:
    """Return SymPy's LaTeX of a formula whose operands are single symbols."""
    names = {s: o.text for s, o in zip(OPERANDS, operands, strict=False)}
    return Tex(sp.latex(expression, symbol_names=names), SUM)


WRITER = Writer(_length, escaped)
