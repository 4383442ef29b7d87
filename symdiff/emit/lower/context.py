"""The context in which one body is lowered, and expressions that depend on it alone.

In: names, given values, the placeholders of a text. Out: expressions of lengths,
dtypes, literals and constants. Invariant: everything that a body reads besides its
operands (lengths, the float dtype, stored constants) is noted in the context, so that
the prologue of the function can provide it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from symdiff.emit.lower import texts
from symdiff.emit.lower.kernels import Kernels
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.source import Resolver
from symdiff.emit.python import code as py
from symdiff.emit.targets import Target
from symdiff.graph.errors import SymdiffError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT, FLOAT32, DType, TensorType
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.text import dim_text
from symdiff.plan.items import items_by_source
from symdiff.plan.numbers import Numbers
from symdiff.plan.schedule import LITERAL_ELEMENTS, Step

Fact = TypeVar("Fact")


@dataclass(slots=True)
class Context:
    """The state of lowering one body: names, sources of lines, and values at hand.

    ``given`` maps each available node to its expression. ``float_from`` is an
    expression whose dtype is the float dtype of the run; it is that of ``float_node``.
    ``float_read`` says whether a statement reads this dtype. ``constants`` collects
    arrays to be loaded from a file.
    """

    names: Names
    resolver: Resolver
    tensors: Mapping[Node, Tensor]
    given: dict[Node, py.Expr]
    float_from: py.Expr | None
    constants: dict[str, np.ndarray]
    target: Target
    sites: Mapping[Node, int] = field(default_factory=dict)  # ordinals of random leaves
    headings: bool = True
    written: dict[Node, py.Expr] = field(default_factory=dict)
    dims: set[str] = field(default_factory=set)  # symbols read, but for trip counts
    float_node: Node | None = None
    float_read: bool = False
    control: Callable[[Step, Context], list[py.Stmt]] | None = None
    float_is: py.Expr | None = None  # the dtype itself, where it is given
    numbers: Numbers = field(default_factory=Numbers)  # which values are Python floats
    lengths: dict[str, str] = field(default_factory=dict)  # variables of bound symbols
    results: Collection[Node] = ()  # what is read after the body
    over: Mapping[Node, Node] = field(default_factory=dict)  # whose variable it takes
    group: Hashable = None  # the user's statement that is being written
    owned: set[Node] = field(default_factory=set)  # arrays that may be written into
    depth: int = 1  # of the function's body, and of loops and branches in it
    # leaves of bodies that are written as expressions, with the values they stand for
    passed: dict[Node, Tensor] = field(default_factory=dict)
    kernels: Kernels | None = None  # that are taken out of it, where they are
    outer: Context | None = None  # of the body around a loop's or a branch's

    _readers: dict[Node, int] | None = None
    _items: tuple[Any, dict[Node, dict[int, Tensor]]] | None = None
    _facts: dict[Any, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def outermost(self) -> Context:
        """The context of the function's own body."""
        found = self
        while found.outer is not None:
            found = found.outer
        return found

    def at_hand(self, node: Node) -> py.Expr | None:
        """Return the expression of a value that has been computed or given."""
        found = self.written.get(node)
        return found if found is not None else self.given.get(node)

    def is_read_once(self, node: Node) -> bool:
        """Whether a value of the body has one reader at most."""
        if self._readers is None:
            found: dict[Node, int] = dict.fromkeys(self.results, 2)
            for n in self.tensors:
                for i in n.inputs:
                    found[i] = found.get(i, 0) + 1
            self._readers = found
        return self._readers.get(node, 0) < 2

    def once(self, fact: Callable[[Context], Fact]) -> Fact:
        """Return what a function finds in the values of the body, and keep it."""
        if fact not in self._facts or self._facts[fact][0] is not self.tensors:
            self._facts[fact] = self.tensors, fact(self)
        found: Fact = self._facts[fact][1]
        return found

    def reader_of(self, node: Node) -> Tensor | None:
        """Return the value that is computed from another one, if it is one."""
        found = [t for n, t in self.tensors.items() if node in n.inputs]
        return found[0] if len(found) == 1 else None

    def items_of(self, node: Node) -> dict[int, Tensor]:
        """Return the results that are read of a node with several, by index."""
        if self._items is None or self._items[0] is not self.tensors:
            self._items = (self.tensors, items_by_source(self.tensors))
        return self._items[1].get(node, {})


def substitution(
    operands: Sequence[py.Expr],
    context: Context,
    out: py.Expr | None = None,
    node: Node | None = None,
) -> texts.Substitute:
    """Return a function from the placeholders of a text to expressions."""

    def substitute(name: str) -> py.Expr | None:
        if name[0] != "_":
            return None
        if name[1:].isdigit():
            return operands[int(name[1:])]
        if name == "_out":
            return out
        if name == "_float":
            return float_dtype(context)
        if name == "_real":
            return scalar_type(FLOAT, context)
        if name == "_key":
            return py.Name("key")
        if name == "_site" and node is not None:
            return py.Lit(context.sites[node])
        if name.startswith("_dim_"):
            if name[5:] in context.lengths:
                return py.Name(context.lengths[name[5:]])
            context.dims.add(name[5:])
            return py.Name(context.names.dim(name[5:]))
        if name.startswith("_help_"):
            return py.Name(f"_{name[6:]}")
        return None

    return substitute


