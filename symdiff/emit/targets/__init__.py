"""Targets: the libraries that emitted code is written for, one module each.

In: what lowering has decided (allocate, convert, copy, which op). Out: how a library
spells it. Invariant: nothing else in the emitter names a function of a target's
library; what an op's text is beyond the record's is registered with the target.
"""

from __future__ import annotations

from typing import Protocol

from symdiff.emit.python import code as py
from symdiff.graph.node import Node


class Target(Protocol):
    """The questions that a target answers. Shapes and dtypes are expressions."""

    name: str  # what `sd.compile(target=...)` calls it
    libraries: tuple[str, ...]  # what its text imports, and the same in words
    needs: str
    array: str  # the annotation of an array
    dtype: str  # the annotation of an element type
    kernels: bool  # whether loops become functions that it compiles
    typed: bool  # whether numbers need the type of what they stand beside

    def text(self, node: Node) -> str:
        """Return an op's text over its placeholders, an expression or statements."""

    def filled(self, node: Node, form: str) -> str:
        """Return the text that writes a result into ``_out``; ``form`` is NumPy's."""

    def kind(self, name: str) -> py.Expr:
        """Return an element type by name: ``float32``, ``int64``, ``bool``."""

    def scalar_kind(self, dtype: py.Expr) -> py.Expr:
        """Return the scalar type of an element type, to be called with a number."""

    def kind_of(self, array: py.Expr) -> py.Expr:
        """Return the element type of an array."""

    def bits(self, dtype: py.Expr) -> py.Expr:
        """Return the type of integers that are as wide as a float."""

    def empty(self, shape: py.Expr, dtype: py.Expr, named: bool = False) -> py.Expr:
        """Return an array without values; ``named`` spells the dtype as a keyword."""

    def zeros(self, shape: py.Expr, dtype: py.Expr, named: bool = False) -> py.Expr:
        """Return an array of zeros."""

    def is_zeros(self, value: py.Expr) -> bool:
        """Whether an expression makes an array of zeros of a shape."""

    def zeros_like(self, array: py.Expr) -> py.Expr:
        """Return an array of zeros, of the shape and dtype of another."""

    def ones(self, shape: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return an array of ones."""

    def full(self, shape: py.Expr, value: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return an array of one number."""

    def array_of(self, values: py.Expr, dtype: py.Expr | None) -> py.Expr:
        """Return an array of nested lists of numbers, or of a list of arrays."""

    def as_array(self, value: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return a value as an array of an element type."""

    def converted(self, array: py.Expr, dtype: py.Expr, copy: bool = True) -> py.Expr:
        """Return an array in another element type."""

    def sections(self, array: py.Expr, count: int, axis: int) -> py.Expr:
        """Return the parts of an array that is split evenly along an axis."""

    def copied(self, array: py.Expr) -> py.Expr:
        """Return a copy of an array."""

    def is_maximum(self, function: py.Expr) -> bool:
        """Whether a function is the elementwise maximum, faster of two arrays."""

    def with_place(self, call: py.Expr) -> py.Expr:
        """Return a call that fills ``out=`` in its fastest form."""

    def copy_into(self, array: py.Expr, values: py.Expr) -> py.Expr:
        """Return the call that writes values into an array."""

    def counted(self, length: str) -> str:
        """Return the text of the integers below a length."""

    def stacked(
        self, target: py.Name, rows: py.Name, shape: py.Expr, dtype: py.Expr
    ) -> list[py.Stmt]:
        """Return the statements that set an array of a shape from the list of rows."""

    def turns(self, length: py.Expr, reverse: bool) -> py.Expr:
        """Return what a loop runs over: the integers below a length, or from there."""

    def is_choice(self, text: str) -> bool:
        """Whether an op's text chooses between two values, whatever their types."""

    def chooses(self, text: str) -> bool:
        """Whether a text has such a choice somewhere in it."""

    def gives_width(self, text: str) -> bool:
        """Whether an op's text makes an array of one element type from numbers."""
