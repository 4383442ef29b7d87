"""The generated functions of a program: signature, docstring and body, one record each.

In: a `Unit`. Out: the pieces that templates lay out. Invariant: every public function
checks its arguments first, binds each length once, and returns arrays that do not alias
an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdiff.emit.listing import Listed
from symdiff.emit.lower.comments import shape_comment
from symdiff.emit.lower.context import Context, bind_dims
from symdiff.emit.lower.in_place import read_in_place
from symdiff.emit.lower.summed import sums_apart
from symdiff.emit.lower.texts import expression
from symdiff.emit.modules.blocks import Beside, with_blocks
from symdiff.emit.modules.bodies import (
    FunctionBody,
    Unit,
    check_dims,
    check_lengths,
    compute,
    leaf_name,
    returned,
    unpack_params,
    used_nodes,
)
from symdiff.emit.python import code as py
from symdiff.emit.targets.scalars import Scalars, scalar_form
from symdiff.emit.targets.values import Kind, ListOf
from symdiff.graph.errors import DeclarationError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import FLOAT, TensorType
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.text import dim_text
from symdiff.plan.constraints import constraints_of
from symdiff.rewrite.index_ranges import entry_range

COMPILED = "_compiled"  # the decorator of kernels, compiled.py.j2


@dataclass(frozen=True, slots=True)
class Written:
    """A printed function: parameters between the parentheses, summary, indented body.

    ``nodes`` are the values of its names; ``extra`` is another function that it calls,
    of scalars, and ``beside`` are those of blocks that repeat.
    """

    parameters: str
    summary: str
    printed: py.Printed
    nodes: Mapping[str, Node]
    draws: bool = False
    extra: py.FuncDef | None = None
    beside: tuple[Beside, ...] = ()

    @property
    def body(self) -> str:
        """The body's text."""
        return self.printed.body

    @property
    def code(self) -> str:
        """The text of the body, and of the blocks that it calls."""
        return "\n".join([self.body, *(b.text for b in self.beside)])

    def listed(self, name: str) -> list[Listed]:
        """Return the function, under its name, as a module's listing needs it."""
        found = [Listed(name, self.parameters, (self.printed,), self.nodes)]
        if self.extra is not None:
            parameters = ", ".join(self.extra.params)
            body = py.printed(self.extra.body)
            found.append(Listed(self.extra.name, parameters, (body,), self.nodes))
        more = self.beside
        found += [Listed(b.name, b.parameters, (b.printed,), b.nodes) for b in more]
        return found


def _arguments(unit: Unit, leaves: Sequence[Tensor]) -> list[str]:
    return [unit.names.of(leaf) for leaf in leaves]


def checked(unit: Unit, leaves: Sequence[Tensor]) -> list[py.Stmt]:
    """Return ``x, y = _check(params, x=x, y=y)``."""
    names = _arguments(unit, leaves)
    params = (py.Name("params"),) if unit.program.is_model else (py.Dict_(()),)
    call = _by_name(py.Name("_check"), params, _declared(unit, leaves))
    if not names:
        return [py.ExprStmt(call)] if unit.program.is_model else []
    targets = tuple(py.Name(n) for n in names)
    if len(targets) == 1:
        return [py.Assign((py.Tuple_(targets),), call)]
    return [py.Assign(targets, call)]


def _declared(unit: Unit, leaves: Sequence[Tensor]) -> dict[str, py.Expr]:
    """Return the arguments by the names that the user gave them."""
    return {str(leaf.name): leaf_name(unit, leaf) for leaf in leaves}


def _by_name(
    function: py.Expr, first: tuple[py.Expr, ...], named: dict[str, py.Expr]
) -> py.Expr:
    """Return a call with keywords, from a dict where they cannot be written as such."""
    if all(py.Name(n) == e for n, e in named.items()):
        return py.Call(function, first, tuple(named.items()))
    pairs = py.Dict_(tuple((py.Lit(n), e) for n, e in named.items()))
    return py.Call(function, (*first, py.Unary("**", pairs)))


