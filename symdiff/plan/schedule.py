"""Which values get a statement of their own, and the order of the statements.

In: the results of one function body and the values it is given. Out: `Step`s in order.
Invariant: every step reads only given values, earlier steps and terms inlined into it.
As far as that allows, steps of one user's statement stay together, and the statements
keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symdiff.graph.body import Body
from symdiff.graph.node import Node, topological
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import CONSTANT, LITERAL, is_given
from symdiff.ops.core.text import (
    is_infix,
    is_statements,
    op_text,
    operand_uses,
    operations,
)
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.absorbing import absorbed_operands
from symdiff.plan.items import Items, items_by_source
from symdiff.plan.layout import regrouped
from symdiff.plan.ordering import (
    RuleOf,
    Sections,
    in_its_group,
    near_readers,
    needs_of,
    places_of,
    stands_under,
    starts_elsewhere,
)
from symdiff.plan.sections import sections, together
from symdiff.plan.totals import NONE, Totals, totals_of
from symdiff.rewrite.prune import live_outputs

MOST_OPERATIONS = 4  # a line holds at most this many
LITERAL_ELEMENTS = 64  # larger array constants are loaded from a file


@dataclass(frozen=True, slots=True)
class Step:
    """One value that gets a name.

    ``absorbed`` is an operand that only this step reads and that it goes on with, after
    what that goes on with, and so forth.
    ``bodies`` are the steps of a loop's test, if it has one, and of its body; or those
    of both sides of a branch. ``under`` was declared by the statement that the heading
    quotes, if that is not the step's own. ``parts`` are slices that split an array, if
    the step takes them all.
    """

    tensor: Tensor
    group: Hashable
    absorbed: tuple[Tensor, ...] = ()
    bodies: tuple[tuple[Step, ...], ...] = ()
    under: Tensor | None = None
    parts: tuple[Tensor, ...] = ()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The values that get names."""
        return self.parts or (self.tensor,)


@dataclass(frozen=True, slots=True)
class Style:
    """How a body is written: its level, and the user's names and statements.

    ``named`` says whether a tensor gets a statement because the user named it;
    ``group`` is the user's statement that a tensor belongs to; ``rank`` orders the
    steps of one group. ``loops`` is the style of nested bodies, if it differs.
    ``splits`` says that slices that split an array are one step; ``apart``, of which
    loops each operation of a turn is.
    """

    level: int
    named: Callable[[Tensor], bool]
    group: Callable[[Tensor], Hashable]
    rank: Callable[[Tensor], tuple[int, ...]]
    loops: Style | None = None
    splits: bool = True
    apart: Callable[[Node], bool] | None = None


@dataclass(slots=True)
class _Body:
    """One function body, and the decisions about it so far."""

    order: Sequence[Node]
    tensors: Mapping[Node, Tensor]
    given: set[Node]
    results: set[Node]
    uses: dict[Node, int] = field(default_factory=dict)
    keep_results: bool = True
    kept: set[Node] = field(default_factory=set)
    absorbed: dict[Node, Node] = field(default_factory=dict)  # reader to operand
    looped: set[Node] = field(default_factory=set)  # read in every iteration of a loop
    regrouped: set[Node] = field(default_factory=set)  # views that may be copies
    starts: set[Node] = field(default_factory=set)  # of loops of other statements
    totals: Totals = NONE  # what is added to carries


def schedule(
    results: Sequence[Node],
    given: Iterable[Node],
    tensors: Mapping[Node, Tensor],
    style: Style,
    keep_results: bool = True,
    order: Sequence[Node] | None = None,
    totals: Totals = NONE,
) -> list[Step]:
    """Return the steps that compute ``results`` from ``given``.

    ``order`` are the nodes between them, operands first, if they are known already.
    With ``keep_results`` each result gets a name; without, it may be an expression.
    ``totals`` are sums that a loop adds to its carries.
    """
    given = set(given)
    order = topological(results, {*given}) if order is None else order
    body = _Body(order, tensors, given, set(results), keep_results=keep_results)
    body.totals = totals
    if not keep_results:  # a result is written once for each use
        for node in results:
            body.uses[node] = body.uses.get(node, 0) + 1
    body.regrouped = regrouped(order, given)
    body.starts = starts_elsewhere(order, tensors, style.group)
    _count_uses(body)
    split = _sections(body, style) if style.level > 0 and style.splits else []
    body.kept.update(n for group in split for n in group)
    _choose(body, style)
    if style.level > 0:
        free = {n for n in body.kept if not (n in body.given or n in body.results)}
        body.absorbed = absorbed_operands(
            body.order, free, body.kept, body.uses, tensors, style.named
        )
    steps = _ordered(body, style)
    steps = together(steps, [[tensors[n] for n in group] for group in split])
    items = items_by_source(tensors)
    return [replace(s, bodies=_inner_steps(s.tensor.node, items, style)) for s in steps]


