"""From scheduled steps to statements.

In: the steps of one function body, the names, and what the function is given. Out:
statement trees with their headings and comments. Invariant: a step's statement computes
exactly its node; NumPy's own broadcasting stands in for a `broadcast_to` node only
where the shapes of the operands as written give the node's shape.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from symdiff.emit.lower import texts
from symdiff.emit.lower.comments import (
    changed_copy,
    fitted,
    heading,
    shape_comment,
)
from symdiff.emit.lower.context import (
    Context,
    constant,
    dtype_expression,
    float_dtype,
    literal,
    scalar_type,
    substitution,
    typed_literal,
)
from symdiff.emit.lower.handed_on import handed_on
from symdiff.emit.lower.marks import Computes, marked
from symdiff.emit.lower.summed import parts_marked, terms_apart, uses_of_term
from symdiff.emit.lower.uses import phrases
from symdiff.emit.python import code as py
from symdiff.graph.errors import ShapeError, SymdiffError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT, TensorType, TupleType, broadcast_shapes
from symdiff.ops.core.operands import CONSTANT, LITERAL, is_given
from symdiff.ops.core.text import COPIED, is_infix, is_statements, shape_text
from symdiff.ops.core.tuples import ITEM
from symdiff.plan.layout import is_in_order
from symdiff.plan.numbers import is_share
from symdiff.plan.outform import out_form
from symdiff.plan.schedule import Step
from symdiff.plan.sections import axis_of

MOST_WHOLE = 2**20  # larger numbers are easier to read as 1e9


def lower(steps: Sequence[Step], context: Context) -> list[py.Stmt]:
    """Return the statements of a body, with a heading at each statement of the user."""
    result: list[py.Stmt] = []
    group: Hashable = context.group
    for step in steps:
        context.group = step.group
        made = marked(lower_step(step, context), step.tensor)
        if context.headings and step.group != group:
            group = step.group
            title = heading(step, context)
            result += [py.Blank()] if title and result else []
            result += title
            result += handed_on(step.group, context) if title else []
        result.extend(made)
    return result


def lower_step(step: Step, context: Context) -> list[py.Stmt]:
    """Return the statements that give one value its name."""
    tensor = step.tensor
    node = tensor.node
    if isinstance(node.type, TupleType):
        return lower_tuple(step, context)
    if node.op is ITEM and node in context.written:
        return []  # unpacked in the statement that computes all results
    if step.parts:
        return _split(step, context)
    name = py.Name(context.names.of(tensor))
    if step.absorbed:
        made = _gone_on_with(step, name, context)
    elif not is_given(node) and is_statements(context.target.text(node)):
        made = _statements(node, name, context, tensor)
    else:
        made = [_assigned(name, tensor, tensor, context)]
    context.written[node] = name
    if node in context.over:  # nothing may read what the variable held
        context.given.pop(context.over[node], None)
        context.written.pop(context.over[node], None)
    return made


def _assigned(
    name: py.Name, value: Tensor, tensor: Tensor, context: Context
) -> py.Assign:
    """Return ``name = value``, the first statement of a tensor."""
    made = fitted(py.Assign((name,), build(value.node, context)), value, context)
    assert isinstance(made.mark, Computes)
    terms = terms_apart(value, made.value, context)
    if tensor is value and not terms:
        return made
    return replace(made, mark=replace(made.mark, tensors=(tensor,), terms=terms))


def _split(step: Step, context: Context) -> list[py.Stmt]:
    """Return ``i, f, g, o = np.split(z, 4, axis=1)``."""
    first = step.parts[0].node
    axis = axis_of(first)
    assert axis is not None
    source = expression_of(first.inputs[0], context)
    value = context.target.sections(source, len(step.parts), axis)
    names = tuple(py.Name(context.names.of(t)) for t in step.parts)
    context.written |= {t.node: name for t, name in zip(step.parts, names, strict=True)}
    mark = Computes(step.parts, shape_comment(first))
    return [py.Assign(names, value, mark=mark)]


def _gone_on_with(step: Step, name: py.Name, context: Context) -> list[py.Stmt]:
    """Return the statements of a step under whose name its first parts stand."""
    first, *further = (*step.absorbed, step.tensor)
    if is_statements(context.target.text(first.node)):
        made = _statements(first.node, name, context, step.tensor)
    else:
        made = [_assigned(name, first, step.tensor, context)]
    before = first.node
    for tensor in further:
        node = tensor.node
        context.written[before] = name
        if is_statements(context.target.text(node)):
            context.owned.add(before)
            made += _statements(node, name, context, tensor)
        elif before is node.inputs[0]:
            term = node.inputs[1]
            uses = uses_of_term(term, context) if node.op.infix in "+-" else ()
            other = expression_of(term, context, elide_in=node)
            rule = next(phrases(uses), "")
            mark = Computes((step.tensor,), rule=rule, terms=(uses,) if uses else ())
            made.append(py.AugAssign(name, node.op.infix, other, rule, mark=mark))
        else:
            value = build(node, context)
            own = before if is_in_order(first.node) else None
            terms = terms_apart(tensor, value, context, own)
            mark = Computes((step.tensor,), terms=terms)
            made.append(py.Assign((name,), value, mark=mark))
        before = node
    return made


def _statements(
    node: Node, name: py.Name, context: Context, tensor: Tensor | None
) -> list[py.Stmt]:
    """Return the statements of a text that sets ``_out``, commented there."""
    text = context.target.text(node)
    if text.startswith(COPIED) and _is_new(node.inputs[0], context):
        text = text.replace(COPIED, "_out = _0\n", 1)
    operands = operands_of(node, text, context)
    made = texts.statements(text, substitution(operands, context, name))
    if operands[:1] == [name]:
        made = [s for s in made if s != py.Assign((name,), name)]
    if tensor is None:
        return made
    if node.op.facts.zeros == "placed":
        made = parts_marked(made, node, tensor, context)
    if context.target.text(node).startswith(COPIED):
        changed = changed_copy(made, tensor, node.inputs[0], context)
        if changed is not None:
            return changed
    for at, s in enumerate(made):
        if isinstance(s, py.Assign) and name in s.targets:
            made[at] = fitted(s, tensor, context)
            break
    return made


def _is_new(node: Node, context: Context) -> bool:
    """Whether an operand is an array that its expression makes, and nothing keeps."""
    if node in context.owned:
        return True
    if not node.shape or is_given(node) or context.at_hand(node) is not None:
        return False
    form, target = out_form(node), context.target
    return form is not None and (form.is_call or target.is_choice(target.text(node)))


def lower_tuple(step: Step, context: Context) -> list[py.Stmt]:
    """Return ``a, b = f(x)`` for a node with several results."""
    node = step.tensor.node
    if node.op.text is None and context.control is not None:
        return context.control(step, context)
    text = context.target.text(node)
    operands = operands_of(node, text, context)
    value = texts.expression(text, substitution(operands, context, node=node))
    items = context.items_of(node)
    targets: list[py.Expr] = []
    for i in range(len(node.type.items)):
        name = py.Name(context.names.of(items[i])) if i in items else py.Name("_")
        if i in items:
            context.written[items[i].node] = name
        targets.append(name)
    mark = Computes(tuple(items[i] for i in sorted(items)))
    return [py.Assign(tuple(targets), value, mark=mark)]


def expression_of(
    node: Node, context: Context, elide_in: Node | None = None
) -> py.Expr:
    """Return a value's name, or the expression that is inlined for it.

    ``elide_in`` is an elementwise reader, in which NumPy broadcasts the value itself.
    """
    ready = context.at_hand(node)
    if ready is not None:
        return ready
    if elide_in is not None and node.op.facts.repeats:
        return expression_of(node.inputs[0], context)
    return build(node, context)


def build(node: Node, context: Context) -> py.Expr:
    """Return the expression of a node over the expressions of its operands."""
    if node.op is LITERAL:
        return literal(node.attrs["value"], context)
    if node.op is CONSTANT:
        return constant(node, context)
    if node.op is ITEM:
        source = expression_of(node.inputs[0], context)
        return py.Index(source, (py.Lit(node.attrs["index"]),))
    if is_filled(node, context):
        return _filled(node, context)
    direct = _through_views(node, context)
    if direct is not None:
        return direct
    text = context.target.text(node)
    typed = context.target.typed
    widened = not typed and "_float" not in text and _is_made_of_numbers(node, context)
    # `where` takes Python floats as they are; the width is given to its result.
    bare = widened and context.target.is_choice(text)
    operands = operands_of(node, "_0 + _1" if bare else text, context)
    made = texts.expression(text, substitution(operands, context, node=node))
    if widened:
        return context.target.converted(made, float_dtype(context), copy=False)
    return made


def _through_views(node: Node, context: Context) -> py.Expr | None:
    """Return an expression over what a node's operands are views of, if it has one.

    It stands for views that are written nowhere else.
    """
    rule = node.op.facts.through
    found = None if rule is None else rule(node)
    if found is None or any(context.at_hand(v) is not None for v in found.views):
        return None
    operands = [expression_of(source, context) for source in found.sources]
    return texts.expression(found.text, substitution(operands, context, node=node))


def _is_made_of_numbers(node: Node, context: Context) -> bool:
    """Whether an array's float operands are numbers, which NumPy 1 may widen."""
    if not node.shape or node.dtype.name != "float" or node.op.facts.repeats:
        return False
    elided = _elided(node, context)
    floats = [
        i.inputs[0] if at in elided and i.op.facts.repeats else i
        for at, i in enumerate(node.inputs)
        if isinstance(i.type, TensorType) and i.dtype.is_float
    ]
    return bool(floats) and not any(i.shape for i in floats)


