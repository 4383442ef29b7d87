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


# What a text, or a part of it, becomes once placeholders are known.
_Expression = Callable[[Substitute], py.Expr]
_Statement = Callable[[Substitute], py.Stmt]


def expression(text: str, substitute: Substitute) -> py.Expr:
    """Return the tree of an expression text, with names substituted."""
    return _parsed(text)(substitute)


def statements(text: str, substitute: Substitute) -> list[py.Stmt]:
    """Return the trees of statement text, with names substituted."""
    return [made(substitute) for made in _parsed_statements(text)]


@lru_cache(maxsize=8192)
def _parsed(text: str) -> _Expression:
    return _expr(ast.parse(text, mode="eval").body)


@lru_cache(maxsize=2048)
def _parsed_statements(text: str) -> tuple[_Statement, ...]:
    return tuple(map(_stmt, ast.parse(text).body))


# --- statements -----------------------------------------------------------------------


def _stmt(s: ast.stmt) -> _Statement:
    match s:
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value):
            targets, assigned = _exprs(elements), _expr(value)
            return lambda sub: py.Assign(targets(sub), assigned(sub))
        case ast.Assign(targets=[target], value=value):
            one, assigned = _expr(target), _expr(value)
            return lambda sub: py.Assign((one(sub),), assigned(sub))
        case ast.AugAssign(target=target, op=op, value=value):
            one, sign, assigned = _expr(target), _BINARY[type(op)], _expr(value)
            return lambda sub: py.AugAssign(one(sub), sign, assigned(sub))
        case ast.Expr(value=value):
            alone = _expr(value)
            return lambda sub: py.ExprStmt(alone(sub))
        case ast.Return(value=value):
            result = _optional(value)
            return lambda sub: py.Return(result(sub))
        case ast.For(target=target, iter=source, body=body):
            one, rows, inside = _expr(target), _expr(source), _block(body)
            return lambda sub: py.For(one(sub), rows(sub), inside(sub))
        case ast.If(test=test, body=body, orelse=orelse):
            asked, then, other = _expr(test), _block(body), _block(orelse)
            return lambda sub: py.If(asked(sub), then(sub), other(sub))
    raise NotImplementedError(f"statement {ast.dump(s)} in the text of an op")


def _block(body: list[ast.stmt]) -> Callable[[Substitute], tuple[py.Stmt, ...]]:
    made = [_stmt(s) for s in body]
    return lambda sub: tuple([m(sub) for m in made])


# --- expressions ----------------------------------------------------------------------


def _exprs(es: list[ast.expr]) -> Callable[[Substitute], tuple[py.Expr, ...]]:
    made = [_expr(e) for e in es]
    return lambda sub: tuple([m(sub) for m in made])


def _optional(e: ast.expr | None) -> Callable[[Substitute], py.Expr | None]:
    return (lambda sub: None) if e is None else _expr(e)


def _expr(e: ast.expr) -> _Expression:
    match e:
        case ast.Name(id=name):
            plain = py.Name(name)
            return lambda sub: sub(name) or plain
        case ast.Constant(value=value):
            number = py.Ellipsis_() if value is ... else py.Lit(value)  # type: ignore[arg-type]
            return lambda sub: number
        case ast.Attribute(value=value, attr=attr):
            owner = _expr(value)
            return lambda sub: py.Attr(owner(sub), attr)
        case ast.Call(func=func, args=args, keywords=keywords):
            return _call(func, args, keywords)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(_BINARY[type(op)], _expr(left), _expr(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _binary(_BINARY[type(op)], _expr(left), _expr(right))
        case ast.BoolOp(op=op, values=values):
            result = _expr(values[0])
            for value in values[1:]:
                result = _binary(_BINARY[type(op)], result, _expr(value))
            return result
        case ast.UnaryOp(op=op, operand=operand):
            return _unary(_UNARY[type(op)], _expr(operand))
        case ast.Subscript(value=value, slice=ast.Tuple(elts=items)) if items:
            owner, several = _expr(value), _exprs(items)
            return lambda sub: indexed(owner(sub), several(sub))
        case ast.Subscript(value=value, slice=item):
            owner, one = _expr(value), _expr(item)
            return lambda sub: indexed(owner(sub), (one(sub),))
        case ast.Slice(lower=lo, upper=hi, step=step):
            first, last, by = _optional(lo), _optional(hi), _optional(step)
            return lambda sub: py.Slice(first(sub), last(sub), by(sub))
        case ast.Tuple(elts=items):
            several = _exprs(items)
            return lambda sub: py.Tuple_(several(sub))
        case ast.List(elts=items):
            several = _exprs(items)
            return lambda sub: py.List_(several(sub))
        case ast.Starred(value=value):
            owner = _expr(value)
            return lambda sub: py.Starred(owner(sub))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            asked, then, other = _expr(test), _expr(body), _expr(orelse)
            return lambda sub: py.IfExp(asked(sub), then(sub), other(sub))
        case ast.Lambda(args=arguments, body=body):
            names, inside = tuple(a.arg for a in arguments.args), _expr(body)
            return lambda sub: py.Lambda(names, inside(sub))
    raise NotImplementedError(f"expression {ast.dump(e)} in the text of an op")


def _binary(op: str, left: _Expression, right: _Expression) -> _Expression:
    return lambda sub: py.Binary(op, left(sub), right(sub))


def _unary(op: str, operand: _Expression) -> _Expression:
    def made(sub: Substitute) -> py.Expr:
        inner = operand(sub)
        if op == "-" and isinstance(inner, py.Lit):
            return py.Lit(-inner.value)  # type: ignore[operator]
        return py.Unary(op, inner)

    return made


def _call(
    func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]
) -> _Expression:
    names, values = [k.arg or "" for k in keywords], _exprs([k.value for k in keywords])
    called, given = _expr(func), _exprs(args)

    def made(sub: Substitute) -> py.Expr:
        named = tuple(zip(names, values(sub), strict=True))
        return py.Call(called(sub), given(sub), named)

    return made
