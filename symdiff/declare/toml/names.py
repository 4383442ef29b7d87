"""What the expressions of a TOML spec can name, and words for what they hold.

In: values by name, as they are declared. Out: the `Scope` of an expression, and the
short descriptions that its errors use. Invariant: looking a name up never touches an
attribute of a Python object.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import sympy as sp

from symdiff.declare.init import Init
from symdiff.declare.schedules import Schedule
from symdiff.declare.toml import functions as known
from symdiff.declare.toml.limits import LimitError
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.leaf import PARAM
from symdiff.ops.core.operands import literal_value

COLLECTORS = ("params", "weights")
MAX_LOOKED = 1_000_000


@dataclass
class Scope:
    """What an expression can name: values so far, and those that are declared below."""

    values: dict[str, Any] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)  # name: line
    made: list[Tensor] = field(default_factory=list)  # by equations, for params()
    calls: Callable[[str], Callable[..., Any] | None] = known.find
    callable_names: tuple[str, ...] = ()
    _seen: set[Tensor] = field(default_factory=set)  # visited by params()
    _params: list[Tensor] = field(default_factory=list)
    _state: tuple[int, int] = (-1, -1)  # len(values), len(made) when _found was set
    _found: list[Tensor] = field(default_factory=list)
    _looked: int = 0  # nodes that needed() has visited in all

    def params(self) -> list[Tensor]:
        """Return every parameter so far, in order; each tensor is visited once."""
        state = (len(self.values), len(self.made))
        if state == self._state:
            return self._found
        stack = [t for t in self.values.values() if isinstance(t, Tensor)] + self.made
        while stack:
            tensor = stack.pop()
            if tensor in self._seen:
                continue
            self._seen.add(tensor)
            if tensor.node.op is PARAM:
                self._params.append(tensor)
            stack += tensor.parents
        self._state = state
        self._found = tensor_topological(self._params)
        return self._found

    def needed(self, tensors: list[Tensor]) -> set[int]:
        """Return the ids of the nodes that tensors depend on."""
        found = {id(t.node) for t in tensor_topological(tensors)}
        self._looked += len(found)
        if self._looked > MAX_LOOKED:
            raise LimitError("params() and weights() of tensors are called too often")
        return found

    def collect(
        self, which: str, args: list[Any], named: dict[str, Any]
    ) -> list[Tensor]:
        """Return the parameters that the tensors depend on (or all), by patterns."""
        patterns = [a for a in args if isinstance(a, str)]
        tensors = [a for a in args if isinstance(a, Tensor)]
        if named or len(patterns) + len(tensors) != len(args):
            raise LimitError(f"{which}() takes name patterns and tensors")
        found = self.params()
        if tensors:
            needed = self.needed(tensors)
            found = [t for t in found if id(t.node) in needed]
        for pattern in patterns:
            if len(pattern) > 100 or pattern.count("*") > 4:
                raise LimitError(f"{pattern!r:.40} is too long a pattern")
            if not any(fnmatchcase(str(t.name), pattern) for t in found):
                names = ", ".join(str(t.name) for t in found)
                raise LimitError(
                    f"no parameter is called {pattern!r}; there are {names or 'none'}"
                )
        if patterns:
            found = [
                t for t in found if any(fnmatchcase(str(t.name), p) for p in patterns)
            ]
        return [t for t in found if which == "params" or t.ndim > 1]


def number(value: Any) -> Any:
    """Return a value, the number of a literal, or None for any other tensor."""
    if isinstance(value, Tensor):
        return literal_value(value)
    return value


def dotted(node: ast.AST) -> str | None:
    """Return a name with dots, or None for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def flat(value: Any) -> Iterator[Any]:
    for item in value:
        if isinstance(item, tuple | list):
            yield from flat(item)
        else:
            yield item


@lru_cache(maxsize=512)
def signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def parameters(function: Callable[..., Any]) -> str:
    """Return a function's parameters as people read them, without types."""
    shown: list[str] = []
    for p in signature(function).parameters.values():
        several = p.kind is p.VAR_POSITIONAL
        star = "*" if several else "**" if p.kind is p.VAR_KEYWORD else ""
        default = "" if p.default is p.empty else f"={str(p.default)[:20]}"
        shown.append(f"{star}{p.name}{default}")
    return f"({', '.join(shown)})"


def sentence(error: Exception) -> str:
    """Return an error's message, ending with a full stop."""
    text = str(error).strip() or type(error).__name__
    text = text if len(text) <= 600 else f"{text[:600]} ..."
    return text if text.endswith((".", "?")) else f"{text}."


def kind(value: Any) -> str:
    """Return what a value is, in words."""
    match value:
        case None:
            return "None"
        case bool():
            return "a boolean"
        case str():
            return f"the string {value!r:.40}"
        case list():
            return "a list"
        case tuple():
            return "a tuple"
        case slice():
            return "a slice"
        case Tensor():
            return "a tensor"
        case Init():
            return "an initial value"
        case Schedule():
            return "a schedule"
        case sp.Expr():
            return "a dim"
    return f"{type(value).__name__} {str(value)[:40]}"
