"""Where in the user's program a tensor was declared.

In: the Python stack at a declaration. Out: a `Site`, cheap to capture, shared by
everything one call builds; a `Resolver` turns sites into quoted statements when, and
only when, code is generated or an error is shown. Invariant: a site belongs to a
declaration, never to an interned node. So compiling one model cannot change the text
that is generated for another.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from symdiff.graph.arguments import misfit
from symdiff.graph.errors import ArgumentError, DeclarationError, SymdiffError
from symdiff.graph.origin import (
    Declared,
    Origin,
    Position,
    Site,
    line_of,
    mark,
    mark_results,
)

# The folder of symdiff: the prefix of its own file names.
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_SITE = os.path.dirname(_NUMPY[: -len(os.sep)])
_SCIPY, _SYMPY = (f"{_SITE}{os.sep}{name}{os.sep}" for name in ("scipy", "sympy"))
_marks = itertools.count()
_DEPTH = 6  # frames kept: enough to climb out of `return f(x)` and small helpers

_ambient: contextvars.ContextVar[Site | None] = contextvars.ContextVar(
    "symdiff_site", default=None
)
_scope: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar(
    "symdiff_scope", default=()
)


def is_ours(code: CodeType) -> bool:
    """Whether code is symdiff's or a library's that calls it on behalf of the user."""
    return code.co_filename.startswith((PACKAGE, _NUMPY, _SCIPY, _SYMPY))


def capture() -> Site:
    """Return the site of the innermost frame outside symdiff (and NumPy's dispatch)."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    found: list[Position] = []
    while frame is not None and len(found) < _DEPTH and not is_ours(frame.f_code):
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return Site(tuple(found), _scope.get())


def current_site() -> Site:
    """Return the ambient site, or capture a new one."""
    return _ambient.get() or capture()


def origin_here(label: str | None = None) -> Origin:
    """Return the origin of a tensor that is declared now."""
    site = current_site()
    scope = current_scope() or site.scope
    return Origin(site, scope, label, marks=(next(_marks),))


class at_site:  # noqa: N801 - used as a statement, once for every node
    """Let everything built in the block belong to ``site``."""

    __slots__ = ("_site", "_token")

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> Site:
        self._token = _ambient.set(self._site)
        return self._site

    def __exit__(self, *exception: object) -> None:
        _ambient.reset(self._token)


@contextlib.contextmanager
def in_user_code(function: Any = None) -> Iterator[None]:
    """Give every operation in the block its own site: ``function`` is the user's.

    If ``function`` is symdiff's own, such as a layer's, nothing changes.
    """
    code = getattr(function, "__code__", None)
    ours = code is not None and is_ours(code)
    token = _ambient.set(_ambient.get() if ours else None)
    try:
        yield
    finally:
        _ambient.reset(token)


def current_scope() -> tuple[str, ...]:
    """Return the names of the open scopes, outermost first."""
    return _scope.get()


# While a function is traced: a hook that makes the user's calls of public functions.
WATCH: contextvars.ContextVar[Callable[..., Any] | None] = contextvars.ContextVar(
    "symdiff_watch", default=None
)


def watched() -> bool:
    """Whether the code that runs belongs to a user's function that is being traced.

    It does not inside functions of symdiff, which take values and never write in place.
    """
    return WATCH.get() is not None and _ambient.get() is None


class Unpacked(tuple[Any, ...]):
    """A tuple given to a user's function, whose parts are named as it unpacks them.

    So ``h, c = state`` gives h and c these names.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        for place, part in enumerate(super().__iter__()):
            _named_at(sys._getframe(1), part, place)
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        _named_at(sys._getframe(1), part, 0)
        return part


def _named_at(frame: FrameType, part: Any, place: int) -> None:
    """Note that a statement of the user's may have given a tensor a name."""
    if is_ours(frame.f_code) or not isinstance(part, Declared):
        return
    if part.origin.bound_to is None:
        mark(part, bound_to=(Site(((frame.f_code, frame.f_lasti),)), place))


P = ParamSpec("P")
R = TypeVar("R")


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Make ``function`` public: one site for all it builds, the line in its errors.

    The tensors it returns are marked as the values of the user's expression, in order,
    so that ``a, b = f(x)`` names both.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if _ambient.get() is not None:
            return function(*args, **kwargs)
        site = capture()
        token = _ambient.set(site)
        watch = WATCH.get()
        try:
            if watch is None:
                result = function(*args, **kwargs)
            else:
                result = watch(function, args, kwargs)
        except SymdiffError as error:
            raise locate(error, site) from error.__cause__
        except TypeError as error:
            refused = misfit(function, args, kwargs)
            if refused is None:
                raise
            raise locate(refused, site) from error.__cause__
        finally:
            _ambient.reset(token)
        mark_results(result, site)
        return result

    return wrapper


def checked_call(function: Callable[P, R]) -> Callable[P, R]:
    """Let a call that does not fit ``function`` raise an `ArgumentError` with its line.

    For functions that build no graph themselves; `public` does this and more.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ArgumentError as error:
            raise locate(error, capture()) from error.__cause__
        except TypeError as error:
            refused = misfit(function, args, kwargs)
            if refused is None:
                raise
            raise locate(refused, capture()) from error.__cause__

    return wrapper


@checked_call
@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix the names of leaves and nodes declared in the block with ``name``."""
    if not isinstance(name, str) or not name.strip():
        raise DeclarationError(f"scope name {name!r} must be a nonempty string.")
    token = _scope.set((*_scope.get(), name))
    try:
        yield
    finally:
        _scope.reset(token)


def locate(error: SymdiffError, site: Site) -> SymdiffError:
    """Add the user's line to an error that does not name one yet."""
    if getattr(error, "site", None) is None and site.frames:
        error.site = site  # type: ignore[attr-defined]
        message = str(error.args[0]) if error.args else ""
        quoted = quote(site)
        error.args = (
            f"{message}\n  at {site.location}" + (f": {quoted}" if quoted else ""),
        )
    return error


def quote(site: Site) -> str:
    """Return the source line of a site, stripped, or '' without source."""
    if not site.frames:
        return ""
    code, offset = site.frames[0]
    return linecache.getline(code.co_filename, line_of(code, offset)).strip()
