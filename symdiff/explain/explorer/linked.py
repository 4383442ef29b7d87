"""What each line of a generated module has to do with.

In: a module's text, and the owners of its nodes. Out: for each line and for each name
in it the values and cotangents that it computes or reads. Invariant: the text is parsed
and never run; a name of generated code belongs to one node, so nothing is guessed from
how a line looks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from symdiff.emit.modules.assembly import gradient_names
from symdiff.explain.explorer.owners import Owners, Part
from symdiff.graph.node import Node

UPDATES = frozenset(["apply_update", "_hyper"])
PRIMALS = ("forward", "_forward", "loss_and_residuals", "forward_with_residuals")
OF_VALUES = frozenset([*PRIMALS, "backward", "metrics"])


@dataclass
class Linked:
    """Items by line, and by (line, column, end) of a name.

    An item is "v3", the value of entry 3; "g3", its cotangent; "r3", an application of
    its rule; or "u", the update of parameters. "V3" and "G3" say that it has no line of
    its own and went into this one.
    """

    lines: dict[int, tuple[str, ...]] = field(default_factory=dict)
    names: dict[tuple[int, int], tuple[int, tuple[str, ...]]] = field(
        default_factory=dict
    )
    statements: dict[int, None] = field(default_factory=dict)  # lines that compute

    def add(self, line: int, items: Iterable[str]) -> None:
        """Add items to a line."""
        known = dict.fromkeys(self.lines.get(line, ()))
        self.lines[line] = tuple(known | dict.fromkeys(items))


def linked(text: str, owners: Owners) -> Linked:
    """Return the links of a module's functions."""
    found = Linked()
    reader = _Reader(owners, found, text.splitlines())
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            reader.record(node)
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name in UPDATES:
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found.add(line, ["u"])
        elif node.name in OF_VALUES:
            reader.function(node)
        reader.keys(node)
    return found


def items_of(part: Part) -> list[str]:
    """Return the items of what a statement computes."""
    found = [f"v{i}" for i in part.values]
    found += [f"g{i}" for i in part.cotangents]
    return found + [f"r{i}" for i in part.rules]


