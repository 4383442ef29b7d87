"""What a spec raises while it is executed, as one paragraph that names its line.

In: an exception. Out: a `SpecError`. Invariant: the paragraph is made even if the
``__repr__`` or ``__str__`` of the user's values raises.
"""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from symdiff.graph.errors import SpecError, SymdiffError
from symdiff.graph.origin import Site


@contextlib.contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what the block raises into a `SpecError` that names the spec's line."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        raise SpecError(_syntax(path, error)) from error
    except SymdiffError as error:
        raise SpecError(_symdiff(path, error)) from error
    except SystemExit as error:
        where = _where(path, error)
        raise SpecError(
            f"{where[0]}: {doing}calls sys.exit({shown(repr, error.code)}).{where[1]}"
        ) from error
    except BaseException as error:
        where = _where(path, error)
        verb = "raised " if doing else ""
        text = shown(str, error).strip()
        told = f"{type(error).__name__}{': ' if text else ''}{text}"
        if isinstance(error, ImportError) and "no known parent package" in text:
            told += (
                ". The spec is in no package: its folder has no __init__.py. Add one, "
                "or import what lies beside it by its name alone."
            )
        raise SpecError(f"{where[0]}: {doing}{verb}{told}{where[1]}") from error


def shown(show: Callable[[Any], str], value: Any) -> str:
    """Return ``show(value)``, whatever the value's own methods do."""
    try:
        return show(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"<{type(value).__name__}>"


def _line(path: Path, error: BaseException) -> int:
    """Return the line of the innermost frame inside the spec; 0 where there is none."""
    found, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path.absolute()):
            found = step.tb_lineno
        step = step.tb_next
    return found


def _where(path: Path, error: BaseException) -> tuple[str, str]:
    """Return ``file:line`` and the quoted statement on a line of its own."""
    return _at(path, _line(path, error))


def _at(path: Path, line: int) -> tuple[str, str]:
    if not line:
        return str(path), ""
    text = linecache.getline(str(path.absolute()), line).strip()
    return f"{path}:{line}", f"\n    {text}" if text else ""


def _symdiff(path: Path, error: SymdiffError) -> str:
    """Return symdiff's own message behind the spec's line."""
    message, site = str(error), getattr(error, "site", None)
    line = _line(path, error)
    if isinstance(site, Site) and site.frames:
        inside = site.location.rpartition(":")[0] == str(path.absolute())
        start = message.find(f"\n  at {site.location}")
        if inside and start >= 0:
            message, line = message[:start], int(site.location.rpartition(":")[2])
    where, quoted = _at(path, line)
    return f"{where}: {message}{quoted}"


def _syntax(path: Path, error: SyntaxError) -> str:
    """Return the message of a syntax error, with the line and a caret below it."""
    own = error.filename in (None, str(path.absolute()))
    where = f"{path if own else error.filename}:{error.lineno or 1}"
    text = (error.text or "").rstrip()
    told = f"{where}: {type(error).__name__}: {error.msg}"
    if not text:
        return told
    bare = text.lstrip()
    column = max((error.offset or 1) - 1 - (len(text) - len(bare)), 0)
    return f"{told}\n    {bare}\n    {' ' * min(column, len(bare))}^"