def dim_expression(dim: Any, context: Context) -> py.Expr:
    """Return a dim, or an expression in dims, over the lengths bound in the body."""
    return texts.expression(dim_text(dim), substitution((), context))


def float_source(arrays: Iterable[Node]) -> Node | None:
    """Return the array, of those at hand, whose dtype is the float dtype of the run.

    An array of a declared width counts only if there is no other; then the wider does.
    """
    floats = [n for n in arrays if n.dtype.is_float]
    floats.sort(key=lambda n: (n.dtype != FLOAT, n.dtype == FLOAT32, not n.shape))
    return floats[0] if floats else None


def float_dtype(context: Context) -> py.Expr:
    """Return the expression of the float dtype that the arguments share."""
    context.float_read = True
    if context.float_is is not None:
        return context.float_is
    if context.float_from is None:
        return context.target.kind("float64")
    return context.target.kind_of(context.float_from)


def dtype_expression(dtype: DType, context: Context) -> py.Expr:
    """Return the expression of an element type."""
    if dtype.name == "float":
        return float_dtype(context)
    return context.target.kind("int64" if dtype.weak else dtype.name)


def scalar_type(dtype: DType, context: Context) -> py.Expr:
    """Return the expression of the type of a scalar."""
    return context.target.scalar_kind(dtype_expression(dtype, context))


def typed_literal(node: Node, beside: Node, context: Context) -> py.Expr:
    """Return a number in the element type of what it stands beside in ``beside``."""
    value = node.attrs["value"]
    if isinstance(value, bool):
        return py.Lit(value)
    found = literal(value, context)
    others = (i for i in beside.inputs if i.op is not LITERAL)
    kinds = [n.dtype for n in (*others, beside) if isinstance(n.type, TensorType)]
    floats = [d for d in kinds if d.is_float]
    if not floats:
        return found
    told = py.Lit(value) if isinstance(value, (int, float)) else None
    kind = dtype_expression(floats[0], context)
    if told is not None:
        return context.target.array_of(told, kind)
    return py.Call(context.target.scalar_kind(kind), (found,))


def literal(value: Any, context: Context) -> py.Expr:
    """Return a number, or an expression in dims, as source."""
    if isinstance(value, sp.Expr):
        return dim_expression(value, context)
    return py.Lit(value)


def constant(node: Node, context: Context) -> py.Expr:
    """Return an array constant: a display where it is small, else a loaded array."""
    value: np.ndarray = node.attrs["value"]
    if value.size > LITERAL_ELEMENTS:
        name = stored_name(value, context.constants)
        loaded = py.Index(py.Name("_CONSTANTS"), (py.Lit(name),))
        if value.dtype.name == node.dtype.name:
            return loaded
        return context.target.converted(loaded, dtype_expression(node.dtype, context))
    if not value.size:  # brackets cannot express the other lengths
        shape = py.Tuple_(tuple(map(py.Lit, value.shape)))
        size = shape if value.ndim > 1 else py.Lit(0)
        dtype = dtype_expression(node.dtype, context)
        return context.target.zeros(size, dtype, named=True)
    told = None if node.dtype.is_bool else dtype_expression(node.dtype, context)
    return context.target.array_of(display(value.tolist()), told)


def stored_name(value: np.ndarray, constants: dict[str, np.ndarray]) -> str:
    """Return the name of an array among those that are stored beside the modules."""
    name = constant_name(value)
    constants[name] = value
    return name


def constant_name(value: np.ndarray) -> str:
    """Return a stored array's name, a hash of its dtype, shape and bytes.

    So a module never reads another array under a name that it knows.
    """
    told = f"{value.dtype.str} {value.shape} ".encode() + value.tobytes()
    return f"c{hashlib.sha256(told).hexdigest()[:16]}"


def display(value: Any) -> py.Expr:
    """Return nested lists of numbers as source."""
    if isinstance(value, list):
        return py.List_(tuple(display(v) for v in value))
    return py.Lit(value)


def bind_dims(
    wanted: Iterable[str], arrays: Sequence[tuple[py.Expr, Node]], context: Context
) -> list[py.Stmt]:
    """Return the statements ``N, _ = x.shape`` that bind the lengths a body reads."""
    missing = set(wanted)
    made: list[py.Stmt] = []
    for expression, node in arrays:
        here = {str(d) for d in node.shape if isinstance(d, sp.Symbol)} & missing
        if not here:
            continue
        targets: list[py.Expr] = []
        for d in node.shape:
            if isinstance(d, sp.Symbol) and str(d) in missing:
                targets.append(py.Name(context.names.dim(str(d))))
                missing.discard(str(d))
            else:
                targets.append(py.Name("_"))
        value = py.Attr(expression, "shape")
        if len(targets) == 1:
            made.append(py.Assign((py.Tuple_(tuple(targets)),), value))
        else:
            made.append(py.Assign(tuple(targets), value))
    if missing:
        raise SymdiffError(
            f"no argument has an axis of length {', '.join(sorted(missing))}; declare "
            "an input "
            "with that dimension."
        )
    return made
