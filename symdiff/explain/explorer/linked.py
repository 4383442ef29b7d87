"""The values and cotangents that each line of a generated module belongs to.

In: a module's listing, and the owners of its nodes. Out: for each line and for each
name in it the values and cotangents that it computes or reads. Invariant: a name of
generated code belongs to one node, so nothing is guessed from the text of a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import takewhile

from symdiff.emit.listing import Line, Listing, Place, Region
from symdiff.emit.python import code as py
from symdiff.explain.explorer.owners import Owners, Related
from symdiff.graph.node import Node

UPDATES = frozenset(["apply_update", "_hyper"])
PRIMALS = ("forward", "_forward", "loss_and_residuals", "forward_with_residuals")
OF_VALUES = frozenset([*PRIMALS, "backward", "metrics"])


@dataclass
class Linked:
    """Items by line, and by (line, column) of a name, with the column of its end.

    An item is "v3", the value of entry 3; "g3", its cotangent; "r3", an application of
    its rule; or "u", the update of parameters. "V3" and "G3" are a value and a
    cotangent without a line of their own, which this line contains.
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


def linked(listing: Listing, owners: Owners) -> Linked:
    """Return the links of a module's functions."""
    found = Linked()
    nodes: dict[str, Node] = {}
    for name, region in listing.functions.items():
        if name in UPDATES:
            for row in range(region.first, region.last + 1):
                found.add(row, ["u"])
        elif name in OF_VALUES:  # a field has the name that it has where it is computed
            nodes = {**region.nodes, **nodes}
    reader = _LinkReader(owners, found, listing, nodes)
    for name, fields in listing.records.items():
        reader.record(name, fields)
    for name, region in listing.functions.items():
        if name in OF_VALUES:
            reader.function(region)
        if name not in UPDATES:  # in an update, strings name slots and hyperparameters
            reader.keys(region)
    return found


def items_of(part: Related) -> list[str]:
    """Return the items that a statement computes."""
    found = [f"v{i}" for i in part.values]
    found += [f"g{i}" for i in part.cotangents]
    return found + [f"r{i}" for i in part.rules]


