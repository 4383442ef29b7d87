"""The symbols that elementwise expressions are written in, and two functions of them.

In: nothing. Out: ``u, v, w`` for the operands, ``y`` for the result, and the SymPy
functions `sigmoid` and `softplus`. Invariant: the derivative of each is written in
these functions, so that no form that overflows appears.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

u, v, w = OPERANDS = sp.symbols("u v w", real=True)
# the op's own output, for partials such as 1 - y**2
y = sp.Symbol("y", real=True)


class sigmoid(sp.Function):  # noqa: N801 - SymPy names functions in lower case
    """1 / (1 + exp(-u)) as one SymPy function: partials can name the stable op."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative s (1 - s)."""
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, argument: sp.Expr, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-argument))


class softplus(sp.Function):  # noqa: N801 - SymPy names functions in lower case
    """log(1 + exp(u)) as one SymPy function."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative, sigmoid(u)."""
        return sigmoid(self.args[0])

    def _eval_rewrite_as_exp(self, argument: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(argument))
