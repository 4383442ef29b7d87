"""The numbers of a derivation: every value and every cotangent at one point.

In: a derivation and the arrays of its leaves. Out: `Values`. Invariant: everything is
evaluated through the records of the graph, node by node, as `interpret` does; generated
code takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdiff.explain.derivation import Derivation, Share
from symdiff.explain.ranges import Range
from symdiff.graph.arrays import as_declared
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, topological

SMALL = 12  # elements up to which an array is written out
DIGITS = 4  # of a float


@dataclass(frozen=True)
class Values:
    """Arrays by name: of the forward graph, of cotangents, and of contributions."""

    source: str
    forward: Mapping[str, Any]
    cotangents: Mapping[str, Any]
    shares: Mapping[tuple[str, str, int], Any]

    def of(self, name: str) -> str:
        """Return a forward value as text, or nothing where it is none of them."""
        return shown(self.forward.get(name))

    def back(self, name: str) -> str:
        """Return a cotangent's value as text."""
        return shown(self.cotangents.get(name))


def evaluated(
    derivation: Derivation,
    leaves: Mapping[str, Any],
    source: str = "",
    key: int = 0,
) -> Values:
    """Return the values at a point; cotangents start as ones at the results.

    ``leaves`` maps names of the generated code to arrays.
    """
    program = derivation.unit.program
    known = {e.name: e.tensor.node for e in derivation.entries}
    given = [(n, known[n], a) for n, a in leaves.items() if n in known]
    feed = {node: as_declared(n, a, node.dtype) for n, node, a in given}
    draws = {t.node: (key, i) for i, t in enumerate(program.randoms)}
    nodes = [e.tensor.node for e in derivation.entries if e.tensor.node not in feed]
    with np.errstate(all="ignore"):
        found = evaluate(nodes, feed, draws)
        forward = {e.name: found[e.tensor.node] for e in derivation.entries}
        return Values(source, forward, *_backward(derivation, forward, feed))


def _backward(
    derivation: Derivation, forward: Mapping[str, Any], feed: Mapping[Node, Any]
) -> tuple[dict[str, Any], dict[tuple[str, str, int], Any]]:
    """Evaluate the cotangents, from the results to the leaves."""
    cotangents: dict[str, Any] = {}
    shares: dict[tuple[str, str, int], Any] = {}
    owners = {t.node: name for name, t in derivation.cotangents.items()}

    lengths = {
        n: a for n, a in feed.items() if any(isinstance(d, sp.Expr) for d in n.shape)
    }

    def contribution(share: Share) -> Any:
        given: dict[Node, Any] = dict(lengths)
        for node in topological([share.tensor.node]):
            if node in feed:
                given[node] = feed[node]
            elif node in derivation.stands:
                given[node] = np.asarray(forward[derivation.stands[node]])
            elif node in owners:
                given[node] = np.asarray(cotangents[owners[node]])
        return evaluate([share.tensor.node], given)[share.tensor.node]

    for entry in reversed(derivation.entries):
        if entry.cotangent is None:
            continue
        total: Any = np.ones_like(forward[entry.name]) if entry.seed else None
        for i, share in enumerate(entry.received):
            value = contribution(share)
            shares[share.source, share.user, i] = value
            total = value if total is None else total + value
        cotangents[entry.cotangent] = total
    return cotangents, shares


def shown(value: Any) -> str:
    """Return a value as text: numbers where they are few, else what they range over."""
    if value is None or isinstance(value, (list, tuple)):
        return ""
    array = np.asarray(value)
    if array.size <= SMALL:
        finite = array.dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))
        return _listed(array.tolist()) + ("" if finite else "   NOT FINITE")
    if array.dtype.kind not in "fiu":
        return f"{int(np.sum(array))} of {array.size} true"
    found = Range(array)
    if found.nans or found.infinities:
        bad = f"{found.nans} nan, {found.infinities} inf"
        return f"NOT FINITE: {bad} of {array.size}"
    low, high = _ends(found)
    return f"{low} to {high}, mean {_listed(found.mean)}"


def _ends(found: Range) -> tuple[str, str]:
    """Return the extremes of a range, with as many digits as tell them apart."""
    digits = DIGITS
    low, high = _listed(found.low), _listed(found.high)
    while low == high and found.low != found.high:
        digits += 1
        low, high = _listed(found.low, digits), _listed(found.high, digits)
    return low, high


def _listed(value: Any, digits: int = DIGITS) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_listed(v, digits) for v in value)}]"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value)
