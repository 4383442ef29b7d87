"""How attributes are written in the NumPy text of a record: dims, shapes, axes, slices.

In: attribute values. Out: Python source over the placeholders that
`symdiff.emit.lower.statements` fills in (``_dim_N`` for the run-time length N).
Invariant: text depends on values only.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.types import Dim


class _DimPrinter(StrPrinter):
    """Prints dimension arithmetic as Python integer arithmetic."""

    def _print_Symbol(self, expr: sp.Symbol) -> str:  # noqa: N802 - SymPy's name
        return f"_dim_{expr.name}"

    def _print_floor(self, expr: Any) -> str:
        numerator, denominator = expr.args[0].as_numer_denom()
        if denominator == 1:
            numerator, denominator = sp.together(expr.args[0]).as_numer_denom()
        return f"(({self._print(numerator)}) // ({self._print(denominator)}))"

    def _print_ceiling(self, expr: Any) -> str:
        numerator, denominator = sp.together(expr.args[0]).as_numer_denom()
        return f"(-(-({self._print(numerator)}) // ({self._print(denominator)})))"

    def _print_Max(self, expr: Any) -> str:  # noqa: N802
        return f"max({', '.join(sorted(map(self._print, expr.args)))})"

    def _print_Min(self, expr: Any) -> str:  # noqa: N802
        return f"min({', '.join(sorted(map(self._print, expr.args)))})"

    def _print_Mod(self, expr: Any) -> str:  # noqa: N802
        number, by = map(self._print, expr.args)
        return f"(({number}) % ({by}))"

    def _print_Abs(self, expr: Any) -> str:  # noqa: N802
        return f"abs({self._print(expr.args[0])})"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:  # noqa: N802
        base, exponent = expr.args
        if exponent.is_Rational and not exponent.is_Integer:
            return f"(({self._print(base)}) ** {float(exponent)!r})"
        return str(super()._print_Pow(expr, rational))

    def _print_NumberSymbol(self, expr: Any) -> str:  # noqa: N802
        return repr(float(expr))

    _print_Pi = _print_Exp1 = _print_NumberSymbol  # noqa: N815

    def _print_Function(self, expr: Any) -> str:  # noqa: N802
        raise DeclarationError(
            f"{expr} of a length cannot be written as a number; lengths may be added, "
            f"multiplied, divided, raised to powers, and rounded."
        )

    _print_log = _print_exp = _print_factorial = _print_Function
    _print_Piecewise = _print_Function  # noqa: N815


_PRINTER = _DimPrinter({"order": "lex"})


def dim_text(dim: Dim) -> str:
    """Return a dim as Python source."""
    return str(dim) if isinstance(dim, int) else _expression_text(dim)


@lru_cache(maxsize=4096)
def _expression_text(dim: sp.Expr) -> str:
    return _PRINTER.doprint(dim)


def tuple_text(parts: Sequence[str]) -> str:
    """Return a tuple display; one element keeps its comma."""
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def shape_text(shape: Sequence[Dim]) -> str:
    """Return a shape as a tuple display."""
    return tuple_text([dim_text(d) for d in shape])


def axes_text(axes: Sequence[int], ndim: int, keepdims: bool = False) -> str:
    """Return the arguments of a reduction; ``axis`` is left out if it is every axis."""
    parts = []
    if len(axes) == 1:
        parts.append(f"axis={axes[0]}")
    elif len(axes) < ndim:
        parts.append(f"axis={tuple(axes)}")
    if len(axes) == ndim and ndim == 1:
        parts = []
    if keepdims:
        parts.append("keepdims=True")
    return ", ".join(parts)


def index_text(index: Sequence[Any]) -> str:
    """Return the text of a basic index (slices, ints, None) without its brackets."""
    return ", ".join(_entry_text(entry) for entry in index) if index else "()"


def _entry_text(entry: Any) -> str:
    match entry:
        case None:
            return "None"
        case slice():
            start = "" if entry.start is None else dim_text(entry.start)
            stop = "" if entry.stop is None else dim_text(entry.stop)
            step = "" if entry.step in (None, 1) else f":{dim_text(entry.step)}"
            return f"{start}:{stop}{step}"
        case _:
            return dim_text(entry)


def op_text(node: Node) -> str:
    """Return the record's text for a node."""
    text = node.op.text
    if text is None:
        raise NotImplementedError(f"op {node.op.name} has no NumPy text")
    return text(node) if callable(text) else text


def formula_text(node: Node) -> str:
    """Return the expression that formulas have for a node, or nothing.

    It is that of the record's facts, or its text if that is no statements.
    """
    told = node.op.facts.formula
    found = told(node) if callable(told) else told
    if not found and node.op.text is not None:
        found = op_text(node)
    return "" if is_statements(found) else found


COPIED = "_out = _0.copy()\n"  # how statements begin that change a copy


def is_statements(text: str) -> bool:
    """Whether a text is statements that set ``_out`` rather than an expression."""
    return text.startswith("_out") or "\n" in text


@lru_cache(maxsize=8192)
def is_infix(text: str) -> bool:
    """Whether a text is one of Python's arithmetic operators on its operands."""
    if is_statements(text):
        return False
    found = ast.parse(text, mode="eval").body
    match found:
        case ast.BinOp(left=ast.Name(), right=ast.Name(), op=op):
            return isinstance(op, (ast.Add, ast.Sub, ast.Mult, ast.Div))
        case ast.UnaryOp(operand=ast.Name(), op=ast.USub()):
            return True
    return False


@lru_cache(maxsize=8192)
def operand_uses(text: str) -> tuple[int, ...]:
    """Return how often each operand ``_i`` is written in a text, by position."""
    counts: dict[int, int] = {}
    for part in ast.walk(ast.parse(text)):
        if isinstance(part, ast.Name) and part.id[0] == "_" and part.id[1:].isdigit():
            counts[int(part.id[1:])] = counts.get(int(part.id[1:]), 0) + 1
    return tuple(counts.get(i, 0) for i in range(max(counts, default=-1) + 1))


@lru_cache(maxsize=8192)
def operations(text: str) -> int:
    """Return how many operators and calls a text holds; attribute access is free."""
    counted = (ast.BinOp, ast.Compare, ast.Call, ast.BoolOp, ast.IfExp)
    return sum(isinstance(part, counted) for part in ast.walk(ast.parse(text)))
