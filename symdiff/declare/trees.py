"""Nested containers of arrays: tuples, named tuples, lists and dicts.

In: what a user's function takes or returns. Out: its leaves, and the same containers
around others. Invariant: a leaf's path joins keys and positions, ``params.W`` or
``layers.0.b``, and the order of leaves is that of the containers.
"""

from __future__ import annotations

import array
import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Path = tuple[str, ...]


# Leaves that a caller can write into.
WRITABLE = (np.ndarray, set, bytearray, deque, array.array)


def own(leaf: Any) -> Any:
    """Return a leaf that nobody else can write: a copy of a writable one."""
    return copy.deepcopy(leaf) if isinstance(leaf, WRITABLE) else leaf


def is_container(value: Any) -> bool:
    """Whether a value holds leaves rather than being one."""
    return isinstance(value, (tuple, list, dict))


def tree_map(function: Callable[[Path, Any], Any], value: Any, path: Path = ()) -> Any:
    """Return ``value``'s containers around ``function(path, leaf)`` of each leaf."""
    if isinstance(value, dict):
        pairs = {k: tree_map(function, v, (*path, str(k))) for k, v in value.items()}
        if type(value) is dict:
            return pairs
        made = type(value)()
        made.update(pairs)
        return made
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", range(len(value)))
        parts = [
            tree_map(function, v, (*path, str(n)))
            for n, v in zip(names, value, strict=True)
        ]
        if hasattr(value, "_fields"):
            return type(value)(*parts)
        return tuple(parts) if isinstance(value, tuple) else parts
    return function(path, value)


def leaves(value: Any) -> list[Any]:
    """Return the leaves, in order."""
    return [leaf for _, leaf in leaf_paths(value)]


def kinds(value: Any) -> list[type]:
    """Return the classes of the containers, named tuples among them."""
    if not is_container(value):
        return []
    parts = value.values() if isinstance(value, dict) else value
    return [type(value), *(kind for part in parts for kind in kinds(part))]


def leaf_paths(value: Any) -> list[tuple[Path, Any]]:
    """Return the leaves with their paths, in order."""
    found: list[tuple[Path, Any]] = []
    tree_map(lambda path, leaf: found.append((path, leaf)), value)
    return found


def like(value: Any, new: Sequence[Any]) -> Any:
    """Return the containers of ``value`` around other leaves, as many as it has."""
    waiting: Iterator[Any] = iter(new)
    return tree_map(lambda path, leaf: next(waiting), value)


def form(value: Any) -> Any:
    """Return a value that is equal for containers that differ only in their leaves."""
    if isinstance(value, dict):
        return (dict, *((k, form(v)) for k, v in value.items()))
    if isinstance(value, (tuple, list)):
        kind = list if isinstance(value, list) else tuple
        return (kind, *(form(v) for v in value))
    return None


def arranged(value: Any, pattern: Any) -> Any:
    """Return containers with dict keys in the order that ``pattern`` has."""
    if isinstance(value, dict) and isinstance(pattern, dict):
        same = value.keys() == pattern.keys()
        return {k: arranged(value[k], pattern[k]) for k in pattern} if same else value
    pair = isinstance(value, (tuple, list)) and isinstance(pattern, (tuple, list))
    if not pair or len(value) != len(pattern):
        return value
    parts = [arranged(v, p) for v, p in zip(value, pattern, strict=True)]
    return tuple(parts) if isinstance(value, tuple) else parts


def builder(template: Any, is_slot: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """Return a function from results to the containers of ``template`` around them.

    A slot is replaced by the result of that number. Any other leaf stays, but writable
    ones are copied for each call, since the caller owns them.
    """
    if is_slot(template):
        return lambda results: results[template.number]
    if isinstance(template, WRITABLE):
        kept = own(template)
        return lambda results: own(kept)
    if not is_container(template):
        return lambda results: template
    if isinstance(template, dict):
        made = {k: builder(v, is_slot) for k, v in template.items()}
        if type(template) is dict:
            return lambda results: {k: make(results) for k, make in made.items()}
        kind: Any = type(template)

        def filled(results: Any) -> Any:
            value = kind()
            value.update({k: make(results) for k, make in made.items()})
            return value

        return filled
    parts = [builder(v, is_slot) for v in template]
    if hasattr(template, "_fields"):
        named: Any = type(template)
        return lambda results: named(*[make(results) for make in parts])
    plain: Any = tuple if isinstance(template, tuple) else list
    return lambda results: plain([make(results) for make in parts])
