"""A tensor as an equation over the values that the user has named.

In: a tensor. Out: an `Equation`. Invariant: the work is bounded, however large the
graph below the tensor is; a part that is too deep is replaced by a name, which no other
value in the same equations has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.source import Resolver
from symdiff.explain.formulas import Formula, Term, formula, named
from symdiff.explain.symbols import apart, telling_apart
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.rewrite.driver import rewrite
from symdiff.rewrite.rules import simplifications

MOST = 10  # operations that an equation writes out
SIMPLIFIED = 400  # a derivative of more nodes is not simplified before it is shown
LONGEST = 300  # characters of an equation's text


@dataclass(frozen=True)
class Equation:
    """``name = formula``; a leaf has no formula. ``place`` is where it is declared."""

    name: str
    left: str  # the name as TeX
    formula: Formula | None
    place: str
    statement: str

    @property
    def tex(self) -> str:
        """Return it as TeX."""
        return (
            self.left if self.formula is None else f"{self.left} = {self.formula.tex}"
        )


def equation(tensor: Tensor, base: str = "", name: str = "") -> Equation:
    """Return a tensor's equation, under the given name or its own.

    ``base`` is the folder that file names are relative to.
    """
    return _equations([(name, tensor)], base)[0]


def _equations(chosen: Sequence[tuple[str, Tensor]], base: str) -> list[Equation]:
    """Return equations in which every value has a name of its own."""
    resolver = Resolver(base)
    names = Names(resolver, (), ())
    for name, tensor in chosen:
        own = names.user_name(tensor) or name or names.wish(tensor)
        names.prefer(tensor, identifier(own))

    def written() -> list[Equation]:
        return [_written(tensor, names, resolver) for _, tensor in chosen]

    found = written()
    alike = apart(names.nodes())
    if not alike:
        return found
    with telling_apart(alike):
        return written()


def _written(tensor: Tensor, names: Names, resolver: Resolver) -> Equation:
    said = resolver.statement(tensor)
    place = "" if said is None else said.location
    text = "" if said is None else said.text
    left = named(names.of(tensor))
    node = tensor.node
    if node.op.leaf:
        return Equation(names.of(tensor), left.tex.text, None, place, text)
    told = _simplified(tensor)
    for most in (MOST, 4, 1):
        tried = names.copy(frozenset())
        made = formula(told.node, _terms(told, tried, most))
        if len(made.text) <= LONGEST:
            made = formula(told.node, _terms(told, names, most))
            break
    else:
        made = Formula(f"{node.op.name}(...)", rf"\mathrm{{{node.op.hint or 'value'}}}")
    return Equation(names.of(tensor), left.tex.text, made, place, text)


def _simplified(tensor: Tensor) -> Tensor:
    """Return a derivative simplified, unless it is large; other tensors as they are."""
    if tensor.site.primal is None or len(topological([tensor.node])) > SIMPLIFIED:
        return tensor
    return rewrite([tensor], simplifications())[0]


def _terms(top: Tensor, names: Names, most: int) -> dict[Node, Term]:
    """Return the names of the nodes at which a formula ends."""
    terms: dict[Node, Term] = {}
    inside = {top.node}
    waiting = list(top.parents)
    while waiting:
        tensor = waiting.pop(0)
        node = tensor.node
        if node in terms or node in inside:
            continue
        if node.op is LITERAL or (node.op is CONSTANT and not names.user_name(tensor)):
            continue
        told = not node.op.facts.repeats  # what is repeated is written in its place
        if _ends(tensor, names) or (told and len(inside) >= most):
            terms[node] = named(names.of(tensor))
            continue
        inside.add(node)
        waiting += tensor.parents
    return terms


def _ends(tensor: Tensor, names: Names) -> bool:
    node = tensor.node
    silent = node.op.facts.repeats
    several = isinstance(node.type, TupleType)
    return not silent and (several or bool(names.user_name(tensor)) or node.op.leaf)


def system(
    results: Iterable[tuple[str, Tensor]], base: str = "", most: int = 24
) -> list[Equation]:
    """Return the equations of some results, and of the named values they need.

    If there are more than ``most``, those nearest to the results are returned.
    """
    names = Names(Resolver(base), (), ())
    found: dict[Node, Tensor] = {}
    seen: set[Node] = set()
    called: dict[Node, str] = {}
    for name, tensor in results:
        found[tensor.node] = tensor
        called.setdefault(tensor.node, name)
    waiting = list(found.values())
    at = 0
    while at < len(waiting) and len(seen) < 64 * most:
        tensor = waiting[at]
        at += 1
        if tensor.node in seen:
            continue
        seen.add(tensor.node)
        if not tensor.node.op.leaf and names.user_name(tensor):
            found[tensor.node] = tensor
        waiting += tensor.parents
    chosen = sorted(list(found.values())[:most], key=lambda t: t.order)
    return _equations([(called.get(t.node, ""), t) for t in chosen], base)
