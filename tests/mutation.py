"""Mutants of derivative rules: small wrong changes that the checks must notice.

In: an op and the samples whose graphs hold it. Out: its mutants, each a name and a
context in which the op's record is changed. Invariant: a mutant is made only where it
changes some graph that the samples build, and the record is restored afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from derivative_checks import (
    check_first_order,
    check_second_order,
    check_single_operand,
)
from sample_checks import forward_ops
from samples import SAMPLES, Sample

from symdiff.graph.errors import SymdiffError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, apply, tensor_topological
from symdiff.ops.core.operands import API, is_literal
from symdiff.ops.core.record import OPS, Op

COMMUTATIVE = {
    *("add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and"),
    *("logical_or", "logical_xor", "fmax", "fmin", "hypot", "logaddexp"),
}
NODES = 16  # new nodes of a rule that are changed, at most
OPERANDS = 3

Change = Callable[[Sequence[Any], set[Node]], list[Any] | None]


@dataclass(frozen=True)
class Mutant:
    """One change of one rule: of the reverse rule, the forward rule, or both."""

    op: str
    mode: str
    kind: str

    def __str__(self) -> str:
        return f"{self.op}: {self.mode}: {self.kind}"


# --- changes of a rule's results --------------------------------------------------
# Each takes the results and the nodes that were there before the rule ran, and returns
# new results, or None where there is nothing to change.


def _at(i: int, change: Callable[[Any], Any]) -> Change:
    def apply_to(results: Sequence[Any], before: set[Node]) -> list[Any] | None:
        if i >= len(results) or results[i] is None:
            return None
        return [change(r) if k == i else r for k, r in enumerate(results)]

    return apply_to


def _swap(i: int, j: int) -> Change:
    def apply_to(results: Sequence[Any], before: set[Node]) -> list[Any] | None:
        if max(i, j) >= len(results) or results[i] is None or results[j] is None:
            return None
        found = list(results)
        found[i], found[j] = found[j], found[i]
        return None if found[i].node is found[j].node else found

    return apply_to


def _node(
    k: int, replace: Callable[[Tensor, Sequence[Tensor]], Tensor | None]
) -> Change:
    """Change the k-th node that the rule made."""

    def apply_to(results: Sequence[Any], before: set[Node]) -> list[Any] | None:
        present = [r for r in results if r is not None]
        made = [t for t in tensor_topological(present) if t.node not in before]
        made = [t for t in made if t.parents and not is_literal(t)]
        if k >= len(made):
            return None
        moved: dict[Node, Tensor] = {}
        for t in made:
            parents = [moved.get(p.node, p) for p in t.parents]
            if t is made[k]:
                try:
                    other = replace(t, parents)
                except (SymdiffError, ValueError, TypeError, IndexError):
                    return None
                if other is None or other.node is t.node or other.type != t.type:
                    return None
                moved[t.node] = other
            elif any(p.node in moved for p in t.parents):
                moved[t.node] = apply(t.node.op, *parents, **t.node.attrs)
        return [None if r is None else moved.get(r.node, r) for r in results]

    return apply_to


def _swapped(t: Tensor, parents: Sequence[Tensor]) -> Tensor | None:
    if t.node.op.name == "where":
        return apply(t.node.op, parents[0], parents[2], parents[1])
    if len(parents) != 2 or t.node.op.name in COMMUTATIVE:
        return None
    return apply(t.node.op, parents[1], parents[0], **t.node.attrs)


def _unreduced(t: Tensor, parents: Sequence[Tensor]) -> Tensor | None:
    """Take the first element of each summed axis instead of the sum."""
    if t.node.op.name not in ("sum", "mean"):
        return None
    axes, keepdims = t.node.attrs["axes"], t.node.attrs["keepdims"]
    if all(parents[0].shape[a] == 1 for a in axes):
        return None
    first = slice(0, 1) if keepdims else 0
    index = tuple(first if a in axes else slice(None) for a in range(parents[0].ndim))
    return API["getitem"](parents[0], index)


def _dropped(t: Tensor, parents: Sequence[Tensor]) -> Tensor | None:
    """Leave a function of one operand out."""
    return parents[0] if len(parents) == 1 else None


CHANGES: dict[str, Change] = {
    **{f"sign of {i}": _at(i, lambda r: -r) for i in range(OPERANDS)},
    **{f"twice {i}": _at(i, lambda r: r * 2) for i in range(OPERANDS)},
    **{f"detached {i}": _at(i, lambda r: None) for i in range(OPERANDS)},
    "swapped 0 and 1": _swap(0, 1),
    "swapped 1 and 2": _swap(1, 2),
    **{f"operands of node {k} swapped": _node(k, _swapped) for k in range(NODES)},
    **{f"sum of node {k} dropped": _node(k, _unreduced) for k in range(NODES)},
    **{f"node {k} left out": _node(k, _dropped) for k in range(NODES)},
}
BOTH = ("sign of 0", "twice 0")


# --- mutated records --------------------------------------------------------------


@contextlib.contextmanager
def replaced(op: Op, **fields: Any) -> Iterator[None]:
    """Change fields of a record while the block runs."""
    before = {name: getattr(op, name) for name in fields}
    for name, value in fields.items():
        object.__setattr__(op, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            object.__setattr__(op, name, value)


Seen = Callable[[str], None]


def _flat(values: Any) -> list[Tensor]:
    found = []
    for v in values:
        found += (
            [x for x in v if x is not None] if isinstance(v, (list, tuple)) else [v]
        )
    return [v for v in found if v is not None]


def _before(*values: Any) -> set[Node]:
    return {t.node for t in tensor_topological(_flat(values))}


def changed_vjp(op: Op, changes: dict[str, Change], seen: Seen, act: bool) -> Any:
    """Return the reverse rule with changes; ``seen`` hears which of them apply."""
    rule = op.vjp
    assert rule is not None

    def vjp(
        ct: Any, output: Any, inputs: Any, attrs: Any, needs: Any, **sweep: Any
    ) -> Any:
        shares = list(rule(ct, output, inputs, attrs, needs, **sweep))
        before = _before(ct, output, *inputs)
        return _changed(shares, before, changes, seen, act)

    return vjp


def changed_jvp(op: Op, changes: dict[str, Change], seen: Seen, act: bool) -> Any:
    """Return the forward rule with changes to its result."""
    rule = op.jvp
    assert rule is not None

    def jvp(tangents: Any, output: Any, inputs: Any, attrs: Any, **sweep: Any) -> Any:
        result = rule(tangents, output, inputs, attrs, **sweep)
        several = isinstance(result, (list, tuple))
        results = list(result) if several else [result]
        before = _before(tangents, output, *inputs)
        found = _changed(results, before, changes, seen, act)
        return found if several else found[0]

    return jvp


def _changed(
    results: list[Any],
    before: set[Node],
    changes: dict[str, Change],
    seen: Seen,
    act: bool,
) -> list[Any]:
    for name, change in changes.items():
        found = change(results, before)
        if found is not None:
            seen(name)
            if act:
                return found
    return results


def _wrong_partial(partial: Any, factor: int) -> Any:
    if isinstance(partial, sp.Basic):
        return partial * factor
    return lambda *args: None if (r := partial(*args)) is None else r * factor


# --- finding and killing ----------------------------------------------------------


def samples_of(op: Op) -> list[Sample]:
    """Return the differentiable samples whose value holds the op, simplest first."""
    found = [(s, forward_ops(s)) for s in SAMPLES if s.differentiable]
    held = [(len(ops), s) for s, ops in found if op.name in ops]
    return [s for _, s in sorted(held, key=lambda pair: pair[0])]


def mutants_of(op: Op, samples: Sequence[Sample]) -> list[Mutant]:
    """Return the mutants that change some graph of the samples."""
    seen: dict[tuple[str, str], None] = {}

    def hear(mode: str) -> Seen:
        return lambda name: seen.setdefault((mode, name))

    fields: dict[str, Any] = {}
    if op.vjp is not None:
        fields["vjp"] = changed_vjp(op, CHANGES, hear("vjp"), act=False)
    if op.jvp is not None:
        fields["jvp"] = changed_jvp(op, CHANGES, hear("jvp"), act=False)
    with replaced(op, **fields):
        for s in samples:
            check_first_order(s)
    for name in BOTH:
        if ("vjp", name) in seen and ("jvp", name) in seen and not op.partials:
            seen[("both", name)] = None
    for i, partial in enumerate(op.partials):
        if partial is not None and ("vjp", f"sign of {i}") in seen:
            seen[("partials", f"sign of {i}")] = None
            seen[("partials", f"twice {i}")] = None
    return [Mutant(op.name, mode, kind) for mode, kind in seen]


@contextlib.contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """Put the mutant into the table of ops while the block runs."""
    op = OPS[mutant.op]
    if mutant.mode == "partials":
        i = int(mutant.kind[-1])
        factor = -1 if mutant.kind.startswith("sign") else 2
        partials = list(op.partials)
        partials[i] = _wrong_partial(partials[i], factor)
        with replaced(op, partials=tuple(partials)):
            yield
        return
    kind = mutant.kind
    if mutant.mode == "both":
        changes = {kind: _every(kind.startswith("sign"))}
    else:
        changes = {kind: CHANGES[kind]}
    fields: dict[str, Any] = {}
    if mutant.mode in ("vjp", "both"):
        fields["vjp"] = changed_vjp(op, changes, lambda name: None, act=True)
    if mutant.mode in ("jvp", "both"):
        fields["jvp"] = changed_jvp(op, changes, lambda name: None, act=True)
    with replaced(op, **fields):
        yield


def _every(sign: bool) -> Change:
    """Change all results alike, so that the two modes still agree."""
    return lambda results, before: [
        None if r is None else (-r if sign else r * 2) for r in results
    ]


CHECKS = (check_first_order, check_single_operand, check_second_order)


def survives(mutant: Mutant, samples: Sequence[Sample]) -> bool:
    """Whether every check passes with the mutant in place."""
    with mutated(mutant):
        for check in CHECKS:
            for s in samples:
                if check is check_second_order and not s.second:
                    continue
                try:
                    check(s)
                except Exception:
                    return False
    return True
