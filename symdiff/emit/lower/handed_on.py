"""Sums that hand a cotangent on to one term alone: the other one takes no gradient.

In: the values of a body, and a statement of the user. Out: comments below its heading.
Invariant: no line has these sums; their terms have the cotangent of the sum itself.
"""

from __future__ import annotations

from collections.abc import Hashable

from symdiff.emit.lower.comments import declared_group
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.primals import cotangents_of, marks_of, named, operands_of_view
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import is_given


def handed_on(group: Hashable, context: Context) -> list[py.Stmt]:
    """Return what is to be told of the sums of a statement."""
    found: dict[str, None] = {}
    for cotangent, term in _sums(context).get(group, ()):
        known, name = context.names.known(cotangent), named(term, context)
        if known is not None and name is not None:
            told = f"a sum hands {known} to each term as it is"
            found[f"{told}; {py.expr_text(name)} takes no gradient"] = None
    return [*map(py.Comment, found)]


def _sums(context: Context) -> dict[Hashable, list[tuple[Tensor, Tensor]]]:
    """Return cotangents of sums by statement, each with the term that takes none."""
    return context.once(_found)


def _found(context: Context) -> dict[Hashable, list[tuple[Tensor, Tensor]]]:
    derived = [t for t in context.tensors.values() if t.cotangent_of]
    known = marks_of(x for t in derived for x in cotangents_of(t))
    found: dict[Hashable, list[tuple[Tensor, Tensor]]] = {}
    for t in derived:
        for value in cotangents_of(t):
            term = _without_cotangent(value, known)
            if term is not None:
                group = declared_group(value, context.resolver)
                found.setdefault(group, []).append((t, term))
    return found


def _without_cotangent(value: Tensor, known: set[object]) -> Tensor | None:
    """Return the term of a sum of two that has no cotangent, if it is one."""
    if value.node.op.infix != "+" or len(value.parents) != 2 or not value.node.shape:
        return None
    free = []
    for t in value.parents:
        views = [t, *operands_of_view(t)]
        if not marks_of(views) & known and not is_given(views[-1].node):
            free.append(t)
    return free[0] if len(free) == 1 else None
