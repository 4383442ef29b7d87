"""The two spellings of the Numba target: outside of kernels and in them.

In: what lowering has decided. Out: NumPy's text outside, which calls kernels; in a
kernel, scalars. Invariant: in a kernel every number has a type, because Numba gives
bare ones 64 bits, and those would widen a float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from symdiff.emit.python import code as py
from symdiff.emit.targets.numba.texts import text_in_kernel
from symdiff.emit.targets.numpy import Numpy
from symdiff.graph.node import Node


class Numba(Numpy):
    """NumPy's answers; loops that can be compiled are."""

    name = "numba"
    libraries = ("numpy", "numba")
    needs = "NumPy and Numba"
    kernels = True


@dataclass(frozen=True)
class InKernel(Numpy):
    """The answers inside a kernel.

    ``dtype`` is its argument for the run's element type, ``real`` that type of scalars.
    """

    dtype_is: py.Name
    real: py.Name

    name = "numba, in a kernel"
    typed = True

    def text(self, node: Node) -> str:
        """Return the text on scalars that Numba compiles.

        Comments may ask for that of an op that no kernel has, which is NumPy's.
        """
        return text_in_kernel(node) or super().text(node)

    def kind(self, name: str) -> py.Expr:
        """Return ``np.bool_`` for booleans, and NumPy's types."""
        return py.name("np.bool_") if name == "bool" else super().kind(name)

    def scalar_kind(self, dtype: py.Expr) -> py.Expr:
        """Return ``real`` of the run's element type."""
        return self.real if dtype == self.dtype_is else super().scalar_kind(dtype)

    def array_of(self, values: py.Expr, dtype: py.Expr | None) -> py.Expr:
        """Return a scalar constant, or the array of a list."""
        if not isinstance(values, py.Lit):
            return super().array_of(values, dtype)
        number = finite_or_named(values)
        return number if dtype is None else py.Call(self.scalar_kind(dtype), (number,))

    def gives_width(self, text: str) -> bool:
        """No: `np.array((x, 0.5))` needs numbers of one type."""
        return False

    def stacked(
        self, target: py.Name, rows: py.Name, shape: py.Expr, dtype: py.Expr
    ) -> list[py.Stmt]:
        """Return a loop: Numba makes arrays of lists of numbers alone."""
        row = py.Name(f"{target.id}_row")
        stored = py.Assign((py.Index(target, (row,)),), py.Index(rows, (row,)))
        made = py.Assign((target,), self.empty(shape, dtype))
        return [made, py.For(row, py.call("range", py.call("len", rows)), (stored,))]

    def turns(self, length: py.Expr, reverse: bool) -> py.Expr:
        """Return ``range(n - 1, -1, -1)``: Numba has no reversed."""
        if not reverse:
            return super().turns(length, reverse)
        if isinstance(length, py.Lit):
            last: py.Expr = py.Lit(int(length.value or 0) - 1)
        else:
            last = py.Binary("-", length, py.Lit(1))
        return py.call("range", last, py.Lit(-1), py.Lit(-1))


def finite_or_named(number: py.Lit) -> py.Expr:
    """Return a number; infinity and nan by NumPy's names, which Numba knows."""
    value = number.value
    if not isinstance(value, float) or math.isfinite(value):
        return number
    if math.isnan(value):
        return py.name("np.nan")
    return py.name("np.inf") if value > 0 else py.Unary("-", py.name("np.inf"))


NUMBA = Numba()
