"""The comments of generated code: the user's statement, types, and rules.

In: tensors and the context of the body they are computed in. Out: text without its
``#``. Invariant: writing a comment never makes the body read or bind anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache

from symdiff.emit.lower import texts
from symdiff.emit.lower.context import Context, substitution
from symdiff.emit.lower.marks import Computes, Heading, place_of
from symdiff.emit.lower.source import Resolver, Statement, quotation
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TensorType
from symdiff.ops.core.operands import API, LITERAL, is_given
from symdiff.ops.core.record import OPS, Op
from symdiff.ops.core.text import is_statements
from symdiff.plan.schedule import Step

WIDTH = 88
INDENT = 4
_OPERATOR = re.compile(r"_0 \S+ _1|-_0")
_RULE_WIDTH = 40  # two rules must be shorter than this in sum


def shape_comment(node: Node) -> str:
    """Return a value's shape as ``[N, 10]``, or its dtype where it is not a float."""
    return _type_comment(node.tensor_type)


@lru_cache(maxsize=4096)
def _type_comment(t: TensorType) -> str:
    shape = ", ".join(str(d) for d in t.shape)
    return f"[{shape}]" if t.dtype.is_float else f"{t.dtype}[{shape}]"


def heading(step: Step, context: Context) -> list[py.Comment]:
    """Return the comment that quotes the user's statement of a step, if any."""
    tensor = step.tensor if step.under is None else step.under
    statement = context.resolver.statement(tensor)
    return (
        []
        if statement is None or not statement.text
        else [quoting(statement, context.depth)]
    )


@lru_cache(maxsize=4096)
def quoting(statement: Statement, depth: int) -> py.Comment:
    """Return the comment that quotes a statement, in a body of some depth."""
    room = max(WIDTH - depth * INDENT - len("# ") - len(place_of(statement)), 24)
    return Heading(statement, quotation(statement, room)).comment()


def told(tensor: Tensor, context: Context) -> Computes:
    """Return the type of a value and, for a derivative, the rules that made it."""
    return _saying(tensor, next(_phrases(_rules(tensor, context)), ""))


def _saying(tensor: Tensor, rule: str = "") -> Computes:
    return Computes((tensor,), shape_comment(tensor.node), rule)


