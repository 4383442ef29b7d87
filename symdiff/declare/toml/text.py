"""The text of a TOML spec: its values, and where in the file each of them stands.

In: the bytes of a file. Out: a `Document` with what `tomllib` reads, and a
`KeyValueSpan` for every key and value, which `tomllib` does not tell. Invariant:
whatever the bytes are, what is wrong with them is a `SpecError` with file, line, column
and a caret, found in time and memory that the limits below bound; nothing is executed.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symdiff.graph.errors import SpecError

MAX_BYTES = 256 * 1024
MAX_LINE = 10_000  # characters; keys with more dots than that cost tomllib seconds
_SHOWN = 76  # characters of a line that errors quote

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class KeyValueSpan:
    """Where a key stands, and its value: offsets in the text, ends excluded.

    ``characters`` are the offsets of a string's characters, and of its end.
    """

    key: tuple[int, int]
    value: tuple[int, int]
    characters: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Document:
    """A TOML file: its text, its values, and their places by path of keys."""

    path: Path
    text: str
    values: dict[str, Any]
    places: dict[Path_, KeyValueSpan] = field(repr=False)
    starts: list[int] = field(repr=False)  # offsets of the lines

    def place(self, path: Path_) -> KeyValueSpan:
        """Return the place of a value, or of the nearest table around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, KeyValueSpan((0, 0), (0, 0)))

    def line(self, offset: int) -> int:
        """Return the number of the line that an offset lies in."""
        return bisect_right(self.starts, offset)

    def at_key(self, path: Path_, message: str) -> SpecError:
        """Return an error with its caret below a key."""
        return self.error(*self.place(path).key, message)

    def at_value(self, path: Path_, message: str) -> SpecError:
        """Return an error with its caret below a value."""
        found = path in self.places
        place = self.place(path)
        return self.error(*(place.value if found else place.key), message)

    def error(self, start: int, end: int, message: str) -> SpecError:
        """Return an error with its caret below a stretch of the text."""
        return _pointed(self.path, self.text, self.starts, start, end, message)


def _starts(text: str) -> list[int]:
    return [0, *(m.end() for m in re.finditer("\n", text))]


def _pointed(
    path: Path, text: str, starts: list[int], start: int, end: int, message: str
) -> SpecError:
    message = "".join(
        c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in message
    )
    number = bisect_right(starts, start)
    begin = starts[number - 1]
    stop = starts[number] - 1 if number < len(starts) else len(text)
    line = text[begin:stop]
    column = start - begin
    length = max(min(end, stop) - start, 1)
    where = f"{path}:{number}:{column + 1}"
    if not line.strip():
        return SpecError(f"{where}: {message}")
    return SpecError(f"{where}: {message}\n{_quoted(line, column, length)}")


def _printed(character: str) -> str:
    """Return a character, or its escape where it could control a terminal."""
    plain = character.isprintable() or character == "\n"
    return character if plain else ascii(character)[1:-1]