class _LinkReader:
    def __init__(
        self,
        owners: Owners,
        found: Linked,
        listing: Listing,
        nodes: Mapping[str, Node],
    ) -> None:
        self.owners = owners
        self.found = found
        self.listing = listing
        self.nodes = nodes
        entries = owners.derivation.entries
        self.place = {e.tensor.node: i for i, e in enumerate(entries)}
        self.declared = {e.tensor.node for e in entries if e.role}
        self._read_names(nodes)
        self.own = {
            py.expr_text(py.Lit(str(e.tensor.name))): i
            for i, e in enumerate(entries)
            if e.role in ("parameter", "state")
        }
        self.gradients = [
            (f"g{self.place[t.node]}",) if t.node in self.place else ()
            for t in owners.program.wrt
        ]

    def _read_names(self, nodes: Mapping[str, Node]) -> None:
        """Take the values of the names in what is read next."""
        self.nodes = nodes
        self.known: dict[str, tuple[str, ...]] = {
            name: (f"v{self.place[node]}",)
            for name, node in nodes.items()
            if node in self.declared
        }

    # --- statements -------------------------------------------------------------------

    def function(self, region: Region) -> None:
        """Link the lines of a function and the names in them."""
        self._read_names(region.nodes)
        stored = {p.text for p in region.parameters}
        stored.update(name for line in region.lines for name in line.targets)
        known = [self.nodes[n] for n in stored if n in self.nodes]
        self.at_hand = {*known, *map(self.owners.operand, known)}
        self.waiting: list[Line] = []
        self.views: dict[str, Line] = {}  # of what was set last, by name
        self.last: tuple[set[str], list[str]] = (set(), [])
        self.is_back = region.name == "backward"
        self._block(region.lines, 0)
        for place in region.parameters:
            self._name(place)
        for line in region.lines:
            for place in self.listing.names(line):
                self._name(place)

    def _block(self, lines: Sequence[Line], depth: int) -> None:
        """Link the lines of a depth, and the deeper ones inside them."""
        for i, line in enumerate(lines):
            if line.depth != depth:
                continue
            if line.is_compound:
                inside = takewhile(lambda x: x.depth > depth, lines[i + 1 :])
                self._compound(line, list(inside))
            else:
                self._simple(line)

    def _compound(self, line: Line, inside: Sequence[Line]) -> None:
        self._block(inside, line.depth + 1)
        items: dict[str, None] = {}
        for row in range(line.first, line.last + 1):
            items |= dict.fromkeys(self.found.lines.get(row, ()))
        if not items:
            self.waiting.append(line)
            return
        for row in range(line.first, inside[0].first):
            self.found.add(row, items)

    def _simple(self, line: Line) -> None:
        targets = _set_by(line)
        if isinstance(line.stmt, py.ExprStmt) and not targets and line.tensors:
            for row in range(line.first, line.last + 1):  # it fills the last result
                self.found.add(row, self.last[1])
        if not targets or not line.tensors:
            return  # it unpacks or checks arguments, and computes nothing
        nodes = [self.nodes[name] for name in sorted(targets) if name in self.nodes]
        if not nodes:  # an intermediate value within one operation, such as a mask
            self._own(line, targets)
            return
        items = self._items(nodes, line.depth > 0)
        self.last = {n for n in targets if n in self.nodes}, items
        for found in (*self.waiting, line) if items else [line]:
            for row in range(found.first, found.last + 1):
                self.found.add(row, items)
                self.found.statements[row] = None
        self.waiting = []
        self.views = {}

    def _own(self, line: Line, targets: Set[str]) -> None:
        """Link an intermediate value of one operation, in general with the next result.

        A view of the last result, and writes into that view, belong to the last result.
        """
        before, items = self.last
        if any(place.text in before for place in self.listing.names(line)):
            self.views.update(dict.fromkeys(targets, line))
        view = next((self.views[n] for n in sorted(targets) if n in self.views), None)
        if view is None or view is line:
            self.waiting.append(line)
            return
        self.waiting = [s for s in self.waiting if s is not view]
        for found in (view, line):
            for row in range(found.first, found.last + 1):
                self.found.add(row, items)

    def _items(self, nodes: Iterable[Node], inner: bool) -> list[str]:
        found: dict[str, None] = {}
        computed: dict[Node, None] = {}
        for node in nodes:
            loop = self.owners.loop_of(node)
            start = self.owners.operand(node)
            # the start of a carry of a backward loop may be equal to a value by chance
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

    def _inlined(self, node: Node) -> Iterator[Node]:
        """Yield a node and the nodes that are inlined into its statement."""
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

    def _name(self, place: Place) -> None:
        items = self._items_of_name(place.text)
        if items:
            self._say(place, items)

    def _say(self, place: Place, items: tuple[str, ...]) -> None:
        end = place.column + len(place.text)
        self.found.names[place.row, place.column] = (end, items)

    def record(self, name: str, fields: Sequence[Place]) -> None:
        """Link the fields of a tuple of residuals or of gradients."""
        own = self.gradients if name == "Gradients" else [()] * len(fields)
        for place, gradient in zip(fields, own, strict=True):
            if items := gradient or self._items_of_name(place.text):
                self._say(place, items)

    def keys(self, region: Region) -> None:
        """Link the names of parameters in strings, such as keys of dicts."""
        for line in region.lines:
            for place, is_key in self.listing.strings(line):
                i = self.own.get(place.text)
                if i is None:
                    continue
                items = (f"{'g' if is_key and region.name == 'backward' else 'v'}{i}",)
                self._say(place, items)
                if is_key:
                    self.found.add(place.row, items)


def _set_by(line: Line) -> Set[str]:
    """Return the names that a line sets; of an append, the name of the item."""
    match line.stmt:
        case py.ExprStmt(py.Call(py.Attr(_, "append"), (py.Name(kept),))):
            return {kept}
    return set(line.targets)
