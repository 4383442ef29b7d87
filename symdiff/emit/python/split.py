"""Break one logical line of tokens into lines that fit, where black and ruff would.

In go the tokens of a statement with its optional (textless) parentheses, out come lines
of text. The invariant: joined again the lines hold the same tokens, apart from optional
parentheses made visible and trailing commas added. The method is black's: a line that
is too long is split at its last bracket pair that helps (right-hand split) into head,
body and tail; what stands inside brackets is then split at its loosest operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from symdiff.emit.python.chars import columns
from symdiff.emit.python.pieces import COMMA, DOT
from symdiff.emit.python.tokens import Tok, bracket_pair, text_of

STEP = 4
_DEEPEST = 50  # splits within splits: no readable statement comes near


class _CannotSplitError(Exception):
    """This way of splitting does not apply: the next one is tried."""


@dataclass(slots=True, eq=False)
class Row:
    """Tokens on one line; `inside` if an enclosing bracket lets it break anywhere."""

    toks: list[Tok]
    indent: int
    inside: bool = False
    is_def: bool = False
    explode: bool = False
    tracked: bool = True
    level: int = 0
    delimiters: dict[Tok, int] = field(default_factory=dict)
    optional: list[Tok] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        """Note where the line may be broken and which optional brackets it holds."""
        self.text = text_of(self.toks)
        depth, previous = 0, None
        present = set(self.toks)
        for tok in self.toks:
            whole = tok.partner in present
            depth -= whole and tok.kind == "close"
            if not depth and self.tracked and not tok.text and whole:
                self.optional.append(tok)
            if not depth and tok.priority and self.inside:
                if tok.kind == "comma":
                    self.delimiters[tok] = tok.priority
                elif previous is not None:
                    self.delimiters[previous] = tok.priority
            depth += whole and tok.kind == "open"
            previous = tok

    def fits(self, width: int) -> bool:
        return self.indent + columns(self.text) <= width

    def strongest(self, last_counts: bool = True) -> int:
        """Return the loosest break's priority, 0 if the line has none."""
        last = None if last_counts else self.toks[-1]
        return max((p for t, p in self.delimiters.items() if t is not last), default=0)

    def count(self, priority: int) -> int:
        return sum(p == priority for p in self.delimiters.values())


class _Split(NamedTuple):
    head: Row
    body: Row
    tail: Row
    opening: Tok


def _length(tok: Tok) -> int:
    return columns(tok.text) + tok.space


def _build(line: Row, head: list[Tok], body: list[Tok], tail: list[Tok]) -> _Split:
    """Return the three lines around the bracket that ends `head`."""
    opening = head[-1]
    if line.is_def and not any(t.kind == "comma" for t in body):
        body = [*body, Tok(",", "comma", priority=COMMA)]
    middle = Row(body, line.indent + STEP, inside=True)
    trailing = body[-1].kind == "comma"
    if opening.text and middle.strongest(last_counts=False) == COMMA:
        # A display of several items goes one item a line at once.
        middle.explode = trailing or opening.display
    return _Split(
        Row(head, line.indent),
        middle,
        Row(tail, line.indent, tracked=False),
        opening,
    )


def _last_brackets(line: Row, omit: frozenset[Tok]) -> _Split:
    """Return the split at the last bracket pair not in `omit` (closing brackets)."""
    toks = line.toks
    end = len(toks) - 1
    while end >= 0:
        tok = toks[end]
        empty = end and toks[end - 1] is tok.partner
        if tok.kind == "close" and tok not in omit and not empty:
            break
        end -= 1
    if end < 0:
        raise _CannotSplitError("no brackets")
    start = end - 1
    while start >= 0 and toks[start] is not toks[end].partner:
        start -= 1
    if start < 0:
        raise _CannotSplitError("the bracket opens on an earlier line")
    return _build(line, toks[: start + 1], toks[start + 1 : end], toks[end:])


def _can_omit_parens(split: _Split, width: int) -> bool:
    """Return whether the body may do without its optional parentheses."""
    body = split.body
    toks = body.toks
    if not body.delimiters:
        return True
    priority = body.strongest()
    if body.count(priority) > 1 or priority == COMMA:
        return False
    if priority == DOT:
        return True
    first, second, penultimate, last = toks[0], toks[1], toks[-2], toks[-1]
    opens = first.kind == "open" and second.kind != "close"
    if opens and _rest_fits(body, first, width):
        return True
    closes = last.kind == "close" and (last.text in ")}" or last.display)
    if closes:
        if penultimate.kind == "open":
            return False
        return _opening_fits(body, last, width)
    return False


