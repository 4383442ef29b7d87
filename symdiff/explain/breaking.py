r"""Formulas broken into lines that fit a page.

In: TeX, and the room that there is, in em. Out: lines of TeX. Invariant: joined, the
lines are the formula; each is balanced in its braces, and the parentheses that a line
opens and another one closes are \bigl and \bigr, which may stand on different lines.
The width is an estimate that is meant to be too large rather than too small.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PAGE = 42.0  # em of a line of the LaTeX document, with the margin it has
WIDEST = 26.0  # em of a fraction that is written above and below a line
SCRIPT = 0.75  # the size of an index

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
_WORDED = frozenset(["mathrm", "mathtt", "mathbf", "operatorname", "text"])
_WIDE = {"quad": 1.0, ",": 0.17, ";": 0.28, "sum": 1.5, "prod": 1.3, "max": 1.9,
    "min": 1.9, "ldots": 1.2, "{": 0.5, "}": 0.5, "_": 0.5, "infty": 1.0,
    "log": 1.4, "exp": 1.6, "sin": 1.3, "cos": 1.4, "tan": 1.5, "tanh": 2.1,
    "sinh": 1.9, "cosh": 2.0, "arctan": 2.7, "arcsin": 2.6, "arccos": 2.7,
    "odot": 1.3, "times": 1.3, "cdot": 0.9, "neq": 1.4, "geq": 1.4, "leq": 1.4,
}  # fmt: skip
_SIGNS = {"+": 1.3, "-": 1.3, "=": 1.4, "<": 1.4, ">": 1.4, ",": 0.45, ".": 0.3}
_TEXT = r"\text{"
_EDGE = 0.5  # what a line may lack because a space at its start is left out
# Where a line may end, best first: between terms and arguments, at a product, a word.
_KINDS = (
    frozenset([","]),
    frozenset(["+", "-", r"\quad"]),
    frozenset([r"\odot", r"\cdot", r"\,", "/"]),
    frozenset(["text"]),
)


@dataclass
class _Box:
    """A piece of a formula that no line ends in, or what stands in parentheses."""

    tex: str
    width: float
    inner: list[_Box] | None = None  # of parentheses
    ends: tuple[str, str] = ("", "")
    after: str = ""  # the scripts of parentheses,
    tail: float = 0.5  # and their width with that of the parenthesis


def width(tex: str) -> float:
    """Return an estimate of the width of TeX, in em."""
    return _sum(_Boxes(tex).many())


def _sum(items: Sequence[_Box]) -> float:
    return sum(i.width for i in items)


class _Boxes:
    """The tokens of a formula, read from left to right."""

    def __init__(self, tex: str) -> None:
        self.tokens = _TOKEN.findall(tex)
        self.at = 0

    def many(self, *ends: str) -> list[_Box]:
        """Return the items up to one of the given tokens, which is left unread."""
        found: list[_Box] = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in ends:
            token = self.tokens[self.at]
            if token in ("^", "_") and found:
                self.at += 1
                self._script(found[-1], token)
            elif token == _TEXT[:-1]:
                found += self._text()
            elif token == r"\frac":
                found.append(self._fraction())
            else:
                found.append(self._one())
        return found

    def _script(self, base: _Box, mark: str) -> None:
        start = self.at
        item = self._one()
        tex = mark + "".join(self.tokens[start : self.at])
        size = SCRIPT * item.width
        below = base.tex.startswith(r"\underbrace")
        base.width = max(base.width, size) if below else base.width + size
        if base.inner is None:
            base.tex += tex
        else:
            base.after += tex
            base.tail += SCRIPT * item.width

    def _one(self) -> _Box:
        token = self.tokens[self.at]
        start = self.at
        self.at += 1
        if token.isspace():
            return _Box(token, 0.0)
        if token == "{":
            size = _sum(self.many("}"))
            self.at += 1
            return self._since(start, size)
        if token == r"\left":
            return self._fence()
        if token[0] == "\\":
            return self._command(start, token[1:])
        if token in ("(", "["):
            return self._enclosed(start)
        letter = 0.62 if token.isalpha() else 0.55
        return _Box(token, _SIGNS.get(token, letter))

    def _fraction(self) -> _Box:
        """Return a fraction; one that no line has room for as a quotient."""
        start = self.at
        self.at += 1
        sizes, parts = [], []
        for _ in range(2):
            first = self.at
            sizes.append(self._argument())
            parts.append("".join(self.tokens[first : self.at]).strip())
        whole = self._since(start, max(sizes) + 0.3)
        if max(sizes) < WIDEST:
            return whole
        above, below = (_term(_Boxes(p[1:-1]).many()) for p in parts)
        return _fence("(", [above, _Box(" / ", 0.8), below], ")")

    def _enclosed(self, start: int) -> _Box:
        """Return plain parentheses with all in them; one that stays open is a sign."""
        size = _sum(self.many(")", "]", "}", r"\right", "&", r"\\"))
        if self.at < len(self.tokens) and self.tokens[self.at] in (")", "]"):
            self.at += 1
            return self._since(start, size + 0.8)
        self.at = start + 1
        return _Box(self.tokens[start], 0.4)

    def _since(self, start: int, size: float) -> _Box:
        return _Box("".join(self.tokens[start : self.at]), size)

    def _command(self, start: int, name: str) -> _Box:
        if name in _WORDED:
            return self._since(start, 0.53 * self._letters())
        match name:
            case "underbrace" | "sqrt" | "bar" | "overline" | "hat":
                return self._since(start, self._argument() + 0.3)
            case "begin":
                return self._since(start, self._environment())
        return _Box("\\" + name, _WIDE.get(name, 0.65))

    def _text(self) -> list[_Box]:
        """Return the words of a text, each with the space after it."""
        start = self.at
        self.at += 1
        self._argument()
        inside = "".join(self.tokens[start + 2 : self.at - 1])
        words = re.findall(r"\S+\s*|\s+", inside) if _is_flat(inside) else [inside]
        return [_Box(f"{_TEXT}{w}}}", 0.53 * len(w)) for w in words]

    def _argument(self) -> float:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self._one().width if self.at < len(self.tokens) else 0.0

    def _letters(self) -> int:
        """Return how many letters a group has."""
        start = self.at
        self._argument()
        return max(
            sum(not t.isspace() or t == " " for t in self.tokens[start : self.at]) - 2,
            0,
        )

    def _environment(self) -> float:
        """Return the width of the widest row."""
        widest = row = 0.0
        self._argument()
        while self.at < len(self.tokens):
            row += _sum(self.many("&", r"\\", r"\end"))
            token = self.tokens[self.at] if self.at < len(self.tokens) else r"\end"
            self.at += 1
            if token == "&":
                row += 1.0
                continue
            widest, row = max(widest, row), 0.0
            if token == r"\end":
                self._argument()
                break
        return widest + 1.0

    def _delimiter(self) -> str:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def _fence(self) -> _Box:
        left = self._delimiter()
        inner = self.many(r"\right")
        self.at += 1
        right = self._delimiter() if self.at < len(self.tokens) else "."
        return _fence(left, inner, right)


def _term(items: list[_Box]) -> _Box:
    """Return a factor: in parentheses unless it is a single item."""
    alone = len(items) == 1
    return items[0] if alone else _fence("(", items, ")")


def _fence(left: str, inner: list[_Box], right: str) -> _Box:
    """Return what stands in parentheses that grow with it."""
    tex = rf"\left{left}{''.join(map(_whole, inner))}\right{right}"
    return _Box(tex, _sum(inner) + 1.0, inner, (left, right))


def _is_flat(text: str) -> bool:
    """Whether a text has no groups, which a space in them would part."""
    return not re.search(r"{[^}]", re.sub(r"\\[{}]|{-}", "", text))


def _whole(item: _Box) -> str:
    return item.tex + item.after


def lines(tex: str, room: float, later: float | None = None) -> list[str]:
    """Return a formula as lines of at most ``room`` em where that can be.

    ``later`` is the room of the lines after the first, by default the same.
    """
    items = _Boxes(tex).many()
    if _sum(items) <= room:
        return [tex]
    made = _Filling(room, room if later is None else later)
    made.fill(items)
    return made.done()


class _Filling:
    """Lines under construction; ``open`` is what the present one has so far."""

    def __init__(self, room: float, later: float) -> None:
        self.room, self.later = room, later
        self.found: list[str] = []
        self.open, self.used = "", 0.0

    def done(self) -> list[str]:
        if self.open.strip():
            self._end()
        return self.found

    def _end(self) -> None:
        self.found.append(self.open.strip())
        self.open, self.used, self.room = "", 0.0, self.later

    def _add(self, tex: str, size: float) -> None:
        # words that were parted are joined again
        if tex.startswith(_TEXT) and re.search(r"\\text{[^{}]*}$", self.open):
            self.open, tex = self.open[:-1], tex.removeprefix(_TEXT)
        self.open += tex
        self.used += size

    def fill(self, items: Sequence[_Box], after: float = 0.0, kind: int = 0) -> None:
        """Add items, broken at places of a kind, and of finer ones where that is not
        enough; ``after`` is the room that what follows needs.
        """
        pieces = _pieces(items, _KINDS[kind])
        for n, piece in enumerate(pieces):
            size = _sum(piece) + (after if n + 1 == len(pieces) else 0.0)
            if self.used and self.used + size > self.room >= size - _EDGE:
                self._end()
                piece = _started(piece)
            if self.used + size <= self.room:
                for item in piece:
                    self._add(_whole(item), item.width)
            elif kind + 1 < len(_KINDS):
                self.fill(piece, size - _sum(piece), kind + 1)
            else:
                self._split(piece)

    def _split(self, piece: Sequence[_Box]) -> None:
        """Add a piece that is too wide: it is broken in its widest parentheses."""
        fences = [i for i in piece if i.inner is not None and i.ends[0] != "."]
        widest = max(fences, key=lambda i: i.width, default=None)
        if widest is None or widest.width < 6:
            if self.used:
                self._end()
                piece = _started(piece)
            widest = None
        head = 0.0
        for item in piece:
            if item is widest:
                break
            head += item.width
        if self.used and self.used + head + 4 > self.room:
            self._end()
            piece = _started(piece)
        for item in piece:
            if item is not widest or item.inner is None:
                self._add(_whole(item), item.width)
                continue
            self._add(rf"\bigl{item.ends[0]}", 0.5)
            self.fill(item.inner, item.tail)
            self._add(rf"\bigr{item.ends[1]}{item.after}", item.tail)


def _started(piece: Sequence[_Box]) -> list[_Box]:
    """Return a piece at the start of a line: a thin space there is left out."""
    found = list(piece)
    while found and (found[0].tex.isspace() or found[0].tex in (r"\,", r"\quad")):
        found.pop(0)
    return found


def _pieces(items: Sequence[_Box], kind: frozenset[str]) -> list[list[_Box]]:
    """Return the parts between which a line may end: before a sign, after a comma."""
    found: list[list[_Box]] = [[]]
    last = ""
    for item in items:
        bare = item.tex.strip()
        spaced = item.tex == r"\," and last == ","
        starts = bare in kind and last not in ("", ",", "=") and not spaced
        starts = starts or ("," in kind and last == "," and bool(bare) and not spaced)
        starts = starts or ("text" in kind and item.tex.startswith(_TEXT))
        if starts and found[-1]:
            found.append([])
        found[-1].append(item)
        if bare and not spaced:
            last = item.tex
    return found
