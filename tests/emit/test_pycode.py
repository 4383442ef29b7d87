"""The tree of the emitted Python as text: expressions, literals, statements.

Random expressions are parsed back and compared with a tree of Python's `ast` built
independently of the printer.
"""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycode_trees import EXPRESSIONS, ROOMY, N, X, Y, Z, as_ast, binary, lines

from symdiff.emit.python import code as p

# -- one-line text ---------------------------------------------------------------------

TEXTS: list[tuple[p.Expr, str]] = [
    (binary("-", X, binary("-", Y, Z)), "x - (y - z)"),
    (binary("-", binary("-", X, Y), Z), "x - y - z"),
    (binary("/", X, binary("*", Y, Z)), "x / (y * z)"),
    (binary("@", binary("*", X, Y), Z), "x * y @ z"),
    (binary("*", X, binary("@", Y, Z)), "x * (y @ z)"),
    (binary("+", X, binary("*", Y, Z)), "x + y * z"),
    (binary("*", binary("+", X, Y), Z), "(x + y) * z"),
    (binary("**", p.Unary("-", X), 2), "(-x) ** 2"),
    (p.Unary("-", binary("**", X, 2)), "-(x**2)"),  # black and ruff add these
    (p.Unary("-", binary("*", X, Y)), "-(x * y)"),
    (binary("*", p.Unary("-", X), Y), "-x * y"),
    (binary("-", X, p.Unary("-", Y)), "x - -y"),
    (binary("**", 2, p.Unary("-", X)), "2**-x"),
    (binary("**", X, binary("**", Y, Z)), "x**y**z"),
    (binary("**", binary("**", X, Y), Z), "(x**y) ** z"),
    (binary("**", X, p.Index(Y, (N,))), "x ** y[N]"),
    (binary("**", X, binary("**", p.call("f", Y), 2)), "x ** f(y) ** 2"),
    (binary("**", p.Attr(X, "size"), 0.5), "x.size**0.5"),
    (binary("**", -2.0, -1), "(-2.0) ** -1"),
    (binary("==", binary("<", X, Y), Z), "(x < y) == z"),
    (binary("==", X, binary("<", Y, Z)), "x == (y < z)"),
    (binary("*", binary(">", X, 0), Y), "(x > 0) * y"),
    (binary("and", X, binary("and", Y, Z)), "x and y and z"),
    (binary("or", X, binary("and", Y, Z)), "x or y and z"),
    (binary("and", X, binary("or", Y, Z)), "x and (y or z)"),
    (p.Unary("not", binary("in", X, Y)), "not x in y"),
    (binary("not in", p.Unary("not", X), Y), "(not x) not in y"),
    (p.IfExp(X, Y, p.IfExp(X, Y, Z)), "y if x else (y if x else z)"),
    (p.Lambda(("x",), binary("+", X, 1)), "lambda x: x + 1"),
    (p.Lambda((), X), "lambda: x"),
    (p.call(p.Lambda((), X)), "(lambda: x)()"),
    (p.Index(X, (p.Slice(p.lit(1), N),)), "x[1:N]"),
    (p.Index(X, (p.Slice(binary("+", X, 1)),)), "x[x + 1 :]"),
    (p.Index(X, (p.Slice(None, binary("-", N, 1)),)), "x[: N - 1]"),
    (p.Index(X, (p.Slice(None, None, p.lit(-1)),)), "x[::-1]"),
    (p.Index(X, (p.Slice(None, None, p.Attr(X, "n")),)), "x[:: x.n]"),
    (p.Index(X, (p.Slice(X, None, p.Attr(X, "n")),)), "x[x :: x.n]"),
    (p.Index(X, (p.Slice(p.lit(-1), X, Y), p.Ellipsis_())), "x[-1:x:y, ...]"),
    (p.Index(X, (p.Slice(), p.lit(None))), "x[:, None]"),
    (p.Index(X, (p.lit((1, 2)), N)), "x[(1, 2), N]"),
    (p.Index(X, ()), "x[()]"),
    (
        p.call("np.sum", X, axis=(0, 1), keepdims=True),
        "np.sum(x, axis=(0, 1), keepdims=True)",
    ),
    (p.method(binary("@", X, Y), "sum", axis=0), "(x @ y).sum(axis=0)"),
    (p.Attr(p.lit(1), "real"), "(1).real"),
    (p.Attr(p.lit(-1.5), "real"), "(-1.5).real"),
    (p.call("f", p.Starred(binary("|", X, Y))), "f(*x | y)"),
    (p.lit(((1,), [], ())), "((1,), [], ())"),
    (p.Dict_(((p.lit("a.b"), X), (p.lit(1), Y))), '{"a.b": x, 1: y}'),
    (
        p.Dict_(((None, X), (p.lit("a"), Y), (None, p.call("f")))),
        '{**x, "a": y, **f()}',
    ),
    (p.Dict_(((None, binary("|", X, Y)),)), "{**x | y}"),
    (p.Dict_(((None, p.IfExp(X, Y, N)),)), "{**(y if x else N)}"),
    (p.FString(("{} ", p.name("x.shape"), '"\n')), 'f"{{}} {x.shape}\\"\\n"'),
    (p.FString((p.Index(X, (p.lit("k"),)),)), "f\"{x['k']}\""),
]


