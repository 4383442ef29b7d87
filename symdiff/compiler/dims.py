"""Reading lengths back from the declarations of a generated module.

In: the text of a dim, such as ``N`` or ``2*N``. Out: its symbols, its value. Invariant:
a dim that `spec_shape` writes is read back as the same dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

FUNCTIONS = ("floor", "ceiling", "Max", "Min", "Mod", "Integer")


class _Symbols(dict[str, Any]):
    """Every name is a symbol, also N and S, which are functions of SymPy's."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isidentifier()

    def __missing__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return getattr(sp, name)
        return sp.Symbol(name, integer=True, nonnegative=True)


def dimension(text: str) -> sp.Expr:
    """Return a length as a formula of its names."""
    found: sp.Expr = sp.sympify(text, locals=_Symbols())
    return found


def symbols_of(text: str) -> list[str]:
    """Return the names in a length, sorted."""
    return sorted(map(str, dimension(text).free_symbols))


def length_of(text: str, lengths: Mapping[str, int]) -> int:
    """Return a length, given those of its names."""
    expression = dimension(text)
    return int(expression.subs({s: lengths[str(s)] for s in expression.free_symbols}))
