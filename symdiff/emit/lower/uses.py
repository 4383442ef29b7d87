"""What a comment tells of each use of a value, and of several uses on one line.

In: formulas of uses, longer and shorter ones, and by which factor they are
differentiated. Out: comments, the fullest first. Invariant: a factor that the formula
leaves open is named in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MORE = "..."
SEPARATOR = "; "  # between uses of a value whose cotangents are added


@dataclass(frozen=True, slots=True)
class Use:
    """A formula that a line differentiates: its ``forms``, shorter and shorter ones.

    ``by`` is what the line is for, if other lines differentiate the formula by another
    operand. ``alone`` are the forms for a line of this use alone, if they are others:
    the fullest that fits is wanted, be it on a row of its own.
    """

    forms: tuple[str, ...]
    by: str = ""
    alone: tuple[str, ...] = ()

    def renamed(self, said: Callable[[str], str]) -> Use:
        """Return the use in other names."""
        forms, alone = map(said, self.forms), map(said, self.alone)
        return Use(tuple(forms), said(self.by), tuple(alone))

    @property
    def shortest(self) -> str:
        """The formula without further words."""
        return self.forms[-1]


def phrases(uses: Sequence[Use]) -> Iterator[str]:
    """Yield comments that name the uses of a line, shorter and shorter ones.

    All are named, or the first ones; an ellipsis says that there are more. What all of
    them are for is left out before one of them is: it is in all of their formulas.
    """
    if len(uses) == 1:
        yield from uses[0].alone or uses[0].forms
        return
    by = by_of(uses)
    each = bool(by) and all(mentions(use.shortest, by) for use in uses)
    forms = [use.alone[:1] if use.by and not each else use.forms for use in uses]
    for count in range(len(uses), 0, -1):
        rest = (MORE,) * (len(uses) > count)
        for length in (0, -1):
            told = SEPARATOR.join((*(f[length] for f in forms[:count]), *rest))
            yield f"{told}, each by {by}" if each else told
        if each and not rest:
            yield SEPARATOR.join(use.shortest for use in uses)


def by_of(uses: Sequence[Use]) -> str:
    """Return what a line is for, if one of its uses leaves it open, else ''."""
    found = {use.by for use in uses if use.by}
    return found.pop() if len(found) == 1 else ""


def is_strict(uses: Sequence[Use]) -> bool:
    """Whether the fullest comment is wanted, not one that has room beside the line."""
    return bool(by_of(uses) or (len(uses) == 1 and uses[0].alone))


def mentions(formula: str, name: str) -> bool:
    """Whether a formula has a name, or another formula, in it."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", formula) is not None


def is_whole(phrase: str) -> bool:
    """Whether a comment leaves nothing out."""
    return MORE not in phrase