def _phrases(rules: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield comments that name the rules of a line, shorter and shorter ones.

    Two rules are named, or one; an ellipsis says that there are more.
    """
    if not rules:
        return
    first, more = rules[0], rules[1:]
    two = bool(more) and len(first[:2][-1]) + len(more[0][:2][-1]) < _RULE_WIDTH
    for count in (2, 1) if two else (1,):
        rest = ("...",) * (len(rules) > count)
        for length in (0, -1):
            yield "; ".join((*(words[:2][length] for words in rules[:count]), *rest))
    if len(first) > 2 and not more:
        yield first[-1]


def fitted(made: py.Assign, tensor: Tensor, context: Context) -> py.Assign:
    """Return a statement with as much comment as its line has room for."""
    rules = _rules(tensor, context)
    said = _saying(tensor)
    code = sum(len(py.expr_text(e)) for e in (*made.targets, made.value))
    indent = INDENT * context.depth
    room = WIDTH - (indent + code + len(" = ") + len("  # "))
    beside = len(said.comment) <= room
    if rules:
        if room + len("  # ") < 0:  # the statement will be broken, its comment above it
            room = WIDTH - indent - len("# ")
        choices = [_saying(tensor, phrase) for phrase in _phrases(rules)]
        fits = [c for c in choices if len(c.comment) <= room]
        if len(rules) == 2 and not (fits and _is_whole(fits[0])):
            room = WIDTH - indent - len("# ")  # both rules are worth a line above
            above = (c for c in choices if _is_whole(c))
            fits = [*(c for c in above if len(c.comment) <= room), *fits]
        said = fits[0] if fits else said
    comment = said.comment if said.rule or beside else ""  # a shape has no line alone
    return py.Assign(made.targets, made.value, comment, mark=said)


def _is_whole(told: Computes) -> bool:
    return not told.rule.endswith("...")


def _rules(tensor: Tensor, context: Context) -> list[tuple[str, ...]]:
    """Return the rules and primal formulas of a derivative's inlined terms, in words.

    Each is there in full and, if shorter, without the rule; and one that names its
    operand also without that, for where nothing else fits.
    """
    if tensor.site.primal is None:
        return []
    found: dict[tuple[str, ...], None] = {}
    told: set[tuple[Tensor, bool]] = set()  # primals, and whether without operands
    applied: set[Op] = set()
    read = _reached(tensor, context)
    waiting: list[tuple[Tensor, tuple[Tensor, ...]]] = [(tensor, ())]
    some = _flows(tensor, context)
    while waiting:
        current, above = waiting.pop(0)
        primal = current.site.primal
        if primal is None or is_given(current.node):
            continue  # equal numbers are one node, whichever rule they come from
        if not _is_of(primal, above, read):
            continue  # equal values too: this one was first made for another rule
        if not primal.node.op.leaf and current.site.rule != FAN_OUT:
            # All sums of one shape share the node that broadcasts a cotangent.
            stretched = current.node.op.facts.repeats and current is not tensor
            if not stretched or primal.node.op not in applied:
                if (primal, stretched) not in told:
                    found[_rule(primal, context, bare=stretched)] = None
                told.add((primal, stretched))
            applied.add(primal.node.op)
        around = (primal, *(x for _, x in current.cotangent_of))
        if current.node.op.infix in ("+", "-"):  # of shares in one cotangent
            around = (*around, *primal.parents)
        waiting += [
            (p, around)
            for p in _inlined(current, context)
            if not some or _flows(p, context)
        ]
    words = [w for w in found if w[0]]
    if any(w[-1] not in OPS for w in words):  # a formula says more than an op's name
        words = [w for w in words if w[0] not in OPS or OPS[w[0]].is_elementwise]
    return sorted(words, key=lambda w: w[-1] in OPS)


def _is_of(primal: Tensor, above: Sequence[Tensor], read: set[object]) -> bool:
    """Whether a rule is one of a statement that reads these values.

    It is if that reads the primal's cotangent, value or operands; or, for what is
    inlined under rules of the values ``above``, if the primal reads one of these.
    """
    if not above:
        return bool(_marks([primal, *_operands_of(primal)]) & read)
    if any(primal is x for x in above):
        return True
    return bool(_marks(_operands_of(primal)) & _marks(above))


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


def _reached(tensor: Tensor, context: Context) -> set[object]:
    """Return what a statement reads, with the values of which these are cotangents.

    Rules that are inlined lead on, from a value to the operands that they are for.
    """
    found: list[Tensor] = []
    within = [tensor]
    for current in within:
        inlined = _inlined(current, context)
        nodes = {t.node for t in inlined}
        found += [p for p in current.parents if p.node not in nodes]
        within += inlined
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


def _rule(primal: Tensor, context: Context, bare: bool = False) -> tuple[str, ...]:
    """Return a derivative's rule in words, or else the primal's formula.

    With ``bare`` the operands of the primal are left out.
    """
    op = primal.node.op
    formula = "" if bare else _formula(primal, context)
    rule = op.rule_of(primal.node)
    if op.hint and f"d_{op.hint}" in rule and _is_other(primal, op.hint, context):
        rule = ""  # it is about a name that the value does not have
    if not formula and not rule and _is_operator(op):
        return ("",)  # "matmul" would not say what is multiplied
    if not formula and rule and op.facts.zeros and op.title not in API:
        return (rule,)
    formula = formula or op.title
    if "{0}" in rule:
        operand = _named(primal.parents[0], context)
        if operand is None:
            return ("",)
        full = rule.format(py.expr_text(operand))
        return full, full, rule.format("").strip()
    return (f"{formula}: {rule}", formula) if rule else (formula,)


def _is_other(primal: Tensor, name: str, context: Context) -> bool:
    """Whether a value has a name, and not this one."""
    known = _named(primal, context)
    return known is not None and py.expr_text(known).rpartition(".")[2] != name


def _is_operator(op: Op) -> bool:
    """Whether an op is one of Python's operators, or a loop or branch."""
    return op.facts.sweeps or bool(_OPERATOR.fullmatch(str(op.text)))


def _formula(primal: Tensor, context: Context) -> str:
    """Return a short primal expression over names, or '' where it would be long."""
    text = context.target.text(primal.node) if primal.node.op.text is not None else ""
    if not text or is_statements(text):
        return ""
    text = text.replace("_help_", "")
    operands = [_named(p, context) for p in primal.parents]
    if any(o is None for o in operands):
        return ""
    filled: list[py.Expr] = [o for o in operands if o is not None]
    shown = py.expr_text(texts.expression(text, _quiet(filled, context)))
    return shown if len(shown) <= _RULE_WIDTH else ""


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
        return py.Lit(value) if isinstance(value, (int, float)) else py.Name(str(value))
    here = context.at_hand(node)
    if isinstance(here, py.Name):
        return py.Name(context.names.told(here.id))
    if isinstance(here, py.Attr):
        return py.Name(context.names.told(here.name))
    current = context.tensors.get(node, tensor)
    known = context.names.known(current)
    return py.Name(context.names.told(known)) if known else None


def declared_group(tensor: Tensor, resolver: Resolver) -> Hashable:
    """Return a key of the user's statement that declared a tensor."""
    statement = resolver.statement(tensor)
    return statement.place if statement else "no source"
