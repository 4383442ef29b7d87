"""Marks: what the lowering knows about a statement, beside its text.

In: tensors, and statements of the user. Out: marks, which the printer hands on with the
rows that a statement takes. Invariant: a statement's comment is that of its mark, if it
has a comment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from symdiff.emit.lower.source import Statement
from symdiff.emit.lower.uses import Use
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Heading(py.Mark):
    """The mark of a comment that quotes a user's statement, as in ``text``."""

    statement: Statement
    text: str

    def comment(self) -> py.Comment:
        """Return the comment."""
        return py.Comment(f"{self.text}{place_of(self.statement)}", mark=self)


@dataclass(frozen=True, slots=True)
class Computes(py.Mark):
    """The mark of a computation: its values, the first one's shape, and the rule.

    The rule is in words for the ``uses`` that the computation is for, where these are
    known. ``terms`` are the uses that the last terms of a sum are for, each of which
    may be added in a statement of its own, after those of what is before them.
    """

    tensors: tuple[Tensor, ...]
    shape: str = ""
    rule: str = ""
    terms: tuple[tuple[Use, ...], ...] = ()
    uses: tuple[Use, ...] = ()

    @property
    def is_derivative(self) -> bool:
        """Whether the first of its values was made by a rule."""
        return bool(self.tensors) and self.tensors[0].site.primal is not None

    @property
    def comment(self) -> str:
        """The comment beside the statement."""
        return "   ".join(part for part in (self.shape, self.rule) if part)


def place_of(statement: Statement) -> str:
    """Return the text after a quotation: its place in the spec."""
    return f"     [{statement.location}]"


def marked(stmts: Iterable[py.Stmt], tensor: Tensor) -> list[py.Stmt]:
    """Return statements that compute a tensor, or help to, each with a mark."""
    return [
        s if s.mark is not None else replace(s, mark=Computes((tensor,))) for s in stmts
    ]
