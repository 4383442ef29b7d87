"""From an expression tree to its pieces, and to one line of text.

In goes an `Expr`, out comes a list of `Piece`s with spaces between: their text, and how
strongly a line may be broken there. The invariant: parsing the text gives the tree
back, no parenthesis is needless except those black and ruff demand (around a power
under a unary operator), and spaces stand where black puts them. Everything is
iterative, so depth is no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

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
# Others are atoms.
_LOOSE: Final = frozenset({Binary, Unary, IfExp, Lambda, Lit})

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


class Piece(NamedTuple):
    """A piece of text; `kind` says what the line breaker must know of it.

    Kinds: open, close, comma, dot, name, number, string, eq (of an assignment) and op.
    Brackets with no text are optional parentheses. `priority` breaks after a comma and
    before anything else. `display` marks brackets that are no call's or subscript's.
    `refers` tells the name of a value from those of attributes and keywords. The same
    piece may stand in many places.
    """

    text: str
    kind: str = "op"
    priority: int = 0
    display: bool = False
    refers: bool = False


SPACE: Final = None  # between two pieces
Pieces = list[Piece | None]

OPTIONAL: Final = Piece("", "open", display=True), Piece("", "close", display=True)
_PARENS: Final = Piece("(", "open", display=True), Piece(")", "close", display=True)
CALL: Final = Piece("(", "open"), Piece(")", "close")
_SUBSCRIPT: Final = Piece("[", "open"), Piece("]", "close")
_LIST: Final = Piece("[", "open", display=True), Piece("]", "close", display=True)
_DICT: Final = Piece("{", "open", display=True), Piece("}", "close", display=True)
SEPARATOR: Final = Piece(",", "comma", COMMA)
_ONE_TUPLE: Final = Piece(",", "comma")
_DOT: Final = Piece(".", "dot")
_EQUALS: Final = Piece("=", "eq")
COLON: Final = Piece(":")
_OPERATORS: Final = {op: Piece(op, priority=p) for op, p in _BREAK.items()}


@lru_cache(maxsize=1024)
def word(text: str) -> Piece:
    """Return a word that is no value's name."""
    return Piece(text, "name")


@lru_cache(maxsize=1024)
def _name(ident: str) -> Piece:
    return Piece(ident, "name", refers=True)


@lru_cache(maxsize=1024, typed=True)
def _literal(value: object) -> Piece:
    """Return a literal that needs no operator."""
    match value:
        case None | bool():
            return word(repr(value))
        case int():
            return Piece(int.__repr__(value), "number")
        case float():
            return Piece(float_text(value), "number")
        case str():
            return Piece(string_text(value), "string")
    raise TypeError(f"no literal for {type(value).__name__}: use lit() on scalars")


def _normal(e: Expr) -> Expr:
    """Return `e` with a signed, infinite or nan literal spelt out."""
    if type(e) is not Lit:
        return e
    value = e.value
    negative = isinstance(value, int) and value < 0
    if isinstance(value, float):
        negative = math.copysign(1, value) < 0
        if not negative and not math.isfinite(value):
            return Attr(Name("np"), "nan" if math.isnan(value) else "inf")
    return Unary("-", Lit(-value)) if negative else e  # type: ignore[operator]


def precedence(e: Expr) -> int:
    """Return how tightly the outermost operator of `e` binds."""
    match _normal(e):
        case Binary(op, _, _):
            return PRECEDENCE[op]
        case Unary(op, _):
            return PRECEDENCE["not"] if op == "not" else _UNARY
        case IfExp():
            return PRECEDENCE["if"]
        case Lambda():
            return PRECEDENCE["lambda"]
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


# What waits on the stack: a piece, a space, or an expression with the least precedence
# that needs no parentheses there.
# Before the first of several items: a conditional there is not alone in its brackets.
_FIRST: Final = Piece("", "first")
_Item = Piece | None | tuple[Expr, int]


def _commas(items: Iterable[list[_Item]]) -> list[_Item]:
    out: list[_Item] = []
    for item in items:
        if out:
            out += [SEPARATOR, SPACE]
        out += item
    return out


def _sequence(items: tuple[Expr, ...], one_tuple: bool = False) -> list[_Item]:
    out = _commas([(x, _ANY)] for x in items)
    if one_tuple and len(items) == 1:
        out.append(_ONE_TUPLE)
    return out


def _slice(e: Slice) -> list[_Item]:
    spaced = any(_is_complex(p) for p in (e.lo, e.hi, e.step) if p is not None)
    gap: list[_Item] = [SPACE] if spaced else []
    out: list[_Item] = []
    for position, part in enumerate((e.lo, e.hi, e.step)):
        if position == 2 and part is None:
            break
        if position:
            # Colons of an absent part stay together: `x[:: n - 1]`.
            previous = (e.lo, e.hi)[position - 1]
            out += gap if previous is not None else []
            out.append(COLON)
            out += gap if part is not None else []
        if part is not None:
            out.append((part, PRECEDENCE["if"]))
    return out


def _begins_number(e: Lit) -> bool:
    """Return whether the text is digits, to be kept apart from an attribute's dot."""
    return _normal(e) is e and _literal(e.value).kind == "number"


def _after_paren(out: Pieces) -> bool:
    last = out[-1] if out else None
    return last is not None and last.kind == "open" and last.text in ("", "(")


