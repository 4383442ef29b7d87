"""The op record, its three constructors, and the table of all ops.

In: one mathematical fact per op: a SymPy expression (`elementwise`), the transposes of
a linear map (`multilinear`), or an explicit pair of rules (`primitive`). Out: an `Op`
from which typing, evaluation, both modes of differentiation, NumPy text and LaTeX are
read. Invariant: everything symdiff knows about an op is in its record, and rules build
graph from public functions only, so every derivative can be differentiated again.

Text is a Python expression over the placeholders ``_0, _1, ...`` (operands), ``_dim_N``
(dimensions), ``_float`` (the dtype the float arguments share), or a function from a
node to such an expression. `symdiff.emit.lower.statements` parses it; where ``out=`` is
possible it is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
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
# vjp(cotangent, output, inputs, attrs, needs) -> one cotangent per input
Vjp = Callable[
    [Any, Tensor, Sequence[Tensor], Mapping[str, Any], Sequence[bool]], Cotangents
]
# jvp(tangents, output, inputs, attrs) -> the output's tangent (None: zero)
Jvp = Callable[[Cotangents, Tensor, Sequence[Tensor], Mapping[str, Any]], Any]
Text = str | Callable[[Node], str]
# A template over ``{0}, {1}, ...`` or a rule.
Latex = str | TexRule
H = TypeVar("H", bound=Callable[..., Any])


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
    expression, partials : what `elementwise` was made from, for proofs and LaTeX
    analytic : whether the formula holds for complex arguments, as complex step needs
    view : whether NumPy returns a view of operand 0
    rule : the derivative in words, for the comments of generated code
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
    rule: str = ""
    ufunc: str = ""
    infix: str = ""
    booleans: Callable[..., Tensor] | None = None
    facts: Facts = UNKNOWN

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


OPS: dict[str, Op] = {}
HELPERS: dict[
    str, Callable[..., Any]
] = {}  # what NumPy lacks, embedded where it is called


def helper(function: H) -> H:
    """Let texts call ``_help_<name>(...)``: the source of ``_<name>`` goes with the
    module.

    The function is named with a leading underscore, uses numpy (as ``np``) alone, and
    says its accuracy in its docstring.
    """
    HELPERS[function.__name__.lstrip("_")] = function
    return function


def register(op: Op) -> Op:
    """Put a record into the table; a second op of the same name is a mistake."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is defined twice")
    OPS[op.name] = op
    return op


# --- symbols of elementwise expressions -----------------------------------------------

u, v, w = OPERANDS = sp.symbols("u v w", real=True)
y = sp.Symbol(
    "y", real=True
)  # the op's own output, for partials such as (1 - y) * (1 + y)


class sigmoid(sp.Function):  # noqa: N801 - SymPy names functions in lower case
    """1 / (1 + exp(-u)) as one SymPy function, so that partials can name the stable
    op.
    """

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative s (1 - s)."""
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, argument: sp.Expr, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-argument))


def result_dtype(rule: str | Callable[..., DType], dtypes: Sequence[DType]) -> DType:
    """Return the dtype of an elementwise result.

    ``rule`` is 'promote', 'number' (anything but booleans alone), 'float' (operands
    must be float), 'bool' (a comparison of any operands) or 'logical' (operands must be
    boolean).
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
    """Return the shape that operands share; literals of shape () ride along."""
    shape: Shape | None = None
    for t in types:
        if t.dtype.weak:
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


def elementwise(
    name: str,
    expression: sp.Expr | None,
    *,
    arity: int | None = None,
    partials: Sequence[Any] | None = None,
    ufunc: str = "",
    infix: str = "",
    text: Text | None = None,
    evaluate: Callable[..., Any] | None = None,
    dtype: str | Callable[..., DType] = "float",
    booleans: Callable[..., Tensor] | None = None,
    differentiable: bool = True,
    expand: Callable[..., Tensor] | None = None,
    analytic: bool = True,
    latex: Latex | None = None,
    hint: str = "",
    rule: str = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an op that acts on each element alone, from a SymPy expression over u, v,
    w.

    Parameters
    ----------
    partials : one per operand, instead of SymPy's own derivative: a SymPy expression
        over the
        operands and the output ``y``, None (no derivative flows), or, where a kink
        needs selection, a function ``(t, y, *operands) -> Tensor`` linear in ``t``. A
        test proves expressions equal to SymPy's form.
    ufunc : NumPy's name for the function, from which text, ``out=`` text and value
        follow
    infix : Python's operator, printed instead of the ufunc's name
    dtype : rule of `result_dtype`
    booleans : what NumPy does instead where every operand is boolean: ``mask + mask``
        is a logical or, ``mask ** mask`` has int8
    """
    from symdiff.ops.core import calculus

    if arity is None:
        assert expression is not None
        arity = len([s for s in OPERANDS if s in expression.free_symbols]) or 1

    def infer(*types: TensorType) -> TensorType:
        return TensorType(
            same_shape(types), result_dtype(dtype, [t.dtype for t in types])
        )

    places = ", ".join(f"_{i}" for i in range(arity))
    if infix:
        text = f"_0 {infix} _1" if arity == 2 else f"{infix}_0"
    elif text is None and ufunc:
        text = f"np.{ufunc}({places})"
    if evaluate is None:
        evaluate = getattr(np, ufunc)
    if not differentiable:
        partials = (None,) * arity
    elif partials is None:
        partials = calculus.default_partials(expression, arity)
    return register(
        Op(
            name,
            infer,
            evaluate,
            vjp=calculus.elementwise_vjp if differentiable else None,
            jvp=calculus.elementwise_jvp if differentiable else None,
            text=text,
            out=f"np.{ufunc}({places}, out=_out)" if ufunc else None,
            expand=expand,
            latex=latex,
            expression=expression,
            partials=tuple(partials),
            analytic=analytic,
            is_elementwise=True,
            hint=hint,
            rule=rule,
            ufunc=ufunc,
            infix=infix,
            booleans=booleans,
            facts=facts,
        )
    )


def multilinear(
    name: str,
    infer: Callable[..., Type],
    evaluate: Callable[..., Any],
    *,
    transposes: Mapping[int, Callable[..., Tensor]],
    text: Text | None = None,
    out: str | None = None,
    expand: Callable[..., Tensor] | None = None,
    latex: Latex | None = None,
    view: bool = False,
    hint: str = "",
    rule: str = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an op that is linear in each operand listed in ``transposes``.

    ``transposes[i](ct, inputs, attrs)`` is the transpose of the map of operand i alone,
    the others held fixed. The jvp is the op itself, applied to one tangent at a time
    and summed.
    """
    from symdiff.ops.core import calculus

    return register(
        Op(
            name,
            infer,
            evaluate,
            vjp=calculus.transposed_vjp(transposes),
            jvp=calculus.linear_jvp(name, tuple(transposes)),
            text=text,
            out=out,
            expand=expand,
            latex=latex,
            analytic=True,
            linear_in=tuple(transposes),
            view=view,
            hint=hint,
            rule=rule,
            facts=facts,
        )
    )


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
    rule: str = "",
    facts: Facts = UNKNOWN,
) -> Op:
    """Define an op by explicit rules; ``vjp=None, jvp=None`` says that nothing
    flows.
    """
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
