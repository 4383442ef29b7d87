"""The data of the page, as JSON: nodes, contributions between them, numbers, spans.

In: a derivation, the user's sources, perhaps values. Out: a dict of plain values.
Invariant: everything is referred to by number, in the order of the derivation, so the
same model gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from symdiff.explain.derivation import Derivation, Entry, Gradient, Share
from symdiff.explain.explorer.numbers import Shelf
from symdiff.explain.explorer.sources import Sources
from symdiff.explain.explorer.stepping import added, formula_data, loop_data
from symdiff.explain.mathml import mathml
from symdiff.explain.symbols import symbol, telling_apart
from symdiff.explain.values import Values


def data(
    derivation: Derivation, sources: Sources, values: Values | None
) -> dict[str, Any]:
    """Return everything that the page's script reads."""
    with telling_apart(derivation.symbols):
        return _Builder(derivation, sources, values).everything()


def as_json(found: Mapping[str, Any]) -> str:
    """Return JSON that may stand inside a script element, whatever strings it holds."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for c in "<>&\u2028\u2029":
        text = text.replace(c, f"\\u{ord(c):04x}")
    # a lone surrogate cannot be written as UTF-8
    return "".join(c if not "\ud800" <= c <= "\udfff" else "\\ufffd" for c in text)


class _Builder:
    def __init__(
        self, derivation: Derivation, sources: Sources, values: Values | None
    ) -> None:
        self.derivation = derivation
        self.values = values
        self.sources = sources
        self.shelf = Shelf()
        self.number = {e.name: i for i, e in enumerate(derivation.entries)}
        self.shares: list[dict[str, Any]] = []

    def everything(self) -> dict[str, Any]:
        entries = self.derivation.entries
        nodes = [self._node(i, e) for i, e in enumerate(entries)]
        for entry in entries:
            for place, share in enumerate(entry.received):
                self._share(place, share)
        return {
            "name": self.derivation.name,
            "results": [self.number[r] for r in self.derivation.results],
            "values": None if self.values is None else self.values.source,
            "nodes": nodes,
            "shares": self.shares,
            "gradients": [self._gradient(g) for g in self.derivation.gradients],
            "loops": self._loops(),
            "arrays": self.shelf.arrays,
            "spans": [
                {
                    "v": list(s.entries),
                    "c": [i for i in s.calls if i not in s.entries],
                    "p": s.parent,
                }
                for s in self.sources.spans
            ],
        }

    def _node(self, number: int, e: Entry) -> dict[str, Any]:
        found: dict[str, Any] = {
            "n": e.name,
            "m": mathml(symbol(e.name).tex),
            "op": e.op.partition("@")[0],
            "t": e.type,
            "o": [self.number[n] for n in e.operands],
            "s": list(e.scope),
        }
        if e.role:
            found |= {"role": e.role, "own": str(e.tensor.name or e.name)}
        if e.formula is not None:
            found["f"] = formula_data(e.formula)
        if e.rule:
            found["rule"] = e.rule
        said = e.statement or self.derivation.unit.resolver.statement(e.tensor)
        if said is not None:
            found["at"], found["text"] = said.location, said.text
        if e.cotangent is not None:
            found["ct"] = e.cotangent
            found["cm"] = mathml(symbol(e.cotangent).tex)
        if e.seed:
            found["seed"] = True
        if self.values is not None:
            apart = self.values.apart
            value = self.values.forward.get(e.name)
            found["v"] = self._put(value, e.name in apart.forward)
            if (d := e.cotangent) is not None:
                found["g"] = self._put(
                    self.values.cotangents.get(d), d in apart.cotangents
                )
        return found

    def _put(self, value: Any, apart: bool) -> dict[str, Any] | None:
        """Return the page's data of an array; ``apart``: not computed by the code."""
        found = self.shelf.put(value)
        return {**found, "apart": True} if found and apart else found

    def _share(self, place: int, share: Share) -> None:
        stands = self.derivation.stands
        reads = {
            self.number[stands[n]]: None
            for n in self.derivation.reads(share.tensor)
            if n in stands
        }
        found: dict[str, Any] = {
            "s": self.number[share.source],
            "u": self.number[share.user],
            "f": formula_data(share.formula),
            "reads": list(reads),
        }
        if share.local is not None:
            found["l"] = formula_data(share.local)
        if share.rule:
            found["rule"] = share.rule
        if self.values is not None:
            key = (share.source, share.user, place)
            value = self.values.shares.get(key)
            found["v"] = self._put(value, key in self.values.apart.shares)
        if steps := self._steps(share):
            found["steps"] = steps
        self.shares.append(found)

    def _steps(self, share: Share) -> dict[str, Any] | None:
        """Return what each step of a loop adds to a contribution, if it is one's."""
        lent = self.derivation.lent.get(share.tensor.node)
        if lent is None or self.values is None:
            return None
        for name, replay in self.values.steps.items():
            if replay.opened.tensor.node is lent.loop:
                found = added(replay, lent.place, self.shelf)
                return found and {"loop": self.number[name], **found}
        return None

    def _loops(self) -> list[dict[str, Any]]:
        steps = {} if self.values is None else self.values.steps
        return [
            {"e": self.number[name], **loop_data(o, steps.get(name), self.shelf)}
            for name, o in self.derivation.opened.items()
        ]

    def _gradient(self, g: Gradient) -> dict[str, Any]:
        place = next(
            (
                i
                for i, e in enumerate(self.derivation.entries)
                if e.role and str(e.tensor.name or e.name) == g.name
            ),
            None,
        )
        where = [
            {"n": name, "m": mathml(symbol(name).tex), "f": formula_data(f)}
            for name, f in g.where
        ]
        return {
            "e": place,
            "own": g.name,
            "ct": g.cotangent,
            "cm": mathml(symbol(g.cotangent).tex),
            "t": g.type,
            "f": formula_data(g.formula),
            "where": where,
            "more": g.more,
        }
