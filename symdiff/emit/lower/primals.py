"""Formulas of values as comments write them: over names of the body.

In: a value that a line differentiates, and which of its operands it differentiates too.
Out: an expression over the names that the body has, or that the value is known by.
Invariant: writing one never makes the body read or bind anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from symdiff.emit.lower import texts
from symdiff.emit.lower.called import call_arguments, has_function
from symdiff.emit.lower.context import Context, substitution
from symdiff.emit.lower.formulas import entry, number
from symdiff.emit.lower.uses import MORE
from symdiff.emit.python import code as py
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import LITERAL
from symdiff.ops.core.record import Op
from symdiff.ops.core.text import is_statements

_LONGEST = 72
_DEEPEST = 3  # ops that a formula has because no name stands for them
STACK = "_steps"  # ends the names of stacks
Within = Mapping[Tensor, Iterable[Tensor]]


def operands_of(tensor: Tensor) -> list[Tensor]:
    """Return the operands of a value, and what these are views of."""
    found = list(tensor.parents)
    for t in found:
        if t.node.op.facts.repeats or t.node.op.view:
            found += t.parents
    return found


def cotangents_of(tensor: Tensor) -> list[Tensor]:
    """Return the values whose cotangent a tensor is."""
    return [x for _, x in tensor.cotangent_of]


def operands_of_view(tensor: Tensor) -> list[Tensor]:
    """Return what a value is a view of, and what that is a view of, and so on."""
    found = []
    while (tensor.node.op.view or tensor.node.op.facts.repeats) and tensor.parents:
        tensor = tensor.parents[0]
        found.append(tensor)
    return found


def same_elements(tensor: Tensor) -> list[Tensor]:
    """Return a value, and what it is another shape of."""
    found = [tensor]
    while found[-1].node.op.shows_all and found[-1].parents:
        found.append(found[-1].parents[0])
    return found


def marks_of(tensors: Iterable[Tensor]) -> set[object]:
    """Return what values are recognised by, before and after passes."""
    return {m for t in tensors for m in own_marks(t)}


def own_marks(tensor: Tensor) -> tuple[object, ...]:
    """Return what one value is recognised by."""
    return (tensor.node, *tensor.origin.marks)


def is_among(tensor: Tensor, marks: Set[object]) -> bool:
    """Whether a value is recognised by one of these marks."""
    return not marks.isdisjoint(own_marks(tensor))


def read_by(tensor: Tensor, context: Context) -> tuple[list[Tensor], list[Tensor]]:
    """Return what a statement reads, and what is computed within it, itself first.

    Both are in the order in which the statement has them.
    """
    found: list[Tensor] = []
    within: list[Tensor] = []
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        if current is not tensor and context.at_hand(current.node) is not None:
            found.append(current)
            continue
        within.append(current)
        known = (context.tensors.get(p.node, p) for p in reversed(current.parents))
        waiting += known
    return found, within


def inlined(tensor: Tensor, context: Context) -> list[Tensor]:
    """Return the operands that are computed within the same statement."""
    inner = [p.node for p in tensor.parents if context.at_hand(p.node) is None]
    return [context.tensors[n] for n in inner if n in context.tensors]


def only_turns(op: Op) -> bool:
    """Whether a line for an op shows all that its formula could say."""
    return op.view and not op.facts.repeats


class Formulas:
    """The formulas of values over names, as a line's comment writes them.

    ``within`` has the operands of a value that the line differentiates too: they are
    written as formulas, whatever their names are. ``read`` is what the line reads.
    """

    def __init__(
        self,
        tensor: Tensor,
        within: Within,
        read: Iterable[Tensor],
        context: Context,
    ) -> None:
        self._within, self._context = within, context
        self._of = marks_of(x for _, x in tensor.cotangent_of)
        self._own = context.names.known(tensor) or ""
        self._shown: set[Tensor] = set()
        self._read = {m: t for t in read for m in own_marks(t)}

    def alone(self, primal: Tensor) -> str:
        """Return an expression over names, or '' where it would be long.

        Of a sum of values that may be, those with names are told: ``h + ...``.
        """
        formula = _short(self._formula(primal, (), False, 0))
        if formula or primal.node.op.infix not in ("+", "-"):
            return formula
        told = [self._name(t) for t in primal.parents]
        if len(told) != 2 or not any(told):
            return ""
        terms = (py.Name(MORE) if e is None else e for e in told)
        return _short(py.Binary(primal.node.op.infix, *terms))

    def composed(self, primal: Tensor) -> tuple[str, set[Tensor]]:
        """Return the same, with the formulas of operands that the line is about.

        The second result are these operands.
        """
        self._shown = set()
        inner = self._within.get(primal, ())
        shown = _short(self._formula(primal, inner, True, 0))
        return shown, self._shown if shown else set()

    def operand(self, tensor: Tensor) -> str:
        """Return what stands for an operand in a formula, '' where it would be long."""
        return _short(self._operand(tensor, (), False, 0))

    def name(self, tensor: Tensor) -> str:
        """Return what a value is called, '' if it has no name."""
        found = self._name(tensor)
        return "" if found is None else py.expr_text(found)

    def nearest(self, primal: Tensor) -> tuple[str, ...]:
        """Return, for where a formula is too long, that of the part of it told last."""
        while inner := self._within.get(primal):
            part = next(iter(inner))
            if part.node.op.facts.repeats:
                break  # a name alone is no formula
            primal = part
        alone = self.alone(primal)
        return (alone,) if alone else ()

    def _formula(
        self, primal: Tensor, inner: Iterable[Tensor], composed: bool, depth: int
    ) -> py.Expr | None:
        """Return the expression of a value over its operands, None without names."""
        node = primal.node
        if node.op.facts.repeats:
            return self._operand(primal.parents[0], inner, composed, depth)
        if 2 * len(primal.parents) > _LONGEST:  # as long, with a comma after each
            return None
        if composed and (term := _term(primal, inner)) is not None:
            sign, part = term
            formula = self._operand(part, inner, composed, depth)
            return py.Unary("-", formula) if sign and formula else formula
        found = [self._operand(p, inner, composed, depth) for p in primal.parents]
        operands = [o for o in found if o is not None]
        if len(operands) < len(found):
            return None
        text = self._context.target.text(node) if node.op.text is not None else ""
        if text and not is_statements(text):
            text = text.replace("_help_", "")
            return texts.expression(text, _quiet(operands, self._context))
        if not node.op.title.isidentifier() or (len(operands) > 1 and not composed):
            return None
        told = call_arguments(node) if has_function(node) else ()
        along = tuple((name, entry(v)) for name, v in told)
        return py.Call(py.Name(node.op.title), tuple(operands), along)

    def _operand(
        self, tensor: Tensor, inner: Iterable[Tensor], composed: bool, depth: int
    ) -> py.Expr | None:
        """Return an operand as its formula, by its name, or as a view of such."""
        own = set(own_marks(tensor)) if inner else set()
        part = next((a for a in inner if is_among(a, own)), None)
        if part is not None:
            self._shown.add(part)
            return self._formula(part, self._within.get(part, ()), composed, depth)
        node, parents = tensor.node, tensor.parents
        if node.op.facts.repeats and parents:
            return self._operand(parents[0], inner, composed, depth)
        viewed = node.op.view and len(parents) == 1
        below = marks_of(operands_of(tensor)) if inner and node.op.view else set()
        within = any(is_among(a, below) for a in inner)
        known = None if within else self._name(tensor)
        if known is not None or not parents or depth >= _DEEPEST:
            return known
        return self._formula(tensor, inner, composed, depth + (not viewed))

    def _name(self, tensor: Tensor) -> py.Expr | None:
        known = named(tensor, self._context)
        if known is not None:
            return known
        if self._own.startswith("d_") and is_among(tensor, self._of):
            return py.Name(self._own[2:])
        read = (self._read[m] for m in own_marks(tensor) if m in self._read)
        return next((named(t, self._context) for t in read), None)  # a residual


def _term(total: Tensor, inner: Iterable[Tensor]) -> tuple[bool, Tensor] | None:
    """Return the term of a sum that has one of these values, and whether it is taken.

    None if both terms or none have one. Other terms of a loss are of no concern.
    """
    if isinstance(total.node.type, TupleType) or total.node.shape:
        return None
    marks = marks_of(inner)
    told = [i for i, p in enumerate(total.parents) if is_among(p, marks)]
    if (
        total.node.op.infix not in ("+", "-")
        or len(told) != 1
        or len(total.parents) < 2
    ):
        return None
    return total.node.op.infix == "-" and told[0] == 1, total.parents[told[0]]


def _short(formula: py.Expr | None) -> str:
    shown = "" if formula is None else py.expr_text(formula)
    return shown if len(shown) <= _LONGEST else ""


def _quiet(
    operands: Sequence[py.Expr], context: Context
) -> Callable[[str], py.Expr | None]:
    """Return a substitution for comments, which changes nothing in the context."""
    inner = substitution(operands, context)
    return lambda name: texts.as_told(name) or inner(name)


def named(tensor: Tensor, context: Context) -> py.Expr | None:
    """Return an operand as comments show it: its name, or a literal."""
    node = tensor.node
    while node.op.facts.repeats:
        node = node.inputs[0]
    if node.op is LITERAL:
        hint = (tensor, *operands_of_view(tensor))[-1].hint
        return number(node.attrs["value"]) if hint is None else py.Name(hint)
    match context.at_hand(node):
        case py.Name(id=name) | py.Attr(name=name):
            return py.Name(name)
        case py.Index(py.Attr(name=name) | py.Name(id=name)) if name.endswith(STACK):
            return py.Name(name.removesuffix(STACK))
    current = context.tensors.get(node, tensor)
    rows = context.names.rows
    if row := next((rows[m] for m in current.origin.marks if m in rows), None):
        return py.Name(row)
    known = context.names.known(current)
    if known and current.node.op is BOUND:
        known = context.names.before(known)
    return py.Name(known) if known else None
