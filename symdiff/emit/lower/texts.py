"""From the text of an op record to the tree of the emitted Python.

In: a record's text (an expression over ``_0, _1, ...``, ``_dim_N``, ``_float``, or
statements that set ``_out``) and the trees to put in their places. Out: expression and
statement trees. Invariant: text is parsed by `ast`, so precedence is never a matter of
pasted parentheses.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache

from symdiff.emit.lower.indexing import indexed
from symdiff.emit.python import code as py

Substitute = Callable[[str], py.Expr | None]


def as_told(name: str) -> py.Expr | None:
    """Return the name that reports show for a placeholder that is no operand."""
    if name.startswith("_dim_"):
        return py.Name(name[5:])
    if name == "_float":
        return py.Name("float")
    return py.Name(name[6:]) if name.startswith("_help_") else None


_BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.And: "and", ast.Or: "or",
}  # fmt: skip
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}


@lru_cache(maxsize=8192)
def parse_expression(text: str) -> ast.expr:
    """Return the parsed expression."""
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=2048)
def parse_statements(text: str) -> tuple[ast.stmt, ...]:
    """Return the parsed statements."""
    return tuple(ast.parse(text).body)


def expression(text: str, substitute: Substitute) -> py.Expr:
    """Return the tree of an expression text, with names substituted."""
    return _expr(parse_expression(text), substitute)


def statements(text: str, substitute: Substitute) -> list[py.Stmt]:
    """Return the trees of statement text, with names substituted."""
    return [_stmt(s, substitute) for s in parse_statements(text)]


def _stmt(s: ast.stmt, sub: Substitute) -> py.Stmt:
    match s:
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value):
            return py.Assign(tuple(_expr(e, sub) for e in elements), _expr(value, sub))
        case ast.Assign(targets=[target], value=value):
            return py.Assign((_expr(target, sub),), _expr(value, sub))
        case ast.AugAssign(target=target, op=op, value=value):
            return py.AugAssign(
                _expr(target, sub), _BINARY[type(op)], _expr(value, sub)
            )
        case ast.Expr(value=value):
            return py.ExprStmt(_expr(value, sub))
        case ast.Return(value=value):
            return py.Return(_optional(value, sub))
        case ast.For(target=target, iter=source, body=body):
            return py.For(
                _expr(target, sub),
                _expr(source, sub),
                tuple(_stmt(b, sub) for b in body),
            )
        case ast.If(test=test, body=body, orelse=orelse):
            return py.If(
                _expr(test, sub),
                tuple(_stmt(b, sub) for b in body),
                tuple(_stmt(b, sub) for b in orelse),
            )
    raise NotImplementedError(f"statement {ast.dump(s)} in the text of an op")


def _exprs(es: list[ast.expr], sub: Substitute) -> tuple[py.Expr, ...]:
    return tuple(_expr(e, sub) for e in es)


def _optional(e: ast.expr | None, sub: Substitute) -> py.Expr | None:
    return None if e is None else _expr(e, sub)


def _expr(e: ast.expr, sub: Substitute) -> py.Expr:
    match e:
        case ast.Name(id=name):
            return sub(name) or py.Name(name)
        case ast.Constant(value=value):
            return py.Ellipsis_() if value is ... else py.Lit(value)  # type: ignore[arg-type]
        case ast.Attribute(value=value, attr=attr):
            return py.Attr(_expr(value, sub), attr)
        case ast.Call(func=func, args=args, keywords=keywords):
            named = tuple((k.arg or "", _expr(k.value, sub)) for k in keywords)
            return py.Call(_expr(func, sub), _exprs(args, sub), named)
        case ast.BinOp(left=left, op=op, right=right):
            return py.Binary(_BINARY[type(op)], _expr(left, sub), _expr(right, sub))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return py.Binary(_BINARY[type(op)], _expr(left, sub), _expr(right, sub))
        case ast.BoolOp(op=op, values=values):
            result = _expr(values[0], sub)
            for value in values[1:]:
                result = py.Binary(_BINARY[type(op)], result, _expr(value, sub))
            return result
        case ast.UnaryOp(op=op, operand=operand):
            inner = _expr(operand, sub)
            if isinstance(op, ast.USub) and isinstance(inner, py.Lit):
                return py.Lit(-inner.value)  # type: ignore[operator]
            return py.Unary(_UNARY[type(op)], inner)
        case ast.Subscript(value=value, slice=ast.Tuple(elts=items)) if items:
            return indexed(_expr(value, sub), _exprs(items, sub))
        case ast.Subscript(value=value, slice=item):
            return indexed(_expr(value, sub), (_expr(item, sub),))
        case ast.Slice(lower=lo, upper=hi, step=step):
            return py.Slice(
                _optional(lo, sub), _optional(hi, sub), _optional(step, sub)
            )
        case ast.Tuple(elts=items):
            return py.Tuple_(_exprs(items, sub))
        case ast.List(elts=items):
            return py.List_(_exprs(items, sub))
        case ast.Starred(value=value):
            return py.Starred(_expr(value, sub))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return py.IfExp(_expr(test, sub), _expr(body, sub), _expr(orelse, sub))
        case ast.Lambda(args=arguments, body=body):
            return py.Lambda(tuple(a.arg for a in arguments.args), _expr(body, sub))
    raise NotImplementedError(f"expression {ast.dump(e)} in the text of an op")
