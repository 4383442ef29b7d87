"""What a derivative's line differentiates, in words: ``sigmoid(o) * tanh_c``.

In: the tensor of a statement, and the context of its body. Out: a rule or formula for
each use of a value whose cotangent the line adds up; ops that it differentiates one
after the other are one formula. Invariant: its names are those of the body, or of the
value whose cotangent the line is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from symdiff.emit.lower import texts
from symdiff.emit.lower.context import Context, substitution
from symdiff.emit.python import code as py
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import API, LITERAL, is_given
from symdiff.ops.core.record import OPS, Op
from symdiff.ops.core.text import is_statements

_LONG = 56  # a formula of one op
_WHOLE = 1e6  # whole numbers below it are written without a point
_LONGEST = 72  # a formula of several ops
STACK = "_steps"  # ends the names of stacks
_OPERATOR = re.compile(r"_0 \S+ _1|-_0")


@dataclass(slots=True)
class _Applied:
    """The values whose rules a line applies, each with whether its operands are told.

    ``within`` has the operands of a value that the line differentiates too, after it.
    """

    used: dict[tuple[Tensor, bool], None] = field(default_factory=dict)
    within: dict[Tensor, dict[Tensor, None]] = field(default_factory=dict)


def rules_of(tensor: Tensor, context: Context) -> list[tuple[str, ...]]:
    """Return the rules and primal formulas of a derivative's inlined terms, in words.

    Each is there in full and, if shorter, without the rule. Views have none: the line
    shows as much.
    """
    if tensor.site.primal is None:
        return []
    line = _line(tensor, context)
    words: dict[tuple[str, ...], None] = {}
    told: set[Tensor] = set()  # in a formula of several ops
    composed: dict[Tensor, str] = {}
    formulas = _Formulas(tensor, line, context)
    for primal, _ in line.used:
        if line.within.get(primal):
            shown = formulas.composed(primal)
            if shown:
                composed[primal] = shown
                told |= formulas.parts(primal)
    for primal, bare in line.used:
        parts = (primal, *formulas.parts(primal))
        if primal in told or all(_only_turns(p.node.op) for p in parts):
            continue
        if primal in composed:
            words[_with_broadcast(composed[primal], parts, context)] = None
        else:
            words[_rule(primal, formulas, context, bare)] = None
    found = [w for w in words if w[0]]
    if any(w[-1] not in OPS for w in found):  # a formula says more than an op's name
        found = [w for w in found if w[0] not in OPS or OPS[w[0]].is_elementwise]
    return sorted(found, key=lambda w: w[-1] in OPS)


def _line(tensor: Tensor, context: Context) -> _Applied:
    """Return the values whose rules a statement applies, the last one first."""
    line = _Applied()
    applied: set[Op] = set()
    read = _reached(tensor, context)
    wanted = _marks(x for _, x in tensor.cotangent_of)
    waiting: list[tuple[Tensor, tuple[Tensor, ...], Tensor | None]]
    waiting = [(tensor, (), None)]
    some = _flows(tensor, context)
    while waiting:
        current, above, last = waiting.pop(0)
        primal = current.site.primal
        if primal is None or is_given(current.node):
            continue  # equal numbers are one node, whichever rule they come from
        if not _is_of(primal, above, read, wanted):
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
        inner = _inlined(current, context)
        inner = [p for p in inner if not some or _flows(p, context)]
        waiting = [*((p, around, last) for p in inner), *waiting]
    return line


def _holds(primal: Tensor, operand: Tensor) -> bool:
    """Whether a value is computed from an operand, or from a view of it."""
    return operand is not primal and bool(
        _marks(_operands_of(primal)) & _marks([operand])
    )


def _is_of(
    primal: Tensor, above: Sequence[Tensor], read: set[object], wanted: set[object]
) -> bool:
    """Whether a rule is one of a statement that reads these values.

    It is if that reads the primal's cotangent, value or operands, or is the cotangent
    of one that is ``wanted``; or, for what is inlined under rules of the values
    ``above``, if the primal reads one of these.
    """
    operands = _marks(_operands_of(primal))
    if not above:
        return bool((_marks([primal]) | operands) & (read | wanted))
    if any(primal is x for x in above):
        return True
    return bool(operands & _marks(above))


def _operands_of(tensor: Tensor) -> list[Tensor]:
    """Return the operands of a value, and what these are views of."""
    found = list(tensor.parents)
    for t in found:
        if t.node.op.facts.repeats or t.node.op.view:
            found += t.parents
    return found


def _marks(tensors: Iterable[Tensor]) -> set[object]:
    """Return what values are recognised by, before and after passes."""
    return {m for t in tensors for m in (t.node, *t.origin.marks)}


def _read(tensor: Tensor, context: Context) -> tuple[list[Tensor], list[Tensor]]:
    """Return what a statement reads, and what is computed within it, itself first."""
    found: list[Tensor] = []
    within = [tensor]
    for current in within:
        inlined = _inlined(current, context)
        nodes = {t.node for t in inlined}
        found += [p for p in current.parents if p.node not in nodes]
        within += inlined
    return found, within


def _reached(tensor: Tensor, context: Context) -> set[object]:
    """Return what a statement reads, with the values of which these are cotangents.

    Rules that are inlined lead on, from a value to the operands that they are for.
    """
    found, within = _read(tensor, context)
    known = [x for t in found for _, x in t.cotangent_of]
    parts = (t.site.primal for t in found if not t.cotangent_of)
    read = _marks([*found, *known, *(p for p in parts if p is not None)])
    for current in reversed(within[1:]):
        if current.site.primal is not None:
            own = _marks([current.site.primal, *_operands_of(current.site.primal)])
            read |= own if own & read else set()
    return read


def _inlined(tensor: Tensor, context: Context) -> list[Tensor]:
    """Return the operands that are computed within the same statement."""
    inner = [p.node for p in tensor.parents if context.at_hand(p.node) is None]
    return [context.tensors[n] for n in inner if n in context.tensors]


def _flows(tensor: Tensor, context: Context) -> bool:
    """Whether a statement's value depends on a cotangent or tangent.

    A value made from residuals alone may be shared with the lines of other rules.
    """
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        inlined = _inlined(current, context)
        waiting += inlined
        within = {t.node for t in inlined}
        for parent in current.parents:
            derived = parent.site.primal is not None
            derived = derived and not is_given(parent.node)
            if parent.node not in within and (derived or _is_seed(parent)):
                return True
    return False


def _is_seed(tensor: Tensor) -> bool:
    return tensor.node.op.leaf and str(tensor.name or "").startswith(("d_", "t_"))


def _rule(
    primal: Tensor, formulas: _Formulas, context: Context, bare: bool = False
) -> tuple[str, ...]:
    """Return a derivative's rule in words, or else the primal's formula.

    With ``bare`` the operands of the primal are left out.
    """
    op = primal.node.op
    formula = "" if bare else formulas.alone(primal)
    rule = op.rule_of(primal.node)
    if op.hint and f"d_{op.hint}" in rule and _is_other(primal, op.hint, context):
        rule = ""  # it is about a name that the value does not have
    if not formula and not rule and _is_operator(op):
        return ("",)  # "matmul" would not say what is multiplied
    if not formula and rule and op.facts.zeros and op.title not in API:
        return (rule,)
    formula = formula or op.title
    if "{0}" in rule:
        return (_of_operand(primal, rule, context),)
    return (f"{formula}: {rule}", formula) if rule else (formula,)


def _of_operand(primal: Tensor, rule: str, context: Context) -> str:
    """Return a rule that names the operand; '' if that has no name."""
    operand = _named(primal.parents[0], context)
    return "" if operand is None else rule.format(py.expr_text(operand))


def _with_broadcast(
    formula: str, parts: Iterable[Tensor], context: Context
) -> tuple[str, ...]:
    """Return a formula, with what was broadcast in it if there is room."""
    spread = [p for p in parts if p.node.op.facts.repeats]
    words = [_of_operand(p, p.node.op.rule_of(p.node), context) for p in spread]
    return (", ".join([formula, *(w for w in words if w)]), formula)


def _only_turns(op: Op) -> bool:
    """Whether a line for an op shows all that its formula could say."""
    return op.view and not op.facts.repeats


def _is_other(primal: Tensor, name: str, context: Context) -> bool:
    """Whether a value has a name, and not this one."""
    known = _named(primal, context)
    return known is not None and py.expr_text(known).rpartition(".")[2] != name


def _is_operator(op: Op) -> bool:
    """Whether an op is one of Python's operators, or a loop or branch."""
    return op.facts.sweeps or bool(_OPERATOR.fullmatch(str(op.text)))


