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

from symdiff.explain.symbols import escaped, symbol
from symdiff.graph.node import Node
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.symbols import OPERANDS
from symdiff.ops.core.tex import ATOM, POWER, PREFIX, PRODUCT, SUM, Tex, Writer, told

SHOWN = 8  # elements of a constant that is written out


def number(value: Any) -> Tex:
    """Return a number: powers of ten as such."""
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
    """Return a float in six digits where those are all, else in as many as it has."""
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
    along = [rf"\mathrm{{axis}} = {axes}" for axes in along_axes(node)]
    along += told(node, WRITER, ("axis", "axes") if _has_axes(node) else ())
    if isinstance(node.op.latex, str):
        found = _template(node.op.latex, operands)
        below = ", ".join(along)
        return Tex(f"{found.text}_{{{below}}}", found.binds) if along else found
    if node.op.expression is not None and all(o.binds == ATOM for o in operands):
        return _expression(node.op.expression, operands)
    return _call(node.op.name, [*(o.text for o in operands), *along])


def along_axes(node: Node) -> list[str]:
    """Return the axis or axes that an op works along, as its argument ``axis=`` has it.

    Nothing where it is what the op's name alone says: all axes of a reduction, the last
    one of what keeps the shape.
    """
    if not _has_axes(node):
        return []
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = (given,) if isinstance(given, int) else given
    ndim = len(node.inputs[0].shape)
    kept = node.shape == node.inputs[0].shape
    if axes == ((ndim - 1,) if kept else tuple(range(ndim))):
        return []
    return [str(axes[0]) if len(axes) == 1 else str(axes)]


def _has_axes(node: Node) -> bool:
    """Whether an op works along axes that its attributes name."""
    given = node.attrs.get("axes", node.attrs.get("axis"))
    axes = given if isinstance(given, tuple) else (given,)
    return bool(node.inputs) and all(isinstance(a, int) for a in axes)


def _constant(value: np.ndarray) -> Tex:
    """Return an array: a number, nested rows of a few, or that it is a constant."""
    if value.ndim == 0:
        return number(value.item())
    if not 0 < value.size <= SHOWN:
        return Tex(r"\mathrm{constant}")
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