def _filled(node: Node, context: Context) -> py.Expr:
    """Return an array of one number: `zeros`, `ones` or `full`."""
    (source,) = node.inputs
    shape = texts.expression(shape_text(node.shape), substitution((), context))
    dtype = dtype_expression(node.dtype, context)
    value = source.attrs["value"].item() if source.op is CONSTANT else None
    if value is not None and value == 0 and not str(value).startswith("-"):
        return context.target.zeros(shape, dtype)
    if value is not None and value == 1:
        return context.target.ones(shape, dtype)
    number = expression_of(source, context) if value is None else py.Lit(value)
    return context.target.full(shape, number, dtype)


def operands_of(node: Node, text: str, context: Context) -> list[py.Expr]:
    """Return the expressions of a node's operands, as its text needs them."""
    elided = _elided(node, context)
    found: list[py.Expr] = []
    bare = context.target.gives_width(text)
    bare = bare or (is_share(node) and node in context.numbers.python)
    for at, i in enumerate(node.inputs):
        if bare and i.op is CONSTANT and np.isfinite(i.attrs["value"]):
            found.append(py.Lit(i.attrs["value"].item()))
            continue
        if i.op is LITERAL and context.target.typed:
            found.append(typed_literal(i, node, context))
            continue
        if is_infix(text) and _is_whole(i, node):
            found.append(py.Lit(int(i.attrs["value"])))
            continue
        value = expression_of(i, context, elide_in=node if at in elided else None)
        inner = at in elided and i.op.facts.repeats
        source = i.inputs[0] if inner and context.at_hand(i) is None else i
        wide = node in context.numbers.unsafe
        found.append(strong(value, source, "f(_0)" if wide else text, context))
    return found


