"""LaTeX of one operation over the LaTeX of its operands.

In: a node and its operands as `Tex`. Out: `Tex`, which knows how tightly it binds.
Invariant: braces and \\left..\\right are balanced; an operation without a form of its
own is written as a function of its name, so every graph can be written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.explain.symbols import escaped, symbol
from symdiff.graph.node import Node
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.record import OPERANDS
from symdiff.ops.core.text import op_text

SUM, PRODUCT, PREFIX, POWER, ATOM = range(1, 6)


@dataclass(frozen=True)
class Tex:
    """LaTeX, and how tightly its outermost operator binds."""

    text: str
    binds: int = ATOM

    @classmethod
    def number(cls, value: Any) -> Tex:
        """Return a number: powers of ten as such."""
        text = f"{value:.6g}" if isinstance(value, float) else repr(value)
        if isinstance(value, sp.Expr):
            return cls(_length(value), ATOM if value.is_Atom else SUM)
        found = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", text)
        if found is None and isinstance(value, float) and 0 < abs(value) < 1e-2:
            found = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", f"{value:.5e}")
        if found is not None:
            factor, power = found[1], int(found[2])
            factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
            ten = f"10^{{{power}}}"
            if factor == "1":
                return cls(ten, POWER)
            return cls(f"{factor} \\cdot {ten}", PRODUCT)
        if text in ("inf", "-inf"):
            return cls(text.replace("inf", r"\infty"), PREFIX)
        if isinstance(value, bool) or not re.fullmatch(r"-?[\d.]+", text):
            return cls(rf"\mathrm{{{escaped(text)}}}")
        return cls(text.removesuffix(".0"), PREFIX if text[0] == "-" else ATOM)

    def within(self, binds: int) -> str:
        """Return the text, in parentheses where it binds less tightly than asked."""
        if self.binds >= binds:
            return self.text
        return rf"\left({self.text}\right)"

    def follows(self, binds: int) -> str:
        """Return the same after an operator, which no other sign may follow."""
        return self.within(ATOM + 1 if self.text[:1] == "-" else binds)


def typeset(node: Node, operands: Sequence[Tex]) -> Tex:
    """Return the LaTeX of a node."""
    name = node.op.name
    if node.op is LITERAL:
        return Tex.number(node.attrs["value"])
    if node.op is CONSTANT:
        value = node.attrs["value"]
        return (
            Tex.number(value.item()) if value.ndim == 0 else Tex(r"\mathrm{constant}")
        )
    form = _FORMS.get(name)
    if form is not None:
        return form(node, operands)
    if name in _WORDS:
        return Tex(f"{_WORDS[name]} {operands[0].within(PREFIX)}", PREFIX)
    along = [rf"\mathrm{{axis}} = {axes}" for axes in along_axes(node)]
    if isinstance(node.op.latex, str):
        found = _template(node.op.latex, operands)
        return Tex(f"{found.text}_{{{along[0]}}}", found.binds) if along else found
    if callable(node.op.latex):
        return Tex(node.op.latex(node, *(o.text for o in operands)), SUM)
    if node.op.expression is not None and all(o.binds == ATOM for o in operands):
        return _expression(node.op.expression, operands)
    return _call(_shown_name(node), [*(o.text for o in operands), *along])


def along_axes(node: Node) -> list[str]:
    """Return the axis or axes that an op works along, as its argument ``axis=`` has it.

    Nothing where it is what the op's name alone says: all axes of a reduction, the last
    one of what keeps the shape.
    """
    told = node.attrs.get("axes", node.attrs.get("axis"))
    axes = (told,) if isinstance(told, int) else told
    if not node.inputs or not isinstance(axes, tuple):
        return []
    ndim = len(node.inputs[0].shape)
    kept = node.shape == node.inputs[0].shape
    if axes == ((ndim - 1,) if kept else tuple(range(ndim))):
        return []
    return [str(axes[0]) if len(axes) == 1 else str(axes)]


def _length(dim: Any) -> str:
    """Return a length, which may be a formula in named dims."""
    known = {s: symbol(str(s)).tex for s in sp.sympify(dim).free_symbols}
    return str(sp.latex(dim, symbol_names=known))


def _shown_name(node: Node) -> str:
    return str(node.op.name)


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


# --- forms ----------------------------------------------------------------------------

Form = Callable[[Node, Sequence[Tex]], Tex]


def _infix(sign: str, binds: int, right: int) -> Form:
    def form(node: Node, operands: Sequence[Tex]) -> Tex:
        a, b = operands
        return Tex(f"{a.within(binds)} {sign} {b.follows(right)}", binds)

    return form


def _product(node: Node, operands: Sequence[Tex]) -> Tex:
    """Elementwise products have a circled dot; those with a number have none."""
    a, b = operands
    left, right = node.inputs
    plain = not (_is_array(left) and _is_array(right))
    numbers = right.op is LITERAL or (a.text[-1:].isdigit() and b.text[:1].isdigit())
    sign = r"\cdot" if numbers else r"\," if plain else r"\odot"
    return Tex(f"{a.within(PRODUCT)} {sign} {b.follows(PRODUCT)}", PRODUCT)


def _is_array(node: Node) -> bool:
    while node.op.name == "broadcast_to":
        node = node.inputs[0]
    return bool(node.shape)


def _fraction(node: Node, operands: Sequence[Tex]) -> Tex:
    a, b = operands
    return Tex(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT)


def _power(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(f"{operands[0].within(ATOM)}^{{{operands[1].text}}}", POWER)


def _square(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(f"{operands[0].within(ATOM)}^{{2}}", POWER)


def _negative(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(f"-{operands[0].within(PRODUCT)}", SUM)


def _exp(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(f"e^{{{operands[0].text}}}", POWER)


def _root(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(rf"\sqrt{{{operands[0].text}}}")


def _abs(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(rf"\left|{operands[0].text}\right|")


def _matmul(node: Node, operands: Sequence[Tex]) -> Tex:
    a, b = operands
    return Tex(f"{a.within(PRODUCT)} \\, {b.follows(PRODUCT)}", PRODUCT)


def _transpose(node: Node, operands: Sequence[Tex]) -> Tex:
    axes = list(node.attrs.get("axes") or range(len(node.shape))[::-1])
    swapped = [*range(len(axes))]
    swapped[-2:] = swapped[-2:][::-1]
    order = "" if axes == swapped else f"({','.join(map(str, axes))})"
    return Tex(rf"{operands[0].within(ATOM)}^{{\top{order}}}", POWER)


def _slice(node: Node, operands: Sequence[Tex]) -> Tex:
    index = op_text(node).removeprefix("_0").replace("_dim_", "")
    return Tex(rf"{operands[0].within(ATOM)}\,\mathtt{{{escaped(index)}}}", POWER)


def _where(node: Node, operands: Sequence[Tex]) -> Tex:
    c, a, b = (o.text for o in operands)
    rows = rf"{a} & \text{{if }} {c} \\ {b} & \text{{otherwise}}"
    return Tex(rf"\begin{{cases}} {rows} \end{{cases}}")


def _over(word: str) -> Form:
    """Return the form of a reduction: its word, with the lengths that it runs over."""

    def form(node: Node, operands: Sequence[Tex]) -> Tex:
        axes = node.attrs.get("axes", ())
        (source,) = node.inputs[:1]
        under = ""
        if len(axes) < len(source.shape):
            under = "_{" + ", ".join(_length(source.shape[i]) for i in axes) + "}"
        return Tex(f"{word}{under} {operands[0].within(PRODUCT)}", PRODUCT)

    return form


def _same(node: Node, operands: Sequence[Tex]) -> Tex:
    """What changes no value, but its shape or width, is not written."""
    return operands[0]


def _repeated(node: Node, operands: Sequence[Tex]) -> Tex:
    shape = r" \times ".join(map(_length, node.shape))
    return Tex(rf"{operands[0].within(PRODUCT)}\,\mathbf{{1}}_{{{shape}}}", PRODUCT)


def _less_one_hot(node: Node, operands: Sequence[Tex]) -> Tex:
    a, b = operands[:2]
    return Tex(rf"{a.within(SUM)} - \operatorname{{onehot}}\left({b.text}\right)", SUM)


def _item(node: Node, operands: Sequence[Tex]) -> Tex:
    return Tex(f"{{{operands[0].within(ATOM)}}}_{{[{node.attrs['index']}]}}", POWER)


def _stacked(node: Node, operands: Sequence[Tex]) -> Tex:
    items = ", ".join(o.text for o in operands)
    return Tex(rf"\left[{items}\right]")


_WORDS = {
    "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh",
    "cosh": r"\cosh", "tanh": r"\tanh", "arcsin": r"\arcsin", "arccos": r"\arccos",
    "arctan": r"\arctan",
}  # fmt: skip
_FORMS: dict[str, Form] = {
    "add": _infix("+", SUM, SUM),
    "subtract": _infix("-", SUM, PRODUCT),
    "multiply": _product,
    "divide": _fraction,
    "power": _power,
    "square": _square,
    "negative": _negative,
    "exp": _exp,
    "sqrt": _root,
    "abs": _abs,
    "greater": _infix(">", SUM, SUM),
    "greater_equal": _infix(r"\geq", SUM, SUM),
    "less": _infix("<", SUM, SUM),
    "less_equal": _infix(r"\leq", SUM, SUM),
    "equal": _infix("=", SUM, SUM),
    "not_equal": _infix(r"\neq", SUM, SUM),
    "maximum": lambda n, o: Tex(rf"\max\left({o[0].text}, {o[1].text}\right)"),
    "minimum": lambda n, o: Tex(rf"\min\left({o[0].text}, {o[1].text}\right)"),
    "where": _where,
    "matmul": _matmul,
    "transpose": _transpose,
    "sum": _over(r"\sum"),
    "mean": _over(r"\operatorname{mean}"),
    "max": _over(r"\max"),
    "min": _over(r"\min"),
    "prod": _over(r"\prod"),
    "reshape": _same,
    "expand_dims": _same,
    "squeeze": _same,
    "cast": _same,
    "broadcast_to": _repeated,
    "subtract_one_hot": _less_one_hot,
    "item": _item,
    "stack": _stacked,
    "slice": _slice,
}
