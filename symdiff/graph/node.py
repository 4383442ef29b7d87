"""Interned, immutable graph nodes.

In: an op record, input nodes and attributes. Out: the one `Node` with that meaning, its
type inferred once. Invariant: two live nodes that are not leaves are the same object
exactly when op, inputs and attributes agree, so common subexpressions and dead code
cost nothing. Names, source lines and scopes are not here: they belong to the
declaration (`symdiff.graph.tensor`).
"""

from __future__ import annotations

import contextvars
import hashlib
import math
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdiff.graph.types import (
    Constraint,
    DType,
    TensorType,
    Type,
    collecting_constraints,
)

if TYPE_CHECKING:
    from symdiff.ops.core.record import Op


class Node:
    """One operation applied to inputs. Compared and hashed by identity."""

    __slots__ = (
        "__weakref__",
        "attrs",
        "constraints",
        "dtype",
        "inputs",
        "op",
        "shape",
        "type",
    )

    op: Op
    inputs: tuple[Node, ...]
    attrs: Mapping[str, Any]
    type: Type
    shape: tuple[Any, ...]  # of a node with one result; others have none
    dtype: DType  # likewise
    constraints: tuple[Constraint, ...]  # what the type assumes of dims

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"nodes are immutable; cannot set {name!r}")

    @property
    def tensor_type(self) -> TensorType:
        """The type of a node with one result."""
        assert isinstance(self.type, TensorType), f"{self.op.name} has several results"
        return self.type

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self.attrs.items())
        return f"<{self.op.name}{f'({shown})' if shown else ''} : {self.type}>"


_NO_ATTRS: Mapping[str, Any] = MappingProxyType({})
_table: weakref.WeakValueDictionary[Hashable, Node] = weakref.WeakValueDictionary()
_lock = threading.RLock()
# The lock is held for moments only: a fork waits for it, and the child finds it free.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire,
        after_in_parent=_lock.release,
        after_in_child=_lock.release,
    )
# Called with every node that is asked for, new or not, while an untrusted spec is read.
WATCH: contextvars.ContextVar[Callable[[Node], None] | None] = contextvars.ContextVar(
    "symdiff_watch", default=None
)


def make_node(op: Op, inputs: Iterable[Node], attrs: Mapping[str, Any]) -> Node:
    """Return the node ``op(*inputs, **attrs)``, existing or new.

    Leaves are never merged. Type errors of ``op.infer`` pass through.
    """
    node = _interned(op, tuple(inputs), attrs)
    watch = WATCH.get()
    if watch is not None:
        watch(node)
    return node


def _interned(op: Op, inputs: tuple[Node, ...], attrs: Mapping[str, Any]) -> Node:
    if op.leaf:
        return _create(op, inputs, attrs)
    key = (op.name, attrs_key(attrs) if attrs else (), *map(id, inputs))
    with _lock:
        found = _table.get(key)
        if found is not None:
            return found
    made = _create(op, inputs, attrs)  # type rules may build nodes: not under the lock
    with _lock:
        return _table.setdefault(key, made)


def _create(op: Op, inputs: tuple[Node, ...], attrs: Mapping[str, Any]) -> Node:
    node = object.__new__(Node)
    put = object.__setattr__
    put(node, "op", op)
    put(node, "inputs", inputs)
    put(node, "attrs", MappingProxyType(dict(attrs)) if attrs else _NO_ATTRS)
    with collecting_constraints() as found:
        inferred = op.infer(*(i.type for i in inputs), **attrs)
    put(node, "type", inferred)
    if isinstance(inferred, TensorType):
        put(node, "shape", inferred.shape)
        put(node, "dtype", inferred.dtype)
    put(node, "constraints", tuple(found))
    return node


def attrs_key(attrs: Mapping[str, Any]) -> Hashable:
    """Return a key of attributes: keys are equal exactly when the meanings are."""
    return tuple((k, _value_key(attrs[k])) for k in sorted(attrs))


def _value_key(value: Any) -> Hashable:
    """Tell apart what Python's equality merges: 1, 1.0 and True; 0.0 and -0.0."""
    match value:
        case bool() | int() | float() | str() | None:
            return (type(value).__name__, scalar_text(value))
        case np.generic():
            return ("scalar", value.dtype.str, array_digest(np.asarray(value)))
        case np.ndarray():
            return ("array", value.dtype.str, value.shape, array_digest(value))
        case tuple() | list():
            return ("tuple", *map(_value_key, value))
        case dict():
            return ("dict", *((k, _value_key(v)) for k, v in sorted(value.items())))
        case slice():
            return ("slice", *map(_value_key, (value.start, value.stop, value.step)))
        case sp.Basic() | DType():
            return value
        case _ if hasattr(value, "key"):  # a body, equal by structure
            return ("body", value.key)
        case _:  # objects such as rules are compared by identity
            return ("object", id(value))


def scalar_text(value: object) -> str:
    """Return a text that tells scalars of one type apart, also NaNs by their sign."""
    if isinstance(value, float) and math.isnan(value):
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    return repr(value)


def same_array(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are the same constant: by dtype, shape and bytes.

    ``==`` would not do: 0.0 == -0.0, although ``copysign`` and ``1 / x`` differ.
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def array_digest(value: np.ndarray) -> str:
    """Return a content hash of an array's bytes, in C order."""
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


def topological(outputs: Iterable[Node], done: set[Node] | None = None) -> list[Node]:
    """Return every node that ``outputs`` need, inputs before users.

    Nodes in ``done`` are skipped; those that are returned are added to it.
    """
    order: list[Node] = []
    done = set() if done is None else done
    for root in outputs:
        path = [] if root in done else [root]
        unseen = [iter(node.inputs) for node in path]  # of each node of the path
        done.update(path)
        while path:
            for node in unseen[-1]:
                if node not in done:
                    done.add(node)
                    path.append(node)
                    unseen.append(iter(node.inputs))
                    break
            else:
                unseen.pop()
                order.append(path.pop())
    return order


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Return, for each node, its readers among ``nodes`` (once per operand)."""
    found: dict[Node, list[Node]] = {n: [] for n in nodes}
    for node in list(found):
        for i in node.inputs:
            found.setdefault(i, []).append(node)
    return found