def _rest_fits(body: Row, first: Tok, width: int) -> bool:
    """Return whether what follows `first`'s bracket fits, up to the next bracket."""
    counting, length = False, body.indent
    for tok in body.toks:
        if tok.kind == "close" and tok.partner is first:
            counting = True
        if counting:
            length += _length(tok)
            if length > width:
                return False
            if tok.kind == "open":
                counting = False
    return True


def _opening_fits(body: Row, last: Tok, width: int) -> bool:
    """Return whether the line up to the last bracket fits or can be split before."""
    length, others = body.indent, False
    for tok in body.toks:
        length += _length(tok)
        if tok is last.partner:
            return others or length <= width
        if tok.kind == "open":
            others = True
    return False


def _can_be_split(body: Row) -> bool:
    """Return False for what surely cannot: one token, or a method of a string."""
    toks = body.toks
    return len(toks) > 1 and (toks[0].kind, toks[1].kind) != ("string", "dot")


def _prefer_without(without: _Split, split: _Split, width: int) -> bool:
    """Return whether to break inside the right-hand side, not around it."""
    head = split.head.toks
    if not (len(head) >= 2 and head[-2].kind == "eq"):
        return True
    if not any(t.kind in ("open", "close") for t in head[:-1]):
        return True
    if not split.head.fits(width - 1):
        return True
    for tok in reversed(without.head.toks):
        if tok.kind == "eq":
            break
        if tok.kind == "close":
            return True
    has_eq = any(t.kind == "eq" for t in without.head.toks)
    return has_eq and without.head.fits(width)


def _right_hand(line: Row, width: int, omit: frozenset[Tok], force: bool) -> list[Row]:
    """Return head, body and tail around the last bracket pair not in `omit`."""
    return _settle(_last_brackets(line, omit), line, width, omit, force)


def _settle(
    split: _Split, line: Row, width: int, omit: frozenset[Tok], force: bool
) -> list[Row]:
    """Return the lines of `split`, or of a split inside it if that reads better."""
    opening, closing = split.opening, split.tail.toks[0]
    if not force and not opening.text and _can_omit_parens(split, width):
        inner = omit | {closing}
        try:
            without = _last_brackets(line, inner)
            if _prefer_without(without, split, width):
                return _settle(without, line, width, inner, force)
        except _CannotSplitError:
            if not _can_be_split(split.body) and not split.body.fits(width):
                raise
    head, tail = split.head, split.tail
    if not opening.text:
        left, right = bracket_pair("(", ")", display=True)
        left.space, right.space = opening.space, False
        head = Row([*head.toks[:-1], left], head.indent)
        split.body.explode = split.body.strongest() == COMMA
        tail = Row([right, *tail.toks[1:]], tail.indent, tracked=False)
    return [ln for ln in (head, split.body, tail) if ln.toks]


def _omissions(line: Row, width: int) -> Iterator[frozenset[Tok]]:
    """Yield growing sets of trailing bracket pairs to pass over.

    A pair may be passed over while what follows it still fits on one line.
    """
    omit: set[Tok] = set()
    yield frozenset()
    length = line.indent
    waiting: Tok | None = None
    closing: Tok | None = None
    inner: set[Tok] = set()
    for index in range(len(line.toks) - 1, -1, -1):
        tok = line.toks[index]
        length += _length(tok)
        if length > width:
            return
        if waiting is not None:
            if tok is waiting:
                waiting = None
            elif tok.kind == "close":
                inner.add(tok)
        elif tok.kind == "close":
            if index and line.toks[index - 1].kind == "open":
                inner.add(tok)
                continue
            if closing is not None:
                omit.add(closing)
                omit |= inner
                inner.clear()
                yield frozenset(omit)
            if tok.text:
                waiting, closing = tok.partner, tok


def _best_right_hand(line: Row, width: int, force: bool) -> list[Row]:
    """Return the first right-hand split whose first line fits."""
    for omit in _omissions(line, width):
        lines = _right_hand(line, width, omit, force)
        if lines[0].fits(width):
            return lines
    return _right_hand(line, width, frozenset(), force)


def _left_hand(line: Row) -> list[Row]:
    """Return head, body and tail around the first brackets, of a `def`."""
    start = next(i for i, t in enumerate(line.toks) if t.kind == "open")
    end = next(i for i, t in enumerate(line.toks) if t.partner is line.toks[start])
    if end == start + 1:
        raise _CannotSplitError("no parameters")
    toks = line.toks
    split = _build(line, toks[: start + 1], toks[start + 1 : end], toks[end:])
    return [split.head, split.body, split.tail]


