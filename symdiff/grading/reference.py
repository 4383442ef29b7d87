"""The derived backward pass, run with a look at its intermediate values.

In: a compiled package of level 1. Out: a `Reference`: its statements, each with the
shape, rule and user's line that its comment tells, and its gradients and locals at a
point. Invariant: what is right is what the generated text computes; it is parsed to be
looked into, and changed only in copies that play a student's mistake.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdiff.compiler.compilation import Compilation
from symdiff.graph.errors import DerivativeError

DERIVED = "<derived>"  # the file of the derived backward, where it is run
FORWARD = "_forward_"  # opens the names of values of the forward pass
_HEADING = re.compile(r"#\s(.*\S)\s+\[([^\[\]]+:\d+)\]$")
_SHAPE = re.compile(r"#\s((?:\w+)?\[[^\[\]]*\])(?:\s{3}(.*))?$")


@dataclass(frozen=True)
class Statement:
    """A statement of the derived backward; ``heading`` is the user's, at ``place``."""

    target: str
    source: str
    shape: str
    rule: str
    heading: str
    place: str
    order: int
    looped: bool
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
        text = compiled["backward"]
        self._rows = text.split("\n")
        tree = ast.parse(text)
        functions = {s.name: s for s in tree.body if isinstance(s, ast.FunctionDef)}
        self.function = functions["backward"]
        known = {"params", "residuals", "key"}
        self.seeds = {a.arg for a in self.function.args.args} - known
        self.kept = set(self.module.Residuals._fields)
        self.keyed = {
            n: any(a.arg == "key" for a in functions[n].args.args)
            for n in (primal, "backward")
        }
        self.statements = list(self._statements())
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
        """Return the expression that each gradient is returned as."""
        value = returned.value
        if isinstance(value, ast.Dict):
            keys = [ast.literal_eval(k) for k in value.keys if k is not None]
            return dict(zip(keys, value.values, strict=True))
        assert isinstance(value, ast.Call)
        names = [n.removeprefix("d_") for n in self.module.Gradients._fields]
        return dict(zip(names, value.args, strict=True))

    def _statements(self) -> Iterator[Statement]:
        first = self.function.lineno
        while self._rows[first].strip():
            first += 1
        yield from self._below(self.function.body, first + 1, [0], False, ["", ""])

    def _below(
        self,
        body: list[ast.stmt],
        first: int,
        count: list[int],
        looped: bool,
        place: list[str],
    ) -> Iterator[Statement]:
        """Yield the statements after a line, those of loops where they stand."""
        for stmt in body:
            if stmt.lineno <= first or isinstance(stmt, ast.Return):
                continue
            said = self._comment(stmt, place)
            if isinstance(stmt, (ast.For, ast.While, ast.If, ast.With)):
                inner = looped or isinstance(stmt, (ast.For, ast.While))
                yield from self._below(stmt.body, first, count, inner, place)
                continue
            targets = stmt.targets if isinstance(stmt, ast.Assign) else []
            if isinstance(stmt, ast.AugAssign):
                targets = [stmt.target]
            if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Call):
                targets = stmt.value.args[:1]  # np.add.at(target, index, value)
            if not targets:
                continue
            count[0] += 1
            source = ast.unparse(stmt)
            heading, where = place
            yield Statement(
                base_name(targets[0]),
                source,
                shape=said[0],
                rule=said[1],
                heading=heading,
                place=where,
                order=count[0],
                looped=looped,
                node=stmt,
            )

    def _comment(self, stmt: ast.stmt, place: list[str]) -> tuple[str, str]:
        """Return the shape and rule that are told of a statement; note its heading."""
        row = stmt.lineno - 2
        above: list[str] = []
        while row >= 0 and (not (bare := self._rows[row].strip()) or bare[0] == "#"):
            above.append(bare)
            row -= 1
        shape, rule = "", ""
        for bare in reversed(above):
            if found := _HEADING.search(bare):
                place[:] = [found[1], found[2]]
            elif said := _SHAPE.fullmatch(bare):
                shape, rule = said[1], said[2] or ""
        if not isinstance(stmt, (ast.For, ast.While, ast.If, ast.With)):
            for text in self._rows[stmt.lineno - 1 : stmt.end_lineno]:
                if said := _SHAPE.search(text):
                    shape, rule = said[1], said[2] or ""
                    break
        return shape, rule

    def told(self, name: str) -> Statement | None:
        """Return the first statement that sets a name."""
        return next((s for s in self.statements if s.target == name), None)

    def statement_of(self, name: str) -> Statement | None:
        """Return the statement that sets the gradient of a name."""
        expression = self.outputs[name]
        names = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}
        back = [n for n in names if n.startswith("d_")]
        return self.told(back[0]) if len(back) == 1 else None

    # --- running ----------------------------------------------------------------------

    def build(self) -> Callable[..., Any]:
        """Return the function as its syntax tree stands now."""
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
        """Return the gradients by name, and the locals, at a case."""
        first = [case.params] if self.is_model else []
        key = {"key": case.key} if self.keyed["backward"] else {}
        run = self._run if function is None else function
        run.__globals__.update(case.forward)
        with np.errstate(all="ignore"):
            found, names = run(*first, case.residuals, *case.seeds, **key)
        values = found.values() if isinstance(found, dict) else found
        return dict(zip(self.wrt, values, strict=True)), names


def forward_values(plain: Compilation, case: Case) -> dict[str, np.ndarray]:
    """Return what the forward pass computes, a value for each node, under own names.

    ``plain`` is compiled at level 0, where every node has a statement of its own.
    """
    tree = ast.parse(plain["backward"])
    module = importlib.import_module(f"{plain.load().__name__}.backward")
    function = next(
        s
        for s in tree.body
        if isinstance(s, ast.FunctionDef)
        and s.name in ("loss_and_residuals", "forward_with_residuals")
    )
    keyed = any(a.arg == "key" for a in function.args.args)
    function.body[-1] = ast.Return(ast.parse("locals()", mode="eval").body)
    names = dict(vars(module))
    made = ast.fix_missing_locations(ast.Module([function], []))
    exec(compile(made, "<plain>", "exec"), names)
    first = [case.params] if hasattr(module, "loss_and_residuals") else []
    with np.errstate(all="ignore"):
        found = names[function.name](
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


def base_name(target: ast.expr) -> str:
    """Return the name that a target sets, or sets a part of."""
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ast.unparse(target)
