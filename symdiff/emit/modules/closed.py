"""A program's results and gradients as short formulas over the names of its functions.

In: a program before composites are written out, and the printed functions. Out: a
`Closed`. Invariant: a formula reads variables and other formulas alone, and the work is
bounded, however large the program is. What has no short formula is left out, with all
that needs it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from symdiff.emit.lower.formulas import SHOWN, is_code, operands_of, plain, text_over
from symdiff.emit.lower.naming import user_name
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.modules.functions import Written
from symdiff.emit.python import code as py
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.graph.types import TupleType
from symdiff.ops.core.operands import CONSTANT, LITERAL
from symdiff.ops.core.text import formula_text, operand_uses
from symdiff.plan.program import Program

MOST_NODES = 300
# A value of at most so many characters is written where it is read: if it is read once,
# or more often; a cotangent if it is read more often.
ONCE, OFTEN, COTANGENT = 76, 20, 12
LINE, LONGEST = 81, 168  # characters of a formula: with its name on a line, at most
Row = tuple[str, py.Expr]
_FUNCTION = re.compile(r"(?<![\w.])(?:np\.|math\.)?([A-Za-z]\w*)\(")


@dataclass(frozen=True, slots=True)
class Closed:
    """Formulas by name: those of values, of gradients, and of cotangents in these.

    ``missing`` are gradients without a formula, ``variables`` values which formulas
    read and which have none.
    """

    values: tuple[Row, ...]
    gradients: tuple[Row, ...]
    cotangents: tuple[Row, ...]
    missing: tuple[str, ...]
    variables: tuple[tuple[str, Tensor], ...]


def closed_forms(unit: Unit, functions: Sequence[Written]) -> Closed | None:
    """Return a program's formulas, None where too few of its gradients have one."""
    p = unit.program if unit.program.composed is None else unit.program.composed
    order = tensor_topological([*(t for _, t in p.results), *p.gradients])
    if len(order) > MOST_NODES or not _lengths_keep_names(unit):
        return None
    return _Forms(unit, p, order, _Named(unit, functions)).closed()


def _lengths_keep_names(unit: Unit) -> bool:
    """Whether lengths, which formulas call by their own names, are so in the code."""
    shapes = [t.shape for t in unit.program.leaves]
    dims = [d for shape in shapes for d in shape if isinstance(d, sp.Expr)]
    names = {str(s) for d in dims for s in d.free_symbols}
    return all(unit.names.dim(name) == name for name in names)


class _Named:
    """The names that the functions give to the values which they compute."""

    def __init__(self, unit: Unit, functions: Iterable[Written]) -> None:
        self.every: set[str] = set()
        self._by_node: dict[Node, str] = {}
        self._by_mark: dict[int, str] = {}
        for written in functions:
            for name in _assigned(written.printed):
                node = written.nodes.get(name)
                if node is None or node not in unit.tensors:
                    continue
                self.every.add(name)
                self._by_node[node] = name
                for mark in unit.tensors[node].origin.marks:
                    self._by_mark[mark] = name

    def of(self, tensor: Tensor) -> str | None:
        """Return the name of a value, or of what passes have made of it."""
        found = self._by_node.get(tensor.node)
        marks = tensor.origin.marks
        return found or next((n for m in marks if (n := self._by_mark.get(m))), None)


def _assigned(printed: py.Printed) -> list[str]:
    """Return the names that a function's own statements set, outside of loops."""
    found = []
    for placed in printed.placed:
        if placed.depth == 0 and isinstance(placed.stmt, py.Assign):
            found += [t.id for t in placed.stmt.targets if isinstance(t, py.Name)]
    return found


