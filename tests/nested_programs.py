"""Random programs in which derivatives are taken inside derivatives.

In: a seeded generator. Out: programs as data (nested tuples over named variables), and
`run`, which walks one over a namespace: `symdiff.transforms`, JAX, or the dual numbers
of `tests/nested_duals.py`. A program is of numbers. Each transform has a body of its
own variables that may read every variable around it, and is taken at an expression,
most often at a plain variable: so one value reaches a function as its argument and from
around it, which is what the fresh variables of transforms must tell apart.

Expressions are ``("var", name)``, ``("num", c)``, ``("call", op, e)``, ``("op", op, a,
b)``, `Derived`, `Repeated` and ``("choose", p, a, b)``: a where p > 0, else b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CALLS = ("sin", "cos", "tanh")
KINDS = (
    "jit", "grad", "value_and_grad", "elementwise_grad", "vjp", "jvp", "jacobian",
    "hessian", "hvp",
)  # fmt: skip
MANY_RESULTS = ("jit", "vjp", "jvp", "jacobian")
FORMS = ("number", "number", "number", "tuple", "dict", "vector", "apart")


@dataclass(frozen=True)
class Derived:
    """``kind`` of a function of ``names`` that returns ``bodies``, taken ``at`` values.

    The arguments are packed as ``form`` says ("apart": as arguments of their own, all
    of which are differentiated), several results as ``results`` says. ``vector`` holds
    the tangents or cotangents. The value is a weighted sum of all that is found.
    """

    kind: str
    form: str
    results: str
    names: tuple[str, ...]
    bodies: tuple[Any, ...]
    at: tuple[Any, ...]
    vector: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Repeated:
    """A loop of three steps: the last carry, and the sum of what is stacked.

    A scan reads one of ``rows`` at each step; a while loop has a number that counts.
    """

    kind: str
    carry: str
    row: str
    body: Any
    stacked: Any
    start: Any
    rows: tuple[Any, ...]


def weight(*places: int) -> float:
    """Return the weight of a result by its place: no two alike."""
    return float(np.cos(0.7 + sum((3.1 + k) * p for k, p in enumerate(places))))


# --- making programs ------------------------------------------------------------------


class Maker:
    """Draws programs: at most ``transforms`` deep, with ``loops`` in them."""

    def __init__(self, seed: int, transforms: int = 3, loops: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.deepest = transforms
        self.loops = loops
        self.count = 0

    def program(self, names: tuple[str, ...] = ("x", "y")) -> Any:
        """Return a program of these variables with at least one transform."""
        made = self.derived(names, int(self.rng.integers(2, self.deepest + 1)))
        for _ in range(int(self.rng.integers(0, 3))):
            other = self.expression(names, int(self.rng.integers(0, 2)), 2)
            made = ("op", self.pick(("mul", "add", "sub")), made, other)
        return made

    def pick(self, options: Any) -> Any:
        """Return one of several things."""
        return options[int(self.rng.integers(len(options)))]

    def name(self, base: str) -> str:
        """Return a new name."""
        self.count += 1
        return f"{base}{self.count}"

    def expression(self, names: tuple[str, ...], transforms: int, size: int) -> Any:
        """Return an expression; the last names are read more often."""
        chance = self.rng.random()
        if transforms and chance < 0.35:
            return self.derived(names, transforms)
        if self.loops and size > 1 and chance < 0.45:
            return self.controlled(names, transforms, size)
        if not size or chance < 0.55:
            return self.leaf(names)
        if chance < 0.7:
            return (
                "call",
                self.pick(CALLS),
                self.expression(names, transforms, size - 1),
            )
        op = self.pick(("mul", "mul", "mul", "add", "sub"))
        first = self.expression(names, transforms, size - 1)
        return ("op", op, first, self.expression(names, 0, size - 1))

    def leaf(self, names: tuple[str, ...]) -> Any:
        """Return a variable, or seldom a number."""
        if self.rng.random() < 0.1:
            return ("num", round(float(self.rng.uniform(0.3, 1.5)), 2))
        latest = self.rng.random() < 0.5
        return ("var", names[-1] if latest else self.pick(names))

    def derived(self, names: tuple[str, ...], transforms: int) -> Any:
        """Return a transform; its body nests up to ``transforms`` - 1 more."""
        kind = self.pick(KINDS)
        form = "vector" if kind == "elementwise_grad" else self.pick(FORMS)
        if form == "apart" and kind not in ("grad", "value_and_grad", "jit"):
            form = "tuple"
        count = 1 if form == "number" else int(self.rng.integers(2, 4))
        if (
            form == "vector"
            and kind in ("jacobian", "hessian")
            and self.rng.random() < 0.3
        ):
            count = 5  # more than is written out: a loop over columns or rows
        own = tuple(self.name("v") for _ in range(count))
        results, several = "number", 1
        if kind in MANY_RESULTS and self.rng.random() < 0.5:
            results = self.pick(("tuple", "vector"))
            several = 5 if count == 5 and self.rng.random() < 0.5 else 2
        if kind == "elementwise_grad":
            results, several = "vector", count
        inside = (*names, *own)
        bodies = tuple(
            self.body(inside, own, transforms - 1 if i == 0 else 0)
            for i in range(several)
        )
        at = tuple(self.place(names) for _ in range(count))
        long = {"vjp": several, "jvp": count, "hvp": count}.get(kind, 0)
        vector = tuple(self.expression(names, 0, 1) for _ in range(long))
        return Derived(kind, form, results, own, bodies, at, vector)

    def body(
        self, names: tuple[str, ...], own: tuple[str, ...], transforms: int
    ) -> Any:
        """Return a body that reads its own variables and, mostly, others."""
        made = self.expression(names, transforms, 3)
        if transforms and not holds(made):
            made = ("op", "mul", self.derived(names, transforms), made)
        for _ in range(int(self.rng.integers(1, 3))):
            made = ("op", self.pick(("mul", "mul", "sub")), made, self.leaf(names))
        return ("op", "mul", made, ("var", self.pick(own)))

    def place(self, names: tuple[str, ...]) -> Any:
        """Return where a derivative is taken: a variable, mostly."""
        chance = self.rng.random()
        if chance < 0.75:
            return ("var", self.pick(names))
        return ("num", 0.8) if chance < 0.85 else self.expression(names, 0, 1)

    def controlled(self, names: tuple[str, ...], transforms: int, size: int) -> Any:
        """Return a loop or a branch with transforms inside."""
        kind = self.pick(("scan", "while", "choose"))
        if kind == "choose":
            sides = [self.expression(names, transforms, size - 1) for _ in range(2)]
            return ("choose", self.expression(names, 0, 1), *sides)
        carry, row = self.name("c"), self.name("r")
        inside = (*names, row, carry)
        new = ("call", "sin", self.expression(inside, transforms, size - 1))
        stacked = self.expression(inside, 0, 1)
        rows = tuple(self.leaf(names) for _ in range(3))
        return Repeated(kind, carry, row, new, stacked, self.leaf(names), rows)


def holds(e: Any) -> bool:
    """Whether a transform is somewhere in an expression."""
    if isinstance(e, Derived):
        return True
    if isinstance(e, Repeated):
        return holds((e.body, e.stacked, e.start, *e.rows))
    return isinstance(e, tuple) and any(holds(part) for part in e)


# --- running them ---------------------------------------------------------------------


def run(xp: Any, e: Any, env: dict[str, Any]) -> Any:
    """Return the value of an expression over a namespace of operations."""
    match e:
        case ("var", name):
            return env[name]
        case ("num", value):
            return value
        case ("call", op, a):
            return getattr(xp, op)(run(xp, a, env))
        case ("op", op, a, b):
            left, right = run(xp, a, env), run(xp, b, env)
            match op:
                case "add":
                    return left + right
                case "sub":
                    return left - right
            return left * right
        case ("choose", p, a, b):
            test = run(xp, p, env)
            return xp.choose(test, lambda: run(xp, a, env), lambda: run(xp, b, env))
        case Repeated():
            return _repeat(xp, e, env)
        case Derived():
            return _derive(xp, e, env)
    raise TypeError(e)


def _repeat(xp: Any, e: Repeated, env: dict[str, Any]) -> Any:
    start = run(xp, e.start, env)
    if e.kind == "while":

        def test(carry: Any) -> Any:
            return carry[2] < 2.5

        def more(carry: Any) -> Any:
            c, total, n = carry
            inner = {**env, e.carry: c, e.row: n}
            return run(xp, e.body, inner), total + run(xp, e.stacked, inner), n + 1.0

        found, total, _ = xp.repeat(test, more, (start, 0.0 * start, 0.0))
        return found + total

    def step(c: Any, row: Any) -> Any:
        inner = {**env, e.carry: c, e.row: row}
        return run(xp, e.body, inner), run(xp, e.stacked, inner)

    found, total = xp.fold(step, start, [run(xp, r, env) for r in e.rows])
    return found + total


def _derive(xp: Any, e: Derived, env: dict[str, Any]) -> Any:
    def function(*values: Any) -> list[Any]:
        inner = {**env, **dict(zip(e.names, values, strict=True))}
        return [run(xp, body, inner) for body in e.bodies]

    at = [run(xp, a, env) for a in e.at]
    return xp.derive(e, function, at, [run(xp, v, env) for v in e.vector])


# --- arrays and containers, for the namespaces that have them -------------------------


def packed(form: str, values: Any, stack: Any) -> Any:
    """Return values as one argument or result."""
    match form:
        case "number":
            return values[0]
        case "tuple":
            return tuple(values)
        case "dict":
            return {f"k{i}": v for i, v in enumerate(values)}
    return stack(values)


def picked(form: str, whole: Any, i: int) -> Any:
    """Return value ``i`` of what `packed` has packed."""
    if form == "number":
        return whole
    return whole[f"k{i}" if form == "dict" else i]


def unpacked(form: str, args: Any, count: int) -> list[Any]:
    """Return the values of packed arguments."""
    if form == "apart":
        return list(args)
    return [picked(form, args[0], i) for i in range(count)]


def entries(e: Derived, found: Any) -> list[tuple[Any, float]]:
    """Return every number in what a transform returns, with its weight."""
    columns, rows = range(len(e.names)), range(len(e.bodies))
    inner = "tuple" if e.form == "apart" else e.form
    match e.kind:
        case "jit" | "jvp":
            return [(picked(e.results, found, j), weight(j)) for j in rows]
        case "value_and_grad":
            value, slopes = found
            more = [(picked(inner, slopes, i), weight(i)) for i in columns]
            return [(value, 0.5), *more]
        case "hessian":
            return [
                (picked(inner, picked(inner, found, i), k), weight(i, k))
                for i in columns
                for k in columns
            ]
        case "jacobian":
            return [
                (entry(e, found, j, i), weight(j, i)) for j in rows for i in columns
            ]
    return [(picked(inner, found, i), weight(i)) for i in columns]


def entry(e: Derived, found: Any, j: int, i: int) -> Any:
    """Return an entry of a Jacobian: containers lie outside, axes inside."""
    if e.results == "tuple":
        found = found[j]
    if e.form in ("tuple", "dict"):
        found = picked(e.form, found, i)
    if e.results == "vector":
        found = found[j]
    return found[i] if e.form == "vector" else found
