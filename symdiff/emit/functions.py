"""The generated functions of a program: signature, docstring and body, one record each.

In: a `Unit`. Out: the pieces that templates lay out. Invariant: every public function checks
its arguments first, binds each length once, and returns arrays that alias no argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdiff.emit import pycode as py
from symdiff.emit.bodies import (
    Body,
    Unit,
    _unpack_params,
    _used,
    check_dims,
    compute,
    constraints_of,
    leaf_name,
    returned,
)
from symdiff.emit.lower import bind_dims, dim_expression, shape_comment
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import TensorType
from symdiff.ops.leaf import RANDOM


@dataclass(frozen=True, slots=True)
class Written:
    """A function as text: parameters between the parentheses, summary, and indented body."""

    parameters: str
    summary: str
    body: str
    draws: bool = False


def _arguments(unit: Unit, leaves: Sequence[Tensor]) -> list[str]:
    return [unit.names.of(leaf) for leaf in leaves]


def _checked(unit: Unit, leaves: Sequence[Tensor]) -> list[py.Stmt]:
    """Return ``x, y = _check(params, x=x, y=y)``."""
    names = _arguments(unit, leaves)
    params = (py.Name("params"),) if unit.program.is_model else (py.Dict_(()),)
    call = py.Call(py.Name("_check"), params, tuple((n, py.Name(n)) for n in names))
    if not names:
        return [py.ExprStmt(call)] if unit.program.is_model else []
    targets = tuple(py.Name(n) for n in names)
    if len(targets) == 1:
        return [py.Assign((py.Tuple_(targets),), call)]
    return [py.Assign(targets, call)]


def _given(unit: Unit, *groups: Sequence[Tensor]) -> dict[Node, py.Expr]:
    return {leaf.node: leaf_name(unit, leaf) for group in groups for leaf in group}


def _draws(body: Body) -> bool:
    return any(n.op is RANDOM for n in body.order)


def _prologue(
    unit: Unit, body: Body, leaves: Sequence[Tensor], *, constraints: bool
) -> list[py.Stmt]:
    """Return the parameters' unpacking, the lengths, and the checks on them."""
    used = _used(body.order, body.results)
    p = unit.program
    params = [t for t in (*p.params, *p.states) if t.node in used]
    made = _unpack_params(unit, params, "params")
    checks = check_dims(constraints_of(body.order), body.context) if constraints else []
    arrays = [
        (body.context.given[t.node], t.node) for t in (*leaves, *p.params, *p.states)
    ]
    made += bind_dims(body.context.dims, arrays, body.context)
    return made + checks


def forward_function(unit: Unit) -> Written:
    """Return the prediction function of a model, or the value of a function."""
    p = unit.program
    leaves = p.inputs
    results = [t.node for _, t in p.outputs]
    given = _given(unit, p.inputs, p.params, p.states)
    body = compute(unit, results, given, p.output_tensors())
    stmts = _checked(unit, leaves)
    stmts += _prologue(unit, body, leaves, constraints=True)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    taken: set[str] = set()
    values = [returned(body, n, taken) for n in results]
    stmts.append(_return(values, "Outputs"))
    names = [name for name, _ in p.outputs]
    shown = ", ".join(
        f"{n} {shape_comment(r)}" for n, r in zip(names, results, strict=True)
    )
    return Written(
        _signature(unit, leaves, _draws(body)),
        f"Return {shown}.",
        _print(stmts),
        _draws(body),
    )


def _signature(unit: Unit, leaves: Sequence[Tensor], draws: bool) -> str:
    names = (["params"] if unit.program.is_model else []) + _arguments(unit, leaves)
    return ", ".join(names + (["key"] if draws else []))


def _return(values: Sequence[py.Expr], tuple_name: str) -> py.Stmt:
    if len(values) == 1:
        return py.Return(values[0])
    return py.Return(py.Call(py.Name(tuple_name), tuple(values)))


def _print(stmts: Sequence[py.Stmt]) -> str:
    return py.print_stmts(stmts).rstrip("\n")


def residual_function(unit: Unit, residuals: Sequence[Node]) -> Written:
    """Return the forward pass that keeps what the backward pass reads."""
    p = unit.program
    leaves = (*p.inputs, *p.targets) if p.is_model else p.inputs
    results = [t.node for _, t in p.results]
    given = _given(unit, p.inputs, p.targets, p.params, p.states)
    extra = [t.node for _, t in p.updates]
    body = compute(unit, [*results, *residuals, *extra], given)
    stmts = _checked(unit, leaves)
    stmts += _prologue(unit, body, leaves, constraints=True)
    stmts += [py.Blank(), *body.computation] if body.computation else []
    taken: set[str] = set()
    values = [returned(body, n, taken) for n in results]
    first = (
        values[0] if len(values) == 1 else py.Call(py.Name("Outputs"), tuple(values))
    )
    kept = py.Call(py.Name("Residuals"), tuple(body.value(n) for n in residuals))
    handed: tuple[py.Expr, ...] = (first, kept)
    if extra:
        pairs = tuple(
            (py.Lit(name), returned(body, t.node, taken)) for name, t in p.updates
        )
        handed = (*handed, py.Dict_(pairs))
    stmts.append(py.Return(py.Tuple_(handed)))
    what = "the loss" if p.is_model else "the value"
    more = ", and the states' new values" if extra else ""
    return Written(
        _signature(unit, leaves, _draws(body)),
        f"Return {what}, and the residuals that backward reads{more}.",
        _print(stmts),
        _draws(body),
    )


