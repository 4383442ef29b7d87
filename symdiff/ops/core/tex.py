r"""LaTeX of an op over the LaTeX of its operands, as facts of ops.

In: a node and its operands as `Tex`. Out: `Tex`, which knows how tightly it binds.
Invariant: braces and \left..\right are balanced if those of the operands are. A
`Writer` decides how lengths and plain text are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symdiff.graph.node import Node
from symdiff.ops.core.told import told_attributes

# How tightly: a big operator takes in the product after it, and a product of matrices
# binds before one of elements.
ANY, SUM, BIG, ELEMENTS, PRODUCT, PREFIX, POWER, ATOM = range(8)


@dataclass(frozen=True)
class Tex:
    """LaTeX, and how tightly its outermost operator binds.

    ``closed`` is the same where a factor follows, if that would be read as a part of
    its last operand: ``\\log\\left(x\\right)`` instead of ``\\log x``.
    """

    text: str
    binds: int = ATOM
    closed: str = ""

    def within(self, binds: int) -> str:
        """Return the text, in parentheses where it binds less tightly than asked."""
        if self.binds >= binds:
            return self.text
        return rf"\left({self.text}\right)"

    def before(self) -> Tex:
        """Return the same to be followed by a factor."""
        return Tex(self.closed, self.binds) if self.closed else self

    def follows(self, binds: int) -> str:
        """Return the text after an operator: with a leading minus in parentheses."""
        return self.within(ATOM + 1 if self.text[:1] == "-" else binds)


@dataclass(frozen=True)
class Writer:
    """How a length, which may be a formula in named dims, and plain text look."""

    length: Callable[[Any], str]
    escaped: Callable[[str], str]


TexRule = Callable[[Node, Sequence[Tex], Writer], Tex]


def form(template: str, binds: int = ATOM, *operands: int) -> TexRule:
    """Return the rule of a template with a place for each operand.

    ``binds`` is how tightly the whole binds, ``operands`` how tightly each operand must
    bind: one that binds less gets parentheses. Those not listed never get any.
    """

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        asked = [*operands, *[ANY] * len(given)]
        shown = [t.within(b) for t, b in zip(given, asked, strict=False)]
        return Tex(template.format(*shown), binds)

    return rule


def word(name: str) -> TexRule:
    """Return the rule of a function that is written as its name before its operand."""

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        shown = _argument(given[0])
        bare = shown == given[0].text
        closed = f"{name} {given[0].within(ATOM + 1)}" if bare else ""
        return Tex(f"{name} {shown}", PREFIX, closed)

    return rule


def _argument(operand: Tex) -> str:
    """Return the operand of a word; not bare where a power of a sum would end it."""
    ends_early = operand.text.startswith(r"\left(")
    return operand.within(ATOM + 1 if ends_early else PREFIX)


def infix(sign: str, left: int, right: int, binds: int | None = None) -> TexRule:
    """Return the rule of a sign between two operands.

    By default the whole binds as tightly as the left operand must.
    """

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        a, b = given
        start, end = f"{a.within(left)} {sign} ", b.follows(right)
        closed = f"{start}{b.closed}" if b.closed and end == b.text else ""
        return Tex(f"{start}{end}", left if binds is None else binds, closed)

    return rule


def over(name: str, *, big: bool = False) -> TexRule:
    """Return the rule of a reduction: its word, with the lengths that it runs over.

    Where another axis has the same length, the axes are named instead. Axes that are
    kept at length 1 follow as an index. A ``big`` operator, such as a sum, takes in the
    product after it by convention; for a word that product is in parentheses.
    """

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        axes, shape = node.attrs.get("axes", ()), node.inputs[0].shape
        under = []
        if len(axes) < len(shape):
            others = [d for i, d in enumerate(shape) if i not in axes]
            lengths = [shape[i] for i in axes]
            under = [writer.length(d) for d in lengths]
            if set(lengths) & set(others):
                under = [told_as("axis", axes[0] if len(axes) == 1 else axes, writer)]
        under += told(node, writer, ("axes", "keepdims"))
        below = f"_{{{', '.join(under)}}}" if under else ""
        inside = given[0].within(BIG) if big else _argument(given[0])
        found = Tex(f"{name}{below} {inside}", BIG)
        return kept(found, node) if node.attrs.get("keepdims") else found

    return rule


def kept(whole: Tex, node: Node) -> Tex:
    """Return a reduced value with an index for the axes that it keeps at length 1."""
    axes = node.attrs["axes"]
    entries = ["None" if i in axes else ":" for i in range(len(node.shape))]
    return indexed(whole, f"[{', '.join(entries)}]")


def indexed(whole: Tex, index: str) -> Tex:
    """Return a value with NumPy's index, escaped, behind it or behind its own."""
    found = whole.text if whole.text.endswith("]}") else whole.within(ATOM)
    return Tex(rf"{found}\,\mathtt{{{index}}}", POWER)


def told(node: Node, writer: Writer, skipped: Sequence[str] = ()) -> list[str]:
    """Return the attributes that an op is called with, ``name = value``."""
    found = told_attributes(node, skipped)
    return [told_as(name, value, writer) for name, value in found]


def told_as(name: str, value: Any, writer: Writer) -> str:
    """Return ``name = value``."""
    return rf"\mathrm{{{writer.escaped(name)}}} = {entry(value, writer)}"


def entry(value: Any, writer: Writer) -> str:
    """Return the value of an attribute, or of an entry of one."""
    match value:
        case tuple():
            inside = ", ".join(entry(v, writer) for v in value)
            return f"({inside}{',' if len(value) == 1 else ''})"
        case bool() | None | str():
            return rf"\mathrm{{{writer.escaped(str(value))}}}"
        case slice():
            parts = ["" if p is None else str(p) for p in (value.start, value.stop)]
            step = [str(value.step)] if value.step not in (None, 1) else []
            return rf"\mathtt{{{writer.escaped(':'.join(parts + step))}}}"
        case int():
            return str(value)
        case float():
            return rf"\mathrm{{{value:.6g}}}"
    return writer.length(value)


def same(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
    """The operand itself: a change of shape or width alone is not written."""
    return given[0]
