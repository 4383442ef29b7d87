"""How a name of the generated code is written in mathematics.

In: an identifier such as ``hidden_W``, ``d_z`` or ``alpha``. Out: its TeX, from which
LaTeX and MathML are made. Invariant: braces in the result are balanced, whatever the
name holds, and LaTeX is plain ASCII. Within one `telling_apart`, names that differ are
written differently.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from symdiff.explain.mathml import ESCAPES, mathml

_LETTERS = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi
pi rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon
Phi Psi Omega"""
_GREEK = frozenset(_LETTERS.split())


_ESCAPED = {c: f"{command}{{}}" for command, c in ESCAPES.items()}


class Typeset:
    """What has ``tex``, which keeps letters that are not ASCII."""

    tex: str

    @property
    def latex(self) -> str:
        """Return it for TeX engines of any kind."""
        return ascii_only(self.tex)

    @property
    def mathml(self) -> str:
        """Return it for browsers, to stand alone."""
        return mathml(self.tex)


@dataclass(frozen=True)
class Symbol(Typeset):
    """A name, and how it is typeset."""

    name: str
    tex: str


def ascii_only(tex: str) -> str:
    """Return TeX in which code points replace characters that are not ASCII."""
    if tex.isascii():
        return tex
    return "".join(c if c.isascii() else f"u{ord(c):04X}" for c in tex)


# The TeX of names that others around them would look like.
_APART: ContextVar[Mapping[str, str]] = ContextVar("symdiff_symbols")


@contextmanager
def telling_apart(symbols: Mapping[str, str]) -> Iterator[None]:
    """Write these names, which `apart` has found, by the TeX that is given."""
    token = _APART.set(symbols)
    try:
        yield
    finally:
        _APART.reset(token)


def apart(
    names: Iterable[str], cotangents: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the TeX of those among some names that would look like another one.

    The first of several that look alike is written as always, the others letter by
    letter. ``cotangents`` gives the name of a value for the name of its cotangent,
    which is that value with a bar; nothing else is.
    """
    found: dict[str, str] = {}
    primal = {} if cotangents is None else cotangents
    used = {_look(_barred(name, _symbol(name).tex)) for name in primal.values()}
    for name in names:
        tex = _symbol(name).tex
        if _look(tex) in used:
            tex = found[name] = _literal(name)
        used.add(_look(tex))
    for name, of in primal.items():
        tex = _barred(of, found.get(of) or _symbol(of).tex)
        if tex != _symbol(name).tex:
            found[name] = tex
    return found


def symbol(name: str) -> Symbol:
    """Return a name's symbol; the cotangent ``d_z`` is written z with a bar."""
    tex = _APART.get({}).get(name)
    return _symbol(name) if tex is None else Symbol(name, tex)


@lru_cache(maxsize=4096)
def _symbol(name: str) -> Symbol:
    if name.startswith("d_") and len(name) > 2:
        return Symbol(name, _barred(name[2:], _symbol(name[2:]).tex))
    return Symbol(name, _plain(name))


def _barred(name: str, tex: str) -> str:
    return rf"\{'bar' if len(name) == 1 else 'overline'}{{{tex}}}"


def _look(tex: str) -> str:
    """Return TeX with one kind of bar."""
    return tex.replace(r"\overline{", r"\bar{")


def _literal(name: str) -> str:
    return rf"\mathtt{{{escaped(name)}}}"


def _plain(name: str) -> str:
    if name == "e":  # which alone is Euler's number
        return _literal(name)
    parts = [p for p in name.split("_") if p]
    if not parts:
        return escaped(name)
    if len(parts) == 1:
        return _word(parts[0])
    # hidden_W is W of hidden, t_margin t of margin, total_2 the second total
    short = next((i for i, part in enumerate(parts) if _is_short(part)), None)
    if short is not None:
        rest = [part for i, part in enumerate(parts) if i != short]
        return f"{_word(parts[short])}_{{{','.join(_word(r) for r in rest)}}}"
    if parts[-1].isdigit():
        return f"{_upright('_'.join(parts[:-1]))}_{{{parts[-1]}}}"
    return _upright("_".join(parts))


def _is_short(part: str) -> bool:
    return (len(part) == 1 and not part.isdigit()) or part in _GREEK


def _word(part: str) -> str:
    if part in _GREEK:
        return f"\\{part}"
    head = part.rstrip("0123456789")
    if head != part and _is_short(head):
        return f"{_word(head)}_{{{part[len(head) :]}}}"
    if part.isascii() and (len(part) == 1 or part.isdigit()):
        return part
    return _letter(part) if len(part) == 1 else _upright(part)


def _letter(character: str) -> str:
    """Return the TeX of a character that is not ASCII: a Greek letter, or its name."""
    found = unicodedata.name(character, "").split()
    if found[:1] == ["GREEK"] and len(found) == 4 and found[2] == "LETTER":
        name = found[3].lower().replace("lamda", "lambda")
        name = name.capitalize() if found[1] == "CAPITAL" else name
        if name in _GREEK:
            return f"\\{name}"
    return _upright(character)


def _upright(text: str) -> str:
    return rf"\mathrm{{{escaped(text)}}}"


def escaped(text: str) -> str:
    """Return text in which no character has a meaning to TeX, in math or outside."""
    return "".join(_ESCAPED.get(c, f"\\{c}" if c in "#$%&_{}" else c) for c in text)
