"""What a derivative's line differentiates, in words: ``sigmoid(o) * tanh_c``.

In: the tensor of a statement, and the context of its body. Out: a rule or formula for
each use of a value whose cotangent the line adds up; ops that it differentiates one
after the other are one formula. Invariant: its names are those of the body, or of the
value whose cotangent the line is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdiff.emit.lower.between import last_steps, tables
from symdiff.emit.lower.context import Context
from symdiff.emit.lower.factors import Factor, factor_of
from symdiff.emit.lower.formulas import dim_of
from symdiff.emit.lower.primals import (
    Formulas,
    inlined,
    is_among,
    marks_of,
    named,
    only_turns,
    operands_of,
    read_by,
    same_elements,
)
from symdiff.emit.lower.splits import split_of
from symdiff.emit.lower.uses import Use, mentions
from symdiff.emit.python import code as py
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import API, LITERAL, is_given
from symdiff.ops.core.record import OPS, Op

_FORMULA = re.compile(r" [-*/@] ")  # in rules that are no mere words
_OPERATOR = re.compile(r"_0 \S+ _1|-_0")


@dataclass(slots=True)
class _Applied:
    """The values whose rules a line applies, each with whether its operands are told.

    ``within`` has the operands of a value that the line differentiates too, after it.
    """

    used: dict[tuple[Tensor, bool], None] = field(default_factory=dict)
    within: dict[Tensor, dict[Tensor, None]] = field(default_factory=dict)


Telling = Callable[..., list[Use]]  # by whether views, and shorter ones


def rules_of(tensor: Tensor, context: Context) -> list[Use]:
    """Return the rules and primal formulas of a derivative's inlined terms, in words.

    Each is there in full and, if shorter, without the rule.
    """
    return telling_of(tensor, context)()


def telling_of(tensor: Tensor, context: Context) -> Telling:
    """Return what tells the rules of a line, which is looked at once for all answers.

    Those of ``views`` are left out if not asked for: the line shows as much. ``short``
    adds to formulas that of the op that is told last in them.
    """
    if tensor.site.primal is None:
        return lambda *_, **__: []
    read, inside = read_by(tensor, context)
    if split := split_of(tensor, read, context):
        return lambda *_, **__: [Use(split)]
    line = _line(tensor, read, inside, context)
    # what is stretched may be made for a rule of another line
    applied = [p for p, bare in line.used if not bare or p in line.within]
    before, after = last_steps(
        tensor, applied, line.within, read, context.passed, context.once(tables)
    )
    line.used = {
        **{(p, False): None for p in before},
        **line.used,
        **{(p, False): None for p in after},
    }
    told: set[Tensor] = set()  # in a formula of several ops
    composed: dict[Tensor, tuple[str, set[Tensor]]] = {}
    formulas = Formulas(tensor, line.within, read, context)
    for primal, _ in line.used:
        if line.within.get(primal):
            made = formulas.composed(primal)
            if made[0]:
                composed[primal] = made
                told |= made[1]

    def rules(views: bool = False, short: bool = False) -> list[Use]:
        found: dict[Use, None] = {}
        for primal, bare in line.used:
            shown, inner = composed.get(primal, ("", set[Tensor]()))
            parts = (primal, *inner)
            if primal in told or (not views and _turns(parts)):
                continue
            factor = factor_of(primal, tensor, line.within, read, formulas, context)
            summed = _summed(parts, inside)
            if shown:
                shown += _count(parts, read, inside)
                brief = formulas.nearest(primal) if short else ()
                spread = _spread(shown, parts, context)
                use = _use((shown, *brief), spread, summed, factor)
            else:
                use = _use(_rule(primal, formulas, context, bare), {}, summed, factor)
            found[use] = None
        uses = [u for u in found if u.forms[0]]
        # a formula says more than an op's name
        uses = [u for u in uses if u.shortest not in OPS] or uses
        return _joined(tensor, uses)

    return rules


def _turns(tensors: Iterable[Tensor]) -> bool:
    return all(only_turns(t.node.op) for t in tensors)


def _use(
    forms: tuple[str, ...],
    spread: Mapping[str, str],
    summed: Sequence[str],
    factor: Factor | None,
) -> Use:
    """Return a use with what was ``spread`` in it, and with the factor it is for."""
    notes = [*spread.values(), *summed]
    full = (", ".join([forms[0], *notes]), *forms) if notes else forms
    if not forms[-1]:
        return Use(forms)
    if factor is None:
        return Use(full, alone=full if summed else ())
    by = f"by {factor.name}"
    sides = [] if factor.name in spread else [by]
    told = (forms[0], *factor.brief)
    ways = [", ".join([f, *sides, *notes]) for f in told]
    ways += [f"{f}, {by}" for f in (*told, factor.briefest)]
    return Use(full, factor.name, tuple(ways))


def _joined(tensor: Tensor, uses: list[Use]) -> list[Use]:
    """Return the uses of a value; the parts of one array are one."""
    if len(uses) > 1 and tensor.node.op.facts.zeros == "joined":
        return [Use((", ".join(use.shortest for use in uses),))]
    return uses


def rule_alone(primal: Tensor, context: Context) -> str:
    """Return the formula of a value, and its rule in words."""
    return _rule(primal, Formulas(primal, {}, (), context), context)[0]


def _line(
    tensor: Tensor, read: Sequence[Tensor], inside: Sequence[Tensor], context: Context
) -> _Applied:
    """Return the values whose rules a statement applies, the last one first.

    ``read`` and ``inside`` are as in `read_by`.
    """
    line = _Applied()
    applied: set[Op] = set()
    reached = _reached(read, inside)
    wanted = marks_of(x for _, x in tensor.cotangent_of)
    waiting: list[tuple[Tensor, tuple[Tensor, ...], Tensor | None]]
    waiting = [(tensor, (), None)]
    some = _flows(tensor, context)
    while waiting:
        current, above, last = waiting.pop(0)
        primal = current.site.primal
        if primal is None or is_given(current.node):
            continue  # equal numbers are one node, whichever rule they come from
        if not _is_of(primal, above, reached, wanted):
            continue  # equal values too: this one was first made for another rule
        is_sum = current.node.op.infix in ("+", "-")  # of shares in one cotangent
        if not primal.node.op.leaf and current.site.rule != FAN_OUT:
            # All sums of one shape share the node that broadcasts a cotangent.
            stretched = current.node.op.facts.repeats and current is not tensor
            if not stretched or primal.node.op not in applied:
                line.used[(primal, stretched)] = None
                if last is not None and _holds(primal, last):
                    line.within.setdefault(primal, {})[last] = None
                if not is_sum:
                    last = primal
            applied.add(primal.node.op)
        around = (primal, *(x for _, x in current.cotangent_of))
        if is_sum:
            around = (*around, *primal.parents)
        inner = inlined(current, context)
        inner = [p for p in inner if not some or _flows(p, context)]
        waiting = [*((p, around, last) for p in inner), *waiting]
    return line


def _holds(primal: Tensor, operand: Tensor) -> bool:
    """Whether a value is computed from an operand, or from a view of it."""
    return operand is not primal and is_among(operand, marks_of(operands_of(primal)))


def _is_of(
    primal: Tensor, above: Sequence[Tensor], read: set[object], wanted: set[object]
) -> bool:
    """Whether a rule is one of a statement that reads these values.

    It is if that reads the primal's cotangent, value or operands, or is the cotangent
    of one that is ``wanted``; or, for what is inlined under rules of the values
    ``above``, if the primal reads one of these.
    """
    if any(primal is x for x in above):
        return True
    operands = operands_of(primal)
    if not above:
        around = (primal, *operands)
        return any(is_among(x, read) or is_among(x, wanted) for x in around)
    outer = marks_of(above)
    return any(is_among(x, outer) for x in operands)


def _reached(found: Sequence[Tensor], within: Sequence[Tensor]) -> set[object]:
    """Return what a statement reads, with the values of which these are cotangents.

    Rules that are inlined lead on, from a value to the operands that they are for.
    """
    known = [x for t in found for _, x in t.cotangent_of]
    parts = (t.site.primal for t in found if not t.cotangent_of)
    read = marks_of([*found, *known, *(p for p in parts if p is not None)])
    for current in reversed(within[1:]):
        if current.site.primal is not None:
            around = [current.site.primal, *operands_of(current.site.primal)]
            if any(is_among(x, read) for x in around):
                read |= marks_of(around)
    return read


def _flows(tensor: Tensor, context: Context) -> bool:
    """Whether a statement's value depends on a cotangent or tangent.

    A value made from residuals alone may be shared with the lines of other rules.
    """
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        inner = inlined(current, context)
        waiting += inner
        within = {t.node for t in inner}
        for parent in current.parents:
            derived = parent.site.primal is not None
            derived = derived and not is_given(parent.node)
            if parent.node not in within and (derived or _is_seed(parent)):
                return True
    return False


def _is_seed(tensor: Tensor) -> bool:
    return tensor.node.op.leaf and str(tensor.name or "").startswith(("d_", "t_"))


def _rule(
    primal: Tensor, formulas: Formulas, context: Context, bare: bool = False
) -> tuple[str, ...]:
    """Return a derivative's rule in words, or else the primal's formula.

    With ``bare`` the operands of the primal are left out.
    """
    op = primal.node.op
    formula = "" if bare else formulas.alone(primal)
    rule = op.rule_of(primal.node)
    if op.hint and _FORMULA.search(rule) and re.search(rf"\b(d_)?{op.hint}\b", rule):
        rule = _about(primal, op.hint, rule, context)
    if not formula and not rule and _is_operator(op):
        return ("",)  # "matmul" would not say what is multiplied
    if not formula and rule and op.facts.zeros and op.title not in API:
        return (rule,)
    formula = formula or op.title
    if "{0}" in rule:
        return (_of_operand(primal, rule, context),)
    if not rule:
        return (formula,)
    short = (f"{op.title}: {rule}",) if _FORMULA.search(rule) else ()
    return (f"{formula}: {rule}", *short, formula)


def _of_operand(primal: Tensor, rule: str, context: Context) -> str:
    """Return a rule that names the operand; '' if that has no name."""
    operand = _first_name(primal.parents[0], context)
    return "" if operand is None else rule.format(py.expr_text(operand))


def _first_name(tensor: Tensor, context: Context) -> py.Expr | None:
    """Return the name of a value, or of what it is another shape of."""
    names = (named(t, context) for t in same_elements(tensor))
    return next((name for name in names if name is not None), None)


def _spread(formula: str, parts: Iterable[Tensor], context: Context) -> dict[str, str]:
    """Return what the records say of what was broadcast in a formula, by its name."""
    found: dict[str, str] = {}
    for p in (p for p in parts if p.node.op.facts.repeats):
        name = _first_name(p.parents[0], context)
        shown = "" if name is None else py.expr_text(name)
        if shown and mentions(formula, shown):
            found[shown] = p.node.op.rule_of(p.node).format(shown)
    return found


def _summed(parts: Iterable[Tensor], within: Iterable[Tensor]) -> list[str]:
    """Return over which axes a line sums that no `@` shows: those of a tensordot."""
    marks = marks_of(parts)
    found: dict[str, None] = {}
    for t in within:
        if t.site.primal is not None and is_among(t.site.primal, marks):
            dims = t.node.op.facts.summed(t.node) if t.node.op.facts.summed else ()
            told = [py.expr_text(dim_of(d)) for d in dims]
            if dims and all(isinstance(d, sp.Symbol) for d in dims):
                found[f"summed over {' and '.join(told)}"] = None
            elif dims:
                found[f"a sum of {' * '.join(told)} terms"] = None
    return [*found]


def _count(
    parts: Iterable[Tensor], read: Sequence[Tensor], within: Sequence[Tensor]
) -> str:
    """Return of how many elements a formula has the mean, if the line shows it not.

    A factor of 2 may have cancelled with one of the count: ``2 / (2 * N) is 1 / N``.
    """
    nodes = [p.node for p in parts if p.node.op.facts.averages is not None]
    if not nodes:
        return ""
    if any(t.node.op.facts.averages is not None for t in within):
        return ""  # it takes a mean itself
    told = {n.attrs["value"] for t in [*read, *within] if (n := t.node).op is LITERAL}
    counts = [n.op.facts.averages(n) for n in nodes]
    return "".join(_cancelled(c, told) for c in counts if c not in told)


def _cancelled(count: Any, told: Set[object]) -> str:
    """Return a mean's count, and what the line has of it if that is its only number."""
    shown = dim_of(count)
    if len(told) == 1:
        (left,) = told
        factor = sp.sympify(count) / sp.sympify(left)
        if isinstance(left, int | sp.Expr) and factor.is_Integer:
            whole = py.Binary("/", py.Lit(int(factor)), shown)
            rest = py.Binary("/", py.Lit(1), dim_of(left))
            return f": {py.expr_text(whole)} is {py.expr_text(rest)}"
    return f", of {py.expr_text(shown)}"


def _about(primal: Tensor, hint: str, rule: str, context: Context) -> str:
    """Return a rule that calls the value by its hint, with the name that it has."""
    known = named(primal, context)
    name = hint if known is None else py.expr_text(known)
    return rule if name == hint else f"{rule}, {hint} = {name}"


def _is_operator(op: Op) -> bool:
    """Whether an op is one of Python's operators, or a loop or branch."""
    return op.facts.sweeps or bool(_OPERATOR.fullmatch(str(op.text)))
