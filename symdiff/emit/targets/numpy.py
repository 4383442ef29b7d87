"""NumPy: the target that ops are written for; their records hold its text.

In: what lowering has decided. Out: NumPy's spelling of it. Invariant: everything here
holds in NumPy 1.22 and in 2.
"""

from __future__ import annotations

import numpy as np

from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.ops.core.text import is_statements, op_text

_MODULE = py.Name("np")
# ufuncs that warn about a place without its name
_WITH_NAME = frozenset(["maximum", "minimum", "fmax", "fmin"])


class Numpy:
    """NumPy's answers to the questions of `symdiff.emit.targets.Target`."""

    name = "numpy"
    libraries: tuple[str, ...] = ("numpy",)
    needs = "NumPy alone"
    array = "np.ndarray"
    dtype = "np.dtype"
    kernels = False
    typed = False

    def text(self, node: Node) -> str:
        """Return the record's own text."""
        return op_text(node)

    def filled(self, node: Node, form: str) -> str:
        """Return the form; where the text is another one, that is written instead."""
        text = self.text(node)
        own = text == op_text(node) or is_statements(text)
        return form if own else f"_out[...] = {text}"

    def kind(self, name: str) -> py.Expr:
        """Return ``np.float32``; booleans are Python's."""
        return py.Name("bool") if name == "bool" else py.Attr(_MODULE, name)

    def scalar_kind(self, dtype: py.Expr) -> py.Expr:
        """Return ``np.float32`` itself, and ``x.dtype.type`` of a dtype."""
        known = isinstance(dtype, py.Attr) and dtype.value == _MODULE
        return dtype if known else py.Attr(dtype, "type")

    def kind_of(self, array: py.Expr) -> py.Expr:
        """Return ``x.dtype``."""
        return py.Attr(array, "dtype")

    def bits(self, dtype: py.Expr) -> py.Expr:
        """Return ``np.dtype(f"i{np.dtype(dtype).itemsize}")``."""
        width = py.Attr(py.call("np.dtype", dtype), "itemsize")
        return py.call("np.dtype", py.FString(("i", width)))

    def empty(self, shape: py.Expr, dtype: py.Expr, named: bool = False) -> py.Expr:
        """Return ``np.empty(shape, dtype)``."""
        return _allocated("np.empty", shape, dtype, named)

    def zeros(self, shape: py.Expr, dtype: py.Expr, named: bool = False) -> py.Expr:
        """Return ``np.zeros(shape, dtype)``."""
        return _allocated("np.zeros", shape, dtype, named)

    def is_zeros(self, value: py.Expr) -> bool:
        """Whether an expression is a call of ``np.zeros``."""
        return isinstance(value, py.Call) and value.func == py.Attr(_MODULE, "zeros")

    def zeros_like(self, array: py.Expr) -> py.Expr:
        """Return ``np.zeros_like(array)``."""
        return py.call("np.zeros_like", array)

    def ones(self, shape: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return ``np.ones(shape, dtype)``."""
        return _allocated("np.ones", shape, dtype, False)

    def full(self, shape: py.Expr, value: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return ``np.full(shape, value, dtype)``."""
        return py.call("np.full", shape, value, dtype)

    def array_of(self, values: py.Expr, dtype: py.Expr | None) -> py.Expr:
        """Return ``np.array(values, dtype=dtype)``."""
        if dtype is None:
            return py.call("np.array", values)
        return py.call("np.array", values, dtype=dtype)

    def as_array(self, value: py.Expr, dtype: py.Expr) -> py.Expr:
        """Return ``np.asarray(value, dtype)``."""
        return py.call("np.asarray", value, dtype)

    def converted(self, array: py.Expr, dtype: py.Expr, copy: bool = True) -> py.Expr:
        """Return ``x.astype(dtype)``."""
        if copy:
            return py.method(array, "astype", dtype)
        return py.method(array, "astype", dtype, copy=False)

    def sections(self, array: py.Expr, count: int, axis: int) -> py.Expr:
        """Return ``np.split(x, 4, axis=1)``."""
        return py.call("np.split", array, py.Lit(count), axis=py.Lit(axis))

    def copied(self, array: py.Expr) -> py.Expr:
        """Return ``x.copy()``."""
        return py.method(array, "copy")

    def is_maximum(self, function: py.Expr) -> bool:
        """Whether a function is ``np.maximum``."""
        return function == py.Attr(_MODULE, "maximum")

    def with_place(self, call: py.Expr) -> py.Expr:
        """Return ``np.add(a, b, out)`` and ``a.dot(b, out)``, faster than ``out=``."""
        match call:
            case py.Call(func=py.Attr(value=owner, name=name), kwargs=(("out", out),)):
                ufunc = owner == _MODULE and isinstance(getattr(np, name, 0), np.ufunc)
                if name == "dot" or (ufunc and name not in _WITH_NAME):
                    return py.Call(call.func, (*call.args, out))
        return call

    def copy_into(self, array: py.Expr, values: py.Expr) -> py.Expr:
        """Return ``np.copyto(array, values)``."""
        return py.call("np.copyto", array, values)

    def counted(self, length: str) -> str:
        """Return ``np.arange(length)``."""
        return f"np.arange({length})"

    def stacked(
        self, target: py.Name, rows: py.Name, shape: py.Expr, dtype: py.Expr
    ) -> list[py.Stmt]:
        """Return ``ys = np.array(rows, dtype=dtype).reshape(shape)``."""
        array = self.array_of(rows, dtype)
        return [py.Assign((target,), py.method(array, "reshape", shape))]

    def turns(self, length: py.Expr, reverse: bool) -> py.Expr:
        """Return ``range(length)`` or ``reversed(range(length))``."""
        found = py.call("range", length)
        return py.call("reversed", found) if reverse else found

    def is_choice(self, text: str) -> bool:
        """Whether a text is NumPy's ``where``."""
        return text.startswith("np.where(")

    def chooses(self, text: str) -> bool:
        """Whether NumPy's ``where`` stands in a text."""
        return "np.where(" in text

    def gives_width(self, text: str) -> bool:
        """Whether a text is NumPy's ``array``."""
        return text.startswith("np.array(")


def _allocated(function: str, shape: py.Expr, dtype: py.Expr, named: bool) -> py.Expr:
    if named:
        return py.call(function, shape, dtype=dtype)
    return py.call(function, shape, dtype)


NUMPY = Numpy()
