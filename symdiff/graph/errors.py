"""The errors symdiff raises, each one paragraph that says what, where and what to do.

Every class derives from `SymdiffError` and from the builtin a NumPy user would catch,
so `except ValueError` around a declaration works as it does around NumPy.
"""

from __future__ import annotations

import re

from symdiff.graph.tracebacks import lines_of


def ended(message: str) -> str:
    """Return a message that ends in one mark: one that quotes another may end in '?.'.

    Three dots stay: they mark a text that was shortened.
    """
    message = re.sub(r"\.{4,}$", "...", message)
    return re.sub(r"((?<!\.)\.|[?!])\.$", r"\1", message)


class SymdiffError(Exception):
    """Base of all errors that are about the user's model rather than about symdiff."""

    def __init__(self, *_args: object) -> None:
        super().__init__(*(ended(a) if isinstance(a, str) else a for a in _args))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows of the error, which asks for it by this name."""
        return lines_of(self)


class ShapeError(SymdiffError, ValueError):
    """Operand shapes do not fit the operation."""


class DTypeError(SymdiffError, TypeError):
    """Operand dtypes do not fit the operation."""


class UndefinedError(DTypeError):
    """NumPy refuses the operation on these dtypes too: no conversion is tried."""


class DeclarationError(SymdiffError, ValueError):
    """A model, leaf, name or option was declared wrongly."""


class ArgumentError(DeclarationError, TypeError):
    """A function was called with an argument that it does not take."""


class TracingError(SymdiffError, TypeError):
    """Python tried to turn a symbolic tensor into a concrete value."""


class DerivativeError(SymdiffError, ValueError):
    """A derivative was asked for that does not exist or is not defined."""


class SpecError(SymdiffError, ValueError):
    """A spec file cannot be read, has no model, or raised while it was executed."""


class OutputError(SymdiffError, OSError):
    """Generated files cannot be written where the user asked for them."""


class SymdiffWarning(UserWarning):
    """Something legal that is probably not meant, such as an unreached parameter."""
