"""Loops as kernels: functions that Numba compiles, and the statements that call them.

In: a loop and the context around it. Out: where all of it fits, a call, with the kernel
noted in the context; else the loop as Python runs it, in which smaller ones may be
kernels. Invariant: a kernel has the statements that the loop would have, in the same
order and with the same names; it reads its arguments alone, scalars in their own type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symdiff.emit.lower.alike import effects
from symdiff.emit.lower.comments import shape_comment
from symdiff.emit.lower.context import Context, float_dtype, scalar_type
from symdiff.emit.lower.identifiers import RESERVED
from symdiff.emit.lower.kernels import Kernel, Kernels
from symdiff.emit.lower.loops import lower_control
from symdiff.emit.lower.marks import Computes
from symdiff.emit.lower.naming import Names
from symdiff.emit.lower.statements import expression_of
from symdiff.emit.python import code as py
from symdiff.emit.targets.numba.fitting import fits
from symdiff.emit.targets.numba.target import InKernel
from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.control.branches import COND
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.plan.numbers import Numbers
from symdiff.plan.schedule import Step
from symdiff.rewrite.prune import live_outputs

WIDTH = 88 - len('    """' + '"""')  # of a docstring


def lower_compiled(step: Step, context: Context) -> list[py.Stmt]:
    """Return the statements of a loop or branch, the call of a kernel if it fits."""
    node, kernels = step.tensor.node, context.kernels
    if node.op is COND or kernels is None or not fits(node):
        return lower_control(step, context)
    return _called(step, context, kernels)


def _called(step: Step, context: Context, kernels: Kernels) -> list[py.Stmt]:
    """Note the kernel of a loop; return the statement that calls it."""
    names, items = context.names, context.items_of(step.tensor.node)
    given = {n: _argument(n, context) for n in _operands(step.tensor.node, context)}
    own = names.inside(turns=False)
    dtype, real = py.Name(own.counter("dtype")), py.Name(own.counter("real"))
    inner = _inside(context, own, given, dtype, real)
    stmts = lower_control(step, inner)
    tensors = {inner.written[items[i].node]: items[i] for i in sorted(items)}
    counts = {s: n for s, n in inner.lengths.items() if s not in context.lengths}
    values = [_boxed(e, t) for e, t in tensors.items()]
    values += map(py.Name, counts.values())
    stmts.append(py.Return(py.Tuple_(tuple(values)) if len(values) > 1 else values[0]))
    if real.id in _free(stmts):
        stmts.insert(0, py.Assign((real,), py.Attr(dtype, "type")))
    free = _free(stmts)
    arguments: dict[py.Name, py.Expr] = {}
    if dtype.id in free:
        arguments[dtype] = float_dtype(context)
    lengths = [py.Name(own.dim(d)) for d in sorted(inner.dims)]
    counted = sorted({*context.lengths.values()} & free)  # by loops before this one
    lengths += map(py.Name, counted)
    arguments |= {name: name for name in lengths}
    arguments |= {e: _handed(n, context) for n, e in given.items() if e.id in free}
    function = names.claim(kernels.form.format(_text(next(iter(tensors)))))
    parameters = tuple(name.id for name in arguments)
    summary = _summary(tensors)
    kernels.made.append(
        Kernel(function, parameters, summary, tuple(stmts), own.nodes())
    )
    for t in items.values():
        context.written[t.node] = inner.written[t.node]
        names.take(t, _text(inner.written[t.node]))
    for name in counts.values():
        names.claim(name)
    context.dims |= inner.dims
    context.lengths.update(counts)
    targets = (*tensors, *map(py.Name, counts.values()))
    call = py.call(function, *arguments.values())
    return [py.Assign(targets, call, mark=Computes(tuple(tensors.values())))]


def _text(name: py.Expr) -> str:
    return py.expr_text(name)


def _summary(tensors: Mapping[py.Expr, Tensor]) -> str:
    """Return what a kernel returns, in one line."""
    told = [f"{_text(e)} {shape_comment(t.node)}" for e, t in tensors.items()]
    whole = f"Return {', '.join(told)}."
    return whole if len(whole) <= WIDTH else f"Return {told[0]}, and all that follows."


def _inside(
    context: Context,
    names: Names,
    given: Mapping[Node, py.Name],
    dtype: py.Name,
    real: py.Name,
) -> Context:
    """Return the context of a kernel."""
    return replace(
        context,
        names=names,
        target=InKernel(dtype, real),
        given={n: name for n, name in given.items() if n not in context.written},
        written={n: name for n, name in given.items() if n in context.written},
        float_is=dtype,
        dims=set(),
        lengths=dict(context.lengths),
        numbers=Numbers(),
        owned=set(),
        control=lower_control,
        kernels=None,
        depth=1,
    )


def _operands(node: Node, context: Context) -> list[Node]:
    """Return what a loop reads from outside, but for numbers."""
    live, read = live_outputs(node, {*context.items_of(node)})
    body, n = node.attrs["body"], node.attrs["carries"]
    found = [node.inputs[i] for i in live if i < n]
    if node.attrs.get("sequences") and is_counted(node.attrs["length"]):
        found.append(node.inputs[n])  # the loop runs over its rows, read or not
    leaves = zip(node.inputs[n:], body.params[n:], strict=True)
    found += [source for source, leaf in leaves if leaf.node in read]
    return [s for s in dict.fromkeys(found) if not _is_made_inside(s, context)]


def _is_made_inside(node: Node, context: Context) -> bool:
    """Whether a value is a number, or an array of one, that a kernel writes itself."""
    if node.op.facts.repeats and context.at_hand(node) is None:
        (node,) = node.inputs
    return node.op is LITERAL or (node.op is CONSTANT and not node.shape)


def _argument(node: Node, context: Context) -> py.Name:
    """Return the parameter of a value: its variable, or that it would have."""
    ready = context.at_hand(node)
    if isinstance(ready, py.Name):
        return ready
    if isinstance(ready, py.Attr):
        return py.Name(ready.name)  # a residual's name, which nothing else has
    return py.Name(context.names.of(context.tensors[node]))


def _handed(node: Node, context: Context) -> py.Expr:
    """Return what a kernel is given for a value: an array, or a scalar with a type."""
    value = expression_of(node, context)
    if node.shape:
        return value
    if node in context.numbers.python:
        return py.Call(scalar_type(node.dtype, context), (value,))
    if isinstance(value, py.Binary) and value.op in "+-*/":
        return value  # a scalar, whatever its operands are
    return py.Index(value, (py.Tuple_(()),))


def _boxed(value: py.Expr, tensor: Tensor) -> py.Expr:
    """Return what a kernel returns for a value: scalars as arrays, with their type."""
    return value if tensor.shape else py.call("np.asarray", value)


def _free(stmts: Sequence[py.Stmt]) -> frozenset[str]:
    """Return the variables that statements read and have not set."""
    return effects(py.If(py.Lit(True), tuple(stmts))).reads - RESERVED
