"""What statements read that depends on lengths alone: it is made once, with the plan.

In: the expression of a statement of a planned body. Out: the same, in which a number
that NumPy would turn into an array at every call is a name, and the `Held` field of the
plan that holds the array. Invariant: an array of a number has the dtype that NumPy
gives the number beside the call's other operands, so no bit changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from symdiff.emit.lower.context import Context, dim_expression, dtype_expression
from symdiff.emit.python import code as py
from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.types import DType, TensorType, dim
from symdiff.ops.core.operands import CONSTANT, LITERAL

Maker = Callable[[Context], py.Expr]

WORDS: Mapping[float, str] = {0: "zero", 1: "one", 2: "two", 3: "three", 0.5: "half"}
MOST_ZEROS = 1 << 16  # elements of an array of zeros; a larger one costs memory traffic


@dataclass(frozen=True, slots=True)
class Held:
    """A field of the plan: name, comment, and a function to the expression of it."""

    name: str
    comment: str
    make: Maker | None
    dim: str = ""
    kind: str = ""  # the annotation, if it is no array


@dataclass(slots=True)
class Fixed:
    """The arrays that a plan holds so far, by the expression or node they stand for."""

    numbers: dict[tuple[py.Expr, DType], Held] = field(default_factory=dict)
    filled: dict[tuple[object, DType, float], Held] = field(default_factory=dict)

    varying: dict[tuple[py.Expr, DType], Held] = field(default_factory=dict)

    @property
    def fields(self) -> list[Held]:
        """The fields of the plan."""
        groups = (self.numbers, self.filled, self.varying)
        return [held for group in groups for held in group.values()]

    def operands(
        self,
        value: py.Expr,
        node: Node,
        context: Context,
        varying: Collection[py.Expr] = (),
    ) -> tuple[list[py.Stmt], py.Expr]:
        """Return a ufunc's call, its numbers replaced by arrays of the plan.

        Numbers of which each step has its own, ``varying``, are written into arrays
        first, by the statements.
        """
        kind = _only_width(node)
        made: list[py.Stmt] = []
        if kind is None or not isinstance(value, py.Call) or not value.kwargs:
            return made, value
        args = []
        lengths = _lengths(context)
        for arg in value.args:
            known = _is_known(arg, lengths)
            if arg == py.Lit(0) and context.target.is_maximum(value.func):
                known = not _is_small(node)
                args.append(arg if known else self.array(node, 0, context))
                continue
            if not known and arg not in varying:
                args.append(arg)
                continue
            kept = self.numbers if known else self.varying
            new = (arg, kind) not in kept
            if new:
                make = _number(arg, kind, context) if known else _place(kind)
                name = context.names.claim(_word(arg))
                kept[arg, kind] = Held(name, py.expr_text(arg), make)
            place = py.Name(kept[arg, kind].name)
            if new and not known:
                made.append(py.Assign((py.Index(place, (py.Tuple_(()),)),), arg))
            args.append(place)
        return made, py.Call(value.func, tuple(args), value.kwargs)

    def array(self, node: Node, value: float, context: Context) -> py.Expr:
        """Return an array of one number in a node's shape and dtype."""
        key = (node.shape, node.dtype, value)
        if key not in self.filled:
            name = context.names.claim(f"{WORDS[value]}s")
            comment = f"{node.dtype}[{', '.join(map(str, node.shape))}]"
            self.filled[key] = Held(name, comment, _filled(node, value))
        return py.Name(self.filled[key].name)


def _lengths(context: Context) -> set[str]:
    """Return the variables of lengths that are known before anything runs."""
    early = (d for d in context.dims if not is_counted(dim(d)))
    return {context.names.dim(d) for d in early}


def _only_width(node: Node) -> DType | None:
    """Return the dtype of a node's operands beside numbers, if it is one of floats."""
    kinds = {
        i.dtype
        for i in node.inputs
        if i.op is not LITERAL and isinstance(i.type, TensorType) and i.shape
    }
    only = next(iter(kinds)) if len(kinds) == 1 else None
    return only if only is not None and only.is_float else None


def _is_known(value: py.Expr, lengths: set[str]) -> bool:
    """Whether an expression is made of numbers and lengths."""
    match value:
        case py.Lit(value=number):
            return isinstance(number, (int, float)) and not isinstance(number, bool)
        case py.Name(id=name):
            return name in lengths
        case py.Unary(op="-", operand=inner):
            return _is_known(inner, lengths)
        case py.Binary(op="+" | "-" | "*" | "/", left=left, right=right):
            return _is_known(left, lengths) and _is_known(right, lengths)
    return False


def _is_small(node: Node) -> bool:
    """Whether an array is small enough to be read in place of a number."""
    size = 1
    for d in node.shape:
        size *= d if isinstance(d, int) else 64
    return size <= MOST_ZEROS


def _word(value: py.Expr) -> str:
    number = value.value if isinstance(value, py.Lit) else None
    return WORDS.get(number, "factor") if isinstance(number, (int, float)) else "factor"


def _number(value: py.Expr, kind: DType, body: Context) -> Maker:
    read = py.names_in(value)
    dims = {d for d in body.dims if py.Name(body.names.dim(d)) in read}

    def make(context: Context) -> py.Expr:
        context.dims.update(dims)
        return context.target.array_of(value, dtype_expression(kind, context))

    return make


def _place(kind: DType) -> Maker:
    return lambda context: context.target.empty(
        py.Tuple_(()), dtype_expression(kind, context)
    )


def _filled(node: Node, value: float) -> Maker:
    def make(context: Context) -> py.Expr:
        lengths = tuple(dim_expression(d, context) for d in node.shape)
        fill = context.target.ones if value else context.target.zeros
        return fill(py.Tuple_(lengths), dtype_expression(node.dtype, context))

    return make


def filled_with(node: Node) -> float | None:
    """Return 0 or 1 where a node is an array of nothing else."""
    if not node.op.facts.repeats or node.inputs[0].op is not CONSTANT:
        return None
    (source,) = node.inputs
    value = None if source.shape else source.attrs["value"].item()
    return float(value) if value in (0, 1) and not str(value).startswith("-") else None
