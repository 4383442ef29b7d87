"""The numbers of a derivation: every value and every cotangent at one point.

In: a derivation, the tensors of the compiled program that compute its values, and the
arrays of its leaves. Out: `Values`. Invariant: numbers are those of the compiled
program, evaluated through the records of its nodes. A value that the program does not
compute, because it has a stable form of the formula, is evaluated as declared, and
marked as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symdiff.explain.computed import Computed
from symdiff.explain.contributions import Contributions
from symdiff.explain.derivation import Derivation, Entry, Share
from symdiff.explain.ranges import Range
from symdiff.explain.replay import Replay, replayed
from symdiff.graph.arrays import as_declared
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node
from symdiff.graph.types import TupleType

SMALL = 12  # elements of the largest array that is written out
DIGITS = 4  # significant digits of a float
LOUD = "NOT FINITE"
APART = "   (not computed by the code)"

Key = tuple[str, str, int]  # of a contribution: source, user, and its place


@dataclass(frozen=True)
class Apart:
    """Names and contributions whose numbers the code does not compute."""

    forward: frozenset[str] = frozenset()
    cotangents: frozenset[str] = frozenset()
    shares: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Values:
    """Arrays by name: of the forward graph, of cotangents, and of contributions."""

    source: str
    forward: Mapping[str, Any]
    cotangents: Mapping[str, Any]
    shares: Mapping[Key, Any]
    apart: Apart = Apart()
    # the steps of loops by name, unless they are too many
    steps: Mapping[str, Replay] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return a forward value as text, or '' where there is none of this name."""
        return _told(self.forward.get(name), name in self.apart.forward)

    def back(self, name: str) -> str:
        """Return a cotangent's value as text."""
        return _told(self.cotangents.get(name), name in self.apart.cotangents)

    def handed(self, key: Key) -> str:
        """Return a contribution's value as text."""
        return _told(self.shares.get(key), key in self.apart.shares)


def _told(value: Any, apart: bool) -> str:
    """Return a value as text; if ``apart``, with words that the code lacks it.

    Such a value is not marked as not finite, since the code does not compute it.
    """
    text = shown(value)
    return text.replace(LOUD, "").strip(" :") + APART if apart and text else text


def evaluated(
    derivation: Derivation,
    found: Computed,
    leaves: Mapping[str, Any],
    source: str = "",
    key: int = 0,
) -> Values:
    """Return the values at a point; cotangents start as ones at the results.

    ``leaves`` maps names of the generated code to arrays.
    """
    known = {e.name: e.tensor.node for e in derivation.entries}
    given = [(n, known[n], a) for n, a in leaves.items() if n in known]
    feed = {node: as_declared(n, a, node.dtype) for n, node, a in given}
    with np.errstate(all="ignore"):
        return _Evaluation(derivation, found, feed, key).values(source)


