"""From an expression tree to tokens, and to one line of text.

In goes an `Expr`, out comes a list of `Tok`: the text, whether a space stands before
it, and how strongly a line may be broken there. The invariant: parsing the text gives
the tree back, no parenthesis is needless except those black and ruff demand (around a
power under a unary operator), and spaces stand where black puts them. Everything is
iterative, so depth is no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from symdiff.emit.python.chars import float_text, string_text
from symdiff.emit.python.tree import (
    Attr,
    Binary,
    Call,
    Dict_,
    Ellipsis_,
    Expr,
    FString,
    IfExp,
    Index,
    Lambda,
    List_,
    Lit,
    Name,
    Raw,
    Slice,
    Starred,
    Tuple_,
    Unary,
)

_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    ("lambda",),
    ("if",),
    ("or",),
    ("and",),
    ("not",),
    ("<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not"),
    ("|",),
    ("^",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "//", "%", "@"),
    ("unary",),
    ("**",),
    ("atom",),
)
PRECEDENCE: Final[dict[str, int]] = {
    op: level for level, ops in enumerate(_LEVELS, 1) for op in ops
}
ATOM: Final = PRECEDENCE["atom"]
_ANY: Final = PRECEDENCE["lambda"]
_COMPARE: Final = PRECEDENCE["<"]
_UNARY: Final = PRECEDENCE["unary"]
_LOOSE: Final = frozenset({Binary, Unary, IfExp, Lambda, Raw})  # the rest are atoms

# How strongly a line wants to break at a token (black's numbers; 0 is never).
COMMA: Final = 18
TERNARY: Final = 16
DOT: Final = 1
_BREAK: Final[dict[str, int]] = {
    op: priority
    for priority, ops in zip(
        (14, 14, 10, 9, 8, 7, 6, 5, 4), _LEVELS[2:4] + _LEVELS[5:12], strict=True
    )
    for op in ops
} | {"**": 2}


@dataclass(slots=True, eq=False)
class Tok:
    """A token; `kind` says what the line breaker must know of it.

    Kinds: open, close, comma, dot, name, number, string, eq (of an assignment) and op.
    Brackets with no text are optional parentheses. `priority` breaks after a comma and
    before anything else. `display` marks brackets that are no call's or subscript's.
    `refers` tells the name of a value from those of attributes and keywords.
    """

    text: str
    kind: str = "op"
    space: bool = False
    priority: int = 0
    display: bool = False
    partner: Tok | None = None
    refers: bool = False


def bracket_pair(left: str, right: str, display: bool = False) -> tuple[Tok, Tok]:
    """Return an opening and a closing bracket that know each other."""
    opening = Tok(left, "open", display=display)
    closing = Tok(right, "close", display=display, partner=opening)
    opening.partner = closing
    return opening, closing


def _literal(value: object) -> Tok:
    """Return the token of a literal that needs no operator."""
    match value:
        case None | bool():
            return Tok(repr(value), "name")
        case int():
            return Tok(int.__repr__(value), "number")
        case float():
            return Tok(float_text(value), "number")
        case str():
            return Tok(string_text(value), "string")
    raise TypeError(f"no literal for {type(value).__name__}: use lit() on scalars")


def _normal(e: Expr) -> Expr:
    """Return `e` with a signed, infinite or nan literal spelt out."""
    if type(e) is not Lit:
        return e
    match e.value:
        case int(value) if value < 0:
            return Unary("-", Lit(-value))
        case float(value) if math.copysign(1.0, value) < 0:
            return Unary("-", Lit(-value))
        case float(value) if not math.isfinite(value):
            return Attr(Name("np"), "nan" if math.isnan(value) else "inf")
    return e


def precedence(e: Expr) -> int:
    """Return how tightly the outermost operator of `e` binds."""
    e = _normal(e)
    if type(e) not in _LOOSE:
        return ATOM
    match e:
        case Binary(op, _, _):
            return PRECEDENCE[op]
        case Unary(op, _):
            return PRECEDENCE["not"] if op == "not" else _UNARY
        case IfExp():
            return PRECEDENCE["if"]
        case Lambda():
            return PRECEDENCE["lambda"]
        case Raw(_, level):
            return level
    return ATOM


def _is_simple(e: Expr, signed: bool = False) -> bool:
    """Return whether `**` hugs `e`: a number or dotted name, signed on the right."""
    e = _normal(e)
    if signed and isinstance(e, Unary) and e.op != "not":
        e = _normal(e.operand)
    if isinstance(e, Lit):
        return not isinstance(e.value, str)
    while isinstance(e, Attr):
        e = e.value
    return isinstance(e, Name)


def _hugs(left: Expr, right: Expr) -> bool:
    if isinstance(right, Binary) and right.op == "**":
        right = right.left  # the operand that stands beside the operator
    return _is_simple(left) and _is_simple(right, signed=True)


def _is_complex(part: Expr) -> bool:
    """Return whether a slice with `part` in it needs spaces around its colons."""
    stack = [part]
    while stack:
        match _normal(stack.pop()):
            case Unary(op, operand) if op != "not":
                stack.append(operand)
            case Name() | Lit():
                pass
            case _:
                return True
    return False


# What waits on the stack: a token, a space before the next token, or an expression
# with the least precedence that needs no parentheses there.
_SPACE: Final = None
# Before the first of several items: a conditional there is not alone in its brackets.
_FIRST: Final = Tok("", "first")
_Item = Tok | None | tuple[Expr, int]


def _commas(items: Iterable[list[_Item]]) -> list[_Item]:
    out: list[_Item] = []
    for item in items:
        if out:
            out += [Tok(",", "comma", priority=COMMA), _SPACE]
        out += item
    return out


def _sequence(items: tuple[Expr, ...], one_tuple: bool = False) -> list[_Item]:
    out = _commas([(x, _ANY)] for x in items)
    if one_tuple and len(items) == 1:
        out.append(Tok(",", "comma"))
    return out


def _slice(e: Slice) -> list[_Item]:
    spaced = any(_is_complex(p) for p in (e.lo, e.hi, e.step) if p is not None)
    gap: list[_Item] = [_SPACE] if spaced else []
    out: list[_Item] = []
    for position, part in enumerate((e.lo, e.hi, e.step)):
        if position == 2 and part is None:
            break
        if position:
            # Colons of an absent part stay together: `x[:: n - 1]`.
            previous = (e.lo, e.hi)[position - 1]
            out += gap if previous is not None else []
            out.append(Tok(":"))
            out += gap if part is not None else []
        if part is not None:
            out.append((part, PRECEDENCE["if"]))
    return out


def _begins_number(e: Lit) -> bool:
    """Return whether the text is digits, to be kept apart from an attribute's dot."""
    return _normal(e) is e and _literal(e.value).kind == "number"


