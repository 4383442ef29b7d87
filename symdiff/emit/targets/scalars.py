"""Functions of scalars as Python arithmetic, which is several times as fast.

In: the statements of a function whose arguments and values are all scalars. Out: the
same statements over a module ``xp`` that is ``math`` for Python floats and ``numpy``
otherwise, and the two calls. Invariant: the run with ``math`` gives NumPy's value or
raises, and then the run with NumPy follows. So only functions are allowed that both
modules have under the same name, and powers with integer exponents (others could turn
complex). Where NumPy is special (maximum of a nan, the sign of 0), the function is left
as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symdiff.emit.lower import texts
from symdiff.emit.python import code as py
from symdiff.ops.core.record import OPS

_OPERATORS = frozenset(["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="])
FEWEST = 8  # a separate function is worth reading from this many statements on
FUNCTION = "_scalars"


class _Other(Exception):  # noqa: N818 - no error: the function stays as it is
    """An expression that only NumPy evaluates."""


@dataclass(frozen=True, slots=True)
class Scalars:
    """The function of scalars, and the statements that call it."""

    function: py.FuncDef
    calls: tuple[py.Stmt, ...]


def scalar_form(
    names: Sequence[str],
    computation: Sequence[py.Stmt],
    values: Sequence[py.Expr],
    module: str,
) -> Scalars | None:
    """Return the computation of ``values`` from scalar arguments as Python arithmetic.

    ``names`` are the arguments, one at least, ``module`` the parameter that stands for
    math or numpy. None where a statement needs NumPy, or where there are too few.
    """
    assigned = [s for s in computation if isinstance(s, py.Assign)]
    if len(assigned) < FEWEST:
        return None
    try:
        body = [_statement(s, module) for s in computation]
        results = [_expression(v, module) for v in values]
    except _Other:
        return None
    several = len(results) > 1
    returned = py.Return(py.Tuple_(tuple(results)) if several else results[0])
    doc = f"Return the results; {module} is math for floats, else numpy."
    function = py.FuncDef(FUNCTION, (*names, module), (*body, returned), doc)
    floats = [py.Call(py.Name("float"), (py.Name(n),)) for n in names]
    quick = py.Call(py.Name(FUNCTION), (*floats, py.Name("math")))
    plain = py.Call(py.Name(FUNCTION), (*map(py.Name, names), py.Name("np")))
    width = py.Attr(py.Name(names[0]), "dtype")
    wide = py.Binary("==", width, py.name("np.float64"))
    attempt = py.Try(
        (py.Return(_typed(quick, "np.float64", several)),),
        py.Tuple_((py.Name("ArithmeticError"), py.Name("ValueError"))),
        (py.Pass("where math raises, NumPy has inf or nan"),),
    )
    typed = _typed(plain, f"{names[0]}.dtype.type", several)
    return Scalars(function, (py.If(wide, (attempt,)), py.Return(typed)))


def _typed(call: py.Expr, kind: str, several: bool) -> py.Expr:
    """Return the results of a call as scalars of a NumPy type."""
    if not several:
        return py.Call(py.name(kind), (call,))
    mapped = py.Call(py.Name("map"), (py.name(kind), call))
    return py.Call(py.Name("Outputs"), (py.Starred(mapped),))


def _statement(s: py.Stmt, module: str) -> py.Stmt:
    match s:
        case py.Assign(targets=(py.Name(),), value=value):
            return replace(s, value=_expression(value, module))
        case py.Comment() | py.Blank():
            return s
    raise _Other


def _expression(e: py.Expr, module: str) -> py.Expr:
    match e:
        case py.Name():
            return e
        case py.Lit(value=bool() | int() | float()):
            return e
        case py.Unary(op="-" | "+" as op, operand=operand):
            return py.Unary(op, _expression(operand, module))
        case py.Binary(op="**", left=left, right=py.Lit(value=int()) as power):
            return py.Binary("**", _expression(left, module), power)
        case py.Binary(op=op, left=left, right=right) if op in _OPERATORS:
            sides = _expression(left, module), _expression(right, module)
            return py.Binary(op, *sides)
        case py.Call(func=py.Attr(py.Name("np"), name), args=args, kwargs=kwargs):
            return _call(name, args, bool(kwargs), module)
        case py.Call(func=py.Attr(py.Attr(py.Name(), "dtype"), "type"), args=(inner,)):
            return _expression(inner, module)  # results are given their type at the end
    raise _Other


def _call(name: str, args: tuple[py.Expr, ...], keywords: bool, module: str) -> py.Expr:
    if name == "array" and isinstance(args[0], py.Lit):  # a constant: its dtype follows
        return _expression(args[0], module)
    if keywords:
        raise _Other
    found = tuple(_expression(a, module) for a in args)
    form = _forms().get(name)
    if form is None:
        raise _Other
    operands = {f"_{i}": e for i, e in enumerate(found)}
    return texts.expression(form, (operands | {"_math": py.Name(module)}).get)


def _forms() -> dict[str, str]:
    """Return, by NumPy's name, the functions that are the same on Python's floats.

    Where math raises, NumPy returns inf or nan; everywhere else they agree.
    """
    ops = [op for op in OPS.values() if op.facts.scalar]
    return {op.ufunc or op.name: op.facts.scalar for op in ops}