class _Evaluation:
    def __init__(
        self,
        derivation: Derivation,
        found: Computed,
        feed: Mapping[Node, Any],
        key: int,
    ) -> None:
        self.derivation = derivation
        self.found = found
        self.feed = feed
        randoms = derivation.unit.program.randoms
        self.draws = {t.node: (key, i) for i, t in enumerate(randoms)}
        self.lengths = {
            n: a
            for n, a in feed.items()
            if any(isinstance(d, sp.Expr) for d in n.shape)
        }
        self.owners = {t.node: name for name, t in derivation.cotangents.items()}
        self.forward: dict[str, Any] = {}
        self.cotangents: dict[str, Any] = {}
        self.shares: dict[Key, Any] = {}
        self.made = Contributions(
            derivation, feed, self.lengths, self.forward, self.cotangents
        )
        # names of what the program does not compute
        self.values_apart: set[str] = set()
        self.cotangents_apart: set[str] = set()
        self.shares_apart: set[Key] = set()

    def values(self, source: str) -> Values:
        """Evaluate the program, and from its values those it does not compute."""
        program = self.found.program
        smooth = [t.node for _, t in program.results if t.dtype.is_float]
        results = evaluate(smooth, self.feed, self.draws)
        seeds = zip(program.seeds, smooth, strict=True)
        feed = {**self.feed, **{s.node: np.ones_like(results[n]) for s, n in seeds}}
        tensors = [*self.found.forward.values(), *self.found.cotangents.values()]
        nodes = [t.node for t in tensors if t.node not in feed]
        computed = evaluate(nodes, feed, self.draws)
        self._forward(computed)
        for entry in reversed(self.derivation.entries):
            if entry.cotangent is not None:
                self._back(entry, entry.cotangent, computed)
        apart = Apart(
            frozenset(self.values_apart),
            frozenset(self.cotangents_apart),
            frozenset(self.shares_apart),
        )
        steps = dict(self._steps())
        return Values(source, self.forward, self.cotangents, self.shares, apart, steps)

    def _steps(self) -> Iterator[tuple[str, Replay]]:
        """Yield each loop with its steps, from the values that it is given."""
        entries = self.derivation.entries
        kept = [e for e in entries if e.name in self.forward]
        feed = {**self.lengths, **{e.tensor.node: self.forward[e.name] for e in kept}}
        for name, opened in self.derivation.opened.items():
            node = opened.tensor.node
            found = evaluate(node.inputs, feed, self.draws)
            items = [e for e in entries if e.tensor.node in opened.items.values()]
            backs = {
                e.tensor.node.attrs["index"]: self.cotangents.get(e.cotangent or "")
                for e in items
            }
            given = [backs.get(i) for i in range(opened.results)]
            operands = [found[i] for i in node.inputs]
            made = replayed(opened, operands, given, feed)
            if made is not None:
                yield name, made

    def _forward(self, computed: Mapping[Node, Any]) -> None:
        """Take values of the program, and evaluate the others as declared."""
        given, rest = dict(self.feed), []
        for e in self.derivation.entries:
            made = self.found.forward.get(e.name)
            if made is not None:
                self.forward[e.name] = computed[made.node]
                given[e.tensor.node] = computed[made.node]
            elif not isinstance(e.tensor.type, TupleType):
                rest.append(e)
        others = [e for e in rest if e.tensor.node not in given]
        as_written = evaluate([e.tensor.node for e in others], given, self.draws)
        for e in rest:
            self.forward[e.name] = as_written[e.tensor.node]
            if not e.role:
                self.values_apart.add(e.name)

    def _back(self, entry: Entry, name: str, computed: Mapping[Node, Any]) -> None:
        """Evaluate each contribution to a value's cotangent, and their sum."""
        made = self.found.cotangents.get(entry.name)
        whole = None if made is None else computed[made.node]
        total: Any = np.ones_like(self.forward[entry.name]) if entry.seed else None
        only = len(entry.received) == 1 and not entry.seed
        for i, share in enumerate(entry.received):
            key = share.source, share.user, i
            if only and whole is not None:
                self.shares[key] = whole
                continue
            self.shares[key] = value = self.made.of(share.tensor)
            total = value if total is None else total + value
            if not self._is_handed(share):
                self.shares_apart.add(key)
        if whole is None and entry.received:
            self.cotangents_apart.add(name)
        self.cotangents[name] = total if whole is None else whole

    def _is_handed(self, share: Share) -> bool:
        """Whether the program has this contribution, and computes all that it reads."""
        reads = self.derivation.reads(share.tensor)
        stands = self.derivation.stands
        apart = any(stands[n] in self.values_apart for n in reads if n in stands)
        back = any(
            self.owners[n] in self.cotangents_apart for n in reads if n in self.owners
        )
        pair = share.source, share.user
        return pair in self.found.hands and not apart and not back


def shown(value: Any) -> str:
    """Return a value as text: its elements if they are few, else their range."""
    if value is None or isinstance(value, (list, tuple)):
        return ""
    array = np.asarray(value)
    if array.size <= SMALL:
        finite = array.dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))
        return _listed(array.tolist()) + ("" if finite else f"   {LOUD}")
    if array.dtype.kind not in "fiu":
        return f"{int(np.sum(array))} of {array.size} true"
    found = Range(array)
    if found.nans or found.infinities:
        bad = f"{found.nans} nan, {found.infinities} inf"
        return f"{LOUD}: {bad} of {array.size}"
    low, high = _ends(found)
    return f"{low} to {high}, mean {_listed(found.mean)}"


def _ends(found: Range) -> tuple[str, str]:
    """Return the extremes of a range, with enough digits to tell them apart."""
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
