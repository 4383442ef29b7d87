"""The value of a contribution to a cotangent, over the values that it is made of.

In: a derivation, its values and cotangents by name. Out: arrays. Invariant: what is
evaluated is the graph that the rule built, through the records of its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.explain.derivation import Derivation
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor


class Contributions:
    """Evaluates contributions; more values and cotangents may become known later.

    ``known`` are leaves with their arrays, ``lengths`` those from which alone the
    lengths of axes are read.
    """

    def __init__(
        self,
        derivation: Derivation,
        known: Mapping[Node, Any],
        lengths: Mapping[Node, Any],
        forward: Mapping[str, Any],
        cotangents: Mapping[str, Any],
    ) -> None:
        """Take the values; ``forward`` and ``cotangents`` are by name."""
        self._derivation = derivation
        self._known, self._lengths = known, lengths
        self._forward, self._cotangents = forward, cotangents

    @cached_property
    def _owners(self) -> Mapping[Node, str]:
        return {t.node: name for name, t in self._derivation.cotangents.items()}

    def of(self, contribution: Tensor) -> Any:
        """Return the value of a contribution."""
        given: dict[Node, Any] = dict(self._lengths)
        d = self._derivation
        for node in topological([contribution.node]):
            if node in d.lent:
                given[node] = self.of(d.lent[node].contribution)
            elif node in self._known:
                given[node] = self._known[node]
            elif node in d.stands:
                given[node] = np.asarray(self._forward[d.stands[node]])
            elif node in self._owners:
                given[node] = np.asarray(self._cotangents[self._owners[node]])
        return evaluate([contribution.node], given)[contribution.node]