def given_leaves(unit: Unit, *groups: Sequence[Tensor]) -> dict[Node, py.Expr]:
    return {leaf.node: leaf_name(unit, leaf) for group in groups for leaf in group}


def draws(body: FunctionBody) -> bool:
    return any(n.op is RANDOM for n in body.order)


def prologue(unit: Unit, body: FunctionBody, leaves: Sequence[Tensor]) -> list[py.Stmt]:
    """Return the parameters' unpacking, the lengths, and the checks on them."""
    used = used_nodes(body)
    p = unit.program
    params = [t for t in (*p.params, *p.states) if t.node in used]
    made = unpack_params(unit, params, "params")
    checks = check_lengths(unit, leaves, body.context)
    made_of = (body.context.tensors[n].origin.was for n in body.order)
    written = [t.node for t in made_of if t is not None]
    checks += check_dims(constraints_of(body.order, written), body.context)
    arrays = [(body.context.given[t.node], t.node) for t in leaves]
    made += bind_dims(body.context.dims, arrays, body.context)
    return made + checks


def forward_function(unit: Unit) -> Written:
    """Return the prediction function of a model, or the value of a function."""
    p = unit.program
    leaves = p.inputs
    results = [t.node for _, t in p.outputs]
    given = given_leaves(unit, p.inputs, p.params, p.states)
    routine = unit.functions["forward"]
    body = compute(unit, routine, given, kernels="_forward_{}")
    taken: set[Node] = set()
    values = [returned(body, n, taken) for n in results]
    scalars = _scalars(unit, body, values)
    beside = () if scalars is not None else with_blocks(unit, body, values, "{}")
    stmts = checked(unit, leaves) + prologue(unit, body, leaves)
    if scalars is not None:
        stmts += [py.Blank(), *scalars.calls]
    else:
        stmts += [py.Blank(), *body.computation] if body.computation else []
        stmts.append(_return(values, "Outputs"))
    stmts = sums_apart(read_in_place(stmts, "params", indent=4), indent=4)
    names = [name for name, _ in p.outputs]
    shown = ", ".join(
        f"{n} {shape_comment(r)}" for n, r in zip(names, results, strict=True)
    )
    return Written(
        signature(unit, leaves, draws(body)),
        f"Return {shown}.",
        py.printed(stmts),
        body.names.nodes(),
        draws(body),
        None if scalars is None else scalars.function,
        (*kernels_of(body.context), *beside),
    )


def kernels_of(context: Context) -> tuple[Beside, ...]:
    """Return the functions that the target compiles, which a body calls."""
    kernels = context.kernels
    made = () if kernels is None else kernels.made
    return tuple(
        Beside(
            *(k.name, ", ".join(k.parameters), k.summary),
            py.printed(sums_apart(k.stmts, indent=4)),
            *(k.nodes, COMPILED),
        )
        for k in made
    )


def _scalars(
    unit: Unit, body: FunctionBody, values: Sequence[py.Expr]
) -> Scalars | None:
    """Return a function of scalars as Python arithmetic, where that is possible."""
    p = unit.program
    leaves = [t.node for t in p.inputs]
    plain = bool(leaves) and not p.is_model and unit.style.level > 0
    plain = plain and not unit.target.kernels
    if not plain or not all(n.dtype == FLOAT for n in (*leaves, *body.results)):
        return None
    kinds = [_kind(n) for n in leaves]
    given = dict(zip(_arguments(unit, p.inputs), kinds, strict=True))
    known = {n: k for n, k in given.items() if k is not None}
    named = [(name, v) for (name, _), v in zip(p.outputs, values, strict=True)]
    if len(known) < len(given):
        return None
    lengths = sorted(body.context.dims)
    return scalar_form(known, lengths, body.computation, named, body.names.claim)


def _kind(leaf: Node) -> Kind | None:
    """Return an argument as a function of scalars sees it; None for other arrays."""
    if not leaf.shape:
        return "number"
    if len(leaf.shape) > 1:
        return None
    (length,) = leaf.shape
    return ListOf("number", length if isinstance(length, int) else None)