def _fstring(e: FString) -> Piece:
    body = ""
    for part in e.parts:
        if isinstance(part, str):
            text = string_text(part, '"')[1:-1]
            body += text.replace("{", "{{").replace("}", "}}")
            continue
        text = join(
            p._replace(text=_single_quoted(p.text)) if p and p.kind == "string" else p
            for p in pieces(part)
        )
        if '"' in text or "\\" in text or "{" in text[:1]:
            raise ValueError(f"an f-string cannot hold {text}: assign it to a name")
        body += "{" + text + "}"
    return Piece(f'f"{body}"', "string")


def _single_quoted(text: str) -> str:
    return f"'{text[1:-1]}'" if text[:1] == '"' and "'" not in text else text


def _entry(key: Expr | None, value: Expr) -> list[_Item]:
    """Return the pieces of an entry of a dict display."""
    if key is None:
        return [Piece("**"), (value, PRECEDENCE["|"])]
    return [(key, _ANY), COLON, SPACE, (value, _ANY)]


def _expand(e: Expr) -> list[_Item]:
    """Return the pieces and sub-expressions `e` is made of, in order."""
    match e:
        case Name(ident):
            return [_name(ident)]
        case Lit(value):
            spelt = _normal(e)
            return [_literal(value)] if spelt is e else [(spelt, 0)]
        case Attr(value, attr):
            owner: list[_Item] = [(value, ATOM)]
            if isinstance(value, Lit) and _begins_number(value):
                owner = [_PARENS[0], (value, 0), _PARENS[1]]
            return [*owner, _DOT, word(attr)]
        case Call(func, args, kwargs):
            inside: list[list[_Item]] = [[(a, _ANY)] for a in args]
            inside += [[word(k), _EQUALS, (v, _ANY)] for k, v in kwargs]
            first: list[_Item] = [_FIRST] if len(args) > 1 or kwargs else []
            return [(func, ATOM), CALL[0], *first, *_commas(inside), CALL[1]]
        case Binary(op, left_e, right_e):
            level = PRECEDENCE[op]
            low, high = level, level + 1
            if op == "**":
                low, high = ATOM, _UNARY
            elif level == _COMPARE:
                low = level + 1  # or the text would be a chained comparison
            elif op in ("and", "or"):
                high = level  # associative: no parentheses on either side
            sign, parts = _OPERATORS[op], ((left_e, low), (right_e, high))
            if op == "**" and _hugs(left_e, right_e):
                return [parts[0], sign, parts[1]]
            return [parts[0], SPACE, sign, SPACE, parts[1]]
        case Index(value, items):
            left, right = _SUBSCRIPT
            inside = [
                _slice(x) if isinstance(x, Slice) else [(x, _ANY)]
                for x in items or (Tuple_(),)
            ]
            return [(value, ATOM), left, *_commas(inside), right]
        case Unary(op, operand):
            is_power = isinstance(operand, Binary) and operand.op == "**"
            if op == "not":
                least = ATOM if is_power else PRECEDENCE["not"]
                return [word("not"), SPACE, (operand, least)]
            least = ATOM if is_power else _UNARY
            return [Piece(op), (operand, least)]
        case Tuple_(items):
            left, right = _PARENS
            return [left, _FIRST, *_sequence(items, one_tuple=True), right]
        case List_(items):
            return [_LIST[0], *_sequence(items), _LIST[1]]
        case Dict_(pairs):
            entries = [_entry(k, v) for k, v in pairs]
            return [_DICT[0], *_commas(entries), _DICT[1]]
        case IfExp(test, body, orelse):
            choice = PRECEDENCE["or"]
            return [
                *[(body, choice), SPACE, Piece("if", "name", TERNARY), SPACE],
                *[(test, choice), SPACE, Piece("else", "name", TERNARY), SPACE],
                (orelse, choice),  # black and ruff differ on a bare chain
            ]
        case Lambda(params, body):
            head = f"lambda {', '.join(params)}:" if params else "lambda:"
            return [word(head), SPACE, (body, _ANY)]
        case Starred(value):
            return [Piece("*"), (value, PRECEDENCE["|"])]
        case Ellipsis_():
            return [word("...")]
        case FString():
            return [_fstring(e)]
    raise TypeError(f"{type(e).__name__} cannot stand here: a Slice is for an Index")


def pieces(e: Expr, before: Piece | None = None) -> Pieces:
    """Return the pieces of `e`; `before`, if any, is put first."""
    out: Pieces = [before] if before else []
    stack: list[_Item] = [(e, 0)]
    alone = True
    while stack:
        item = stack.pop()
        if item is SPACE:
            out.append(item)
        elif item is _FIRST:
            alone = False
        elif isinstance(item, Piece):
            out.append(item)
            alone = True
        else:
            expr, least = item
            if type(expr) is Name:  # most are
                out.append(_name(expr.id))
                alone = True
                continue
            parts = _expand(expr)
            if least and type(expr) in _LOOSE and precedence(expr) < least:
                parts = [_PARENS[0], *parts, _PARENS[1]]
            elif isinstance(expr, IfExp) and not (alone and _after_paren(out)):
                parts = [OPTIONAL[0], *parts, OPTIONAL[1]]
            stack.extend(reversed(parts))
    return out


def join(parts: Iterable[Piece | None]) -> str:
    """Return pieces as one line; a space before the first is dropped."""
    texts: list[str] = []
    space = ""
    for piece in parts:
        if piece is SPACE:
            space = " " if texts else ""
        elif piece.text:
            texts += (space, piece.text) if space else (piece.text,)
            space = ""
    return "".join(texts)


def expr_text(e: Expr) -> str:
    """Return `e` on one line."""
    return join(pieces(e))
