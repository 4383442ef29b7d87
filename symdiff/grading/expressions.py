"""Mistakes within an expression: parts left out, transposed or replaced.

In: an expression of the derived backward, and its place. Out: `Fault`s. Invariant: the
cause follows from the part that is left out: a length, a mask, a cotangent, or a term
without a cotangent.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from symdiff.grading.faults import (
    Edit,
    Fault,
    Spot,
    flowing,
    is_flowing,
    names_in,
    parsed,
    term_of,
)
from symdiff.grading.reference import Case, DerivedStatement, Reference

SMALL = 1e-3
EPSILONS = (0.0, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)


class Expressions:
    """The mistakes in expressions; the values at one case show masks and shapes."""

    def __init__(self, reference: Reference, case: Case) -> None:
        self.reference = reference
        self.values = case.locals
        self.lengths = {
            n: v
            for n, v in case.locals.items()
            if type(v) is int and n.isidentifier() and n != "_"
        }
        self.back = flowing(reference)

    # --- expressions ------------------------------------------------------------------

    def _at(self, s: DerivedStatement, p: Spot) -> Iterator[Fault]:
        match p.node:
            case ast.BinOp():
                yield from self._binary(s, p, p.node)
            case ast.UnaryOp(op=ast.USub(), operand=operand) if names_in(operand):
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

    def _binary(self, s: DerivedStatement, p: Spot, node: ast.BinOp) -> Iterator[Fault]:
        left, right = node.left, node.right
        match node.op:
            case ast.Mult():
                yield from self._bare(s, p, node)
                yield from self._of_another(s, p, node)
                yield self._dropped(s, p, left, right)
                yield self._dropped(s, p, right, left)
            case ast.Div():
                yield from self._mean(s, p, left)
                yield self._dropped(s, p, left, right)
                times = ast.BinOp(left, ast.Mult(), right)
                yield Fault("local derivative", s, p.put(times), 45)
            case ast.Add() | ast.Sub():
                yield self._left_out(s, p, left, right)
                lone: ast.expr = right
                if isinstance(node.op, ast.Sub):
                    lone = ast.UnaryOp(ast.USub(), right)
                yield self._left_out(s, p, lone, left)
                yield from self._of_another(s, p, node)
                turned = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
                yield Fault("sign", s, [(node, "op", None, turned)], 25)
                if isinstance(node.op, ast.Sub):
                    swapped = ast.BinOp(right, ast.Sub(), left)
                    yield Fault("sign", s, p.put(swapped), 24)
            case ast.Pow():
                yield Fault("local derivative", s, p.put(left), 40)
            case ast.MatMult():
                yield from self._product(s, p, left, right)

    def _mean(self, s: DerivedStatement, p: Spot, left: ast.expr) -> Iterator[Fault]:
        """Yield the mistakes in a mean that is written as a sum and a division."""
        match left:
            case ast.Call(func=ast.Attribute(value=value, attr="sum")):
                yield Fault("sum instead of mean", s, p.put(left), 8)
                keep = [k for k in left.keywords if k.arg == "keepdims"]
                for axis in range(3):
                    at = [ast.keyword("axis", ast.Constant(axis)), *keep]
                    func = ast.Attribute(value, "mean", ast.Load())
                    if ast.unparse(at[0]) not in ast.unparse(left):
                        yield Fault("wrong axis", s, p.put(ast.Call(func, [], at)), 29)

    def _bare(self, s: DerivedStatement, p: Spot, node: ast.BinOp) -> Iterator[Fault]:
        """Yield the mistakes of keeping only a product's cotangent, or all else."""
        if isinstance(p.parent, ast.BinOp) and isinstance(p.parent.op, ast.Mult):
            return
        factors: list[ast.expr] = []
        waiting: list[ast.expr] = [node]
        while waiting:
            e = waiting.pop()
            if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult):
                waiting += [e.right, e.left]
            else:
                factors.append(e)
        kept = [e for e in factors if self._flows(e)]
        if len(kept) == 1 and len(factors) > 2:
            yield Fault("local derivative", s, p.put(kept[0]), 39)
            local = [e for e in factors if e is not kept[0]]
            product = local[0]
            for e in local[1:]:
                product = ast.BinOp(product, ast.Mult(), e)
            yield Fault("upstream", s, p.put(product), 42)

    def _of_another(
        self, s: DerivedStatement, p: Spot, node: ast.BinOp
    ) -> Iterator[Fault]:
        """Yield the derivatives of sigmoid and tanh, each for the other, and none."""
        one = ast.Constant(1)
        match node:
            case ast.BinOp(
                ast.Constant(value=1),
                ast.Sub(),
                ast.BinOp(a, ast.Pow(), ast.Constant(value=2)),
            ):
                made = ast.BinOp(a, ast.Mult(), ast.BinOp(one, ast.Sub(), a))
                yield Fault("local derivative", s, p.put(made), 44)
            case ast.BinOp(
                left,
                ast.Mult(),
                ast.BinOp(ast.Constant(value=1), ast.Sub(), a),
            ):
                square = ast.BinOp(a, ast.Pow(), ast.Constant(2))
                made = ast.BinOp(one, ast.Sub(), square)
                same = ast.dump(a)
                if ast.dump(left) == same:
                    yield Fault("local derivative", s, p.put(made), 44)
                match left:
                    case ast.BinOp(first, ast.Mult(), b) if ast.dump(b) == same:
                        made = ast.BinOp(first, ast.Mult(), made)
                        yield Fault("local derivative", s, p.put(made), 44)
                        yield Fault("local derivative", s, p.put(first), 40)

    def _product(
        self, s: DerivedStatement, p: Spot, left: ast.expr, right: ast.expr
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
        self, s: DerivedStatement, p: Spot, kept: ast.expr, dropped: ast.expr
    ) -> Fault:
        """Return the mistake of leaving a factor out."""
        names = names_in(dropped)
        lengths = names & self.lengths.keys()
        division = isinstance(p.node, ast.BinOp) and isinstance(p.node.op, ast.Div)
        cause, rank = "local derivative", 40
        if names and names <= self.reference.seeds:
            cause, rank = "d_loss", 20
        elif names and names == lengths:
            cause, rank = ("missing mean" if division else "factor"), 20
        elif any(self._is_mask(n) for n in names) and len(names) == 1:
            cause, rank = "mask", 20
        elif self._flows(dropped):
            cause, rank = "upstream", 42
        elif isinstance(dropped, ast.Constant):
            if dropped.value == 2:
                cause, rank = "factor 2", 21
            else:
                regular = not self._flows(kept)
                cause, rank = ("strength" if regular else "factor"), 22
        values = self._length_of(dropped) | {"c": f"1/({ast.unparse(dropped)})"}
        return Fault(cause, s, p.put(kept), rank, values)

    def _flows(self, node: ast.AST) -> bool:
        return is_flowing(self.reference, node, self.back)

    def _length_of(self, node: ast.AST) -> dict[str, str]:
        found = [n for n in names_in(node) if n in self.lengths]
        return {"n": found[0]} if found else {}

    def _is_mask(self, name: str) -> bool:
        """Whether a value is boolean, or has 0 and at most one positive constant."""
        value = self.values.get(name)
        if not isinstance(value, np.ndarray) or not value.size:
            return False
        if value.dtype.kind == "b":
            return True
        found = np.unique(value)
        return found.size <= 2 and 0 in found and bool(np.all(found >= 0))

    def _left_out(
        self, s: DerivedStatement, p: Spot, kept: ast.expr, dropped: ast.expr
    ) -> Fault:
        """Return the mistake of leaving a term out."""
        back, other = self._flows(dropped), self._flows(kept)
        if isinstance(kept, ast.Name):  # what follows must not be written into it
            kept = ast.UnaryOp(ast.UAdd(), kept)
        if not back and other:
            return Fault("regulariser", s, p.put(kept), 10)
        if back and other:
            return Fault("fan-out", s, p.put(kept), 10)
        if back:
            return Fault("term", s, p.put(kept), 43)
        return Fault("local derivative", s, p.put(kept), 41)

    def _call(self, s: DerivedStatement, p: Spot, node: ast.Call) -> Iterator[Fault]:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="where"),
                args=[mask, a, b],
            ):
                relu = "mask"
                zero = isinstance(b, ast.Constant) and b.value == 0
                if zero:
                    everywhere = ast.Call(node.func, [mask, a, a], [])
                    yield Fault(relu, s, p.put(everywhere), 10)
                    if isinstance(mask, ast.Compare):
                        times = ast.BinOp(a, ast.Mult(), mask.left)
                        yield Fault("local derivative", s, p.put(times), 40)
                    wrong = ast.Call(node.func, [mask, b, a], [])
                    yield Fault("inverted mask", s, p.put(wrong), 12)
                    ones = ast.Call(node.func, [mask, ast.Constant(1.0), b], [])
                    yield Fault("upstream", s, p.put(ones), 42)
                else:
                    yield Fault(relu, s, p.put(b), 11)
                    yield Fault(relu, s, p.put(a), 13)
                    wrong = ast.Call(node.func, [mask, b, a], [])
                    yield Fault("inverted mask", s, p.put(wrong), 12)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="concatenate"),
                args=[ast.Tuple(elts=parts)],
            ):
                yield from self._joined(s, p, node, parts)
            case ast.Call(func=ast.Attribute(attr="sin" | "cos" as name)):
                other = "cos" if name == "sin" else "sin"
                func = ast.Attribute(ast.Name("np", ast.Load()), other, ast.Load())
                made = ast.Call(func, node.args, [])
                yield Fault("local derivative", s, p.put(made), 41)
            case ast.Call(func=ast.Attribute(value=value, attr="sum" | "mean" as kind)):
                yield from self._reduced(s, p, node, value, kind)
            case ast.Call(
                func=ast.Attribute(value=value, attr="transpose" | "swapaxes")
            ):
                yield Fault("transposed", s, p.put(value), 32)
            case ast.Call(func=ast.Attribute(value=value, attr="copy"), args=[]):
                if "softmax" not in s.rule:  # what follows is added to it
                    zeros = ast.Call(parsed("np.zeros_like"), [value], [])
                    cause = "fan-out" if self._flows(value) else "regulariser"
                    yield Fault(cause, s, p.put(zeros), 10)
            case ast.Call(func=ast.Attribute(attr="reshape")):
                order = ast.keyword("order", ast.Constant("F"))
                made = ast.Call(node.func, node.args, [*node.keywords, order])
                yield Fault("rearranged", s, p.put(made), 48)

    def _joined(
        self, s: DerivedStatement, p: Spot, node: ast.Call, parts: list[ast.expr]
    ) -> Iterator[Fault]:
        """Yield two parts that are exchanged where an array is joined, and one of 0."""

        def put(changed: dict[int, ast.expr]) -> list[Edit]:
            found = [changed.get(i, e) for i, e in enumerate(parts)]
            joined = ast.Tuple(found, ast.Load())
            return p.put(ast.Call(node.func, [joined], node.keywords))

        for i, part in enumerate(parts):
            zeros = ast.Call(parsed("np.zeros_like"), [part], [])
            yield Fault("term", s, put({i: zeros}), 43)
            for j in range(i + 1, len(parts)):
                exchanged = put({i: parts[j], j: part})
                yield Fault("rearranged", s, exchanged, 49)

    def _reduced(
        self, s: DerivedStatement, p: Spot, node: ast.Call, value: ast.expr, kind: str
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
        self,
        s: DerivedStatement,
        p: Spot,
        left: ast.expr,
        op: ast.cmpop,
        right: ast.expr,
    ) -> Iterator[Fault]:
        others: tuple[ast.cmpop, ...] = (ast.Gt(), ast.GtE())
        if isinstance(op, (ast.Gt, ast.GtE)):
            others = (ast.LtE(), ast.Lt())
        elif isinstance(op, ast.Eq):
            others = (ast.NotEq(),)
        for turned in others:
            made = ast.Compare(left, [turned], [right])
            yield Fault("inverted mask", s, p.put(made), 12)

    def _constant(self, s: DerivedStatement, p: Spot, value: float) -> Iterator[Fault]:
        yield Fault("factor 2", s, p.put(ast.Constant(value / 2)), 18)
        yield Fault("twice", s, p.put(ast.Constant(value * 2)), 18)
        if not self._flows(term_of(s.node, p.node)):
            for other in (1.0, 2.0):
                if other != value:
                    yield Fault("strength", s, p.put(ast.Constant(other)), 22)
        added = isinstance(p.parent, ast.BinOp) and isinstance(p.parent.op, ast.Add)
        if 0 < value <= SMALL and added:
            for other in EPSILONS:
                if other != value:
                    yield Fault("epsilon", s, p.put(ast.Constant(other)), 16)

    def _subscript(
        self, s: DerivedStatement, p: Spot, value: ast.expr, index: ast.expr
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