def _at_delimiters(line: Row) -> list[Row]:
    """Return one line per operand of the loosest operator, or per item."""
    priority = line.strongest(last_counts=False)
    if not priority or (priority == DOT and line.count(DOT) == 1):
        raise _CannotSplitError("no delimiters")
    groups: list[list[Tok]] = [[]]
    for tok in line.toks:
        groups[-1].append(tok)
        if line.delimiters.get(tok) == priority:
            groups.append([])
    groups = [g for g in groups if g]
    if priority == COMMA and groups[-1][-1].kind != "comma":
        groups[-1].append(Tok(",", "comma", priority=COMMA))
    return [Row(g, line.indent, inside=line.inside) for g in groups]


def _run(line: Row, lines: list[Row], width: int, force: bool) -> list[Row]:
    if any((ln.text, ln.indent) == (line.text, line.indent) for ln in lines):
        raise _CannotSplitError("nothing changed")
    for ln in lines:
        ln.level = line.level + 1
    return [out for ln in lines for out in _transform(ln, width, force)]


def _transform(line: Row, width: int, force: bool = False) -> list[Row]:
    """Return `line` as lines that fit, as far as that can be done."""
    if (line.fits(width) and not line.explode) or line.level > _DEEPEST:
        return [line]
    try:
        if line.is_def:
            return _run(line, _left_hand(line), width, force)
        if line.inside:
            try:
                return _run(line, _at_delimiters(line), width, force)
            except _CannotSplitError:
                pass
        result = _run(line, _best_right_hand(line, width, force), width, force)
    except _CannotSplitError:
        return [line]
    untouched = {t for ln in result for t in ln.toks}
    used = any(t not in untouched for t in line.optional)
    if force or not line.optional or used or result[0].fits(width):
        return result
    try:
        lines = _best_right_hand(line, width, force=True)
        second = _run(line, lines, width, force=True)
    except _CannotSplitError:
        return result
    return second if all(ln.fits(width) for ln in second) else result


def _joined(lines: list[Row], width: int) -> list[Row]:
    """Return `lines` with brackets closed again that fit after a closing bracket.

    Splitting a tail at its last bracket first is needless where the tail fits; here
    the printer follows ruff, not black.
    """
    out: list[Row] = []
    for line in lines:
        out.append(line)
        if len(out) < 3:
            continue
        head, body, tail = out[-3:]
        closes = head.toks[0].kind == "close" and tail.toks[0] is head.toks[-1].partner
        # (A comma with a priority separates; without, it makes a one-tuple.)
        if not closes or (body.toks[-1].kind == "comma" and body.toks[-1].priority):
            continue
        whole = Row([*head.toks, *body.toks, *tail.toks], head.indent)
        if whole.fits(width):
            out[-3:] = [whole]
    return out


def _long_target(toks: list[Tok], indent: int, width: int) -> int:
    """Return where the value begins if the target must be broken, else 0.

    It must if `target = (` is too long, or `target = -f(`: ruff never parenthesises a
    sign before a lone call.
    """
    depth, start = 0, 0
    for at, tok in enumerate(toks):
        depth += (tok.kind == "open") - (tok.kind == "close")
        if tok.kind == "eq" and not depth:
            start = at + 1
            break
    if not start or not any(t.kind == "open" for t in toks[:start]):
        return 0
    room = width - indent - columns(text_of(toks[:start]))
    value = Row(toks[start + 1 : -1], indent, inside=True)
    if not value.toks or value.toks[0].text not in ("-", "~", "+", "not"):
        return start if room < len(" (") else 0
    if value.strongest() > DOT:
        return start if room < len(" (") else 0
    for i, tok in enumerate(value.toks):
        if tok.kind == "open" and value.toks[i + 1] is not tok.partner:
            return start if room <= columns(text_of(value.toks[: i + 1])) else 0
    return start if room <= columns(value.text) else 0


def split_line(
    toks: list[Tok], indent: int, width: int, is_def: bool = False
) -> list[str]:
    """Return the lines, indented, that `toks` take within `width` columns."""
    out: list[str] = []
    if at := _long_target(toks, indent, width):
        # The target takes several lines; the value follows on the last of them. (Here
        # black alone would put operators in parentheses of their own, ruff does not.)
        paren = Tok(" (")  # what must fit beside the target
        target = Row([*toks[:at], paren], indent, explode=True)
        *lines, last = _transform(target, width)
        if lines:
            out = [" " * ln.indent + ln.text for ln in lines]
            toks = [Tok(last.text[: -len(paren.text)], "eq"), *toks[at:]]
    line = Row(toks, indent, is_def=is_def)
    if out and not toks[-1].text:
        # Beside a target in several lines, a bare tuple takes several lines too.
        value = Row(toks[2:-1], indent, inside=True)
        line.explode = value.strongest() == COMMA
    lines = _joined(_transform(line, width), width)
    return out + [" " * ln.indent + ln.text for ln in lines]