@pytest.mark.parametrize(("tree", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_text(tree: p.Expr, text: str) -> None:
    assert p.expr_text(tree) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(1e-4, "1e-4"), (2e-4, "2e-4"), (0.5, "0.5"), (1e-8, "1e-8"), (2.0, "2.0")],
        *[(1e-3, "1e-3"), (0.01, "0.01"), (0.044715, "0.044715"), (100.0, "100.0")],
        *[(1e16, "1e16"), (1e5, "1e5"), (1.5e-7, "1.5e-7"), (5e-324, "5e-324")],
        *[(0.0, "0.0"), (-0.0, "-0.0"), (-2.5, "-2.5"), (-3, "-3"), (True, "True")],
        *[(math.inf, "np.inf"), (-math.inf, "-np.inf"), (math.nan, "np.nan")],
        *[("a", '"a"'), ('a"b', "'a\"b'"), ("it's", '"it\'s"'), ("\n\\", '"\\n\\\\"')],
        *[(None, "None"), (10**30, "1" + "0" * 30)],
    ],
)
def test_literals(value: Any, text: str) -> None:
    assert p.expr_text(p.lit(value)) == text


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.text()))
def test_literals_round_trip(value: float | str) -> None:
    back = ast.literal_eval(p.expr_text(p.lit(value)))
    assert (type(back), repr(back)) == (type(value), repr(value))


def test_lit_refuses_what_has_no_literal() -> None:
    with pytest.raises(TypeError, match=r"complex.*\.item"):
        p.lit(1j)


def test_literals_of_different_types_differ() -> None:
    kinds = {p.lit(1), p.lit(1.0), p.lit(True), p.lit(0.0), p.lit(-0.0), p.lit("1")}
    assert len(kinds) == 6


def test_count_ops() -> None:
    tree = binary("+", binary("@", p.Attr(X, "T"), Y), p.Unary("-", p.Index(Z, (N,))))
    assert p.count_ops(tree) == 3
    assert p.count_ops(p.method(p.call("np.exp", X), "sum", axis=-1)) == 2
    assert p.count_ops(p.lit([1, 2.0, "x"])) == 0


