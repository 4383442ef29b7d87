"""The derived backward pass, run so that its intermediate values can be read.

In: a compiled package of level 1. Out: a `Reference`: its statements, each with the
shape, rule and user's line from the listing, and its gradients and locals at a point.
Invariant: what the generated code computes counts as right; its syntax tree is changed
only to build a function with a student's mistake, and then restored.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.emit.listing import Listing
from symdiff.emit.trees import function_tree
from symdiff.graph.errors import DerivativeError

T = TypeVar("T")
DERIVED = "<derived>"  # the file name under which the derived backward is compiled
FORWARD = "_forward_"  # prefix of the names of values of the forward pass


@dataclass(frozen=True)
class DerivedStatement:
    """A statement of the derived backward; ``heading`` is the user's, at ``place``."""

    target: str
    source: str
    shape: str
    rule: str
    heading: str
    place: str
    order: int
    looped: bool
    also: tuple[str, ...]  # what it sets besides: the row of a stack
    node: ast.stmt = field(repr=False, compare=False)


@dataclass
class Case:
    """A point to grade at; ``kink`` where gradients are a matter of convention."""

    name: str
    params: dict[str, np.ndarray]
    arguments: dict[str, np.ndarray]
    seeds: list[Any]
    sizes: dict[str, int]
    narrow: bool = False
    kink: bool = False
    key: int = 0
    values: list[np.ndarray] = field(default_factory=list)
    residuals: Any = None
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    locals: dict[str, Any] = field(default_factory=dict)
    slack: dict[str, float] = field(default_factory=dict)
    forward: dict[str, np.ndarray] = field(default_factory=dict)


class Reference:
    """A derived module: what it is called with, and how to run it and its variants."""

    def __init__(self, compiled: Compilation) -> None:
        if f"{compiled.name}/backward.py" not in compiled.files:
            raise DerivativeError(
                f"{compiled.name!r} has no backward pass, so there is nothing to grade."
            )
        package = compiled.load()
        self.name = compiled.name
        self.module = importlib.import_module(f"{package.__name__}.backward")
        self.check = importlib.import_module(f"{package.__name__}.__main__")
        self.is_model = hasattr(self.module, "loss_and_residuals")
        primal = "loss_and_residuals" if self.is_model else "forward_with_residuals"
        self.primal = getattr(self.module, primal)
        listing = compiled.listed("backward")
        self.function = function_tree(listing, "backward")
        known = {"params", "residuals", "key"}
        _unpack(self.function, self.module.Residuals._fields)
        self.made_by = _made_by(function_tree(listing, primal), self.module)
        self.seeds = {a.arg for a in self.function.args.args} - known
        self.kept = set(self.module.Residuals._fields)
        self.keyed = {
            n: "key" in inspect.signature(getattr(self.module, n)).parameters
            for n in (primal, "backward")
        }
        body = self.function.body
        self.statements = list(_statements(body, listing, count=itertools.count(1)))
        returned = self.function.body[-1]
        assert isinstance(returned, ast.Return)
        self._returned = returned
        self.outputs = self._outputs(returned)
        assert returned.value is not None
        pair = [returned.value, ast.parse("locals()", mode="eval").body]
        returned.value = ast.Tuple(pair, ast.Load())
        self._run = self.build()

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The declarations of the arguments, by name."""
        found: dict[str, Any] = self.module.ARGUMENTS
        return found

    @property
    def params(self) -> Mapping[str, Any]:
        """The declarations of the parameters, by name."""
        return getattr(self.module, "PARAMS", {})

    @property
    def wrt(self) -> list[str]:
        """The names of the gradients, in order."""
        return list(self.outputs)

    # --- statements -------------------------------------------------------------------

    def _outputs(self, returned: ast.Return) -> dict[str, ast.expr]:
        """Return the returned expression of each gradient."""
        value = returned.value
        if isinstance(value, ast.Dict):
            keys = [ast.literal_eval(k) for k in value.keys if k is not None]
            return dict(zip(keys, value.values, strict=True))
        assert isinstance(value, ast.Call)
        names = [n.removeprefix("d_") for n in self.module.Gradients._fields]
        return dict(zip(names, value.args, strict=True))

    def told(self, name: str) -> DerivedStatement | None:
        """Return the first statement that sets a name."""
        return next((s for s in self.statements if s.target == name), None)

    def statement_of(self, name: str) -> DerivedStatement | None:
        """Return the statement that sets the gradient of a name."""
        expression = self.outputs[name]
        names = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}
        back = [n for n in names if n.startswith("d_")]
        return self.told(back[0]) if len(back) == 1 else None

    # --- running ----------------------------------------------------------------------

    def build(self) -> Callable[..., Any]:
        """Return the function compiled from its present syntax tree."""
        module = ast.fix_missing_locations(ast.Module([self.function], []))
        names = dict(vars(self.module))
        exec(compile(module, DERIVED, "exec"), names)
        made: Callable[..., Any] = names["backward"]
        return made

    def forward(self, case: Case) -> tuple[list[np.ndarray], Any]:
        """Return the float results and the residuals at a case."""
        first = [case.params] if self.is_model else []
        key = {"key": case.key} if self.keyed[self.primal.__name__] else {}
        with np.errstate(all="ignore"):
            found = self.primal(*first, *case.arguments.values(), **key)
        values = found[0] if isinstance(found[0], tuple) else (found[0],)
        arrays = [np.asarray(v) for v in values]
        return arrays, found[1]

    def backward(
        self, case: Case, function: Callable[..., Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the gradients by name, and the locals, at a case.

        A function with a mistake in it is handed copies: it may add in place to what
        only looks like an array of its own.
        """
        given = ([case.params] if self.is_model else [], case.residuals, case.seeds)
        forward, run = case.forward, self._run
        if function is not None:
            given, forward, run = _copied(given), _copied(forward), function
        first, residuals, seeds = given
        key = {"key": case.key} if self.keyed["backward"] else {}
        run.__globals__.update(forward)
        with np.errstate(all="ignore"):
            found, names = run(*first, residuals, *seeds, **key)
        values = found.values() if isinstance(found, dict) else found
        return dict(zip(self.wrt, values, strict=True)), names