class _Reader:
    def __init__(self, owners: Owners, found: Linked, rows: list[str]) -> None:
        self.owners = owners
        self.found = found
        self.rows = rows
        names = owners.unit.names
        self.nodes: dict[str, Node] = {v: n for n, v in names._by_node.items()}
        self.known: dict[str, tuple[str, ...]] = {}
        for i, entry in enumerate(owners.derivation.entries):
            if entry.role and entry.tensor.node in names._by_node:
                self.known[names._by_node[entry.tensor.node]] = (f"v{i}",)
        self.own = {
            str(e.tensor.name): i
            for i, e in enumerate(owners.derivation.entries)
            if e.role in ("parameter", "state")
        }
        self.fields: dict[str, tuple[str, ...]] = {}
        if not owners.unit.program.is_model:
            place = {e.tensor.node: i for i, e in enumerate(owners.derivation.entries)}
            for name, t in zip(
                gradient_names(owners.unit), owners.unit.program.wrt, strict=True
            ):
                if t.node in place:
                    self.fields[name] = (f"g{place[t.node]}",)

    # --- statements -------------------------------------------------------------------

    def function(self, function: ast.FunctionDef) -> None:
        """Link the statements of a function and the names in them."""
        stored = {
            n.id
            for n in ast.walk(function)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        stored |= {a.arg for a in function.args.args}
        known = [self.nodes[n] for n in stored if n in self.nodes]
        self.at_hand = {*known, *map(self.owners.operand, known)}
        self.waiting: list[ast.stmt] = []
        self.views: dict[str, ast.stmt] = {}  # of what was set last, by name
        self.last: tuple[set[str], list[str]] = (set(), [])
        self.is_back = function.name == "backward"
        self._block(function.body, False)
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                self._name(node.id, node.lineno, node.col_offset)
            elif isinstance(node, ast.arg):
                self._name(node.arg, node.lineno, node.col_offset)

    def _block(self, body: Iterable[ast.stmt], inner: bool) -> None:
        for stmt in body:
            if isinstance(stmt, ast.For | ast.While | ast.If | ast.With):
                self._compound(stmt)
            elif not isinstance(stmt, ast.Return | ast.Raise):
                self._simple(stmt, inner)

    def _compound(self, stmt: ast.For | ast.While | ast.If | ast.With) -> None:
        inner = [*stmt.body, *getattr(stmt, "orelse", [])]
        self._block(inner, True)
        items: dict[str, None] = {}
        last = stmt.end_lineno or stmt.lineno
        for line in range(stmt.lineno, last + 1):
            items |= dict.fromkeys(self.found.lines.get(line, ()))
        if not items:
            self.waiting.append(stmt)
            return
        for line in range(stmt.lineno, inner[0].lineno):
            self.found.add(line, items)

    def _simple(self, stmt: ast.stmt, inner: bool) -> None:
        """Link a statement; ``inner`` says that it stands in a loop or branch."""
        if self._is_given(stmt):
            return
        targets = {n.id for n in _targets(stmt) if isinstance(n, ast.Name)}
        nodes = [self.nodes[name] for name in sorted(targets) if name in self.nodes]
        if not targets:
            return
        if not nodes:  # a value of one operation's own, such as a mask
            self._own(stmt, targets)
            return
        items = self._items(nodes, inner)
        self.last = {n for n in targets if n in self.nodes}, items
        for found in (*self.waiting, stmt) if items else [stmt]:
            for line in range(found.lineno, (found.end_lineno or found.lineno) + 1):
                self.found.add(line, items)
                self.found.statements[line] = None
        self.waiting = []
        self.views = {}

    def _own(self, stmt: ast.stmt, targets: set[str]) -> None:
        """Link a value of one operation's own: with what is set next, as a rule.

        A view of what was set last, written into, belongs to that.
        """
        before, items = self.last
        read = {n.id for n in ast.walk(stmt) if isinstance(n, ast.Name)}
        if read & before:
            self.views.update(dict.fromkeys(targets, stmt))
        view = next((self.views[n] for n in sorted(targets) if n in self.views), None)
        if view is None or view is stmt:
            self.waiting.append(stmt)
            return
        self.waiting = [s for s in self.waiting if s is not view]
        for found in (view, stmt):
            for line in range(found.lineno, (found.end_lineno or found.lineno) + 1):
                self.found.add(line, items)

    def _items(self, nodes: Iterable[Node], inner: bool) -> list[str]:
        found: dict[str, None] = {}
        computed: dict[Node, None] = {}
        for node in nodes:
            loop = self.owners.loop_of(node)
            start = self.owners.operand(node)
            # where a backward loop starts from, that may equal a value by chance
            back = self.is_back and start is not node
            if loop is not None and (inner or back):
                found |= dict.fromkeys(items_of(self.owners.of_loop(loop)))
                if back and not inner:
                    made = items_of(self.owners.part(list(self._inlined(start))))
                    found |= dict.fromkeys(x for x in made if x[0] != "v")
            else:
                computed |= dict.fromkeys(self._inlined(start))
                if loop is not None and not any(items_of(self.owners.part([start]))):
                    found |= dict.fromkeys(items_of(self.owners.of_loop(loop)))
        return list(found | dict.fromkeys(items_of(self.owners.part(list(computed)))))

    def _is_given(self, stmt: ast.stmt) -> bool:
        """Whether a statement unpacks or checks arguments instead of computing."""
        match stmt:
            case ast.Assign(value=ast.Call(func=ast.Name(id=name))):
                return name in ("_check", "_cotangent", "float")
            case ast.Assign(
                value=ast.Name(id="residuals") | ast.Attribute(attr="shape")
            ):
                return True
            case ast.Assign(value=ast.Subscript(value=ast.Name(id="params"))):
                return True
            case ast.Assign(value=ast.Tuple(elts=[ast.Subscript(value=value), *_])):
                return isinstance(value, ast.Name) and value.id == "params"
        return False

    def _inlined(self, node: Node) -> Iterator[Node]:
        """Yield a node and what is written into its statement."""
        seen, stack = {node}, [node]
        while stack:
            current = stack.pop()
            yield current
            if self.owners.loop_of(current) is not None:
                continue
            for i in current.inputs:
                if i not in seen and i not in self.at_hand:
                    seen.add(i)
                    stack.append(i)

    # --- names ------------------------------------------------------------------------

    def _items_of_name(self, name: str) -> tuple[str, ...]:
        if name not in self.known:
            self.known[name] = tuple(self._resolved(name))
        return self.known[name]

    def _resolved(self, name: str) -> list[str]:
        node = self.nodes.get(name)
        if node is None:
            return []
        whole = [f"g{i}" for i in self.owners.cotangent(node)]
        if self.owners.is_derivative(node) or node.op.leaf:
            return whole or items_of(self.owners.part([node]))
        return items_of(self.owners.part([node]))

    def _name(self, name: str, line: int, column: int) -> None:
        items = self._items_of_name(name)
        if items:
            start = _characters(self.rows[line - 1], column)
            self.found.names[line, start] = (start + len(name), items)

    def record(self, node: ast.ClassDef) -> None:
        """Link the fields of a tuple of residuals or of gradients."""
        for stmt in node.body:
            if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name):
                name = stmt.target.id
                items = self.fields.get(name) if node.name == "Gradients" else None
                items = items or self._items_of_name(name)
                if items:
                    start = stmt.target.col_offset
                    self.found.names[stmt.lineno, start] = (start + len(name), items)

    def keys(self, function: ast.FunctionDef) -> None:
        """Link the names of parameters, where they stand as keys."""
        returned = {
            id(key): value
            for node in ast.walk(function)
            if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)
        }
        for node in ast.walk(function):
            if not isinstance(node, ast.Constant) or node.value not in self.own:
                continue
            i = self.own[str(node.value)]
            back = function.name == "backward" and id(node) in returned
            items = (f"{'g' if back else 'v'}{i}",)
            row = self.rows[node.lineno - 1]
            start = _characters(row, node.col_offset)
            end = _characters(row, node.end_col_offset or node.col_offset)
            self.found.names[node.lineno, start] = (end, items)
            if id(node) in returned:
                self.found.add(node.lineno, items)


def _targets(stmt: ast.stmt) -> Iterator[ast.expr]:
    """Yield the names that a statement sets, wholly or in part."""
    waiting: list[ast.expr]
    match stmt:
        case ast.Assign(targets=targets):
            waiting = list(targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            waiting = [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(), args=[target, *_])):
            waiting = [target]  # `np.add.at(a, ...)`
        case _:
            waiting = []
    while waiting:
        current = waiting.pop()
        match current:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                waiting += elements
            case ast.Subscript(value=value) | ast.Starred(value=value):
                waiting.append(value)
            case ast.Call(args=args):  # a view, as in `np.einsum("ii->i", a)[...] = b`
                waiting += [a for a in args if isinstance(a, ast.Name)]
            case _:
                yield current


def _characters(row: str, column: int) -> int:
    """Return a column in characters; the parser counts bytes."""
    return len(row.encode()[:column].decode(errors="replace"))