def _after_paren(out: list[Tok]) -> bool:
    return bool(out) and out[-1].kind == "open" and out[-1].text in ("", "(")


def _fstring(e: FString) -> Tok:
    body = ""
    for part in e.parts:
        if isinstance(part, str):
            text = string_text(part, '"')[1:-1]
            body += text.replace("{", "{{").replace("}", "}}")
            continue
        toks = tokens(part)
        for tok in toks:
            if tok.kind == "string":
                tok.text = _single_quoted(tok.text)
        text = join(toks)
        if '"' in text or "\\" in text or "{" in text[:1]:
            raise ValueError(f"an f-string cannot hold {text}: assign it to a name")
        body += "{" + text + "}"
    return Tok(f'f"{body}"', "string")


def _single_quoted(text: str) -> str:
    return f"'{text[1:-1]}'" if text[:1] == '"' and "'" not in text else text


def _expand(e: Expr) -> list[_Item]:
    """Return the tokens and sub-expressions `e` is made of, in order."""
    match e:
        case Name(ident):
            return [Tok(ident, "name", refers=True)]
        case Lit(value):
            spelt = _normal(e)
            return [_literal(value)] if spelt is e else [(spelt, 0)]
        case Raw(text, _):
            return [Tok(text, "name")]
        case Ellipsis_():
            return [Tok("...", "name")]
        case FString():
            return [_fstring(e)]
        case Attr(value, attr):
            owner: list[_Item] = [(value, ATOM)]
            if isinstance(value, Lit) and _begins_number(value):
                left, right = bracket_pair("(", ")", display=True)
                owner = [left, (value, 0), right]
            return [*owner, Tok(".", "dot"), Tok(attr, "name")]
        case Call(func, args, kwargs):
            left, right = bracket_pair("(", ")")
            positional: list[list[_Item]] = [[(a, _ANY)] for a in args]
            keyword: list[list[_Item]]
            keyword = [[Tok(k, "name"), Tok("=", "eq"), (v, _ANY)] for k, v in kwargs]
            inside = _commas([*positional, *keyword])
            if len(args) > 1 or kwargs:
                inside = [_FIRST, *inside]
            return [(func, ATOM), left, *inside, right]
        case Index(value, items):
            left, right = bracket_pair("[", "]")
            inside = _commas(
                _slice(x) if isinstance(x, Slice) else [(x, _ANY)]
                for x in items or (Tuple_(),)
            )
            return [(value, ATOM), left, *inside, right]
        case Unary(op, operand):
            is_power = isinstance(operand, Binary) and operand.op == "**"
            if op == "not":
                least = ATOM if is_power else PRECEDENCE["not"]
                return [Tok("not", "name"), _SPACE, (operand, least)]
            return [Tok(op), (operand, ATOM if is_power else _UNARY)]
        case Binary(op, left_e, right_e):
            level = PRECEDENCE[op]
            low, high = level, level + 1
            if op == "**":
                low, high = ATOM, _UNARY
            elif level == _COMPARE:
                low = level + 1  # or the text would be a chained comparison
            elif op in ("and", "or"):
                high = level  # associative: no parentheses on either side
            gap: list[_Item] = [] if op == "**" and _hugs(left_e, right_e) else [_SPACE]
            sign = Tok(op, priority=_BREAK[op])
            return [(left_e, low), *gap, sign, *gap, (right_e, high)]
        case Tuple_(items):
            left, right = bracket_pair("(", ")", display=True)
            return [left, _FIRST, *_sequence(items, one_tuple=True), right]
        case List_(items):
            left, right = bracket_pair("[", "]", display=True)
            return [left, *_sequence(items), right]
        case Dict_(pairs):
            left, right = bracket_pair("{", "}", display=True)
            entries = [[(k, _ANY), Tok(":"), _SPACE, (v, _ANY)] for k, v in pairs]
            return [left, *_commas(entries), right]
        case IfExp(test, body, orelse):
            choice = PRECEDENCE["or"]
            return [
                *[(body, choice), _SPACE, Tok("if", "name", priority=TERNARY), _SPACE],
                *[(test, choice), _SPACE, Tok("else", "name", priority=TERNARY)],
                *[_SPACE, (orelse, choice)],  # black and ruff differ on a bare chain
            ]
        case Lambda(params, body):
            head = f"lambda {', '.join(params)}:" if params else "lambda:"
            return [Tok(head, "name"), _SPACE, (body, _ANY)]
        case Starred(value):
            return [Tok("*"), (value, PRECEDENCE["|"])]
    raise TypeError(f"{type(e).__name__} cannot stand here: a Slice is for an Index")