class _Forms:
    """Decides which values formulas name, and which they write out."""

    def __init__(
        self, unit: Unit, program: Program, order: Sequence[Tensor], named: _Named
    ) -> None:
        self.unit, self.program, self.order = unit, program, order
        self.taken = named.every
        self.tensors = {t.node: t for t in order}
        self.roots = [*(t for _, t in program.results), *program.gradients]
        self.read, self.uses = _uses([t.node for t in self.roots])
        called = {name for n in self.read for name in _functions(n)}
        names = ((t, named.of(t)) for t in order)
        self.names = {t.node: n for t, n in names if n is not None and n not in called}
        self.derived = _derived(order, [t.node for t in program.seeds])
        self.sizes: dict[Node, float] = {}  # characters of what is written for a value
        self.stops: dict[Node, py.Expr] = {}  # values that are named
        self.bare: set[Node] = set()  # those of them without a formula
        self.numbers: set[Node] = set()  # values that are Python's numbers in formulas
        self._give_leaves()
        for t in order:
            operands = self.read.get(t.node)
            if t.node.op is LITERAL or (operands and self.numbers.issuperset(operands)):
                self.numbers.add(t.node)
            if t.node in self.read and t.node not in self.stops:
                self._weigh(t)

    def _give_leaves(self) -> None:
        p = self.program
        for t in p.leaves:
            self._stop(t.node, py.Name(self.unit.names.of(t)))
        if len(p.seeds) == 1 and not p.seeds[0].shape:
            self._stop(p.seeds[0].node, py.Lit(1))
            self.numbers.add(p.seeds[0].node)

    def _stop(self, node: Node, expression: py.Expr) -> None:
        if self.sizes.get(node, math.inf) == math.inf:
            self.bare.add(node)
        self.stops[node] = expression
        self.sizes[node] = len(py.expr_text(expression))

    # --- lengths ----------------------------------------------------------------------

    def _weigh(self, tensor: Tensor) -> None:
        """Note how long a value's formula is, and whether it is named instead."""
        node = tensor.node
        size = self._length(node)
        if self._room(node) < size < math.inf:
            self._shorten(node)
            size = self._length(node)
        self.sizes[node] = size if size <= LONGEST else math.inf
        name, own = self.names.get(node), node not in self.derived
        if name is None or node.op is LITERAL or node.op is CONSTANT:
            return
        room = ONCE if self.uses[node] <= 1 else OFTEN if own else COTANGENT
        if self.sizes[node] == math.inf:
            named = own
        else:
            named = size > room or (own and bool(self._user_name(tensor)))
        if named:
            self._stop(node, py.Name(name))

    def _user_name(self, tensor: Tensor) -> str | None:
        return user_name(tensor, self.unit.resolver)

    def _shorten(self, node: Node) -> None:
        """Name parts of a formula, the longest first, until it fits on a line."""
        inside = self._inside(node)
        known = [n for n in inside if n in self.names and n is not node]
        for n in sorted(known, key=lambda n: -self.sizes[n]):
            if self.sizes[n] <= OFTEN or n in self.stops:
                return
            self._stop(n, py.Name(self.names[n]))
            for other in inside:
                if other not in self.stops and other is not node:
                    self.sizes[other] = self._length(other)
            if self._length(node) <= self._room(node):
                return

    def _room(self, node: Node) -> int:
        return LINE - len(self.names.get(node, ""))

    def _inside(self, node: Node) -> list[Node]:
        """Return the nodes that are written within a formula, operands first."""
        found: dict[Node, None] = {}
        stack = [node]
        while stack:
            n = stack.pop()
            if n not in found:
                found[n] = None
                stack += [i for i in self.read[n] if i not in self.stops]
        return [t.node for t in self.order if t.node in found]

    def _length(self, node: Node) -> float:
        op = node.op
        if op is LITERAL:
            return len(str(node.attrs["value"]))
        if op is CONSTANT:
            count = node.attrs["value"].size
            return 6 * count if count <= SHOWN else math.inf
        if op.leaf or op.facts.sweeps or isinstance(node.type, TupleType):
            return math.inf
        operands = [self.sizes[n] for n in self.read[node]]
        text = formula_text(node)
        if text and self._takes_numbers(node, text):
            uses = zip(operand_uses(text), operands, strict=False)
            return len(text) + sum(k * (s - 2) for k, s in uses if k)
        if text:
            return math.inf
        call = len(op.name) + 2 + sum(s + 2 for s in operands)
        return call if is_code(node) else math.inf

    def _takes_numbers(self, node: Node, text: str) -> bool:
        """Whether a text has no part and no method of an operand that is a number."""
        numbers = (i for i, n in enumerate(self.read[node]) if n in self.numbers)
        return not any(f"_{i}[" in text or f"_{i}." in text for i in numbers)

    # --- formulas ---------------------------------------------------------------------

    def closed(self) -> Closed | None:
        """Return all formulas, None if they are too few."""
        p, names = self.program, self.unit.names
        pairs = list(zip(p.wrt, p.gradients, strict=True))
        fit = [(f"d_{names.of(v)}", g) for v, g in pairs if self._fits(g)]
        if any(n in self.taken and self.names.get(g.node) != n for n, g in fit):
            return None  # another value has the name
        results = [(self.names.get(t.node, key), t) for key, t in p.results]
        if 2 * len(fit) < len(pairs) or not fit:
            return None
        if not all(self._fits(t) and self._is_told(k, t.node) for k, t in results):
            return None
        rows = self._rows([*fit, *results])
        gradients = self._in_turn([name for name, _ in fit], rows)
        back = {self._name(n) for n in self.derived if n in self.stops}
        named = {self._name(n): self.tensors[n] for n in self.tensors if n in self.bare}
        read = {str(n) for e in rows.values() for n in _names(e)}
        read |= {str(n) for _, e in gradients for n in _names(e)}
        given = {names.of(t) for t in p.leaves}
        found = Closed(
            tuple((n, e) for n, e in rows.items() if n not in back),
            gradients,
            tuple((n, e) for n, e in rows.items() if n in back),
            tuple(f"d_{names.of(v)}" for v, g in pairs if not self._fits(g)),
            tuple((n, t) for n, t in named.items() if n in read and n not in given),
        )
        return found if _are_told_apart(found) else None

    def _in_turn(
        self, wanted: Sequence[str], rows: dict[str, py.Expr]
    ) -> tuple[Row, ...]:
        """Take the wanted rows out, in their order unless one of them reads another."""
        reads = any(n in wanted for name in wanted for n in _names(rows[name]))
        order = [name for name in rows if name in wanted] if reads else wanted
        return tuple((name, rows.pop(name)) for name in order)

    def _fits(self, tensor: Tensor) -> bool:
        return self.sizes[tensor.node] < math.inf

    def _is_told(self, name: str, node: Node) -> bool:
        """Whether a formula says more than that a value is itself."""
        return node not in self.bare or self._name(node) != name

    def _name(self, node: Node) -> str:
        return py.expr_text(self.stops[node])

    def _rows(self, wanted: Sequence[tuple[str, Tensor]]) -> dict[str, py.Expr]:
        """Return the formulas of some values, and of those that they read, in order."""
        by_name = {self._name(n): n for n in self.stops if n not in self.bare}
        place = {t.node: i for i, t in enumerate(self.order)}
        found: dict[str, tuple[int, py.Expr]] = {}
        waiting = [(name, t.node) for name, t in wanted]
        while waiting:
            name, node = waiting.pop()
            if name in found:
                continue
            formula = self._formula(node, name)
            found[name] = place[node], formula
            waiting += [(n, by_name[n]) for n in _names(formula) if n in by_name]
        ordered = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
        return {name: formula for name, (_, formula) in ordered}

    def _formula(self, node: Node, name: str) -> py.Expr:
        """Return the formula of a value over what is named, but for itself."""
        named = self.stops.get(node)
        if named is not None and (named != py.Name(name) or node in self.bare):
            return named
        return plain(text_over(node, self.stops.get))


