"""Matching the nodes of two graphs.

In: two derivations. Out: the nodes that were added, removed or changed. Invariant: a
node with the same operation, attributes, operands and type is no change, whatever its
name; one that merely reads a changed value is counted, not listed.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdiff.explain.derivation import Derivation, Entry
from symdiff.graph.body import Body
from symdiff.graph.node import Node, array_digest, scalar_text, topological
from symdiff.ops.core.operands import is_given
from symdiff.plan.cost import cost

_DECLARED = frozenset(["init", "sample"])


@dataclass(frozen=True)
class Change:
    """A node before and after; None where it was added or removed."""

    old: Entry | None
    new: Entry | None
    flops: tuple[str, str]


def changes(old: Derivation, new: Derivation) -> tuple[list[Change], int]:
    """Return the changes, and how many nodes merely read a changed value."""
    digests = _digests(old), _digests(new)
    pairs = _pairs(_computed(old), _computed(new), digests)
    identity: dict[Node, Any] = {}
    before: dict[str, Entry] = {}
    for i, (a, b) in enumerate(pairs):
        identity[a.tensor.node] = identity[b.tensor.node] = i
        before[b.name] = a
    found: list[Change] = []
    follow = 0
    for entry in _computed(new):
        was = before.get(entry.name)
        if was is None:
            found.append(Change(None, entry, ("", "")))
        elif _own(was, identity) != _own(entry, identity):
            found.append(Change(was, entry, (_flops(was), _flops(entry))))
        elif digests[0][was.name] != digests[1][entry.name]:
            follow += 1
    kept = {a.name for a, _ in pairs}
    gone = [Change(e, None, ("", "")) for e in _computed(old) if e.name not in kept]
    return gone + found, follow


def _computed(derivation: Derivation) -> list[Entry]:
    return [e for e in derivation.entries if not e.role]


def _flops(entry: Entry) -> str:
    return cost([entry.tensor.node]).flops


# --- matching -------------------------------------------------------------------------


def _pairs(
    old: Sequence[Entry],
    new: Sequence[Entry],
    digests: tuple[Mapping[str, str], Mapping[str, str]],
) -> list[tuple[Entry, Entry]]:
    """Match equal nodes first, then by the user's names, then by statement and op."""
    found: list[tuple[Entry, Entry]] = []
    a, b = {e.name: e for e in old}, {e.name: e for e in new}

    def match(first: Entry, second: Entry) -> None:
        found.append((first, second))
        del a[first.name], b[second.name]

    for keys in (digests, (_names(a), _names(b))):
        waiting: dict[Any, list[Entry]] = {}
        for name, entry in a.items():
            waiting.setdefault(keys[0][name], []).append(entry)
        for name, entry in list(b.items()):
            same = waiting.get(keys[1][name])
            if keys[1][name] is not None and same:
                match(same.pop(0), entry)
    for kind in (_place, _op):
        first, second = list(a.values()), list(b.values())
        blocks = difflib.SequenceMatcher(
            None, [kind(e) for e in first], [kind(e) for e in second], autojunk=False
        )
        for block in blocks.get_matching_blocks():
            for i in range(block.size):
                match(first[block.a + i], second[block.b + i])
    return found


def _place(entry: Entry) -> Any:
    return entry.op, entry.statement and entry.statement.text


def _op(entry: Entry) -> str:
    return entry.op


def _names(entries: Mapping[str, Entry]) -> dict[str, Any]:
    return {name: _user_name(entry) for name, entry in entries.items()}


def _user_name(entry: Entry) -> Any:
    statement = entry.statement
    own = entry.tensor.label
    assigned = statement is not None and statement.text.startswith(f"{entry.name} =")
    return own or (entry.name if assigned else None)


def _own(entry: Entry, identity: Mapping[Node, Any]) -> Any:
    """Return what identifies a node: operation, attributes, type, matched operands."""
    node = entry.tensor.node
    return (node.op.name, _attrs(node), entry.type, _operands(node, identity))


def _operands(node: Node, identity: Mapping[Node, Any]) -> Any:
    found: list[Any] = []
    for i in node.inputs:
        if i in identity:
            found.append(identity[i])
        elif i.op.leaf:
            found.append(str(i.attrs.get("name")))
        elif is_given(i):
            found.append(_attrs(i))
        else:  # a broadcast that NumPy does has no entry of its own
            found.append((i.op.name, _operands(i, identity)))
    return tuple(found)


def _digests(derivation: Derivation) -> dict[str, str]:
    """Return hashes, equal for equal computations from leaves of equal names."""
    entries = _computed(derivation)
    hashes: dict[Node, str] = {}
    for node in topological([e.tensor.node for e in entries]):
        reads = [hashes[i] for i in node.inputs]
        name = node.attrs.get("name") if node.op.leaf else ""
        text = f"{node.op.name}{reads}{name} {_attrs(node)} {node.type}"
        hashes[node] = hashlib.sha256(text.encode()).hexdigest()
    return {e.name: hashes[e.tensor.node] for e in entries}


def _attrs(node: Node) -> str:
    kept = [k for k in sorted(node.attrs) if k not in _DECLARED and not node.op.leaf]
    return " ".join(f"{k}={_value(node.attrs[k])}" for k in kept)


def _value(value: Any) -> str:
    match value:
        case np.ndarray():
            return f"{value.dtype}{value.shape}{array_digest(value)}"
        case Body():
            return value.key
        case tuple() | list():
            return f"({', '.join(map(_value, value))})"
    shown = scalar_text(value)
    return type(value).__name__ if " object at 0x" in shown else shown