def tokens(e: Expr, before: Tok | None = None) -> list[Tok]:
    """Return the tokens of `e`; `before`, if any, is put first."""
    out: list[Tok] = [before] if before else []
    stack: list[_Item] = [(e, 0)]
    space, alone = False, True
    while stack:
        item = stack.pop()
        if item is _SPACE:
            space = True
        elif item is _FIRST:
            alone = False
        elif isinstance(item, Tok):
            item.space, space = space, False
            if item.kind == "dot" and out and out[-1].kind == "close":
                item.priority = DOT
            out.append(item)
            alone = True
        else:
            expr, needed = item
            parts = _expand(expr)
            if needed and precedence(expr) < needed:
                left, right = bracket_pair("(", ")", display=True)
                parts = [left, *parts, right]
            elif type(expr) is IfExp and not (alone and _after_paren(out)):
                left, right = bracket_pair("", "", display=True)
                parts = [left, *parts, right]
            stack.extend(reversed(parts))
    return out


def join(toks: Iterable[Tok]) -> str:
    """Return the tokens as one line; a space before the first is dropped."""
    pieces: list[str] = []
    space = False
    for tok in toks:
        space = space or tok.space
        if tok.text:
            pieces.append(" " + tok.text if space and pieces else tok.text)
            space = False
    return "".join(pieces)


def expr_text(e: Expr) -> str:
    """Return `e` on one line."""
    return join(tokens(e))