def backward_function(unit: Unit, residuals: Sequence[Node]) -> Written:
    """Return the backward pass: cotangents of every ``wrt`` from residuals and seeds."""
    p = unit.program
    given = _given(unit, p.params, p.states, p.seeds)
    given |= {n: py.Name(unit.names.of(unit.tensors[n])) for n in residuals}
    results = [g.node for g in p.gradients]
    arrays = [*residuals, *(t.node for t in p.params), *(s.node for s in p.seeds)]
    body = compute(unit, results, {n: given[n] for n in dict.fromkeys(arrays)} | given)
    seeds = _seed_checks(unit, body)
    used = _used(body.order, body.results)
    params = [t for t in (*p.params, *p.states) if t.node in used]
    stmts: list[py.Stmt] = [
        s for s in seeds if isinstance(s, py.Assign) and _is_float(s)
    ]
    stmts += _unpack_params(unit, params, "params")
    if residuals:
        targets = tuple(given[n] for n in residuals)
        target = (py.Tuple_(targets),) if len(targets) == 1 else targets
        stmts.append(py.Assign(target, py.Name("residuals")))
    sources = [(given[n], n) for n in (*residuals, *(t.node for t in params))]
    sources += [(given[s.node], s.node) for s in p.seeds]
    stmts += bind_dims(body.context.dims, sources, body.context)
    stmts += [s for s in seeds if not (isinstance(s, py.Assign) and _is_float(s))]
    stmts += [py.Blank(), *body.computation] if body.computation else []
    taken: set[str] = set()
    values = [returned(body, n, taken) for n in results]
    stmts.append(py.Blank())
    if p.is_model:
        pairs = tuple(
            (py.Lit(v.node.attrs["name"]), value)
            for v, value in zip(p.wrt, values, strict=True)
        )
        stmts.append(py.Return(py.Dict_(pairs)))
    else:
        stmts.append(py.Return(py.Call(py.Name("Gradients"), tuple(values))))
    names = [unit.names.of(s) for s in p.seeds]
    scalar = len(names) == 1 and not p.seeds[0].shape
    signature = ["params"] if p.is_model else []
    signature += ["residuals", *(f"{n}=1.0" if scalar else n for n in names)]
    summary = (
        "Return d(loss)/d(parameter) for every parameter, times d_loss."
        if p.is_model
        else f"Return the cotangents of {', '.join(v.node.attrs['name'] for v in p.wrt)}."
    )
    return Written(", ".join(signature), summary, _print(stmts), _draws(body))


def _is_float(s: py.Assign) -> bool:
    return isinstance(s.value, py.Call) and s.value.func == py.Name("float")


def _seed_checks(unit: Unit, body: Body) -> list[py.Stmt]:
    """Return the conversions that hold a cotangent to its result's shape and dtype.

    A scalar becomes a Python float, which never widens what it is combined with.
    """
    made: list[py.Stmt] = []
    for seed in unit.program.seeds:
        name = unit.names.of(seed)
        if not seed.shape:
            made.append(py.Assign((py.Name(name),), py.call("float", py.Name(name))))
            continue
        shape = py.Tuple_(tuple(dim_expression(d, body.context) for d in seed.shape))
        source = body.context.float_from
        dtype: py.Expr = py.Lit(None)
        if source is not None and source != py.Name(name):
            dtype = py.Attr(source, "dtype")
        made.append(
            py.Assign(
                (py.Name(name),),
                py.call("_cotangent", py.Lit(name), py.Name(name), shape, dtype),
            )
        )
    return made


def argument_specs(unit: Unit, leaves: Sequence[Tensor]) -> dict[str, str]:
    """Return what each argument must be, as the text of a tuple (dtype, shape, low, high)."""
    return {unit.names.of(leaf): _spec(unit, leaf) for leaf in leaves}


def _spec(unit: Unit, leaf: Tensor) -> str:
    attrs = leaf.node.attrs
    kind = "float" if leaf.dtype.is_float else "bool" if leaf.dtype.is_bool else "int"
    shape = spec_shape(leaf.node.tensor_type)
    low, high = index_bounds(unit, leaf)
    low = attrs.get("low") if attrs.get("low") is not None else low
    high = attrs.get("high") if attrs.get("high") is not None else high
    return f'("{kind}", {shape}, {low!r}, {high!r})'


def spec_shape(t: TensorType) -> str:
    """Return a declared shape as text: ints, and symbolic lengths as strings."""
    parts = [str(d) if isinstance(d, int) else f'"{d}"' for d in t.shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def index_bounds(unit: Unit, leaf: Tensor) -> tuple[int | None, int | None]:
    """Return the bounds that an integer leaf's uses as an index imply."""
    if not leaf.dtype.is_integer:
        return None, None
    lengths = []
    for node in {**unit.tensors, **unit.program.output_tensors()}:
        axis = node.op.extra.get("indexed_axis")
        if axis is not None and leaf.node in node.inputs:
            length = axis(node)
            if isinstance(length, int):
                lengths.append(length)
        axes = node.op.extra.get("indexed_axes")
        for place, length in axes(node).items() if axes is not None else ():
            if node.inputs[place] is leaf.node and isinstance(length, int):
                lengths.append(length)
    return (0, min(lengths)) if lengths else (None, None)