def signature(unit: Unit, leaves: Sequence[Tensor], draws: bool) -> str:
    names = (["params"] if unit.program.is_model else []) + _arguments(unit, leaves)
    return ", ".join(names + (["key"] if draws else []))


def _return(values: Sequence[py.Expr], tuple_name: str) -> py.Stmt:
    if len(values) == 1:
        return py.Return(values[0])
    return py.Return(py.Call(py.Name(tuple_name), tuple(values)))


def printed(stmts: Sequence[py.Stmt]) -> str:
    return py.print_stmts(stmts).rstrip("\n")


def argument_specs(unit: Unit, leaves: Sequence[Tensor]) -> dict[str, str]:
    """Return the text of (dtype, shape, low, high) for each argument, by name."""
    return {str(leaf.name): _spec(unit, leaf) for leaf in leaves}


def _spec(unit: Unit, leaf: Tensor) -> str:
    shape = spec_shape(leaf.node.tensor_type)
    low, high, _ = asked_of(unit, leaf)
    return f'("{leaf.dtype.name}", {shape}, {_bound_text(low)}, {_bound_text(high)})'


def _bound_text(bound: Any) -> str:
    """Return a declared bound as text: a number, or a length as a string."""
    return f'"{bound}"' if isinstance(bound, sp.Expr) else repr(bound)


def symbolic_bounds(leaves: Sequence[Tensor]) -> list[sp.Expr]:
    """Return the bounds of arguments that are expressions in lengths, each once.

    Raises `DeclarationError` for a length that no argument has.
    """
    known = {d for leaf in leaves for d in leaf.shape if isinstance(d, sp.Symbol)}
    found: dict[sp.Expr, None] = {}
    for leaf in leaves:
        for which in ("low", "high"):
            bound = leaf.node.attrs.get(which)
            if not isinstance(bound, sp.Expr):
                continue
            unknown = sorted(str(s) for s in bound.free_symbols - known)
            if unknown:
                raise DeclarationError(
                    f"input {leaf.name!r}: {which}={bound} needs the length "
                    f"{' and '.join(unknown)}, which no input has as an axis of its "
                    "own; declare an input of that length, or give a number."
                )
            found[bound] = None
    return list(found)


def bounds_table(bounds: Sequence[sp.Expr]) -> str:
    """Return the table of functions from lengths, by name, to symbolic bounds."""
    pairs = []
    for bound in bounds:
        value = expression(dim_text(bound), length_by_name)
        pairs.append((py.Lit(str(bound)), py.Lambda(("lengths",), value)))
    table = py.Assign((py.Name("BOUNDS"),), py.Dict_(tuple(pairs)))
    return py.print_stmts([table], indent=0).rstrip("\n")


def length_by_name(placeholder: str) -> py.Expr | None:
    """Return the length that a placeholder stands for, of those by name."""
    if not placeholder.startswith("_dim_"):
        return None
    return py.Index(py.Name("lengths"), (py.Lit(placeholder[5:]),))


def spec_shape(t: TensorType) -> str:
    """Return a declared shape as text: ints, and symbolic lengths as strings."""
    parts = [str(d) if isinstance(d, int) else f'"{d}"' for d in t.shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def asked_of(unit: Unit, leaf: Tensor) -> tuple[Any, Any, tuple[int, ...]]:
    """Return the check of an argument at entry: low, high and further labels.

    A value must be ``low <= value < high``, or one of the labels that the model masks.
    """
    return entry_range(leaf.node, dict(unit.program.indexing).get(leaf.node))


def left_out(unit: Unit, leaves: Sequence[Tensor]) -> dict[str, tuple[py.Expr, ...]]:
    """Return the labels that are allowed beside the range of an argument, by name."""
    found = {str(leaf.name): asked_of(unit, leaf)[2] for leaf in leaves}
    return {k: tuple(map(py.Lit, labels)) for k, labels in found.items() if labels}
