"""From scheduled steps to statements.

In: the steps of one function body, the names, and what the function is given. Out: statement
trees with their headings and comments. Invariant: a step's statement computes exactly its
node; NumPy's own broadcasting stands in for a `broadcast_to` node only where the shapes of the
operands as written give the node's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symdiff.emit import pycode as py
from symdiff.emit import texts
from symdiff.emit.naming import Names
from symdiff.emit.source import Resolver, primal_site
from symdiff.graph.errors import ShapeError, SymdiffError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TupleType, broadcast_shapes
from symdiff.ops.operands import CONSTANT, LITERAL
from symdiff.ops.text import dim_text, is_statements, op_text
from symdiff.plan.schedule import LITERAL_ELEMENTS, Step

_RULE_WIDTH = 40  # columns that a comment's words may take


@dataclass(slots=True)
class Context:
    """What lowering one body needs: names, sources of lines, and values at hand.

    ``given`` maps each available node to its expression. ``float_from`` is an expression whose
    dtype is the float dtype of the run. ``constants`` collects arrays to be loaded from a file.
    """

    names: Names
    resolver: Resolver
    tensors: Mapping[Node, Tensor]
    given: dict[Node, py.Expr]
    float_from: py.Expr | None
    constants: dict[str, np.ndarray]
    helpers: set[str]
    sites: Mapping[Node, int] = field(default_factory=dict)  # ordinals of random leaves
    headings: bool = True
    written: dict[Node, py.Expr] = field(default_factory=dict)
    dims: set[str] = field(default_factory=set)  # symbols the statements read

    def at_hand(self, node: Node) -> py.Expr | None:
        """Return the expression of a value that has been computed or given."""
        found = self.written.get(node)
        return found if found is not None else self.given.get(node)


def lower(steps: Sequence[Step], context: Context) -> list[py.Stmt]:
    """Return the statements of a body, with a heading at each statement of the user."""
    result: list[py.Stmt] = []
    heading: Hashable = None
    for step in steps:
        made = _lower_step(step, context)
        if context.headings and step.group != heading:
            heading = step.group
            title = _heading(step.tensor, context)
            if title:
                if result:
                    result.append(py.Blank())
                result.append(py.Comment(title))
        result.extend(made)
    return result


def _heading(tensor: Tensor, context: Context) -> str:
    return context.resolver.heading(tensor, 82)


def _lower_step(step: Step, context: Context) -> list[py.Stmt]:
    tensor = step.tensor
    node = tensor.node
    if isinstance(node.type, TupleType):
        return _lower_tuple(tensor, context)
    comment = _comment(tensor, context)
    name = py.Name(context.names.of(tensor))
    if step.absorbed is not None:
        made = _statements(step.absorbed.node, name, context, comment)
        context.written[step.absorbed.node] = name
        other = expression_of(node.inputs[1], context, elide_in=node)
        symbol = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[
            node.op.name
        ]
        made.append(py.AugAssign(name, symbol, other))
    elif not _is_literal(node) and is_statements(op_text(node)):
        made = _statements(node, name, context, comment)
    else:
        made = [py.Assign((name,), _build(node, context), comment)]
    context.written[node] = name
    return made


def _is_literal(node: Node) -> bool:
    return node.op is LITERAL or node.op is CONSTANT


def _statements(
    node: Node, name: py.Name, context: Context, comment: str
) -> list[py.Stmt]:
    """Return the statements of a text that sets ``_out``, commented at the first."""
    elided = _elided(node, context)
    operands = [
        expression_of(i, context, elide_in=node if at in elided else None)
        for at, i in enumerate(node.inputs)
    ]
    made = texts.statements(op_text(node), _substitution(operands, context, name))
    first = made[0]
    if comment and isinstance(first, py.Assign):
        made[0] = py.Assign(first.targets, first.value, comment)
    return made


def _lower_tuple(tensor: Tensor, context: Context) -> list[py.Stmt]:
    """Return ``a, b = f(x)`` for a node with several results."""
    node = tensor.node
    operands = [expression_of(i, context) for i in node.inputs]
    value = texts.expression(op_text(node), _substitution(operands, context))
    items = {
        t.node.attrs["index"]: t
        for t in context.tensors.values()
        if t.node.op.name == "item" and t.node.inputs[0] is node
    }
    targets: list[py.Expr] = []
    for i in range(len(node.type.items)):  # type: ignore[union-attr]
        name = py.Name(context.names.of(items[i])) if i in items else py.Name("_")
        if i in items:
            context.written[items[i].node] = name
        targets.append(name)
    return [py.Assign(tuple(targets), value)]


# --- expressions -----------------------------------------------------------------------------


def expression_of(
    node: Node, context: Context, elide_in: Node | None = None
) -> py.Expr:
    """Return a value's name, or the expression that is inlined for it.

    ``elide_in`` is an elementwise reader that lets NumPy do the broadcasting.
    """
    ready = context.at_hand(node)
    if ready is not None:
        return ready
    if elide_in is not None and node.op.name == "broadcast_to":
        return expression_of(node.inputs[0], context)
    return _build(node, context)


def _build(node: Node, context: Context) -> py.Expr:
    """Return the expression of a node over the expressions of its operands."""
    if node.op is LITERAL:
        return _literal(node.attrs["value"], context)
    if node.op is CONSTANT:
        return _constant(node, context)
    if node.op.name == "item":
        source = expression_of(node.inputs[0], context)
        return py.Index(source, (py.Lit(node.attrs["index"]),))
    elided = _elided(node, context)
    operands = [
        expression_of(i, context, elide_in=node if at in elided else None)
        for at, i in enumerate(node.inputs)
    ]
    return texts.expression(op_text(node), _substitution(operands, context, node=node))


def _elided(node: Node, context: Context) -> set[int]:
    """Return the operands whose `broadcast_to` NumPy's own broadcasting replaces."""
    if node.op.name == "matmul":
        return _elided_batch(node, context)
    if not node.op.is_elementwise:
        return set(node.op.extra.get("stretches", ()))
    places = [
        i
        for i, source in enumerate(node.inputs)
        if source.op.name == "broadcast_to" and context.at_hand(source) is None
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
    """Return the operands of a product whose batch axes NumPy stretches itself."""
    found = set()
    for i, source in enumerate(node.inputs):
        other = node.inputs[1 - i]
        if source.op.name != "broadcast_to" or context.at_hand(source) is not None:
            continue
        base = source.inputs[0].shape
        full = len(other.shape) >= len(source.shape) and other.op.name != "broadcast_to"
        if full and len(base) >= 2 and base[-2:] == source.shape[-2:]:
            found.add(i)
    return found


def _substitution(
    operands: Sequence[py.Expr],
    context: Context,
    out: py.Expr | None = None,
    node: Node | None = None,
) -> texts.Substitute:
    """Return what the placeholders of a text stand for."""

    def substitute(name: str) -> py.Expr | None:
        if name == "_out":
            return out
        if name == "_float":
            return float_dtype(context)
        if name == "_key":
            return py.Name("key")
        if name == "_site" and node is not None:
            return py.Lit(context.sites[node])
        if name.startswith("_dim_"):
            context.dims.add(name[5:])
            return py.Name(context.names.dim(name[5:]))
        if name.startswith("_help_"):
            context.helpers.add(name[6:])
            return py.Name(f"_{name[6:]}")
        if name[0] == "_" and name[1:].isdigit():
            return operands[int(name[1:])]
        return None

    return substitute


def float_dtype(context: Context) -> py.Expr:
    """Return the expression of the float dtype that the arguments share."""
    if context.float_from is None:
        return py.name("np.float64")
    return py.Attr(context.float_from, "dtype")


def dim_expression(dim: Any, context: Context) -> py.Expr:
    """Return a dim, or an expression in dims, over the lengths bound in the body."""
    return texts.expression(dim_text(dim), _substitution((), context))


def _literal(value: Any, context: Context) -> py.Expr:
    if isinstance(value, sp.Expr):
        return dim_expression(value, context)
    return py.Lit(value)


def _constant(node: Node, context: Context) -> py.Expr:
    """Return an array constant: a display where it is small, else a loaded array."""
    value: np.ndarray = node.attrs["value"]
    if value.size > LITERAL_ELEMENTS:
        name = _stored(value, context)
        loaded = py.Index(py.Name("_CONSTANTS"), (py.Lit(name),))
        return (
            py.method(loaded, "astype", float_dtype(context))
            if node.dtype.is_float
            else loaded
        )
    if node.dtype.is_bool:
        return py.call("np.array", _display(value.tolist()))
    dtype = (
        float_dtype(context)
        if node.dtype.name == "float"
        else py.name(f"np.{node.dtype.name}")
    )
    return py.call("np.array", _display(value.tolist()), dtype=dtype)


def _stored(value: np.ndarray, context: Context) -> str:
    for name, known in context.constants.items():
        if known.dtype == value.dtype and np.array_equal(known, value):
            return name
    name = f"c{len(context.constants)}"
    context.constants[name] = value
    return name


def _display(value: Any) -> py.Expr:
    if isinstance(value, list):
        return py.List_(tuple(_display(v) for v in value))
    return py.Lit(value)


# --- comments ---------------------------------------------------------------------------------


def shape_comment(node: Node) -> str:
    """Return a value's shape as ``[N, 10]``, or its dtype where it is not a float."""
    shape = ", ".join(str(d) for d in node.shape)
    return f"[{shape}]" if node.dtype.is_float else f"{node.dtype}[{shape}]"


def _comment(tensor: Tensor, context: Context) -> str:
    """Return the type of a value and, for a derivative, the rules that made it."""
    shown = shape_comment(tensor.node)
    rules = _rules(tensor, context)
    return f"{shown}   {rules}" if rules else shown


def _rules(tensor: Tensor, context: Context) -> str:
    """Return the primal formulas that a derivative's inlined terms belong to, in words."""
    if tensor.site.primal is None:
        return ""
    found: dict[str, None] = {}
    waiting = [tensor]
    while waiting:
        current = waiting.pop(0)
        primal = current.site.primal
        if primal is not None and not primal.node.op.leaf:
            found[_rule(primal, context)] = None
        elif primal is None:
            continue
        waiting.extend(
            context.tensors[p.node]
            for p in current.parents
            if p.node in context.tensors and context.at_hand(p.node) is None
        )
    words = [w for w in found if w]
    if len(words) > 1 and len(words[0]) + len(words[1]) < _RULE_WIDTH:
        return f"{words[0]}; {words[1]}"
    return words[0] if words else ""


def _rule(primal: Tensor, context: Context) -> str:
    """Return what a derivative's line comes from: a rule in words, or the primal formula."""
    op = primal.node.op
    formula = _formula(primal, context)
    if op.rule and "{0}" in op.rule:
        operand = _named(primal.parents[0], context)
        return op.rule.format(py.expr_text(operand)) if operand is not None else ""
    if op.rule and len(formula) + len(op.rule) < _RULE_WIDTH:
        return f"{formula}: {op.rule}" if formula else str(op.rule)
    return formula or op.name


def _formula(primal: Tensor, context: Context) -> str:
    """Return a short primal expression over names, or '' where it would be long."""
    text = op_text(primal.node) if primal.node.op.text is not None else ""
    if not text or is_statements(text):
        return ""
    operands = [_named(p, context) for p in primal.parents]
    if any(o is None for o in operands):
        return ""
    filled: list[py.Expr] = [o for o in operands if o is not None]
    shown = py.expr_text(texts.expression(text, _quiet(filled, context)))
    return shown if len(shown) <= _RULE_WIDTH else ""


def _quiet(
    operands: Sequence[py.Expr], context: Context
) -> Callable[[str], py.Expr | None]:
    """Return a substitution for comments, which makes no demands on the body."""
    inner = _substitution(operands, context)

    def substitute(name: str) -> py.Expr | None:
        if name.startswith("_dim_"):
            return py.Name(name[5:])
        if name == "_float":
            return py.Name("float")
        if name.startswith("_help_"):
            return py.Name(name[6:])
        return inner(name)

    return substitute


def _named(tensor: Tensor, context: Context) -> py.Expr | None:
    """Return how a comment calls an operand: its name, or a literal."""
    node = tensor.node
    while node.op.name == "broadcast_to":
        node = node.inputs[0]
    if node.op is LITERAL:
        value = node.attrs["value"]
        return py.Lit(value) if isinstance(value, (int, float)) else py.Name(str(value))
    current = context.tensors.get(node, tensor)
    known = context.names.known(current)
    return py.Name(known) if known else None


def bind_dims(
    wanted: Iterable[str], arrays: Sequence[tuple[py.Expr, Node]], context: Context
) -> list[py.Stmt]:
    """Return the statements ``N, _ = x.shape`` that bind the lengths a body reads."""
    missing = set(wanted)
    made: list[py.Stmt] = []
    for expression, node in arrays:
        here = {str(d) for d in node.shape if isinstance(d, sp.Symbol)} & missing
        if not here:
            continue
        targets: list[py.Expr] = []
        for d in node.shape:
            if isinstance(d, sp.Symbol) and str(d) in missing:
                targets.append(py.Name(context.names.dim(str(d))))
                missing.discard(str(d))
            else:
                targets.append(py.Name("_"))
        value = py.Attr(expression, "shape")
        if len(targets) == 1:
            made.append(py.Assign((py.Tuple_(tuple(targets)),), value))
        else:
            made.append(py.Assign(tuple(targets), value))
    if missing:
        raise SymdiffError(
            f"no argument has an axis of length {', '.join(sorted(missing))}; declare an input "
            "with that dimension."
        )
    return made


def declared_group(tensor: Tensor, resolver: Resolver) -> Hashable:
    """Return what tells one statement of the user from another."""
    statement = resolver.statement(tensor)
    site = primal_site(tensor)
    return (statement.file, statement.line) if statement else id(site) and "no source"
