"""The names that a function's code reads.

In: a function of the user's, or its code. Out: the global names and attributes that it
and its inner functions read. Invariant: nothing is run; where the code calls `getattr`
or the like, the words in its string constants count as names too.
"""

from __future__ import annotations

import functools
import re
import types
from typing import Any

# Modules whose functions give other results at every call, and the names by which code
# uses them.
SOURCES = frozenset(["random", "secrets", "time", "uuid", "datetime", "_random"])
_DRAWING = SOURCES | {
    *("Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "RandomState"),
    *("Random", "SeedSequence", "SystemRandom", "default_rng", "urandom", "getpid"),
    *("perf_counter", "monotonic", "time_ns", "now", "today", "uuid1", "uuid4"),
    *("token_bytes", "token_hex", "getrandbits"),
}


def names_of(function: Any) -> frozenset[str]:
    """Return the names that a function reads, also below wrappers and partials."""
    while not isinstance(function, types.FunctionType):
        inner = getattr(function, "__wrapped__", None) or getattr(
            function, "func", None
        )
        inner = inner or getattr(function, "__func__", None)
        if inner is None or inner is function:
            return frozenset()
        function = inner
    return names_in(function.__code__)


# What reads an attribute or a global by a string, and the pattern of a name in one.
_BY_STRING = frozenset(
    ["getattr", "hasattr", "attrgetter", "methodcaller", "vars", "globals", "__dict__"]
    + ["eval", "exec"]
)
NAME = re.compile(r"[^\W\d]\w*")


@functools.lru_cache(maxsize=1024)
def names_in(code: types.CodeType) -> frozenset[str]:
    """Return the global names and attributes that code and its inner functions read."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names_in(constant)
    if found & _BY_STRING:
        texts = [c for c in code.co_consts if isinstance(c, str)]
        found |= {name for text in texts for name in NAME.findall(text)}
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def asks(code: types.CodeType) -> bool:
    """Whether code can look a missing name up and go on: by `hasattr`, or in a try."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    by_string = _BY_STRING.intersection(code.co_names)
    return bool(by_string or code.co_exceptiontable) or any(map(asks, inner))


def source_in(names: frozenset[str]) -> str:
    """Return a name that draws numbers or reads a clock; empty where there is none."""
    found = sorted(names & _DRAWING)
    return found[0] if found else ""
