"""The op record, the constructor that takes rules, and the table of all ops.

In: one mathematical fact per op: a SymPy expression (`define.elementwise`), the
transposes of a linear map (`define.multilinear`), or an explicit pair of rules
(`primitive`). Out: an `Op` from which typing, evaluation, both modes of
differentiation, NumPy text and LaTeX are read. Invariant: everything symdiff knows
about an op is in its record, and rules build graph from public functions only, so every
derivative can be differentiated again.

Text is a Python expression over the placeholders ``_0, _1, ...`` (operands), ``_dim_N``
(dimensions), ``_float`` (the dtype the float arguments share), or a function from a
node to such an expression. `symdiff.emit.lower.statements` parses it; the form with
``out=`` is derived from it where possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.graph.errors import DTypeError, ShapeError, UndefinedError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import (
    BOOL,
    FLOAT,
    DType,
    Shape,
    TensorType,
    Type,
    promote,
    unify,
)
from symdiff.ops.core.facts import UNKNOWN, Facts
from symdiff.ops.core.tex import TexRule

Cotangents = Sequence[Tensor | None]
# vjp(cotangent, output, inputs, attrs, needs) -> one cotangent per input; an op whose
# `Facts.sweeps` is set also gets `sweep=`, which differentiates its bodies
Vjp = Callable[..., Cotangents]
# jvp(tangents, output, inputs, attrs) -> the output's tangent (None: zero); with
# `sweep=` for the same ops
Jvp = Callable[..., Any]
Text = str | Callable[[Node], str]
Words = str | Callable[[Node], str]
# A template over ``{0}, {1}, ...`` or a rule.
Latex = str | TexRule


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """Everything symdiff knows about one operation.

    Attributes
    ----------
    infer : types and attributes to the result type; raises `ShapeError` or `DTypeError`
    evaluate : the value on NumPy arrays, used by ``interpret`` and by constant folding
    vjp, jvp : reverse and forward rule, or None where no derivative flows
    text : the NumPy expression; ``out`` the same writing into ``_out`` (None: derived)
    expand : for composite ops, the graph of simpler ops that code generation emits
    expression, partials : what `elementwise` was given, for proofs and LaTeX
    analytic : whether the formula holds for complex arguments, as complex step needs
    view : whether NumPy returns a view of operand 0
    rule : the derivative in words, for the comments of generated code, or a function
        of the node that tells them
    ufunc, infix : NumPy's function and Python's operator for the same
    booleans : what NumPy does instead where every operand is boolean
    facts : what else the stages ask of the op
    """

    name: str
    infer: Callable[..., Type]
    evaluate: Callable[..., Any]
    vjp: Vjp | None = None
    jvp: Jvp | None = None
    text: Text | None = None
    out: str | None = None
    expand: Callable[..., Tensor] | None = None
    latex: Latex | None = None
    expression: sp.Expr | None = None
    partials: tuple[Any, ...] = ()
    analytic: bool = False
    is_elementwise: bool = False
    linear_in: tuple[int, ...] = ()
    view: bool = False
    leaf: bool = False
    hint: str = ""
    rule: Words = ""
    ufunc: str = ""
    infix: str = ""
    booleans: Callable[..., Tensor] | None = None
    facts: Facts = UNKNOWN

    @property
    def is_own(self) -> bool:
        """Whether a user defined it: a digest of the definition follows its name."""
        return "@" in self.name

    @property
    def title(self) -> str:
        """Its name; for a user's op without the digest."""
        return self.name.partition("@")[0]

    @property
    def moves(self) -> bool:
        """Whether each element of its result is one of its first operand's."""
        return self.facts.zeros in ("moved", "rearranged")

    @property
    def shows_all(self) -> bool:
        """Whether it is a view of all elements, as a change of shape is."""
        return self.view and (self.facts.repeats or self.facts.zeros == "rearranged")

    def rule_of(self, node: Node) -> str:
        """Return the derivative of a node in words."""
        return self.rule(node) if callable(self.rule) else self.rule

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


OPS: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Put a record into the table; a second op of the same name is a mistake."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is defined twice")
    OPS[op.name] = op
    return op


def result_dtype(rule: str | Callable[..., DType], dtypes: Sequence[DType]) -> DType:
    """Return the dtype of an elementwise result.

    ``rule`` is 'promote', 'number' (not all operands may be boolean), 'float' (operands
    must be float), 'bool' (a comparison of any operands), 'logical' (operands must be
    boolean) or a function of the dtypes.
    """
    if callable(rule):
        return rule(*dtypes)
    if rule == "logical":
        for d in dtypes:
            if not d.is_bool:
                raise DTypeError(
                    f"needs booleans, got {d}; compare first, as in x > 0."
                )
        return BOOL
    common = dtypes[0]
    for d in dtypes[1:]:
        common = promote(common, d)
    match rule:
        case "promote":
            return common
        case "bool":
            return BOOL
        case "number":
            if common.is_bool:
                raise UndefinedError(
                    "is not defined on booleans, as in NumPy; write ^ for where two "
                    'differ, ~ for the opposite, sd.cast(x, "int64") to count.'
                )
            return common
    if not common.is_float:
        raise DTypeError(
            f'needs a float operand, got {common}; write sd.cast(tensor, "float").'
        )
    return common


def same_shape(types: Sequence[TensorType]) -> Shape:
    """Return the shape that all operands share; literals of shape () fit any."""
    shape: Shape | None = None
    for t in types:
        if t.dtype.weak or t.shape is shape or t.shape == shape:
            continue
        if shape is None:
            shape = t.shape
            continue
        common = (
            [unify(a, b) for a, b in zip(shape, t.shape, strict=True)]
            if len(shape) == len(t.shape)
            else [None]
        )
        if None in common:
            raise ShapeError(f"operands have different shapes {shape} and {t.shape}")
        shape = tuple(common)
    return shape or ()


def primitive(
    name: str,
    infer: Callable[..., Type],
    evaluate: Callable[..., Any],
    *,
    vjp: Vjp | None,
    jvp: Jvp | None,
    text: Text | None = None,
    out: str | None = None,
    expand: Callable[..., Tensor] | None = None,
    latex: Latex | None = None,
    analytic: bool = False,
    view: bool = False,
    leaf: bool = False,
    hint: str = "",
    rule: Words = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an op by explicit rules; None for both: no derivative flows."""
    return register(
        Op(
            name,
            infer,
            evaluate,
            vjp=vjp,
            jvp=jvp,
            text=text,
            out=out,
            expand=expand,
            latex=latex,
            analytic=analytic,
            view=view,
            leaf=leaf,
            hint=hint,
            rule=rule,
            facts=facts,
        )
    )


def require_float(t: TensorType, what: str) -> TensorType:
    """Return ``t`` if it is float; raise `DTypeError` that offers a cast otherwise."""
    if not t.dtype.is_float:
        raise DTypeError(
            f'{what} needs a float tensor, got {t.dtype}; use sd.cast(x, "{FLOAT}").'
        )
    return t
