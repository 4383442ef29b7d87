"""What the lowering knows of a statement, beside its text.

In: tensors, and statements of the user. Out: marks, which the printer hands on with the
rows that a statement takes. Invariant: a statement's comment is what its mark tells, or
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from symdiff.emit.lower.source import Statement
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Heading(py.Mark):
    """Of the comment that quotes a statement of the user; ``text`` is the quotation."""

    statement: Statement
    text: str

    def comment(self) -> py.Comment:
        """Return the comment."""
        return py.Comment(f"{self.text}{place_of(self.statement)}", mark=self)


@dataclass(frozen=True, slots=True)
class Computes(py.Mark):
    """Of what computes values: these, the shape of the first, and the rule in words."""

    tensors: tuple[Tensor, ...]
    shape: str = ""
    rule: str = ""

    @property
    def comment(self) -> str:
        """What is said beside the statement."""
        return f"{self.shape}   {self.rule}" if self.rule else self.shape


def place_of(statement: Statement) -> str:
    """Return what follows a quotation: where in the spec it stands."""
    return f"     [{statement.location}]"


def marked(stmts: Iterable[py.Stmt], tensor: Tensor) -> list[py.Stmt]:
    """Return statements that compute a tensor, or help to; each says so."""
    return [
        s if s.mark is not None else replace(s, mark=Computes((tensor,))) for s in stmts
    ]
