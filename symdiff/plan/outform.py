"""How an op writes its result into memory that exists already.

In: a node, and its record's text. Out: an `OutForm`, the text that fills ``_out``, or
None where NumPy has no such form. Invariant: the form computes the very bits that the
record's text computes, and where it may overwrite an operand, it reads each element of
that operand before it writes the element of the same place.
"""

from __future__ import annotations

import ast
from functools import lru_cache

from symdiff.graph.node import Node
from symdiff.graph.types import TupleType
from symdiff.ops.core.outforms import OutForm, is_ufunc, of_call
from symdiff.ops.core.text import is_statements, op_text


def out_form(node: Node) -> OutForm | None:
    """Return how a node fills memory given to it, or None."""
    op = node.op
    if isinstance(node.type, TupleType) or op.leaf or op.view or op.text is None:
        return None
    if op.facts.out_form is not None:
        return op.facts.out_form(node)
    if op.out is not None:
        return of_call(op.out, op.is_elementwise)
    text = op_text(node)
    if is_statements(text):
        return _of_statements(text)
    return _of_expression(text, op.is_elementwise)


@lru_cache(maxsize=4096)
def _of_expression(text: str, elementwise: bool) -> OutForm | None:
    """Return the form of an expression, if it is one call that takes ``out=``."""
    match ast.parse(text, mode="eval").body:
        case ast.Call(func=func, args=args, keywords=keywords) as call:
            if is_ufunc(call):
                shown = ", ".join(ast.unparse(a) for a in [*args, *keywords])
                return of_call(f"{ast.unparse(func)}({shown}, out=_out)", elementwise)
    return None


@lru_cache(maxsize=4096)
def _of_statements(text: str) -> OutForm | None:
    """Return the form of statements that make ``_out`` first and then change it."""
    first, *rest = ast.parse(text).body
    made = {id(t) for s in [first] for t in getattr(s, "targets", [])}
    rebinds = any(
        isinstance(n, ast.Name) and n.id == "_out" and isinstance(n.ctx, ast.Store)
        for s in [first, *rest]
        for n in ast.walk(s)
        if id(n) not in made
    )
    if rebinds or not isinstance(first, ast.Assign) or len(first.targets) != 1:
        return None
    match first.targets[0], first.value:
        case ast.Name(id="_out"), ast.Call(func=func, args=args, keywords=keywords):
            source = ast.unparse(func)
        case _:
            return None
    tail = [ast.unparse(s) for s in rest]
    if source == "_0.copy" and not args and not keywords:
        again = any(
            isinstance(n, ast.Name) and n.id == "_0" for s in rest for n in ast.walk(s)
        )
        over = {} if again or not tail else {0: "\n".join(tail)}
        return OutForm("\n".join(["np.copyto(_out, _0)", *tail]), over)
    if source == "np.empty":  # the rest writes every element
        return OutForm("\n".join(tail))
    start = {"np.zeros": "_out.fill(0)", "np.ones": "_out.fill(1)"}.get(source)
    return OutForm("\n".join([start, *tail])) if start else None


def short_text(node: Node) -> str:
    """Return the text of a node that NumPy allocates, the faster one if it has two."""
    short = None if node.shape else node.op.facts.short
    return op_text(node) if short is None else short(node)
