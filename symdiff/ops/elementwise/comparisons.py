"""Elementwise ops that compare, combine conditions, and choose by them.

Each op is one record; comparisons and logic have no derivative, and a choice passes a
cotangent only to the operand that was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdiff.graph.errors import DTypeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import INT64, DType, promote
from symdiff.ops.core import tex
from symdiff.ops.core.conditions import chosen
from symdiff.ops.core.define import elementwise
from symdiff.ops.core.facts import Facts
from symdiff.ops.core.operands import (
    api,
    as_tensor,
    call_elementwise,
    float_operand,
    function,
    literal_value,
)
from symdiff.ops.core.record import Op
from symdiff.ops.core.rows import (
    WHOLE,
    Batch,
    Part,
    Sums,
    same_rows,
)
from symdiff.ops.core.symbols import OPERANDS, u, v
from symdiff.ops.elementwise.in_place import where_out

# --- comparisons and logic ------------------------------------------------------------


def _comparison(
    name: str, infix: str, sign: str, relation: Any
) -> tuple[Op, Callable[..., Tensor]]:
    op = elementwise(
        name,
        relation(u, v),
        arity=2,
        ufunc=name,
        infix=infix,
        dtype="bool",
        differentiable=False,
        latex=tex.infix(sign, tex.SUM, tex.SUM, tex.ANY),
    )
    doc = f"Whether x {infix} y, element by element."
    return op, function(op, name, arity=2, doc=doc)


GREATER, greater = _comparison("greater", ">", ">", sp.Gt)
GREATER_EQUAL, greater_equal = _comparison("greater_equal", ">=", r"\geq", sp.Ge)
LESS, less = _comparison("less", "<", "<", sp.Lt)
LESS_EQUAL, less_equal = _comparison("less_equal", "<=", r"\leq", sp.Le)
EQUAL, equal = _comparison("equal", "==", "=", sp.Eq)
NOT_EQUAL, not_equal = _comparison("not_equal", "!=", r"\neq", sp.Ne)


def _logical(
    name: str, infix: str, relation: Any, arity: int = 2
) -> tuple[Op, Callable[..., Tensor]]:
    op = elementwise(
        name,
        relation(*OPERANDS[:arity]),
        arity=arity,
        ufunc=name,
        infix=infix,
        dtype="logical",
        differentiable=False,
    )
    doc = f"Logical {name[8:]} of boolean tensors."
    return op, function(op, name, arity=arity, doc=doc)


LOGICAL_AND, logical_and = _logical("logical_and", "&", sp.And)
LOGICAL_OR, logical_or = _logical("logical_or", "|", sp.Or)
LOGICAL_XOR, logical_xor = _logical("logical_xor", "^", sp.Xor)
LOGICAL_NOT, logical_not = _logical("logical_not", "~", sp.Not, arity=1)


def _where_dtype(condition: DType, a: DType, b: DType) -> DType:
    if not condition.is_bool:
        raise DTypeError(
            f"the condition must be boolean, got {condition}; compare first."
        )
    found = promote(a, b)
    return INT64 if found.weak and found.is_integer else found  # both are Python ints


def _guarded_rows(s: Batch, node: Node, parts: Sequence[Any]) -> Part | None:
    """``where(total == 0, 1, total)`` is the guarded divisor of a weighted mean."""
    test, guard, total = node.inputs
    is_guard = test.op is EQUAL and total in test.inputs
    divides = parts[2] in (Sums(), Sums(s.count))
    if is_guard and parts[1] == WHOLE and divides and not guard.inputs:
        found: Sums = parts[2]
        return found
    return same_rows(parts)


WHERE = elementwise(
    "where",
    None,
    arity=3,
    partials=(
        None,
        lambda t, out, condition, a, b: where(condition, t, 0),
        lambda t, out, condition, a, b: where(condition, 0, t),
    ),
    text="np.where(_0, _1, _2)",
    evaluate=np.where,
    dtype=_where_dtype,
    latex=tex.form(
        r"\begin{{cases}} {1} & \text{{if }} {0} \\"
        r" {2} & \text{{otherwise}} \end{{cases}}",
        tex.ANY,  # nothing on its right says where it ends
    ),
    facts=Facts(
        selects=True,
        out_form=where_out,
        rows=_guarded_rows,
        scalar="_1 if _0 else _2",
        interval=chosen,
    ),
)


@api("where")
def where(condition: Any, x: Any, otherwise: Any) -> Tensor:
    """Elements of ``x`` where the condition holds, of ``otherwise`` elsewhere.

    A NaN or infinity in the branch not taken never reaches a gradient through `where`
    and elementwise functions before it. A function that mixes elements, as a running
    sum does, spreads it before the choice.
    """
    taken, left = as_tensor(x), as_tensor(otherwise)
    numbers = (literal_value(taken), literal_value(left))
    if all(isinstance(n, (int, float)) for n in numbers) and float in map(
        type, numbers
    ):
        x = float_operand(taken)  # an array of two numbers has the run's width
    return call_elementwise(WHERE, condition, x, otherwise)
