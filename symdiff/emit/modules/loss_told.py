"""The section of backward for a loss that hands its cotangent on as it is.

In: the lowered backward function. Out: a heading and what the rule is, where no line is
under the loss's statement. Invariant: no line of code; the sections below it go on with
the cotangent of the loss itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.emit.lower.comments import quoting
from symdiff.emit.lower.marks import Heading
from symdiff.emit.lower.rules import rule_alone
from symdiff.emit.lower.source import Statement
from symdiff.emit.modules.bodies import FunctionBody, Unit
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor


def loss_told(unit: Unit, body: FunctionBody) -> list[py.Stmt]:
    """Return the heading of a loss under which there is no line, and its rule."""
    if not unit.program.is_model or not body.computation:
        return []
    ((_, loss), *_) = unit.program.results
    statement = unit.resolver.statement(loss)
    if statement is None or not statement.text or _quotes(body.computation, statement):
        return []
    rule = _rule(loss, unit, body)
    return [quoting(statement, 1), *([py.Comment(rule)] if rule else []), py.Blank()]


def _rule(loss: Tensor, unit: Unit, body: FunctionBody) -> str:
    """Return what becomes of the loss's cotangent, '' where the lines below show it."""
    if loss.node.op.infix == "+":
        return f"every term gets {unit.names.of(unit.program.seeds[0])}"
    if not loss.node.op.rule_of(loss.node):
        return ""
    return rule_alone(loss, body.context)


def _quotes(stmts: Sequence[py.Stmt], statement: Statement) -> bool:
    """Whether a statement of the user is quoted in a heading."""
    marks = [s.mark for s in stmts if isinstance(s, py.Comment)]
    return any(isinstance(m, Heading) and m.statement == statement for m in marks)
