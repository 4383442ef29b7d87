"""A loop from inside: its body, derived as a program is, with the index of the step.

In: a loop in its graph. Out: an `Opening`: each statement of the body, the recursion of
the cotangents, and what the loop hands back to its operands. Invariant: which values
have a cotangent is what the rule of the loop itself finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from symdiff.derive.reverse import reverse_sweep
from symdiff.emit.lower.naming import user_name
from symdiff.emit.python import code as py
from symdiff.explain.around import BRIEF, Around, plain
from symdiff.explain.derivation import BodySide, Carried, Derivation, LoopRow, Opened
from symdiff.explain.formulas import Formula, Term, shown, term
from symdiff.explain.indices import (
    Bases,
    Indices,
    Labels,
    apart_from,
    below,
    called,
    letter,
)
from symdiff.explain.sweeping import (
    Graph,
    Opening,
    Seed,
    Sweep,
    is_silent,
    readers_of,
)
from symdiff.explain.typeset import WRITER
from symdiff.graph.body import Body
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.control.carries import moved_back
from symdiff.ops.core.closure import bound_like
from symdiff.ops.core.tex import ATOM, BIG, Tex
from symdiff.ops.core.text import dim_text


class Loop(Around):
    """A scan or a while loop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.body: Body = self.attrs["body"]
        self.spec = LoopSpec.of(self.attrs)
        self.order = tensor_topological(self.body.outputs)
        own = [*self.order, *self.body.params]
        told = [user_name(t, self.around.unit.resolver) or "" for t in own]
        leaves = [str(p.node.attrs["name"]) for p in self.body.params]
        self.letter = letter({*self.taken, *self.around.indices, *told, *leaves})
        self.reverse = bool(self.attrs.get("reverse"))
        self.length, length_tex = self._length()
        self.now: Indices = (*self.around.indices, self.letter)
        step = "+" if self.reverse else "-"
        self.before: Indices = (*self.around.indices, f"{self.letter}{step}1")
        first, last = ("-1", self._one_less())
        if self.reverse:
            first, last = self.length, "0"
        self.first: Indices = (*self.around.indices, first)
        self.last: Indices = (*self.around.indices, last)
        self.length_tex = length_tex
        self.labels = Labels(self.around.symbols)
        self.ends = [t.node for t in self.body.outputs]
        self._name()

    def _length(self) -> tuple[str, str]:
        length = self.attrs.get("length")
        if length is None or "test" in self.attrs:
            return "steps", r"\mathrm{steps}"
        text = dim_text(length).replace("_dim_", "")
        return (
            (text, WRITER.length(length))
            if text.isidentifier() or text.isdigit()
            else (f"({text})", WRITER.length(length))
        )

    def _one_less(self) -> str:
        """Return the index of the last row."""
        whole = self.attrs.get("length")
        return str(whole - 1) if isinstance(whole, int) else f"{self.length}-1"

    # --- names ------------------------------------------------------------------------

    def _name(self) -> None:
        """Name the values of the body, with the indices of the step."""
        params, spec = self.body.params, self.spec
        bases = Bases(self.around.unit, self.taken)
        names = self.around.names
        for i in spec.consts:
            operand = self.tensor.node.inputs[i]
            if operand in names:
                bases.outer(params[i], apart_from(names[operand])[0])
        for i in spec.carries:
            base = bases.give(params[i], self._carry_wish(bases, i))
            end = self.body.outputs[i]
            if end.node not in bases.of and not end.node.op.leaf:
                bases.same(end, base)
        for i in spec.rows:
            own = bases.wanted(params[i]) or str(params[i].node.attrs["name"])
            if own.endswith(f"_{self.letter}"):
                own = own.removesuffix(f"_{self.letter}")
            bases.give(params[i], own)
        for i in spec.consts:
            if params[i].node not in bases.of:
                bases.give(params[i], str(params[i].node.attrs["name"]))
        self.varying = {params[i].node for i in spec.inner}
        for tensor in self.order:
            if any(n in self.varying for n in tensor.node.inputs):
                self.varying.add(tensor.node)
        self.readers = readers_of(self.order)
        ends = set(self.ends)
        visible = [
            t
            for t in self.order
            if t.node in ends or not is_silent(t.node, self.readers)
        ]
        bases.rest(visible, self.varying)
        self.bases = bases
        backs = bases.backs()
        self.labels.tell_apart({b: bases.of[n] for n, b in backs.items()})
        self.bare_backs = backs
        carries = {params[i].node for i in spec.carries}
        consts = {params[i].node: i for i in spec.consts}
        self.names: dict[Node, str] = {}
        self.terms: dict[Node, Term] = {}
        self.backs: dict[Node, str] = {}
        for node, base in bases.of.items():
            at = self.before if node in carries else self.now
            if node not in consts:
                told = at if node in self.varying else ()
                self.names[node] = self.labels.of(base, told)
                self.terms[node] = called(self.names[node])
            else:
                operand = self.tensor.node.inputs[consts[node]]
                self.names[node] = names.get(operand, base)
                self.terms[node] = self.outer[consts[node]]
                if operand in names:
                    at = (*apart_from(names[operand])[1], self.letter)
            self.backs[node] = self.labels.of(backs[node], at)

    def _carry_wish(self, bases: Bases, i: int) -> str:
        leaf, end = self.body.params[i], self.body.outputs[i]
        own = bases.wanted(leaf)
        if own:
            return own
        name = str(leaf.node.attrs["name"])
        given = None if end.node.op.leaf else bases.wanted(end)
        return given if given and name[-1:].isdigit() else name

    # --- cotangents -------------------------------------------------------------------

    def _derive(self) -> tuple[Derivation, dict[int, Term]]:
        """Return the derivation of the body, and the contributions to operands."""
        params, spec = self.body.params, self.spec
        smooth = [i for i in spec.carries if params[i].dtype.is_float]
        others = [i for i in (*spec.rows, *spec.consts) if self.needs[i]]
        given = {
            i: bound_like(o, "d_")
            for i, o in enumerate(self.body.outputs)
            if self.totals[i] is not None
        }
        seeds: dict[int, Tensor] = given
        by_leaf: Mapping[int, Tensor | None] = {}
        if given:
            seeds, by_leaf = moved_back(reverse_sweep, self.body, given, smooth, others)
        self.seeds = seeds
        turning = [i for i in smooth if i in seeds]
        self.written: dict[Node, Term] = {}
        told = [self._seed(i, seed, seeds) for i, seed in seeds.items()]
        out = [*turning, *(i for i in others if by_leaf.get(i) is not None)]
        graph = Graph(
            self.names.get(self.tensor.node, self.tensor.node.op.name),
            self.order,
            told,
            [params[i] for i in out],
            self.names,
            self.backs,
            self.terms,
            {p.node: "bound" for p in params},
            self.around.unit,
            self.around.symbols,
            self.written,
            self.now,
        )
        sweep = Sweep(graph, self.opener)
        if not told:
            return sweep.derivation((), ()), {}
        sweep.back()
        variables = [
            (params[i], self.names[params[i].node], self.backs[params[i].node])
            for i in out
        ]
        gradients = list(sweep.composed(variables, False))
        made = sweep.derivation((), gradients)
        shares: dict[int, Term] = {}
        for i, gradient in zip(out, gradients, strict=True):
            if not self.needs[i]:
                continue
            if i in spec.carries:
                base = self.bare_backs[params[i].node]
                shares[i] = self.labels.term(base, self.first)
            else:
                back = self.backs[params[i].node]
                inner = called(back)
                if len(gradient.formula.text) <= BRIEF:
                    whole = gradient.tensors.get(back)
                    if whole is not None:
                        inner = term(whole.node, sweep.bench.terms)
                shares[i] = self._stack(inner) if i in spec.rows else self._sum(inner)
        return made, shares

    def _seed(self, i: int, seed: Tensor, seeds: Mapping[int, Tensor]) -> Seed:
        """Return the cotangent that an output is given, with its name."""
        end = self.body.outputs[i]
        alone = Counter(self.body.outputs[k].node for k in seeds)[end.node] == 1
        read = end.node in self.readers or end.node.op.leaf
        carried = i in self.spec.carries
        if not carried:
            row = self._row_back(i)
            self.written[seed.node] = row
            words = f"{plain(row)}, from outside the loop"
            return Seed(end, seed, words, "" if alone and not read else self.result(i))
        leaf = self.body.params[i].node
        if alone and not read:
            self.written[seed.node] = called(self.backs[end.node])
            words = f"what the next step hands back; at the last, {self._ended(i)}"
            return Seed(end, seed, words)
        after = f"{self.bare_backs[leaf]}_after"
        while after in self.taken or after in self.bases.of.values():
            after += "_"
        self.bare_backs[leaf] = after
        self.backs[leaf] = self.labels.of(after, self.before)
        self.written[seed.node] = self.labels.term(after, self.now)
        return Seed(end, seed, "", "the steps after")

    def _row_back(self, i: int) -> Term:
        """Return the row of a stacked result's cotangent."""
        return self.labels.term(apart_from(self.result_back(i))[0], self.now)

    def _ended(self, i: int) -> str:
        return self.result_back(i) or "0"

    def _sum(self, inner: Term) -> Term:
        text = f"sum({plain(inner)} for {self._range()})"
        tex = rf"\sum_{{{self.letter}}} {inner.tex.within(BIG)}"
        return Term(py.Name(text), Tex(tex, BIG))

    def _stack(self, inner: Term) -> Term:
        text = f"stack({plain(inner)} for {self._range()})"
        return Term(
            py.Name(text), Tex(rf"\left({inner.tex.text}\right)_{{{self.letter}}}")
        )

    def _range(self) -> str:
        return f"{self.letter} in range({self.length.strip('()')})"

    # --- the whole --------------------------------------------------------------------

    def opening(self) -> Opening:
        """Return the loop from inside."""
        derivation, shares = self._derive()
        params, spec = self.body.params, self.spec
        stacked = self.body.outputs[len(spec.carries) :]
        whole = [
            self.labels.term(self.bases.of[params[i].node], self.last)
            for i in spec.carries
        ]
        whole += [self._stack(self.terms[end.node]) for end in stacked]
        if self.attrs.get("steps") is not None:  # the carries before each step
            whole += [self._stack(self.terms[params[i].node]) for i in spec.carries]
        found = Opened(
            self.around.names[self.tensor.node],
            self.letter,
            self.length.strip("()"),
            self.reverse,
            tuple(self._carry(i, derivation) for i in spec.carries),
            tuple(self._row(i) for i in spec.rows),
            self._test(),
            (BodySide("", derivation, self.body, tuple(self.seeds.items())),),
            self.tensor,
            self.items,
        )
        return Opening(found, shares, whole, self.call())

    def _row(self, i: int) -> LoopRow:
        """Return the row of the step: an element of the sequence."""
        whole, at = self.outer[i], self.letter
        own = called(self.names[self.body.params[i].node])
        text = py.Index(whole.text, (py.Name(at),))
        tex = below(whole.tex.within(ATOM), (at,))
        return LoopRow(shown(own).text, shown(Term(text, Tex(tex))))

    def _carry(self, i: int, derivation: Derivation) -> Carried:
        leaf, end = self.body.params[i], self.body.outputs[i]
        base = self.bases.of[leaf.node]
        after = self.labels.of(base, self.now)
        own = self.names[end.node] == after
        backs = {e.name: e.cotangent for e in derivation.entries}
        back = self.labels.of(self.bare_backs[leaf.node], self.now)
        return Carried(
            self.names[leaf.node],
            after,
            shown(self.outer[i]),
            self.labels.of(base, self.first),
            None if own else shown(self.terms[end.node]),
            back if backs.get(self.names[leaf.node]) else "",
            self._ended(i),
            self.labels.of(self.bare_backs[leaf.node], self.last),
        )

    def _test(self) -> Formula | None:
        if "test" not in self.attrs:
            return None
        test: Body = self.attrs["test"]
        pairs = zip(test.params, self.body.params, strict=True)
        terms = {p.node: self.terms[b.node] for p, b in pairs}
        return shown(term(test.outputs[0].node, terms))