def _inner_steps(
    node: Node, items: Items, style: Style
) -> tuple[tuple[Step, ...], ...]:
    """Return the steps of the bodies of a loop or branch, for results that are read."""
    if not isinstance(node.type, TupleType):
        return ()
    flat = style.apart is not None and style.apart(node)
    style = replace(style, level=0) if flat else style.loops or style
    used, attrs = sorted(items.get(node, {})), node.attrs
    if "then" in attrs:
        return tuple(
            _body_steps(attrs[side], used, style) for side in ("then", "otherwise")
        )
    if "body" not in attrs:
        return ()
    body, n = attrs["body"], attrs["carries"]
    live, _ = live_outputs(node, set(used))
    ends = {body.outputs[i].node for i in live if i < n}
    if "test" in attrs:
        repeated = _body_steps(body, live, style)
        return _body_steps(attrs["test"], [0], style), _ends_last(repeated, ends)
    stacked = [i for i in used if i >= n]
    wanted = [*(i for i in live if i < n), *stacked]
    totals = totals_of(body, wanted, n, style.group) if style.level > 0 else NONE
    steps = _body_steps(body, wanted, style, totals)
    return (_ends_last(steps, ends - totals.news),)


def _body_steps(
    body: Body, wanted: Sequence[int], style: Style, totals: Totals = NONE
) -> tuple[Step, ...]:
    tensors = {t.node: t for t in tensor_topological([*body.outputs, *body.params])}
    results = [body.outputs[i].node for i in wanted]
    given = [p.node for p in body.params]
    named = style.level == 0
    steps = schedule(results, given, tensors, style, keep_results=named, totals=totals)
    return tuple(steps)


def _ends_last(steps: Sequence[Step], ends: set[Node]) -> tuple[Step, ...]:
    """Return steps with new carries last in their group, if no other step reads them.

    By then less is left that reads the old ones, whose variables they take.
    """
    inner = {i for n in topological([s.tensor.node for s in steps]) for i in n.inputs}
    groups: list[list[Step]] = []
    for step in steps:
        if not groups or groups[-1][-1].group != step.group:
            groups.append([])
        groups[-1].append(step)

    def is_end(step: Step) -> bool:
        return step.tensor.node in ends and step.tensor.node not in inner

    return tuple(s for group in groups for s in sorted(group, key=is_end))


def _count_uses(body: _Body) -> None:
    """Count how often each value would be written if it were inlined everywhere.

    A view is written at each of its uses, and its source with it.
    """
    for node in reversed(body.order):
        text = (
            "" if isinstance(node.type, TupleType) or is_given(node) else op_text(node)
        )
        written = operand_uses(text) if text else ()
        stretched = node.op.facts.repeats and node in body.looped
        if stretched or "\nfor " in text:
            body.looped.update(node.inputs)
        named = body.keep_results and node in body.results
        named = named or node in body.regrouped
        repeated = body.uses.get(node, 1) if node.op.view and not named else 1
        for i, source in enumerate(node.inputs):
            times = written[i] if i < len(written) else 1
            body.uses[source] = body.uses.get(source, 0) + max(times, 1) * repeated


def _sections(body: _Body, style: Style) -> list[tuple[Node, ...]]:
    """Return slices that split an array: each has a name, the user's or a composite's.

    A result is a statement of its own.
    """

    def named(node: Node) -> bool:
        tensor = body.tensors[node]
        free = not (node in body.given or node in body.results)
        return free and (style.named(tensor) or bool(tensor.hint))

    return sections(body.order, named)


def _must_keep(node: Node, body: _Body, style: Style) -> bool:
    """Whether a value needs a statement whatever its size."""
    if node.op is LITERAL:
        return node in body.results
    if node in body.totals.sums:
        return False
    if node in body.totals.terms or node in body.totals.news:
        return True
    if node in body.results and body.keep_results:
        return True
    if node.op is CONSTANT:
        return node.attrs["value"].ndim > 0 and body.uses.get(node, 0) > 1
    if isinstance(node.type, TupleType):
        return True
    if node.op is ITEM or is_statements(op_text(node)):
        return True
    if style.level == 0:
        return True
    if node.op.facts.repeats:
        return False
    if node in body.looped or node in body.starts:
        return True
    if style.named(body.tensors[node]):
        return True
    if _is_cheap_scalar(node, body):
        return False
    if not node.op.view or node in body.regrouped:
        return body.uses.get(node, 0) > 1 or _is_product(node, body)
    named = bool(body.tensors[node].hint)  # by the composite that it is a part of
    return _is_turned_twice(node, body) and (named or body.uses.get(node, 0) > 1)


def _is_product(node: Node, body: _Body) -> bool:
    """Whether a value is a product of matrices that its composite has a name for."""
    return op_text(node) == "_0 @ _1" and bool(body.tensors[node].hint)


def _is_turned_twice(node: Node, body: _Body) -> bool:
    """Whether a view is one of another: too long to be read wherever it is used."""
    return "(" in op_text(node) and len(_turns(node, body)) > 1