def _is_whole(operand: Node, node: Node) -> bool:
    """Whether an operand is a number such as 2.0 that a float takes as 2, too."""
    if operand.op is not LITERAL or not isinstance(operand.attrs["value"], float):
        return False
    value = operand.attrs["value"]
    floats = (i.op is not LITERAL and i.dtype.is_float for i in node.inputs)
    return value.is_integer() and 0 < abs(value) < MOST_WHOLE and any(floats)


def _elided(node: Node, context: Context) -> set[int]:
    """Return the operands whose `broadcast_to` NumPy's own broadcasting replaces."""
    if not node.op.is_elementwise:
        match node.op.facts.stretches:
            case "batch":
                return _elided_batch(node, context)
            case "all":
                return set(range(len(node.inputs)))
            case operands:
                return set(operands)
    places = [
        i
        for i, source in enumerate(node.inputs)
        if source.op.facts.repeats and context.at_hand(source) is None
    ]
    while places:
        shapes = [
            source.inputs[0].shape if i in places else source.shape
            for i, source in enumerate(node.inputs)
            if source.op is not LITERAL
        ]
        try:
            if broadcast_shapes(*shapes) == node.shape:
                return set(places)
        except (ShapeError, SymdiffError):
            pass
        places.pop()
    return set()


def _elided_batch(node: Node, context: Context) -> set[int]:
    """Return the operands of a product whose batch axes NumPy broadcasts itself."""
    found = set()
    for i, source in enumerate(node.inputs):
        other = node.inputs[1 - i]
        if not source.op.facts.repeats or context.at_hand(source) is not None:
            continue
        base = source.inputs[0].shape
        full = len(other.shape) >= len(source.shape) and not other.op.facts.repeats
        if full and len(base) >= 2 and base[-2:] == source.shape[-2:]:
            found.add(i)
    return found


def is_filled(node: Node, context: Context) -> bool:
    """Whether a node is one number repeated, for which NumPy has `full`."""
    if not node.op.facts.repeats or node in context.given:
        return False
    (source,) = node.inputs
    return not source.shape and source.dtype.is_float


def is_zeros(node: Node, context: Context) -> bool:
    """Whether a node is an array of zeros that is made where it is read."""
    if not is_filled(node, context) or context.at_hand(node) is not None:
        return False
    (source,) = node.inputs
    value = source.attrs.get("value")
    return value is not None and str(value) in ("0", "0.0")


def strong(value: py.Expr, node: Node, text: str, context: Context) -> py.Expr:
    """Give a Python float the run's width, unless an operator or array takes it."""
    if is_infix(text) or context.target.gives_width(text):
        return value
    typed = context.target.typed and node.op is LITERAL and node.dtype.is_float
    if node not in context.numbers.python and not typed:
        return value
    return py.Call(scalar_type(FLOAT, context), (value,))