def _quoted(line: str, column: int, length: int) -> str:
    """Return a line, or the part of it around the column, and the caret below it."""
    first = len(line) - len(line.lstrip())
    if len(line) - first > _SHOWN:
        first = max(first, min(column - _SHOWN // 2, len(line) - _SHOWN))
    shown = line[first : first + _SHOWN].rstrip()
    before = "... " if first and line[:first].strip() else ""
    after = " ..." if len(line.rstrip()) > first + _SHOWN else ""
    column = max(column - first, 0)
    length = max(min(length, len(shown) - column), 1)
    visible = "".join(c if c.isprintable() else " " for c in shown)
    blank = " " * (len(before) + _width(visible[:column]))
    mark = "^" + "~" * (_width(visible[column : column + length]) - 1)
    return f"    {before}{visible}{after}\n    {blank}{mark}"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    marks = sum(bool(unicodedata.combining(c)) for c in text)
    return len(text) + wide - marks


# --- reading -------------------------------------------------------------------------


def read_document(path: Path, data: bytes) -> Document:
    """Return what a file holds; raise `SpecError` where it is no TOML."""
    if len(data) > MAX_BYTES:
        raise SpecError(
            f"{path} is too large: a spec in TOML has at most {MAX_BYTES:,} bytes. "
            "Keep arrays in data files."
        )
    text = _decoded(path, data).replace("\r\n", "\n")
    starts = _starts(text)
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if end - start > MAX_LINE:
            message = f"a line of a spec has at most {MAX_LINE:,} characters."
            raise _pointed(path, text, starts, start + MAX_LINE, 0, message)
    try:
        values = tomllib.loads(text)
        places = _TomlScanner(text).scan()
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, text, starts, str(error)) from None
    except RecursionError:
        raise SpecError(f"{path}: arrays or tables are nested too deeply.") from None
    except ValueError as error:  # an integer of thousands of digits, a date in no year
        raise SpecError(f"{path} holds a value that cannot be: {error}.") from None
    return Document(path, text, values, places, starts)


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        raise SpecError(
            f"{path}:{line}:{column}: byte 0x{data[error.start]:02x} is no UTF-8; save "
            "the file as UTF-8 text."
        ) from None


_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _syntax(path: Path, text: str, starts: list[int], message: str) -> SpecError:
    """Return tomllib's error with the line and a caret."""
    found = _PLACE.search(message)
    what = message[: found.start()] if found else message
    if found and found[1]:
        offset = starts[min(int(found[1]), len(starts)) - 1] + int(found[2]) - 1
    else:
        offset = len(text.rstrip())
    return _pointed(
        path, text, starts, offset, offset + 1, f"this is no TOML: {what[:200]}."
    )


# --- places --------------------------------------------------------------------------

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


class _TomlScanner:
    """Finds the places in a text that tomllib has accepted."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.places: dict[Path_, KeyValueSpan] = {}

    def scan(self) -> dict[Path_, KeyValueSpan]:
        prefix: Path_ = ()
        while self._skip(_SPACE):
            if self.text[self.at] == "[":
                start = self.at
                many = self.text.startswith("[[", start)
                self.at += 2 if many else 1
                prefix = self._key((), start)
                self.at += 2 if many else 1
            else:
                self._pair(prefix)
        return self.places

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Move behind a match of the pattern, if any; return whether text is left."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at < len(self.text)

    def _key(self, prefix: Path_, start: int | None = None) -> Path_:
        """Read a dotted key; note the place of each of its tables, if not yet known."""
        parts: list[str] = []
        first = None
        while True:
            self._skip(_BLANK)
            first = self.at if first is None else first
            if self.text[self.at] in "\"'":
                parts.append(self._string()[0])
            else:
                match = _BARE.match(self.text, self.at)
                assert match is not None
                parts.append(match[0])
                self.at = match.end()
            span = (first, self.at)
            if len(parts) <= 8:  # errors in deeper tables point at an outer one
                self.places.setdefault((*prefix, *parts), KeyValueSpan(span, span))
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return (*prefix, *parts)
            self.at += 1

    def _pair(self, prefix: Path_) -> None:
        self._skip(_BLANK)
        start = self.at
        path = self._key(prefix)
        end = start + len(self.text[start : self.at].rstrip())
        self.at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path, (start, end))

    def _value(self, path: Path_, key: tuple[int, int] | None = None) -> None:
        start = self.at
        characters = None
        match self.text[start]:
            case '"' | "'":
                characters = self._string()[1]
            case "[":
                self.at += 1
                for number in range(MAX_BYTES):
                    self._skip(_SPACE)
                    if self.text[self.at] == "]":
                        break
                    self._value((*path, number))
                    self._skip(_SPACE)
                    self.at += self.text[self.at] == ","
                self.at += 1
            case "{":
                self.at += 1
                while self._skip(_SPACE) and self.text[self.at] != "}":
                    self._pair(path)
                    self._skip(_SPACE)
                    self.at += self.text[self.at] == ","
                self.at += 1
            case _:
                match = _SCALAR.match(self.text, start)
                assert match is not None
                self.at = start + len(match[0].rstrip())
        span = (start, self.at)
        self.places[path] = KeyValueSpan(key or span, span, characters)

    def _string(self) -> tuple[str, tuple[int, ...]]:
        """Read a string: its characters, and their offsets with that of the end."""
        text, quote = self.text, self.text[self.at]
        long = text.startswith(quote * 3, self.at)
        self.at += 3 if long else 1
        if long and text[self.at] == "\n":
            self.at += 1
        found: list[str] = []
        offsets: list[int] = []
        while True:
            here, at = text[self.at], self.at
            if here == quote and (not long or self._closes(quote)):
                break
            if here != "\\" or quote == "'":
                found.append(here)
                offsets.append(at)
                self.at += 1
                continue
            code = text[at + 1]
            if code in " \t\n":  # the line ends here, and goes on in a later one
                self._skip(re.compile(r"\\[ \t]*\n[ \t\n]*"))
                continue
            digits = {"u": 4, "U": 8, "x": 2}.get(code, 0)
            if digits:
                found.append(chr(int(text[at + 2 : at + 2 + digits], 16)))
            else:
                found.append(_ESCAPES.get(code, code))
            offsets.append(at)
            self.at += 2 + digits
        end = self.at
        self.at += 3 if long else 1
        return "".join(found), (*offsets, end)

    def _closes(self, quote: str) -> bool:
        """Whether the quotes here end a long string; up to two may be part of it."""
        run = 0
        while self.text.startswith(quote, self.at + run):
            run += 1
        return run == 3
