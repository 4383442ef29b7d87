"""From an expression tree to its pieces.

In goes an `Expr`, out comes a list of `Piece`s with spaces between. The invariant:
parsing their text gives the tree back, no parenthesis is needless except those black
and ruff demand (around a power under a unary operator), and spaces stand where black
puts them. Everything is iterative, so depth is no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from symdiff.emit.python.chars import string_text
from symdiff.emit.python.pieces import (
    CALL,
    COLON,
    DICT,
    EQUALS,
    FIRST,
    LIST,
    ONE_TUPLE,
    OPERATORS,
    OPTIONAL,
    PARENS,
    PERIOD,
    PRECEDENCE,
    SEPARATOR,
    SPACE,
    SUBSCRIPT,
    TERNARY,
    Piece,
    Pieces,
    join,
    literal_piece,
    name_piece,
    word,
)
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

ATOM: Final = PRECEDENCE["atom"]
_ANY: Final = PRECEDENCE["lambda"]
_COMPARE: Final = PRECEDENCE["<"]
_UNARY: Final = PRECEDENCE["unary"]
# Others are atoms.
LOOSE: Final = frozenset({Binary, Unary, IfExp, Lambda, Lit})


def _sides(op: str) -> tuple[int, int]:
    """Return the least precedence of operands that need no parentheses beside `op`."""
    level = PRECEDENCE[op]
    if op == "**":
        return ATOM, _UNARY
    if level == _COMPARE:
        return level + 1, level + 1  # or the text would be a chained comparison
    return level, level if op in ("and", "or") else level + 1  # these are associative


SIDES: Final = {op: _sides(op) for op in OPERATORS}


def normal(e: Expr) -> Expr:
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
    match normal(e):
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
    e = normal(e)
    if signed and isinstance(e, Unary) and e.op != "not":
        e = normal(e.operand)
    if isinstance(e, Lit):
        return not isinstance(e.value, str)
    while isinstance(e, Attr):
        e = e.value
    return isinstance(e, Name)


def hugs(left: Expr, right: Expr) -> bool:
    """Return whether `**` stands between these operands without spaces."""
    if isinstance(right, Binary) and right.op == "**":
        right = right.left  # the operand that stands beside the operator
    return _is_simple(left) and _is_simple(right, signed=True)


def _is_complex(part: Expr) -> bool:
    """Return whether a slice with `part` in it needs spaces around its colons."""
    stack = [part]
    while stack:
        match normal(stack.pop()):
            case Unary(op, operand) if op != "not":
                stack.append(operand)
            case Name() | Lit():
                pass
            case _:
                return True
    return False


# A part of a line: a piece, a space, or an expression with the least precedence that
# needs no parentheses there.
Item = Piece | None | tuple[Expr, int]
Items = list[Item]


def _commas(items: Iterable[Items]) -> Items:
    out: Items = []
    for item in items:
        if out:
            out += [SEPARATOR, SPACE]
        out += item
    return out


def _sequence(items: tuple[Expr, ...], one_tuple: bool = False) -> Items:
    out = _commas([(x, _ANY)] for x in items)
    if one_tuple and len(items) == 1:
        out.append(ONE_TUPLE)
    return out


def _slice(e: Slice) -> Items:
    spaced = any(_is_complex(p) for p in (e.lo, e.hi, e.step) if p is not None)
    gap: Items = [SPACE] if spaced else []
    out: Items = []
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
    return normal(e) is e and literal_piece(e.value).kind == "number"


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
            for p in pieces([(part, 0)])
        )
        if '"' in text or "\\" in text or "{" in text[:1]:
            raise ValueError(f"an f-string cannot hold {text}: assign it to a name")
        body += "{" + text + "}"
    return Piece(f'f"{body}"', "string")


def _single_quoted(text: str) -> str:
    return f"'{text[1:-1]}'" if text[:1] == '"' and "'" not in text else text


def _entry(key: Expr | None, value: Expr) -> Items:
    """Return the pieces of an entry of a dict display."""
    if key is None:
        return [Piece("**"), (value, PRECEDENCE["|"])]
    return [(key, _ANY), COLON, SPACE, (value, _ANY)]


def expand(e: Expr) -> Items:
    """Return the pieces and sub-expressions `e` is made of, in order."""
    match e:
        case Name(ident):
            return [name_piece(ident)]
        case Lit(value):
            spelt = normal(e)
            return [literal_piece(value)] if spelt is e else [(spelt, 0)]
        case Attr(value, attr):
            owner: Items = [(value, ATOM)]
            if isinstance(value, Lit) and _begins_number(value):
                owner = [PARENS[0], (value, 0), PARENS[1]]
            return [*owner, PERIOD, word(attr)]
        case Call(func, args, kwargs):
            inside: list[Items] = [[(a, _ANY)] for a in args]
            inside += [[word(k), EQUALS, (v, _ANY)] for k, v in kwargs]
            first: Items = [FIRST] if len(args) > 1 or kwargs else []
            return [(func, ATOM), CALL[0], *first, *_commas(inside), CALL[1]]
        case Binary(op, left_e, right_e):
            low, high = SIDES[op]
            sign, parts = OPERATORS[op], ((left_e, low), (right_e, high))
            if op == "**" and hugs(left_e, right_e):
                return [parts[0], sign, parts[1]]
            return [parts[0], SPACE, sign, SPACE, parts[1]]
        case Index(value, items):
            left, right = SUBSCRIPT
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
            left, right = PARENS
            return [left, FIRST, *_sequence(items, one_tuple=True), right]
        case List_(items):
            return [LIST[0], *_sequence(items), LIST[1]]
        case Dict_(pairs):
            entries = [_entry(k, v) for k, v in pairs]
            return [DICT[0], *_commas(entries), DICT[1]]
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


def pieces(items: Sequence[Item]) -> Pieces:
    """Return the pieces of a line, or of a part of it."""
    out: Pieces = []
    stack = list(reversed(items))
    alone = True
    while stack:
        item = stack.pop()
        if item is SPACE:
            out.append(item)
        elif item is FIRST:
            alone = False
        elif isinstance(item, Piece):
            out.append(item)
            alone = True
        else:
            expr, least = item
            if type(expr) is Name:  # most are
                out.append(name_piece(expr.id))
                alone = True
                continue
            parts = expand(expr)
            if least and type(expr) in LOOSE and precedence(expr) < least:
                parts = [PARENS[0], *parts, PARENS[1]]
            elif isinstance(expr, IfExp) and not (alone and _after_paren(out)):
                parts = [OPTIONAL[0], *parts, OPTIONAL[1]]
            stack.extend(reversed(parts))
    return out
