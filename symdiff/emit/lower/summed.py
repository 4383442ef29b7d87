"""Long sums as several statements: ``d = a``, ``d += b``.

In: the statements of a function. Out: those in which a sum that does not fit on a row
is one or more whole terms on a row, and each further term a statement of its own.
Invariant: the terms are added in the order they had, into an array that the first of
these statements made; so every bit stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdiff.emit.lower.comments import shortened
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.rules import rules_of
from symdiff.emit.lower.tidied import WIDTH
from symdiff.emit.lower.uses import Use, phrases
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import is_given
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.layout import is_in_order

STEP = 4
SHORT = 50  # columns of a sum that has room for names which get longer later


# --- which terms may stand apart ------------------------------------------------------


def terms_apart(
    value: Tensor, written: py.Expr, context: Context, own: Node | None = None
) -> tuple[tuple[Use, ...], ...]:
    """Return the uses that the terms of a cotangent's sum are for, as a mark has them.

    What is before a term that stands apart is a new array of the value's own type, or
    what ``own`` has written into the same variable. It is in C order, as the sum is
    then: the order decides how later sums over axes add.
    """
    if value.site.primal is None:
        return ()
    if own is None and len(py.expr_text(written)) < SHORT:
        return ()
    sums: list[Node] = []
    first = value.node
    while _is_inlined_sum(first, value, context):
        sums.append(first)
        first = first.inputs[0]
    head = [first]
    if sums and first is not own and not _is_new(first, value, context):
        first = sums.pop()  # a term is not alone, but with the next one
        head.append(first.inputs[1])
    if not sums or not is_in_order(first):
        return ()
    parts = [tuple(u for n in head for u in uses_of_term(n, context))]
    parts += [uses_of_term(n.inputs[1], context) for n in reversed(sums)]
    return _filled(parts, value, context)


def _filled(
    parts: list[tuple[Use, ...]], value: Tensor, context: Context
) -> tuple[tuple[Use, ...], ...]:
    """Return the uses of a sum's parts, those of the whole where a part has none.

    Such a part is a cotangent that is handed on as it is.
    """
    whole = [] if all(parts) else rules_of(value, context)
    if len(whole) != len(parts):
        return (*parts,)
    known = {u.shortest for part in parts for u in part}
    others = [() if u.shortest in known else (u,) for u in whole]
    return tuple(p or o for p, o in zip(parts, others, strict=True))


def _is_inlined_sum(node: Node, value: Tensor, context: Context) -> bool:
    if isinstance(node.type, TupleType) or context.at_hand(node) is not None:
        return False
    return (
        node.op.infix in ("+", "-")
        and len(node.inputs) == 2
        and (node.type == value.node.type and bool(node.shape))
    )


def _is_new(node: Node, value: Tensor, context: Context) -> bool:
    """Whether an expression makes an array of the value's type."""
    if node.type != value.node.type or context.at_hand(node) is not None:
        return False
    op = node.op
    lent = op.view or op.facts.repeats or op is ITEM or op.leaf or is_given(node)
    return not (lent or op.facts.lends(node))


def uses_of_term(node: Node, context: Context) -> tuple[Use, ...]:
    """Return the uses that a term is for which is written where it is read."""
    if context.at_hand(node) is not None or node not in context.tensors:
        return ()
    return tuple(rules_of(context.tensors[node], context))


def parts_marked(
    made: Sequence[py.Stmt], node: Node, tensor: Tensor, context: Context
) -> list[py.Stmt]:
    """Return what places several parts, each with the mark of its own uses."""
    if len(node.inputs) == 1 or len(made) != len(node.inputs) + 1:
        return [*made]
    found = [made[0]]
    for part, s in zip(node.inputs, made[1:], strict=True):
        terms = (uses_of_term(part, context),)
        mark = Computes((tensor,), rule=next(phrases(terms[0]), ""), terms=terms)
        found.append(replace(s, mark=mark) if mark.rule else s)
    return found


# --- long sums ------------------------------------------------------------------------


def sums_apart(stmts: Sequence[py.Stmt], indent: int) -> list[py.Stmt]:
    """Return statements, those in loops and branches too, with long sums apart."""
    made: list[py.Stmt] = []
    for s in stmts:
        match s:
            case py.Assign():
                made += _apart(s, indent)
            case py.AugAssign():
                made.append(_cut(s, indent))
            case py.For(body=body) | py.While(body=body):
                inside = tuple(sums_apart(body, indent + STEP))
                made.append(replace(s, body=inside))
            case py.If(body=body, orelse=orelse):
                inside = tuple(sums_apart(body, indent + STEP))
                rest = tuple(sums_apart(orelse, indent + STEP))
                made.append(replace(s, body=inside, orelse=rest))
            case _:
                made.append(s)
    return made


def _apart(s: py.Assign, indent: int) -> list[py.Stmt]:
    """Return a statement, or several of them for a sum that is too long for a row."""
    match s:
        case py.Assign(targets=(py.Name() as name,), also=(), mark=Computes() as mark):
            first, parts = s.value, list(mark.terms)
        case _:
            return [s]
    terms: list[py.Stmt] = []
    goes_on = _begins_with(name, first, len(parts) - 1)
    while len(parts) > 1 and (goes_on or not _fits(name, first, indent)):
        told = Computes(mark.tensors, terms=(parts.pop(),))
        first, term = _last_apart(name, first, told)
        if term is None or name in py.names_in(term.value):  # what it held before
            return [s]
        terms.append(_cut(term, indent))
    if not terms or not _fits(name, first, indent):
        return [s]
    if first == name:
        return terms[::-1]
    said = shortened(mark, [u for part in parts for u in part], indent)
    return [replace(s, value=first, comment=said.comment, mark=said), *terms[::-1]]


def _begins_with(name: py.Name, value: py.Expr, terms: int) -> bool:
    """Whether a sum adds terms that may stand apart to what the variable holds."""
    for _ in range(terms):
        if not isinstance(value, py.Binary):
            return False
        value = value.left
    return value == name


def _last_apart(
    name: py.Name, value: py.Expr, mark: Computes
) -> tuple[py.Expr, py.AugAssign | None]:
    """Return a sum without its last term, and the statement that adds that."""
    match value:
        case py.Binary(op="+" | "-" as op, left=left, right=right):
            return left, py.AugAssign(name, op, right, mark=mark)
    return value, None


def _fits(name: py.Name, value: py.Expr, indent: int) -> bool:
    return indent + len(f"{name.id} = {py.expr_text(value)}") <= WIDTH


def _cut(s: py.AugAssign, indent: int) -> py.AugAssign:
    """Return a statement with a comment that has room on a row of its own."""
    if not isinstance(s.mark, Computes) or not s.mark.terms:
        return s
    said = shortened(s.mark, s.mark.terms[0], indent)
    return replace(s, comment=said.comment, mark=said)