def _uses(roots: Sequence[Node]) -> tuple[dict[Node, list[Node]], dict[Node, int]]:
    """Return what each formula below the roots reads, and how often each is read."""
    read: dict[Node, list[Node]] = {}
    uses = dict.fromkeys(roots, 0)
    stack = [*roots]
    while stack:
        node = stack.pop()
        if node in read:
            continue
        repeats = node.op.facts.repeats
        read[node] = [node.inputs[0]] if repeats else operands_of(node)
        for n in read[node]:
            uses[n] = uses.get(n, 0) + 1
        stack += read[node]
    return read, uses


def _derived(order: Sequence[Tensor], seeds: Sequence[Node]) -> set[Node]:
    """Return the values of the backward pass."""
    found = set(seeds)
    for t in order:
        if any(i in found for i in t.node.inputs):
            found.add(t.node)
    return found


def _functions(node: Node) -> Sequence[str]:
    """Return the functions that a node's formula calls."""
    text = formula_text(node)
    return _called(text) if text else (node.op.name,)


@lru_cache(maxsize=4096)
def _called(text: str) -> Sequence[str]:
    return tuple(_FUNCTION.findall(text))


def _names(formula: py.Expr) -> Iterable[str]:
    return (n.id for n in py.names_in(formula) if isinstance(n, py.Name))


def _are_told_apart(found: Closed) -> bool:
    """Whether no function that formulas call has the name of a variable."""
    rows: Mapping[str, py.Expr] = dict(
        (*found.values, *found.gradients, *found.cotangents)
    )
    names = {*rows, *(name for name, _ in found.variables)}
    called: set[str] = set()
    waiting = list(rows.values())
    while waiting:
        e = waiting.pop()
        if isinstance(e, py.Call) and isinstance(e.func, py.Name):
            called.add(e.func.id)
            waiting += [*e.args, *(v for _, v in e.kwargs)]
        else:
            names |= {e.id} if isinstance(e, py.Name) else set()
            waiting += py.children(e)
    return not called & names