@pytest.mark.parametrize(
    "grow",
    [
        lambda e: binary("-", e, X),
        lambda e: binary("-", X, e),
        lambda e: binary("**", X, e),
        lambda e: p.Unary("-", e),
        lambda e: p.call("f", e, X),
        lambda e: p.call(e, X),
        lambda e: p.method(e, "f", X),
        lambda e: p.IfExp(X, e, X),
        lambda e: p.lit((e, X)),
    ],
)
def test_deep_trees(grow: Any) -> None:
    tree: p.Expr = X
    for _ in range(2000):
        tree = grow(tree)
    assert p.expr_text(tree).count("x") > 0
    assert p.count_ops(tree) >= 0
    assert p.print_stmts([p.Assign((X,), tree)])


# -- parsed back -----------------------------------------------------------------------


@ROOMY
@given(EXPRESSIONS)
def test_text_parses_back_to_the_tree(tree: p.Expr) -> None:
    parsed = ast.parse(p.expr_text(tree), mode="eval").body
    assert ast.dump(parsed) == ast.dump(as_ast(tree))


@pytest.mark.parametrize(("tree", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_no_needless_parentheses(tree: p.Expr, text: str) -> None:
    """Removing any pair changes what is read (but for those black insists on)."""
    kept = {"-(x**2)", "(1).real", "y if x else (y if x else z)"}
    if text in kept or isinstance(tree, p.FString | p.Tuple_):
        return
    meant = ast.dump(ast.parse(text, mode="eval"))
    stack: list[int] = []
    for i, char in enumerate(text):
        if char == "(":
            stack.append(i)
        elif char == ")":
            start = stack.pop()
            if start and (text[start - 1].isalnum() or text[start - 1] in ")]"):
                continue  # a call
            bare = f"{text[:start]} {text[start + 1 : i]} {text[i + 1 :]}"
            try:
                read = ast.dump(ast.parse(bare.strip(), mode="eval"))
            except SyntaxError:
                continue
            assert read != meant


# -- statements ------------------------------------------------------------------------


def test_targets() -> None:
    assert lines(
        p.Assign((X,), p.lit((1, 2))),
        p.Assign((X, Y), p.lit((1, 2))),
        p.Assign((p.Tuple_((N,)),), p.Attr(X, "shape")),
        p.Assign((X, p.Starred(Y)), Z),
        p.Assign((p.Starred(Y),), Z),
        p.AugAssign(p.Index(X, (N,)), "//", Y),
        p.Return(p.lit((X, Y))),
        p.Return(p.lit((X,))),
        p.Return(),
        indent=0,
    ) == [
        "x = (1, 2)",
        "x, y = 1, 2",
        "(N,) = x.shape",
        "x, *y = z",
        "(*y,) = z",
        "x[N] //= y",
        "return x, y",
        "return (x,)",
        "return",
    ]


def test_blocks() -> None:
    assert lines(
        p.If(X, (), (p.If(Y, (p.Return(),), (p.Comment("nothing"),)),)),
        p.For(p.lit((X, Y)), Z, (p.Blank(), p.ExprStmt(p.call("f")), p.Blank())),
        p.While(p.lit(True), (p.Raise(p.call("E")),)),
        p.With(((p.call("open", "f"), X), p.call("g")), (p.Break(), p.Pass("why"))),
        p.Try((p.Return(X),), p.lit((X, Y)), (p.ExprStmt(p.call("f")),)),
        indent=0,
    ) == [
        *[
            "if x:",
            "    pass",
            "elif y:",
            "    return",
            "else:",
            "    # nothing",
            "    pass",
        ],
        *["for x, y in z:", "    f()"],
        *["while True:", "    raise E()"],
        *['with open("f") as x, g():', "    break", "    pass  # why"],
        *["try:", "    return x", "except (x, y):", "    f()"],
    ]


def test_unknown_nodes_are_refused() -> None:
    with pytest.raises(TypeError, match="Slice is for an Index"):
        p.expr_text(p.Slice())
    with pytest.raises(TypeError, match="not a statement"):
        p.print_stmts([X])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="assign it to a name"):
        p.expr_text(p.FString((p.Index(X, (p.lit('"'),)),)))
