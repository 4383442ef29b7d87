"""The mistakes that people make in a backward pass, and that grading tries.

In: a `Reference`, and its values at one case. Out: `Fault`s, statement by statement.
Invariant: the tree is not changed here; the caller applies each fault to learn the
gradients that it leads to.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from symdiff.grading.expressions import Expressions
from symdiff.grading.faults import Edit, Fault, Spot, is_term, names_in, parsed, places
from symdiff.grading.reference import FORWARD, Case, DerivedStatement, Reference


class Mistakes(Expressions):
    """All the mistakes that are tried on a reference."""

    def __init__(
        self, reference: Reference, case: Case, forward: Mapping[str, Any]
    ) -> None:
        super().__init__(reference, case)
        self.shapes = {
            n: np.shape(v)
            for n, v in case.locals.items()
            if isinstance(v, (np.ndarray, float))
        }
        self.forward = forward  # values of the forward pass, under names of their own
        self.settled = {a.arg for a in reference.function.args.args}
        self.bodies = self._parents()
        self.further = self._further()
        self._stacked = {
            target.value.id
            for s in reference.statements
            if s.looped and isinstance(s.node, ast.Assign)
            for target in s.node.targets
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
        }

    def _further(self) -> dict[str, str]:
        """Return the lengths of arguments that the function does not name, as text."""
        found: dict[str, str] = {}
        for name, spec in self.reference.arguments.items():
            for axis, length in enumerate(spec[1] if name in self.shapes else ()):
                if isinstance(length, str) and length not in self.lengths:
                    found.setdefault(length, f"{name}.shape[{axis}]")
        return found

    def _parents(self) -> dict[ast.stmt, tuple[Any, int]]:
        """Return each statement's parent node, and its index in the parent's body."""
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

    def _of(self, s: DerivedStatement) -> Iterator[Fault]:
        node = s.node
        yield from self._whole(s)
        value = getattr(node, "value", None)
        if value is None:
            return
        for place in places(node):
            if place.name == "targets" or (
                isinstance(node, ast.AugAssign) and place.node is node.target
            ):
                continue
            if isinstance(getattr(place.node, "ctx", None), ast.Store):
                continue
            if isinstance(place.node, ast.Name):
                yield from self._named(s, place, place.node.id)
            else:
                yield from self._at(s, place)
        for name, function in self.reference.made_by.items():
            if name in names_in(value):
                again = f"{function}({name})"
                made = _Renamed(name, again).visit(copy.deepcopy(value))
                told = {"f": function.removeprefix("np."), "needed": name}
                edits: list[Edit] = [(node, "value", None, made)]
                # A root of each of two roots is also one of them left out: rank 40.
                yield Fault("applied twice", s, edits, 46, told)
        if ".sum(" in s.source:
            means = _Means().visit(copy.deepcopy(value))
            yield Fault("mean instead of sum", s, [(node, "value", None, means)], 9)
            yield from self._axes(s)
        yield from self._centred(s, value)
        yield from self._one_step(s, value)
        if s.target.startswith("d_") or isinstance(node, ast.Assign):
            yield from self._scaled(s, Spot(value, node, "value", None), 60)
            for place in places(node):
                if is_term(place):
                    yield from self._scaled(s, place, 64, "in one of its terms, ")
                if isinstance(place.parent, ast.Tuple) and ".concatenate(" in s.source:
                    yield from self._scaled(s, place, 64, "in one of its parts, ")

    def _axes(self, s: DerivedStatement) -> Iterator[Fault]:
        """Yield the sums of a cotangent over other axes than the right ones."""
        value = s.node.value  # type: ignore[attr-defined]
        names = names_in(value) - {"np"} - self.lengths.keys()
        if len(names) != 1 or not names <= self.back & self.shapes.keys():
            return
        (name,) = names
        axes = range(len(self.shapes[name]))
        left = len(self.shapes.get(s.target, ()))
        for count in range(1, len(axes)):
            for some in itertools.combinations(axes, count):
                made = parsed(f"{name}.sum(axis={some})")
                cause = "not summed" if len(axes) - count > left else "wrong axis"
                yield Fault(cause, s, [(s.node, "value", None, made)], 36)

    def _one_step(self, s: DerivedStatement, value: ast.expr) -> Iterator[Fault]:
        """Yield one step of an array that a loop fills and a later line sums over."""
        if s.looped:
            return
        for name in names_in(value) & self._stacked:
            for some, others in (":1", "1:"), ("-1:", ":-1"):
                parts = [f"{name}[{some}]", f"np.zeros_like({name}[{others}])"]
                text = ", ".join(parts if some == ":1" else reversed(parts))
                made = _Renamed(name, f"np.concatenate(({text}))")
                new = made.visit(copy.deepcopy(value))
                yield Fault("last step", s, [(s.node, "value", None, new)], 11)

    def _centred(self, s: DerivedStatement, value: ast.expr) -> Iterator[Fault]:
        """Yield a mean over a wrong axis that is taken of one term of what it is of.

        The formula of a normalised layer subtracts (d - d.mean()) / root, where the
        derived line subtracts the mean of a whole sum, of which d / root is a term.
        """
        match value:
            case ast.BinOp(
                ast.Name(id=whole),
                ast.Sub(),
                ast.Call(ast.Attribute(ast.Name(id=again), "mean"), [], keywords),
            ) if whole == again:
                made = self.reference.told(whole)
            case _:
                return
        total = getattr(made.node, "value", None) if made is not None else None
        if not isinstance(total, ast.BinOp):
            return
        if not isinstance(total.op, (ast.Add, ast.Sub)):
            return
        keep = [k for k in keywords if k.arg != "axis"]
        right = [ast.unparse(k.value) for k in keywords if k.arg == "axis"]
        shape = self.shapes.get(whole, ())
        axes = [i for i in range(len(shape)) if str(i) not in right]
        for part, op, by in self._scales(whole, total):
            if self.shapes.get(by.id) == shape:  # not a scale of rows or columns
                continue
            for axis in axes:
                at = [ast.keyword("axis", ast.Constant(axis)), *keep]
                mean = ast.Call(ast.Attribute(part, "mean", ast.Load()), [], at)
                wrong = ast.BinOp(value.left, ast.Sub(), ast.BinOp(mean, op, by))
                yield Fault("wrong axis", s, [(s.node, "value", None, wrong)], 37)

    def _scales(
        self, whole: str, total: ast.BinOp
    ) -> Iterator[tuple[ast.expr, ast.operator, ast.Name]]:
        """Yield terms of a sum, each with what it is scaled by, in it or afterwards."""
        terms = [total.left, *([total.right] if isinstance(total.op, ast.Add) else [])]
        for s in self.reference.statements:
            match s.node:
                case ast.AugAssign(
                    ast.Name(id=name), ast.Div() | ast.Mult() as op, ast.Name() as by
                ) if name == whole:
                    yield from ((term, op, by) for term in terms)
        for term in terms:
            match term:
                case ast.BinOp(part, ast.Div() | ast.Mult() as op, ast.Name() as by):
                    yield part, op, by

    # --- statements -------------------------------------------------------------------

    def _whole(self, s: DerivedStatement) -> Iterator[Fault]:
        """Yield mistakes that leave a statement out, or assign instead of adding."""
        node = s.node
        if node not in self.bodies:
            return
        parent, i = self.bodies[node]
        if isinstance(node, ast.Expr):
            yield from self._scattered(s, node, parent, i)
        elif isinstance(node, ast.AugAssign):
            out: list[Edit] = [(parent, "body", i, ast.Pass())]
            if isinstance(node.op, ast.Mult):
                factor = names_in(node.value)
                cause = "missing mean" if factor & self.lengths.keys() else "factor"
                if factor and factor <= self.reference.seeds:
                    cause = "d_loss"
                yield Fault(cause, s, out, 20, self._length_of(node.value))
                return
            if isinstance(node.op, ast.Div):
                counts = names_in(node.value) & self.lengths.keys()
                cause, rank = (
                    ("missing mean", 20) if counts else ("local derivative", 40)
                )
                yield Fault(cause, s, out, rank, self._length_of(node.value))
                times: list[Edit] = [(node, "op", None, ast.Mult())]
                yield Fault("local derivative", s, times, 45)
                return
            loop = s.looped and isinstance(node.op, ast.Add)
            placed = isinstance(node.target, ast.Subscript)
            label = "softmax" in s.rule or (placed and not self._flows(node.value))
            cause = "last step" if loop else "one-hot" if label else "fan-out"
            if not loop and not label and not self._flows(node.value):
                cause = "regulariser"
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
                zeros = parsed(f"np.zeros_like({s.target})")
                yield Fault("carry", s, [(node, "value", None, zeros)], 10)
                yield Fault("carry", s, [(parent, "body", i, ast.Pass())], 13)

    def _scattered(
        self, s: DerivedStatement, node: ast.Expr, parent: Any, i: int
    ) -> Iterator[Fault]:
        """Yield the mistakes in adding to elements that are picked by an index."""
        yield Fault("fan-out", s, [(parent, "body", i, ast.Pass())], 12)
        match node.value:
            case ast.Call(args=[target, index, value]) if ".at(" in s.source:
                place = ast.Subscript(target, index, ast.Store())
                added = ast.AugAssign(place, ast.Add(), value)
                for over in (added, ast.Assign([place], value)):
                    yield Fault("repeated index", s, [(parent, "body", i, over)], 9)

    def _named(self, s: DerivedStatement, p: Spot, name: str) -> Iterator[Fault]:
        """Yield the mistakes of using another value of the same shape."""
        shape = self.shapes.get(name)
        if shape is None or name in self.settled:
            return
        if self._is_mask(name) and self.values[name].dtype.kind == "f":
            yield Fault("mask scale", s, p.put(parsed(f"({name} != 0)")), 19)
            yield Fault("mask", s, p.put(parsed(f"np.max({name})")), 23)
        if not shape:
            return
        back = name in self.back
        carried = self._is_carried(s)
        if len(shape) > 1 and shape[-1] == shape[-2]:
            turned = parsed(f"{name}.swapaxes(-2, -1)")
            yield Fault("transposed", s, p.put(turned), 34)
        for other, found in self.shapes.items():
            if other == name or other in self.settled:
                continue
            if other == s.target and not carried:
                continue
            if found != shape and found != shape[::-1]:
                continue
            if back != (other in self.back) or self._kind(name) != self._kind(other):
                continue
            cause = "wrong cotangent" if back else "wrong value"
            if back and self._is_made_of(name, other):
                cause = "local derivative"
            text = other if found == shape else f"{other}.T"
            values = {"used": other, "needed": name}
            later = self.reference.told(other)
            edits = p.put(parsed(text))
            if later is not None and later.order >= s.order and not s.looped:
                if later.looped or not self._is_last(s):
                    continue
                edits = self._moved_down(s, name, text)
            yield Fault(cause, s, edits, 50, values)
            if s.source.count(name) > 1 and found == shape:  # everywhere
                value = s.node.value  # type: ignore[attr-defined]
                made = _Renamed(name, other).visit(copy.deepcopy(value))
                yield Fault(cause, s, [(s.node, "value", None, made)], 52, values)
        if back:
            return
        for key, value in self.forward.items():
            if np.shape(value) == shape and self._kind(name) == "f":
                values = {"used": key.removeprefix(FORWARD), "needed": name}
                yield Fault("wrong value", s, p.put(parsed(key)), 51, values)

    def _is_carried(self, s: DerivedStatement) -> bool:
        """Whether a loop's statement replaces a value that its last turn has left."""
        first = self.reference.told(s.target)
        again = first is not None and first.order < s.order
        return again and s.looped and isinstance(s.node, ast.Assign)

    def _is_made_of(self, name: str, other: str) -> bool:
        """Whether a value that is no cotangent is a cotangent times its factors."""
        made = self.reference.told(name)
        if made is None or name.startswith("d_") or made.target == other:
            return False
        part: ast.AST | None = getattr(made.node, "value", None)
        while isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Mult, ast.Div)):
            if isinstance(part.op, ast.Mult) and _is_name(part.right, other):
                return True
            part = part.left
        return _is_name(part, other)

    def _is_last(self, s: DerivedStatement) -> bool:
        """Whether the target of a statement is returned, and not read elsewhere."""
        given = {getattr(e, "id", "") for e in self.reference.outputs.values()}
        others = [t for t in self.reference.statements if t is not s]
        return s.target in given and not any(
            t.target == s.target or s.target in names_in(t.node) for t in others
        )

    def _moved_down(self, s: DerivedStatement, name: str, text: str) -> list[Edit]:
        """Return edits that move a statement to the end, where it can read ``text``."""
        function = self.reference.function
        node = _Renamed(name, text).visit(copy.deepcopy(s.node))
        body = function.body[:-1]
        kept = [ast.Pass() if stmt is s.node else stmt for stmt in body]
        return [(function, "body", None, [*kept, node, function.body[-1]])]

    def _kind(self, name: str) -> str:
        return np.asarray(self.values[name]).dtype.kind

    # --- factors ----------------------------------------------------------------------

    def _scaled(
        self, s: DerivedStatement, p: Spot, rank: int, where: str = ""
    ) -> Iterator[Fault]:
        """Yield the mistakes of a factor too many or too few."""
        factors: list[tuple[str, str, dict[str, str]]] = [
            ("sign", "-1.0", {}),
            ("factor 2", "0.5", {}),
            ("twice", "2.0", {}),
        ]
        for n, text in ({n: n for n in self.lengths} | self.further).items():
            factors.append(("missing mean", f"float({text})", {"n": n}))
            factors.append(("extra mean", f"(1.0 / {text})", {"n": n}))
        if self.reference.is_model:
            factors.append(("d_loss", "(1.0 / d_loss)", {}))
        for cause, text, values in factors:
            made = ast.BinOp(p.node, ast.Mult(), parsed(text))
            yield Fault(cause, s, p.put(made), rank, {**values, "where": where})


def _is_name(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class _Means(ast.NodeTransformer):
    """Replaces sums by means."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "sum":
            node.attr = "mean"
        return node


class _Renamed(ast.NodeTransformer):
    """Replaces reads of a name by another expression."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self.name and isinstance(node.ctx, ast.Load):
            return parsed(self.text)
        return node
