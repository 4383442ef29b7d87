"""LaTeX of products and powers of elements.

In: a node and its operands as `Tex`. Out: `Tex`. Invariant: what acts on elements looks
different from what acts on matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.graph.node import Node
from symdiff.ops.core import tex
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.tex import Tex, Writer


def product_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    """An elementwise product has a circled dot, a product with a number has none."""
    a, b = operands[0].before(), operands[1]
    left, right = node.inputs
    plain = not (_is_array(left) and _is_array(right))
    numbers = right.op is LITERAL or (a.text[-1:].isdigit() and b.text[:1].isdigit())
    sign = r"\cdot" if numbers else r"\," if plain else r"\odot"
    loose = not plain or min(a.binds, b.binds) == tex.ELEMENTS
    binds = tex.ELEMENTS if loose else tex.PRODUCT
    return tex.infix(sign, tex.ELEMENTS, tex.ELEMENTS, binds)(node, (a, b), writer)


def _is_array(node: Node) -> bool:
    while node.op.facts.repeats:
        node = node.inputs[0]
    return bool(node.shape)


def power_tex(node: Node, operands: Sequence[Tex], writer: Writer) -> Tex:
    """A power -1 is a fraction: on a matrix it would be the inverse."""
    base, exponent = operands
    if exponent.text == "-1":
        return Tex(rf"\frac{{1}}{{{base.text}}}", tex.PRODUCT)
    return Tex(f"{base.within(tex.ATOM)}^{{{exponent.text}}}", tex.POWER)
