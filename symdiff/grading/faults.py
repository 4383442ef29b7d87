"""Mistakes that people make in a backward pass, played on the derived one.

In: a `Reference`. Out: `Fault`s: each a change to one statement's syntax tree, with the
cause it stands for. Invariant: a fault is applied and taken back; the tree is the
derived one in between.
"""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdiff.grading.reference import FORWARD, Case, Reference, Statement

Edit = tuple[Any, str, int | None, Any]  # of a node: its field, the place there, new
SMALL = 1e-3
EPSILONS = (0.0, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)


@dataclass(eq=False)
class Fault:
    """A mistake in a statement; ``rank`` orders those that explain the same numbers."""

    cause: str
    statement: Statement
    edits: list[Edit]
    rank: int
    values: dict[str, str] = field(default_factory=dict)
    function: Any = None
    prints: dict[int, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Change the tree, and change it back."""
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


def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@dataclass(frozen=True)
class _Place:
    """An expression within a statement, and where it hangs."""

    node: ast.expr
    parent: Any
    name: str
    index: int | None

    def put(self, new: ast.expr) -> list[Edit]:
        return [(self.parent, self.name, self.index, new)]


def _places(parent: Any) -> Iterator[_Place]:
    """Yield the expressions below a node, the outer ones first."""
    for name, value in ast.iter_fields(parent):
        found = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for i, child in found:
            if isinstance(child, ast.expr):
                yield _Place(child, parent, name, i)
                yield from _places(child)
            elif isinstance(child, ast.keyword):
                yield from _places(child)


def names_in(node: ast.AST) -> set[str]:
    """Return the names that an expression reads."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


class Faults:
    """All the mistakes that are tried on a reference."""

    def __init__(self, reference: Reference, case: Case, forward: Mapping[str, Any]):
        self.reference = reference
        self.lengths = self._lengths(case)
        self.shapes = {
            n: np.shape(v)
            for n, v in case.locals.items()
            if isinstance(v, (np.ndarray, float))
        }
        self.values = case.locals
        self.forward = forward  # values of the forward pass, under names of their own
        self.settled = {a.arg for a in reference.function.args.args}
        body = self._parents()
        self.bodies = body

    def _lengths(self, case: Case) -> dict[str, int]:
        return {
            n: v for n, v in case.locals.items() if type(v) is int and n.isidentifier()
        }

    def _parents(self) -> dict[ast.stmt, tuple[Any, int]]:
        """Return where each statement stands: the node with its body, and the place."""
        found: dict[ast.stmt, tuple[Any, int]] = {}
        for node in ast.walk(self.reference.function):
            for i, stmt in enumerate(getattr(node, "body", None) or ()):
                if isinstance(stmt, ast.stmt):
                    found[stmt] = (node, i)
        return found

    def all(self) -> Iterator[Fault]:
        """Yield every mistake of every statement."""
        for statement in self.reference.statements:
            yield from self._of(statement)

    def _of(self, s: Statement) -> Iterator[Fault]:
        node = s.node
        yield from self._whole(s)
        value = getattr(node, "value", None)
        if value is None:
            return
        for place in _places(node):
            if place.name == "targets" or (
                isinstance(node, ast.AugAssign) and place.node is node.target
            ):
                continue
            if isinstance(getattr(place.node, "ctx", None), ast.Store):
                continue
            yield from self._at(s, place)
        if s.target.startswith("d_") or isinstance(node, ast.Assign):
            yield from self._scaled(s, _Place(value, node, "value", None), 60)
            for place in _places(node):
                if _is_term(place):
                    yield from self._scaled(s, place, 64)

    # --- statements -------------------------------------------------------------------

    def _whole(self, s: Statement) -> Iterator[Fault]:
        """Yield mistakes that leave a statement out, or overwrite."""
        node = s.node
        if node not in self.bodies:
            return
        parent, i = self.bodies[node]
        if isinstance(node, ast.AugAssign):
            out: list[Edit] = [(parent, "body", i, ast.Pass())]
            if isinstance(node.op, ast.Mult):
                factor = names_in(node.value)
                cause = "missing mean" if factor & self.lengths.keys() else "factor"
                if factor == {"d_loss"}:
                    cause = "d_loss"
                yield Fault(cause, s, out, 20, self._length_of(node.value))
                return
            loop = s.looped and isinstance(node.op, ast.Add)
            label = "softmax" in s.rule or isinstance(node.target, ast.Subscript)
            cause = "last step" if loop else "one-hot" if label else "fan-out"
            if isinstance(node.op, (ast.Add, ast.Sub)):
                if not loop:
                    yield Fault(cause, s, out, 10)
                over = ast.Assign([copy.copy(node.target)], node.value)
                yield Fault(
                    "last step" if loop else "fan-out",
                    s,
                    [(parent, "body", i, over)],
                    11,
                )
                turned = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
                yield Fault("sign", s, [(node, "op", None, turned)], 15)
        elif isinstance(node.targets[0], ast.Subscript):  # type: ignore[attr-defined]
            yield Fault("term", s, [(parent, "body", i, ast.Pass())], 12)
        elif s.looped and s.target.startswith("d_"):
            before = [t for t in self.reference.statements if t.target == s.target]
            if before and before[0].order < s.order and not before[0].looped:
                zeros = _parse(f"np.zeros_like({s.target})")
                yield Fault("carry", s, [(node, "value", None, zeros)], 10)
                yield Fault("carry", s, [(parent, "body", i, ast.Pass())], 13)

    def _length_of(self, node: ast.AST) -> dict[str, str]:
        found = [n for n in names_in(node) if n in self.lengths]
        return {"n": found[0]} if found else {}

    # --- expressions ------------------------------------------------------------------

    def _at(self, s: Statement, p: _Place) -> Iterator[Fault]:
        match p.node:
            case ast.BinOp():
                yield from self._binary(s, p, p.node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                yield Fault("sign", s, p.put(operand), 14)
            case ast.Call():
                yield from self._call(s, p, p.node)
            case ast.Attribute(value=value, attr="T"):
                yield Fault("transposed", s, p.put(value), 30)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield from self._compare(s, p, left, op, right)
            case ast.Constant(value=value) if isinstance(value, float):
                yield from self._constant(s, p, value)
            case ast.Subscript(value=value, slice=index):
                yield from self._subscript(s, p, value, index)
            case ast.Name(id=name, ctx=ast.Load()):
                yield from self._named(s, p, name)

    def _binary(self, s: Statement, p: _Place, node: ast.BinOp) -> Iterator[Fault]:
        left, right = node.left, node.right
        match node.op:
            case ast.Mult():
                yield self._dropped(s, p, left, right)
                yield self._dropped(s, p, right, left)
            case ast.Div():
                yield self._dropped(s, p, left, right)
                times = ast.BinOp(left, ast.Mult(), right)
                yield Fault("local derivative", s, p.put(times), 45)
            case ast.Add() | ast.Sub():
                yield self._left_out(s, p, left, right)
                lone: ast.expr = right
                if isinstance(node.op, ast.Sub):
                    lone = ast.UnaryOp(ast.USub(), right)
                yield self._left_out(s, p, lone, left)
                turned = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
                yield Fault("sign", s, [(node, "op", None, turned)], 25)
                if isinstance(node.op, ast.Sub):
                    swapped = ast.BinOp(right, ast.Sub(), left)
                    yield Fault("sign", s, p.put(swapped), 24)
            case ast.Pow():
                yield Fault("local derivative", s, p.put(left), 40)
            case ast.MatMult():
                yield from self._product(s, p, left, right)

    def _product(
        self, s: Statement, p: _Place, left: ast.expr, right: ast.expr
    ) -> Iterator[Fault]:
        def turned(e: ast.expr) -> ast.expr:
            if isinstance(e, ast.Attribute) and e.attr == "T":
                return e.value
            return ast.Attribute(e, "T", ast.Load())

        both = ast.BinOp(turned(right), ast.MatMult(), turned(left))
        yield Fault("transposed", s, p.put(both), 30)
        for a, b in ((turned(left), right), (left, turned(right)), (right, left)):
            made = ast.BinOp(a, ast.MatMult(), b)
            yield Fault("transposed", s, p.put(made), 31)
        for a in (left, turned(left)):
            for b in (right, turned(right)):
                made = ast.BinOp(a, ast.Mult(), b)
                yield Fault("elementwise", s, p.put(made), 35)

    def _dropped(
        self, s: Statement, p: _Place, kept: ast.expr, dropped: ast.expr
    ) -> Fault:
        """Return the mistake of leaving a factor out."""
        names = names_in(dropped)
        lengths = names & self.lengths.keys()
        division = isinstance(p.node, ast.BinOp) and isinstance(p.node.op, ast.Div)
        cause, rank = "local derivative", 40
        if names == {"d_loss"}:
            cause, rank = "d_loss", 20
        elif names and names == lengths:
            cause, rank = ("missing mean" if division else "factor"), 20
        elif any(self._is_mask(n) for n in names) and len(names) == 1:
            cause, rank = "mask", 20
        elif any(n.startswith("d_") and n != "d_loss" for n in names):
            cause, rank = "upstream", 42
        elif isinstance(dropped, ast.Constant):
            if dropped.value == 2:
                cause, rank = "factor 2", 21
            else:
                regular = not any(n.startswith("d_") for n in names_in(kept) - _LOSS)
                cause, rank = ("strength" if regular else "factor"), 22
        values = self._length_of(dropped) | {"c": f"1/({ast.unparse(dropped)})"}
        return Fault(cause, s, p.put(kept), rank, values)

    def _is_mask(self, name: str) -> bool:
        """Whether a value is true or false, or zero or one constant."""
        value = self.values.get(name)
        if not isinstance(value, np.ndarray) or not value.size:
            return False
        if value.dtype.kind == "b":
            return True
        found = np.unique(value)
        return found.size <= 2 and 0 in found and bool(np.all(found >= 0))

    def _left_out(
        self, s: Statement, p: _Place, kept: ast.expr, dropped: ast.expr
    ) -> Fault:
        """Return the mistake of leaving a term out."""
        back = {n for n in names_in(dropped) if n.startswith("d_")} - _LOSS
        other = {n for n in names_in(kept) if n.startswith("d_")} - _LOSS
        if not back and other:
            return Fault("regulariser", s, p.put(kept), 10)
        if back and other:
            return Fault("fan-out", s, p.put(kept), 10)
        if back:
            return Fault("term", s, p.put(kept), 43)
        return Fault("local derivative", s, p.put(kept), 41)

    def _call(self, s: Statement, p: _Place, node: ast.Call) -> Iterator[Fault]:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="where"),
                args=[mask, a, b],
            ):
                relu = "mask"
                zero = isinstance(b, ast.Constant) and b.value == 0
                if zero:
                    yield Fault(relu, s, p.put(a), 10)
                    wrong = ast.Call(node.func, [mask, b, a], [])
                    yield Fault("inverted mask", s, p.put(wrong), 12)
                    ones = ast.Call(node.func, [mask, ast.Constant(1.0), b], [])
                    yield Fault("upstream", s, p.put(ones), 42)
                else:
                    yield Fault(relu, s, p.put(b), 11)
                    yield Fault(relu, s, p.put(a), 13)
                    wrong = ast.Call(node.func, [mask, b, a], [])
                    yield Fault("inverted mask", s, p.put(wrong), 12)
            case ast.Call(func=ast.Attribute(value=value, attr="sum" | "mean" as kind)):
                yield from self._reduced(s, p, node, value, kind)
            case ast.Call(
                func=ast.Attribute(value=value, attr="transpose" | "swapaxes")
            ):
                yield Fault("transposed", s, p.put(value), 32)
            case ast.Call(func=ast.Attribute(attr="reshape")):
                order = ast.keyword("order", ast.Constant("F"))
                made = ast.Call(node.func, node.args, [*node.keywords, order])
                yield Fault("rearranged", s, p.put(made), 48)

    def _reduced(
        self, s: Statement, p: _Place, node: ast.Call, value: ast.expr, kind: str
    ) -> Iterator[Fault]:
        keep = [k for k in node.keywords if k.arg != "axis"]
        yield Fault("not summed", s, p.put(value), 28)
        for axis in range(4):
            made = ast.Call(
                node.func, [], [ast.keyword("axis", ast.Constant(axis)), *keep]
            )
            if ast.unparse(made) != ast.unparse(node):
                yield Fault("wrong axis", s, p.put(made), 29)
        yield Fault("wrong axis", s, p.put(ast.Call(node.func, [], keep)), 29)
        other = "mean" if kind == "sum" else "sum"
        swapped = ast.Call(
            ast.Attribute(value, other, ast.Load()), node.args, node.keywords
        )
        cause = "mean instead of sum" if kind == "sum" else "sum instead of mean"
        yield Fault(cause, s, p.put(swapped), 9)
        if any(k.arg == "keepdims" for k in node.keywords):
            rest = [k for k in node.keywords if k.arg != "keepdims"]
            bare = ast.Call(node.func, node.args, rest)
            yield Fault("broadcast", s, p.put(bare), 33)

    def _compare(
        self, s: Statement, p: _Place, left: ast.expr, op: ast.cmpop, right: ast.expr
    ) -> Iterator[Fault]:
        turned: ast.cmpop = ast.LtE() if isinstance(op, (ast.Gt, ast.GtE)) else ast.Gt()
        if isinstance(op, ast.Eq):
            turned = ast.NotEq()
        yield Fault("inverted mask", s, p.put(ast.Compare(left, [turned], [right])), 12)

    def _constant(self, s: Statement, p: _Place, value: float) -> Iterator[Fault]:
        yield Fault("factor 2", s, p.put(ast.Constant(value / 2)), 18)
        yield Fault("twice", s, p.put(ast.Constant(value * 2)), 18)
        added = isinstance(p.parent, ast.BinOp) and isinstance(p.parent.op, ast.Add)
        if 0 < value <= SMALL and added:
            for other in EPSILONS:
                if other != value:
                    yield Fault("epsilon", s, p.put(ast.Constant(other)), 16)

    def _subscript(
        self, s: Statement, p: _Place, value: ast.expr, index: ast.expr
    ) -> Iterator[Fault]:
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        back = any(
            isinstance(i, ast.Slice)
            and isinstance(i.step, ast.UnaryOp)
            and isinstance(i.step.op, ast.USub)
            for i in parts
        )
        if back:
            yield Fault("flipped", s, p.put(value), 30)
        elif any(isinstance(i, ast.Constant) and i.value is None for i in parts):
            yield Fault("broadcast", s, p.put(value), 33)

    def _named(self, s: Statement, p: _Place, name: str) -> Iterator[Fault]:
        """Yield the mistakes of using another value of the same shape."""
        shape = self.shapes.get(name)
        if shape is None or name in self.settled:
            return
        if self._is_mask(name) and self.values[name].dtype.kind == "f":
            yield Fault("mask scale", s, p.put(_parse(f"({name} != 0)")), 19)
        if not shape:
            return
        back = name.startswith("d_")
        for other, found in self.shapes.items():
            if other == name or other == s.target or other in self.settled:
                continue
            if found != shape and found != shape[::-1]:
                continue
            later = self.reference.told(other)
            if later is not None and later.order >= s.order and not s.looped:
                continue
            if back != other.startswith("d_"):
                continue
            cause = "wrong cotangent" if back else "wrong value"
            text = other if found == shape else f"{other}.T"
            values = {"used": other, "needed": name}
            yield Fault(cause, s, p.put(_parse(text)), 50, values)
        if back:
            return
        for key, value in self.forward.items():
            if np.shape(value) == shape:
                values = {"used": key.removeprefix(FORWARD), "needed": name}
                yield Fault("wrong value", s, p.put(_parse(key)), 51, values)

    # --- factors ----------------------------------------------------------------------

    def _scaled(self, s: Statement, p: _Place, rank: int) -> Iterator[Fault]:
        """Yield the mistakes of a factor too many or too few."""
        factors: list[tuple[str, str, dict[str, str]]] = [
            ("sign", "-1.0", {}),
            ("factor 2", "0.5", {}),
            ("twice", "2.0", {}),
        ]
        for n in self.lengths:
            factors.append(("missing mean", f"float({n})", {"n": n}))
            factors.append(("extra mean", f"(1.0 / {n})", {"n": n}))
        if "d_loss" in self.settled:
            factors.append(("d_loss", "(1.0 / d_loss)", {}))
        for cause, text, values in factors:
            made = ast.BinOp(p.node, ast.Mult(), _parse(text))
            yield Fault(cause, s, p.put(made), rank, values)


_LOSS = {"d_loss"}


def _is_term(p: _Place) -> bool:
    """Whether an expression is one term of a sum."""
    parent = p.parent
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub))


def downstream(reference: Reference) -> dict[str, set[str]]:
    """Return the gradients that each name flows into."""
    reads: dict[str, set[str]] = {}
    for s in reference.statements:
        reads.setdefault(s.target, set()).update(names_in(s.node))
    found: dict[str, set[str]] = {}
    for name, expression in reference.outputs.items():
        waiting: Sequence[str] = list(names_in(expression))
        seen: set[str] = set()
        stack = list(waiting)
        while stack:
            n = stack.pop()
            if n in seen:
                continue
            seen.add(n)
            stack += reads.get(n, ())
        for n in seen:
            found.setdefault(n, set()).add(name)
    return found
