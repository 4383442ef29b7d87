r"""LaTeX of an op over the LaTeX of its operands, as facts of ops.

In: a node and its operands as `Tex`. Out: `Tex`, which knows how tightly it binds.
Invariant: braces and \left..\right are balanced if those of the operands are. How
lengths and plain text are written is for the writer to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symdiff.graph.node import Node

ANY, SUM, PRODUCT, PREFIX, POWER, ATOM = range(6)


@dataclass(frozen=True)
class Tex:
    """LaTeX, and how tightly its outermost operator binds."""

    text: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """Return the text, in parentheses where it binds less tightly than asked."""
        if self.binds >= binds:
            return self.text
        return rf"\left({self.text}\right)"

    def follows(self, binds: int) -> str:
        """Return the same after an operator, which no other sign may follow."""
        return self.within(ATOM + 1 if self.text[:1] == "-" else binds)


@dataclass(frozen=True)
class Writer:
    """How a length, which may be a formula in named dims, and plain text look."""

    length: Callable[[Any], str]
    escaped: Callable[[str], str]


TexRule = Callable[[Node, Sequence[Tex], Writer], Tex]


def form(template: str, binds: int = ATOM, *operands: int) -> TexRule:
    """Return the rule of a template with a place for each operand.

    ``binds`` is how tightly the whole binds, ``operands`` how tightly each has to: one
    that binds less gets parentheses, one for which nothing is said never does.
    """

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        asked = [*operands, *[ANY] * len(given)]
        shown = [t.within(b) for t, b in zip(given, asked, strict=False)]
        return Tex(template.format(*shown), binds)

    return rule


def infix(sign: str, binds: int, right: int) -> TexRule:
    """Return the rule of a sign between two operands."""

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        a, b = given
        return Tex(f"{a.within(binds)} {sign} {b.follows(right)}", binds)

    return rule


def over(word: str) -> TexRule:
    """Return the rule of a reduction: its word, with the lengths that it runs over."""

    def rule(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
        axes = node.attrs.get("axes", ())
        shape = node.inputs[0].shape
        under = ""
        if len(axes) < len(shape):
            under = "_{" + ", ".join(writer.length(shape[i]) for i in axes) + "}"
        return Tex(f"{word}{under} {given[0].within(PRODUCT)}", PRODUCT)

    return rule


def same(node: Node, given: Sequence[Tex], writer: Writer) -> Tex:
    """What changes no value, but its shape or width, is not written."""
    return given[0]