def _turns(node: Node, body: _Body) -> list[Node]:
    """Return a view and those it is a view of, of one line; `x.T`, `x[0]` are short."""
    found: list[Node] = []
    while node.op.view and node.inputs and (not found or _is_inlined(node, body)):
        found.append(node)
        node = node.inputs[0]
    return [n for n in found if "(" in op_text(n)]


def _is_cheap_scalar(node: Node, body: _Body) -> bool:
    """Whether a value is one operator of Python's on known numbers: ``d_loss / N``."""
    if node.shape or not node.op.is_elementwise or not is_infix(op_text(node)):
        return False
    return all(is_given(i) or (i in body.given and not i.shape) for i in node.inputs)


def _choose(body: _Body, style: Style) -> None:
    """Decide which nodes are kept as statements, so that no line grows too long."""
    cost: dict[Node, int] = {}
    for node in body.order:
        if node.op.leaf and node not in body.given:
            body.kept.add(node)
            continue
        if _must_keep(node, body, style):
            body.kept.add(node)
        if is_given(node) or isinstance(node.type, TupleType):
            cost[node] = 0
            continue
        free = node.op.view or _goes_on_with_carry(node) or node in body.totals.sums
        own = 0 if free else operations(op_text(node))
        if len(_turns(node, body)) > 1 and cost.get(_solid(node, body), 0):
            body.kept.add(_solid(node, body))  # no chain of calls after a formula
        inlined = {
            i: _cost_now(i, cost, body) for i in node.inputs if _is_inlined(i, body)
        }
        while inlined and own + sum(inlined.values()) > MOST_OPERATIONS:
            largest = max(inlined, key=lambda n: inlined[n])
            if inlined[largest] == 0:
                break
            body.kept.add(_solid(largest, body))
            inlined = {
                i: _cost_now(i, cost, body) for i in node.inputs if _is_inlined(i, body)
            }
        cost[node] = own + sum(inlined.values())


def _goes_on_with_carry(node: Node) -> bool:
    """Whether a node goes on with what a loop carries: ``d_c = d_c + ...``."""
    return node.op.infix in ("+", "-") and node.inputs[0].op is BOUND


def _cost_now(node: Node, cost: dict[Node, int], body: _Body) -> int:
    """Return a node's cost after one of the nodes it is a view of was kept."""
    while node not in body.kept and node.op.view and node.inputs:
        node = node.inputs[0]
    return 0 if node in body.kept or node in body.given else cost.get(node, 0)


def _solid(node: Node, body: _Body) -> Node:
    """Return the computed value below inlined views, which a statement should name."""
    while node.op.view and node.inputs and _is_inlined(node.inputs[0], body):
        node = node.inputs[0]
    return node


def _is_inlined(node: Node, body: _Body) -> bool:
    return node not in body.kept and node not in body.given


def _ordered(body: _Body, style: Style) -> list[Step]:
    """Order the steps by statement, keeping dependencies first."""
    absorbed = set(body.absorbed.values())
    kept = [n for n in body.order if n in body.kept and n not in absorbed]
    needs = needs_of(body.order, kept)
    tensors = {n: body.tensors[n] for n in kept}
    under = stands_under(tensors, needs, style.group, style.named, body.given)
    under |= {n: under[m] for n, m in body.totals.under.items() if m in under}
    stands = {n: body.totals.of.get(n, tensors[under[n]]) for n in kept}
    group_of = {n: style.group(stands[n]) for n in kept}
    place, number = places_of(tensors, needs, group_of, body.totals.of)
    waiting = {n: len(sources) for n, sources in needs.items()}
    users: dict[Node, list[Node]] = {}
    for node, sources in needs.items():
        for source in sources:
            users.setdefault(source, []).append(node)
    keys = {}
    at = {n: i for i, n in enumerate(kept)}
    for node in kept:
        tensor = body.tensors[node]
        first = under[node] is node  # else it is here for others of the statement
        keys[node] = (first, *style.rank(tensor), *in_its_group(tensor, at))
    rule = RuleOf(tensors if style.level > 0 else {})
    ready = Sections(lambda group: (place[group], number[group]), rule)
    for node in kept:
        if not waiting[node]:
            ready.add(group_of[node], (*keys[node], at[node]), node)
    steps: list[Step] = []
    while (following := ready.next()) is not None:
        taken = tuple(body.tensors[n] for n in _chain(following, body))
        group, under_it = group_of[following], stands[following]
        steps.append(Step(body.tensors[following], group, taken, under=under_it))
        for user in users.get(following, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.add(group_of[user], (*keys[user], at[user]), user)
    return near_readers(steps, {n: s for n, s in users.items() if not needs[n]})


def _chain(node: Node, body: _Body) -> list[Node]:
    """Return what a node goes on with, from the first one on."""
    found: list[Node] = []
    while node in body.absorbed:
        node = body.absorbed[node]
        found.append(node)
    return found[::-1]
