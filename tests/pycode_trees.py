"""Trees of emitted Python, at random too, and what Python should read them as.

`EXPRESSIONS` draws a tree of `symdiff.emit.python.code`; `as_ast` is the tree of
Python's `ast` that its text should be parsed to, built without the printer.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from symdiff.emit.python import code as p

X, Y, Z, N = (p.Name(n) for n in ("x", "y", "z", "N"))


def binary(op: str, left: object, right: object) -> p.Binary:
    return p.Binary(op, p.lit(left), p.lit(right))


def lines(*stmts: p.Stmt, indent: int = 4, width: int = 88) -> list[str]:
    return p.print_stmts(stmts, indent, width).splitlines()


_OPERATORS: dict[str, ast.AST] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "/": ast.Div(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
    "**": ast.Pow(),
    "@": ast.MatMult(),
    "&": ast.BitAnd(),
    "|": ast.BitOr(),
    "^": ast.BitXor(),
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "in": ast.In(),
    "not in": ast.NotIn(),
    "is": ast.Is(),
    "is not": ast.IsNot(),
    "and": ast.And(),
    "or": ast.Or(),
}
_UNARY = {"-": ast.USub(), "~": ast.Invert(), "not": ast.Not()}


def _operands(e: p.Expr, op: str) -> list[p.Expr]:
    if isinstance(e, p.Binary) and e.op == op:
        return [*_operands(e.left, op), *_operands(e.right, op)]
    return [e]


def as_ast(e: p.Expr) -> Any:
    """Return what Python should read, built without the printer."""
    load = ast.Load()
    match e:
        case p.Name(ident):
            return ast.Name(ident, load)
        case p.Lit(value):
            if type(value) in (int, float) and math.copysign(1.0, value) < 0:
                return ast.UnaryOp(ast.USub(), as_ast(p.Lit(-value)))
            if value == math.inf:
                return ast.Attribute(ast.Name("np", load), "inf", load)
            return ast.Constant(value)
        case p.Attr(value, attr):
            return ast.Attribute(as_ast(value), attr, load)
        case p.Call(func, args, kwargs):
            keywords = [ast.keyword(k, as_ast(v)) for k, v in kwargs]
            return ast.Call(as_ast(func), [as_ast(a) for a in args], keywords)
        case p.Index(value, (item,)):
            return ast.Subscript(as_ast(value), as_ast(item), load)
        case p.Index(value, items):
            index = ast.Tuple([as_ast(i) for i in items], load)
            return ast.Subscript(as_ast(value), index, load)
        case p.Slice(lo, hi, step):
            return ast.Slice(
                *(None if x is None else as_ast(x) for x in (lo, hi, step))
            )
        case p.Ellipsis_():
            return ast.Constant(...)
        case p.Unary(op, operand):
            return ast.UnaryOp(_UNARY[op], as_ast(operand))
        case p.Binary("and" | "or" as op, _, _):
            # Python's tree is flat from the left: x and (y and z) is one node too.
            return ast.BoolOp(_OPERATORS[op], [as_ast(x) for x in _operands(e, op)])
        case p.Binary(op, left, right):
            sign = _OPERATORS[op]
            if isinstance(sign, ast.cmpop):
                return ast.Compare(as_ast(left), [sign], [as_ast(right)])
            return ast.BinOp(as_ast(left), sign, as_ast(right))
        case p.Tuple_(items):
            return ast.Tuple([as_ast(i) for i in items], load)
        case p.List_(items):
            return ast.List([as_ast(i) for i in items], load)
        case p.Dict_(items):
            return ast.Dict(
                [as_ast(k) for k, _ in items], [as_ast(v) for _, v in items]
            )
        case p.IfExp(test, body, orelse):
            return ast.IfExp(as_ast(test), as_ast(body), as_ast(orelse))
        case p.Lambda(params, body):
            arguments = ast.arguments(
                [], [ast.arg(q) for q in params], None, [], [], None, []
            )
            return ast.Lambda(arguments, as_ast(body))
        case p.Starred(value):
            return ast.Starred(as_ast(value), load)
    raise AssertionError(e)


def _grown(inner: st.SearchStrategy[p.Expr]) -> st.SearchStrategy[p.Expr]:
    many = st.lists(inner, max_size=3).map(tuple)
    maybe = st.none() | inner
    item = inner | st.builds(p.Slice, maybe, maybe, maybe) | st.just(p.Ellipsis_())
    keywords = st.dictionaries(st.sampled_from(["axis", "out"]), inner, max_size=2)
    argument = inner | st.builds(p.Starred, inner)
    return st.one_of(
        st.builds(p.Binary, st.sampled_from(sorted(_OPERATORS)), inner, inner),
        st.builds(p.Binary, st.sampled_from(["**", "@", "*", "-"]), inner, inner),
        st.builds(p.Unary, st.sampled_from(sorted(_UNARY)), inner),
        st.builds(p.Attr, inner, st.sampled_from(["T", "shape"])),
        st.builds(
            p.Call,
            inner,
            st.lists(argument, max_size=3).map(tuple),
            keywords.map(lambda d: tuple(d.items())),
        ),
        st.builds(p.Index, inner, st.lists(item, min_size=1, max_size=3).map(tuple)),
        st.builds(p.Tuple_, many),
        st.builds(p.List_, many),
        st.builds(p.Dict_, st.lists(st.tuples(inner, inner), max_size=2).map(tuple)),
        st.builds(p.IfExp, inner, inner, inner),
        st.builds(p.Lambda, st.sampled_from([(), ("a",), ("a", "b")]), inner),
    )


_LEAVES = st.sampled_from(
    [
        *[X, Y, Z, N, p.name("np.pi"), p.lit(None), p.lit(True), p.lit('it\'s "q"')],
        *[p.lit(v) for v in (0, 1, -2, 0.5, -1e-4, 1e30, -0.0, math.inf, -math.inf)],
    ]
)
EXPRESSIONS = st.recursive(_LEAVES, _grown, max_leaves=20)
ROOMY = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
