"""What the turns of a loop need not compute one after another, for the planned step.

In: a program's tensors. Out: a map to tensors in which loops read, as rows or as
constants, what was computed before them. Invariant: such values depend on no carry, and
are computed from whole sequences element by element; factors of a product that depend
on no carry are multiplied first. A matrix that turns read transposed is laid out so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdiff.graph.body import Body, substitute
from symdiff.graph.loops import LoopSpec
from symdiff.graph.node import Node, topological
from symdiff.graph.provenance import at_site
from symdiff.graph.rebuild import Became, rebuilding, remade
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import Shape, TensorType, TupleType
from symdiff.ops.control.scan import SCAN
from symdiff.ops.core.closure import bound_like
from symdiff.ops.core.operands import LITERAL, call_elementwise
from symdiff.ops.elementwise.arithmetic import MUL
from symdiff.ops.linalg.matmul import MATMUL
from symdiff.ops.shape.broadcasting import BROADCAST_TO
from symdiff.ops.shape.packing import packed
from symdiff.ops.shape.views import TRANSPOSE, transpose
from symdiff.rewrite.factors import size

MOST = 1 << 14  # elements of a row: more turns of larger ones leave the cache


def computing_ahead(outputs: Sequence[Tensor]) -> Became:
    """Return the map of what loops below ``outputs`` compute to what they read."""

    def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor | None:
        if old.node.op is not SCAN:
            return None
        body: Body = old.node.attrs["body"]
        inner = topological([t.node for t in body.outputs])
        if any(isinstance(n.type, TupleType) or n.op.facts.draws for n in inner):
            return None
        return _Turns(old, list(parents)).rewritten()

    return rebuilding(choose)


@dataclass(slots=True)
class _Turns:
    """A loop, and the operands and leaves that its body gets."""

    loop: Tensor
    parents: list[Tensor]
    rows: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # leaf, sequence
    consts: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def _spec(self) -> LoopSpec:
        return LoopSpec.of(self.loop.node.attrs)

    def rewritten(self) -> Tensor | None:
        """Return the loop that reads more, or None where nothing is gained."""
        body: Body = self.loop.node.attrs["body"]
        outputs = self._grouped(list(body.outputs), body)
        outputs = self._ahead(outputs, body)
        outputs = self._laid_out(outputs, body)
        if not self.rows and not self.consts:
            return None
        end = self._spec.rows.stop
        leaves = [t for t, _ in self.rows]
        params = (
            *(*body.params[:end], *leaves, *body.params[end:]),
            *(t for t, _ in self.consts),
        )
        parents = (
            *(*self.parents[:end], *(t for _, t in self.rows), *self.parents[end:]),
            *(t for _, t in self.consts),
        )
        attrs: dict[str, Any] = dict(self.loop.node.attrs)
        attrs["body"] = Body(params, tuple(outputs))
        attrs["sequences"] += len(self.rows)
        return remade(self.loop, parents, attrs)

    # --- products ---------------------------------------------------------------------

    def _grouped(self, outputs: list[Tensor], body: Body) -> list[Tensor]:
        """Multiply factors that depend on no carry first."""
        moving = _depend_on(body.params[: self._spec.rows.start], outputs)
        reads: dict[Node, int] = {}
        for node in topological([t.node for t in outputs]):
            for i in node.inputs:
                reads[i] = reads.get(i, 0) + 1
        for t in outputs:
            reads[t.node] = reads.get(t.node, 0) + 2

        def factors(t: Tensor, top: bool) -> Iterator[Tensor]:
            inner = t.node.op is MUL and t.node in moving
            if inner and (top or reads[t.node] == 1):
                for p in t.parents:
                    yield from factors(p, False)
            else:
                yield t

        made: dict[Node, Tensor] = {}

        def grouped(old: Tensor) -> Tensor | None:
            if old.node.op is not MUL or old.node not in moving:
                return None
            found = list(factors(old, True))
            still = [f for f in found if f.node not in moving]
            if len(still) < 2 or any(f.shape != old.shape for f in found):
                return None
            first = still[0]
            with at_site(old.site):
                for f in still[1:]:
                    first = call_elementwise(MUL, first, f)
                for f in (f for f in found if f.node in moving):
                    first = call_elementwise(MUL, made.get(f.node, f), first)
            return first

        def choose(old: Tensor, parents: tuple[Tensor, ...]) -> Tensor:
            same = all(a is b for a, b in zip(parents, old.parents, strict=True))
            kept = old if same else remade(old, parents, old.node.attrs)
            new = grouped(old)
            made[old.node] = kept if new is None else new
            return made[old.node]

        return list(rebuilding(choose)(outputs))

    # --- what depends on rows alone ---------------------------------------------------

    def _ahead(self, outputs: list[Tensor], body: Body) -> list[Tensor]:
        """Compute from sequences what turns compute from their rows alone."""
        spec = self._spec
        moving = _depend_on(body.params[: spec.rows.start], outputs)
        whole: dict[Node, Tensor] = {}
        for i in spec.rows:
            whole[body.params[i].node] = self.parents[i]
        rows = set(whole)
        order = tensor_topological(outputs)
        for t in order:
            if t.node not in moving and t.node not in rows:
                made = self._batched(t, whole)
                if made is not None:
                    whole[t.node] = made
        read = {p.node for t in order if t.node in moving for p in t.parents}
        read |= {t.node for t in outputs}
        replaced: dict[Node, Tensor] = {}
        for t in order:
            if t.node in read and t.node in whole and t.node not in rows:
                leaf = bound_like(t)
                replaced[t.node] = leaf
                self.rows.append((leaf, whole[t.node]))
        return substitute(outputs, replaced) if replaced else outputs

    def _batched(self, t: Tensor, whole: dict[Node, Tensor]) -> Tensor | None:
        """Return the value of all turns, if it is computed element by element."""
        node = t.node
        if not node.op.is_elementwise or node.attrs or not node.shape:
            return None
        if node.dtype.name != "float" or size(node.shape) > MOST:
            return None
        operands: list[Tensor] = []
        for p in t.parents:
            source = p
            while source.node.op is BROADCAST_TO:
                (source,) = source.parents
            if source.node in whole and p.shape == node.shape == source.shape:
                operands.append(whole[source.node])
            elif source.node.op is LITERAL:
                operands.append(source)
            else:
                return None
        if all(o.node.op is LITERAL for o in operands):
            return None
        with at_site(t.site):
            made = call_elementwise(node.op, *operands)
        length = self.loop.node.attrs["length"]
        return made if made.type == _stacked(length, t) else None

    # --- matrices ---------------------------------------------------------------------

    def _laid_out(self, outputs: list[Tensor], body: Body) -> list[Tensor]:
        """Lay a matrix out as the products of all turns read it."""
        consts = {body.params[i].node: i for i in self._spec.consts}
        order = tensor_topological(outputs)
        read = {p.node for t in order if t.node.op is MATMUL for p in t.parents}
        replaced: dict[Node, Tensor] = {}
        for t in order:
            turned = t.node.op is TRANSPOSE and t.ndim == 2 and t.node in read
            if turned and t.node.inputs[0] in consts:
                leaf = bound_like(t)
                replaced[t.node] = leaf
                source = self.parents[consts[t.node.inputs[0]]]
                with at_site(t.site):
                    self.consts.append((leaf, packed(transpose(source))))
        return substitute(outputs, replaced) if replaced else outputs


def _stacked(length: Any, t: Tensor) -> TensorType:
    shape: Shape = (length, *t.shape)
    return TensorType(shape, t.dtype)


def _depend_on(leaves: Sequence[Tensor], outputs: Sequence[Tensor]) -> set[Node]:
    """Return the nodes below outputs that depend on some leaves."""
    found = {t.node for t in leaves}
    for node in topological([t.node for t in outputs]):
        if any(i in found for i in node.inputs):
            found.add(node)
    return found
