"""The comments of generated code: the user's statement, types, and rules.

In: tensors and the context of the body they are computed in. Out: text without its
``#``. Invariant: writing a comment never makes the body read or bind anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache

from symdiff.emit.lower.context import Context
from symdiff.emit.lower.marks import Computes, Heading, place_of
from symdiff.emit.lower.rules import rules_of, telling_of
from symdiff.emit.lower.source import Resolver, Statement, quotation
from symdiff.emit.lower.uses import Use, is_strict, is_whole, phrases
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TensorType
from symdiff.plan.schedule import Step

WIDTH = 88
INDENT = 4


def shape_comment(node: Node) -> str:
    """Return a value's shape as ``[N, 10]``, or its dtype where it is not a float."""
    return _type_comment(node.tensor_type)


@lru_cache(maxsize=4096)
def _type_comment(t: TensorType) -> str:
    shape = ", ".join(str(d) for d in t.shape)
    return f"[{shape}]" if t.dtype.is_float else f"{t.dtype}[{shape}]"


def heading(step: Step, context: Context) -> list[py.Comment]:
    """Return the comment that quotes the user's statement of a step, if any."""
    tensor = step.tensor if step.under is None else step.under
    statement = context.resolver.statement(tensor)
    return (
        []
        if statement is None or not statement.text
        else [quoting(statement, context.depth)]
    )


@lru_cache(maxsize=4096)
def quoting(statement: Statement, depth: int) -> py.Comment:
    """Return the comment that quotes a statement, in a body of some depth."""
    room = max(WIDTH - depth * INDENT - len("# ") - len(place_of(statement)), 24)
    return Heading(statement, quotation(statement, room)).comment()


def told(tensor: Tensor, context: Context) -> Computes:
    """Return the type of a value and, for a derivative, the rules that made it."""
    return _saying(tensor, next(phrases(rules_of(tensor, context)), ""))


def _saying(tensor: Tensor, rule: str = "") -> Computes:
    return Computes((tensor,), shape_comment(tensor.node), rule)


def shortened(mark: Computes, uses: Sequence[Use], indent: int) -> Computes:
    """Return a mark that tells of uses as much as a row has room for."""
    room = WIDTH - indent - len("# ")
    choices = [replace(mark, rule=phrase, terms=()) for phrase in phrases(uses)]
    fits = (c for c in choices if len(c.comment) <= room)
    return next(fits, choices[-1] if choices else replace(mark, rule="", terms=()))


def fitted(made: py.Assign, tensor: Tensor, context: Context) -> py.Assign:
    """Return a statement with its comment, which the printer puts beside it or above.

    What is too long for a row of its own is cut after a whole rule.
    """
    said = _saying(tensor)
    beside, above = _rooms(made, INDENT * context.depth)
    telling = telling_of(tensor, context)
    rules = telling()
    views = not rules
    if views:
        rules = telling(views)
    if not (rules or said.is_derivative) and len(said.comment) > beside:
        return py.Assign(made.targets, made.value, mark=said)  # it has no own row
    choices = [_saying(tensor, phrase) for phrase in phrases(rules)]
    if rules and not any(is_whole(c.rule) and len(c.comment) <= above for c in choices):
        rules = telling(views, short=True)
        choices = [_saying(tensor, phrase) for phrase in phrases(rules)]
    said = _fitting(replace(said, uses=tuple(rules)), beside, above)
    return py.Assign(made.targets, made.value, said.comment, mark=said)


def refitted(made: py.Assign, indent: int) -> py.Assign:
    """Return a statement with the comment that it has room for under other names."""
    if not isinstance(made.mark, Computes) or not made.mark.uses:
        return made
    said = _fitting(made.mark, *_rooms(made, indent))
    return replace(made, comment=said.comment, mark=said)


def _rooms(made: py.Assign, indent: int) -> tuple[int, int]:
    """Return how long a comment may be beside a statement, and above it."""
    code = sum(len(py.expr_text(e)) for e in (*made.targets, made.value))
    beside = WIDTH - (indent + code + len(" = ") + len("  # "))
    return beside, WIDTH - indent - len("# ")


def _fitting(said: Computes, beside: int, above: int) -> Computes:
    """Return a mark with the words for its uses that there is room for."""
    choices = [replace(said, rule=phrase) for phrase in phrases(said.uses)]
    fits = [c for c in choices if is_whole(c.rule) and len(c.comment) <= beside]
    if is_strict(said.uses):
        fits = []  # the fullest of them, be it on a row of its own
    fits += [c for c in choices if len(c.comment) <= above]
    return fits[0] if fits else replace(said, rule="")


def changed_copy(
    made: Sequence[py.Stmt], tensor: Tensor, copied: Node, context: Context
) -> list[py.Stmt] | None:
    """Return what makes an array and changes it once, each with rules of its own.

    The array is made from the value of ``copied``, or is that value where nothing else
    reads it. None where there are no such two rules.
    """
    *first, change = made
    base = context.tensors.get(copied)
    if base is None or len(first) > 1 or (not first and isinstance(change, py.Assign)):
        return None
    if first and context.at_hand(copied) is not None:
        return None  # as of an op whose text begins with a copy
    own = rules_of(tensor, context)
    known = {u.shortest for u in rules_of(base, context)} if first else set[str]()
    rule = next(phrases([u for u in own if u.shortest not in known]), "")
    if not rule or not isinstance(change, py.Assign | py.AugAssign | py.ExprStmt):
        return None
    changed = replace(change, comment=rule, mark=Computes((tensor,), rule=rule))
    match first:
        case [py.Assign() as begun]:
            begun = fitted(begun, base, context)
            assert isinstance(begun.mark, Computes)
            mark = replace(begun.mark, tensors=(tensor,))
            return [replace(begun, mark=mark), changed]
    return [changed]


def declared_group(tensor: Tensor, resolver: Resolver) -> Hashable:
    """Return a key of the user's statement that declared a tensor."""
    statement = resolver.statement(tensor)
    return statement.place if statement else "no source"
