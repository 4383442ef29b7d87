"""A mistake in a backward pass, as a change to the derived one.

In: places in the derived syntax tree. Out: `Fault`s: each a change to one statement,
with the cause it stands for. Invariant: a fault is applied and then undone, so that
outside `applied` the tree is the derived one.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from symdiff.grading.reference import DerivedStatement, Reference

Edit = tuple[Any, str, int | None, Any]  # node, field, index in it, new value


@dataclass(eq=False)
class Fault:
    """A mistake in a statement; a low ``rank`` is likelier among equal explanations."""

    cause: str
    statement: DerivedStatement
    edits: list[Edit]
    rank: int
    values: dict[str, str] = field(default_factory=dict)
    function: Any = None
    prints: dict[int, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Change the tree in the block, and undo the change after it."""
        held = [(node, name, i, _get(node, name, i)) for node, name, i, _ in self.edits]
        for node, name, i, new in self.edits:
            _set(node, name, i, new)
        try:
            yield
        finally:
            for node, name, i, old in reversed(held):
                _set(node, name, i, old)


def _get(node: Any, name: str, i: int | None) -> Any:
    found = getattr(node, name)
    return found if i is None else found[i]


def _set(node: Any, name: str, i: int | None, new: Any) -> None:
    if i is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[i] = new


def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@dataclass(frozen=True)
class Spot:
    """An expression within a statement: its parent node, and the field and index."""

    node: ast.expr
    parent: Any
    name: str
    index: int | None

    def put(self, new: ast.expr) -> list[Edit]:
        return [(self.parent, self.name, self.index, new)]


def places(parent: Any) -> Iterator[Spot]:
    """Yield the expressions below a node, the outer ones first."""
    for name, value in ast.iter_fields(parent):
        found = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for i, child in found:
            if isinstance(child, ast.expr):
                yield Spot(child, parent, name, i)
                yield from places(child)
            elif isinstance(child, ast.keyword):
                yield from places(child)


def names_in(node: ast.AST) -> set[str]:
    """Return the names that an expression reads."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def is_term(p: Spot) -> bool:
    """Whether an expression is one term of a sum."""
    parent = p.parent
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub))


def term_of(stmt: ast.stmt, node: ast.AST) -> ast.AST:
    """Return the term of a statement's sum that an expression is in."""
    found: ast.AST = stmt.value  # type: ignore[attr-defined]
    while isinstance(found, ast.BinOp) and isinstance(found.op, (ast.Add, ast.Sub)):
        inside = any(n is node for n in ast.walk(found.left))
        found = found.left if inside else found.right
    return found


def downstream(reference: Reference) -> dict[str, set[str]]:
    """Return the gradients that depend on each name."""
    reads: dict[str, set[str]] = {}
    for s in reference.statements:
        for name in (s.target, *_filled(s.node)):
            reads.setdefault(name, set()).update(names_in(s.node))
    found: dict[str, set[str]] = {}
    for name, expression in reference.outputs.items():
        seen: set[str] = set()
        stack = list(names_in(expression))
        while stack:
            n = stack.pop()
            if n in seen:
                continue
            seen.add(n)
            stack += reads.get(n, ())
        for n in seen:
            found.setdefault(n, set()).add(name)
    return found


def _filled(node: ast.AST) -> set[str]:
    """Return the arrays of which a statement sets a part: ``a = b[t] = ...``."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    parts = (t.value for t in targets if isinstance(t, ast.Subscript))
    return {part.id for part in parts if isinstance(part, ast.Name)}


def flowing(reference: Reference) -> set[str]:
    """Return the names of cotangents, and of values computed from them."""
    found: set[str] = set()
    while True:
        more = {
            s.target
            for s in reference.statements
            if s.target.startswith("d_") or is_flowing(reference, s.node, found)
        }
        if more <= found:
            return found
        found |= more


def is_flowing(reference: Reference, node: ast.AST, back: set[str]) -> bool:
    """Whether an expression reads a cotangent that comes from the data.

    A penalty's gradient does not: it reads parameters and the result's cotangent.
    """
    names = names_in(node)
    return bool(names & back or (names & reference.seeds and names & reference.kept))