def _copied(value: T) -> T:
    """Return a container with copies of the arrays in it."""
    made: Any = value
    if isinstance(value, np.ndarray):
        made = value.copy()
    elif isinstance(value, dict):
        made = {k: _copied(v) for k, v in value.items()}
    elif isinstance(value, tuple) and hasattr(value, "_make"):
        made = value._make(map(_copied, value))
    elif isinstance(value, (tuple, list)):
        made = type(value)(map(_copied, value))
    return made


def _statements(
    body: Sequence[ast.stmt],
    listing: Listing,
    count: Iterator[int],
    looped: bool = False,
) -> Iterator[DerivedStatement]:
    """Yield the statements that compute a value, also those in loops, in order."""
    for stmt in body:
        line = listing.at(stmt.lineno)
        if line is None or not line.tensors:
            continue
        if isinstance(stmt, (ast.For, ast.While, ast.If, ast.With)):
            inner = looped or isinstance(stmt, (ast.For, ast.While))
            yield from _statements(stmt.body, listing, count, inner)
        elif line.targets:
            yield DerivedStatement(
                line.targets[0],
                ast.unparse(stmt),
                shape=line.shape,
                rule=line.rule,
                heading=line.heading,
                place=line.place,
                order=next(count),
                looped=looped,
                also=line.targets[1:],
                node=stmt,
            )


def _unpack(function: ast.FunctionDef, fields: Sequence[str]) -> None:
    """Turn ``r = residuals`` and reads of ``r.x`` into names, which faults replace."""
    taken = {
        n.id
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    } | {a.arg for a in function.args.args}
    for stmt in function.body:
        match stmt:
            case ast.Assign(
                targets=[ast.Name(id=whole)], value=ast.Name(id="residuals")
            ):
                names = {f: f"kept_{f}" if f in taken else f for f in fields}
                store = [ast.Name(n, ast.Store()) for n in names.values()]
                stmt.targets = [ast.Tuple(list(store), ast.Store())]
                _Unpacked(whole, names).visit(function)
                return


class _Unpacked(ast.NodeTransformer):
    """Replaces reads of a tuple's fields by names."""

    def __init__(self, whole: str, names: Mapping[str, str]) -> None:
        self.whole, self.names = whole, names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=field) if (
                name == self.whole and field in self.names
            ):
                found = ast.Name(self.names[field], node.ctx)
                return ast.copy_location(found, node)
        return self.generic_visit(node)


def forward_values(plain: Compilation, case: Case) -> dict[str, np.ndarray]:
    """Return the values of the forward pass, with names that begin with `FORWARD`.

    ``plain`` is compiled at level 0, where every node has a statement. Values that the
    backward pass has as well are left out.
    """
    module = importlib.import_module(f"{plain.load().__name__}.backward")
    listing = plain.listed("backward")
    names = ("loss_and_residuals", "forward_with_residuals")
    function = function_tree(listing, next(n for n in names if n in listing.functions))
    keyed = any(a.arg == "key" for a in function.args.args)
    function.body[-1] = ast.Return(ast.parse("locals()", mode="eval").body)
    scope = dict(vars(module))
    made = ast.fix_missing_locations(ast.Module([function], []))
    exec(compile(made, "<plain>", "exec"), scope)
    first = [case.params] if hasattr(module, "loss_and_residuals") else []
    with np.errstate(all="ignore"):
        found = scope[function.name](
            *first, *case.arguments.values(), **({"key": case.key} if keyed else {})
        )
    known = [v for v in case.locals.values() if isinstance(v, np.ndarray)]
    values: dict[str, np.ndarray] = {}
    for name, value in found.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if value.ndim and not any(_equal(value, k) for k in known):
            known.append(value)
            values[f"{FORWARD}{name}"] = value
    return values


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b))


def _made_by(function: ast.FunctionDef, module: Any) -> dict[str, str]:
    """Return the function of one argument that makes a value, by the value's name."""
    kept = set(module.Residuals._fields)
    found = {}
    for stmt in ast.walk(function):
        match stmt:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=made, args=[_], keywords=[]),
            ) if name in kept and not _is_method(made):
                found[name] = ast.unparse(made)
    return found


def _is_method(function: ast.expr) -> bool:
    """Whether a call is of an array's own method, such as x.copy()."""
    match function:
        case ast.Attribute(value=ast.Name(id="np")) | ast.Name():
            return False
    return True