class _Formulas:
    """The formulas of values over names, as a line's comment writes them."""

    def __init__(self, tensor: Tensor, line: _Applied, context: Context) -> None:
        self._line, self._context = line, context
        self._of = _marks(x for _, x in tensor.cotangent_of)
        self._own = context.names.known(tensor) or ""
        self._read = {m: t for t in _read(tensor, context)[0] for m in _marks([t])}

    def alone(self, primal: Tensor) -> str:
        """Return a short expression over names, or '' where it would be long."""
        return self._short(self._formula(primal, False), _LONG)

    def composed(self, primal: Tensor) -> str:
        """Return the same, with the formulas of operands that the line is about."""
        return self._short(self._formula(primal, True), _LONGEST)

    def parts(self, primal: Tensor) -> set[Tensor]:
        """Return the values whose formulas the composed one of a value has."""
        waiting = list(self._line.within.get(primal, ()))
        found: set[Tensor] = set()
        while waiting:
            part = waiting.pop()
            if part not in found:
                found.add(part)
                waiting += self._line.within.get(part, ())
        return found

    def _short(self, formula: py.Expr | None, longest: int) -> str:
        shown = "" if formula is None else py.expr_text(formula)
        return shown if len(shown) <= longest else ""

    def _formula(self, primal: Tensor, composed: bool) -> py.Expr | None:
        """Return the expression of a value over its operands, None without names."""
        node = primal.node
        inner = self._line.within.get(primal, ()) if composed else ()
        if node.op.facts.repeats:
            return self._operand(primal.parents[0], inner, composed)
        operands = [self._operand(p, inner, composed) for p in primal.parents]
        if any(o is None for o in operands):
            return None
        filled = [o for o in operands if o is not None]
        text = self._context.target.text(node) if node.op.text is not None else ""
        if text and not is_statements(text):
            text = text.replace("_help_", "")
            return texts.expression(text, _quiet(filled, self._context))
        if node.op.title.isidentifier() and len(filled) == 1:
            return py.Call(py.Name(node.op.title), tuple(filled))
        return None

    def _operand(
        self, tensor: Tensor, inner: Iterable[Tensor], composed: bool
    ) -> py.Expr | None:
        """Return an operand as its formula, by its name, or as a view of such."""
        part = next((a for a in inner if _marks([a]) & _marks([tensor])), None)
        if part is not None:
            return self._formula(part, composed)
        node, parents = tensor.node, tensor.parents
        if node.op.facts.repeats and parents:
            return self._operand(parents[0], inner, composed)
        within = any(_marks(_operands_of(tensor)) & _marks([a]) for a in inner)
        known = None if within and node.op.view else _named(tensor, self._context)
        own = self._own.startswith("d_") and self._of & _marks([tensor])
        if known is None and own:
            known = py.Name(self._own[2:])
        if known is None:  # a residual stands for it
            read = (self._read[m] for m in _marks([tensor]) if m in self._read)
            known = next((_named(t, self._context) for t in read), None)
        if known is not None or not node.op.view or len(parents) != 1:
            return known
        base, text = self._operand(parents[0], inner, composed), ""
        if node.op.text is not None:
            text = self._context.target.text(node)
        if base is None or not text or is_statements(text):
            return None
        return texts.expression(text, _quiet([base], self._context))


def _quiet(
    operands: Sequence[py.Expr], context: Context
) -> Callable[[str], py.Expr | None]:
    """Return a substitution for comments, which changes nothing in the context."""
    inner = substitution(operands, context)
    return lambda name: texts.as_told(name) or inner(name)


def _named(tensor: Tensor, context: Context) -> py.Expr | None:
    """Return an operand as comments show it: its name, or a literal."""
    node = tensor.node
    while node.op.facts.repeats:
        node = node.inputs[0]
    if node.op is LITERAL:
        value = node.attrs["value"]
        if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
            value = int(value)  # as people write it
        return py.Lit(value) if isinstance(value, (int, float)) else py.Name(str(value))
    match context.at_hand(node):
        case py.Name(id=name) | py.Attr(name=name):
            return py.Name(name)
        case py.Index(py.Attr(name=name) | py.Name(id=name)) if name.endswith(STACK):
            return py.Name(name.removesuffix(STACK))
    current = context.tensors.get(node, tensor)
    known = context.names.known(current)
    if known and current.node.op is BOUND:
        known = context.names.before(known)
    return py.Name(known) if known else None
