"""A branch from inside: both sides, each derived as a program is.

In: a branch in its graph. Out: an `Opening`: the statements of both sides, and what the
branch hands back to its operands. Invariant: a side has the cotangents that it has when
it is taken.
"""

from __future__ import annotations

from collections import Counter

from symdiff.derive.reverse import reverse_sweep
from symdiff.emit.python import code as py
from symdiff.explain.around import BRIEF, Around, plain
from symdiff.explain.derivation import BodySide, Derivation, Gradient, Opened
from symdiff.explain.formulas import Term, shown, term
from symdiff.explain.indices import Bases, Labels, apart_from, called
from symdiff.explain.sweeping import (
    Graph,
    Opening,
    Seed,
    Sweep,
    is_silent,
    readers_of,
)
from symdiff.graph.body import Body, bodies_of
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.closure import bound_like, swept_back
from symdiff.ops.core.operands import float_operand
from symdiff.ops.core.tex import Tex

WORDS = ("then", "else")


class Branch(Around):
    """A choice between two bodies."""

    def opening(self) -> Opening:
        """Return the branch from inside."""
        test = self.outer[0]
        bodies = zip(bodies_of(self.attrs), WORDS, strict=True)
        sides = [_Taken(self, body, word) for body, word in bodies]
        made = [side.derivation() for side in sides]
        titles = (f"if {plain(test)}", "else")
        told = tuple(
            BodySide(title, derivation, side.body, tuple(side.given.items()))
            for title, derivation, side in zip(titles, made, sides, strict=True)
        )
        results = [
            _either(test, *(side.terms_of(i) for side in sides))
            for i in range(len(self.totals))
        ]
        zero = term(float_operand(0.0).node, {})
        places = sorted({p for side in sides for p in side.shares})
        shares = {
            p: _either(test, *(s.shares.get(p, zero) for s in sides)) for p in places
        }
        name = self.around.names[self.tensor.node]
        found = Opened(
            name, "", "", False, (), (), shown(test), told, self.tensor, self.items
        )
        return Opening(found, shares, results, self.call())


def _either(test: Term, yes: Term, no: Term) -> Term:
    tex = (
        rf"\begin{{cases}} {yes.tex.text} & \text{{if }} {test.tex.text} \\"
        rf" {no.tex.text} & \text{{otherwise}} \end{{cases}}"
    )
    return Term(py.IfExp(test.text, yes.text, no.text), Tex(tex))


class _Taken:
    """One side of a branch; ``shares`` are its contributions to operands, by place."""

    def __init__(self, branch: Branch, body: Body, word: str) -> None:
        self.branch, self.body, self.word = branch, body, word
        self.around = branch.around
        self.order = tensor_topological(body.outputs)
        self.readers = readers_of(self.order)
        self.places = {p.node: 1 + i for i, p in enumerate(body.params)}
        totals = branch.totals
        self.given = {
            i: bound_like(body.outputs[i], "d_")
            for i, total in enumerate(totals)
            if total is not None
        }
        self.shares: dict[int, Term] = {}
        self._name()

    def _name(self) -> None:
        """Name values as they are around the branch, with the indices of its loops."""
        around, inputs = self.around, self.branch.tensor.node.inputs
        outer = {n: around.names.get(inputs[p]) for n, p in self.places.items()}
        bases = Bases(around.unit, self.branch.taken)
        for p in self.body.params:
            if name := outer[p.node]:
                bases.outer(p, apart_from(name)[0])
        for p in self.body.params:
            if p.node not in bases.of:
                bases.give(p, str(p.node.attrs["name"]))
        ends = {t.node for t in self.body.outputs}
        visible = [
            t
            for t in self.order
            if t.node in ends or not is_silent(t.node, self.readers)
        ]
        bases.rest(visible, ())
        labels, bare = Labels(around.symbols), bases.backs()
        labels.tell_apart({b: bases.of[n] for n, b in bare.items()})
        self.names: dict[Node, str] = {}
        self.terms: dict[Node, Term] = {}
        self.backs: dict[Node, str] = {}
        for node, base in bases.of.items():
            if node in self.places:
                name = self.names[node] = outer[node] or base
                self.terms[node] = self.branch.outer[self.places[node]]
                indices = (*apart_from(name)[1], self.word)
            else:
                indices = around.indices
                self.names[node] = labels.of(base, indices)
                self.terms[node] = called(self.names[node])
            self.backs[node] = labels.of(bare[node], indices)

    def terms_of(self, index: int) -> Term:
        """Return a result of the side."""
        return term(self.body.outputs[index].node, self.terms)

    def derivation(self) -> Derivation:
        """Derive the side."""
        seeds = [self._seed(i) for i in self.given]
        wrt = self._variables()
        graph = Graph(
            self.around.names[self.branch.tensor.node],
            self.order,
            seeds if wrt else [],
            wrt,
            self.names,
            self.backs,
            self.terms,
            {p.node: "bound" for p in self.body.params},
            self.around.unit,
            self.around.symbols,
            {s.node: called(self.branch.result_back(i)) for i, s in self.given.items()},
            self.around.indices,
        )
        sweep = Sweep(graph, self.branch.opener)
        if not wrt:
            return sweep.derivation((), ())
        sweep.back()
        told = [(p, self.names[p.node], self.backs[p.node]) for p in wrt]
        gradients = list(sweep.composed(told, False))
        for p, gradient in zip(wrt, gradients, strict=True):
            self.shares[self.places[p.node]] = self._share(gradient, sweep)
        return sweep.derivation((), gradients)

    def _seed(self, index: int) -> Seed:
        """Return the cotangent that a result is given."""
        end, back = self.body.outputs[index], self.branch.result_back(index)
        ends = Counter(self.body.outputs[i].node for i in self.given)
        shared = ends[end.node] > 1 or end.node in self.readers or end.node.op.leaf
        of = self.branch.result(index) if shared else ""
        return Seed(end, self.given[index], f"{back}, if this side is taken", of)

    def _variables(self) -> list[Tensor]:
        """Return the leaves that the side has a cotangent for."""
        needs = self.branch.needs
        asked = [p for p in self.body.params if needs[self.places[p.node]]]
        results = [self.body.outputs[i] for i in self.given]
        if not results or not asked:
            return []
        found = swept_back(reverse_sweep, results, list(self.given.values()), asked)
        return [p for p, g in zip(asked, found, strict=True) if g is not None]

    def _share(self, gradient: Gradient, sweep: Sweep) -> Term:
        whole = gradient.tensors.get(gradient.cotangent)
        if whole is None or len(gradient.formula.text) > BRIEF:
            return called(gradient.cotangent)
        return term(whole.node, sweep.bench.terms)
