"""Formulas as MathML, which browsers typeset by themselves.

In: the TeX of symbols and formulas. Out: presentation MathML. Invariant: the TeX alone
decides how a formula looks, and is translated here; commands that are not known are
shown as they are written. The result is well-formed XML, whatever a name holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

# TeX commands for characters that have a meaning to TeX, and these characters.
ESCAPES = {r"\backslash": "\\", r"\sim": "~", r"\wedge": "^"}
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_OPEN, _CLOSE = {"(": ")", "[": "]"}, frozenset(")]")
_THIN = '<mspace width="0.17em"/>'
_APPLIED = "<mo>&#x2061;</mo>"  # between a function's name and its argument

_LETTER_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma
tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
infty
"""
_LETTERS = dict(
    zip(_LETTER_NAMES.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ∞", strict=True)
)
_SIGNS = {
    "cdot": "⋅", "odot": "⊙", "times": "×", "geq": "≥", "leq": "≤", "neq": "≠",
    "wedge": "∧", "vee": "∨", "neg": "¬", "partial": "∂", "|": "‖", "lfloor": "⌊",
    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩",
    "oplus": "⊕", "bmod": "mod", "ldots": "…", "{": "{", "}": "}", "-": "−",
}  # fmt: skip
_FUNCTION_NAMES = """
log ln exp sin cos tan sinh cosh tanh arcsin arccos arctan det max min sgn gcd
"""
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_BIG = {"sum": "∑", "prod": "∏"}
_SPACES = {",": _THIN, ";": '<mspace width="0.28em"/>', "quad": '<mspace width="1em"/>'}
# Parentheses and bars grow with their contents only in a mathematical font, which many
# machines lack. So they are drawn as borders.
_BAR = "border-top: 0.06em solid; padding-top: 0.12em"
_TALL = ("<mfrac", "<mtable", "<munder", "<mroot")
_DRAWN = {
    ("(", ")"): "border: 0 solid; border-width: 0 0.09em; padding: 0.1em 0.25em; "
    "margin: 0 0.1em; border-radius: 0.7em / 50%",
    ("|", "|"): "border: 0 solid; border-width: 0 0.07em; padding: 0.1em 0.15em; "
    "margin: 0 0.1em",
}
_WORDED = frozenset(["mathrm", "mathtt", "mathbf", "operatorname", "text"])


def mathml(tex: str, display: bool = False) -> str:
    """Return a formula as an element; ``display`` gives it a line of its own."""
    attribute = ' display="block"' if display else ""
    return f"<math{attribute}>{inner(tex)}</math>"


def equations(rows: Sequence[tuple[str, str]]) -> str:
    """Return lines, each of a left and a right side, aligned between the two.

    The sign between the sides, such as an equals sign, belongs to the right side.
    """
    made = []
    for left, right in rows:
        # an empty element before the sign makes it an infix operator
        sides = inner(left), inner(f"{{}}{right}")
        made.append(
            f'<mtr><mtd style="text-align: right; padding-right: 0">{sides[0]}</mtd>'
            f'<mtd style="text-align: left; padding-left: 0">{sides[1]}</mtd></mtr>'
        )
    return (
        '<math display="block"><mtable displaystyle="true">'
        f"{''.join(made)}</mtable></math>"
    )


@lru_cache(maxsize=4096)
def inner(tex: str) -> str:
    """Return a formula without the element around it."""
    return _row(_Parser(_TOKEN.findall(tex)).many())


@dataclass(frozen=True)
class _Piece:
    """An element; ``limits`` go below it, an ``argument`` may follow it."""

    xml: str
    limits: bool = False
    argument: bool = False
    fence: bool = False


def _row(pieces: Sequence[_Piece]) -> str:
    """Return pieces as one element."""
    parts = list(_spaced(pieces))
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _spaced(pieces: Sequence[_Piece]) -> Iterator[str]:
    for i, piece in enumerate(pieces):
        yield piece.xml
        if piece.argument and i + 1 < len(pieces):
            yield _APPLIED
            if not pieces[i + 1].fence:
                yield _THIN


def _text(text: str) -> str:
    return escape(_CONTROL.sub("\ufffd", text))


def _sign(sign: str, attributes: str = "") -> _Piece:
    return _Piece(f"<mo{attributes}>{_text(sign)}</mo>")


class _Parser:
    """The tokens of a formula, read from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _skip(self) -> None:
        while self._peek().isspace():
            self.at += 1

    # --- rows -------------------------------------------------------------------------

    def many(self, *ends: str) -> list[_Piece]:
        """Return the pieces up to one of the given tokens, which is left unread."""
        found: list[_Piece] = []
        while self.at < len(self.tokens) and self._peek() not in ends:
            if self._peek().isspace():
                self.at += 1
            else:
                found.append(self._scripted())
        return found

    def _scripted(self) -> _Piece:
        """Return a piece with its superscript and subscript."""
        base = _Piece("<mrow></mrow>") if self._peek() in "^_" else self._one()
        below = above = ""
        while True:
            start = self.at
            self._skip()
            if self._peek() == "_" and not below:
                self._next()
                below = self._argument()
            elif self._peek() == "'" and not above:
                self._next()
                above = "<mo>′</mo>"
            elif self._peek() == "^" and not above:
                self._next()
                above = self._argument()
            else:
                self.at = start
                break
        if not below and not above:
            return base
        kind = {(True, False): "sub", (False, True): "sup", (True, True): "subsup"}[
            bool(below), bool(above)
        ]
        if base.limits:
            kind = {"sub": "under", "sup": "over", "subsup": "underover"}[kind]
        tag = f"m{kind}"
        xml = f"<{tag}>{base.xml}{below}{above}</{tag}>"
        return _Piece(xml, argument=base.argument)

    def _argument(self) -> str:
        """Return the next group, or the next piece."""
        self._skip()
        return "<mrow></mrow>" if not self._peek() else self._one().xml

    def _one(self) -> _Piece:
        token = self._next()
        if token == "{":
            found = self.many("}")
            self._next()
            if len(found) == 1:
                return found[0]
            fence = bool(found) and found[0].fence
            return _Piece(_row(found), fence=fence)
        if token[0] == "\\":
            return self._command(token[1:])
        if token in _OPEN:
            return self._fenced(token)
        if token[0].isdigit():
            return _Piece(f"<mn>{token}</mn>")
        if token.isalpha():
            return _Piece(f"<mi>{_text(token)}</mi>")
        if token == "|":
            return _sign("|", ' stretchy="false"')
        return _sign(_SIGNS.get(token, token))

    def _fenced(self, left: str) -> _Piece:
        """Return a parenthesised row; one that is never closed is a plain sign."""
        start = self.at
        found = self.many(*_CLOSE, "}", r"\right", "&", r"\\")
        if self._peek() not in _CLOSE:
            self.at = start
            return _sign(left, ' stretchy="false"')
        return self._between(left, found, self._next(), ' stretchy="false"')

    def _between(
        self, left: str, found: Sequence[_Piece], right: str, attributes: str = ""
    ) -> _Piece:
        row = _row(found)
        style = ""
        if (left, right) in _DRAWN and any(tag in row for tag in _TALL):
            style = f' style="{_DRAWN[left, right]}"'
            attributes = ' style="font-size: 0"'
        ends = [
            "" if c == "." else _sign(c, f'{attributes} form="{form}"').xml
            for c, form in ((left, "prefix"), (right, "postfix"))
        ]
        return _Piece(f"<mrow{style}>{ends[0]}{row}{ends[1]}</mrow>", fence=True)

    # --- commands ---------------------------------------------------------------------

    def _command(self, name: str) -> _Piece:
        if name in _WORDED:
            return self._words(name)
        if name in _LETTERS:
            return _Piece(f"<mi>{_LETTERS[name]}</mi>")
        if name in _FUNCTIONS:
            return _Piece(f"<mi>{name}</mi>", name in ("max", "min"), argument=True)
        if name in _BIG:
            return _Piece(f"<mo>{_BIG[name]}</mo>", limits=True)
        if name in _SPACES:
            return _Piece(_SPACES[name])
        if name in _SIGNS:
            return _sign(_SIGNS[name])
        match name:
            case "top":
                return _Piece('<mi mathvariant="normal">⊤</mi>')
            case "frac":
                return _Piece(f"<mfrac>{self._argument()}{self._argument()}</mfrac>")
            case "sqrt":
                return self._root()
            case "bar" | "overline":
                return _Piece(f'<mrow style="{_BAR}">{self._argument()}</mrow>')
            case "left":
                return self._stretched()
            case "bigl" | "bigr":  # its partner is on another line
                return _sign(self._delimiter(), ' stretchy="false"')
            case "begin":
                return self._environment()
        return _Piece(f"<mtext>{_text(chr(92) + name)}</mtext>")

    def _root(self) -> _Piece:
        self._skip()
        if self._peek() != "[":
            return _Piece(f"<msqrt>{self._argument()}</msqrt>")
        self._next()
        degree = _row(self.many("]"))
        self._next()
        return _Piece(f"<mroot>{self._argument()}{degree}</mroot>")

    def _stretched(self) -> _Piece:
        left = self._delimiter()
        found = self.many(r"\right")
        self._next()
        return self._between(left, found, self._delimiter())

    def _delimiter(self) -> str:
        self._skip()
        token = self._next()
        return _SIGNS.get(token[1:], token) if token[:1] == "\\" else token or "."

    def _environment(self) -> _Piece:
        """Return an environment; every one is read as cases."""
        self._raw()
        rows: list[list[str]] = [[]]
        while self.at < len(self.tokens):
            rows[-1].append(_row(self.many("&", r"\\", r"\end")))
            token = self._next()
            if token == r"\\":
                rows.append([])
            elif token == r"\end":
                self._raw()
                break
        cell = '<mtd style="text-align: left">'
        body = "".join(
            f"<mtr>{''.join(f'{cell}{c}</mtd>' for c in row)}</mtr>" for row in rows
        )
        size = f"font-size: {130 * len(rows)}%"
        brace = f'<mo stretchy="false" form="prefix" style="{size}">{{</mo>'
        brace = f'<mpadded voffset="-{0.33 * len(rows) - 0.25:.2g}em">{brace}</mpadded>'
        return _Piece(f"<mrow>{brace}<mtable>{body}</mtable></mrow>", fence=True)

    def _words(self, kind: str) -> _Piece:
        text = self._raw()
        shown = _text(text) or "&#x200b;"
        match kind:
            case "mathtt":
                return _Piece(f'<mtext style="font-family: monospace">{shown}</mtext>')
            case "mathbf":
                return _Piece(f'<mi style="font-weight: bold">{shown}</mi>')
            case "text":  # outer spaces would be dropped
                return _Piece(f"<mtext>{shown.replace(' ', '&#xa0;')}</mtext>")
        normal = ' mathvariant="normal"' if len(text) == 1 else ""
        return _Piece(f"<mi{normal}>{shown}</mi>", argument=kind == "operatorname")

    def _raw(self) -> str:
        """Return the text of a group, with TeX's escapes undone."""
        self._skip()
        if self._peek() != "{":
            return ""
        self._next()
        found: list[str] = []
        depth = 1
        while self.at < len(self.tokens):
            token = self._next()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not depth:
                break
            if token in ESCAPES:
                found.append(ESCAPES[token])
            elif token[0] == "\\" and not token[1:].isalpha():
                found.append(token[1:])
            elif token not in ("{", "}"):
                found.append(token)
        return "".join(found)
